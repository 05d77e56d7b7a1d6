"""Rig control: every command once, as a typed class with what it does to the plant.

The JSON form is the class: `{"do": "plug", "connector": 1, "cable": 32}`; the command line (`hil/rig_cli.py`) is made
from the same classes, and the first line of each docstring is its help. Reading and refusing bad requests is here too.
"""

import difflib
import json
import os
import re
import signal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hil.plant import dc_commands
from hil.plant.command import Command, RigError
from hil.plant.connector import Connector
from hil.plant.ev import Policy
from hil.plant.lock import UNLOCKED
from hil.plant.plant import Plant

Percent = Annotated[float, Meta(ge=0, le=100)]
_UID = re.compile("(?:[0-9A-Fa-f]{2}){4,10}")
Amps = Annotated[float, Meta(ge=0, le=500)]


# --- plug and pilot -----------------------------------------------------------------------------------------------


class Plug(Command, frozen=True, kw_only=True, tag="plug"):
    """Put the plug in; the car shows state B. `cable`: rating of the cable in A (-1: between the windows)."""

    cable: Literal[-1, 13, 20, 32, 63] = 32

    def touch(self, connector: Connector) -> None:
        connector.cable_a, connector.cable_left = float(self.cable), False
        connector.car.plug(True)


class Unplug(Command, frozen=True, kw_only=True, tag="unplug"):
    """Pull the plug. A locked plug stays, unless `force` breaks the lock. `end`: at the car no lock of ours holds; the
    cable stays in the socket."""

    force: bool = False
    end: Literal["station", "car"] = "station"

    def touch(self, connector: Connector) -> None:
        if self.end == "car":
            connector.cable_left = connector.plugged and not connector.dc
        elif connector.plugged and connector.lock.state != UNLOCKED and not self.force:
            raise RigError("the plug is locked; unlock it, use force, or pull it at the car (end car)")
        else:
            connector.cable_left = False
        connector.car.plug(False)


class SetState(Command, frozen=True, kw_only=True, tag="set_state"):
    """Set what the car shows on the pilot: A, B, C or D. From then on only the rig moves S2 (policy manual)."""

    state: Literal["A", "B", "C", "D"]

    def touch(self, connector: Connector) -> None:
        car = connector.car
        car.policy = "manual"
        if (self.state != "A") != car.plugged:
            car.plug(self.state != "A")
        if self.state in "AB":
            car.let_go()
        else:
            car.ventilation = self.state == "D"
            car.s2 = True


class Cable(Command, frozen=True, kw_only=True, tag="cable"):
    """Change the rating that the plug's resistor tells, in A; -1 = a value between the windows."""

    rating: Literal[-1, 13, 20, 32, 63]

    def touch(self, connector: Connector) -> None:
        connector.cable_a = float(self.rating)


class DiodeFault(Command, frozen=True, kw_only=True, tag="diode_fault"):
    """Bridge the car's diode (on) or not (off)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.car.diode = not self.on


class Short(Command, frozen=True, kw_only=True, tag="short"):
    """Short the pilot to PE (on) or not (off)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.car.short = self.on


class CarCommand(Command, frozen=True, kw_only=True, tag="car"):
    """Set the car: wants power or not, who moves S2, its current, phases and battery. What is left out stays."""

    wants_power: bool | None = None
    policy: Policy | None = None
    follow_s: Annotated[float, Meta(ge=0, le=60)] | None = None
    max_current_a: Amps | None = None
    limit_a: Amps | None = None
    phases: Literal[1, 2, 3] | None = None
    ventilation: bool | None = None
    dc_relay: bool | None = None
    soc_percent: Percent | None = None
    target_percent: Percent | None = None
    capacity_wh: Annotated[float, Meta(gt=0)] | None = None

    def touch(self, connector: Connector) -> None:
        car = connector.car
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name != "connector" and value is not None:
                setattr(car.battery if hasattr(car.battery, name) else car, name, value)


# --- people -------------------------------------------------------------------------------------------------------


class Swipe(Command, frozen=True, kw_only=True, tag="swipe"):
    """Hold a card to the reader: its UID, 4 to 10 bytes in hex, such as 04A2B3C4D5E680."""

    token: str

    def __post_init__(self) -> None:
        if _UID.fullmatch(self.token) is None:
            raise ValueError(f"{self.token[:40]!r} is no card's UID: 4 to 10 bytes in hex, such as 04A2B3C4D5E680")

    def touch(self, connector: Connector) -> None:
        connector.registers.swipe(self.token)


