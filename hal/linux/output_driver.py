"""What drivers with one output line have in common: it is theirs, and at rest, from `attach` on. What becomes of it at
the end is the driver's."""

from dataclasses import dataclass, field

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Output


@dataclass
class OutputDriver:
    """`line`: by name. Wire it so that a line without drive is safe."""

    line: str
    active_low: bool = False
    _output: Output | None = field(init=False, default=None, repr=False)
    _place: str = field(init=False, default="", repr=False)

    def attach(self, place: Place) -> None:
        self._place = str(place)
        self._output = Gpio(place.dev).output(self.line, active_low=self.active_low)

    def detach(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def _set(self, on: bool) -> None:
        if self._output is None:
            raise DeviceError(f"{self._place or 'GPIO line'} {self.line}: not attached")
        self._output.set(on)
