"""The contactor of a board whose own controller switches it, and may open (some: close) it by its own judgement.

What the controller does unasked reaches us together with its reason (the car's state); the guard follows two ticks
later. Until `HANDOVER_S` such a change is kept back, so that it is not taken for a contact that moved by itself.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from hal.contracts import DeviceError
from hal.controllers.part import ControllerPart

HANDOVER_S: Final = 0.1
READY_BELOW_MV: Final = 8000  # states C and D


@dataclass
class Driver(ControllerPart):
    """[connector.contactor] driver = "controller_contactor"."""

    _ordered: bool = field(default=False, init=False, repr=False)
    _unasked_since: float | None = field(default=None, init=False, repr=False)

    def make_safe(self) -> None:
        self._switch(False)

    def close(self) -> None:
        self._switch(True)

    def open(self) -> None:
        self._switch(False)

    @property
    def closes_itself(self) -> bool:
        """Whether the pilot's duty alone makes this board close."""
        return self._shared is not None and self._shared.dialect.closes_itself

    def closed(self) -> bool | None:
        """By the controller's word; what it says is wrong with itself is a DeviceError."""
        if fault := self.seen.fault:
            raise DeviceError(f"{self._place}: {fault}")
        closed = self.fresh(self.seen.closed)
        now = time.monotonic()
        if closed is None or closed is self._ordered:
            self._unasked_since = None
            return closed
        if self._unasked_since is None:
            self._unasked_since = now
        return self._ordered if now - self._unasked_since < HANDOVER_S else closed

    def _switch(self, on: bool) -> None:
        before = self._ordered
        if on is not before:
            # what differs from a new order is an answer still to come: said as it is
            self._ordered, self._unasked_since = on, float("-inf")
        if on:
            self.want(close=True, closings=self.wish.closings + (not before))
        else:
            # the car let go, it is open already: then the duty may stay for its return
            let_go = before and not self._may_be_closed()
            self.want(close=False, duty_void=self.closes_itself and not let_go)

    def _may_be_closed(self) -> bool:
        closed, pilot = self.seen.closed, self.seen.pilot
        return closed is None or pilot is None or bool(closed.value) or pilot.value.high_mv < READY_BELOW_MV
