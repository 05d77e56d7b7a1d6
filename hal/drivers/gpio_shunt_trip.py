"""Shunt trip of the upstream breaker on a GPIO-driven relay: one pulse, given when a contactor is welded."""

from dataclasses import dataclass, field

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Output


@dataclass
class Driver:
    """[connector.shunt_trip] driver = "gpio_shunt_trip". The line stays on: the breaker's auxiliary contact ends the
    current through the trip coil, and a station with a welded contactor is not put back by software."""

    line: str
    active_low: bool = False
    _output: Output | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        self._output = Gpio(place.dev).output(self.line, active_low=self.active_low)

    def detach(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def trip(self) -> None:
        if self._output is None:
            raise DeviceError(f"shunt trip {self.line}: not attached")
        self._output.set(True)
