"""Watchdog timer of the machine (/dev/watchdogN): when the guard's tick stops feeding it, the processor is reset and
with it every output. Linux: Documentation/watchdog/watchdog-api.rst.
"""

import errno
import fcntl
import os
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.sysfs import read_once

_SET_TIMEOUT: Final = 0xC004_5706  # WDIOC_SETTIMEOUT, whole seconds
_DISARM: Final = b"V"
_FEED_EVERY_S: Final = 0.1
_START_S: Final = 10  # from here to the first tick the other parts are taken and modules loaded


@dataclass
class Driver:
    """[watchdog] driver = "linux_watchdog". A guard that dies leaves it armed; only `detach` disarms it."""

    device: str = "watchdog0"
    timeout_s: Annotated[int, Meta(ge=1, le=10)] = 1
    _descriptor: int = field(init=False, default=-1, repr=False)
    _fed: float = field(init=False, default=0.0, repr=False)
    _sysfs: Path = field(init=False, default=Path("/sys"), repr=False)

    def attach(self, place: Place) -> None:
        """Arm it, with time for the start. Raises DeviceError when it cannot do the wanted time, or when another
        process holds it (systemd's RuntimeWatchdogSec=)."""
        path = place.dev / self.device
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError(f"watchdog {path}: {error.strerror}") from error
        try:
            running_s = self._set_timeout(self.timeout_s, place.sysfs)
            if running_s <= self.timeout_s:
                self._set_timeout(_START_S, place.sysfs)
        except DeviceError:
            self.detach()
            raise
        if running_s > self.timeout_s:
            self.detach()
            raise DeviceError(f"watchdog {path}: fires after {running_s} s, {self.timeout_s} s wanted")
        self._sysfs = place.sysfs

    def detach(self) -> None:
        if self._descriptor >= 0:
            try:
                os.write(self._descriptor, _DISARM)
            finally:
                os.close(self._descriptor)
                self._descriptor, self._fed = -1, 0.0

    def feed(self) -> None:
        """Every call counts as life; the timer itself is written ten times a second."""
        now = time.monotonic()
        if now - self._fed < _FEED_EVERY_S:
            return
        if not self._fed:
            self._set_timeout(self.timeout_s, self._sysfs)
        try:
            os.write(self._descriptor, b"\0")
        except OSError as error:
            raise DeviceError(f"watchdog {self.device}: {error.strerror}") from error
        self._fed = now

    def _set_timeout(self, seconds: int, sysfs: Path) -> int:
        """The time it really has then, s. Some timers have one fixed time, which sysfs tells."""
        try:
            answer = fcntl.ioctl(self._descriptor, _SET_TIMEOUT, struct.pack("i", seconds))
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):
                raise DeviceError(f"watchdog {self.device}: {seconds} s refused: {error.strerror}") from error
            return int(read_once(sysfs / "class/watchdog" / self.device / "timeout"))
        return int(struct.unpack("i", answer)[0])
