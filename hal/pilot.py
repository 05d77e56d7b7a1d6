"""The control pilot of IEC 61851-1 as a pure step: what the car says, what we show it, whether the contactor is closed.

Faults act on the raw sample, states on two equal ones. Who may have energy (grants) and what else can be wrong
(interlocks) comes in as plain booleans; the guard reads the samples and applies the result.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from hal import dc_limits
from hal.contracts import PilotMode, PilotOutput, PilotSample
from hal.duty import current_for


class Level(StrEnum):
    """What the car (or a fault) makes of the pilot's positive half wave."""

    UNKNOWN = "?"  # before the first two equal samples
    A = "A"  # no car
    B = "B"  # car connected, its switch S2 open
    C = "C"  # car ready
    D = "D"  # car ready, asks for ventilation
    E = "E"  # 0 V
    F = "F"  # -12 V
    NONE = "!"  # a voltage of no state


FRESH_S: Final = 0.030  # an older sample is a fault
SETTLE_S: Final = 0.050  # after a change of output the line is not judged by the new one's rules
GRACE_S: Final = 6.0  # X1 under load: then open, car or no car (sequence 10 of Table A.6)
DIODE_MV: Final = 1200  # closer than this, the negative half follows the positive: no diode
NEGATIVE_MV: Final = -10_000  # a healthy negative half of PWM lies below
SHORT_MV: Final = 2000

X1: Final = PilotOutput(PilotMode.X1)


def level_of(high_mv: int, previous: Level) -> Level:
    """The state a voltage means; at the edges of a band the previous state decides (hysteresis)."""
    if high_mv >= 2000:
        return _upper(high_mv, previous)
    if high_mv >= -1000:
        return Level.E
    if high_mv >= -2000:
        return Level.E if previous in (Level.A, Level.B, Level.C, Level.D, Level.E) else Level.NONE
    if high_mv >= -10_000:
        return Level.NONE
    if high_mv >= -11_000:
        return Level.F if previous is Level.F else Level.NONE
    return Level.F if high_mv >= -13_000 else Level.NONE


def _upper(high_mv: int, previous: Level) -> Level:
    if high_mv > 13_000:
        return Level.NONE
    if high_mv >= 11_000:
        return Level.A
    if high_mv >= 10_000:
        return Level.A if previous is Level.A else Level.B
    if high_mv >= 8000:
        return Level.B
    if high_mv >= 7000:
        return Level.B if previous in (Level.A, Level.B) else Level.C
    if high_mv >= 5000:
        return Level.C
    if high_mv >= 4000:
        return Level.C if previous in (Level.A, Level.B, Level.C) else Level.D
    return Level.D


def is_digital(output: PilotOutput) -> bool:
    """3..7 %: the current is agreed by messages."""
    return output.mode is PilotMode.DUTY and 3.0 <= output.duty_percent <= 7.0


def is_nominal(output: PilotOutput) -> bool:
    return output.mode is PilotMode.DUTY and current_for(output.duty_percent) > 0.0


class Circuit(msgspec.Struct, frozen=True):
    """What the connector is, from the board file."""

    ventilation: bool = False
    dc: bool = False


class Inputs(NamedTuple):
    """One tick's view. `healthy`: no interlock demands open. `ready`: nothing is left to do before closing."""

    sample: PilotSample
    age_s: float
    wish: PilotOutput  # what the grant rules let the controller show
    allowed: bool  # a grant runs and wants energy to flow
    healthy: bool
    ready: bool
    unloaded: bool = False  # measured since we began to stop: opening draws no arc


class Pilot(msgspec.Struct, frozen=True, gc=False):
    """`closed` is the command to the contactor, `waiting` means: would close if `ready`."""

    level: Level = Level.UNKNOWN
    pending: Level = Level.UNKNOWN  # the previous raw level
    fault: str = ""  # code of hal.interlocks, "" = none
    diode_fault: bool = False  # latched until state A
    output: PilotOutput = X1
    output_since: float = 0.0
    dark_until: float = 0.0  # E and F are ours: the line is no evidence until it has settled
    closed: bool = False
    stopping_since: float | None = None
    waiting: bool = False
    blocked_since: float | None = None  # DC: the output is being cut off, the contactor opens when nothing flows


