"""A basic IEC 61851-1 car at the real guard, in virtual time: the lab sheet of the simulated AC board.

The controller is a few lines: it keeps the lease, and a card at the reader makes it grant 16 A.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal import board
from hal.contracts import PilotMode
from hal.guard import Event, Guard
from hal.sim.registers import Registers
from hal.wire import Beat, GrantIntent, Hello, Lease, LockIntent, Observation, Revoke, SetPilot, Token
from hil.plant.commands import answer
from hil.plant.plant import Plant
from hil.rig import JsonObject, Rig

BOARD = Path(__file__).parents[2] / "board-configs" / "sim-ac-type2.toml"
TICK_S = 0.01
LIMIT_A = 16.0


class Bench:
    """Plant, guard and a controller that grants, on one virtual clock; the link of a `Rig`."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(Registers.create(folder / "registers", 1))
        self.board = board.load(BOARD)
        self.board.attach(folder / "registers")
        self.now = 1000.0
        self.guard = Guard(self.board, self.now)
        self.guard.receive(Event.CONNECTED)
        self.controller_alive = True
        self.seen: Observation | None = None
        self.contact_s: list[tuple[float, bool]] = []  # when the contacts moved
        self.epoch = 1

    def request(self, request: JsonObject) -> JsonObject:
        reply: JsonObject = json.loads(answer(self.plant, json.dumps(request).encode()))
        return reply

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds - 1e-9
        while self.now < until:
            self.plant.step(TICK_S / 2)
            self.plant.step(TICK_S / 2)
            self.now += TICK_S
            self.guard.tick(self.now)
            for message in self.guard.take():
                self._control(message)
            closed = self.plant.connectors[1].contactor.closed
            if closed != (self.contact_s[-1][1] if self.contact_s else False):
                self.contact_s.append((self.now, closed))

    def _control(self, message: Hello | Beat | Observation | Token) -> None:
        if isinstance(message, Observation):
            self.seen = message
        if not self.controller_alive:
            return
        if isinstance(message, Hello | Beat):
            self.epoch = message.epoch
        if isinstance(message, Beat):
            self.guard.receive(Lease(message.tick, message.epoch))
        elif isinstance(message, Token):
            self.guard.receive(GrantIntent(self.epoch, 1, "tx1", LIMIT_A, failsafe_limit_a=6.0))
            self.guard.receive(SetPilot(self.epoch, 1, PilotMode.DUTY, LIMIT_A / 0.6))
            self.guard.receive(LockIntent(self.epoch, 1, locked=True))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    rig = Rig(bench)
    bench.controller_alive = False
    rig.check_healthy()
    bench.board.detach()


@pytest.fixture
def rig(bench: Bench) -> Rig:
    rig = Rig(bench, step_s=TICK_S)
    bench.pass_time(0.5)  # the guard has looked at everything once
    return rig


def test_plugged_without_a_card_nothing_closes(bench: Bench, rig: Rig) -> None:
    rig.reach("plugged")
    bench.pass_time(30.0)
    assert not rig.status()["closed"]
    assert bench.seen is not None
    assert bench.seen.level == "B"
    assert bench.seen.why_open


def test_a_card_makes_the_car_charge_at_the_granted_current(bench: Bench, rig: Rig) -> None:
    rig.reach("charging")
    bench.pass_time(10.0)
    seen = rig.status()
    assert seen["duty_percent"] == pytest.approx(26.67, abs=0.01)
    assert seen["current_a"] == [16.0, 16.0, 16.0]
    assert seen["locked"]
    assert bench.seen is not None
    assert bench.seen.meter is not None
    assert bench.seen.meter.power_w == pytest.approx(seen["power_w"], rel=0.01)


def test_the_contactor_closes_within_three_seconds_of_state_c(bench: Bench, rig: Rig) -> None:
    rig.reach("plugged")
    rig.do("swipe", token="04AA")
    rig.wait("ready", within=10.0)
    assert rig.wait("closed", within=10.0) <= 3.0


@pytest.mark.parametrize("state", ["A", "B"])
def test_the_contactor_opens_within_100_ms_when_the_car_lets_go(bench: Bench, rig: Rig, state: str) -> None:
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
    bench: Bench, rig: Rig, fault: str, fields: dict[str, float], within: float
) -> None:
    rig.reach("charging")
    rig.do(fault, **fields)
    rig.wait("open", within)
    closings = rig.status()["operations"]
    bench.pass_time(15.0)
    assert rig.status()["operations"] == closings
    assert bench.seen is not None
    assert bench.seen.faults, "the controller is told why"


def test_a_weld_is_seen_and_the_breaker_tripped(bench: Bench, rig: Rig) -> None:
    rig.reach("charging")
    rig.do("weld")
    rig.do("set_state", state="B")
    bench.pass_time(3.0)
    assert bench.seen is not None
    assert any("weld" in fault.code for fault in bench.seen.faults)
    assert bench.plant.connectors[1].grid.breaker_tripped


def test_a_dead_residual_current_monitor_forbids_closing(bench: Bench, rig: Rig) -> None:
    rig.do("rcd_dead")
    rig.reach("plugged")
    rig.do("swipe", token="04AA")
    bench.pass_time(10.0)
    assert not rig.status()["closed"]


def test_a_thirteen_ampere_cable_caps_the_duty(bench: Bench, rig: Rig) -> None:
    rig.do("plug", cable=13)
    rig.reach("charging")
    bench.pass_time(6.0)
    assert rig.status()["current_a"][0] <= 13.0


def test_without_the_controller_charging_goes_on_at_the_failsafe_current(bench: Bench, rig: Rig) -> None:
    rig.reach("charging")
    bench.controller_alive = False
    bench.pass_time(10.0)
    assert rig.status()["closed"]
    assert rig.status()["current_a"][0] == pytest.approx(6.0, abs=0.1)
    bench.pass_time(125.0)
    assert not rig.status()["closed"]
    assert bench.contact_s[-1][0] - bench.contact_s[0][0] < 140.0


def test_a_revoked_grant_lets_the_car_ramp_down_first(bench: Bench, rig: Rig) -> None:
    rig.reach("charging")
    bench.pass_time(3.0)
    bench.guard.receive(Revoke(bench.epoch, 1, "enough"))
    rig.wait("open", within=6.1)
    assert rig.status()["car"] == "B", "the car let go, nothing opened under load"


def test_without_the_guard_the_hardware_watchdog_opens(bench: Bench, rig: Rig) -> None:
    rig.reach("charging")
    for _ in range(24):
        bench.plant.step(TICK_S / 2)
    assert bench.plant.connectors[1].de_energised
