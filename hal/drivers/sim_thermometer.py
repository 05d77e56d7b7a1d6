"""Simulated thermometer at the plug."""

from dataclasses import dataclass
from typing import Literal

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    sensor: Literal[1, 2] = 1

    def read(self) -> float:
        if self.slots["temperature_fault"]:
            raise self.fail("the sensor is open or shorted")
        return self.slots["temperature_c" if self.sensor == 1 else "temperature_2_c"]
