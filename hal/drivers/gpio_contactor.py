"""A contactor whose coil hangs on GPIO-driven relays, with its mirror contact on GPIO inputs.

One contactor may need several relays (one per pole group): they switch together. Times and what a mismatch means are
the guard's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Input, Output


@dataclass
class Driver:
    """[connector.contactor] driver = "gpio_contactor". `feedback`: kind of the mirror contact; `no` = input active
    while closed, `nc` = input active while open."""

    enable_lines: Annotated[tuple[str, ...], Meta(min_length=1, max_length=4)]
    sense_lines: tuple[str, ...] = ()
    feedback: Literal["none", "no", "nc"] = "none"
    active_low: bool = False  # of the enable lines
    debounce_s: Annotated[float, Meta(ge=0, le=0.05)] = 0.01
    _coils: list[Output] = field(init=False, default_factory=list, repr=False)
    _mirrors: list[Input] = field(init=False, default_factory=list, repr=False)
    _commanded: bool = field(init=False, default=False, repr=False)

    def __post_init__(self) -> None:
        if self.feedback != "none" and len(self.sense_lines) != len(self.enable_lines):
            raise ValueError(f'feedback = "{self.feedback}" needs one sense line per enable line')
        if self.feedback == "none" and self.sense_lines:
            raise ValueError('sense_lines are wired: say feedback = "no" or "nc"')

    def attach(self, place: Place) -> None:
        """Take the lines; the request itself opens what an earlier process may have left closed."""
        gpio = Gpio(place.dev)
        try:
            for line in self.enable_lines:
                self._coils.append(gpio.output(line, active_low=self.active_low, on=False))
            for line in self.sense_lines:
                wired_nc = self.feedback == "nc"
                self._mirrors.append(gpio.input(line, active_low=wired_nc, debounce_s=self.debounce_s))
        except DeviceError:
            self.detach()
            raise
        self._commanded = False

    def detach(self) -> None:
        try:
            if self._coils:
                self._switch(False)
        finally:
            for coil in self._coils:
                coil.close()
            for mirror in self._mirrors:
                mirror.close()
            self._coils, self._mirrors = [], []

    def close(self) -> None:
        self._switch(True)

    def open(self) -> None:
        self._switch(False)

    def closed(self) -> bool | None:
        """By the mirror contacts. One welded pole keeps an open contactor "closed"; one missing pole keeps a closed
        contactor "open"."""
        if not self._coils:
            raise DeviceError("contactor: not attached")
        if not self._mirrors:
            return None
        seen = [mirror.active() for mirror in self._mirrors]
        return all(seen) if self._commanded else any(seen)

    @contextmanager
    def watch_mirror(self, place: Place) -> Iterator[Callable[[], bool]]:
        """The mirror contacts alone, without touching a coil's line. Raises DeviceError where there are none."""
        if not self.sense_lines:
            raise DeviceError("contactor: it has no mirror contact to look at")
        gpio, mirrors = Gpio(place.dev), list[Input]()
        try:
            for line in self.sense_lines:
                mirrors.append(gpio.input(line, active_low=self.feedback == "nc", debounce_s=self.debounce_s))
            yield lambda: any(mirror.active() for mirror in mirrors)
        finally:
            for mirror in mirrors:
                mirror.close()

    def _switch(self, on: bool) -> None:
        """Every coil gets its command even when one of them fails."""
        self._check_attached()
        self._commanded = on
        failed: DeviceError | None = None
        for coil in self._coils:
            try:
                coil.set(on)
            except DeviceError as error:
                failed = error
        if failed is not None:
            raise failed

    def _check_attached(self) -> None:
        if not self._coils:
            raise DeviceError("contactor: not attached")
