"""One suite for every board with a controller of its own: pilot, contactor and the rest do what their contracts say,
and every way of failing is a DeviceError, never an old value.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from hal.contracts import LockState, MeterReading, PilotMode, PilotOutput, Plug
from hal.pilot import Level, level_of
from hil.devices.plant_values import Trouble

if TYPE_CHECKING:
    from tests.hal.controllers.conftest import Station

ALL = ("mcu", "chargebyte", "yeti", "ad_acevse22", "tida", "phyverso", "openevse", "simple_evse")
#: which offer a part; conftest's KINDS is checked against it
OFFER = {
    "proximity": ("mcu", "chargebyte", "yeti", "tida", "phyverso"),
    "rcd": ("mcu", "chargebyte", "yeti", "ad_acevse22", "tida", "phyverso", "openevse"),
    "lock": ("mcu", "yeti", "tida", "phyverso"),
    "emergency_stop": ("mcu", "chargebyte"),
    "pe_monitor": ("mcu", "openevse"),
    "thermometer": ("mcu", "chargebyte", "tida", "openevse"),
    "meter": ("mcu", "yeti", "ad_acevse22", "openevse"),
}
X1 = PilotOutput(PilotMode.X1)
DUTY = PilotOutput(PilotMode.DUTY, 100 * 16 / 60)
Eventually = Callable[..., None]
Fails = Callable[..., Callable[[], bool]]


def on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("station", names, indirect=True)


def test_every_kind_and_part_is_in_the_suite(kinds: dict[str, Any]) -> None:
    assert set(kinds) == set(ALL)
    assert {part: tuple(name for name in ALL if part in kinds[name].parts) for part in OFFER} == OFFER


def level(station: Station) -> str:
    return level_of(station.pilot.read().high_mv, Level.UNKNOWN).value


def charge(station: Station, eventually: Eventually) -> None:
    """Reach: car in C, duty shown, contactor closed."""
    station.copper.car = "B"
    eventually(lambda: level(station) == "B")
    station.pilot.drive(DUTY)
    eventually(lambda: station.copper.mode == "duty")
    station.copper.car = "C"
    eventually(lambda: level(station) == "C")
    contactor, until = station.parts["contactor"], [0.0]

    def closes() -> bool:
        if not station.copper.closed and time.monotonic() > until[0]:  # a busy machine may cost the lease: asked anew
            contactor.open()
            station.pilot.drive(DUTY)
            contactor.close()
            until[0] = time.monotonic() + 2.0
        return station.copper.closed

    eventually(closes)


# --- pilot, proximity -----------------------------------------------------------------------------------------------


@on(*ALL)
def test_the_pilot_is_x1_when_taken_and_when_left(station: Station, eventually: Eventually) -> None:
    eventually(lambda: level(station) == "A")
    assert station.copper.mode == "x1" and not station.copper.coil
    station.copper.car = "B"
    station.pilot.drive(DUTY)
    eventually(lambda: station.copper.mode == "duty")
    station.board.detach()
    eventually(lambda: station.copper.mode == "x1")


@on(*ALL)
def test_the_pilot_shows_what_it_is_told(station: Station, eventually: Eventually) -> None:
    copper = station.copper
    copper.car = "B"
    eventually(lambda: level(station) == "B")
    duties = (10.0, 26.67, 53.0) if not station.kind.digital else (5.0, 10.0, 26.67, 53.33)
    for duty in duties:
        station.pilot.drive(PilotOutput(PilotMode.DUTY, duty))
        # boards that are told whole amperes show at most 1 A (1.7 %) less, never more
        lower = 0.11 if station.kind.digital else 1.7
        eventually(lambda d=duty, tol=lower: copper.mode == "duty" and d - tol <= copper.duty_percent <= d + 0.11)
        eventually(lambda: station.pilot.read().low_mv == -12_000)
    station.pilot.drive(PilotOutput(PilotMode.F))
    eventually(lambda: copper.mode == "f" and level(station) == "F")
    station.pilot.drive(X1)
    eventually(lambda: copper.mode == "x1" and level(station) == "B")


@on(*ALL)
@pytest.mark.parametrize("output", [X1, DUTY], ids=["x1", "duty"])
def test_the_pilot_tells_what_the_car_makes_of_it(
    station: Station, eventually: Eventually, output: PilotOutput
) -> None:
    station.pilot.drive(output)
    for state in "ABCD":
        station.copper.car = state
        low = -12_000 if output is DUTY and state != "A" else {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000}[state]
        eventually(lambda s=state: level(station) == s)
        if state != "A":
            eventually(lambda wanted=low: station.pilot.read().low_mv == wanted)


@on("mcu", "chargebyte", "yeti", "ad_acevse22", "tida", "phyverso", "openevse")
def test_a_car_without_diode_is_seen(station: Station, eventually: Eventually) -> None:
    station.copper.car, station.copper.diode = "B", False
    station.pilot.drive(DUTY)
    eventually(lambda: station.pilot.read().low_mv == -station.pilot.read().high_mv)


@on(*OFFER["proximity"])
def test_the_cable_tells_its_rating(station: Station, eventually: Eventually) -> None:
    for cable, plug in (
        (0, Plug.NONE),
        (13, Plug.A13),
        (20, Plug.A20),
        (32, Plug.A32),
        (63, Plug.A63),
        (-1, Plug.INVALID),
    ):
        station.copper.cable = cable
        eventually(lambda p=plug: station.parts["proximity"].read() is p)


# --- contactor, residual current ------------------------------------------------------------------------------------


@on("mcu", "chargebyte", "yeti", "tida", "phyverso")
def test_the_contactor_follows_and_its_mirror_is_believed(station: Station, eventually: Eventually) -> None:
    contactor, copper = station.parts["contactor"], station.copper
    eventually(lambda: contactor.closed() is False)
    charge(station, eventually)
    eventually(lambda: contactor.closed() is True)
    copper.welded = True
    contactor.open()
    eventually(lambda: not copper.coil)
    assert copper.closed
    eventually(lambda: contactor.closed() is True)
    copper.welded = False
    eventually(lambda: contactor.closed() is False)


@on("openevse", "simple_evse")
def test_a_board_that_closes_by_itself_opens_when_told(station: Station, eventually: Eventually) -> None:
    contactor, copper = station.parts["contactor"], station.copper
    assert contactor.closes_itself
    charge(station, eventually)
    contactor.open()  # alone, as at the end of the tick thread: the duty was not taken away
    eventually(lambda: not copper.closed)
    eventually(lambda: not contactor.closed())
    assert not copper.coil
    station.pilot.drive(X1)
    station.pilot.drive(DUTY)
    eventually(lambda: copper.closed)  # a new wish


@on(*ALL)
def test_the_board_opens_by_itself_when_the_car_lets_go(station: Station, eventually: Eventually) -> None:
    charge(station, eventually)
    station.copper.car = "B"
    eventually(lambda: not station.copper.closed)
    eventually(lambda: not station.parts["contactor"].closed())


@on(*OFFER["rcd"])
def test_the_residual_current_monitor_tests_itself_and_trips(station: Station, eventually: Eventually) -> None:
    rcd = station.parts["rcd"]
    eventually(lambda: not rcd.tripped())
    rcd.test(True)
    eventually(rcd.tripped)
    rcd.test(False)
    rcd.reset()
    eventually(lambda: not rcd.tripped())
    station.copper.leak = True
    eventually(rcd.tripped)


@on("openevse", "yeti", "ad_acevse22")
def test_a_board_that_tests_by_itself_must_have_passed(station: Station, eventually: Eventually) -> None:
    rcd = station.parts["rcd"]
    rcd.test(True)
    eventually(rcd.tripped)
    if station.kind.closes_itself:
        station.controller.self_test_on = False
    else:
        station.controller.self_test_failed = True
    eventually(lambda: not rcd.tripped())


# --- the rest -------------------------------------------------------------------------------------------------------


@on(*OFFER["lock"])
def test_the_bolt_goes_where_it_is_told_or_it_is_said(station: Station, eventually: Eventually, fails: Fails) -> None:
    lock = station.parts["lock"]
    eventually(lambda: lock.state() is LockState.UNLOCKED)
    eventually(lambda: lock.lock() is None)
    assert station.copper.locked
    eventually(lambda: lock.unlock() is None)
    assert not station.copper.locked
    station.copper.bolt_stuck = True
    lock.reach_s = 0.2
    eventually(fails(lock.lock, "the bolt is not locked within"))


@pytest.mark.parametrize(
    ("station", "part"), [(name, part) for part in ("emergency_stop", "pe_monitor") for name in OFFER[part]],
    indirect=["station"],
)  # fmt: skip
def test_an_input_follows_its_contact(station: Station, part: str, eventually: Eventually) -> None:
    field = {"emergency_stop": "emergency_stop", "pe_monitor": "pe_lost"}[part]
    for active in (False, True, False):
        setattr(station.copper, field, active)
        eventually(lambda wanted=active: station.parts[part].active() is wanted)


@on(*OFFER["thermometer"])
def test_the_thermometer_speaks_celsius(station: Station, eventually: Eventually) -> None:
    for degrees in (25.0, 71.5, -12.3):
        station.copper.temperature_c = degrees
        eventually(lambda d=degrees: abs(station.parts["thermometer"].read() - d) < 0.06)


@on(*OFFER["meter"])
def test_the_meter_is_read(station: Station, eventually: Eventually) -> None:
    values = station.copper.meter
    values.current_a = [16.0, 15.5, 15.8]
    if getattr(station.controller, "board", "") == "ad_acevse22":  # measures while it is closed
        charge(station, eventually)
    readings: list[MeterReading] = []

    def read() -> bool:
        readings.append(station.parts["meter"].read())
        return readings[-1].current_a[0] == pytest.approx(16.0, abs=0.01)

    eventually(read)
    reading = readings[-1]
    assert reading.voltage_v[0] == pytest.approx(231.0, abs=0.1)
    assert reading.import_wh == pytest.approx(1000.0, abs=1.0)
    watts = values.watts() if len(reading.current_a) == 3 else 231.0 * 16.0
    assert reading.power_w == pytest.approx(watts, rel=0.01)


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("station", "trouble"),
    [
        *((name, trouble) for name in ("mcu", "chargebyte", "openevse", "simple_evse")
          for trouble in (Trouble.SILENCE, Trouble.GARBAGE, Trouble.CORRUPT, Trouble.SLOW)),
        # of OpenEVSE only the meter can be out of range: below
        *((name, Trouble.OUT_OF_RANGE) for name in ("mcu", "chargebyte", "simple_evse")),
        *(("yeti", trouble) for trouble in (Trouble.SILENCE, Trouble.GARBAGE, Trouble.CORRUPT, Trouble.SLOW,
                                             Trouble.OUT_OF_RANGE)),
        *(("ad_acevse22", trouble) for trouble in (Trouble.SILENCE, Trouble.OUT_OF_RANGE, Trouble.DISCONNECT)),
        ("mcu", Trouble.NAN), ("chargebyte", Trouble.NAN), ("simple_evse", Trouble.REFUSE),
        *((name, Trouble.DISCONNECT) for name in ("mcu", "chargebyte", "yeti", "openevse", "simple_evse")),
    ],
    indirect=["station"], ids=lambda value: str(value.value) if isinstance(value, Trouble) else str(value),
)  # fmt: skip
def test_trouble_is_a_fault_then_it_is_over_and_nothing_has_closed_again(
    station: Station, trouble: Trouble, eventually: Eventually, fails: Fails
) -> None:
    eventually(lambda: level(station) == "A")
    station.controller.trouble = trouble
    eventually(fails(station.pilot.read))
    if trouble not in (Trouble.OUT_OF_RANGE, Trouble.NAN):  # the pilot alone is nonsense then
        eventually(fails(station.parts["contactor"].closed))
    station.controller.trouble = Trouble.NONE
    eventually(lambda: level(station) == "A")
    assert not station.copper.coil


@on("mcu", "yeti", "openevse")
@pytest.mark.parametrize("trouble", [Trouble.OUT_OF_RANGE, Trouble.NAN], ids=str)
def test_a_meter_that_reads_nonsense_is_not_believed(
    station: Station, trouble: Trouble, eventually: Eventually, fails: Fails
) -> None:
    meter = station.parts["meter"]
    station.copper.meter.current_a = [16.0, 16.0, 16.0]
    eventually(lambda: meter.read().current_a[0] > 15)
    station.controller.trouble = trouble
    eventually(fails(meter.read))


@on("mcu", "chargebyte")
def test_a_board_that_says_always_the_same_is_found_out_by_the_first_order(
    station: Station, eventually: Eventually, fails: Fails
) -> None:
    eventually(lambda: level(station) == "A")
    station.controller.trouble = Trouble.STUCK
    station.pilot.drive(DUTY)
    eventually(fails(station.parts["contactor"].closed, "told"))


@on("mcu", "chargebyte", "yeti")
def test_a_tick_that_stops_is_a_lease_that_ends(station: Station, eventually: Eventually) -> None:
    """The link's thread goes on; it must not keep the controller happy for a dead guard."""
    charge(station, eventually)
    station.ticking = False
    eventually(lambda: not station.copper.closed)


