"""A guard on a simulated board, in virtual time: a few lines of wiring stand for plant and car.

The wiring knows circuits only (levels, coils, test currents); what must follow from them is in the tests.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hal import wire
from hal.board import load
from hal.contracts import PilotMode
from hal.guard import TICK_S, Guard
from hal.mailbox import Event
from hal.sim.registers import PILOT_MODES, ConnectorRegisters, Registers

LEVELS_MV = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0}
BOARDS = Path(__file__).parents[2] / "board-configs"


@dataclass
class Wiring:
    """The board's surroundings. `car` is the state the car makes of the pilot line."""

    registers: Registers
    car: str = "A"
    diode: bool = True
    contactor_s: float = 0.02
    welded: bool = False
    stuck: bool = False
    leak: bool = False
    rcd_dead: bool = False
    lock_jammed: bool = False
    phases_stuck: bool = False
    imd_echo: float = 1.0  # what the insulation monitor makes of a self test: 1 passed, -1 failed, 0 no result
    dc_current_a: float | None = None  # None: the supply follows its set point
    dc_voltage_v: float | None = None
    plug_voltage_v: float = 0.0  # behind the open DC contactor
    _moving_s: float = 0.0
    _dc_moving_s: float = 0.0

    def __post_init__(self) -> None:
        slots = self.registers.connector(1)
        for phase in ("l1", "l2", "l3"):
            slots[f"voltage_{phase}_v"] = 230.0
        slots["plug_rating_a"] = 32.0
        slots["temperature_c"] = slots["temperature_2_c"] = 25.0
        slots["phases_seen"] = 3.0
        slots["isolation_ohm"] = 1e6
        slots["dc_max_voltage_v"], slots["dc_max_current_a"], slots["dc_max_power_w"] = 1000.0, 500.0, 2e5

    def step(self, dt: float) -> None:
        slots = self.registers.connector(1)
        mode, level = PILOT_MODES[int(slots["pilot_mode"])], LEVELS_MV[self.car]
        low = level if mode == "x1" else -12_000
        if mode == "duty" and not self.diode and self.car != "A":
            low = -level
        if mode in "ef":
            level = low = {"e": 0, "f": -12_000}[mode]
        slots["cp_high_mv"], slots["cp_low_mv"] = level, low
        slots["rcd_tripped"] = self.leak or (slots["rcd_test"] != 0.0 and not self.rcd_dead)
        slots["imd_self_test_ok"] = slots["imd_self_test"] * self.imd_echo
        if slots["lock_command"] and not self.lock_jammed:
            slots["lock_state"] = {1.0: 1.0, 2.0: 0.0}[slots["lock_command"]]
        if slots["phases_wanted"] and not self.phases_stuck:
            slots["phases_seen"] = slots["phases_wanted"]
        self._moving_s = self._contact("coil", "contactor_closed", self._moving_s, dt)
        self._dc_moving_s = self._contact("dc_coil", "dc_contactor_closed", self._dc_moving_s, dt)
        works = slots["dc_on"] and slots["dc_enable"]
        asked = slots["dc_voltage_v"] if works else 0.0
        slots["dc_present_voltage_v"] = asked if self.dc_voltage_v is None else self.dc_voltage_v
        asked = slots["dc_current_a"] if works else 0.0
        slots["dc_present_current_a"] = asked if self.dc_current_a is None else self.dc_current_a
        joined = slots["dc_contactor_closed"]
        slots["dc_plug_voltage_v"] = slots["dc_present_voltage_v"] if joined else self.plug_voltage_v

    def _contact(self, coil: str, mirror: str, moving_s: float, dt: float) -> float:
        slots = self.registers.connector(1)
        wanted = slots[coil] != 0.0
        if (slots[mirror] != 0.0) == wanted or (self.welded and not wanted) or (self.stuck and wanted):
            return 0.0
        if moving_s + dt >= self.contactor_s:
            slots[mirror] = float(wanted)
            return 0.0
        return moving_s + dt


