"""The inhibit (or emergency-off) input of DC power modules on one GPIO line; without it their output is blocked."""

from dataclasses import dataclass, field

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Output


@dataclass
class Driver:
    """[connector.dc_enable] driver = "gpio_dc_enable". Wire it so that a line without drive blocks."""

    line: str
    active_low: bool = False
    _output: Output | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        self._output = Gpio(place.dev).output(self.line, active_low=self.active_low)

    def detach(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def enable(self, on: bool) -> None:
        if self._output is None:
            raise DeviceError(f"DC enable {self.line}: not attached")
        self._output.set(on)
