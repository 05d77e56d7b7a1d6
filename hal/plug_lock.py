"""Keeps the plug locked or unlocked: repeats the movement when the bolt did not reach its place, then says so.

The movement itself blocks and runs in the lock's own thread; when to lock is decided by the connector.
"""

from collections.abc import Callable
from typing import Final

from hal.contracts import CableLock, LockState
from hal.polling import Poller

TRIES: Final = 5  # hal reference 5: five pulses, one second apart
PAUSE_S: Final = 1.0


class PlugLock:
    """Wanted and real state of one lock."""

    def __init__(self, part: CableLock, poller: Poller[LockState]) -> None:
        self.poller = poller
        self._part = part
        self._wanted = False  # a bolt found locked at start is opened: no cable stays trapped after a restart
        self._moving = False  # from the request until its end in the lock's thread
        self._tries = 0
        self._gave_up = False
        self._next_at = 0.0

    @property
    def state(self) -> LockState:
        """MOVING from the moment a movement is asked for: what was read before says nothing any more."""
        return LockState.MOVING if self._moving else self.poller.latest.value or LockState.UNKNOWN

    @property
    def failed(self) -> str:
        """What is wrong when all tries were in vain, else ''."""
        if not self._gave_up or self._reached:
            return ""
        return self.poller.action_error or f"still {self.state} after {TRIES} tries"

    @property
    def _reached(self) -> bool:
        return self.state is (LockState.LOCKED if self._wanted else LockState.UNLOCKED)

    def keep(self, *, locked: bool, now: float) -> None:
        """Call every tick. A change of mind starts anew; a bolt that moved by itself is moved back."""
        if locked is not self._wanted:
            self._wanted, self._next_at = locked, now
            self._tries, self._gave_up = 0, False
        if self._moving:
            return
        if self._reached:
            self._tries, self._gave_up = 0, False
        elif now >= self._next_at and self._tries == TRIES:
            self._gave_up = True
        elif now >= self._next_at:
            self._tries += 1
            self._next_at = now + PAUSE_S
            self._moving = True
            move = self._part.lock if locked else self._part.unlock
            self.poller.request(lambda: self._move(move))

    def _move(self, move: Callable[[], None]) -> None:
        try:
            move()
        finally:
            try:
                self.poller.refresh()
            finally:
                self._moving = False
