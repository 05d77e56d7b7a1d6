"""One suite for every driver: whatever the board is made of, a part does what its contract says.

The parts come from board files; `World` is how a test moves the copper around them. A new driver joins when a board
file of `WORLDS` names it, or with a world of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hal.board import load
from hal.contracts import (
    CableLock,
    Contactor,
    ControlPilot,
    DcEnable,
    DeviceError,
    Light,
    LockState,
    Meter,
    PilotMode,
    PilotOutput,
    Place,
    Plug,
    ResidualCurrentMonitor,
    SafetyInput,
    Thermometer,
    TokenReader,
)
from hal.parts import CONTRACTS, THERMOMETERS, Board, Part
from hal.pilot import Level, level_of
from hal.sim.registers import PILOT_MODES, Registers
from hil.linux_board import LinuxBoard

if TYPE_CHECKING:
    from tests.hal.conftest import Wiring

BOARDS = Path(__file__).parents[2] / "board-configs"


class World(Protocol):
    """What stands around the parts of one board file."""

    board: Board

    def place(self, connector: int, part: str) -> Place: ...
    def step(self) -> None: ...
    def car(self, state: str) -> None: ...
    def cable(self, rating: int) -> None: ...
    def shown(self) -> PilotOutput: ...
    def coil(self) -> bool: ...
    def welded(self, on: bool) -> None: ...
    def leak(self, on: bool) -> None: ...
    def test_current(self) -> bool: ...
    def jam(self, on: bool) -> None: ...
    def activate(self, part: str, on: bool) -> None: ...
    def fed(self) -> object: ...
    def enabled(self) -> bool: ...


class SimWorld:
    """Register file and the wiring of conftest."""

    def __init__(self, folder: Path, file: str, make_wiring: Callable[[Registers], Wiring]) -> None:
        self.board = load(BOARDS / file)
        self._path = folder / "registers"
        self.wiring = make_wiring(Registers.create(self._path))
        self.slots = self.wiring.registers.connector(1)

    def place(self, connector: int, part: str) -> Place:
        return Place(connector, part, self._path)

    def step(self) -> None:
        for _ in range(5):
            self.wiring.step(0.01)

    def car(self, state: str) -> None:
        self.wiring.car = state
        self.step()

    def cable(self, rating: int) -> None:
        self.slots["plug_rating_a"] = rating

    def shown(self) -> PilotOutput:
        mode = PilotMode(PILOT_MODES[int(self.slots["pilot_mode"])])
        return PilotOutput(mode, self.slots["pilot_duty_percent"] if mode is PilotMode.DUTY else 0.0)

    def coil(self) -> bool:
        return bool(self.slots["coil"] or self.slots["dc_coil"])

    def welded(self, on: bool) -> None:
        self.wiring.welded = on

    def leak(self, on: bool) -> None:
        self.wiring.leak = on
        self.step()

    def test_current(self) -> bool:
        return bool(self.slots["rcd_test"])

    def jam(self, on: bool) -> None:
        self.wiring.lock_jammed = on

    def activate(self, part: str, on: bool) -> None:
        self.slots["pe_fault" if part == "pe_monitor" else part] = on

    def fed(self) -> object:
        return self.slots["watchdog"]

    def enabled(self) -> bool:
        return bool(self.slots["dc_enable"])


class LinuxWorld:
    """sysfs, converters and lines made of files."""

    def __init__(self, folder: Path) -> None:
        self.linux = LinuxBoard(folder)
        self.board = load(BOARDS / "chargebyte-charge-control-c.toml")

    def place(self, connector: int, part: str) -> Place:
        return self.linux.place(part, connector)

    def step(self) -> None:
        self.linux.step()

    def car(self, state: str) -> None:
        self.linux.car = state
        self.step()

    def cable(self, rating: int) -> None:
        self.linux.cable = rating
        self.step()

    def shown(self) -> PilotOutput:
        duty = self.linux.duty_percent
        if duty == 100:
            return PilotOutput(PilotMode.X1)
        return PilotOutput(PilotMode.F) if duty == 0 else PilotOutput(PilotMode.DUTY, duty)

    def coil(self) -> bool:
        return self.linux.line("RELAY_1_ENABLE")

    def welded(self, on: bool) -> None:
        self.linux.welded = on

    def leak(self, on: bool) -> None:
        self.linux.rcm_tripped = on
        self.step()

    def test_current(self) -> bool:
        return self.linux.line("DIGITAL_OUT_4")

    def jam(self, on: bool) -> None:
        self.linux.bolt_stuck = on

    def activate(self, part: str, on: bool) -> None:
        line = {"emergency_stop": "DIGITAL_IN_1", "pe_monitor": "DIGITAL_IN_3", "mains_fail": "DIGITAL_IN_4"}[part]
        self.linux.set_line(line, not on)

    def fed(self) -> object:
        return (self.linux.dev / "watchdog0").read_bytes()

    def enabled(self) -> bool:
        return self.linux.line("DIGITAL_OUT_6")  # an AC board: none of its lines is named in its board file


WORLDS: dict[str, Callable[[Path, Callable[[Registers], Wiring]], World]] = {
    "sim-ac-type2": lambda folder, wiring: SimWorld(folder, "sim-ac-type2.toml", wiring),
    "sim-dc-ccs2": lambda folder, wiring: SimWorld(folder, "sim-dc-ccs2.toml", wiring),
    "sim-ac-phases": lambda folder, wiring: SimWorld(folder, "sim-ac-phases.toml", wiring),
    "charge-control-c": lambda folder, wiring: LinuxWorld(folder),
}
FILES = {"charge-control-c": "chargebyte-charge-control-c"}


def parts_of(board: Board) -> dict[str, Part]:
    return {**board.parts, **board.connectors[0].parts}


def specimens() -> Iterator[tuple[str, str]]:
    for world in WORLDS:
        for part in parts_of(load(BOARDS / f"{FILES.get(world, world)}.toml")):
            if world != "sim-ac-phases" or part in (
                "phase_switch",
                "site_meter",
                *THERMOMETERS[1:],
            ):  # the rest is sim-ac-type2's
                yield world, part


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, make_wiring: Callable[[Registers], Wiring]) -> World:
    made = WORLDS[request.param](tmp_path, make_wiring)
    made.step()
    return made


@pytest.fixture
def alive(world: World) -> Iterator[None]:
    """The copper moves by itself, for parts that wait for it."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.005):
            world.step()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


