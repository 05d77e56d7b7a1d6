"""Where time comes from: one small protocol, so that everything that reads a clock can be given another one.

Durations and deadlines use `mono`; only timestamps that leave the station use `utc`.
"""

import time
from typing import Final, Protocol

#: No station of this software existed before: an earlier wall clock is one that was never set (a board without RTC).
_EARLIEST: Final = 1_735_689_600.0  # 2025-01-01T00:00:00Z
_TOLERATED_S: Final = 1.0  # a back office's time is no better than this: network delay, one-second resolution


class Clock(Protocol):
    """mono: seconds of CLOCK_MONOTONIC (the guard uses the same); utc: seconds since 1970; synced: is utc right?"""

    def mono(self) -> float: ...

    def utc(self) -> float: ...

    @property
    def synced(self) -> bool: ...

    def set_utc(self, utc: float) -> float:
        """The back office says it is `utc` now. Returns by how many seconds our time moved."""
        ...


class SystemClock:
    """The machine's clocks, corrected by what the back office said where the machine's own time is wrong."""

    def __init__(self) -> None:
        self._correction = 0.0
        self._told = False

    def mono(self) -> float:
        return time.monotonic()

    def utc(self) -> float:
        return time.time() + self._correction

    @property
    def synced(self) -> bool:
        return self._told or time.time() >= _EARLIEST

    def set_utc(self, utc: float) -> float:
        self._told = True
        moved = utc - self.utc()
        if abs(moved) <= _TOLERATED_S:
            return 0.0
        self._correction += moved
        return moved
