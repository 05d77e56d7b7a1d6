"""A temperature that the board's own controller measures: the hottest one it says."""

from dataclasses import dataclass

from hal.contracts import DeviceError
from hal.controllers.part import ControllerPart


@dataclass
class Driver(ControllerPart):
    """[connector.thermometer] driver = "controller_thermometer". °C."""

    def read(self) -> float:
        value = self.fresh(self.seen.temperature_c)
        if not -60.0 <= value <= 250.0:  # also refuses NaN
            raise DeviceError(f"{self._place}: {value} °C is no temperature")
        return value
