"""Interlocks: each fault opens, each clears the way its rule says; the orders to RCD and upstream breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.board_settings import ConnectorSettings
from hal.contracts import MeterReading, PilotMode
from hal.current_and_mains import derated_a
from hal.faults import FAULTS
from hal.interlock_state import Inputs, Interlocks, SelfTest
from hal.interlocks import step

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

BOARD = ConnectorSettings(id=1, kind="sType2", max_current_a=32.0)
IDLE = Inputs(commanded=False, feedback=False, waiting=False, plugged=True, limit_a=16.0)


def codes(s: Interlocks) -> set[str]:
    return {fault.code for fault in s.faults}


def run(s: Interlocks, i: Inputs, begin: float, end: float) -> Interlocks:
    """Tick from `begin` to `end`, s."""
    for tick in range(round(begin * 100), round(end * 100) + 1):
        s = step(s, BOARD, i, tick / 100)
    return s


# --- safety chain, on the whole guard -------------------------------------------------------------------------------

CHAIN = [
    ("emergency_stop", "emergency_stop"),
    ("pe_fault", "pe_lost"),
    ("mains_fail", "mains_fail"),
    ("rcd_leak", "rcd_tripped"),
    ("adc_fault", "pilot_stale"),
]


def break_(bench: Bench, slot: str, value: float) -> None:
    if slot == "rcd_leak":
        bench.wiring.leak = bool(value)
    else:
        bench.slots[slot] = value


@pytest.mark.parametrize(("slot", "code"), CHAIN)
def test_it_opens_at_once_and_ends_the_grant(bench: Bench, slot: str, code: str) -> None:
    bench.charge()
    break_(bench, slot, 1.0)
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.05
    bench.run(0.3)
    assert code in bench.faults
    assert bench.observation.grant is None
    assert bench.observation.why_open.startswith(FAULTS[code].name)


@pytest.mark.parametrize(("slot", "code"), CHAIN)
def test_afterwards_only_a_fresh_grant_closes(bench: Bench, slot: str, code: str) -> None:
    bench.charge()
    break_(bench, slot, 1.0)
    bench.run(0.3)
    break_(bench, slot, 0.0)
    bench.run(0.5)
    bench.send(wire.ClearFault(bench.epoch, 1, code))
    bench.run(15.0)
    assert not bench.faults
    assert not bench.closed
    bench.grant("s1")
    bench.until(lambda: bench.closed, within_s=3.0)


def test_a_grant_while_a_fault_is_there_is_refused(bench: Bench) -> None:
    bench.connect()
    bench.slots["emergency_stop"] = 1.0
    bench.run(0.1)
    bench.grant()
    bench.run(0.3)
    assert str(bench.observation.grant_ended).startswith("refused: emergency stop pressed")


def test_an_opened_housing_is_reported_and_does_not_open(bench: Bench) -> None:
    bench.charge()
    bench.slots["tamper"] = 1.0
    bench.run(1.0)
    assert bench.faults == {"tamper"}
    assert bench.closed


def test_faults_that_flicker_stay_visible_for_a_second() -> None:
    s = step(Interlocks(), BOARD, IDLE._replace(emergency_stop=True), 10.0)
    s = run(s, IDLE, 10.01, 10.99)
    assert codes(s) == {"emergency_stop"} and not s.healthy
    assert codes(run(s, IDLE, 11.0, 11.01)) == set()


def test_latched_faults_wait_for_clear_or_departure() -> None:
    s = step(Interlocks(), BOARD, IDLE._replace(pe_lost=True), 10.0)
    waited = run(s, IDLE, 10.01, 20.0)
    assert codes(waited) == {"pe_lost"}
    assert not codes(step(waited, BOARD, IDLE._replace(clear=frozenset({"pe_lost"})), 20.01))
    assert not codes(step(waited, BOARD, IDLE._replace(plugged=False), 20.01))


def test_every_fault_has_a_name_for_people() -> None:
    assert all(rule.name and not rule.name.endswith(".") for rule in FAULTS.values())


def headlines(s: Interlocks) -> list[str]:
    return [fault.text for fault in s.faults]


def test_a_fault_says_what_it_is_and_then_what_was_seen() -> None:
    hot = run(Interlocks(), IDLE._replace(temperature_c=95.0), 10.0, 10.1)
    assert headlines(hot) == ["contacts too hot: 95 °C"]
    mains = IDLE._replace(meter=MeterReading(0.0, 0.0, (269.0,), (0.0,)), meter_at=10.0)
    assert headlines(run(Interlocks(), mains, 10.0, 20.0)) == ["mains voltage too high: 269 V (nominal 230 V)"]
    opened = run(Interlocks(commanded=True), IDLE._replace(feedback=True), 10.0, 11.0)
    (weld,) = headlines(opened)
    assert weld.startswith("contactor does not open: still closed ") and weld.endswith(" ms after the command")
    dead = run(Interlocks(), IDLE._replace(waiting=True, rcd_tripped=False), 10.0, 11.0)
    assert headlines(dead) == ["RCD self test failed: does not trip within 500 ms"]
    assert headlines(run(Interlocks(), IDLE._replace(mains_fail=True), 10.0, 10.0)) == ["mains supply failed"]


def test_the_rest_between_two_closings_is_counted_down_in_whole_seconds() -> None:
    s = Interlocks(closed_at=10.0)
    said = []
    for tick in range(1100, 2000):
        s = step(s, BOARD, IDLE, tick / 100)
        said.append(s.hold_up)
    assert said[0] == "waiting: the contactor rests 10 s between two closings, 9 s left"
    assert len(set(said)) == 9


# --- contactor ------------------------------------------------------------------------------------------------------


def test_a_welded_contactor_is_told_from_a_stuck_one_and_trips_the_breaker(bench: Bench) -> None:
    bench.charge()
    bench.wiring.welded = True
    bench.wiring.car = "B"
    bench.run(0.2)
    assert bench.faults == set()
    bench.run(0.4)
    assert bench.faults == {"weld"}
    assert bench.slots["shunt_trip"] == 1.0


def test_mains_that_our_own_trip_took_away_are_no_fault_of_the_grid(bench: Bench) -> None:
    bench.charge()
    bench.wiring.welded = True
    bench.wiring.car = "B"
    bench.run(1.0)
    assert bench.slots["shunt_trip"] == 1.0
    for phase in ("l1", "l2", "l3"):
        bench.slots[f"voltage_{phase}_v"] = 0.0
    bench.slots["mains_fail"] = 1.0
    bench.run(5.0)
    assert bench.faults == {"weld"}
    bench.wiring.welded = False
    bench.run(0.1)
    bench.send(wire.ClearFault(bench.epoch, 1, "weld"))
    bench.run(2.0)
    assert "mains_fail" in bench.faults and "weld" not in bench.faults


def test_a_weld_is_not_cleared_by_the_cars_departure_only_by_command_once_it_is_open(bench: Bench) -> None:
    bench.charge()
    bench.wiring.welded = True
    bench.wiring.car = "B"
    bench.run(1.0)
    bench.wiring.car = "A"
    bench.run(2.0)
    bench.send(wire.ClearFault(bench.epoch, 1, "weld"))
    bench.run(1.5)
    assert "weld" in bench.faults
    bench.wiring.welded = False
    bench.run(2.0)
    assert "weld" in bench.faults
    bench.slots["shunt_trip"] = 0.0  # somebody has switched the breaker on again
    bench.send(wire.ClearFault(bench.epoch, 1, "weld"))
    bench.run(0.5)
    assert "weld" not in bench.faults
    bench.wiring.welded = True
    bench.slots["contactor_closed"] = 1.0
    bench.run(0.5)
    assert bench.slots["shunt_trip"] == 1.0  # tripped for the second weld too


def test_a_contactor_that_does_not_close(bench: Bench) -> None:
    bench.wiring.stuck = True
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 26.67)
    bench.grant()
    bench.until(lambda: bench.closed, within_s=3.0)
    bench.run(0.5)
    assert bench.faults == {"stuck_open"}
    assert not bench.closed
    assert bench.slots["shunt_trip"] == 0.0


def test_a_contactor_that_moves_by_itself_opens_everything(bench: Bench) -> None:
    bench.charge()
    bench.wiring.stuck = True
    bench.slots["contactor_closed"] = 0.0
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.05
    bench.run(0.3)
    assert bench.faults == {"unexpected_edge"}


def test_a_contactor_found_closed_at_start_is_a_weld(make_bench: BenchMaker) -> None:
    bench = make_bench()
    bench.slots["contactor_closed"] = 1.0
    bench.wiring.welded = True
    bench.run(0.4)
    assert bench.faults == {"unexpected_edge", "weld"}


def test_bouncing_of_one_tick_is_no_edge() -> None:
    closed = IDLE._replace(commanded=True, feedback=True)
    s = run(Interlocks(), closed, 0.0, 1.0)
    s = step(s, BOARD, closed._replace(feedback=False), 1.01)
    s = run(s, closed, 1.02, 2.0)
    assert not s.faults


def test_without_mirror_contact_nothing_is_concluded() -> None:
    s = run(Interlocks(), IDLE._replace(feedback=None), 0.0, 1.0)
    s = run(s, IDLE._replace(feedback=None, commanded=True), 1.01, 3.0)
    assert not s.faults


def test_ten_seconds_lie_between_two_closings() -> None:
    closed = IDLE._replace(commanded=True, feedback=True)
    s = run(Interlocks(), closed, 0.0, 1.0)
    assert not run(s, IDLE, 1.01, 9.98).ready
    assert run(s, IDLE, 1.01, 10.02).ready


# --- residual current -----------------------------------------------------------------------------------------------


def test_the_self_test_precedes_each_closing(bench: Bench) -> None:
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 26.67)
    bench.grant()
    bench.until(lambda: bench.slots["rcd_test"] == 1.0, within_s=1.0)
    assert not bench.closed
    bench.until(lambda: bench.closed, within_s=1.0)
    assert bench.slots["rcd_test"] == 0.0
    bench.wiring.car = "B"
    bench.run(11.0)
    bench.wiring.car = "C"
    bench.until(lambda: bench.slots["rcd_test"] == 1.0, within_s=1.0)
    assert not bench.closed


def test_a_monitor_that_does_not_trip_on_its_test_never_closes(bench: Bench) -> None:
    bench.wiring.rcd_dead = True
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 26.67)
    bench.grant()
    bench.run(0.45)
    assert not bench.faults
    bench.run(3.0)
    assert bench.faults == {"rcd_self_test"}
    assert not bench.closed
    assert bench.slots["rcd_test"] == 0.0


def waiting(tripped: bool) -> Inputs:
    return IDLE._replace(waiting=True, rcd_tripped=tripped)


def test_trip_and_clearing_each_have_500_ms() -> None:
    s = step(Interlocks(), BOARD, waiting(False), 0.0)
    assert s.self_test is SelfTest.TRIPPING
    assert not run(s, waiting(False), 0.01, 0.5).faults
    assert codes(run(s, waiting(False), 0.01, 0.52)) == {"rcd_self_test"}
    s = step(run(s, waiting(False), 0.01, 0.5), BOARD, waiting(True), 0.5)
    assert s.self_test is SelfTest.CLEARING and s.rcd_reset
    assert not run(s, waiting(True), 0.51, 1.0).faults
    assert "rcd_self_test" in codes(run(s, waiting(True), 0.51, 1.02))
    assert step(s, BOARD, waiting(False), 0.6).self_test is SelfTest.PASSED


def test_a_monitor_that_is_tripped_before_the_test_is_a_trip() -> None:
    s = run(Interlocks(), waiting(True), 0.0, 0.1)
    assert codes(s) == {"rcd_tripped"}
    assert s.self_test is SelfTest.IDLE


def test_a_passed_test_is_worth_one_closing_within_10_s() -> None:
    s = step(Interlocks(), BOARD, waiting(False), 0.0)
    s = step(step(s, BOARD, waiting(True), 0.1), BOARD, waiting(False), 0.2)
    assert s.ready
    assert run(s, waiting(False), 0.21, 10.1).ready
    assert not run(s, waiting(False), 0.21, 10.3).ready
    used = step(s, BOARD, waiting(False)._replace(commanded=True, waiting=False), 0.3)
    assert used.self_test is SelfTest.IDLE


# --- current --------------------------------------------------------------------------------------------------------


def drawing(amps: float, at: float, limit_a: float = 16.0) -> Inputs:
    meter = MeterReading(0.0, 0.0, (230.0,) * 3, (amps,) * 3)
    return IDLE._replace(commanded=True, feedback=True, meter=meter, meter_at=at, limit_a=limit_a)


def drive(s: Interlocks, amps: float, begin: float, end: float, limit_a: float = 16.0) -> Interlocks:
    """A fresh reading every tick."""
    for tick in range(round(begin * 100), round(end * 100) + 1):
        s = step(s, BOARD, drawing(amps, tick / 100, limit_a), tick / 100)
    return s


def test_the_tolerance_is_10_percent_and_1_a_for_2_s() -> None:
    s = drive(Interlocks(), 16.0, 0.0, 6.0)
    assert not drive(s, 18.6, 6.01, 60.0).faults
    assert not drive(s, 18.7, 6.01, 8.0).faults
    assert codes(drive(s, 18.7, 6.01, 8.02)) == {"over_current"}


def test_a_new_duty_is_not_policed_for_5_s() -> None:
    s = drive(Interlocks(), 16.0, 0.0, 10.0)
    assert not drive(s, 16.0, 10.01, 16.9, limit_a=6.0).faults
    assert codes(drive(s, 16.0, 10.01, 17.1, limit_a=6.0)) == {"over_current"}


def test_a_duty_that_goes_on_changing_does_not_buy_more_time_above_what_was_offered() -> None:
    s = drive(Interlocks(), 16.0, 0.0, 10.0)
    for second in range(10, 20):
        s = drive(s, 20.0, second + 0.01, second + 1.0, limit_a=16.0 - (second % 2))
    assert codes(s) == {"over_current"}


def test_a_duty_that_never_rests_does_not_keep_an_old_offer_alive() -> None:
    s = drive(Interlocks(), 16.0, 0.0, 10.0)
    for second in range(10, 17):
        s = drive(s, 16.0, second + 0.01, second + 1.0, limit_a=6.0 + second % 2)
        assert not s.faults or second == 16
    assert codes(drive(s, 16.0, 17.01, 17.2, limit_a=7.0)) == {"over_current"}


def test_each_step_down_gives_the_car_its_own_5_s() -> None:
    s = drive(Interlocks(), 32.0, 0.0, 10.0, limit_a=32.0)
    s = drive(s, 32.0, 10.01, 13.9, limit_a=16.0)
    s = drive(s, 16.0, 13.91, 19.0, limit_a=6.0)
    assert not s.faults
    assert codes(drive(s, 16.0, 19.01, 21.1, limit_a=6.0)) == {"over_current"}


def test_one_old_reading_is_no_sustained_excess() -> None:
    s = drive(Interlocks(), 16.0, 0.0, 6.0)
    for tick in range(601, 1000):
        s = step(s, BOARD, drawing(30.0, 6.0), tick / 100)
    assert not s.faults


def test_a_limit_beyond_the_connector_is_a_fault() -> None:
    assert codes(step(Interlocks(), BOARD, IDLE._replace(limit_a=32.1), 0.0)) == {"bad_limit"}
    assert codes(step(Interlocks(), BOARD, IDLE._replace(limit_a=-1.0), 0.0)) == {"bad_limit"}


def test_a_car_beyond_its_cable_is_disconnected(bench: Bench) -> None:
    bench.slots["plug_rating_a"] = 13.0
    bench.charge(duty_percent=100 * 32 / 60, limit_a=32.0)
    bench.draw(20.0)
    bench.until(lambda: not bench.closed, within_s=9.0)
    bench.run(0.3)
    assert bench.faults == {"over_current"}


def test_a_cable_between_the_windows_is_a_fault(bench: Bench) -> None:
    bench.slots["plug_rating_a"] = -1.0
    bench.wiring.car = "B"
    bench.run(0.5)
    assert bench.faults == {"cable_invalid"}


# --- mains, heat, age -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volts", "code"),
    [((230, 230, 60), "lost_phase"), ((190, 230, 230), "under_voltage"), ((230, 260, 230), "over_voltage")],
)
def test_mains_out_of_band_for_a_second(volts: tuple[float, ...], code: str) -> None:
    i = IDLE._replace(meter=MeterReading(0.0, 0.0, volts, (0.0,) * 3))
    s = run(Interlocks(), i, 0.0, 0.99)
    assert not s.faults
    assert codes(run(s, i, 1.0, 1.01)) == {code}


def test_a_single_phase_board_does_not_miss_the_other_phases() -> None:
    board = ConnectorSettings(id=1, kind="sType2", max_current_a=32.0, phases=1)
    i = IDLE._replace(meter=MeterReading(0.0, 0.0, (230.0, 0.0, 0.0), (0.0,) * 3))
    s = step(Interlocks(), board, i, 0.0)
    assert not step(s, board, i, 5.0).faults


def test_heat_throttles_then_stops_with_hysteresis(bench: Bench) -> None:
    bench.charge()
    bench.slots["temperature_c"] = 77.5
    bench.run(1.5)
    assert bench.observation.limit_a == 8.0
    bench.slots["temperature_c"] = 85.0
    bench.run(1.5)
    assert bench.faults == {"over_temperature"} and not bench.closed
    bench.slots["temperature_c"] = 80.5
    bench.run(3.0)
    assert bench.faults == {"over_temperature"}
    bench.slots["temperature_c"] = 79.0
    bench.run(3.0)
    assert bench.faults == set()


def test_derating_is_linear_in_whole_amperes_and_never_below_the_minimum() -> None:
    assert [derated_a(32.0, BOARD, t) for t in (None, 70.0, 71.0, 77.5, 84.0, 90.0)] == [32, 32, 29, 16, 6, 6]
    assert derated_a(0.0, BOARD, 80.0) == 0.0


def test_a_dead_thermometer_stops(bench: Bench) -> None:
    bench.charge()
    bench.slots["temperature_fault"] = 1.0
    bench.run(9.0)
    assert bench.closed
    bench.run(2.5)
    assert bench.faults == {"temperature_sensor"} and not bench.closed


def test_a_silent_meter_stops_after_its_stale_time(bench: Bench) -> None:
    bench.charge()
    bench.slots["meter_fault"] = 1.0
    bench.run(2.4)
    assert bench.closed
    bench.run(1.5)
    assert bench.faults == {"meter_stale"} and not bench.closed
    assert bench.observation.meter is not None and bench.observation.meter.quality == "stale"


def test_a_silent_meter_may_be_tolerated_by_the_board(make_bench: BenchMaker) -> None:
    bench = make_bench(replace={"[connector.policy]\n": '[connector.policy]\non_meter_stale = "continue"\n'})
    bench.charge()
    bench.slots["meter_fault"] = 1.0
    bench.run(10.0)
    assert bench.closed


# --- lock -----------------------------------------------------------------------------------------------------------


def test_nothing_closes_before_the_plug_is_locked(bench: Bench) -> None:
    bench.wiring.lock_jammed = True
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 26.67)
    bench.grant()
    bench.run(3.0)
    assert bench.observation.why_open == "waiting for the plug lock"
    bench.run(2.6)
    assert bench.faults == {"lock_failed"}
    assert bench.observation.grant_ended == "plug lock does not reach its place: still moving after 5 tries"
    assert not bench.closed


def test_the_plug_is_released_only_after_the_contactor_is_open(bench: Bench) -> None:
    bench.charge()
    bench.wiring.contactor_s = 0.2
    bench.wiring.car = "B"
    bench.until(lambda: bench.slots["lock_state"] == 0.0, within_s=2.0)
    assert bench.slots["contactor_closed"] == 0.0


def test_a_power_cut_releases_the_plug(bench: Bench) -> None:
    bench.charge()
    bench.send(wire.LockIntent(bench.epoch, 1, True))
    bench.slots["mains_fail"] = 1.0
    bench.run(1.0)
    assert bench.slots["contactor_closed"] == 0.0
    assert bench.slots["lock_state"] == 0.0


def test_the_controller_may_keep_it_locked_but_not_beyond_its_own_life(bench: Bench) -> None:
    bench.charge()
    bench.send(wire.LockIntent(bench.epoch, 1, True))
    bench.wiring.car = "B"
    bench.run(3.0)
    assert bench.slots["lock_state"] == 1.0
    bench.alive = False
    bench.run(2.0)
    assert bench.slots["lock_state"] == 0.0
