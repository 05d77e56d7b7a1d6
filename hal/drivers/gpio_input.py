"""One GPIO input of the safety chain: emergency stop, PE monitor, mains-fail, tamper contact.

Wire it so that a broken wire trips: a closed contact pulls the input high while all is well, `active_low = true`.
"""

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Input


@dataclass
class Driver:
    """[emergency_stop] (and the like) driver = "gpio_input". Active = tripped."""

    line: str
    active_low: bool = True
    debounce_s: Annotated[float, Meta(ge=0, le=0.05)] = 0.005
    _input: Input | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        self._input = Gpio(place.dev).input(self.line, active_low=self.active_low, debounce_s=self.debounce_s)

    def detach(self) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None

    def active(self) -> bool:
        if self._input is None:
            raise DeviceError(f"input {self.line}: not attached")
        return self._input.active()