def attached(world: World, name: str) -> Any:
    part = parts_of(world.board)[name]
    part.driver.attach(world.place(0 if name in world.board.parts else 1, name))
    return part.driver


def having(*names: str) -> pytest.MarkDecorator:
    """Every (world, part) whose part is one of `names`."""
    found = [(world, part) for world, part in specimens() if part in names]
    return pytest.mark.parametrize(("world", "part"), found, indirect=["world"], ids=[f"{w}-{p}" for w, p in found])


def test_every_contract_is_in_the_suite() -> None:
    others = {*THERMOMETERS[1:], "ac_contactor", "ac_meter"}  # one contract by several names
    assert {part for _, part in specimens()} - others == set(CONTRACTS) - others


# --- all of them ----------------------------------------------------------------------------------------------------


@having(*CONTRACTS)
def test_it_can_be_taken_left_and_taken_again(world: World, part: str) -> None:
    driver = attached(world, part)
    driver.detach()
    driver.detach()  # twice is no trouble: clean-up after a failed start
    attached(world, part).detach()


READS = {
    "pilot": "read", "proximity": "read", "contactor": "closed", "rcd": "tripped", "meter": "read",
    "site_meter": "read", "lock": "state",
    "thermometer": "read", "thermometer_housing": "read", "phase_switch": "phases",
    "dc_supply": "read", "isolation_monitor": "read", "token_reader": "poll",
    "emergency_stop": "active", "pe_monitor": "active", "mains_fail": "active", "tamper": "active",
}  # fmt: skip


@having(*READS)
def test_it_says_that_it_is_not_attached(world: World, part: str) -> None:
    driver = parts_of(world.board)[part].driver
    with pytest.raises(DeviceError):
        getattr(driver, READS[part])()
    attached(world, part).detach()
    with pytest.raises(DeviceError):
        getattr(driver, READS[part])()


# --- pilot, proximity -----------------------------------------------------------------------------------------------


