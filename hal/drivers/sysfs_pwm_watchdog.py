"""A pulse that a relay circuit needs to stay closed (EVSE Pi Hat: 1..10 kHz), made by a kernel PWM. It runs only while
the tick feeds it: a thread of its own ends it within 100 ms. A guard that was killed leaves it running: the service's
ExecStopPost ends it then (systemd/safe-state: `pwm DEVICE CHANNEL off`).
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.pwm import Pwm

STARVED_S: Final = 0.1
_AGAIN_S: Final = 0.02


@dataclass
class Driver:
    """[watchdog] driver = "sysfs_pwm_watchdog". `frequency_hz` of the pulse."""

    pwm_device: str
    pwm_channel: Annotated[int, Meta(ge=0, le=31)] = 0
    frequency_hz: Annotated[float, Meta(ge=100, le=100_000)] = 2000.0
    _pwm: Pwm | None = field(init=False, default=None, repr=False)
    _fed: float = field(init=False, default=0.0, repr=False)
    _on: bool = field(init=False, default=False, repr=False)
    _end: threading.Event = field(init=False, default_factory=threading.Event, repr=False)
    _switching: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    _thread: threading.Thread | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        """Prepared and off: the first feeding starts it."""
        period_ns = round(1e9 / self.frequency_hz)
        pwm = Pwm(place.sysfs, self.pwm_device, self.pwm_channel)
        try:
            pwm.enable(False)
            pwm.set(period_ns, period_ns // 2)
        except DeviceError:
            pwm.close()
            raise
        self._pwm, self._on = pwm, False
        self._end.clear()
        self._thread = threading.Thread(target=self._watch, name="pulse", daemon=True)
        self._thread.start()

    def detach(self) -> None:
        if self._thread is not None:
            self._end.set()
            self._thread.join()
            self._thread = None
        if self._pwm is not None:
            try:
                self._switch(False)
            finally:
                self._pwm.close()
                self._pwm = None

    def feed(self) -> None:
        if self._pwm is None:
            raise DeviceError("pulse: not attached")
        self._fed = time.monotonic()
        if not self._on:
            self._switch(True)

    def _switch(self, on: bool) -> None:
        with self._switching:
            if self._pwm is not None and on is not self._on:
                self._pwm.enable(on)
                self._on = on

    def _watch(self) -> None:
        """Looks when the last feeding is worn out, not more often: each look is a wake-up."""
        left_s = STARVED_S
        while not self._end.wait(left_s):
            left_s = self._fed + STARVED_S - time.monotonic() if self._on else STARVED_S
            if left_s <= 0:
                left_s = _AGAIN_S
                with suppress(DeviceError):  # tried again in a moment
                    self._switch(False)
