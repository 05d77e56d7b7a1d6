"""What is connected to this machine, by the names a board file uses. Reads names only: nothing is driven or sent."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hal.contracts import DeviceError
from hal.linux.sysfs import read_once

_NAME = 200  # characters shown of what hardware says of itself


class Found(NamedTuple):
    """One thing: what it is, its stable name for the board file, and where that goes."""

    kind: str
    name: str
    key: str
    detail: str = ""


def probe(sysfs: Path, dev: Path) -> list[Found]:
    """Everything that can be found."""
    lookers = (_serial, _gpio, _pwm, _iio, _i2c, _input, _thermal, _w1, _watchdog, _network)
    return [found for look in lookers for found in look(sysfs, dev)]


def _said(path: Path) -> str:
    try:
        return read_once(path)[:_NAME]
    except DeviceError:
        return ""


def _serial(sysfs: Path, dev: Path) -> Iterator[Found]:
    stable = {link.resolve(): link for link in sorted((dev / "serial/by-id").glob("*"))}
    for port in sorted(dev.glob("tty[AUSmO]*")):
        if not any(port.name.startswith(kind) for kind in ("ttyUSB", "ttyACM", "ttyAMA", "ttymxc", "ttyO", "ttyS")):
            continue
        if port.name.startswith("ttyS") and not (sysfs / "class/tty" / port.name / "device").exists():
            continue
        best = stable.get(port.resolve(), port)
        yield Found("serial port", str(best), "port", "" if best == port else str(port))


def _gpio(sysfs: Path, dev: Path) -> Iterator[Found]:
    for chip in sorted(dev.glob("gpiochip*")):
        if chip.is_dir():
            names: list[str] = sorted(line.name for line in chip.iterdir() if not line.suffix)
        else:
            names = []
            with suppress(ImportError, OSError):
                from hal.linux.gpio import CharacterChip  # noqa: PLC0415

                names = sorted(CharacterChip(chip).names)
        if not names:
            yield Found("GPIO chip", chip.name, "", "none of its lines has a name: name them in the device tree")
        for name in names:
            yield Found("GPIO line", name, "line", chip.name)


def _pwm(sysfs: Path, dev: Path) -> Iterator[Found]:
    for chip in sorted((sysfs / "class/pwm").glob("pwmchip*")):
        with suppress(OSError):
            yield Found("PWM", (chip / "device").readlink().name, "pwm_device", f"{_said(chip / 'npwm')} channel(s)")


def _iio(sysfs: Path, dev: Path) -> Iterator[Found]:
    for device in sorted((sysfs / "bus/iio/devices").glob("iio:device*")):
        channels = sorted(path.name[3:-4] for path in device.glob("in_voltage*_raw"))
        yield Found("converter", _said(device / "name"), "adc_device", ", ".join(channels))


def _i2c(sysfs: Path, dev: Path) -> Iterator[Found]:
    for bus in sorted(dev.glob("i2c-*")):
        number = bus.name.removeprefix("i2c-")
        yield Found("I2C bus", number, "i2c", _said(sysfs / "bus/i2c/devices" / bus.name / "name"))


def _input(sysfs: Path, dev: Path) -> Iterator[Found]:
    for event in sorted((sysfs / "class/input").glob("event*")):
        yield Found("input device", _said(event / "device/name"), "name", f"hid_reader, {event.name}")


def _thermal(sysfs: Path, dev: Path) -> Iterator[Found]:
    for zone in sorted((sysfs / "class/thermal").glob("thermal_zone*")):
        yield Found("thermal zone", _said(zone / "type"), "name", f'source = "thermal", {_said(zone / "temp")} m°C')


def _w1(sysfs: Path, dev: Path) -> Iterator[Found]:
    for sensor in sorted((sysfs / "bus/w1/devices").glob("[0-9a-f][0-9a-f]-*")):
        yield Found("1-Wire sensor", sensor.name, "name", 'source = "w1"')


def _watchdog(sysfs: Path, dev: Path) -> Iterator[Found]:
    for device in sorted(dev.glob("watchdog[0-9]*")):
        yield Found("watchdog", device.name, "device", _said(sysfs / "class/watchdog" / device.name / "identity"))


def _network(sysfs: Path, dev: Path) -> Iterator[Found]:
    for interface in sorted((sysfs / "class/net").glob("*")):
        kind = _said(interface / "type")
        if kind == "280":  # ARPHRD_CAN
            yield Found("CAN interface", interface.name, "channel", _said(interface / "operstate"))
        elif kind == "1":
            yield Found("network interface", interface.name, "interface", _said(interface / "address"))