class EmergencyStop(Command, frozen=True, kw_only=True, tag="emergency_stop"):
    """Press (on) or release (off) the emergency stop."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.emergency_stop = self.on


# --- faults of the station's parts --------------------------------------------------------------------------------


class Weld(Command, frozen=True, kw_only=True, tag="weld"):
    """Weld the contactor: contacts that have met stay together. `hidden`: its mirror contact does not show it;
    `outlet`: which, of a plug that has AC and DC."""

    on: bool = True
    hidden: bool = False
    outlet: Literal["both", "ac", "dc"] = "both"

    def touch(self, connector: Connector) -> None:
        both = {"ac": connector.contactor, "dc": connector.power.contactor}
        for contactor in both.values() if self.outlet == "both" else (both[self.outlet],):
            contactor.welded = self.on
            contactor.mirror_lies = self.on and self.hidden


class StuckOpen(Command, frozen=True, kw_only=True, tag="stuck_open"):
    """Jam the contactor's armature: it does not close."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.contactor.stuck_open = connector.power.contactor.stuck_open = self.on


class PhaseStuck(Command, frozen=True, kw_only=True, tag="phase_stuck"):
    """Keep the phase contactor (on) where it is not sent: its contact shows this many phases."""

    on: bool = True
    phases: Literal[1, 3] = 1

    def touch(self, connector: Connector) -> None:
        connector.phases_stuck = self.phases if self.on else None


class MeterFault(Command, frozen=True, kw_only=True, tag="meter_fault"):
    """Let the meter stop answering (on) or answer again (off)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.meter_fault = self.on


class AdcFault(Command, frozen=True, kw_only=True, tag="adc_fault"):
    """Let the pilot's converter stop answering (on) or answer again (off)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.adc_fault = self.on


class Temperature(Command, frozen=True, kw_only=True, tag="temperature"):
    """Force the contact temperature in °C; without one the contacts go their own way again. `fault`: sensor broken."""

    celsius: Annotated[float, Meta(ge=-60, le=200)] | None = None
    fault: bool = False

    def touch(self, connector: Connector) -> None:
        contacts = connector.contacts
        if contacts.forced_c is not None and self.celsius is None:
            contacts.temperature_c = contacts.ambient_c
        contacts.forced_c = self.celsius
        contacts.sensor_fault = self.fault


class Leak(Command, frozen=True, kw_only=True, tag="leak"):
    """Let residual current flow at the outlet, in mA; zero takes it away."""

    dc_ma: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    ac_ma: Annotated[float, Meta(ge=0, le=1000)] = 0.0

    def touch(self, connector: Connector) -> None:
        connector.rcd.leak_dc_ma, connector.rcd.leak_ac_ma = self.dc_ma, self.ac_ma


class RcdDead(Command, frozen=True, kw_only=True, tag="rcd_dead"):
    """Blind the residual-current monitor: its self test must fail."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.rcd.dead = self.on


class LockJam(Command, frozen=True, kw_only=True, tag="lock_jam"):
    """Jam the bolt of the plug lock."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.lock.jammed = self.on


class PeFault(Command, frozen=True, kw_only=True, tag="pe_fault"):
    """Break the protective conductor (open PEN)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.pe_fault = self.on


class Tamper(Command, frozen=True, kw_only=True, tag="tamper"):
    """Open the housing."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.tamper = self.on


# --- the grid -----------------------------------------------------------------------------------------------------


class PhaseLoss(Command, frozen=True, kw_only=True, tag="phase_loss"):
    """Lose a phase (on) or bring it back (off)."""

    phase: Literal[1, 2, 3] = 1
    on: bool = True

    def touch(self, connector: Connector) -> None:
        (connector.grid.lost.add if self.on else connector.grid.lost.discard)(self.phase)


class GridVoltage(Command, frozen=True, kw_only=True, tag="grid"):
    """Set the voltage of all phases in V; also resets a breaker that the shunt trip has opened."""

    voltage_v: Annotated[float, Meta(ge=0, le=500)] = 230.0

    def touch(self, connector: Connector) -> None:
        connector.grid.nominal_v = self.voltage_v
        connector.grid.breaker_tripped = False
        connector.registers["shunt_trip"] = 0.0


