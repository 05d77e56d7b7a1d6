"""Simulated contactor with mirror contact; `output` tells the AC contactor from the DC one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from hal.contracts import DeviceError, Place
from hal.sim.part import SimPart
from hal.sim.registers import Registers


@dataclass
class Driver(SimPart):
    output: Literal["ac", "dc"] = "ac"
    feedback: bool = True

    def __post_init__(self) -> None:
        self._coil, self._mirror = (
            ("coil", "contactor_closed") if self.output == "ac" else ("dc_coil", "dc_contactor_closed")
        )

    def close(self) -> None:
        self.slots[self._coil] = 1.0

    def open(self) -> None:
        self.slots[self._coil] = 0.0

    def closed(self) -> bool | None:
        return self.slots[self._mirror] != 0.0 if self.feedback else None

    @contextmanager
    def watch_mirror(self, place: Place) -> Iterator[Callable[[], bool]]:
        """The mirror contact alone, without touching the coil."""
        if place.registers is None:
            raise DeviceError(f"{place}: a simulated part needs a register file")
        file = Registers.attach(place.registers)
        try:
            slots = file.connector(place.connector)
            yield lambda: slots[self._mirror] != 0.0
        finally:
            file.close()

    def make_safe(self) -> None:
        self.open()
