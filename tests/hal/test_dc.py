"""A DC connector in the guard: set points, cable check, delivery, and everything that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.board_settings import ConnectorSettings
from hal.cable_check import CableCheck
from hal.contracts import DcReading, DcSupply, DeviceError, PilotMode
from hal.dc_path import OFF, Bounds, SetPoint, Wish, step, unloaded

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

BOARD = ConnectorSettings(
    id=1, kind="cCCS2", dc=True, max_current_a=500, dc_max_voltage_v=1000, dc_max_current_a=500, dc_max_power_w=2e5
)
READING = DcReading(400.0, 100.0, 1000.0, 500.0, 2e5)


@pytest.fixture
def dc(make_bench: BenchMaker) -> Bench:
    return make_bench("sim-dc-ccs2")


def sample(bench: Bench) -> wire.DcSample:
    assert bench.observation.dc is not None
    return bench.observation.dc


def ask(bench: Bench, phase: str, voltage_v: float = 0.0, current_a: float = 0.0, max_voltage_v: float = 500.0) -> None:
    bench.send(wire.DcIntent(bench.epoch, 1, phase, voltage_v, current_a, max_voltage_v))  # type: ignore[arg-type]


def begin(bench: Bench, limit_a: float = 200.0) -> None:
    """Reach: a car in C under 5 %, a grant, and the wish for a cable check."""
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant(limit_a=limit_a)
    ask(bench, "cable_check")


def check(bench: Bench) -> None:
    """Reach: cable check passed."""
    begin(bench)
    bench.until(lambda: sample(bench).cable_check == "passed", within_s=3.0)


def deliver(bench: Bench) -> None:
    """Reach: 400 V, 100 A flowing."""
    check(bench)
    ask(bench, "precharge", 400.0, 2.0)
    bench.until(lambda: bench.slots["dc_present_voltage_v"] == 400.0, within_s=1.0)
    ask(bench, "deliver", 400.0, 100.0)
    bench.until(lambda: bench.slots["dc_present_current_a"] == 100.0, within_s=1.0)


def test_set_points_obey_phase_limit_and_power() -> None:
    def at(wish: Wish, limit_a: float = 200.0, limit_w: float | None = None, *, closed: bool = True) -> SetPoint:
        return step(wish, CableCheck(), BOARD, Bounds(limit_a, limit_w), READING, closed=closed)

    assert at(Wish("deliver", 400.0, 100.0)) == SetPoint(400.0, 100.0, True)
    assert at(Wish("deliver", 400.0, 300.0)) == SetPoint(400.0, 200.0, True)
    assert at(Wish("deliver", 1200.0, 300.0)) == SetPoint(1000.0, 200.0, True)
    assert at(Wish("deliver", 800.0, 500.0), 500.0) == SetPoint(800.0, 250.0, True)
    assert at(Wish("precharge", 400.0, 100.0)) == SetPoint(400.0, 2.0, True)
    assert at(Wish("cable_check", 500.0, 100.0)) == OFF  # what it gives is the cable check's
    assert at(Wish("deliver", 800.0, 500.0), 500.0, 80_000.0) == SetPoint(800.0, 100.0, True)
    assert at(Wish("deliver", 450.0, 100.0, 420.0)) == SetPoint(420.0, 100.0, True)
    assert at(Wish("ramp_down", 400.0, 100.0)) == SetPoint(400.0, 0.0, True)
    assert at(Wish("deliver", 400.0, 100.0), 0.0) == SetPoint(400.0, 0.0, True)
    assert at(Wish("deliver", 400.0, 100.0), closed=False) == OFF


def test_an_unknown_current_counts_as_load() -> None:
    assert not unloaded(None)
    assert unloaded(READING._replace(current_a=4.9)) and unloaded(READING._replace(current_a=-4.9))
    assert not unloaded(READING._replace(current_a=5.0))


def test_a_derated_supply_is_asked_for_what_it_can_give() -> None:
    wish, weak = Wish("deliver", 400.0, 300.0), READING._replace(max_current_a=250.0, max_power_w=50_000.0)
    assert step(wish, CableCheck(), BOARD, Bounds(500.0), weak, closed=True) == SetPoint(400.0, 125.0, True)


def test_the_contactor_waits_for_the_cars_session(dc: Bench) -> None:
    dc.connect()
    dc.wiring.car = "C"
    dc.run(0.1)
    dc.show(PilotMode.DUTY, 5.0)
    dc.grant(limit_a=200.0)
    dc.run(1.0)
    assert not dc.closed
    assert dc.observation.why_open == "waiting for the car's session to ask for power"


def test_nothing_closes_for_a_delivery_without_a_cable_check(dc: Bench) -> None:
    begin(dc)
    ask(dc, "idle")
    for phase in ("precharge", "deliver"):
        ask(dc, phase, 400.0, 2.0)
        dc.run(1.0)
        assert not dc.closed


def test_the_cable_check_ends_below_60_v_with_a_closed_contactor_and_a_verdict(dc: Bench) -> None:
    begin(dc)
    dc.until(lambda: dc.slots["dc_voltage_v"] == 500.0, within_s=2.0)
    assert dc.slots["imd_on"] == 1.0 and sample(dc).isolation_ohm is None
    dc.until(lambda: sample(dc).cable_check == "passed", within_s=3.0)
    assert dc.closed and dc.slots["dc_present_voltage_v"] < 60.0
    assert (sample(dc).isolation, sample(dc).isolation_ohm, sample(dc).why) == ("valid", 1e6, "")


def test_what_the_cable_check_proved_holds_for_one_closing(dc: Bench) -> None:
    check(dc)
    ask(dc, "ramp_down")
    dc.until(lambda: not dc.closed, within_s=1.1)
    ask(dc, "precharge", 400.0, 2.0)
    dc.run(11.0)
    assert not dc.closed and sample(dc).cable_check == "none"
    ask(dc, "cable_check")
    dc.until(lambda: sample(dc).cable_check == "passed", within_s=3.0)


def test_power_is_reported_at_20_hz_while_it_flows(dc: Bench) -> None:
    deliver(dc)
    dc.seen.clear()
    dc.run(2.0)
    assert 38 <= sum(isinstance(message, wire.Observation) for message in dc.seen) <= 42


def test_a_ramp_down_opens_once_the_current_is_gone(dc: Bench) -> None:
    deliver(dc)
    ask(dc, "ramp_down", 400.0)
    assert dc.until(lambda: not dc.closed, within_s=1.1) < 0.5
    dc.run(0.2)
    assert dc.slots["dc_on"] == 0.0 and dc.slots["imd_on"] == 0.0


def test_c_without_controller_it_ramps_at_once_and_opens_after_1_s_at_the_latest(dc: Bench) -> None:
    deliver(dc)
    dc.wiring.dc_current_a = 100.0  # a supply that does not obey
    epoch = dc.epoch
    dc.alive = False
    dc.until(lambda: dc.epoch != epoch, within_s=0.4)
    assert dc.until(lambda: dc.slots["dc_current_a"] == 0.0, within_s=0.1) <= 0.06
    assert dc.shown == "duty"  # losing 5 % is an emergency stop to the car: first the ramp
    assert 0.9 <= dc.until(lambda: not dc.closed, within_s=1.1) <= 1.0
    dc.run(0.1)
    assert dc.shown == "x1"
    assert dc.observation.grant_ended == "controller lost: DC has no ride-through"


def test_the_next_grant_does_not_inherit_the_last_set_point(dc: Bench) -> None:
    deliver(dc)
    dc.send(wire.Revoke(dc.epoch, 1, "stopped by user"))
    dc.run(1.2)
    dc.grant("s2", limit_a=200.0)
    dc.run(12.0)
    assert not dc.closed


def test_a_car_that_lets_go_is_open_within_100_ms_whatever_flows(dc: Bench) -> None:
    deliver(dc)
    dc.wiring.dc_current_a = 100.0
    dc.wiring.car = "B"
    assert dc.until(lambda: not dc.slots["dc_contactor_closed"], within_s=0.2) <= 0.1


def test_low_insulation_ends_the_session(dc: Bench) -> None:
    deliver(dc)
    dc.slots["isolation_ohm"] = 99_000.0  # 100 Ohm/V of an output for 1000 V
    dc.until(lambda: not dc.closed, within_s=0.5)
    dc.run(0.3)
    assert dc.faults == {"isolation"}
    assert sample(dc).isolation == "fault"


class HardOfHearing:
    """A supply that does not take the first two commands of each current."""

    def __init__(self, supply: DcSupply) -> None:
        self._supply = supply
        self.heard: list[float] = []

    def set(self, voltage_v: float, current_a: float, *, on: bool) -> None:
        self.heard.append(current_a)
        if self.heard.count(current_a) < 3:
            raise DeviceError("no answer on the bus")
        self._supply.set(voltage_v, current_a, on=on)

    def read(self) -> DcReading:
        return self._supply.read()


def test_a_set_point_is_repeated_until_the_supply_takes_it(make_bench: BenchMaker) -> None:
    bench = make_bench("sim-dc-ccs2", wrap={"dc_supply": HardOfHearing})
    bench.run(0.5)
    deliver(bench)
    assert not bench.faults


def test_a_monitor_that_fails_its_self_test_ends_the_session(dc: Bench) -> None:
    dc.wiring.imd_echo = -1.0
    begin(dc)
    dc.until(lambda: not dc.closed and "isolation_monitor" in dc.faults, within_s=3.0)
    assert sample(dc).cable_check == "failed" and sample(dc).isolation_ohm is None
    assert sample(dc).why == "cable check, self test of the insulation monitor: the monitor failed its self test"


def test_a_warning_of_the_monitor_does_not_stop_anything(dc: Bench) -> None:
    deliver(dc)
    dc.slots["isolation_ohm"] = 499_000.0
    dc.until(lambda: sample(dc).isolation == "warning", within_s=1.0)
    dc.run(1.0)
    assert dc.closed and not dc.faults
