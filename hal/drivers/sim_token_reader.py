"""Simulated token reader: a swipe counts up a slot, its text lies beside it. For the station it reads all of them."""

from dataclasses import dataclass

from hal.contracts import Place
from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def attach(self, place: Place) -> None:
        super().attach(place)
        self._seen = [slots["token_count"] for slots in self.everywhere]

    def poll(self) -> str | None:
        for index, slots in enumerate(self.everywhere):
            if slots["token_count"] != self._seen[index]:
                self._seen[index] = slots["token_count"]
                return slots.token.upper()
        return None
