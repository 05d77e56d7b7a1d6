"""Simulated insulation monitor. The self test is passed when the plant echoes its number within `self_test_s`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    self_test_s: Annotated[float, Meta(ge=0, le=60)] = 10.0

    def start(self) -> None:
        self.slots["imd_on"] = 1.0

    def stop(self) -> None:
        self.slots["imd_on"] = 0.0

    def self_test(self) -> bool:
        number = self.slots["imd_self_test"] + 1.0
        self.slots["imd_self_test"] = number
        return self.wait_until("imd_self_test_ok", number, self.self_test_s)

    def read(self) -> float:
        return self.slots["isolation_ohm"]

    def make_safe(self) -> None:
        self.stop()
