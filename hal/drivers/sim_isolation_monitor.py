"""Simulated insulation monitor: the plant does measuring time, settling and self test."""

from dataclasses import dataclass

from hal.contracts import InsulationReading
from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def start(self) -> None:
        self.slots["imd_on"] = 1.0

    def stop(self) -> None:
        self.slots["imd_on"] = 0.0

    def self_test(self) -> None:
        self.slots["imd_self_test"] += 1.0

    def read(self) -> InsulationReading:
        if self.slots["imd_fault"]:
            raise self.fail("insulation monitor does not answer")
        asked, echo = self.slots["imd_self_test"], self.slots["imd_self_test_ok"]
        ohm = self.slots["isolation_ohm"]
        if asked == 0.0:
            return InsulationReading(ohm if ohm >= 0.0 else None)
        result = {asked: "passed", -asked: "failed"}.get(echo, "running")
        return InsulationReading(ohm if ohm >= 0.0 else None, result)  # type: ignore[arg-type]  # a value of the table

    def make_safe(self) -> None:
        self.stop()
