"""The pilot driver on files: levels, order of PWM writes, what a dead process leaves behind."""

import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.contracts import DeviceError, PilotMode, PilotOutput, PilotSample
from hal.drivers.sysfs_pwm_pilot import Driver
from hal.linux.pwm import Pwm, find_chip
from hal.linux.sysfs import Attribute
from hil.linux_board import LinuxBoard

X1 = PilotOutput(PilotMode.X1)


def driver(**other: object) -> Driver:
    keys: dict[str, object] = {
        "pwm_device": "20fc000.pwm",
        "adc_device": "2198000.adc",
        "high_channel": "voltage2",
        "low_channel": "voltage3",
        "enable_line": "CP_INVERT",
        "high_reset_line": "CP_POSITIVE_PEAK_RST",
        "low_reset_line": "CP_NEGATIVE_PEAK_RST",
        "reset_s": 0.0,
        "settle_s": 0.0,
        "gain": 4561 / 476,
        "offset_mv": -16_013.0,
    }
    return Driver(**(keys | other))  # type: ignore[arg-type]


@pytest.fixture
def pilot(world: LinuxBoard) -> Iterator[Driver]:
    part = driver()
    part.attach(world.place())
    yield part
    part.detach()


def test_attach_shows_x1(world: LinuxBoard, pilot: Driver) -> None:
    assert (world.pwm("period"), world.pwm("duty_cycle"), world.pwm("enable")) == (1_000_000, 1_000_000, 1)
    assert world.line("CP_INVERT")


@pytest.mark.parametrize(
    ("percent", "ns"), [(5.0, 50_000), (10.0, 100_000), (26.67, 266_700), (53.33, 533_300), (96.0, 960_000)]
)
def test_duty_is_written_in_ns(world: LinuxBoard, pilot: Driver, percent: float, ns: int) -> None:
    pilot.drive(PilotOutput(PilotMode.DUTY, percent))
    assert world.pwm("duty_cycle") == ns


def test_f_is_a_duty_of_zero_with_the_output_on(world: LinuxBoard, pilot: Driver) -> None:
    pilot.drive(PilotOutput(PilotMode.F))
    assert world.pwm("duty_cycle") == 0
    assert world.line("CP_INVERT")


def test_e_becomes_f_where_the_level_of_the_disabled_output_is_not_known(world: LinuxBoard, pilot: Driver) -> None:
    pilot.drive(PilotOutput(PilotMode.E))
    assert world.pwm("duty_cycle") == 0
    assert world.line("CP_INVERT")


def test_e_switches_the_output_off_where_that_is_0_v_and_x1_brings_it_back(world: LinuxBoard) -> None:
    part = driver(disabled_shows="e")
    part.attach(world.place())
    part.drive(PilotOutput(PilotMode.E))
    assert not world.line("CP_INVERT")
    assert world.duty_percent == 100  # left +12 V by one edge
    part.drive(PilotOutput(PilotMode.DUTY, 16.0))
    assert world.line("CP_INVERT")
    assert world.duty_percent == 16
    part.detach()


@pytest.mark.parametrize("percent", [0.0, 100.0, -5.0, 101.0])
def test_a_duty_is_between_0_and_100(pilot: Driver, percent: float) -> None:
    with pytest.raises(DeviceError, match="no duty"):
        pilot.drive(PilotOutput(PilotMode.DUTY, percent))


@pytest.mark.parametrize(("car", "mv"), [("A", 12_000), ("B", 9_000), ("C", 6_000), ("D", 3_000)])
def test_both_half_waves_within_one_count_of_the_line(world: LinuxBoard, pilot: Driver, car: str, mv: int) -> None:
    world.car = car
    pilot.drive(PilotOutput(PilotMode.DUTY, 16.0))
    world.step()
    sample = pilot.read()
    assert abs(sample.high_mv - mv) <= 8  # one count of the converter is 7.7 mV
    assert abs(sample.low_mv + 12_000) <= 8


def test_known_counts_give_known_millivolts(world: LinuxBoard, pilot: Driver) -> None:
    """Worked by hand: 2800 counts = 2256.41 mV at the pin; · 9.581933 - 16013 = 5607.8 mV."""
    world.set_raw("voltage2", 2800)
    world.set_raw("voltage3", 0)
    assert pilot.read() == PilotSample(5608, -16013)


def test_detectors_are_emptied_before_each_reading_and_free_afterwards(world: LinuxBoard) -> None:
    levels: list[bool] = []
    part = driver(reset_s=0.003)
    part.attach(world.place())
    reader = threading.Thread(target=part.read)
    reader.start()
    while reader.is_alive():
        levels.append(world.line("CP_POSITIVE_PEAK_RST") and world.line("CP_NEGATIVE_PEAK_RST"))
    reader.join()
    assert True in levels
    assert not world.line("CP_POSITIVE_PEAK_RST")
    assert not world.line("CP_NEGATIVE_PEAK_RST")
    part.detach()


