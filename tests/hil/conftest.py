"""A plant in virtual time: with a stand-in for the guard that only feeds the watchdog, or with guard and DC car."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from hal import wire
from hal.contracts import PilotMode
from hal.sim.registers import ConnectorRegisters, Registers
from hil.plant.connector import Connector
from hil.plant.plant import Plant
from hil.rig import JsonObject, Rig
from hil.virtual import TICK_S, VirtualBench

STEP_S = 0.005
BOARDS = Path(__file__).parents[2] / "board-configs"
EV_MAX_V = 410.0
Phase = Literal["idle", "cable_check", "precharge", "deliver", "ramp_down"]


class Bench:
    """Plant, its only connector, and the registers that a board would drive."""

    def __init__(self, dc: bool = False) -> None:
        self.plant = Plant(Registers.create(None, 1), kind="dc" if dc else "ac")
        self.connector: Connector = self.plant.connectors[1]
        self.registers: ConnectorRegisters = self.plant.registers.connector(1)

    def run(self, seconds: float, *, feed: bool = True) -> None:
        for _ in range(round(seconds / STEP_S)):
            if feed:
                self.registers["watchdog"] += 1.0
            self.plant.step(STEP_S)

    def time_until(self, condition: Callable[[], bool], within: float = 10.0) -> float:
        waited = 0.0
        while not condition():
            assert waited < within, f"not within {within} s: {self.connector.status()}"
            self.run(STEP_S)
            waited += STEP_S
        return waited

    def duty(self, percent: float) -> None:
        self.registers["pilot_mode"] = 1.0
        self.registers["pilot_duty_percent"] = percent


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def dc_bench() -> Bench:
    return Bench(dc=True)


class DcSession:
    """What the controller and a DC car do, at the real guard and plant, up to the phase that a test wants."""

    board = "sim-dc-ccs2"
    outlet: Literal["", "ac", "dc"] = ""

    def __init__(self, folder: Path) -> None:
        self.duty_percent = 5.0
        self.bench = VirtualBench(BOARDS / f"{self.board}.toml", folder, self._show)
        self.rig = Rig(self.bench, step_s=TICK_S)
        self.connector = self.bench.plant.connectors[1]
        self.bench.pass_time(1.0)

    def _show(self, bench: VirtualBench, message: wire.FromGuard) -> None:
        if not isinstance(message, wire.Hello):
            bench.guard.receive(wire.SetPilot(bench.epoch, 1, PilotMode.DUTY, self.duty_percent))

    @property
    def seen(self) -> wire.Observation:
        return self.bench.seen[1]

    @property
    def dc(self) -> wire.DcSample:
        assert self.seen.dc is not None
        return self.seen.dc

    @property
    def codes(self) -> set[str]:
        return {fault.code for fault in self.seen.faults}

    @property
    def plant(self) -> JsonObject:
        return self.rig.status()

    def ask(self, phase: Phase, volts: float = 0.0, amps: float = 0.0, ev_max_v: float = EV_MAX_V) -> None:
        self.bench.guard.receive(wire.DcIntent(self.bench.epoch, 1, phase, volts, amps, ev_max_v))

    def grant(self, limit_a: float = 500.0, limit_w: float | None = None) -> None:
        self.bench.guard.receive(self._grant(limit_a, limit_w, self.outlet))

    def _grant(self, limit_a: float, limit_w: float | None, outlet: Literal["", "ac", "dc"]) -> wire.GrantIntent:
        return wire.GrantIntent(self.bench.epoch, 1, "tx1", limit_a, limit_w=limit_w, outlet=outlet)

    def until(self, condition: Callable[[], bool], within: float) -> float:
        """Let time pass until it holds; the seconds that took."""
        began = self.bench.now
        while not condition():
            assert self.bench.now - began < within, f"not within {within} s: {self.plant}, {self.seen}"
            self.bench.pass_time(TICK_S)
        return self.bench.now - began

    # --- the way to each phase --------------------------------------------------------------------------------------

    def plug(self) -> None:
        """A car in C and a grant."""
        self.rig.do("set_state", state="B")
        self.bench.pass_time(1.0)
        self.grant()
        self.rig.do("set_state", state="C")
        self.until(lambda: self.seen.level == "C", within=1.0)

    def cable_check(self) -> None:
        """The test voltage is at the plug."""
        self.plug()
        self.ask("cable_check")
        self.until(lambda: self.plant["dc_voltage_v"] > 430.0, within=5.0)

    def checked(self) -> None:
        self.cable_check()
        self.until(lambda: self.dc.cable_check == "passed", within=30.0)

    def precharge(self) -> None:
        """The battery's voltage is at the plug, the car's relay still open."""
        self.checked()
        target = self.plant["battery_v"]
        self.ask("precharge", target, 2.0)
        self.until(lambda: abs(self.dc.voltage_v - target) < 20.0, within=7.0)

    def deliver(self, amps: float = 400.0) -> None:
        """This current flows."""
        self.precharge()
        self.rig.do("car", dc_relay=True)
        self.ask("deliver", 405.0, amps)
        self.until(lambda: self.dc.current_a > amps - 1.0, within=10.0)

    def ramp_down(self) -> None:
        """The current has begun to fall."""
        self.deliver()
        self.ask("ramp_down")
        self.until(lambda: self.plant["dc_current_a"] < 350.0, within=1.0)

    def reach(self, phase: str) -> None:
        getattr(self, phase)()


class NacsPlug(DcSession):
    """The same at a plug that carries AC too."""

    board = "sim-nacs"
    outlet = "dc"

    def ask_ac(self, limit_a: float = 32.0) -> None:
        """AC at this current, by a nominal duty."""
        self.bench.guard.receive(self._grant(limit_a, None, "ac"))
        self.duty_percent = limit_a / 0.6

    def charge_ac(self) -> None:
        """A car that knows no digital communication draws current."""
        self.rig.do("plug")
        self.bench.pass_time(1.5)
        self.ask_ac()
        self.until(lambda: self.plant["power_w"] > 3000.0, within=10.0)

    def ask_dc(self) -> None:
        """DC at 5 %, in the plug that is in already."""
        self.duty_percent = 5.0
        self.grant()
        self.ask("cable_check")

    def stop(self) -> None:
        self.bench.guard.receive(wire.Revoke(self.bench.epoch, 1, "test"))


@pytest.fixture
def dc(tmp_path: Path) -> Iterator[DcSession]:
    session = DcSession(tmp_path)
    yield session
    session.bench.controller_alive = False
    session.rig.check_healthy()
    session.bench.close()


@pytest.fixture
def nacs(tmp_path: Path) -> Iterator[NacsPlug]:
    plug = NacsPlug(tmp_path)
    yield plug
    plug.bench.controller_alive = False
    assert plug.plant["joined"] == ""
    plug.bench.close()
