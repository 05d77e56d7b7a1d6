"""Simulated shunt trip: sets the slot that makes the plant's upstream breaker fall."""

from dataclasses import dataclass

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def trip(self) -> None:
        self.slots["shunt_trip"] = 1.0
