"""Everything besides the pilot that forbids energy, as a pure step: safety chain, contactor feedback, residual current
and its self test, current, mains, temperature, stale data.

Conditions are judged on raw inputs every tick. A fault opens at once, stays visible at least `HOLD_S` and, where the
table says latched, until it is cleared or the car leaves. The guard reads the inputs and applies the result.
"""

import math
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from hal.board_settings import ConnectorSettings
from hal.contracts import LockState, MeterReading, Plug
from hal.faults import FAULTS, headline
from hal.wire import Fault

HOLD_S: Final = 1.0  # so that a flicker is seen by the controller, and a grant that was under way does not re-close
SELF_TEST_S: Final = 0.5  # from test current to trip, and from its end to clear (hal reference 4)
CLEAR_S: Final = 1.0
TEST_VALID_S: Final = 10.0  # a passed self test serves one closing, and no longer than this
EDGE_S: Final = 0.015  # a mirror contact bounces: an edge counts when two ticks see it
FOLLOW_S: Final = 5.0  # a car must follow a new duty within this; do not police before


class SelfTest(StrEnum):
    """Residual current monitor before a closing."""

    IDLE = "idle"
    TRIPPING = "tripping"  # test current on, waiting for the trip output
    CLEARING = "clearing"  # test current off, waiting for quiet
    PASSED = "passed"


class Inputs(NamedTuple):
    """One tick's view of the connector; None = the board has no such part (or, for values, none is known yet)."""

    commanded: bool  # contactor, since the previous tick
    feedback: bool | None
    waiting: bool  # the pilot step would close now
    plugged: bool
    limit_a: float  # what is policed: grant, cable and board
    pilot_fault: str = ""
    plug: Plug | None = None
    rcd_tripped: bool | None = None
    emergency_stop: bool = False
    pe_lost: bool = False
    mains_fail: bool = False
    tamper: bool = False
    lock: LockState | None = None
    lock_failed: str = ""
    meter: MeterReading | None = None
    meter_at: float = 0.0
    meter_fresh: bool = True  # True without a meter
    temperature_c: float | None = None
    temperature_fresh: bool = True  # True without a thermometer
    supply_fresh: bool = True  # True without a DC supply
    dc: tuple[tuple[str, str], ...] = ()  # (code, detail) of what the DC output's own steps found
    silent: str = ""  # a part that must be read has not said anything yet
    device: str = ""  # a part failed: what it said
    overrun: str = ""  # the tick comes too late too often
    hot: str = ""  # a sensor beside the first is above its curve's end
    phases: int = 3  # the car gets
    phase_switch: str = ""  # the phase contactor is not where it was sent
    shared_pins: str = ""  # a neighbour on the same contacts is not open
    worn: str = ""
    clear: frozenset[str] = frozenset()  # codes the controller asks to clear


class Interlocks(msgspec.Struct, frozen=True, gc=False):
    """`healthy` lets the contactor stay closed, `ready` lets it close; the rest are orders to the parts and memory."""

    faults: tuple[Fault, ...] = ()
    seen: tuple[float, ...] = ()  # when each fault was last true
    healthy: bool = True
    ramps: bool = True  # what is unhealthy leaves a DC output the time to ramp down
    ready: bool = False
    hold_up: str = ""  # what `ready` waits for, for people
    self_test: SelfTest = SelfTest.IDLE
    test_since: float = 0.0
    test_tripped: bool = False  # the running test has been seen to trip
    shunt_trip: bool = False
    commanded: bool = False
    closed_at: float = -math.inf  # last closing
    apart_since: float | None = None  # mirror contact differs from the command
    commanded_apart: bool = False  # ... because the command changed, not the contact
    clear: frozenset[str] = frozenset()  # codes asked to be cleared lately
    clear_until: float = -math.inf
    rcd_reset: bool = False  # order for this tick
    rcd_reset_at: float = -math.inf
    limit_a: float = 0.0
    lowered: tuple[tuple[float, float], ...] = ()  # (former limit, until when it counts), falling and in this order
    excess_since: float | None = None
    mains: str = ""  # mains condition that is building up
    mains_since: float = 0.0
    hot: bool = False


