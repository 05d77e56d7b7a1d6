"""One attribute of sysfs, kept open: a read or write in the guard's tick is one system call.

Where an attribute lies and what it means is said by `pwm.py`, `iio.py` and the drivers.
"""

import errno
import os
import time
from pathlib import Path
from typing import Final

from hal.contracts import DeviceError

_MAX: Final = 64  # bytes; every attribute used here is one short word
_RETRY: Final = (errno.ENOENT, errno.EACCES)


class Attribute:
    """An open sysfs attribute. Raises DeviceError with its path when the kernel says no or the text is nonsense."""

    def __init__(self, path: Path, *, writable: bool = False, patience_s: float = 0.0) -> None:
        """`patience_s`: how long a missing or forbidden file is tried again (after a PWM export udev needs a moment
        to hand the fresh attributes to our group)."""
        self.path = path
        flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self._descriptor = os.open(path, flags)
            except OSError as error:
                if error.errno not in _RETRY or time.monotonic() >= deadline:
                    raise DeviceError(f"{path}: {error.strerror}") from error
                time.sleep(0.01)
            else:
                return

    def read(self) -> str:
        """The attribute's text."""
        return _text(self._read())

    def read_int(self) -> int:
        raw = self._read()
        try:
            return int(raw)  # of bytes, with the line's end: what the tick reads takes no detour
        except ValueError:
            return self._number_in(_text(raw))

    def _number_in(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise DeviceError(f"{self.path}: {text!r} is no number") from None

    def _read(self) -> bytes:
        """Offset 0 makes the kernel produce it anew."""
        try:
            return os.pread(self._descriptor, _MAX, 0)
        except OSError as error:
            raise DeviceError(f"{self.path}: {error.strerror}") from error

    def write(self, value: str | int) -> None:
        try:
            os.pwrite(self._descriptor, f"{value}\n".encode("ascii"), 0)
        except OSError as error:
            raise DeviceError(f"{self.path}: {value} refused: {error.strerror}") from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace").partition("\n")[0].strip()


def read_once(path: Path) -> str:
    """Text of an attribute that is looked at once, at start."""
    attribute = Attribute(path)
    try:
        return attribute.read()
    finally:
        attribute.close()
