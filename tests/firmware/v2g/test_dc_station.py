"""What a DC session may ask of its EVSE, and what it learns: limits, results of the safety steps, our own states."""

from typing import Any

import pytest

from firmware.station.charging import DC_IDLE, DcWish
from firmware.station.limits import Limit
from firmware.v2g.dc_station import DcStation, StationState
from hal.wire import Fault


@pytest.fixture
def dc(make_dc_bay: Any) -> tuple[Any, DcStation]:
    """An EVSE whose contactor is moved by hand, with its station; the clock stands at 100 s."""
    bay = make_dc_bay(level="C", obedient=False)
    return bay, DcStation(bay, lambda: None, lambda: 100.0)


def test_a_cable_check_asks_for_energy_at_its_voltage_with_at_most_2_a(dc: Any) -> None:
    _, station = dc
    station.start_cable_check(450)
    assert station.wish.energise
    assert station.wish.dc == DcWish("cable_check", 450, 2, max_voltage_v=450)
    station.start_precharge(390, 1)
    assert station.wish.dc == DcWish("precharge", 390, 1, max_voltage_v=450)


def test_precharge_never_asks_for_more_than_2_a(dc: Any) -> None:
    _, station = dc
    station.start_precharge(390, 10)
    assert station.wish.dc == DcWish("precharge", 390, 2)
    station.start_precharge(390, 1)
    assert station.wish.dc == DcWish("precharge", 390, 1)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((400, 125), (400, 125)),
        ((400, 600), (400, 375)),  # 150 kW at 400 V
        ((300, 600), (300, 500)),  # 500 A
        ((1200, 10), (1000, 10)),
        ((400, -5), (400, 0)),
        ((0, 100), (0, 100)),
    ],
)
def test_what_the_car_asks_is_clamped_to_our_limits(dc: Any, asked: Any, given: Any) -> None:
    _, station = dc
    station.deliver(*asked)
    assert station.wish.dc == DcWish("deliver", *given)


def test_limits_are_the_least_of_hardware_supply_and_station(dc: Any) -> None:
    bay, station = dc
    assert (station.max_voltage_v, station.max_current_a, station.max_power_w) == (1000, 500, 150_000)
    bay.limit = Limit(63.27, "budget")
    bay.supply = (920.0, 200.0, 60_000.0)
    assert (station.max_voltage_v, station.max_current_a, station.max_power_w) == (920, 63.3, 60_000)
    bay.supply = (920.0, 40.0, 60_000.0)
    assert station.max_current_a == 40


def test_a_profile_in_watts_bounds_the_power_and_with_the_voltage_the_current(dc: Any) -> None:
    bay, station = dc
    bay.power_limit = Limit(40_000.0, "csms")
    assert station.max_power_w == 40_000
    station.deliver(400, 200)
    assert station.wish.dc == DcWish("deliver", 400, 100)
    assert station.limits_reached(400, 200).power is False
    bay.voltage_v = 400.0
    assert station.limits_reached(400, 200).power is True


def test_a_supply_that_says_nothing_gives_nothing(dc: Any) -> None:
    bay, station = dc
    bay.supply = None
    assert (station.max_voltage_v, station.max_current_a, station.max_power_w) == (0, 0, 0)
    assert station.state is StationState.NOT_READY
    assert not station.fresh


def test_which_limit_holds_the_car_back(dc: Any) -> None:
    bay, station = dc
    bay.voltage_v = 400
    assert station.limits_reached(420, 300) == station.limits_reached(0, 0)
    reached = station.limits_reached(1000, 500)
    assert reached.voltage
    assert reached.current
    assert reached.power  # 200 kW


def test_after_a_ramp_down_the_wish_ends_with_the_opening(dc: Any) -> None:
    bay, station = dc
    station.deliver(400, 100)
    bay.closed, bay.current_a = True, 100.0
    station.look()
    station.ramp_down()
    assert station.wish.dc == DcWish("ramp_down")
    assert not station.unloaded()
    bay.current_a = 4.9
    station.look()
    assert station.unloaded()
    assert station.wish.energise
    bay.closed = False
    station.look()
    assert station.wish.dc == DC_IDLE
    assert not station.wish.energise
    assert not station.power_lost