def step(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> Interlocks:
    """One tick."""
    s = _follow_clear(s, i, now)
    s = _follow_command(s, i, now)
    s = _follow_limit(s, board, i, now)
    s = _follow_mains(s, board, i, now)
    s = _reset(_self_test(s, i, now), i, s.self_test, now)
    hot = _hot(s, board, i)
    conditions = _conditions(s, board, i, hot, now)
    faults, seen = _merge(s, i, conditions, now)
    opening = [rule for fault in faults if (rule := FAULTS[fault.code]).opens]
    healthy = not opening
    hold_up = _hold_up(s, board, i, now) if healthy else ""
    return _changed(
        s,
        faults=faults,
        seen=seen,
        hot=hot,
        healthy=healthy,
        ramps=all(rule.ramps for rule in opening),
        ready=healthy and not hold_up,
        hold_up=hold_up,
        shunt_trip=any(fault.code == "weld" for fault in faults),
    )


def _follow_clear(s: Interlocks, i: Inputs, now: float) -> Interlocks:
    """A wish to clear is good for a second: a residual current monitor is quiet only some time after its reset."""
    if i.clear:
        return _changed(s, clear=s.clear | i.clear, clear_until=now + CLEAR_S)
    return _changed(s, clear=frozenset()) if s.clear and now > s.clear_until else s


def _changed(s: Interlocks, **new: object) -> Interlocks:
    """The same state where nothing is new: most ticks."""
    for name, value in new.items():
        if getattr(s, name) != value:
            return msgspec.structs.replace(s, **new)
    return s


# --- contactor and its mirror contact -------------------------------------------------------------------------------


def _follow_command(s: Interlocks, i: Inputs, now: float) -> Interlocks:
    if i.commanded != s.commanded:
        closing = i.commanded
        s = _changed(
            s,
            commanded=i.commanded,
            closed_at=now if closing else s.closed_at,
            apart_since=now,
            commanded_apart=True,
            # the test that let it close is used up
            self_test=SelfTest.IDLE if closing and s.self_test is SelfTest.PASSED else s.self_test,
        )
    if i.feedback is None or i.feedback == i.commanded:
        return _changed(s, apart_since=None, commanded_apart=False)
    return s if s.apart_since is not None else _changed(s, apart_since=now)


def _contactor(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> list[tuple[str, str]]:
    if s.apart_since is None:
        return []
    found: list[tuple[str, str]] = []
    apart = now - s.apart_since
    if not s.commanded_apart and apart >= EDGE_S:
        found.append(("unexpected_edge", f"its mirror contact says {'closed' if i.feedback else 'open'}"))
    if apart > board.policy.feedback_s:
        code, is_ = ("weld", "closed") if i.feedback else ("stuck_open", "open")
        found.append((code, f"still {is_} {apart * 1000:.0f} ms after the command"))
    return found


# --- residual current -----------------------------------------------------------------------------------------------


def _self_test(s: Interlocks, i: Inputs, now: float) -> Interlocks:
    """Before each closing: quiet, test on -> trip, test off -> quiet, each within SELF_TEST_S."""
    if i.rcd_tripped is None:
        return s
    if s.self_test is SelfTest.IDLE:
        begin = i.waiting and not i.commanded and not i.rcd_tripped and s.healthy
        return _changed(s, self_test=SelfTest.TRIPPING, test_since=now) if begin else s
    if s.self_test in (SelfTest.TRIPPING, SelfTest.CLEARING) and any(f.code == "rcd_self_test" for f in s.faults):
        return _changed(s, self_test=SelfTest.IDLE)  # failed: no test current for as long as the fault is latched
    if s.self_test is SelfTest.TRIPPING:
        if i.rcd_tripped or not i.waiting:  # a car that went away ends the test early; its trip must still clear
            return _changed(s, self_test=SelfTest.CLEARING, test_since=now, test_tripped=i.rcd_tripped)
        return s
    if s.self_test is SelfTest.CLEARING:
        if i.rcd_tripped:
            return s
        passed = i.waiting and s.test_tripped  # a test that ended early has proved nothing, also if the car is back
        return _changed(s, self_test=SelfTest.PASSED if passed else SelfTest.IDLE, test_since=now)
    if (not i.waiting and not i.commanded) or now - s.test_since > TEST_VALID_S:
        return _changed(s, self_test=SelfTest.IDLE)
    return s


def _reset(s: Interlocks, i: Inputs, before: SelfTest, now: float) -> Interlocks:
    """A latching monitor is reset after its test, and when its fault is cleared; at most once a second."""
    tested = s.self_test is SelfTest.CLEARING and before is not SelfTest.CLEARING
    cleared = bool(i.rcd_tripped) and s.self_test is SelfTest.IDLE and ("rcd_tripped" in s.clear or not i.plugged)
    if tested or (cleared and now - s.rcd_reset_at >= 1.0):
        return _changed(s, rcd_reset=True, rcd_reset_at=now)
    return _changed(s, rcd_reset=False)


def _residual_current(s: Interlocks, i: Inputs, now: float) -> tuple[str, str] | None:
    if i.rcd_tripped is None:
        return None
    if s.self_test in (SelfTest.IDLE, SelfTest.PASSED):
        return ("rcd_tripped", "the monitor has tripped") if i.rcd_tripped else None
    if now - s.test_since > SELF_TEST_S:
        missed = "does not trip" if s.self_test is SelfTest.TRIPPING else "does not become quiet"
        return "rcd_self_test", f"{missed} within {SELF_TEST_S * 1000:.0f} ms"
    return None


# --- current, mains, heat -------------------------------------------------------------------------------------------


def _follow_limit(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> Interlocks:
    if i.limit_a != s.limit_a:
        # each former limit has its own FOLLOW_S: a duty that never rests must not keep an old offer alive
        higher = tuple(each for each in s.lowered if each[0] > max(s.limit_a, i.limit_a) and now < each[1])
        before = ((s.limit_a, now + FOLLOW_S),) if s.limit_a > i.limit_a else ()
        s = _changed(s, lowered=higher + before, limit_a=i.limit_a)
    if i.meter is None or not i.commanded or not i.meter_fresh:
        return _changed(s, excess_since=None)
    policy = board.policy
    most = _allowed_a(s, now) * (1 + policy.over_current_tolerance_percent / 100) + policy.over_current_margin_a
    if max(i.meter.current_a, default=0.0) <= most:
        return _changed(s, excess_since=None)
    # counted from the reading, not from when we looked: an old reading must not make a new excess
    return s if s.excess_since is not None else _changed(s, excess_since=i.meter_at)


def _allowed_a(s: Interlocks, now: float) -> float:
    """The limit to police: for FOLLOW_S after a change the higher of old and new."""
    return max((amps for amps, until in s.lowered if now < until), default=s.limit_a)


def _over_current(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> tuple[str, str] | None:
    if s.excess_since is None or i.meter is None or i.meter_at - s.excess_since < board.policy.over_current_s:
        return None
    return "over_current", f"{max(i.meter.current_a):.1f} A drawn, {_allowed_a(s, now):.1f} A offered"


def _mains(board: ConnectorSettings, i: Inputs) -> tuple[str, str] | None:
    if board.dc or i.meter is None or not i.meter_fresh or not i.meter.voltage_v:
        return None
    if board.policy.meter_sees == "load" and not (i.commanded and i.feedback is not False):
        return None
    seen = min(board.phases, i.phases) if board.policy.meter_sees == "load" else board.phases
    volts, policy = i.meter.voltage_v[:seen], board.policy
    low, high = min(volts) * 100 / board.nominal_voltage_v, max(volts) * 100 / board.nominal_voltage_v
    if low < policy.lost_phase_percent:
        return "lost_phase", f"phase {volts.index(min(volts)) + 1} has {min(volts):.0f} V"
    if low < policy.under_voltage_percent:
        return "under_voltage", f"{min(volts):.0f} V (nominal {board.nominal_voltage_v:.0f} V)"
    if high > policy.over_voltage_percent:
        return "over_voltage", f"{max(volts):.0f} V (nominal {board.nominal_voltage_v:.0f} V)"
    return None


def _follow_mains(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> Interlocks:
    found = _mains(board, i)
    code = found[0] if found else ""
    return s if code == s.mains else _changed(s, mains=code, mains_since=now)


def _hot(s: Interlocks, board: ConnectorSettings, i: Inputs) -> bool:
    if i.temperature_c is None:
        return s.hot
    policy = board.policy
    back = policy.temperature_stop_c - policy.temperature_hysteresis_k
    return i.temperature_c >= (back if s.hot else policy.temperature_stop_c)


def derated_a(limit_a: float, board: ConnectorSettings, temperature_c: float | None) -> float:
    """The limit between warn and stop temperature: falls linearly to the connector's minimum."""
    policy = board.policy
    if temperature_c is None or temperature_c <= policy.temperature_warn_c or limit_a <= board.min_current_a:
        return limit_a
    share = (policy.temperature_stop_c - temperature_c) / (policy.temperature_stop_c - policy.temperature_warn_c)
    # whole A, so that a sensor's last digit does not move the duty
    return max(board.min_current_a, float(math.floor(limit_a * max(share, 0.0))))


# --- all together ---------------------------------------------------------------------------------------------------


def _conditions(s: Interlocks, board: ConnectorSettings, i: Inputs, hot: bool, now: float) -> dict[str, str]:
    """Code -> detail of everything that is wrong in this tick; '' where the name says all."""
    found: dict[str, str] = {}
    if i.pilot_fault:
        found[i.pilot_fault] = ""
    for code, active in (
        ("emergency_stop", i.emergency_stop),
        ("pe_lost", i.pe_lost),
        ("mains_fail", i.mains_fail),
        ("tamper", i.tamper),
        ("cable_invalid", i.plug is Plug.INVALID and i.plugged),
        ("cable_button", i.plug is Plug.BUTTON and i.commanded),
        ("temperature_sensor", not i.temperature_fresh),
        ("meter_stale", not i.meter_fresh and board.policy.on_meter_stale == "stop"),
        ("supply_stale", not i.supply_fresh),
        ("lock_open", i.lock is not None and i.commanded and i.lock is LockState.UNLOCKED),
    ):
        if active:
            found[code] = ""
    if i.hot:
        found["over_temperature"] = i.hot
    if hot:
        found["over_temperature"] = f"{i.temperature_c:.0f} °C" if i.temperature_c is not None else ""
    for code, text in (("lock_failed", i.lock_failed), ("device", i.device), *_more(i)):
        if text:
            found[code] = text
    found.update(i.dc)
    if not 0.0 <= i.limit_a <= board.max_current_a:
        found["bad_limit"] = f"{i.limit_a:g} A is not between 0 and {board.max_current_a:g} A"
    if s.mains and now - s.mains_since >= board.policy.mains_s and (mains := _mains(board, i)):
        found[mains[0]] = mains[1]
    found.update(_contactor(s, board, i, now))
    for one in (_residual_current(s, i, now), _over_current(s, board, i, now)):
        if one is not None:
            found[one[0]] = one[1]
    return found


def _more(i: Inputs) -> tuple[tuple[str, str], ...]:
    return (
        ("tick_overrun", i.overrun),
        ("phase_switch", i.phase_switch),
        ("shared_pins", i.shared_pins if i.commanded else ""),
        ("contactor_worn", i.worn),
    )


def _merge(
    s: Interlocks, i: Inputs, conditions: dict[str, str], now: float
) -> tuple[tuple[Fault, ...], tuple[float, ...]]:
    """Known faults that last, plus new ones."""
    if not conditions and not s.faults:
        return (), ()
    kept: list[Fault] = []
    seen: list[float] = []
    for fault, last in zip(s.faults, s.seen, strict=True):
        rule = FAULTS[fault.code]
        left = rule.leaves and not i.plugged
        if fault.code in conditions:
            kept.append(fault)
            seen.append(now)
        elif fault.code not in s.clear and (now - last < HOLD_S or (rule.latched and not left)):
            kept.append(fault)
            seen.append(last)
    known = {fault.code for fault in kept}
    for code, detail in conditions.items():
        if code not in known:
            rule = FAULTS[code]
            kept.append(Fault(code, headline(code, detail), now, rule.latched, rule.leaves, rule.mrec))
            seen.append(now)
    return tuple(kept), tuple(seen)


def _hold_up(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> str:
    """What closing still waits for."""
    if i.silent:
        return f"waiting for the first reading of the {i.silent}"
    if i.shared_pins:
        return f"waiting: {i.shared_pins}"
    if i.lock is not None and i.lock is not LockState.LOCKED:
        return "waiting for the plug lock"
    if now - s.closed_at < board.policy.min_close_interval_s:
        left = math.ceil(s.closed_at + board.policy.min_close_interval_s - now)  # whole s: each change is reported
        rest = f"{board.policy.min_close_interval_s:g} s between two closings"
        return f"waiting: the contactor rests {rest}, {left} s left"
    if i.feedback:
        return "contactor is still opening"
    if i.rcd_tripped is not None and s.self_test is not SelfTest.PASSED:
        return "residual current self test"
    return ""
