"""NXP PN532 card reader (ISO 14443 type A) on I2C through /dev/i2c-N (user manual UM0701-02, 6.2.4)."""

import fcntl
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.readers.pn532 import MAX_FRAME
from hal.readers.pn532_reader import Pn532Driver, Pn532Reader

_I2C_MAJOR: Final = 89  # Linux, Documentation/admin-guide/devices.txt
_I2C_SLAVE: Final = 0x0703
_READY: Final = 0x01  # first byte of every read; else the chip is not done yet
_AGAIN_S: Final = 0.005


class _I2c:
    def __init__(self, path: Path, address: int) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError(f"cannot be opened: {error.strerror}") from error
        if os.major(os.fstat(self._descriptor).st_rdev) != _I2C_MAJOR:
            return  # a simulated chip, alone on its line
        try:
            fcntl.ioctl(self._descriptor, _I2C_SLAVE, address)
        except OSError as error:
            self.close()
            raise DeviceError(f"address {address:#04x} refused: {error.strerror}") from error

    def send(self, data: bytes) -> None:
        try:
            os.write(self._descriptor, data)
        except OSError as error:
            raise DeviceError(f"it does not answer: {error.strerror}") from error

    def receive(self, within_s: float) -> bytes:
        """One read takes a whole frame; what follows it are zeros."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            try:
                data = os.read(self._descriptor, MAX_FRAME)
            except BlockingIOError:
                data = b""
            except OSError as error:
                raise DeviceError(f"it does not answer: {error.strerror}") from error
            if data[:1] == bytes([_READY]):
                return data[1:]
            time.sleep(_AGAIN_S)
        return b""

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass
class Driver(Pn532Driver):
    """[token_reader] driver = "pn532_i2c". `i2c`: N of /dev/i2c-N."""

    i2c: Annotated[int, Meta(ge=0, le=255)]
    address: Annotated[int, Meta(ge=0x08, le=0x77)] = 0x24
    _reader: Pn532Reader | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        path = place.dev / f"i2c-{self.i2c}"
        self.take(f"card reader {path} {self.address:#04x}", lambda: _I2c(path, self.address))
