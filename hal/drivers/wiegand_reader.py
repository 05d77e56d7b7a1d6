"""A card reader with Wiegand output on two GPIO inputs; the kernel keeps the edges and their times between polls."""

import time
from dataclasses import dataclass, field
from typing import Final

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Edges, Gpio
from hal.readers import wiegand
from hal.readers.presentation import Presentation

_READ_AGAIN: Final = 4


@dataclass
class Driver:
    """[token_reader] driver = "wiegand_reader". Lines idle high and pulse low; `active_low = false` where an inverting
    level shifter sits between. Whether a reader is there cannot be seen: such a wire is silent."""

    d0_line: str
    d1_line: str
    active_low: bool = True
    _edges: Edges | None = field(init=False, default=None, repr=False)
    _bits: list[int] = field(init=False, default_factory=list, repr=False)
    _last_at: float = field(init=False, default=0.0, repr=False)
    _presentation: Presentation = field(init=False, default_factory=Presentation, repr=False)
    _found: list[str] = field(init=False, default_factory=list, repr=False)

    def attach(self, place: Place) -> None:
        self._edges = Gpio(place.dev).edges((self.d0_line, self.d1_line), active_low=self.active_low)

    def detach(self) -> None:
        if self._edges is not None:
            self._edges.close()
            self._edges = None

    def poll(self) -> str | None:
        if self._edges is None:
            raise DeviceError("Wiegand reader: not attached")
        for index, at in self._edges.read():
            if self._bits and at - self._last_at > wiegand.PAUSE_S:
                self._finish()
            self._last_at = at
            if len(self._bits) <= wiegand.MAX_BITS:
                self._bits.append(index)
        if self._bits and time.monotonic() - self._last_at > wiegand.PAUSE_S:
            self._finish()
        return self._presentation.see(self._found.pop(0) if self._found else None)

    def _finish(self) -> None:
        bits, self._bits = self._bits, []
        if (token := wiegand.token(bits)) is not None and len(self._found) < _READ_AGAIN:
            self._found.append(token)
