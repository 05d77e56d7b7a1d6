"""One power module as we know it: what it measured and when it was asked, its rating, whether it still answers.

CAN answers carry no number: an answer counts for the oldest question that is open, so a late one is never taken for a
fresh one. While one is open a module is asked for its state only: an answer to that shows what will not be answered.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from hal.can.protocol import Heard, Rating

FRESH_S: Final = 0.1  # a value is what it was at most this long ago
LOST_S: Final = 0.3  # without a fresh value
INQUIRE_S: Final = 1.0
INQUIRE_OPEN_S: Final = 0.05
INQUIRE_LOST_S: Final = 0.25
QUIET_S: Final = 6.0  # after this nothing comes any more for old questions
_OPEN_QUESTIONS: Final = 64


@dataclass
class Module:
    """`limits`: the board file's word on one module. `counted`: it is told to give its share."""

    address: int
    limits: Rating
    measured: tuple[str, ...]
    state: str
    voltage_v: float = 0.0
    current_a: float = 0.0
    rating: Rating = field(default_factory=Rating)
    alarms: tuple[str, ...] = ()
    failed: bool = False
    odd: str = ""  # what it said that cannot be
    stands_still: bool = False  # it answers, but always the same (hal/can/standstill.py): no better than none
    lost_at: float | None = None  # answered before, or was asked for LOST_S, and does not now
    ready_at: float = 0.0  # from here on it may be switched on
    prepared: bool = False
    told: tuple[object, ...] = ()
    told_at: float = -math.inf
    _at: dict[str, float] = field(default_factory=dict)
    _open: dict[str, deque[float]] = field(default_factory=dict)
    _asked_at: float = -math.inf
    _inquired_at: float = -math.inf
    _first_asked: float | None = None
    _tells_state: bool = False

    # --- questions and answers --------------------------------------------------------------------------------------

    def may_ask(self, now: float) -> bool:
        """Whether a measurement may be asked for: nothing is open, or will not be answered any more."""
        if not self._tells_state and now - self._asked_at > QUIET_S:
            self._forget()
        return not any(self._queues)

    def asked(self, now: float) -> None:
        self._asked_at = now
        self._first_asked = now if self._first_asked is None else self._first_asked
        for what in self.measured:
            self._open.setdefault(what, deque(maxlen=_OPEN_QUESTIONS)).append(now)

    def due(self, now: float) -> bool:
        """Whether it is to be asked for its state: seldom, often while it owes an answer."""
        pause = INQUIRE_OPEN_S if self.lost_at is None else INQUIRE_LOST_S
        if self.may_ask(now):
            pause = INQUIRE_S
        return now - self._inquired_at >= pause

    def inquired(self, now: float) -> None:
        self._inquired_at = now
        if self.state:
            self._open.setdefault(self.state, deque(maxlen=_OPEN_QUESTIONS)).append(now)

    def hear(self, heard: Heard) -> None:
        """Take what it says, unless it cannot be."""
        queue = self._open.get(heard.what)
        at = queue.popleft() if queue else None
        if heard.what == self.state and at is not None:
            self._tells_state = True
            if at >= self._asked_at:  # modules answer in turn: what was asked before is not answered any more
                self._forget()
                self._open[self.state].clear()
        if heard.alarms is not None:
            self.alarms, self.failed = heard.alarms, heard.failed
        if heard.rating is not None:
            self._rate(heard.rating)
        if at is None or heard.what not in self.measured:
            return
        wrong = self._wrong(heard)
        if wrong:
            self.odd = wrong
            return
        self._at[heard.what] = at
        self.voltage_v = self.voltage_v if heard.voltage_v is None else heard.voltage_v
        self.current_a = self.current_a if heard.current_a is None else heard.current_a

    @property
    def _queues(self) -> list[deque[float]]:
        return [self._open[what] for what in self.measured if what in self._open]

    def _forget(self) -> None:
        for queue in self._queues:
            queue.clear()

    def _rate(self, said: Rating) -> None:
        """Values that cannot be are not taken; the board file's are the most."""
        kept = [
            value if value is not None and math.isfinite(value) and value >= 0.0 else before
            for value, before in zip(said, self.rating, strict=True)
        ]
        self.rating = Rating(*kept)

    def _wrong(self, heard: Heard) -> str:
        volts, amps = heard.voltage_v, heard.current_a
        most_v, most_a = 1.3 * (self.limits.max_voltage_v or 0.0), 1.5 * (self.limits.max_current_a or 0.0) + 5.0
        if volts is not None and not abs(volts) <= most_v:  # so that NaN is refused too
            return f"says {volts:g} V"
        if amps is not None and not abs(amps) <= most_a:
            return f"says {amps:g} A"
        return ""

    # --- what follows -----------------------------------------------------------------------------------------------

    @property
    def measured_at(self) -> float:
        """When the older one of its values was asked for; -inf before the first."""
        return min((self._at.get(what, -math.inf) for what in self.measured), default=-math.inf)

    def fresh(self, now: float) -> bool:
        fresh = now - self.measured_at <= FRESH_S and not self.stands_still
        if fresh:
            self.odd = ""
        return fresh

    def overdue(self, now: float) -> bool:
        """It has had its time to answer."""
        since = max(self.measured_at, self._first_asked if self._first_asked is not None else now)
        return self.stands_still or now - since > LOST_S

    @property
    def max_current_a(self) -> float:
        return _least(self.limits.max_current_a, self.rating.max_current_a)

    @property
    def max_power_w(self) -> float:
        return _least(self.limits.max_power_w, self.rating.max_power_w)

    @property
    def max_voltage_v(self) -> float:
        return _least(self.limits.max_voltage_v, self.rating.max_voltage_v)

    @property
    def min_voltage_v(self) -> float:
        return max(self.limits.min_voltage_v or 0.0, self.rating.min_voltage_v or 0.0)

    def __str__(self) -> str:
        still = ("its values stand still",) if self.stands_still else ()
        said = ", ".join((*self.alarms, *((self.odd,) if self.odd else ()), *still))
        return f"module {self.address}" + (f" ({said})" if said else "")


def _least(first: float | None, second: float | None) -> float:
    return min(value for value in (first, second, math.inf) if value is not None)
