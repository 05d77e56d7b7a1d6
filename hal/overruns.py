"""Ticks that begin late: counted, and a fault when there are too many of them: then the machine cannot keep what the
guard promises. Which tick is late is said by its thread (hal/ticker.py).
"""

import logging
from collections import deque
from typing import Final

LATE_S: Final = 0.05  # a tick that begins later is an overrun: half of the 100 ms a contactor may take to open
OVERRUNS: Final = 10  # so many ...
OVERRUN_WINDOW_S: Final = 10.0  # ... within this time are a fault

log = logging.getLogger("guard")


class Overruns:
    """Since start, and lately."""

    def __init__(self) -> None:
        self.count = 0
        self._at: deque[float] = deque(maxlen=OVERRUNS)

    def note(self, late_s: float, now: float) -> None:
        """How late, s, the tick at `now` begins."""
        if late_s <= LATE_S:
            return
        self.count += 1
        self._at.append(now)
        log.warning("tick %.0f ms late (%d overruns so far)", late_s * 1000, self.count)

    def fault(self, now: float) -> str:
        """What the fault says while overruns come too often, else ''."""
        if len(self._at) < OVERRUNS or now - self._at[0] > OVERRUN_WINDOW_S:
            return ""
        return f"{OVERRUNS} ticks more than {LATE_S * 1000:.0f} ms late within {OVERRUN_WINDOW_S:.0f} s"
