"""What one EVSE wants from its connector, as a pure step: pilot, grant, lock, light, and the state others read.

The rules of basic charging (IEC 61851-1) and of digital communication meet here. Safety is not decided here: the
guard refuses what it thinks unsafe. Sending the wishes is `evse`'s, starting and ending transactions too.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from firmware.station.bounds import LEAST_DC_A
from firmware.station.facts import ChargingState
from firmware.station.limits import MIN_A
from hal.contracts import Light, PilotMode, PilotOutput
from hal.duty import duty_for

X1: Final = PilotOutput(PilotMode.X1)

_SETTLE_S: Final = 15.0  # an offer this fresh: the car is still making up its mind, not "SuspendedEV"
_WIND_DOWN_S: Final = 10.0  # what a digital session gets to end itself before its grant is taken


@dataclass(frozen=True)
class DcWish:
    """What a DC session asks of its output (hal.wire.DcIntent): V and A are set points, `max_voltage_v` is the most
    that the car takes (0 = not told)."""

    phase: Literal["idle", "cable_check", "precharge", "deliver", "ramp_down"] = "idle"
    voltage_v: float = 0.0
    current_a: float = 0.0
    max_voltage_v: float = 0.0


DC_IDLE: Final = DcWish()


@dataclass(frozen=True)
class Digital:
    """What the car's protocol (v2g) wants while it owns the pilot; None in its place = the rules of basic charging."""

    pilot: PilotOutput
    energise: bool
    protocol: str = ""
    evccid: str = ""
    soc_percent: float | None = None
    status: str = ""  # for "why is it not charging?"
    dc: DcWish | None = None  # None = an AC session


@dataclass(frozen=True)
class Grant:
    """What the guard may energise for, in its own words (hal.wire.GrantIntent)."""

    session: str
    limit_a: float
    failsafe_limit_a: float
    ride_through_s: float
    limit_w: float | None = None  # of a DC output
    outlet: Literal["", "ac", "dc"] = ""  # of a plug that has both


@dataclass(frozen=True)
class Inputs:
    """What the step looks at. `level`: debounced pilot state, "?" while nothing is known."""

    level: str = "?"
    closed: bool = False
    session: str | None = None  # the open transaction
    recorded: bool = True  # ... and a restart would know of it: no current may flow before
    deserted: bool = False  # ... and its car was unplugged at the car's end: it may come back
    authorised: bool = False
    stopping: str = ""  # why the transaction shall end; empty = it goes on
    at_once: bool = False  # ... without giving anybody time
    ended: bool = False  # a transaction ended and the plug is still in
    faulted: bool = False
    operative: bool = True
    reserved: bool = False
    limit_a: float = 0.0
    limit_w: float | None = None  # of a DC output
    dc: bool = False
    outlet: Literal["", "ac", "dc"] = ""
    failsafe_limit_a: float = MIN_A
    ride_through_s: float = 0.0
    digital: Digital | None = None
    has_lock: bool = False
    keeps_cable: bool = False  # the car is gone, its cable stays locked until its owner comes (E09.FR.03, E10.FR.01)

    @property
    def plugged(self) -> bool:
        return self.level in {"B", "C", "D"}

    @property
    def starved(self) -> bool:
        """Nothing may be drawn: less than a car can follow."""
        if self.dc:
            return self.limit_a < LEAST_DC_A or self.limit_w == 0.0
        return self.limit_a < MIN_A


@dataclass(frozen=True)
class Charging:
    """Wishes (pilot, grant, lock, light) and what the step must remember."""

    pilot: PilotOutput = X1
    grant: Grant | None = None
    dc: DcWish = DC_IDLE
    lock: bool = False
    light: Light = Light.OFF
    charging_state: ChargingState = "Idle"  # OCPP 2.x
    detail: str = "Available"  # OCPP 1.6 ChargePointStatus
    charged: bool = False  # current could flow in this transaction
    offered_since: float | None = None
    stopping_since: float | None = None
    revoke_reason: str = ""  # for the guard, when the grant is taken
    at_once: bool = False  # ... without a grace for the car


def step(state: Charging, inputs: Inputs, now: float) -> Charging:
    """Next wishes."""
    stopping_since = (state.stopping_since if state.stopping_since is not None else now) if inputs.stopping else None
    reason = inputs.stopping or "the car's session needs no current now"
    state = replace(state, stopping_since=stopping_since, revoke_reason=reason, at_once=inputs.at_once)
    pilot = _pilot(inputs)
    grant = _grant(state, inputs, now)
    offering = grant is not None and (inputs.digital is not None or pilot.mode is PilotMode.DUTY)
    offered_since = (state.offered_since if state.offered_since is not None else now) if offering else None
    charging = inputs.closed and inputs.level in {"C", "D"}
    charged = inputs.session is not None and (state.charged or charging)
    state = replace(state, pilot=pilot, grant=grant, dc=_dc(grant, inputs), charged=charged)
    state = replace(state, offered_since=offered_since)
    state = replace(state, lock=_lock(state, inputs), charging_state=_charging_state(state, inputs, charging, now))
    detail = _detail(state.charging_state, inputs)
    return replace(state, detail=detail, light=Light.OFF if inputs.level == "?" else LIGHTS[detail])