@having("pilot")
def test_the_pilot_starts_and_ends_with_x1_and_shows_what_it_is_told(world: World, part: str) -> None:
    pilot: ControlPilot = attached(world, part)
    assert world.shown().mode is PilotMode.X1
    for duty in (5.0, 10.0, 26.67, 53.33, 96.0):
        pilot.drive(PilotOutput(PilotMode.DUTY, duty))
        assert world.shown().duty_percent == pytest.approx(duty, abs=0.1)  # ±1 point at the line is the circuit's
    pilot.drive(PilotOutput(PilotMode.F))
    assert world.shown().mode is PilotMode.F
    pilot.drive(PilotOutput(PilotMode.X1))
    assert world.shown().mode is PilotMode.X1
    pilot.drive(PilotOutput(PilotMode.DUTY, 10.0))
    parts_of(world.board)[part].driver.detach()
    assert world.shown().mode is PilotMode.X1


@having("pilot")
@pytest.mark.parametrize("output", [PilotOutput(PilotMode.X1), PilotOutput(PilotMode.DUTY, 5.0)], ids=["x1", "5%"])
def test_the_pilot_measures_both_half_waves(world: World, part: str, output: PilotOutput) -> None:
    pilot: ControlPilot = attached(world, part)
    pilot.drive(output)
    for state in "ABCD":
        world.car(state)
        sample = pilot.read()
        assert level_of(sample.high_mv, Level.UNKNOWN).value == state
        low = sample.high_mv if output.mode is PilotMode.X1 else -12_000
        assert sample.low_mv == pytest.approx(low, abs=200)


@having("pilot")
def test_the_pilot_sees_its_own_f(world: World, part: str) -> None:
    pilot: ControlPilot = attached(world, part)
    pilot.drive(PilotOutput(PilotMode.F))
    world.car("B")
    assert level_of(pilot.read().high_mv, Level.UNKNOWN) is Level.F


@having("proximity")
@pytest.mark.parametrize(
    ("rating", "plug"),
    [(0, Plug.NONE), (13, Plug.A13), (20, Plug.A20), (32, Plug.A32), (63, Plug.A63), (-1, Plug.INVALID)],
)
def test_the_cable_tells_its_rating(world: World, part: str, rating: int, plug: Plug) -> None:
    proximity = attached(world, part)
    world.cable(rating)
    assert proximity.read() is plug
    assert plug.rating_a == max(rating, 0)


# --- power path -----------------------------------------------------------------------------------------------------


@having("contactor")
def test_the_contactor_is_open_when_taken_and_left_and_its_mirror_is_believed(world: World, part: str) -> None:
    contactor: Contactor = attached(world, part)
    world.step()
    assert not world.coil() and contactor.closed() is False
    contactor.close()
    world.step()
    assert world.coil() and contactor.closed() is True
    world.welded(True)
    contactor.open()
    world.step()
    assert not world.coil() and contactor.closed() is True
    world.welded(False)
    world.step()
    assert contactor.closed() is False
    contactor.close()
    parts_of(world.board)[part].driver.detach()
    assert not world.coil()


@having("phase_switch")
def test_the_phase_switch_tells_where_it_is(world: World, part: str) -> None:
    driver = attached(world, part)
    for phases in (1, 3, 1):
        driver.set(phases)
        world.step()
        assert driver.phases() == phases
    driver.detach()


@having("rcd")
def test_the_residual_current_monitor_trips_on_its_test_and_on_leakage(world: World, part: str) -> None:
    rcd: ResidualCurrentMonitor = attached(world, part)
    assert not world.test_current() and not rcd.tripped()
    rcd.test(True)
    world.step()
    assert rcd.tripped()
    rcd.test(False)
    rcd.reset()
    world.step()
    assert not rcd.tripped()
    world.leak(True)
    assert rcd.tripped()
    world.leak(False)
    rcd.test(True)
    parts_of(world.board)[part].driver.detach()
    assert not world.test_current()


@having("emergency_stop", "pe_monitor", "mains_fail", "tamper")
def test_an_input_follows_its_contact(world: World, part: str) -> None:
    contact: SafetyInput = attached(world, part)
    assert not contact.active()
    world.activate(part, True)
    assert contact.active()
    world.activate(part, False)
    assert not contact.active()


@having("shunt_trip")
def test_the_shunt_trip_waits_for_its_order(world: World, part: str) -> None:
    shunt_trip = attached(world, part)
    assert isinstance(world, SimWorld)
    assert world.slots["shunt_trip"] == 0.0
    shunt_trip.trip()
    assert world.slots["shunt_trip"] == 1.0


