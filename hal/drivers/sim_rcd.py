"""Simulated residual current electronics: the trip output, the test winding and the reset line are slots."""

from dataclasses import dataclass

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def tripped(self) -> bool:
        return self.slots["rcd_tripped"] != 0.0

    def test(self, on: bool) -> None:
        self.slots["rcd_test"] = float(on)

    def reset(self) -> None:
        self.slots["rcd_reset"] += 1.0  # the plant resets when the count moves

    def make_safe(self) -> None:
        self.test(False)
