"""The pulse that keeps a relay closed, the line sampled without peak detectors, the test wave, colours and buzzer."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.contracts import DeviceError, Light, PilotSample, Place
from hal.drivers import gpio_phase_switch, gpio_rcm, led_rgb, sysfs_pwm_watchdog
from hal.drivers.sysfs_pwm_pilot import Driver as Pilot
from hal.drivers.sysfs_pwm_pilot import _half_waves
from hil.linux_board import LinuxBoard


def until(condition: Callable[[], bool], within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


# --- pulse ----------------------------------------------------------------------------------------------------------


def test_the_pulse_runs_while_fed_and_ends_by_itself(world: LinuxBoard) -> None:
    driver = sysfs_pwm_watchdog.Driver("20f8000.pwm")

    def on() -> bool:
        return world.pwm("enable", "20f8000.pwm") == 1

    driver.attach(world.place("watchdog"))
    assert not on()
    driver.feed()
    assert on()
    assert world.pwm("period", "20f8000.pwm") == 500_000
    until(lambda: not on())  # starved
    driver.feed()
    assert on()
    driver.detach()
    assert not on()
    with pytest.raises(DeviceError):
        driver.feed()


# --- pilot without peak detectors -----------------------------------------------------------------------------------


def test_one_odd_conversion_is_no_level() -> None:
    seen = [6000.0] * 5 + [-12_000.0] * 30 + [13_500.0, -14_000.0]
    assert _half_waves(seen) == PilotSample(6000, -12_000)


def test_a_sampled_line_gives_both_half_waves(world: LinuxBoard) -> None:
    keys = {"gain": 4561 / 476, "offset_mv": -16_013.0}
    driver = Pilot("20fc000.pwm", "2198000.adc", "voltage2", "voltage2", samples=30, **keys)  # type: ignore[arg-type]
    driver.attach(world.place("pilot"))
    stop = threading.Event()

    def line() -> None:
        high = True
        while not stop.is_set():
            world.set_millivolts("voltage2", 9000 if high else -12_000, gain=4561 / 476, offset=-16_013)
            high = not high

    thread = threading.Thread(target=line)
    thread.start()
    try:
        until(lambda: abs(driver.read().high_mv - 9000) < 10 and abs(driver.read().low_mv + 12_000) < 10)
    finally:
        stop.set()
        thread.join()
        driver.detach()


@pytest.mark.parametrize(("low", "samples"), [("voltage2", 1), ("voltage2", 10), ("voltage3", 40)])
def test_too_few_samples_are_refused(low: str, samples: int) -> None:
    with pytest.raises(ValueError, match="samples"):
        Pilot("20fc000.pwm", "2198000.adc", "voltage2", low, samples=samples)


# --- residual current test wave, phase contactor --------------------------------------------------------------------


def test_the_test_current_swings_until_it_is_taken_away(world: LinuxBoard) -> None:
    driver = gpio_rcm.Driver("DIGITAL_IN_2", test_line="DIGITAL_OUT_4", test_hz=50.0)
    driver.attach(world.place("rcd"))
    driver.test(True)
    until(lambda: world.line("DIGITAL_OUT_4"))
    until(lambda: not world.line("DIGITAL_OUT_4"))
    until(lambda: world.line("DIGITAL_OUT_4"))
    driver.test(False)
    until(lambda: not world.line("DIGITAL_OUT_4"))
    driver.detach()


def test_what_swings_the_test_current_is_gone_when_the_driver_is(world: LinuxBoard) -> None:
    driver = gpio_rcm.Driver("DIGITAL_IN_2", test_line="DIGITAL_OUT_4", test_hz=0.5)  # asleep in its wave
    driver.attach(world.place("rcd"))
    driver.test(True)
    until(lambda: world.line("DIGITAL_OUT_4"))
    assert "rcm test" in {thread.name for thread in threading.enumerate()}
    driver.detach()
    assert "rcm test" not in {thread.name for thread in threading.enumerate()}
    assert not world.line("DIGITAL_OUT_4")


def test_the_phase_contactor_starts_with_one_phase_and_tells_its_place(world: LinuxBoard) -> None:
    driver = gpio_phase_switch.Driver("RELAY_2_ENABLE", "RELAY_2_SENSE", "no")
    world.set_line("RELAY_2_ENABLE", True)
    driver.attach(world.place("phase_switch"))
    assert not world.line("RELAY_2_ENABLE")
    driver.set(3)
    assert world.line("RELAY_2_ENABLE")
    assert driver.phases() == 1  # not there yet
    world.set_line("RELAY_2_SENSE", True)
    assert driver.phases() == 3
    driver.detach()
    assert world.line("RELAY_2_ENABLE")  # the main contactor may still carry current
    with pytest.raises(DeviceError):
        driver.phases()


# --- colours and buzzer ---------------------------------------------------------------------------------------------


def brightness(root: Path, name: str) -> int:
    return int((root / "class/leds" / name / "brightness").read_text().split("\n")[0])


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    for name in ("red", "green", "blue", "beep"):
        folder = tmp_path / "class/leds" / name
        folder.mkdir(parents=True)
        (folder / "max_brightness").write_text("255\n")
        (folder / "brightness").write_text("0\n")
    return tmp_path


def test_each_light_has_a_colour_of_its_own(leds: Path) -> None:
    driver = led_rgb.Driver(red="red", green="green", blue="blue", percent=50.0)
    driver.attach(Place(1, "indicator", sysfs=leds))
    seen = {}
    for light in Light:
        driver.show(light)
        seen[light] = tuple(brightness(leds, name) for name in ("red", "green", "blue"))
    assert seen[Light.CHARGING] == (0, 0, 128)
    assert seen[Light.FAULTED] == (128, 0, 0)
    assert len(set(seen.values())) == len(seen) - 1  # preparing and finishing are one to a driver
    driver.detach()
    assert [brightness(leds, name) for name in ("red", "green", "blue")] == [0, 0, 0]


def test_the_buzzer_sounds_once_and_ends(leds: Path) -> None:
    driver = led_rgb.Driver(red="red", buzzer="beep")
    driver.attach(Place(1, "indicator", sysfs=leds))
    shown = threading.Thread(target=driver.show, args=[Light.FAULTED])
    shown.start()
    until(lambda: brightness(leds, "beep") == 255)
    shown.join()
    assert brightness(leds, "beep") == 0
    assert brightness(leds, "red") == 255
    driver.detach()


def test_a_lamp_that_is_missing_is_said(leds: Path) -> None:
    with pytest.raises(DeviceError, match="purple"):
        led_rgb.Driver(red="purple").attach(Place(1, "indicator", sysfs=leds))
    with pytest.raises(ValueError, match="no lamp"):
        led_rgb.Driver()
