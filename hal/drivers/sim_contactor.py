"""Simulated contactor with mirror contact; `output` tells the AC contactor from the DC one."""

from dataclasses import dataclass
from typing import Literal

from hal.sim.part import SimPart


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

    def make_safe(self) -> None:
        self.open()
