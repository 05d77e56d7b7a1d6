"""A second contactor that carries L2 and L3, its coil on a GPIO-driven relay: energised = three phases, released = one.

It switches without current only; when, is the guard's. Wire its coil behind the main contactor's supply where the
maker asks for it ("serial"): it then also falls with that.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Input, Output


@dataclass
class Driver:
    """[connector.phase_switch] driver = "gpio_phase_switch". `feedback`: kind of its mirror contact on `sense_line`;
    `no` = input active while it carries three phases, `nc` = active while one."""

    enable_line: str
    sense_line: str = ""
    feedback: Literal["none", "no", "nc"] = "none"
    active_low: bool = False
    debounce_s: Annotated[float, Meta(ge=0, le=0.05)] = 0.01
    _coil: Output | None = field(init=False, default=None, repr=False)
    _mirror: Input | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.feedback == "none") != (not self.sense_line):
            raise ValueError('sense_line and feedback = "no" or "nc" belong together')

    def attach(self, place: Place) -> None:
        """Starts with one phase: less is safe for every car."""
        gpio = Gpio(place.dev)
        try:
            self._coil = gpio.output(self.enable_line, active_low=self.active_low, on=False)
            if self.sense_line:
                wired_nc = self.feedback == "nc"
                self._mirror = gpio.input(self.sense_line, active_low=wired_nc, debounce_s=self.debounce_s)
        except DeviceError:
            self.detach()
            raise

    def detach(self) -> None:
        """The coil stays as it is: the main contactor may still be carrying current."""
        for line in (self._coil, self._mirror):
            if line is not None:
                line.close()
        self._coil = self._mirror = None

    def set(self, phases: int) -> None:
        if self._coil is None:
            raise DeviceError(f"phase contactor {self.enable_line}: not attached")
        self._coil.set(phases == 3)

    def phases(self) -> int | None:
        if self._coil is None:
            raise DeviceError(f"phase contactor {self.enable_line}: not attached")
        if self._mirror is None:
            return None
        return 3 if self._mirror.active() else 1