@having("lock")
def test_the_lock_returns_when_the_bolt_is_there_and_complains_when_it_is_not(
    world: World, part: str, alive: None
) -> None:
    lock: CableLock = attached(world, part)
    lock.lock()
    assert lock.state() is LockState.LOCKED
    lock.unlock()
    assert lock.state() is LockState.UNLOCKED
    world.jam(True)
    with pytest.raises(DeviceError):
        lock.lock()


@having("watchdog")
def test_the_watchdog_is_fed(world: World, part: str) -> None:
    watchdog = attached(world, part)
    before = world.fed()
    watchdog.feed()
    assert world.fed() != before


# --- measurement ----------------------------------------------------------------------------------------------------


@having("thermometer")
def test_the_thermometer_speaks_celsius(world: World, part: str) -> None:
    thermometer: Thermometer = attached(world, part)
    assert -40 < thermometer.read() < 125


@having("meter", "site_meter")
def test_the_meter_gives_one_consistent_reading(world: World, part: str) -> None:
    meter: Meter = attached(world, part)
    assert isinstance(world, SimWorld)
    slots = world.slots
    dc = world.board.connectors[0].settings.dc
    side = "dc_" if dc else ""
    slots[f"{side}energy_wh"], slots[f"{side}power_w"], slots["export_wh"] = 1234.5, 11_040.0, 1.5
    for name in ("dc_present_current_a", "current_l1_a", "current_l2_a", "current_l3_a"):
        slots[name] = 16.0
    reading = meter.read()
    assert (reading.import_wh, reading.power_w, reading.export_wh) == (1234.5, 11_040.0, 1.5)
    assert reading.current_a == (16.0,) * (1 if dc else 3)
    assert len(reading.voltage_v) == len(reading.current_a)
    slots["meter_fault"] = 1.0
    with pytest.raises(DeviceError, match="does not answer"):
        meter.read()


@having("dc_supply")
def test_the_dc_supply_is_off_when_taken_and_left(world: World, part: str) -> None:
    supply = attached(world, part)
    assert isinstance(world, SimWorld)
    supply.set(400.0, 100.0, on=True)
    world.slots["dc_enable"] = 1.0
    world.step()
    assert supply.read()[:2] == (400.0, 100.0)
    assert supply.read().max_power_w > 0
    parts_of(world.board)[part].driver.detach()
    assert world.slots["dc_on"] == 0.0 and world.slots["dc_current_a"] == 0.0


@having("dc_enable")
def test_the_output_stage_is_blocked_when_taken_and_left(world: World, part: str) -> None:
    line: DcEnable = attached(world, part)
    assert not world.enabled()
    line.enable(True)
    assert world.enabled()
    line.enable(False)
    assert not world.enabled()
    line.enable(True)
    parts_of(world.board)[part].driver.detach()
    assert not world.enabled()


@having("isolation_monitor")
def test_the_isolation_monitor_tests_itself_and_measures(world: World, part: str) -> None:
    monitor = attached(world, part)
    assert isinstance(world, SimWorld)
    monitor.start()
    assert world.slots["imd_on"] == 1.0
    assert monitor.read() == (1e6, "none")
    monitor.self_test()
    assert monitor.read().self_test == "running"
    world.step()
    assert monitor.read() == (1e6, "passed")
    world.slots["isolation_ohm"] = -1.0
    assert monitor.read().ohm is None
    world.slots["imd_fault"] = 1.0
    with pytest.raises(DeviceError, match="does not answer"):
        monitor.read()
    monitor.stop()
    assert world.slots["imd_on"] == 0.0


# --- people ---------------------------------------------------------------------------------------------------------


@having("token_reader")
def test_a_token_is_read_once_per_presentation(world: World, part: str) -> None:
    assert isinstance(world, SimWorld)
    world.slots.swipe("04before")
    reader: TokenReader = attached(world, part)
    assert reader.poll() is None  # not of our time
    for _ in range(2):
        world.slots.swipe("04a1b2c3")
        assert reader.poll() == "04A1B2C3"
        assert reader.poll() is None


@having("indicator")
def test_the_indicator_knows_every_light(world: World, part: str) -> None:
    indicator = attached(world, part)
    for light in Light:
        indicator.show(light)
