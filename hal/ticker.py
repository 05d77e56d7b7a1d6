"""The tick's own thread, on an absolute schedule: a late tick does not move the next. Not asyncio: two threads that
compute delay a tick there by 200 ms.

Every 10 ms while a contactor is closed or anything is under way. While nothing is (`Guard.resting`) every 50: then no
tick can be late for anything, and a wake-up is what costs most on a small machine. What the controller asks for ends
the rest at once.
"""

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from hal import realtime
from hal.guard import STOOD_STILL_S, TICK_S, Guard

RESTING_TICK_S: Final = 0.05
#: A driver thread that computes hands over after 0.1 ms instead of 5: measured, p99.9 of the tick 3 ms.
SWITCH_S: Final = 1e-4


class Ticker:
    """Calls `guard.tick` until it is stopped; then, or when the tick fails, every contactor is opened."""

    def __init__(self, guard: Guard, *, priority: int = 0, late: Callable[[float], None] | None = None) -> None:
        self._guard = guard
        self._priority = priority
        self._late = late  # told how late each tick began, s
        self._stopping = False
        self.runs_as = ""  # priority of the tick's thread, for people
        self._ready = threading.Event()
        self._alarm = threading.Lock()  # held while nobody wakes us: the cheapest thing to wait for with a limit
        self._alarm.acquire()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.freeze()
        self._guard.mailbox.wake_tick = self._wake
        self._thread.start()
        self._ready.wait()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        """From any thread. Two at once wake once."""
        try:
            self._alarm.release()
        except RuntimeError:
            return  # it rings already

    def _run(self) -> None:
        self.runs_as = realtime.raise_tick(self._priority)
        self._ready.set()
        try:
            self._keep_time()
        finally:  # stopped, or failed in a way nobody foresaw: in both cases nothing stays closed
            self._guard.open_all()

    def _keep_time(self) -> None:
        guard, monotonic = self._guard, time.monotonic
        due = monotonic()
        while not self._stopping:
            now = monotonic()
            if self._late:
                self._late(now - due)
            guard.overruns.note(now - due, now)
            guard.tick(now)
            resting = guard.resting
            due += RESTING_TICK_S if resting else TICK_S
            now = monotonic()
            if due < now - STOOD_STILL_S:
                due = now  # after a stand-still no burst of ticks
            if due <= now:
                continue
            if not resting:
                time.sleep(due - now)
            elif self._alarm.acquire(timeout=due - now):
                due = max(monotonic(), due - RESTING_TICK_S + TICK_S)  # a flood makes no more ticks than work does
                time.sleep(max(0.0, due - monotonic()))
