"""What insulation monitors on Modbus share: when a value is one of this cable, and how a self test is followed.

Registers are the drivers'. Neither start nor self test waits for the device; what came of them, `read` tells.
"""

import abc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

from msgspec import Meta

from hal.contracts import DeviceError, InsulationReading, Place
from hal.modbus.bus import Priority
from hal.modbus.part import ModbusPart

SELF_TEST_S: Final = 30.0  # IEC 61851-23:2023: the budget of the self test in the cable check
MOST_OHM: Final = 1e9


class Look(NamedTuple):
    """One look at the device. `broken`: what it says is wrong with itself; `ohm` None = no valid value."""

    ohm: float | None
    testing: bool
    broken: str = ""


@dataclass
class InsulationMonitor(ModbusPart, abc.ABC):
    """`settle_s`: so long after a start or a test a value may still be one from before."""

    settle_s: Annotated[float, Meta(ge=0, le=10)] = 2.0
    _test: Literal["none", "running", "passed", "failed"] = field(init=False, default="none", repr=False)
    _test_at: float = field(init=False, default=0.0, repr=False)
    _test_seen: bool = field(init=False, default=False, repr=False)
    _valid_from: float = field(init=False, default=math.inf, repr=False)
    _clock: Callable[[], float] = field(init=False, default=time.monotonic, repr=False)

    priority: ClassVar[Priority] = Priority.SAFETY

    @abc.abstractmethod
    def enable(self, on: bool) -> None:
        """Settings, and measuring on or off. Raises DeviceError."""

    @abc.abstractmethod
    def begin_test(self) -> None: ...

    @abc.abstractmethod
    def look(self) -> Look: ...

    def attach(self, place: Place) -> None:
        super().attach(place)
        self._test, self._valid_from = "none", math.inf

    def start(self) -> None:
        self.enable(True)
        self._valid_from = self._clock() + self.settle_s

    def stop(self) -> None:
        self._valid_from = math.inf
        self.enable(False)

    def self_test(self) -> None:
        self._test, self._test_at, self._test_seen = "running", self._clock(), False
        self.begin_test()

    def read(self) -> InsulationReading:
        """Raises DeviceError when it says that it is broken, or what is no resistance."""
        look, now = self.look(), self._clock()
        if self._test == "running":
            self._follow(look, now)
        if look.broken and not look.testing and self._test != "failed":
            raise DeviceError(f"{self.unit}: insulation monitor: {look.broken}")
        if look.testing or self._test == "running" or look.broken or now < self._valid_from:
            return InsulationReading(None, self._test)
        if look.ohm is not None and not 0.0 <= look.ohm <= MOST_OHM:  # so that NaN is refused too
            raise DeviceError(f"{self.unit}: {look.ohm:g} Ohm is no resistance")
        return InsulationReading(look.ohm, self._test)

    def _follow(self, look: Look, now: float) -> None:
        """It begins a little after it was asked for; what counts is that it was seen and is over."""
        self._test_seen = self._test_seen or look.testing
        if now - self._test_at > SELF_TEST_S:
            self._test = "failed"
        elif self._test_seen and not look.testing:
            self._test = "failed" if look.broken else "passed"
            self._valid_from = max(self._valid_from, now + self.settle_s)
