"""Changing between one and three phases as a pure step. Under load it destroys some cars' chargers: first no current,
then an open contactor, then the phases, then a pause, then power again.

Only basic charging: a car under digital communication was promised its phases. A car that does not come back on the
other phases gets the former ones again and is left alone until it leaves. The guard applies the result.
"""

import math
from typing import Final, Literal, NamedTuple

import msgspec

from hal.board_settings import Policy

CURRENT_A: Final = 1.0  # below it nothing that matters flows
BACK_S: Final = 60.0  # a car that charged before wants power again within this time, or it does not like the change

Phases = Literal[1, 3]


class Inputs(NamedTuple):
    """One tick's view. `seen`: what the phase contactor's own contact says, None = it has none."""

    wish: Phases
    seen: int | None
    closed: bool  # command to the contactor
    feedback: bool | None
    current_a: float | None  # highest phase; None = nobody measures
    digital: bool
    plugged: bool
    wants: bool  # the car asks for power (C or D)


class Switch(msgspec.Struct, frozen=True, gc=False):
    """`phases`: the command to the phase contactor. `hold`: no energy now; the pilot shows X1."""

    phases: Phases = 3
    hold: bool = False
    step: Literal["rest", "stop", "wait", "pause"] = "rest"
    since: float = 0.0
    target: Phases = 3
    switched_at: float = -math.inf
    charged: bool = False  # power flowed before the change: the car is expected back
    expected_until: float | None = None
    refused: bool = False  # this car did not come back: no more changes for it
    apart_since: float | None = None  # the phase contactor's contact differs from the command
    apart: bool = False  # ... for too long: a fault


def why(s: Switch, policy: Policy, i: Inputs, now: float) -> str:
    """Why the phases are not (yet) as wished, for people; '' where they are."""
    if s.step == "stop":
        return f"changing to {s.target} phase(s): waiting until no current flows"
    if s.step in ("wait", "pause"):
        return f"changing to {s.target} phase(s)"
    if i.wish == s.phases:
        return ""
    if s.refused:
        return f"this car did not come back on {i.wish} phase(s)"
    if i.digital:
        return "the car charges under digital communication, which knows no change of phases"
    left = math.ceil(s.switched_at + policy.phase_min_interval_s - now)
    return f"phases were changed lately: {left} s left" if left > 0 else ""


def step(s: Switch, policy: Policy, i: Inputs, now: float) -> Switch:
    """One tick."""
    s = _watch(s, policy, i, now)
    if not i.plugged and (s.refused or s.expected_until is not None):
        s = _changed(s, refused=False, expected_until=None)
    if s.step == "stop":
        return _stopped(s, policy, i, now)
    if s.step == "wait":
        # both contactors are at rest: now the phases, in their own tick, and never again before this one is seen
        return _changed(s, step="pause", since=now, phases=s.target, switched_at=now)
    if s.step == "pause":
        return _paused(s, policy, i, now)
    return _rest(s, policy, i, now)


def _rest(s: Switch, policy: Policy, i: Inputs, now: float) -> Switch:
    if s.expected_until is not None:
        gone_by = s.expected_until
        if i.wants:
            s = _changed(s, expected_until=None)
        elif now >= gone_by:
            back: Phases = 1 if s.phases == 3 else 3
            return _changed(
                s, step="stop", since=now, target=back, hold=True, refused=True, expected_until=None, charged=False
            )
    wished = i.wish != s.phases and not s.refused and not i.digital
    if not wished or now - s.switched_at < policy.phase_min_interval_s or s.apart:
        return s
    return _changed(s, step="stop", since=now, target=i.wish, hold=True, charged=i.closed and i.wants)


def _stopped(s: Switch, policy: Policy, i: Inputs, now: float) -> Switch:
    """Open by command and by its mirror contact, where it has one, and no current measured."""
    if i.closed or i.feedback or (i.current_a is not None and i.current_a >= CURRENT_A):
        return _changed(s, since=now)
    if i.feedback is None and now - s.since < policy.feedback_s:
        return s  # nothing shows that it has opened: it gets the time in which it must
    return _changed(s, step="wait", since=now)


def _paused(s: Switch, policy: Policy, i: Inputs, now: float) -> Switch:
    if now - s.since < policy.phase_pause_s or s.apart_since is not None:
        return s
    return _changed(
        s, step="rest", since=now, hold=False, expected_until=now + BACK_S if s.charged and not s.refused else None
    )


def _watch(s: Switch, policy: Policy, i: Inputs, now: float) -> Switch:
    """The phase contactor follows its command, or it is a fault: a pole that stays closed is a phase too many."""
    if i.seen is None or i.seen == s.phases:
        return _changed(s, apart_since=None, apart=False)
    since = now if s.apart_since is None else s.apart_since
    return _changed(s, apart_since=since, apart=now - since > policy.feedback_s)


def _changed(s: Switch, **new: object) -> Switch:
    for name, value in new.items():
        if getattr(s, name) != value:
            return msgspec.structs.replace(s, **new)
    return s
