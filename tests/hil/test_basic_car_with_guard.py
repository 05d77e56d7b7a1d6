"""A basic IEC 61851-1 car at the real guard, in virtual time: the lab sheet of the simulated AC board.

The controller is a few lines: it keeps the lease, and a card at the reader makes it grant 16 A.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.contracts import PilotMode
from hal.wire import FromGuard, GrantIntent, LockIntent, Revoke, SetPilot, Token
from hil.rig import Rig
from hil.virtual import TICK_S, VirtualBench

BOARD = Path(__file__).parents[2] / "board-configs" / "sim-ac-type2.toml"
LIMIT_A = 16.0


def grant_by_card(bench: VirtualBench, message: FromGuard) -> None:
    if isinstance(message, Token):
        bench.guard.receive(GrantIntent(bench.epoch, 1, "tx1", LIMIT_A, failsafe_limit_a=6.0))
        bench.guard.receive(SetPilot(bench.epoch, 1, PilotMode.DUTY, LIMIT_A / 0.6))
        bench.guard.receive(LockIntent(bench.epoch, 1, locked=True))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VirtualBench]:
    bench = VirtualBench(BOARD, tmp_path, grant_by_card)
    yield bench
    rig = Rig(bench)
    bench.controller_alive = False
    rig.check_healthy()
    bench.close()


@pytest.fixture
def rig(bench: VirtualBench) -> Rig:
    rig = Rig(bench, step_s=TICK_S)
    bench.pass_time(0.5)  # the guard has looked at everything once
    return rig


def test_plugged_without_a_card_nothing_closes(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("plugged")
    bench.pass_time(30.0)
    assert not rig.status()["closed"]
    assert bench.seen[1].level == "B"
    assert bench.seen[1].why_open


def test_a_card_makes_the_car_charge_at_the_granted_current(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("charging")
    bench.pass_time(10.0)
    seen = rig.status()
    assert seen["duty_percent"] == pytest.approx(26.67, abs=0.01)
    assert seen["current_a"] == [16.0, 16.0, 16.0]
    assert seen["locked"]
    meter = bench.seen[1].meter
    assert meter is not None
    assert meter.power_w == pytest.approx(seen["power_w"], rel=0.01)


def test_the_contactor_closes_within_three_seconds_of_state_c(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("plugged")
    rig.do("swipe", token="04AABBCC")
    rig.wait("ready", within=10.0)
    assert rig.wait("closed", within=10.0) <= 3.0


@pytest.mark.parametrize("state", ["A", "B"])
def test_the_contactor_opens_within_100_ms_when_the_car_lets_go(bench: VirtualBench, rig: Rig, state: str) -> None:
    rig.reach("charging")
    rig.do("set_state", state=state)
    assert rig.wait("open", within=1.0) <= 0.1


@pytest.mark.parametrize(
    ("fault", "fields", "within"),
    [
        ("emergency_stop", {}, 0.1),
        ("short", {}, 0.1),
        ("diode_fault", {}, 0.1),
        ("pe_fault", {}, 0.1),
        ("mains_fail", {}, 0.1),
        ("leak", {"dc_ma": 60}, 0.1),
        ("adc_fault", {}, 0.3),
        ("phase_loss", {}, 3.0),
        ("grid", {"voltage_v": 300}, 3.0),
        ("temperature", {"celsius": 95}, 12.0),
        ("meter_fault", {}, 12.0),
    ],
)
def test_a_fault_while_charging_opens_and_stays_open(
    bench: VirtualBench, rig: Rig, fault: str, fields: dict[str, float], within: float
) -> None:
    rig.reach("charging")
    rig.do(fault, **fields)
    rig.wait("open", within)
    closings = rig.status()["operations"]
    bench.pass_time(15.0)
    assert rig.status()["operations"] == closings
    assert bench.seen[1].faults, "the controller is told why"


def test_a_weld_is_seen_and_the_breaker_tripped(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("charging")
    rig.do("weld")
    rig.do("set_state", state="B")
    bench.pass_time(3.0)
    assert any("weld" in fault.code for fault in bench.seen[1].faults)
    assert bench.plant.connectors[1].grid.breaker_tripped


def test_a_dead_residual_current_monitor_forbids_closing(bench: VirtualBench, rig: Rig) -> None:
    rig.do("rcd_dead")
    rig.reach("plugged")
    rig.do("swipe", token="04AABBCC")
    bench.pass_time(10.0)
    assert not rig.status()["closed"]


def test_a_thirteen_ampere_cable_caps_the_duty(bench: VirtualBench, rig: Rig) -> None:
    rig.do("plug", cable=13)
    rig.reach("charging")
    bench.pass_time(6.0)
    assert rig.status()["current_a"][0] <= 13.0


def test_without_the_controller_charging_goes_on_at_the_failsafe_current(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("charging")
    bench.controller_alive = False
    frozen = bench.now
    bench.pass_time(10.0)
    assert rig.status()["closed"]
    assert rig.status()["current_a"][0] == pytest.approx(6.0, abs=0.1)
    rig.wait("open", within=130.0)
    assert 120.0 <= bench.now - frozen <= 127.0, "120 s of ride-through, then at most 6 s for the car to let go"


def test_a_revoked_grant_lets_the_car_ramp_down_first(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("charging")
    bench.pass_time(3.0)
    bench.guard.receive(Revoke(bench.epoch, 1, "enough"))
    rig.wait("open", within=6.1)
    assert rig.status()["car"] == "B", "the car let go, nothing opened under load"


def test_without_the_guard_the_hardware_watchdog_opens(bench: VirtualBench, rig: Rig) -> None:
    rig.reach("charging")
    bench.without_guard(0.12)
    assert bench.plant.connectors[1].de_energised
