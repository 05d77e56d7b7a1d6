"""The DC side at the real guard, in virtual time: cable check, precharge, delivery and ramp-down of a CCS session."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from hal.contracts import PilotMode
from hal.wire import DcIntent, FromGuard, GrantIntent, Hello, SetPilot
from hil.rig import JsonObject, Rig
from hil.virtual import TICK_S, VirtualBench

BOARD = Path(__file__).parents[2] / "board-configs" / "sim-dc-ccs2.toml"

DcPhase = Literal["cable_check", "precharge", "deliver", "ramp_down"]


def five_percent(bench: VirtualBench, message: FromGuard) -> None:
    if not isinstance(message, Hello):
        bench.guard.receive(SetPilot(bench.epoch, 1, PilotMode.DUTY, 5.0))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VirtualBench]:
    bench = VirtualBench(BOARD, tmp_path, five_percent)
    yield bench
    bench.controller_alive = False
    Rig(bench).check_healthy()
    bench.close()


@pytest.fixture
def rig(bench: VirtualBench) -> Rig:
    """A car in state C with 5 %, and a grant."""
    rig = Rig(bench, step_s=TICK_S)
    bench.pass_time(1.0)
    rig.do("set_state", state="B")
    bench.pass_time(1.0)
    bench.guard.receive(GrantIntent(bench.epoch, 1, "tx1", 200.0))
    rig.do("set_state", state="C")
    return rig


def ask(bench: VirtualBench, phase: DcPhase, volts: float = 0.0, amps: float = 0.0) -> None:
    bench.guard.receive(DcIntent(bench.epoch, 1, phase, volts, amps))


def deliver(bench: VirtualBench, rig: Rig) -> JsonObject:
    """The whole way to 100 A."""
    ask(bench, "cable_check", 500.0, 2.0)
    rig.wait("closed", within=5.0)
    rig.wait(lambda seen: seen["dc_voltage_v"] > 490.0, within=3.0)
    ask(bench, "precharge", 369.0, 2.0)
    rig.wait(lambda seen: abs(seen["dc_voltage_v"] - 369.0) < 20.0, within=3.0)
    rig.do("car", dc_relay=True)
    ask(bench, "deliver", 400.0, 100.0)
    rig.wait(lambda seen: seen["dc_current_a"] > 99.0, within=3.0)
    return rig.status()


def test_current_flows_after_cable_check_and_precharge(bench: VirtualBench, rig: Rig) -> None:
    seen = deliver(bench, rig)
    assert seen["power_w"] > 35_000.0
    bench.pass_time(1.0)
    dc = bench.seen[1].dc
    assert dc is not None
    assert dc.current_a == pytest.approx(100.0, abs=1.0)
    assert dc.isolation_ohm == pytest.approx(1e6)


def test_ramp_down_brings_the_current_below_5_a_within_a_second(bench: VirtualBench, rig: Rig) -> None:
    deliver(bench, rig)
    ask(bench, "ramp_down")
    assert rig.wait(lambda seen: seen["dc_current_a"] < 5.0, within=2.0) <= 1.0


def test_a_lost_lease_ramps_down_and_opens_below_5_a(bench: VirtualBench, rig: Rig) -> None:
    deliver(bench, rig)
    bench.controller_alive = False
    while rig.status()["closed"]:
        current = rig.status()["dc_current_a"]
        bench.pass_time(TICK_S)
        assert bench.now < 2000.0
    assert current < 5.0


def test_without_the_guard_output_and_contactor_fall(bench: VirtualBench, rig: Rig) -> None:
    deliver(bench, rig)
    bench.without_guard(0.15)
    assert rig.status()["de_energised"]


def test_a_low_insulation_ends_the_delivery(bench: VirtualBench, rig: Rig) -> None:
    deliver(bench, rig)
    rig.do("isolation", ohm=20_000.0)
    rig.wait("open", within=5.0)
    assert any("iso" in fault.code for fault in bench.seen[1].faults)
