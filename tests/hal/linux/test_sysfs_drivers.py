"""Drivers of converters and other sysfs attributes: proximity, plug lock, thermometer, watchdog."""

import threading
import time

import pytest

from hal.contracts import DeviceError, LockState, Plug
from hal.drivers import drv887x_lock, iio_proximity, linux_watchdog, sysfs_thermometer
from hil.linux_board import LinuxBoard

# --- proximity


def proximity(**other: float) -> iio_proximity.Driver:
    return iio_proximity.Driver(
        **{  # type: ignore[arg-type]
            "adc_device": "2198000.adc",
            "channel": "voltage5",
            "none_from_mv": 2459.0,
            "a13_from_mv": 1813.0,
            "a20_from_mv": 1170.0,
            "a32_from_mv": 891.0,
            "a63_from_mv": 751.0,
            **other,
        }
    )


@pytest.mark.parametrize(
    ("mv", "plug"),
    [
        (3299, Plug.NONE),
        (2460, Plug.NONE),
        (2457, Plug.A13),
        (1814, Plug.A13),
        (1812, Plug.A20),
        (1171, Plug.A20),
        (1169, Plug.A32),
        (892, Plug.A32),
        (890, Plug.A63),
        (752, Plug.A63),
        (750, Plug.INVALID),
        (0, Plug.INVALID),
    ],
)
def test_cable_rating_at_each_threshold(world: LinuxBoard, mv: float, plug: Plug) -> None:
    part = proximity()
    part.attach(world.place())
    world.set_millivolts("voltage5", mv)
    assert part.read() is plug


def test_thresholds_must_fall() -> None:
    with pytest.raises(ValueError, match="must fall"):
        proximity(a20_from_mv=1900.0)


# --- plug lock


def lock(**other: object) -> drv887x_lock.Driver:
    keys: dict[str, object] = {
        "in1_line": "MOTOR_1_DRIVER_IN1_N",
        "in1_active_low": True,
        "in2_line": "MOTOR_1_DRIVER_IN2",
        "fault_line": "MOTOR_1_FAULT_N",
        "adc_device": "2198000.adc",
        "sense_channel": "voltage0",
        "locked_mv": (0.0, 700.0),
        "unlocked_mv": (2900.0, 3300.0),
        "capacitor_channel": "voltage4",
        "capacitor_gain": 90 / 22,
        "pulse_s": 0.03,
        "pause_s": 0.0,
        "settle_s": 0.0,
        "capacitor_wait_s": 0.0,
    }
    return drv887x_lock.Driver(**(keys | other))  # type: ignore[arg-type]


def bridge(world: LinuxBoard) -> tuple[bool, bool]:
    """(IN1, IN2) as the bridge sees them."""
    return not world.line("MOTOR_1_DRIVER_IN1_N"), world.line("MOTOR_1_DRIVER_IN2")


def test_attach_moves_no_bolt(world: LinuxBoard) -> None:
    world.bolt_locked = True
    world.step()
    part = lock()
    part.attach(world.place())
    world.step()
    assert part.state() is LockState.LOCKED
    assert bridge(world) == (False, False)


def test_lock_and_unlock_by_the_sense_input_with_the_bridge_asleep_after(running_world: LinuxBoard) -> None:
    part = lock()
    part.attach(running_world.place())
    part.lock()
    assert part.state() is LockState.LOCKED
    assert bridge(running_world) == (False, False)
    part.unlock()
    assert part.state() is LockState.UNLOCKED
    assert bridge(running_world) == (False, False)


def test_no_lock_with_empty_capacitors_but_unlock_always(running_world: LinuxBoard) -> None:
    part = lock()
    part.attach(running_world.place())
    part.lock()
    running_world.capacitor_mv = 9_900.0
    part_unlocked = part.unlock
    part_unlocked()
    assert part.state() is LockState.UNLOCKED
    with pytest.raises(DeviceError, match="10000 mV wanted"):
        part.lock()
    assert part.state() is LockState.UNLOCKED