def test_ramp_down_and_release_are_safe_when_nothing_ever_flowed(dc: Any) -> None:
    _, station = dc
    station.ramp_down()
    station.release()
    assert station.wish.dc == DC_IDLE
    assert not station.wish.energise


@pytest.mark.parametrize("phase", ["precharge", "deliver"])
def test_a_contactor_that_opens_by_itself_ends_the_wish(dc: Any, phase: str) -> None:
    bay, station = dc
    station.start_precharge(400, 2) if phase == "precharge" else station.deliver(400, 2)
    bay.closed = True
    station.look()
    bay.closed = False
    station.look()
    assert station.power_lost
    assert not station.wish.energise
    assert station.state is StationState.MALFUNCTION
    assert station.stop_wanted
    assert station.failure


def test_a_new_cable_check_forgets_the_lost_power(dc: Any) -> None:
    bay, station = dc
    station.deliver(400, 2)
    bay.closed = True
    station.look()
    bay.closed = False
    station.look()
    station.start_cable_check(400)
    assert not station.power_lost


def test_a_measurement_counts_as_fresh_for_250_ms(dc: Any) -> None:
    bay, station = dc
    bay.age_s = 0.249
    assert station.fresh
    bay.age_s = 0.251
    assert not station.fresh
    assert station.age_s == pytest.approx(0.251)


def test_what_the_session_finds_wrong_ramps_down_and_stays_a_malfunction(dc: Any) -> None:
    bay, station = dc
    station.deliver(400, 100)
    bay.closed = True
    station.look()
    station.fail("measurements are 0.3 s old")
    assert station.phase == "ramp_down"
    assert station.state is StationState.MALFUNCTION
    assert station.failure == "measurements are 0.3 s old"


@pytest.mark.parametrize(("present", "is_precharged"), [(380.1, True), (380.0, False), (419.9, True), (420.0, False)])
def test_precharged_is_within_20_v(dc: Any, present: float, is_precharged: bool) -> None:
    bay, station = dc
    bay.voltage_v = present
    assert station.precharged(400) is is_precharged


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ({}, StationState.READY),
        ({"stop_wanted": "Remote"}, StationState.SHUTDOWN),
        ({"stop_wanted": "EmergencyStop"}, StationState.EMERGENCY_SHUTDOWN),
        ({"faults": (Fault("emergency_stop", "pressed", since=0.0),)}, StationState.EMERGENCY_SHUTDOWN),
        (
            {"faults": (Fault("mains_fail", "gone", since=0.0),), "stop_wanted": "PowerLoss"},
            StationState.UTILITY_INTERRUPT,
        ),
        ({"faults": (Fault("isolation", "too low", since=0.0),)}, StationState.MALFUNCTION),
        ({"faults": (Fault("tamper", "opened", since=0.0),)}, StationState.READY),
        ({"cable_check": "failed"}, StationState.MALFUNCTION),
        ({"welded": True}, StationState.MALFUNCTION),
    ],
)
def test_the_state_is_the_gravest_of_what_is_known(dc: Any, seen: dict[str, Any], state: StationState) -> None:
    bay, station = dc
    station.start_cable_check(410)
    for name, value in seen.items():
        setattr(bay, name, value)
    assert station.state is state


def test_a_failed_cable_check_says_why(dc: Any) -> None:
    bay, station = dc
    assert station.failure == ""
    station.start_cable_check(410)
    bay.cable_check, bay.why = "failed", "insulation 40 kOhm"
    assert station.failure == "insulation 40 kOhm"


def test_what_is_known_of_the_car_is_kept(dc: Any) -> None:
    _, station = dc
    station.tell("negotiating", protocol="din", evccid="0001")
    station.tell(soc_percent=42)
    assert (station.wish.status, station.wish.protocol, station.wish.evccid) == ("negotiating", "din", "0001")
    assert station.wish.soc_percent == 42
