"""Simulated indicator: one slot holds what the driver sees."""

from dataclasses import dataclass

from hal.contracts import Light
from hal.sim.part import SimPart

_INDEX = {light: float(index) for index, light in enumerate(Light)}


@dataclass
class Driver(SimPart):
    def show(self, light: Light) -> None:
        self.slots["indicator"] = _INDEX[light]

    def make_safe(self) -> None:
        self.show(Light.OFF)