@dataclass
class Bench:
    """Guard, wiring and a controller that answers every beat, stepped together."""

    guard: Guard
    wiring: Wiring
    now: float = 100.0
    alive: bool = True  # the controller answers beats
    seen: list[wire.FromGuard] = field(default_factory=list)
    _held: list[wire.Beat] = field(default_factory=list)

    @property
    def slots(self) -> ConnectorRegisters:
        return self.wiring.registers.connector(1)

    @property
    def observation(self) -> wire.Observation:
        return [message for message in self.seen if isinstance(message, wire.Observation)][-1]

    @property
    def shown(self) -> str:
        return self.observation.pilot.value

    @property
    def riding(self) -> bool:
        return self.observation.grant is not None and self.observation.grant.riding

    @property
    def session(self) -> str:
        return "" if self.observation.grant is None else self.observation.grant.session

    @property
    def faults(self) -> set[str]:
        return {fault.code for fault in self.observation.faults}

    @property
    def closed(self) -> bool:
        """The coil of the contactor, AC or DC."""
        return bool(self.slots["coil"] or self.slots["dc_coil"])

    @property
    def epoch(self) -> int:
        return self.guard.lease.epoch

    def tick(self) -> None:
        self.now += TICK_S
        self.wiring.step(TICK_S)
        self.guard.tick(self.now)
        for sent in self.guard.take():
            message = wire.decode_from_guard(wire.encode(sent))  # as it would on the link
            self.seen.append(message)
            if isinstance(message, wire.Beat):
                self._held.append(message)
                if self.alive:
                    self.answer(message)

    def answer(self, beat: wire.Beat) -> None:
        self.send(wire.Lease(tick=beat.tick, epoch=beat.epoch))

    @property
    def beats(self) -> list[wire.Beat]:
        return self._held

    def send(self, message: wire.FromController) -> None:
        self.guard.receive(wire.decode_from_controller(wire.encode(message)))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.tick()

    def until(self, condition: Callable[[], bool], within_s: float) -> float:
        """Tick until the condition holds; the seconds it took. Fails when it does not within the time."""
        began = self.now
        while not condition():
            assert self.now - began < within_s, f"not within {within_s} s; why open: {self.observation.why_open}"
            self.tick()
        return self.now - began

    # --- the controller's words -------------------------------------------------------------------------------------

    def show(self, mode: PilotMode, duty_percent: float = 0.0) -> None:
        self.send(wire.SetPilot(self.epoch, 1, mode, duty_percent))

    def grant(self, session: str = "s1", limit_a: float = 16.0, **more: Any) -> None:
        self.send(wire.GrantIntent(self.epoch, 1, session, limit_a, **more))

    def connect(self) -> None:
        self.guard.receive(Event.CONNECTED)
        self.run(0.3)
        assert self.guard.lease.held

    def charge(self, *, duty_percent: float = 100 * 16 / 60, limit_a: float = 16.0, **more: float) -> None:
        """Reach: contactor closed and confirmed, the car draws 5 A."""
        self.connect()
        self.wiring.car = "C"
        self.run(0.1)
        self.show(PilotMode.DUTY, duty_percent)
        self.grant("s1", limit_a, **more)
        self.until(lambda: bool(self.slots["contactor_closed"]), within_s=3.0)
        self.draw(5.0)
        self.tick()

    def draw(self, amps: float) -> None:
        for phase in ("l1", "l2", "l3"):
            self.slots[f"current_{phase}_a"] = amps
        self.slots["power_w"] = 3 * 230 * amps


BenchMaker = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> BenchMaker:
    """Bench of a board file; `replace` changes its text, `wrap` puts something in front of a part of connector 1."""

    def make(
        board: str = "sim-ac-type2",
        replace: dict[str, str] | None = None,
        wrap: dict[str, Callable[[Any], Any]] | None = None,
    ) -> Bench:
        text = (BOARDS / f"{board}.toml").read_text()
        # in virtual time nobody moves the bolt while a driver waits for it
        for old, new in {'driver = "sim_lock"': 'driver = "sim_lock"\nreach_s = 0', **(replace or {})}.items():
            assert old in text or old.endswith('"sim_lock"'), old
            text = text.replace(old, new)
        path = tmp_path / "board.toml"
        path.write_text(text)
        registers = tmp_path / "registers"
        loaded = load(path)
        wiring = Wiring(Registers.create(registers, len(loaded.connectors)))
        loaded.attach(registers)
        parts = loaded.connectors[0].parts
        for name, around in (wrap or {}).items():
            parts[name] = parts[name]._replace(driver=around(parts[name].driver))
        bench = Bench(Guard(loaded, 100.0), wiring)
        bench.run(0.05)
        return bench

    return make


@pytest.fixture
def bench(make_bench: BenchMaker) -> Bench:
    return make_bench()


@pytest.fixture
def make_wiring() -> Callable[[Registers], Wiring]:
    return Wiring
