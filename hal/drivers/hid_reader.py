"""A USB card reader that types: it looks like a keyboard, enters the card's number and presses Enter. Read as an input
event device, grabbed so that no console gets the keys. Linux: Documentation/input/input.rst.
"""

import fcntl
import os
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.linux.sysfs import read_once
from hal.readers.presentation import MAX_HEX, MIN_HEX, Presentation

_EVENT: Final = struct.Struct("@llHHi")  # struct input_event: time, type, code, value
_EV_KEY: Final = 1
_DOWN: Final = 1
_EVIOCGRAB: Final = 0x40044590
_ENTER: Final = (28, 96)  # Enter, keypad Enter
_DIGITS: Final = {
    **dict(zip(range(2, 12), "1234567890", strict=True)),
    **dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)),  # keypad
    30: "A", 48: "B", 46: "C", 32: "D", 18: "E", 33: "F",
}  # fmt: skip
_PAUSE_S: Final = 1.0  # a reader types without one; what a person began is forgotten


@dataclass
class Driver:
    """[token_reader] driver = "hid_reader". `name`: as /sys/class/input/eventN/device/name says (`pilotline board
    probe` lists them). `digits`: what it types; `decimal` numbers become `size` bytes, `reverse` turns their order."""

    name: str
    digits: Literal["hex", "decimal"] = "hex"
    size: Annotated[int, Meta(ge=2, le=10)] = 4
    reverse: bool = False
    _place: Place | None = field(init=False, default=None, repr=False)
    _descriptor: int = field(init=False, default=-1, repr=False)
    _typed: str = field(init=False, default="", repr=False)
    _typed_at: float = field(init=False, default=0.0, repr=False)
    _rest: bytes = field(init=False, default=b"", repr=False)
    _waiting: deque[str] = field(init=False, default_factory=deque, repr=False)
    _presentation: Presentation = field(init=False, default_factory=Presentation, repr=False)

    def attach(self, place: Place) -> None:
        """Does not look for the reader yet: a station without it still charges."""
        self._place = place

    def detach(self) -> None:
        self._close()
        self._place = None

    def poll(self) -> str | None:
        if self._place is None:
            raise DeviceError("card reader: not attached")
        if self._descriptor < 0:
            self._open(self._place)
        for number in self._numbers():
            if len(self._waiting) < 16 and (token := self._token(number)) is not None:
                self._waiting.append(token)
        return self._presentation.see(self._waiting.popleft() if self._waiting else None)

    def _open(self, place: Place) -> None:
        found = []
        for folder in sorted((place.sysfs / "class/input").glob("event*")):
            with suppress(DeviceError):
                if read_once(folder / "device" / "name") == self.name:
                    found.append(place.dev / "input" / folder.name)
        if len(found) != 1:
            raise DeviceError(f"card reader {self.name!r}: {len(found)} input devices of that name")
        try:
            self._descriptor = os.open(found[0], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError(f"card reader {found[0]}: {error.strerror}") from error
        with suppress(OSError):  # a device that cannot be grabbed can still be read
            fcntl.ioctl(self._descriptor, _EVIOCGRAB, 1)
        self._typed, self._rest = "", b""

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _numbers(self) -> Iterator[str]:
        """What was typed and ended with Enter."""
        for code in self._keys():
            now = time.monotonic()
            if now - self._typed_at > _PAUSE_S:
                self._typed = ""
            self._typed_at = now
            if code in _ENTER:
                if self._typed:
                    yield self._typed
                self._typed = ""
            elif code in _DIGITS and len(self._typed) < MAX_HEX:
                self._typed += _DIGITS[code]

    def _keys(self) -> Iterator[int]:
        while True:
            try:
                data = os.read(self._descriptor, _EVENT.size * 64)
            except BlockingIOError:
                return
            except OSError as error:
                self._close()
                raise DeviceError(f"card reader {self.name!r}: unplugged ({error.strerror})") from error
            if not data:
                self._close()
                raise DeviceError(f"card reader {self.name!r}: unplugged")
            data = self._rest + data
            whole = len(data) - len(data) % _EVENT.size
            self._rest = data[whole:]
            for _, _, kind, code, value in _EVENT.iter_unpack(data[:whole]):
                if kind == _EV_KEY and value == _DOWN:
                    yield code

    def _token(self, number: str) -> str | None:
        """The card's identifier as hex; None for what cannot be one."""
        if self.digits == "decimal":
            if not number.isdigit() or int(number) >= 1 << (8 * self.size):
                return None
            raw = int(number).to_bytes(self.size, "big")
        elif len(number) % 2 or not len(number) >= MIN_HEX:
            return None
        else:
            raw = bytes.fromhex(number)
        return (raw[::-1] if self.reverse else raw).hex().upper()
