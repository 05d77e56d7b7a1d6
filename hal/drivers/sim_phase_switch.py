"""Simulated phase contactor: one or three phases, with a contact of its own."""

from dataclasses import dataclass

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    feedback: bool = True

    def set(self, phases: int) -> None:
        self.slots["phases_wanted"] = float(phases)

    def phases(self) -> int | None:
        return int(self.slots["phases_seen"]) if self.feedback else None
