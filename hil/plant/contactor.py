"""A contactor: the contacts follow the coil after a delay, unless they are welded or stuck. The mirror contact shows
the contacts, not the coil; only a fault that the rig puts in makes it lie."""

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
    mirror_lies: bool = False  # a contact holds that the mirror does not see: it shows the armature
    operations: int = 0
    _waited_s: float = 0.0
    _armature: bool = False

    @property
    def mirror(self) -> bool:
        """What the mirror contact shows."""
        return self._armature if self.mirror_lies else self.closed

    def step(self, dt: float, coil: bool) -> None:
        """Let `dt` seconds pass with the coil energised or not."""
        self._armature = coil and not self.stuck_open
        moving = coil != self.closed and not (self.stuck_open if coil else self.welded)
        if not moving:
            self._waited_s = 0.0
            return
        self._waited_s += dt
        if self._waited_s >= (PULL_IN_S if coil else DROP_OUT_S) - 1e-9:
            self.closed = coil
            self.operations += coil
            self._waited_s = 0.0
