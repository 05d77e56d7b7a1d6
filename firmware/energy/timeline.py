"""When one profile applies, and with which of its periods: pure functions of time.

`at(...)` answers for one instant and says until when the answer holds, so that a schedule is found by stepping from
change to change. All recurrences are steps of 24 hours or 7 days in UTC (OCPP 1.6 errata 3.79): no daylight saving.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from firmware.station.charging_profile import RECURS_EVERY_S, Installed, Period, Schedule

NEVER: Final = math.inf


@dataclass(frozen=True)
class Circumstances:
    """What a profile's validity depends on, besides time. Times in UTC s.

    `began`: when the EVSE was ready to deliver energy to this transaction (K01.FR.42); the moment asked for where
    there is none. `offline_since`: None while the back office is there. `chosen`: which of several schedules the car
    chose.
    """

    transaction_id: str | None = None
    began: float | None = None
    offline_since: float | None = None
    soc_percent: float | None = None
    chosen: int = 0


class Answer(NamedTuple):
    """The period in force (None = the profile says nothing) and the time of the next change, NEVER = none."""

    period: Period | None
    until: float


def at(installed: Installed, when: float, around: Circumstances) -> Answer:
    """Which period of this profile is in force at `when`."""
    profile = installed.profile
    if installed.outlived or profile.transaction_id not in {None, around.transaction_id}:
        return Answer(None, NEVER)
    if profile.valid_from is not None and when < profile.valid_from:  # K01.FR.36
        return Answer(None, profile.valid_from)
    ends = NEVER if profile.valid_to is None else profile.valid_to  # K01.FR.37
    if profile.max_offline_s is not None and around.offline_since is not None:  # K01.FR.101
        ends = min(ends, around.offline_since + profile.max_offline_s)
    if when >= ends:
        return Answer(None, NEVER)
    period, until = _scheduled(installed, when, around)
    return Answer(period, min(until, ends))


def schedule_of(installed: Installed, chosen: int) -> Schedule:
    """The schedule that counts: the chosen one, the first where there is no such choice (K15.FR.22)."""
    schedules = installed.profile.schedules
    return schedules[chosen] if chosen < len(schedules) else schedules[0]


def start_of(installed: Installed, when: float, around: Circumstances) -> float:
    """When the schedule that counts began, or at `when` its occurrence of that day or week; UTC s."""
    start = _start(installed, schedule_of(installed, around.chosen), when, around)
    if installed.profile.kind != "Recurring":
        return start
    return _occurrence(start, RECURS_EVERY_S[installed.profile.recurrency or "Daily"], when)[0]


def _scheduled(installed: Installed, when: float, around: Circumstances) -> Answer:
    schedule = schedule_of(installed, around.chosen)
    start = _start(installed, schedule, when, around)
    if when < start:  # K01.FR.30
        return Answer(None, start)
    again = NEVER
    if installed.profile.kind == "Recurring":
        start, again = _occurrence(start, RECURS_EVERY_S[installed.profile.recurrency or "Daily"], when)
    ends = NEVER if schedule.duration_s is None else start + schedule.duration_s
    if when >= ends:
        return Answer(None, again)  # K01.FR.13: lower stack levels take over
    delays = _delays(installed, schedule, around)
    periods = schedule.periods
    if delays is None:
        index = bisect_right(periods, when, key=lambda period: start + period.start_s) - 1
        following = start + periods[index + 1].start_s if index + 1 < len(periods) else NEVER
    else:
        index = bisect_right(delays, when, key=lambda delayed: start + delayed) - 1
        following = start + delays[index + 1] if index + 1 < len(delays) else NEVER
    return Answer(periods[index] if index >= 0 else None, min(following, ends, again))


def _occurrence(start: float, every: float, when: float) -> tuple[float, float]:
    """Start of the occurrence that `when` lies in, and of the next; exact also where the division is not."""
    start += (when - start) // every * every
    if start > when:
        start -= every
    elif start + every <= when:
        start += every
    return start, start + every


def _start(installed: Installed, schedule: Schedule, when: float, around: Circumstances) -> float:
    match installed.profile.kind:
        case "Relative":
            if installed.profile.purpose in {"TxProfile", "TxDefaultProfile", "PriorityCharging"}:
                return around.began if around.began is not None else when
            return installed.received  # 1.6 does not forbid a relative maximum: it has no session to start with
        case "Dynamic":
            return installed.received
        case _:
            return schedule.start if schedule.start is not None else installed.received


@dataclass(frozen=True)
class _Draw:
    """Random delays of one installed profile for one transaction: found again by its seed, not by its periods."""

    seed: str
    most_s: float
    periods: tuple[Period, ...] = field(compare=False)


def _delays(installed: Installed, schedule: Schedule, around: Circumstances) -> Sequence[float] | None:
    """Start of each period with its random delay; None where there is none."""
    if schedule.randomized_delay_s <= 0 or around.transaction_id is None:  # K08.FR.06
        return None
    seed = (
        f"{installed.profile.id}/{installed.received!r}/{around.transaction_id}/{schedule.id}/{len(schedule.periods)}"
    )
    return _drawn(_Draw(seed, schedule.randomized_delay_s, schedule.periods))


@lru_cache(maxsize=128)
def _drawn(draw: _Draw) -> tuple[float, ...]:
    """K01.FR.92-94: each period but the first comes up to `most_s` later, as drawn once for a transaction. Drawn from
    a seed, so that a restart draws the same. A period never starts before the one ahead of it."""
    dice = random.Random(draw.seed)  # noqa: S311 - spreads load, keeps no secret
    starts = [draw.periods[0].start_s]
    for period in draw.periods[1:]:
        starts.append(max(starts[-1], period.start_s + dice.uniform(0, draw.most_s)))
    return tuple(starts)
