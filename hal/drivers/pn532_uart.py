"""NXP PN532 card reader (ISO 14443 type A) on a serial port, 115200 8N1 (user manual UM0701-02, 6.2.2)."""

import select
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hal.contracts import DeviceError, Place
from hal.readers.pn532_reader import Pn532Driver, Pn532Reader

_WAKE: Final = b"\x55\x55" + bytes(14)  # a sleeping chip needs a long preamble before its first frame


class _Uart:
    """The port; opened at the first poll, and again after each failure."""

    def __init__(self, path: Path) -> None:
        import serial  # noqa: PLC0415 - only boards with such a reader need it

        try:
            self._port: serial.Serial = serial.Serial(str(path), 115_200, timeout=0, write_timeout=0.2)
            self._port.reset_input_buffer()
        except (OSError, serial.SerialException, termios.error) as error:
            raise DeviceError(f"cannot be opened: {error}") from error
        self._woken = False

    def send(self, data: bytes) -> None:
        try:
            self._port.write(data if self._woken else _WAKE + data)
        except OSError as error:
            raise DeviceError(f"gone: {error}") from error
        self._woken = True

    def receive(self, within_s: float) -> bytes:
        until = time.monotonic() + within_s
        try:
            while (left := until - time.monotonic()) > 0:
                if select.select([self._port.fileno()], [], [], left)[0]:
                    return bytes(self._port.read(256))
        except (OSError, ValueError) as error:
            raise DeviceError(f"gone: {error}") from error
        return b""

    def close(self) -> None:
        self._port.close()


@dataclass
class Driver(Pn532Driver):
    """[token_reader] driver = "pn532_uart". `port`: device file, best a stable name (/dev/serial/by-id/...)."""

    port: str
    _reader: Pn532Reader | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        path = Path(self.port)
        self.take(f"card reader {path}", lambda: _Uart(path))
