"""SimpleEVSE / EVSE-WB / EVSE-DIN on a Modbus bus: a charging controller of its own, told how much.

When the guard dies it goes on by itself at the current it was told last, under its own protection.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.controllers.controller import PATIENCE_S, SharedController
from hal.controllers.dialect import Dialect
from hal.modbus.bus import Priority
from hal.modbus.part import ModbusPart


@dataclass(kw_only=True)
class Driver(SharedController, ModbusPart):
    """[controller.<name>] driver = "simple_evse". It wants 0.2 s between two requests. `poll_s`: how often its state
    is read; twice that and its pause without an answer is a fault: a new wish takes two requests more."""

    pause_s: Annotated[float, Meta(ge=0.05, le=0.5)] = 0.2
    poll_s: Annotated[float, Meta(ge=0.1, le=2)] = 0.4
    _wanted: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _ending: bool = field(default=False, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    priority = Priority.SAFETY
    on_guard_death: ClassVar[str] = "own_protection"
    digital: ClassVar[bool] = False
    outlet_count: ClassVar[int] = 1

    @property
    def silence(self) -> float:
        return 2 * (self.poll_s + self.pause_s)

    def make_dialect(self) -> Dialect:
        from hal.controllers.simple_evse import SimpleEvse  # noqa: PLC0415

        return SimpleEvse()

    def attach(self, place: Place) -> None:
        ModbusPart.attach(self, place)
        self._place, self._ending = place, False
        self._dialect = self.make_dialect()
        self._thread = threading.Thread(target=self._run, name=f"{place}", daemon=True)
        self._thread.start()
        self.await_first_words()

    def detach(self) -> None:
        """Its last turn, under way or begun now, takes the current away."""
        if self._thread is None:
            return
        self._ending = True
        self.wake()
        self._thread.join(PATIENCE_S + 2 * self.pause_s)
        self._thread = self._dialect = None
        ModbusPart.detach(self)

    def wake(self) -> None:
        self._wanted.set()

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._ending  # seen before the turn: the last one begins after it
            self._wanted.clear()
            began = time.monotonic()
            try:
                self._turn()
            except DeviceError as error:
                if self._dialect is not None:
                    self._dialect.trouble = str(error)
            if not ending:
                self._wanted.wait(max(0.0, began + self.poll_s - time.monotonic()))

    def _turn(self) -> None:
        from hal.controllers.simple_evse import SimpleEvse  # noqa: PLC0415

        if isinstance(self._dialect, SimpleEvse):
            self._dialect.turn(self.unit, time.monotonic())
            self._dialect.trouble = ""
