"""The composite schedule (OCPP 2.1 part 2, K08): what may be drawn from now on, change by change.

Pure. What holds at an instant is `instant`'s; who feeds it, and what follows for the station, is `smart_charging`'s.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from firmware.energy.instant import Electrics, Instant, Layers, instant, total
from firmware.energy.timeline import Circumstances
from firmware.station.charging_profile import RateUnit
from firmware.station.smart_charging import Row

MOST_PERIODS: Final = 1024  # ChargingScheduleType of 2.x holds no more; a longer composite schedule ends earlier


class CompositePeriod(NamedTuple):
    """From `start_s` after the schedule's start: see Instant."""

    start_s: float
    limit: Instant


@dataclass(frozen=True)
class Composite:
    """A composite schedule. `start` UTC s. Never without a period; a change of who limits is a period of its own."""

    evse: int
    start: float
    duration_s: float
    periods: tuple[CompositePeriod, ...]

    def rows(self, unit: RateUnit, *, decimals: int = 1, passed_s: float = 0.0) -> list[Row]:
        """As GetCompositeSchedule answers it: cut to `decimals` (1.6: one, section 7.14), equal neighbours joined.
        `passed_s`: of the second it starts with, so much is over; what changed in it holds from the start."""
        rows: list[Row] = []
        for period in self.periods:
            limit = period.limit
            value = rounded(limit.amps if unit == "A" else limit.watts, decimals)
            start_s = 0 if period.start_s <= passed_s else round(period.start_s)
            row = Row(start_s, value, limit.phases, limit.phase_to_use)
            if rows and rows[-1][1:] == row[1:]:
                continue
            if rows and rows[-1].start_s == row.start_s:  # within one second: the later one is what remains
                rows.pop()
                if rows and rows[-1][1:] == row[1:]:
                    continue
            rows.append(row)
        return rows


def rounded(value: float, decimals: int) -> float:
    """Cut to so many decimals, never up; what a binary fraction is short of is made good."""
    scale = 10.0**decimals
    return math.floor(value * scale + 1e-6) / scale


def schedule(evaluate: Callable[[float], Instant], evse: int, start: float, duration_s: float) -> Composite:
    """Step from change to change. `evaluate`: what may be drawn at an instant."""
    end = start + duration_s
    periods: list[CompositePeriod] = []
    when = start
    while True:
        found = evaluate(when)
        if not periods or not _same(periods[-1].limit, found):
            if len(periods) == MOST_PERIODS:
                return Composite(evse, start, when - start, tuple(periods))
            periods.append(CompositePeriod(when - start, found))
        if found.until >= end:
            return Composite(evse, start, duration_s, tuple(periods))
        when = max(found.until, when + 0.001)  # always on, whatever a clock of doubles makes of it


def _same(one: Instant, other: Instant) -> bool:
    """Nothing but the time of the next change differs."""
    return one[:4] == other[:4] and one[5:] == other[5:]


@dataclass(frozen=True)
class View:
    """Everything that schedules follow from, as it is now. `site`: what limits the sum without any profile."""

    evses: Mapping[int, tuple[Layers, Circumstances, Electrics]]
    station: Layers
    site: Electrics
    offline_since: float | None = None
    priority: frozenset[int] = frozenset()

    def at(self, evse: int, when: float, *, asked: float | None = None, chosen: int | None = None) -> Instant:
        """What may be drawn at `when`. `asked`: the moment for which a transaction is assumed where none runs
        (K08.FR.06); `chosen`: as if the car had chosen that schedule."""
        if evse == 0:
            alone = instant(self.station, when, Circumstances(offline_since=self.offline_since), self.site)
            return total(alone, [self.at(each, when, asked=asked) for each in self.evses])
        stack, around, electrics = self.evses[evse]
        if around.began is None:
            around = replace(around, began=when if asked is None else asked)
        if chosen is not None:
            around = replace(around, chosen=chosen)
        return instant(stack, when, around, electrics, priority=evse in self.priority)

    def bound_at(self, evse: int, when: float) -> Instant:
        """What profiles alone allow an EVSE: inf where none says anything. The board bounds elsewhere too."""
        stack, around, electrics = self.evses[evse]
        if around.began is None:
            around = replace(around, began=when)
        unbounded = replace(electrics, max_a=math.inf, max_w=math.inf)
        return instant(stack, when, around, unbounded, priority=evse in self.priority)

    def station_at(self, when: float) -> Instant:
        """What profiles alone allow the sum of all EVSEs."""
        unbounded = replace(self.site, max_a=math.inf)
        return instant(self.station, when, Circumstances(offline_since=self.offline_since), unbounded)

    def composite(self, evse: int, start: float, duration_s: float, *, chosen: int | None = None) -> Composite:
        """The schedule of one EVSE, or (0) of the station, from `start` for `duration_s`."""
        if evse != 0:
            return schedule(lambda when: self.at(evse, when, asked=start, chosen=chosen), evse, start, duration_s)
        around = Circumstances(offline_since=self.offline_since)
        alone = _Memory(lambda when: instant(self.station, when, around, self.site))
        parts = [_Memory(lambda when, each=each: self.at(each, when, asked=start)) for each in self.evses]  # type: ignore[misc]
        return schedule(lambda when: total(alone(when), [part(when) for part in parts]), 0, start, duration_s)


class _Memory:
    """Asks anew only when the last answer has run out; time only moves on."""

    def __init__(self, evaluate: Callable[[float], Instant]) -> None:
        self._evaluate = evaluate
        self._last: Instant | None = None

    def __call__(self, when: float) -> Instant:
        if self._last is None or when >= self._last.until:
            self._last = self._evaluate(when)
        return self._last
