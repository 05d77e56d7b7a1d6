"""The plug lock of a socket: a motor that needs a moment, and a bolt that may jam."""

from dataclasses import dataclass
from typing import Final

TRAVEL_S: Final = 0.3
UNLOCKED: Final = 0.0
LOCKED: Final = 1.0
MOVING: Final = 2.0


@dataclass
class Lock:
    """`state` is one of UNLOCKED, LOCKED, MOVING, the words of the register file."""

    state: float = UNLOCKED
    jammed: bool = False
    _travelled_s: float = 0.0

    def step(self, dt: float, command: float) -> None:
        """`command`: 0 none, 1 lock, 2 unlock."""
        goal = LOCKED if command == 1.0 else UNLOCKED if command == 2.0 else self.state
        if goal == self.state or command == 0.0:
            self._travelled_s = 0.0
            return
        self.state = MOVING
        self._travelled_s += dt
        if not self.jammed and self._travelled_s >= TRAVEL_S - 1e-9:
            self.state = goal
