"""The plug lock, moved by the board's own controller."""

import time
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from hal.contracts import DeviceError, LockState
from hal.controllers.part import ControllerPart

_LOOK_S = 0.02


@dataclass
class Driver(ControllerPart):
    """[connector.lock] driver = "controller_lock". `reach_s`: what the bolt may take."""

    reach_s: Annotated[float, Meta(ge=0.1, le=10)] = 3.0

    def lock(self) -> None:
        self._move(LockState.LOCKED)

    def unlock(self) -> None:
        self._move(LockState.UNLOCKED)

    def state(self) -> LockState:
        return self.fresh(self.seen.lock)

    def _move(self, wanted: LockState) -> None:
        self.want(lock=wanted is LockState.LOCKED)
        until = time.monotonic() + self.reach_s
        while self.state() is not wanted:
            if time.monotonic() >= until:
                raise DeviceError(f"{self._place}: the bolt is not {wanted} within {self.reach_s:g} s")
            time.sleep(_LOOK_S)
