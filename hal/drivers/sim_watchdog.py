"""Simulated hardware watchdog: the plant lets every coil fall when the count stands still for 100 ms."""

from dataclasses import dataclass

from hal.contracts import Place
from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def attach(self, place: Place) -> None:
        super().attach(place)
        self._fed = self.everywhere

    def detach(self) -> None:
        self._fed = []
        super().detach()

    def feed(self) -> None:
        for slots in self._fed:
            slots["watchdog"] += 1.0
