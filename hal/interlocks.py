"""Everything besides the pilot that forbids energy, as a pure step: safety chain, contactor feedback, and what
hal/residual_current.py and hal/current_and_mains.py find.

Conditions are judged on raw inputs every tick. A fault opens at once, stays visible at least `HOLD_S` and, where the
table says latched, until it is cleared or the car leaves. The guard reads the inputs and applies the result.
"""

import math
from typing import Final

from hal import current_and_mains, residual_current
from hal.board_settings import ConnectorSettings
from hal.contracts import LockState, Plug
from hal.faults import FAULTS, headline
from hal.interlock_state import Inputs, Interlocks, SelfTest, changed
from hal.wire import Fault

HOLD_S: Final = 1.0  # so that a flicker is seen by the controller, and a grant that was under way does not re-close
CLEAR_S: Final = 1.0
_NO_MAINS: Final = ("mains_fail", "lost_phase", "under_voltage")
EDGE_S: Final = 0.015  # a mirror contact bounces: an edge counts when two ticks see it


def step(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> Interlocks:
    """One tick."""
    s = _follow_clear(s, i, now)
    s = _follow_command(s, i, now)
    s = current_and_mains.follow_limit(s, board, i, now)
    s = current_and_mains.follow_mains(s, board, i, now)
    s = residual_current.reset(residual_current.self_test(s, i, now), i, s.self_test, now)
    hot = current_and_mains.hot(s, board, i)
    conditions = _conditions(s, board, i, hot, now)
    faults, seen = _merge(s, i, conditions, now)
    opening = [rule for fault in faults if (rule := FAULTS[fault.code]).opens]
    healthy = not opening
    hold_up = _hold_up(s, board, i, now) if healthy else ""
    return changed(
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
        return changed(s, clear=s.clear | i.clear, clear_until=now + CLEAR_S)
    return changed(s, clear=frozenset()) if s.clear and now > s.clear_until else s


# --- contactor and its mirror contact -------------------------------------------------------------------------------


def _follow_command(s: Interlocks, i: Inputs, now: float) -> Interlocks:
    if i.commanded != s.commanded:
        closing = i.commanded
        s = changed(
            s,
            commanded=i.commanded,
            closed_at=now if closing else s.closed_at,
            apart_since=now,
            commanded_apart=True,
            # the test that let it close is used up
            self_test=SelfTest.IDLE if closing and s.self_test is SelfTest.PASSED else s.self_test,
        )
    if i.feedback is None or i.feedback == i.commanded:
        return changed(s, apart_since=None, commanded_apart=False)
    return s if s.apart_since is not None else changed(s, apart_since=now)


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
    if s.mains and now - s.mains_since >= board.policy.mains_s and (mains := current_and_mains.mains(board, i)):
        found[mains[0]] = mains[1]
    found.update(_contactor(s, board, i, now))
    for one in (residual_current.found(s, i, now), current_and_mains.over_current(s, board, i, now)):
        if one is not None:
            found[one[0]] = one[1]
    if i.tripped_upstream:  # told as what it is: the weld
        return {code: detail for code, detail in found.items() if code not in _NO_MAINS}
    return found


def _more(i: Inputs) -> tuple[tuple[str, str], ...]:
    return (
        ("tick_overrun", i.overrun),
        ("phase_switch", i.phase_switch),
        ("shared_pins", i.shared_pins),
        ("weld", i.other_welded),
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
    if i.pins_held:
        return i.pins_held
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
