"""Simulated proximity contact: the plant puts the cable's rating into a slot."""

from dataclasses import dataclass

from hal.contracts import Plug
from hal.sim.part import SimPart

_PLUGS = {0.0: Plug.NONE, 13.0: Plug.A13, 20.0: Plug.A20, 32.0: Plug.A32, 63.0: Plug.A63, -2.0: Plug.BUTTON}


@dataclass
class Driver(SimPart):
    def read(self) -> Plug:
        return _PLUGS.get(self.slots["plug_rating_a"], Plug.INVALID)