def step(p: Pilot, circuit: Circuit, i: Inputs, now: float) -> Pilot:
    """One tick. The contactor closes only in C (D with a fan) with a proven diode; it opens at once when the car lets
    go or anything is wrong; when only we want to stop, once nothing flows any more, at the latest after the grace.
    A DC contactor cannot break its current: the output is blocked first, and has BLOCK_S to lose it."""
    level, pending, diode_fault, fault = _sense(p, circuit, i, now)
    safe = not fault and i.healthy and (level is Level.C or (level is Level.D and circuit.ventilation))
    wanted = i.allowed and i.wish.mode is PilotMode.DUTY
    stopping_since: float | None = None
    blocked_since: float | None = None
    waiting = False
    if not p.closed:
        # nothing closes on a sample that already says something else than the debounced state
        waiting = safe and wanted and pending is level and _diode_proven(p, i, now)
        closed = waiting and i.ready
    elif circuit.dc and (not safe or p.blocked_since is not None):
        blocked_since = now if p.blocked_since is None else p.blocked_since
        closed = now - blocked_since < dc_limits.BLOCK_S and not (i.unloaded and p.blocked_since is not None)
    elif not safe or wanted:
        closed = safe
    else:
        stopping_since = now if p.stopping_since is None else p.stopping_since
        over = now - stopping_since >= (dc_limits.RAMP_S if circuit.dc else GRACE_S)
        blocked_since = now if over and circuit.dc else None
        closed = not i.unloaded and (circuit.dc or not over)
    output = _output(p, circuit, i, fault, stopping=closed and not wanted, closed=closed)
    changed = output != p.output
    return Pilot(
        level=level,
        pending=pending,
        fault=fault,
        diode_fault=diode_fault,
        output=output,
        output_since=now if changed else p.output_since,
        dark_until=now + SETTLE_S if p.output.mode in (PilotMode.E, PilotMode.F) else p.dark_until,
        closed=closed,
        stopping_since=stopping_since if closed else None,
        waiting=waiting and not closed,
        blocked_since=blocked_since if closed else None,
    )


def _sense(p: Pilot, circuit: Circuit, i: Inputs, now: float) -> tuple[Level, Level, bool, str]:
    """(state, raw level, diode fault, fault): what the line says. Without a fresh sample nothing is learnt from it."""
    if i.age_s > FRESH_S:
        return p.level, p.pending, p.diode_fault, "pilot_stale"
    raw = level_of(i.sample.high_mv, p.level)
    level = raw if raw is p.pending else p.level
    dark = p.output.mode in (PilotMode.E, PilotMode.F) or now < p.dark_until
    if dark:
        return level, raw, p.diode_fault, ""
    pwm = p.output.mode is PilotMode.DUTY and 0.0 < p.output.duty_percent < 100.0
    mirrored = abs(i.sample.high_mv + i.sample.low_mv) <= DIODE_MV
    diode_fault = level is not Level.A and (
        p.diode_fault or (pwm and mirrored and raw is not Level.A and i.sample.high_mv > SHORT_MV)
    )
    fault = ""
    if i.sample.high_mv < SHORT_MV and (mirrored if pwm else i.sample.low_mv > NEGATIVE_MV):
        fault = "pilot_short"
    elif raw is Level.NONE:
        fault = "pilot_fault"
    elif diode_fault:
        fault = "pilot_diode"
    elif level is Level.D and not circuit.ventilation:
        # told apart from a noisy C by healthy PWM, then kept while D lasts: X1 has no negative half to see
        fault = "ventilation" if i.sample.low_mv <= NEGATIVE_MV or p.fault == "ventilation" else ""
    return level, raw, diode_fault, fault


def _diode_proven(p: Pilot, i: Inputs, now: float) -> bool:
    """C2: PWM has been on long enough to be seen, and its negative half is whole."""
    return (
        p.output.mode is PilotMode.DUTY
        and now - p.output_since >= SETTLE_S
        and now >= p.dark_until
        and i.sample.low_mv <= NEGATIVE_MV
    )


def _output(p: Pilot, circuit: Circuit, i: Inputs, fault: str, *, stopping: bool, closed: bool) -> PilotOutput:
    if stopping:
        return p.output if circuit.dc else X1  # losing 5 % is an emergency stop to a DC car: ramp first
    if fault and fault != "ventilation" and not (i.wish.mode in (PilotMode.E, PilotMode.F) and not closed):
        return X1
    return i.wish