def test_capacitors_may_take_their_time(running_world: LinuxBoard) -> None:
    running_world.capacitor_mv = 3_000.0
    part = lock(capacitor_wait_s=20.0)
    part.attach(running_world.place())

    def charge() -> None:
        running_world.capacitor_mv = 12_000.0

    charger = threading.Timer(0.05, charge)
    charger.start()
    part.lock()
    charger.join()
    assert part.state() is LockState.LOCKED


def test_a_bolt_that_does_not_come_is_an_error_after_all_attempts(running_world: LinuxBoard) -> None:
    running_world.bolt_stuck = True
    running_world.set_line("MOTOR_1_FAULT_N", False)
    part = lock(attempts=3)
    part.attach(running_world.place())
    began = time.monotonic()
    with pytest.raises(DeviceError, match=r"not locked after 3 pulses \(sense 3\d\d\d mV\); the motor bridge reports"):
        part.lock()
    assert time.monotonic() - began >= 3 * 0.03
    assert bridge(running_world) == (False, False)


def test_between_the_windows_nobody_knows(world: LinuxBoard) -> None:
    part = lock()
    part.attach(world.place())
    world.set_millivolts("voltage0", 1_500)
    assert part.state() is LockState.UNKNOWN


@pytest.mark.parametrize("windows", [((0.0, 2950.0), (2900.0, 3300.0)), ((700.0, 0.0), (2900.0, 3300.0))])
def test_windows_may_not_touch(windows: tuple[tuple[float, float], tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="two windows"):
        lock(locked_mv=windows[0], unlocked_mv=windows[1])


# --- thermometer


def test_thermal_zone_by_its_type(world: LinuxBoard) -> None:
    part = sysfs_thermometer.Driver("thermal", "imx_thermal_zone")
    part.attach(world.place())
    assert part.read() == 41.25


def test_one_wire_sensor_and_its_power_on_value(world: LinuxBoard) -> None:
    sensor = world.sysfs / "bus/w1/devices/28-0316a2794e5f"
    sensor.mkdir(parents=True)
    (sensor / "temperature").write_text("-7125\n")
    part = sysfs_thermometer.Driver("w1", "28-*")
    part.attach(world.place())
    assert part.read() == -7.125
    (sensor / "temperature").write_text("85000\n")
    with pytest.raises(DeviceError, match="power-on value"):
        part.read()


def test_two_sensors_need_a_name(world: LinuxBoard) -> None:
    for name in ("28-01", "28-02"):
        folder = world.sysfs / "bus/w1/devices" / name
        folder.mkdir(parents=True)
        (folder / "temperature").write_text("20000\n")
    with pytest.raises(DeviceError, match="2 of that name"):
        sysfs_thermometer.Driver("w1", "28-*").attach(world.place())


# --- watchdog (a file has no ioctl, like a timer with one fixed time: sysfs tells it)


def test_feeding_writes_and_only_detach_disarms(world: LinuxBoard) -> None:
    device = world.dev / "watchdog0"
    part = linux_watchdog.Driver()
    part.attach(world.place("watchdog", 0))
    part.feed()
    assert device.read_bytes() == b"\0"
    part.feed()  # within 100 ms: not again
    assert device.read_bytes() == b"\0"
    part.detach()
    assert device.read_bytes() == b"\0V"


def test_a_watchdog_too_slow_is_refused_and_disarmed(world: LinuxBoard) -> None:
    (world.sysfs / "class/watchdog/watchdog0/timeout").write_text("60\n")
    with pytest.raises(DeviceError, match="fires after 60 s, 1 s wanted"):
        linux_watchdog.Driver().attach(world.place("watchdog", 0))
    assert (world.dev / "watchdog0").read_bytes() == b"V"


def test_a_missing_watchdog_is_named(world: LinuxBoard) -> None:
    with pytest.raises(DeviceError, match="watchdog7: No such file"):
        linux_watchdog.Driver("watchdog7").attach(world.place("watchdog", 0))
