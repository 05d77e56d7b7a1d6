"""Residual current monitor (RDC-DD, IEC 62955) with a fault contact on a GPIO input and, where wired, a test and a
reset input on GPIO outputs. The device opens the contactor by itself; here it is only asked and tested.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.gpio import Gpio, Input, Output

_LONGEST_TEST_S: Final = 1.0


@dataclass
class Driver:
    """[connector.rcd] driver = "gpio_rcm". The fault input has no debounce: a trip counts at once."""

    fault_line: str
    active_low: bool = False
    test_line: str = ""  # "" = the self-test input of the device is not wired
    test_active_low: bool = False
    test_hz: Annotated[float, Meta(ge=0, le=400)] = 0.0  # 0 = a steady level; else a square wave through the sensor
    reset_line: str = ""  # "" = the device resets itself
    reset_s: Annotated[float, Meta(gt=0, le=0.5)] = 0.005
    _fault: Input | None = field(init=False, default=None, repr=False)
    _test: Output | None = field(init=False, default=None, repr=False)
    _wave: threading.Event | None = field(init=False, default=None, repr=False)
    _swinging: threading.Thread | None = field(init=False, default=None, repr=False)
    _reset: Output | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        gpio = Gpio(place.dev)
        try:
            self._fault = gpio.input(self.fault_line, active_low=self.active_low)
            if self.test_line:
                self._test = gpio.output(self.test_line, active_low=self.test_active_low)
            if self.reset_line:
                self._reset = gpio.output(self.reset_line)
        except DeviceError:
            self.detach()
            raise

    def detach(self) -> None:
        try:
            if self._test is not None:
                self.test(False)
        finally:
            if self._swinging is not None:  # it must not drive a line that is somebody else's by then
                self._swinging.join(_LONGEST_TEST_S)
                self._swinging = None
            for line in (self._fault, self._test, self._reset):
                if line is not None:
                    line.close()
            self._fault = self._test = self._reset = None

    def tripped(self) -> bool:
        if self._fault is None:
            raise DeviceError("residual current monitor: not attached")
        return self._fault.active()

    def test(self, on: bool) -> None:
        if self._test is None:
            raise DeviceError(f"residual current monitor on {self.fault_line}: no test_line is wired")
        if self._wave is not None:
            self._wave.set()
            self._wave = None
        if on and self.test_hz:
            self._wave = threading.Event()
            self._swinging = threading.Thread(
                target=self._swing, args=(self._test, self._wave), name="rcm test", daemon=True
            )
            self._swinging.start()
        else:
            self._test.set(on)

    def _swing(self, line: Output, end: threading.Event) -> None:
        """The test current's wave, in a thread of its own: the tick does not wait for it. Ends at the latest after the
        time a self test may take."""
        level, until = True, time.monotonic() + _LONGEST_TEST_S
        try:
            while not end.is_set() and time.monotonic() < until:
                line.set(level)
                level = not level
                end.wait(0.5 / self.test_hz)
            line.set(False)
        except (DeviceError, OSError):
            return  # the monitor does not trip then: that is the fault

    def reset(self) -> None:
        if self._reset is not None:
            self._reset.set(True)
            time.sleep(self.reset_s)
            self._reset.set(False)
