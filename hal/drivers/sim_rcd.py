"""Simulated residual current electronics: the trip output, the test winding and the reset line are slots."""

from dataclasses import dataclass

from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def tripped(self) -> bool:
        tripped = self.slots["rcd_tripped"] != 0.0
        if not tripped:
            self.slots["rcd_reset"] = 0.0  # the reset line is held until it has worked
        return tripped

    def test(self, on: bool) -> None:
        self.slots["rcd_test"] = float(on)

    def reset(self) -> None:
        self.slots["rcd_reset"] = 1.0

    def make_safe(self) -> None:
        self.test(False)
