"""How long our answers took of the time that the standard allows, over one session, per kind of message.

Bounded whatever the session's length: times are counted in classes 10 % wide, the longest is kept as it was.
"""

import math
from collections import Counter
from typing import Final

from firmware.station.car_facts import AnswerTimes
from firmware.v2g.peer import Exchanged

SHORTEST_S: Final = 1e-5
WIDTH: Final = 1.1  # of a class
MOST_NAMES: Final = 64  # more kinds of answers than any protocol has


class Deadlines:
    """The answers of one session so far."""

    def __init__(self) -> None:
        self._by_name: dict[str, _Times] = {}

    def note(self, each: Exchanged) -> None:
        """What the car says has no time to be answered in; it is passed over."""
        took, allowed = each.took_s, each.allowed_s
        name = type(each.message).__name__
        if took is None or allowed is None or (name not in self._by_name and len(self._by_name) >= MOST_NAMES):
            return
        self._by_name.setdefault(name, _Times()).note(took, allowed)

    def summary(self) -> tuple[AnswerTimes, ...]:
        """In the order in which they were first said."""
        return tuple(times.summary(name) for name, times in self._by_name.items())


class _Times:
    """The times of one kind of answer."""

    def __init__(self) -> None:
        self.classes: Counter[int] = Counter()
        self.count = self.late = 0
        self.longest_s = self.allowed_s = 0.0

    def note(self, took_s: float, allowed_s: float) -> None:
        self.classes[math.ceil(math.log(max(took_s, SHORTEST_S) / SHORTEST_S, WIDTH))] += 1
        self.count += 1
        self.late += took_s > allowed_s
        self.longest_s = max(self.longest_s, took_s)
        self.allowed_s = allowed_s

    def summary(self, name: str) -> AnswerTimes:
        return AnswerTimes(
            name=name,
            count=self.count,
            median_s=self._share(0.5),
            p99_s=self._share(0.99),
            max_s=round(self.longest_s, 6),
            allowed_s=self.allowed_s,
            late=self.late,
        )

    def _share(self, share: float) -> float:
        """So many of them took at most this long (the upper end of their class)."""
        left = share * self.count
        for number in sorted(self.classes):
            left -= self.classes[number]
            if left <= 0:
                return round(min(self.longest_s, SHORTEST_S * WIDTH**number), 6)
        return round(self.longest_s, 6)
