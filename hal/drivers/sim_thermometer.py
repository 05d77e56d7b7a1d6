"""Simulated thermometer at the plug."""

from dataclasses import dataclass

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def read(self) -> float:
        if self.slots["temperature_fault"]:
            raise self.fail("the sensor is open or shorted")
        return self.slots["temperature_c"]
