"""The drivers of GPIO lines on a simulated chip: contactor, inputs, residual current monitor, shunt trip, lamps."""

import subprocess
import sys

import pytest

from hal.contracts import DeviceError, Light
from hal.drivers import gpio_contactor, gpio_dc_enable, gpio_indicator, gpio_input, gpio_rcm, gpio_shunt_trip
from hil.linux_board import LinuxBoard


def contactor(feedback: str = "no", poles: int = 1) -> gpio_contactor.Driver:
    return gpio_contactor.Driver(
        enable_lines=tuple(f"RELAY_{n + 1}_ENABLE" for n in range(poles)),
        sense_lines=() if feedback == "none" else tuple(f"RELAY_{n + 1}_SENSE" for n in range(poles)),
        feedback=feedback,  # type: ignore[arg-type]
    )


def test_taking_the_lines_opens_what_a_dead_process_left_closed(world: LinuxBoard) -> None:
    world.set_line("RELAY_1_ENABLE", True)
    part = contactor()
    part.attach(world.place())
    assert not world.line("RELAY_1_ENABLE")


def test_a_process_that_dies_leaves_its_line_as_it_was(world: LinuxBoard) -> None:
    """What the simulated chip shares with the real one, and the reason for watchdog and ExecStopPost."""
    script = (
        "import os\nfrom pathlib import Path\nfrom hal.linux.gpio import Gpio\n"
        f"Gpio(Path({str(world.dev)!r})).output('RELAY_1_ENABLE', on=True)\nos.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=30)
    assert ended.returncode == -9
    assert world.line("RELAY_1_ENABLE")
    contactor().attach(world.place())  # and the line is free again


@pytest.mark.parametrize(("feedback", "closed_level"), [("no", True), ("nc", False)])
def test_the_mirror_contact_tells_not_the_command(world: LinuxBoard, feedback: str, closed_level: bool) -> None:
    part = contactor(feedback)
    part.attach(world.place())
    world.set_line("RELAY_1_SENSE", not closed_level)
    part.close()
    assert world.line("RELAY_1_ENABLE")
    assert part.closed() is False
    world.set_line("RELAY_1_SENSE", closed_level)
    assert part.closed() is True
    part.open()
    assert part.closed() is True  # welded
    part.detach()


def test_without_mirror_contact_nobody_knows(world: LinuxBoard) -> None:
    part = contactor("none")
    part.attach(world.place())
    part.close()
    assert part.closed() is None


@pytest.mark.parametrize(
    ("commanded", "mirrors", "closed"),
    [
        (True, (True, True), True),
        (True, (True, False), False),  # one pole group missing: not closed
        (False, (True, False), True),  # one pole group welded: not open
        (False, (False, False), False),
    ],
)
def test_two_relays_are_one_contactor(
    world: LinuxBoard, commanded: bool, mirrors: tuple[bool, bool], closed: bool
) -> None:
    part = contactor(poles=2)
    part.attach(world.place())
    part.close() if commanded else part.open()
    assert (world.line("RELAY_1_ENABLE"), world.line("RELAY_2_ENABLE")) == (commanded, commanded)
    for number, level in enumerate(mirrors, 1):
        world.set_line(f"RELAY_{number}_SENSE", level)
    assert part.closed() is closed


def test_detach_opens(world: LinuxBoard) -> None:
    part = contactor()
    part.attach(world.place())
    part.close()
    part.detach()
    assert not world.line("RELAY_1_ENABLE")
    with pytest.raises(DeviceError, match="not attached"):
        part.close()


@pytest.mark.parametrize(
    ("keys", "text"),
    [({"feedback": "no"}, "one sense line per enable line"), ({"sense_lines": ("X",)}, 'say feedback = "no" or "nc"')],
)
def test_wiring_must_be_said_completely(keys: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        gpio_contactor.Driver(enable_lines=("RELAY_1_ENABLE",), **keys)  # type: ignore[arg-type]


def test_a_line_has_one_owner(world: LinuxBoard) -> None:
    first, second = contactor(), contactor()
    first.attach(world.place())
    with pytest.raises(DeviceError, match=r"RELAY_1_ENABLE.*busy"):
        second.attach(world.place())
    first.detach()
    second.attach(world.place())


def test_a_name_on_two_chips_is_refused(world: LinuxBoard) -> None:
    (world.dev / "gpiochip1" / "RELAY_1_ENABLE").write_bytes(b"0")
    with pytest.raises(DeviceError, match="more than one chip"):
        contactor().attach(world.place())


def test_a_failed_attach_frees_what_it_took(world: LinuxBoard) -> None:
    part = gpio_contactor.Driver(("RELAY_1_ENABLE",), ("NO_SUCH_LINE",), "no")
    with pytest.raises(DeviceError, match="NO_SUCH_LINE: on none of the 5 chips"):
        part.attach(world.place())
    contactor().attach(world.place())


# --- inputs


@pytest.mark.parametrize(
    ("active_low", "level", "active"), [(True, False, True), (True, True, False), (False, True, True)]
)
def test_safety_input_polarity(world: LinuxBoard, active_low: bool, level: bool, active: bool) -> None:
    part = gpio_input.Driver("DIGITAL_IN_1", active_low=active_low)
    part.attach(world.place())
    world.set_line("DIGITAL_IN_1", level)
    assert part.active() is active


def test_a_broken_wire_trips_by_default(world: LinuxBoard) -> None:
    part = gpio_input.Driver("DIGITAL_IN_5")  # nothing pulls it up
    part.attach(world.place())
    assert part.active()


def test_residual_current_monitor_trips_on_its_test_current(world: LinuxBoard) -> None:
    part = gpio_rcm.Driver("DIGITAL_IN_2", test_line="DIGITAL_OUT_4")
    part.attach(world.place())
    for on in (True, False):
        part.test(on)
        world.step()
        assert part.tripped() is on


def test_a_broken_residual_current_monitor_stays_quiet(world: LinuxBoard) -> None:
    world.rcm_works = False
    part = gpio_rcm.Driver("DIGITAL_IN_2", test_line="DIGITAL_OUT_4")
    part.attach(world.place())
    part.test(True)
    world.step()
    assert not part.tripped()
    part.detach()
    assert not world.line("DIGITAL_OUT_4")


def test_a_self_test_that_is_not_wired_says_so(world: LinuxBoard) -> None:
    part = gpio_rcm.Driver("DIGITAL_IN_2")
    part.attach(world.place())
    with pytest.raises(DeviceError, match="no test_line"):
        part.test(True)


def test_reset_is_a_pulse(world: LinuxBoard) -> None:
    part = gpio_rcm.Driver("DIGITAL_IN_2", reset_line="DIGITAL_OUT_5", reset_s=0.001)
    part.attach(world.place())
    part.reset()
    assert not world.line("DIGITAL_OUT_5")


# --- outputs


def test_a_coil_that_fails_keeps_no_other_coil_on_at_the_end(world: LinuxBoard) -> None:
    class Broken:
        def set(self, on: bool) -> None:
            raise DeviceError("chip is gone")

        def close(self) -> None:
            return None

    part = gpio_contactor.Driver(("RELAY_1_ENABLE", "RELAY_2_ENABLE"))
    part.attach(world.place())
    part.close()
    part._coils[0] = Broken()
    with pytest.raises(DeviceError):
        part.detach()
    assert not world.line("RELAY_2_ENABLE")


def test_a_dc_output_stage_is_blocked_when_nobody_drives_its_line_any_more(world: LinuxBoard) -> None:
    part = gpio_dc_enable.Driver("RELAY_2_ENABLE")
    part.attach(world.place())
    part.enable(True)
    assert world.line("RELAY_2_ENABLE")
    part.detach()
    part.detach()
    assert not world.line("RELAY_2_ENABLE")


def test_shunt_trip_is_quiet_until_asked_and_then_stays(world: LinuxBoard) -> None:
    part = gpio_shunt_trip.Driver("RELAY_2_ENABLE")
    part.attach(world.place())
    assert not world.line("RELAY_2_ENABLE")
    part.trip()
    part.detach()
    assert world.line("RELAY_2_ENABLE")


def test_every_light_shows_and_only_off_is_dark(world: LinuxBoard) -> None:
    part = gpio_indicator.Driver("DIGITAL_OUT_1", "DIGITAL_OUT_2", "DIGITAL_OUT_3")
    part.attach(world.place())
    for light in Light:
        part.show(light)
        lit = [name for name in ("DIGITAL_OUT_1", "DIGITAL_OUT_2", "DIGITAL_OUT_3") if world.line(name)]
        assert bool(lit) == (light is not Light.OFF), light
    part.detach()
    assert not any(world.line(f"DIGITAL_OUT_{n}") for n in (1, 2, 3))


def test_an_indicator_without_lamps_is_no_indicator() -> None:
    with pytest.raises(ValueError, match="no lamp"):
        gpio_indicator.Driver()