class MainsFail(Command, frozen=True, kw_only=True, tag="mains_fail"):
    """Trip the mains-fail input (on) or not (off)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.mains_fail = self.on


# --- the rig itself -----------------------------------------------------------------------------------------------


class LeaseFreeze(Command, frozen=True, kw_only=True, tag="lease_freeze"):
    """Stop (on: SIGSTOP) or continue (off: SIGCONT) the controller's process `pid`, so that its lease runs out."""

    pid: Annotated[int, Meta(ge=2)]
    on: bool = True

    def apply(self, plant: Plant) -> dict[str, object]:
        try:
            os.kill(self.pid, signal.SIGSTOP if self.on else signal.SIGCONT)
        except (ProcessLookupError, PermissionError) as error:
            raise RigError(f"process {self.pid}: {error.strerror}") from error
        return {}


class GuardStutter(Command, frozen=True, kw_only=True, tag="guard_stutter"):
    """Let the guard's process `pid` stand still for 70 ms five times a second (on): its ticks begin too late."""

    pid: Annotated[int, Meta(ge=2)] | None = None
    on: bool = True

    def apply(self, plant: Plant) -> dict[str, object]:
        if self.on and self.pid is None:
            raise RigError("guard_stutter: the pid of the guard's process is needed")
        try:
            plant.stutter.aim(self.pid if self.on else None)
        except OSError as error:
            raise RigError(f"process {self.pid}: {error.strerror}") from error
        return {}


class Heal(Command, frozen=True, kw_only=True, tag="heal"):
    """Take every fault out and the plug too: a healthy, idle connector with a fresh basic car."""

    def touch(self, connector: Connector) -> None:
        healthy = Connector(connector.registers, connector.kind)
        for part in ("grid", "lock", "rcd", "contacts", "car"):
            setattr(connector, part, getattr(healthy, part))
        connector.power.heal()
        connector.joined, connector.phases_stuck = "", None
        for name in ("emergency_stop", "pe_fault", "tamper", "mains_fail", "meter_fault", "adc_fault"):
            setattr(connector, name, False)
        for contactor in (connector.contactor, connector.power.contactor):
            contactor.welded = contactor.stuck_open = contactor.mirror_lies = False
        connector.registers["shunt_trip"] = 0.0


class Status(Command, frozen=True, kw_only=True, tag="status"):
    """Show the plant: car, pilot, contactor, power, energy, faults."""

    def apply(self, plant: Plant) -> dict[str, object]:
        return plant.status()


AnyCommand = (
    Plug
    | Unplug
    | SetState
    | Cable
    | DiodeFault
    | Short
    | CarCommand
    | Swipe
    | EmergencyStop
    | Weld
    | StuckOpen
    | PhaseStuck
    | MeterFault
    | AdcFault
    | Temperature
    | Leak
    | RcdDead
    | LockJam
    | PeFault
    | Tamper
    | dc_commands.Isolation
    | dc_commands.ModuleFailure
    | dc_commands.SupplyOverVoltage
    | dc_commands.SupplyOverCurrent
    | dc_commands.SupplySilent
    | dc_commands.DcReversed
    | dc_commands.DcResidual
    | dc_commands.DcShort
    | PhaseLoss
    | GridVoltage
    | MainsFail
    | LeaseFreeze
    | GuardStutter
    | Heal
    | Status
)
COMMANDS: dict[str, type[Command]] = {str(command.__struct_config__.tag): command for command in AnyCommand.__args__}


def read(line: bytes) -> Command:
    """One line of JSON -> command. Raises RigError that tells what is wrong and what would be right."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RigError(f"not JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("do"), str):
        raise RigError('a request is an object with "do", for example {"do": "plug", "connector": 1}')
    if request["do"] not in COMMANDS:
        near = difflib.get_close_matches(request["do"], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(COMMANDS)}"
        raise RigError(f"unknown command {request['do'][:40]!r}; {hint}")
    try:
        command: Command = msgspec.convert(request, AnyCommand)
    except msgspec.ValidationError as error:
        raise RigError(f"{request['do']}: {error}") from error
    return command


def answer(plant: Plant, line: bytes) -> bytes:
    """Do one request and give the line to answer with: `{"ok": true, ...}` or `{"ok": false, "error": ...}`."""
    try:
        result: dict[str, object] = {"ok": True, **read(line).apply(plant)}
    except RigError as error:
        result = {"ok": False, "error": str(error)}
    return json.dumps(result).encode() + b"\n"