@on("simple_evse")
def test_a_tick_that_stops_takes_the_current_away(station: Station, eventually: Eventually) -> None:
    charge(station, eventually)
    station.ticking = False
    eventually(lambda: station.controller.current == 0 and not station.copper.closed)


@on("ad_acevse22")
def test_a_kit_that_does_not_miss_us_is_told_so_when_the_tick_stops(station: Station, eventually: Eventually) -> None:
    charge(station, eventually)
    station.ticking = False
    eventually(lambda: station.copper.mode == "x1" and not station.copper.closed)
    station.ticking = True
    eventually(lambda: station.copper.mode == "duty")
    eventually(lambda: station.parts["contactor"].closed() is False)  # the old order is over
    assert not station.copper.coil


@on("ad_acevse22")
def test_a_kit_is_asked_for_no_more_than_it_obeys(station: Station, eventually: Eventually) -> None:
    station.pilot.drive(PilotOutput(PilotMode.DUTY, 80.0))
    eventually(lambda: station.copper.duty_percent == pytest.approx(53.33))


@on("yeti")
def test_a_board_that_restarts_closes_nothing_until_it_was_told_to_open(
    station: Station, eventually: Eventually
) -> None:
    charge(station, eventually)
    began = station.controller.started
    station.controller.heard.clear()
    station.controller.watchdog_reset(time.monotonic())
    eventually(lambda: station.controller.started > began and "allow" in station.controller.heard)
    eventually(lambda: level(station) == "C")
    assert not station.copper.closed
    station.parts["contactor"].open()
    eventually(lambda: station.parts["contactor"].closed() is False)
    station.parts["contactor"].close()
    eventually(lambda: station.copper.closed)


@on("openevse")
def test_answers_are_told_from_lines_that_come_unasked(station: Station, eventually: Eventually) -> None:
    station.controller.chatty = True
    station.copper.car = "B"
    eventually(lambda: level(station) == "B")
    station.pilot.drive(DUTY)
    eventually(lambda: station.controller.mode == "enabled" and station.controller.amps == 16)


@on("openevse")
@pytest.mark.parametrize(
    ("fault", "said"),
    [(8, "relay stuck closed"), (9, "self test of its"), (10, "too hot"), (14, "relay does not close")],
)
def test_openevse_tells_its_own_faults(
    station: Station, fault: int, said: str, eventually: Eventually, fails: Fails
) -> None:
    station.controller.fault = fault
    eventually(fails(station.parts["contactor"].closed, said))


@on("chargebyte")
def test_the_safety_controller_says_why_it_is_in_its_safe_state(
    station: Station, eventually: Eventually, fails: Fails
) -> None:
    station.controller.reason = 15
    eventually(fails(station.parts["contactor"].closed, "in its safe state: contactor welded"))
