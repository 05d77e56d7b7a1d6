"""Simulated safety input: emergency stop, PE monitor, mains-fail or tamper, by the name of its section.

Wired to the whole station it is tripped when it is at any connector.
"""

from dataclasses import dataclass, field

from hal.contracts import Place
from hal.sim.part import SimPart
from hal.sim.registers import ConnectorRegisters

_SLOTS = {
    "emergency_stop": "emergency_stop",
    "pe_monitor": "pe_fault",
    "mains_fail": "mains_fail",
    "tamper": "tamper",
}


@dataclass
class Driver(SimPart):
    _watched: list[ConnectorRegisters] = field(default_factory=list, init=False, repr=False)

    def attach(self, place: Place) -> None:
        self._slot = _SLOTS[place.part]
        super().attach(place)
        self._watched = self.everywhere

    def detach(self) -> None:
        self._watched = []
        super().detach()

    def active(self) -> bool:
        if not self._watched:
            raise self.fail("not attached")
        return any(slots[self._slot] for slots in self._watched)
