"""Simulated cable lock. `reach_s` is how long the bolt may take; 0 (virtual time) does not wait."""

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from hal.contracts import LockState
from hal.sim.part import SimPart

_STATES = (LockState.UNLOCKED, LockState.LOCKED, LockState.MOVING, LockState.UNKNOWN)
_LOCK, _UNLOCK = 1.0, 2.0


@dataclass
class Driver(SimPart):
    reach_s: Annotated[float, Meta(ge=0, le=10)] = 2.0
    _underway_to: LockState | None = field(default=None, init=False, repr=False)

    def lock(self) -> None:
        self._move(_LOCK, LockState.LOCKED)

    def unlock(self) -> None:
        self._move(_UNLOCK, LockState.UNLOCKED)

    def _move(self, command: float, goal: LockState) -> None:
        self.slots["lock_command"] = command
        self._underway_to = goal
        if not self.reach_s:
            return
        reached = self.wait_until("lock_state", float(_STATES.index(goal)), self.reach_s)
        self._underway_to = None
        if not reached:
            raise self.fail(f"the bolt is {self.state()} after {self.reach_s:g} s, not {goal}")

    def state(self) -> LockState:
        index = int(self.slots["lock_state"])
        seen = _STATES[index] if 0 <= index < len(_STATES) else LockState.UNKNOWN
        if self._underway_to not in (None, seen):
            return LockState.MOVING
        self._underway_to = None
        return seen
