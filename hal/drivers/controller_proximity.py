"""The proximity contact, read by the board's own controller."""

from dataclasses import dataclass

from hal.contracts import Plug
from hal.controllers.part import ControllerPart


@dataclass
class Driver(ControllerPart):
    """[connector.proximity] driver = "controller_proximity"."""

    def read(self) -> Plug:
        return self.fresh(self.seen.plug)
