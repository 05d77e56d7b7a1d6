"""A process that is stopped for moments, five times a second: what a machine with too much to do does to the guard."""

import contextlib
import os
import signal
from typing import Final

PERIOD_S: Final = 0.2
STOPPED_S: Final = 0.07  # longer than a tick may be late, shorter than what counts as standing still


class Stutter:
    """Stepped with the plant; only in real time it means anything."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._stopped = False
        self._since_s = 0.0

    def aim(self, pid: int | None) -> None:
        """At this process from now on; None leaves the one before in peace. Raises OSError when it cannot be had."""
        if pid is not None:
            os.kill(pid, 0)
        self._let_go()
        self._pid, self._since_s = pid, 0.0

    def step(self, dt: float) -> None:
        if self._pid is None:
            return
        self._since_s += dt
        if self._since_s < (STOPPED_S if self._stopped else PERIOD_S - STOPPED_S):
            return
        self._since_s, self._stopped = 0.0, not self._stopped
        try:
            os.kill(self._pid, signal.SIGSTOP if self._stopped else signal.SIGCONT)
        except OSError:  # it has ended
            self._pid, self._stopped = None, False

    def _let_go(self) -> None:
        if self._pid is not None and self._stopped:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGCONT)
        self._stopped = False