def _pilot(inputs: Inputs) -> PilotOutput:
    if inputs.digital is not None and not inputs.at_once:
        return inputs.digital.pilot
    duty = duty_for(inputs.limit_a) if inputs.limit_a >= MIN_A else None
    if inputs.session is None or not inputs.recorded or inputs.stopping or inputs.faulted or duty is None:
        return X1  # nobody may draw, or less than a duty cycle can say: pause
    if inputs.dc:
        return X1  # until its car protocol says 5 %: no duty cycle tells a car what a DC output gives
    return PilotOutput(PilotMode.DUTY, round(duty, 2))


def _grant(state: Charging, inputs: Inputs, now: float) -> Grant | None:
    """Granted as long as current may flow. A pause by X1 keeps its grant: the car stays the same, and a restart can
    tell from it that the transaction still runs. A DC output's limit is also held by the guard when it is nothing: the
    session passes it on only with the car's next demand. A fault takes the grant: closing again needs a fresh one."""
    if inputs.session is None or not inputs.recorded or inputs.faulted or inputs.at_once or inputs.level == "A":
        return None
    if inputs.digital is not None:
        overdue = state.stopping_since is not None and now - state.stopping_since >= _WIND_DOWN_S
        if not inputs.digital.energise or overdue:
            return None
    elif inputs.stopping:
        return None
    paused = inputs.starved
    if paused and state.grant is None:
        return None  # nothing runs yet
    limit = state.grant.limit_a if paused and state.grant is not None and not inputs.dc else inputs.limit_a
    failsafe = min(limit, inputs.failsafe_limit_a)
    watts = inputs.limit_w if inputs.dc else None
    return Grant(inputs.session, limit, failsafe, inputs.ride_through_s, watts, inputs.outlet)


def _dc(grant: Grant | None, inputs: Inputs) -> DcWish:
    """A DC output works for a granted session only; without one the guard ramps it down."""
    if grant is None or inputs.digital is None or inputs.digital.dc is None:
        return DC_IDLE
    return inputs.digital.dc


def _lock(state: Charging, inputs: Inputs) -> bool:
    """Locked in C and D and while a transaction runs; free only after the contactor is confirmed open. A driver who
    ended the transaction gets the cable even from a car that still asks for current."""
    if not inputs.has_lock or inputs.keeps_cable:
        return inputs.has_lock
    wanted = (inputs.level in {"C", "D"} and not inputs.ended) or (inputs.session is not None and inputs.level != "A")
    return wanted or (state.lock and inputs.closed)


def _charging_state(state: Charging, inputs: Inputs, charging: bool, now: float) -> ChargingState:
    """OCPP 2.0.1 ChargingStateEnumType."""
    if inputs.session is None:
        return "EVConnected" if inputs.plugged else "Idle"
    if inputs.level == "?":
        return state.charging_state  # nobody looks: nothing is known to have changed
    if charging and not inputs.stopping:
        return "Charging"
    if inputs.level == "A":
        return "Idle"
    if inputs.stopping or inputs.faulted or inputs.starved:
        return "SuspendedEVSE"
    if inputs.digital is not None and not state.charged:
        return "EVConnected"  # the handshake
    if state.charged or (state.offered_since is not None and now - state.offered_since >= _SETTLE_S):
        return "SuspendedEV"
    return "EVConnected"


def _detail(charging_state: ChargingState, inputs: Inputs) -> str:
    """OCPP 1.6 ChargePointStatus (edition 2, section 7.7)."""
    if inputs.faulted:
        return "Faulted"
    if inputs.session is not None and inputs.stopping:
        return "Finishing"
    if inputs.session is not None and inputs.deserted:
        return "SuspendedEV"  # 1.6 4.9
    if inputs.session is not None:
        return charging_state if charging_state in {"Charging", "SuspendedEV", "SuspendedEVSE"} else "Preparing"
    if not inputs.operative:
        return "Unavailable"
    if (inputs.ended and inputs.plugged) or inputs.keeps_cable:
        return "Finishing"
    if inputs.reserved and not inputs.authorised:
        return "Reserved"
    return "Preparing" if inputs.plugged or inputs.authorised else "Available"


LIGHTS: Final = {
    "Available": Light.AVAILABLE,
    "Preparing": Light.PREPARING,
    "Charging": Light.CHARGING,
    "SuspendedEV": Light.SUSPENDED,
    "SuspendedEVSE": Light.SUSPENDED,
    "Finishing": Light.FINISHING,
    "Reserved": Light.RESERVED,
    "Unavailable": Light.UNAVAILABLE,
    "Faulted": Light.FAULTED,
}
