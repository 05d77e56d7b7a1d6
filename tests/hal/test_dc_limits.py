"""The numbers of a DC output (IEC 61851-23), row by row, and the steps that the plant cannot bring about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from hal import cable_check, dc_limits, dc_watch, wire
from hal.board_settings import ConnectorSettings
from hal.cable_check import EARLY_TEST, ORDER, CableCheck, Plan, Step
from hal.contracts import DcReading, InsulationReading, PilotMode
from hal.faults import FAULTS

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

BOARD = ConnectorSettings(
    id=1, kind="cCCS2", dc=True, max_current_a=500, dc_max_voltage_v=1000, dc_max_current_a=500, dc_max_power_w=2e5
)


@pytest.mark.parametrize(
    ("ev_max_v", "output_max_v", "test_v"),
    [(0, 1000, 1000), (400, 1000, 450), (470, 1000, 500), (500, 1000, 500), (400, 420, 420), (600, 1000, 660),
     (950, 1000, 1000)],
)  # fmt: skip
def test_the_voltage_of_the_cable_check(ev_max_v: float, output_max_v: float, test_v: float) -> None:
    assert dc_limits.cable_check_voltage(ev_max_v, output_max_v) == pytest.approx(test_v)


@pytest.mark.parametrize(
    ("agreed_v", "threshold_v"),
    [(400, 550), (500, 550), (501, 825), (750, 825), (850, 935), (1000, 1100), (1250, 1375)],
)
def test_the_emergency_thresholds_of_table_103(agreed_v: float, threshold_v: float) -> None:
    assert dc_limits.emergency_voltage(agreed_v) == threshold_v


@pytest.mark.parametrize(
    ("ohm", "verdict"),
    [(None, "invalid"), (0, "fault"), (99_999, "fault"), (100_000, "warning"), (499_999, "warning"), (5e5, "valid")],
)
def test_insulation_at_1000_v(ohm: float | None, verdict: str) -> None:
    assert dc_limits.insulation(ohm, 1000.0) == verdict


def test_every_limit_says_who_keeps_it_and_names_a_fault_that_exists() -> None:
    for rule in dc_limits.LIMITS:
        assert rule.kept_by in {"hardware", "guard", "both"} and rule.source and rule.value
        assert rule.code == "" or rule.code in FAULTS, rule
        assert rule.code == "" or rule.kept_by != "hardware", rule


def test_no_step_of_the_cable_check_is_without_its_time() -> None:
    assert set(cable_check.BUDGET_S) == set(ORDER) - {Step.PASSED} == set(EARLY_TEST) - {Step.PASSED}
    assert cable_check.WHOLE_S < 38.0  # ISO 15118-2 Table 111


# --- the cable check without a plant --------------------------------------------------------------------------------

PLAN = Plan(test_v=500.0, rated_v=1000.0)
QUIET = cable_check.Inputs(
    wanted=True, closed=False, held_up="", output_v=0.0, output_at=math.inf, current_a=0.0,
    monitor=InsulationReading(None), monitor_at=0.0,
)  # fmt: skip


def test_several_samples_must_agree_and_each_counts_once() -> None:
    c = CableCheck(Step.MEASURING, 0.0, 10.0, 500.0, energised=True)
    plan = PLAN._replace(samples=3)
    good = QUIET._replace(closed=True, monitor=InsulationReading(1e6, "passed"))
    for at, samples in ((9.0, 0), (11.0, 1), (11.0, 1), (12.0, 2), (13.0, 3)):
        c = cable_check.step(c, plan, good._replace(monitor_at=at), at + 0.1)
        assert (c.step, c.samples) == (Step.MEASURING, samples)
    assert cable_check.step(c, plan, good._replace(monitor_at=13.0), 13.2).step is Step.DISCHARGING
    bad = good._replace(monitor=InsulationReading(90_000.0, "passed"), monitor_at=14.0)
    failed = cable_check.step(CableCheck(Step.MEASURING, 0.0, 10.0, 500.0, energised=True), plan, bad, 14.1)
    assert (failed.step, failed.code) == (Step.FAILED, "isolation")


def test_waiting_for_the_car_is_no_fault_of_the_contactor_but_has_an_end() -> None:
    c = CableCheck(Step.CLOSING, 100.0, 100.0, 500.0)
    waiting = QUIET._replace(held_up="car in state B")
    for tick in range(1, 37):
        c = cable_check.step(c, PLAN, waiting, 100.0 + tick)
        assert c.step is Step.CLOSING and c.why == "cable check: contactor (car in state B)"
    c = cable_check.step(c, PLAN, waiting, 137.1)
    assert (c.step, c.code) == (Step.FAILED, "")
    assert "not closed (car in state B)" in c.why


def test_a_step_that_takes_too_long_says_what_it_missed() -> None:
    rising = CableCheck(Step.RISING, 0.0, 10.0, 500.0, energised=True)
    slow = QUIET._replace(closed=True, output_v=312.0)
    assert cable_check.step(rising, PLAN, slow, 16.0).running
    failed = cable_check.step(rising, PLAN, slow, 16.1)
    assert (failed.code, failed.why) == ("cable_check", "cable check, test voltage: 312 V, not 500 V within 6 s")


def test_an_early_self_test_is_done_with_open_contactor(make_bench: BenchMaker) -> None:
    early = {"[connector.policy]": '[connector.policy]\nisolation_self_test = "open"'}
    bench: Bench = make_bench("sim-dc-ccs2", replace=early)
    bench.wiring.imd_echo = 0.0
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant(limit_a=200.0)
    bench.send(wire.DcIntent(bench.epoch, 1, "cable_check", 500.0))
    bench.until(lambda: bench.slots["imd_self_test"] == 1.0, within_s=1.0)
    bench.run(1.0)
    assert not bench.closed
    bench.wiring.imd_echo = 1.0
    bench.until(lambda: bench.observation.dc is not None and bench.observation.dc.cable_check == "passed", within_s=3.0)
    assert bench.closed and bench.slots["imd_self_test"] == 1.0


# --- supervision without a plant ------------------------------------------------------------------------------------


def watched(volts: float, amps: float, at: float, **more: object) -> dc_watch.Inputs:
    reading = DcReading(volts, amps, 1000.0, 500.0, 2e5)
    seen = dc_watch.Inputs("deliver", True, reading, at, True, target_a=100.0, ev_max_v=450.0)
    return seen._replace(**more)  # type: ignore[arg-type]  # the fields of Inputs


def codes(w: dc_watch.Watch) -> set[str]:
    return {code for code, _ in w.found}


def test_more_than_the_cars_maximum_counts_after_400_ms_of_readings() -> None:
    w = dc_watch.Watch()
    for at in (10.0, 10.2, 10.39):
        w = dc_watch.step(w, BOARD, watched(460.0, 100.0, at), at)
        assert not w.found
    # no new reading: nothing is known to have lasted
    assert not dc_watch.step(w, BOARD, watched(460.0, 100.0, 10.39), 10.6).found
    assert codes(dc_watch.step(w, BOARD, watched(460.0, 100.0, 10.45), 10.5)) == {"dc_over_voltage"}
    w = dc_watch.step(w, BOARD, watched(450.0, 100.0, 10.45), 10.5)
    assert not dc_watch.step(w, BOARD, watched(460.0, 100.0, 10.5), 10.5).found


def test_one_reading_above_table_103_is_enough() -> None:
    assert not dc_watch.step(dc_watch.Watch(), BOARD, watched(550.0, 0.0, 1.0), 1.0).found
    assert codes(dc_watch.step(dc_watch.Watch(), BOARD, watched(551.0, 0.0, 1.0), 1.0)) == {"dc_over_voltage"}


def test_a_lowered_set_point_may_be_followed_with_a_second_and_100_a_per_second() -> None:
    w, now = dc_watch.Watch(), 0.0
    while now < 1.0:
        w = dc_watch.step(w, BOARD, watched(400.0, 300.0, now, target_a=300.0), now)
        now += 0.1
    began = now - 0.1
    while now - began < 4.5:  # falls with exactly 100 A/s after a second
        amps = 300.0 - max(0.0, now - began - 1.0) * 100.0
        w = dc_watch.step(w, BOARD, watched(400.0, max(0.0, amps), now, target_a=0.0), now)
        assert not w.found, now - began
        now += 0.1


def test_a_current_that_does_not_fall_is_a_fault() -> None:
    w, now = dc_watch.step(dc_watch.Watch(), BOARD, watched(400.0, 300.0, 0.0, target_a=300.0), 0.0), 0.0
    while "dc_over_current" not in codes(w):
        now += 0.1
        assert now < 3.0
        w = dc_watch.step(w, BOARD, watched(400.0, 300.0, now, target_a=0.0), now)
    assert 2.0 < now < 2.5


@pytest.mark.parametrize(("volts", "amps"), [(-21.0, 0.0), (400.0, -5.1)])
def test_negative_values_are_a_fault(volts: float, amps: float) -> None:
    assert codes(dc_watch.step(dc_watch.Watch(), BOARD, watched(volts, amps, 1.0), 1.0)) == {"dc_polarity"}


def test_a_monitor_without_a_valid_value_is_blind() -> None:
    w = dc_watch.Watch(valid_at=100.0)
    blind = {"monitored": True, "monitor": InsulationReading(None)}
    assert not dc_watch.step(w, BOARD, watched(400.0, 0.0, 110.0, **blind), 110.0).found
    assert codes(dc_watch.step(w, BOARD, watched(400.0, 0.0, 110.1, **blind), 110.1)) == {"isolation_monitor"}


def test_stale_readings_prove_nothing() -> None:
    assert not dc_watch.step(dc_watch.Watch(), BOARD, watched(1500.0, -50.0, 1.0, fresh=False), 9.0).found


@pytest.mark.parametrize(
    ("volts", "plug", "welded"), [(370.0, 366.0, True), (370.0, 300.0, False), (370.0, None, True), (59.0, 59.0, False)]
)
def test_what_an_open_contactor_shows(volts: float, plug: float | None, welded: bool) -> None:
    reading = DcReading(volts, 0.0, 1000.0, 500.0, 2e5, plug)
    w = dc_watch.Watch(opened_at=10.0)
    seen = watched(0.0, 0.0, 13.0, closed=False, reading=reading)
    assert codes(dc_watch.step(w, BOARD, seen, 13.0)) == ({"dc_weld"} if welded else set())
    assert not dc_watch.step(w, BOARD, seen._replace(reading_at=12.9), 13.0).found
