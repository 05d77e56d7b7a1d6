"""Simulated inhibit line of the DC modules' output stage."""

from dataclasses import dataclass

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def enable(self, on: bool) -> None:
        self.slots["dc_enable"] = float(on)

    def make_safe(self) -> None:
        self.enable(False)
