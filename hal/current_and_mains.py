"""What the meter and the thermometer say of an AC outlet, as pure steps: too much current, bad mains, heat.

A part of hal/interlocks.py. Curves of further sensors are hal/derating.py, a DC output's limits hal/dc_watch.py.
"""

import math
from typing import Final

from hal.board_settings import ConnectorSettings
from hal.interlock_state import Inputs, Interlocks, changed

FOLLOW_S: Final = 5.0  # a car must follow a new duty within this; do not police before


def follow_limit(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> Interlocks:
    if i.limit_a != s.limit_a:
        # each former limit has its own FOLLOW_S: a duty that never rests must not keep an old offer alive
        higher = tuple(each for each in s.lowered if each[0] > max(s.limit_a, i.limit_a) and now < each[1])
        before = ((s.limit_a, now + FOLLOW_S),) if s.limit_a > i.limit_a else ()
        s = changed(s, lowered=higher + before, limit_a=i.limit_a)
    if i.meter is None or not i.commanded or not i.meter_fresh:
        return changed(s, excess_since=None)
    policy = board.policy
    most = _allowed_a(s, now) * (1 + policy.over_current_tolerance_percent / 100) + policy.over_current_margin_a
    if max(i.meter.current_a, default=0.0) <= most:
        return changed(s, excess_since=None)
    # counted from the reading, not from when we looked: an old reading must not make a new excess
    return s if s.excess_since is not None else changed(s, excess_since=i.meter_at)


def _allowed_a(s: Interlocks, now: float) -> float:
    """The limit to police: for FOLLOW_S after a change the higher of old and new."""
    return max((amps for amps, until in s.lowered if now < until), default=s.limit_a)


def over_current(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> tuple[str, str] | None:
    if s.excess_since is None or i.meter is None or i.meter_at - s.excess_since < board.policy.over_current_s:
        return None
    return "over_current", f"{max(i.meter.current_a):.1f} A drawn, {_allowed_a(s, now):.1f} A offered"


def mains(board: ConnectorSettings, i: Inputs) -> tuple[str, str] | None:
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


def follow_mains(s: Interlocks, board: ConnectorSettings, i: Inputs, now: float) -> Interlocks:
    found = mains(board, i)
    code = found[0] if found else ""
    return s if code == s.mains else changed(s, mains=code, mains_since=now)


def hot(s: Interlocks, board: ConnectorSettings, i: Inputs) -> bool:
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
