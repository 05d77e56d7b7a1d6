"""Files of the kernel that say nonsense, nothing, or are gone: each driver that reads one says so with its path, and
goes on when it is over. None of them ever gives a value of before.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hal.contracts import DeviceError, Plug
from hal.drivers import gpio_contactor, gpio_input, gpio_phase_switch, gpio_rcm, iio_proximity, sysfs_thermometer
from hil.linux_board import LinuxBoard

Reading = Callable[[], Any]


def thermal_zone(world: LinuxBoard) -> tuple[Any, Path, Reading]:
    part = sysfs_thermometer.Driver("thermal", "imx_thermal_zone")
    return part, world.sysfs / "class/thermal/thermal_zone0/temp", part.read


def one_wire(world: LinuxBoard) -> tuple[Any, Path, Reading]:
    folder = world.sysfs / "bus/w1/devices/28-0316a2794e5f"
    folder.mkdir(parents=True)
    (folder / "temperature").write_text("21500\n")
    part = sysfs_thermometer.Driver("w1", "28-*")
    return part, folder / "temperature", part.read


def proximity(world: LinuxBoard) -> tuple[Any, Path, Reading]:
    thresholds = {"none": 2459.0, "a13": 1813.0, "a20": 1170.0, "a32": 891.0, "a63": 751.0}
    keys: dict[str, Any] = {f"{name}_from_mv": value for name, value in thresholds.items()}
    part = iio_proximity.Driver("2198000.adc", "voltage5", **keys)
    world.set_millivolts("voltage5", 1000.0)
    return part, world.sysfs / "bus/iio/devices/iio:device1/in_voltage5_raw", part.read


SENSORS = {"thermal zone": thermal_zone, "1-Wire": one_wire, "proximity": proximity}
NONSENSE = {
    "silence": "",
    "garbage": "x\x00\xff\n",
    "NaN": "nan\n",
    "infinite": "inf\n",
    "out of range, high": "99999999\n",
    "out of range, low": "-300000\n",
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("sensor", SENSORS)
def test_nonsense_is_a_fault_at_once_and_is_over_when_it_is_over(world: LinuxBoard, sensor: str, said: str) -> None:
    part, path, read = SENSORS[sensor](world)
    part.attach(world.place())
    before, good = read(), path.read_text()
    path.write_text(said, encoding="latin-1")
    with pytest.raises(DeviceError, match=path.name):
        read()
    path.write_text(good)
    assert read() == before
    part.detach()


@pytest.mark.parametrize("sensor", ["thermal zone", "1-Wire"])
def test_a_sensor_that_is_unplugged_is_a_fault_and_comes_back(world: LinuxBoard, sensor: str) -> None:
    part, path, read = SENSORS[sensor](world)
    part.attach(world.place())
    before = read()
    path.unlink()
    with pytest.raises(DeviceError, match="No such file"):
        read()
    path.write_text("30000\n")  # another file of the same name
    assert read() == 30.0 != before


def test_a_cable_without_a_rating_is_told_and_not_guessed(world: LinuxBoard) -> None:
    part, _, read = proximity(world)
    part.attach(world.place())
    world.set_millivolts("voltage5", 10.0)
    assert read() is Plug.INVALID


# --- lines of a GPIO chip -------------------------------------------------------------------------------------------

LINES: dict[str, tuple[Callable[[], Any], str]] = {
    "gpio_contactor": (lambda: gpio_contactor.Driver(("RELAY_1_ENABLE",), ("RELAY_1_SENSE",), "no"), "closed"),
    "gpio_input": (lambda: gpio_input.Driver("RELAY_1_SENSE"), "active"),
    "gpio_rcm": (lambda: gpio_rcm.Driver("RELAY_1_SENSE"), "tripped"),
    "gpio_phase_switch": (
        lambda: gpio_phase_switch.Driver("RELAY_1_ENABLE", "RELAY_1_SENSE", "no"), "phases"
    ),
}  # fmt: skip


@pytest.mark.parametrize("level", ["", "x", "\xff"])
@pytest.mark.parametrize("name", LINES)
def test_a_line_without_a_level_is_a_fault_and_never_a_state(world: LinuxBoard, name: str, level: str) -> None:
    make, method = LINES[name]
    (line,) = world.dev.glob("gpiochip*/RELAY_1_SENSE")
    part = make()
    part.attach(world.place())
    good, before = line.read_text(), getattr(part, method)()
    line.write_text(level, encoding="latin-1")
    with pytest.raises(DeviceError, match="RELAY_1_SENSE"):
        getattr(part, method)()
    line.write_text(good)
    assert getattr(part, method)() == before
    part.detach()
