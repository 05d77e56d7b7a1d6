"""Simulated safety input: emergency stop, PE monitor, mains-fail or tamper, by the name of its section.

Wired to the whole station it is tripped when it is at any connector.
"""

from dataclasses import dataclass

from hal.contracts import Place
from hal.sim.part import SimPart

_SLOTS = {
    "emergency_stop": "emergency_stop",
    "pe_monitor": "pe_fault",
    "mains_fail": "mains_fail",
    "tamper": "tamper",
}


@dataclass
class Driver(SimPart):
    def attach(self, place: Place) -> None:
        self._slot = _SLOTS[place.part]
        super().attach(place)
        self._watched = self.everywhere

    def detach(self) -> None:
        self._watched = []
        super().detach()

    def active(self) -> bool:
        return any(slots[self._slot] for slots in self._watched)
