"""An input of the safety chain that hangs on the board's own controller: emergency stop, or PE monitor."""

from dataclasses import dataclass

from hal.contracts import DeviceError
from hal.controllers.part import ControllerPart


@dataclass
class Driver(ControllerPart):
    """[emergency_stop] (also of a connector) and [connector.pe_monitor] driver = "controller_input"."""

    def active(self) -> bool:
        seen = self.seen
        if self._place.part not in ("emergency_stop", "pe_monitor"):
            raise DeviceError(f"{self._place}: the controller has no such input")
        return self.fresh(seen.emergency_stop if self._place.part == "emergency_stop" else seen.pe_lost)