@pytest.mark.parametrize("text", ["", "x\n", "-1\n", "4096\n"])
def test_a_converter_that_talks_nonsense_is_a_device_error(world: LinuxBoard, pilot: Driver, text: str) -> None:
    (world.sysfs / "bus/iio/devices/iio:device1/in_voltage2_raw").write_text(text)
    with pytest.raises(DeviceError, match="in_voltage2_raw"):
        pilot.read()


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("pwm_device", "1.pwm", "20fc000.pwm"),
        ("adc_device", "1.adc", "2198000.adc"),
        ("high_channel", "voltage9", "in_voltage9_raw"),
        ("enable_line", "CP_INVRT", "CP_INVRT"),
    ],
)
def test_missing_hardware_is_named_with_what_there_is_and_nothing_stays_taken(
    world: LinuxBoard, key: str, value: str, names: str
) -> None:
    with pytest.raises(DeviceError, match=names.replace(".", r"\.")):
        driver(**{key: value}).attach(world.place())
    again = driver()
    again.attach(world.place())
    again.detach()


def test_detach_leaves_x1_and_frees_the_lines(world: LinuxBoard, pilot: Driver) -> None:
    pilot.drive(PilotOutput(PilotMode.DUTY, 16.0))
    pilot.detach()
    assert world.duty_percent == 100
    with pytest.raises(DeviceError, match="not attached"):
        pilot.read()


def test_disabled_shows_needs_a_line() -> None:
    with pytest.raises(ValueError, match="enable_line"):
        driver(enable_line="", disabled_shows="e")


# --- the PWM beneath it


class Recorded(Attribute):
    """An attribute that refuses what the kernel would: a duty above the period."""

    limit: "Recorded | None" = None
    floor: "Recorded | None" = None

    def write(self, value: str | int) -> None:
        if self.limit is not None and int(value) > self.limit.read_int():
            raise DeviceError("EINVAL: duty above period")
        if self.floor is not None and int(value) < self.floor.read_int():
            raise DeviceError("EINVAL: period below duty")
        super().write(value)


def test_duty_never_exceeds_period_in_any_order_of_change(world: LinuxBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hal.linux.pwm.Attribute", Recorded)
    pwm = Pwm(world.sysfs, "20fc000.pwm", 0)
    pwm._duty.limit, pwm._period.floor = pwm._period, pwm._duty  # type: ignore[attr-defined]
    for period, duty in [
        (1_000_000, 1_000_000),
        (40_000, 20_000),
        (40_000, 40_000),
        (1_000_000, 50_000),
        (10, 0),
        (10, 10),
    ]:
        pwm.set(period, duty)
        assert (world.pwm("period"), world.pwm("duty_cycle")) == (period, duty)
    with pytest.raises(ValueError, match="duty of 11"):
        pwm.set(10, 11)
    pwm.close()


def test_an_unexported_channel_is_exported(world: LinuxBoard) -> None:
    chip = find_chip(world.sysfs, "20f8000.pwm")
    os.rename(chip / "pwm0", chip / "later")
    udev = threading.Timer(0.05, os.rename, (chip / "later", chip / "pwm0"))
    udev.start()
    Pwm(world.sysfs, "20f8000.pwm", 0).close()
    udev.join()
    assert (chip / "export").read_text() == "0\n"


def test_an_inverted_output_is_switched_off_and_put_right(world: LinuxBoard) -> None:
    channel = find_chip(world.sysfs, "20fc000.pwm") / "pwm0"
    (channel / "polarity").write_text("inversed\n")
    (channel / "enable").write_text("1\n")
    pwm = Pwm(world.sysfs, "20fc000.pwm", 0)
    assert (channel / "polarity").read_text().split("\n")[0] == "normal"
    assert not pwm.enabled
    pwm.close()


def test_a_fresh_export_may_be_forbidden_for_a_moment() -> None:
    """As an ordinary user, like the service: until udev has handed the attributes to our group, EACCES."""
    user = 65_534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user, -1)
        path = Path(folder) / "period"
        path.write_text("7\n")
        path.chmod(0)
        os.chown(path, user, -1)
        os.seteuid(user)
        try:
            with pytest.raises(DeviceError, match="Permission denied"):
                Attribute(path, writable=True)
            udev = threading.Timer(0.05, path.chmod, (stat.S_IRUSR | stat.S_IWUSR,))
            udev.start()
            attribute = Attribute(path, writable=True, patience_s=5.0)
            udev.join()
            assert attribute.read_int() == 7
            attribute.close()
        finally:
            os.seteuid(os.getuid())
