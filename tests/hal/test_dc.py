"""A DC connector in the guard: set points, ramp-down, isolation. Cable check and over-voltage will build on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.board import ConnectorSettings
from hal.contracts import DcReading, DcSupply, DeviceError, PilotMode
from hal.dc_path import OFF, SetPoint, Wish, step, unloaded

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

BOARD = ConnectorSettings(
    id=1, kind="cCCS2", dc=True, max_current_a=500, dc_max_voltage_v=1000, dc_max_current_a=500, dc_max_power_w=2e5
)
READING = DcReading(400.0, 100.0, 1000.0, 500.0, 2e5)


@pytest.fixture
def dc(make_bench: BenchMaker) -> Bench:
    return make_bench("sim-dc-ccs2")


def ask(bench: Bench, phase: str, voltage_v: float = 0.0, current_a: float = 0.0) -> None:
    bench.send(wire.DcIntent(bench.epoch, 1, phase, voltage_v, current_a))  # type: ignore[arg-type]


def deliver(bench: Bench) -> None:
    """Reach: 400 V, 100 A flowing."""
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant(limit_a=200.0)
    ask(bench, "deliver", 400.0, 100.0)
    bench.until(lambda: bench.slots["dc_present_current_a"] == 100.0, within_s=3.0)


def test_set_points_obey_phase_limit_and_power() -> None:
    def at(wish: Wish, limit_a: float = 200.0, *, closed: bool = True) -> SetPoint:
        return step(wish, BOARD, limit_a, READING, closed=closed)

    assert at(Wish("deliver", 400.0, 100.0)) == SetPoint(400.0, 100.0, True)
    assert at(Wish("deliver", 400.0, 300.0)) == SetPoint(400.0, 200.0, True)
    assert at(Wish("deliver", 1200.0, 300.0)) == SetPoint(1000.0, 200.0, True)
    assert at(Wish("deliver", 800.0, 500.0), 500.0) == SetPoint(800.0, 250.0, True)
    assert at(Wish("precharge", 400.0, 100.0)) == SetPoint(400.0, 2.0, True)
    assert at(Wish("cable_check", 500.0, 100.0)) == SetPoint(500.0, 2.0, True)
    assert at(Wish("ramp_down", 400.0, 100.0)) == SetPoint(400.0, 0.0, True)
    assert at(Wish("deliver", 400.0, 100.0), 0.0) == SetPoint(400.0, 0.0, True)
    assert at(Wish("deliver", 400.0, 100.0), closed=False) == OFF


def test_an_unknown_current_counts_as_load() -> None:
    assert not unloaded(None)
    assert unloaded(READING._replace(current_a=4.9)) and unloaded(READING._replace(current_a=-4.9))
    assert not unloaded(READING._replace(current_a=5.0))


def test_the_contactor_waits_for_the_cars_session(dc: Bench) -> None:
    dc.connect()
    dc.wiring.car = "C"
    dc.run(0.1)
    dc.show(PilotMode.DUTY, 5.0)
    dc.grant(limit_a=200.0)
    dc.run(1.0)
    assert not dc.closed
    assert dc.observation.why_open == "waiting for the car's session to ask for power"
    ask(dc, "cable_check", 500.0, 2.0)
    dc.until(lambda: dc.closed, within_s=1.0)
    dc.run(0.5)
    assert dc.slots["imd_on"] == 1.0
    assert dc.observation.dc is not None and dc.observation.dc.isolation_ohm == 1e6


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
    dc.slots["isolation_ohm"] = 49_000.0  # 100 Ohm/V at the least 500 V: 50 kOhm
    dc.until(lambda: not dc.closed, within_s=0.5)
    dc.run(0.3)
    assert dc.faults == {"isolation"}


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


def test_a_monitor_that_fails_its_self_test_ends_the_session(make_bench: BenchMaker) -> None:
    bench = make_bench("sim-dc-ccs2", replace={'"sim_isolation_monitor"': '"sim_isolation_monitor"\nself_test_s = 0'})
    bench.wiring.imd_quick = False
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant(limit_a=200.0)
    ask(bench, "cable_check", 500.0, 2.0)
    bench.run(1.5)
    assert bench.faults == {"isolation"}
    assert not bench.closed
    assert bench.observation.dc is not None and bench.observation.dc.isolation_ohm is None
