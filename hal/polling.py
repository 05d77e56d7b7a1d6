"""Slow parts in threads of their own: each publishes its last value with its time, and does what it is asked in order.

A part that hangs delays nobody: its value grows old, and old is a fault by the board's policy. Which parts are slow,
and how old is too old, says hal/board.py.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from hal import realtime
from hal.contracts import DeviceError

T = TypeVar("T")


class Reading(NamedTuple, Generic[T]):
    """Last good value and when it was read (monotonic s); `error` is what the part said since, "" = nothing."""

    value: T | None
    at: float
    error: str = ""


class Poller(Generic[T]):
    """Reads a part every `period_s`. With `start` in its own thread; without, `run_due` does it where it is called."""

    def __init__(self, name: str, read: Callable[[], T], period_s: float, stale_s: float, now: float) -> None:
        self.name = name
        self.latest: Reading[T] = Reading(None, now)  # replaced whole: readers in other threads need no lock
        self.action_error = ""
        self.resting = False  # nothing depends on the value now: a quarter of the readings will do
        self._read = read
        self._period_s = period_s
        self._stale_s = stale_s
        self._due = now
        self._clock: Callable[[], float] = time.monotonic
        self._refresh_wanted = False
        self._actions: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def _pause_s(self) -> float:
        return max(self._period_s, min(4 * self._period_s, self._stale_s / 2.5)) if self.resting else self._period_s

    def fresh(self, now: float) -> bool:
        """Whether the last value is young enough; before the first value the part gets the same time to answer."""
        return now - self.latest.at <= self._stale_s

    def request(self, action: Callable[[], object]) -> None:
        """Do this next (move the lock, set the supply). A DeviceError of it stays in `action_error` until one works."""
        self._actions.put(action)

    def request_refresh(self) -> None:
        """Read (for a supply: hand over the set point) next; asked for again before it happened, it happens once."""
        if not self._refresh_wanted:
            self._refresh_wanted = True
            self._actions.put(self._refresh)

    def _refresh(self) -> None:
        self._refresh_wanted = False  # first: what is asked for from here on must not be lost
        self.refresh()

    def refresh(self) -> None:
        """Read now, at the end of an action that changed the value. Raises DeviceError."""
        began = self._clock()  # an order that comes while it is read must not find itself obeyed
        self.latest = Reading(self._read(), began)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self, within_s: float = 1.0) -> None:
        """End the thread after what is queued. One that hangs in its device is left behind: it is a daemon."""
        self._actions.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    def run_due(self, now: float) -> None:
        """In virtual time: do what is due, here and now."""
        self._clock = lambda: now
        while not self._actions.empty():
            if (action := self._actions.get()) is not None:
                self._do(action)
        if now >= self._due - 1e-6:
            self._due = max(self._due + self._pause_s, now)  # a late tick does not move the next
            self._poll(now)

    def _run(self) -> None:
        realtime.step_back()
        due = time.monotonic()
        while True:
            try:
                action = self._actions.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                self._poll(time.monotonic())
                due = max(due + self._pause_s, time.monotonic())
                continue
            if action is None:
                return
            self._do(action)

    def _poll(self, now: float) -> None:
        try:
            self.latest = Reading(self._read(), now)
        except DeviceError as error:
            self.latest = Reading(self.latest.value, self.latest.at, str(error))

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
            self.action_error = ""
        except DeviceError as error:
            self.action_error = str(error)
