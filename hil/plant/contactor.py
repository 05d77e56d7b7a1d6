"""A contactor: the contacts follow the coil after a delay, unless they are welded or stuck. The mirror contact does
not lie: it shows the contacts, not the coil."""

from dataclasses import dataclass
from typing import Final

PULL_IN_S: Final = 0.025
DROP_OUT_S: Final = 0.015


@dataclass
class Contactor:
    """All poles of one contactor."""

    closed: bool = False
    welded: bool = False  # contacts stay together once they have met
    stuck_open: bool = False  # the armature does not move
    operations: int = 0
    _waited_s: float = 0.0

    def step(self, dt: float, coil: bool) -> None:
        """Let `dt` seconds pass with the coil energised or not."""
        moving = coil != self.closed and not (self.stuck_open if coil else self.welded)
        if not moving:
            self._waited_s = 0.0
            return
        self._waited_s += dt
        if self._waited_s >= (PULL_IN_S if coil else DROP_OUT_S) - 1e-9:
            self.closed = coil
            self.operations += coil
            self._waited_s = 0.0
