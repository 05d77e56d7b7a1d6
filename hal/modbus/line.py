"""The wire below a bus: a serial port or a TCP connection. Every call ends at its deadline.

A line that broke (adapter pulled out, gateway gone) raises LineError and is opened anew at the next use; where that
fails, not again within a second.
"""

import select
import socket
import termios
import time
from collections.abc import Callable
from typing import Any, Final

from hal.contracts import DeviceError
from hal.linux.gpio import Output
from hal.modbus.settings import BusSettings

_REOPEN_S: Final = 1.0
_CHUNK: Final = 512


class LineError(Exception):
    """The wire itself failed."""


class Line:
    """Bytes out, bytes in."""

    def __init__(self, settings: BusSettings, baud: int = 0, *, transmit: Callable[[], Output] | None = None) -> None:
        """`transmit` takes the GPIO line that lets the RS-485 driver talk (DE); at rest it listens."""
        self._settings = settings
        self._take_transmit = transmit
        self._transmit: Output | None = None
        self._baud = baud or settings.baud  # devices that are no Modbus have other rates
        self._serial: Any = None
        self._socket: socket.socket | None = None
        self._failed_at = -_REOPEN_S

    @property
    def place(self) -> str:
        return self._settings.port or self._settings.host or ""

    def open(self) -> None:
        """Raises LineError; also when it failed less than a second ago."""
        if self._serial is not None or self._socket is not None:
            return
        if time.monotonic() - self._failed_at < _REOPEN_S:
            raise LineError(f"{self.place}: not there")
        try:
            if self._settings.port is not None:
                if self._take_transmit is not None and self._transmit is None:
                    self._transmit = self._take_transmit()
                self._serial = _serial(self._settings, self._baud)
            else:
                host, _, port = (self._settings.host or "").rpartition(":")
                self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout=1.0)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket.setblocking(False)
        except (OSError, ValueError, OverflowError, termios.error, DeviceError) as error:
            self._failed_at = time.monotonic()
            raise self._broken(error) from error

    def close(self) -> None:
        for end in (self._serial, self._socket, self._transmit):
            if end is not None:
                end.close()
        self._serial = self._socket = self._transmit = None

    def send(self, frame: bytes) -> None:
        """Throw away what came in unasked, and send. Raises LineError."""
        self.open()
        try:
            if self._serial is not None:
                self._serial.reset_input_buffer()
                self._talk(frame)
                return
            if self._socket is None:
                raise LineError(f"{self.place}: not open")
            while select.select([self._socket], [], [], 0)[0]:
                if not self._socket.recv(_CHUNK):
                    raise LineError(f"{self.place}: closed by the other end")
            self._socket.sendall(frame)
        except (OSError, ValueError, termios.error, DeviceError) as error:
            raise self._broken(error) from error
        except LineError:
            self.close()
            raise

    def _talk(self, frame: bytes) -> None:
        """Raises OSError. Whatever happens, the line listens again: one that talks for ever silences the whole bus."""
        if self._transmit is None:
            self._serial.write(frame)
            return
        self._transmit.set(True)
        try:
            self._serial.write(frame)
            self._serial.flush()  # until the last bit has left
        finally:
            self._transmit.set(False)

    def receive(self, until: float) -> bytes:
        """What has come in, as soon as there is something; b"" at the monotonic time `until`. Raises LineError."""
        end = self._serial if self._serial is not None else self._socket
        if end is None:
            raise LineError(f"{self.place}: not open")
        try:
            wait_s = until - time.monotonic()
            if wait_s <= 0 or not select.select([end], [], [], wait_s)[0]:
                return b""  # what comes later is nobody's: the next `send` throws it away
            if self._serial is not None:
                data: bytes = self._serial.read(max(1, min(_CHUNK, self._serial.in_waiting)))
            else:
                data = end.recv(_CHUNK)
        except (OSError, ValueError, TypeError) as error:  # pyserial: TypeError when closed below a reader
            raise self._broken(error) from error
        if not data:
            self.close()
            raise LineError(f"{self.place}: closed by the other end")
        return data

    def _broken(self, error: Exception) -> LineError:
        self.close()
        text = error.args[1] if isinstance(error, termios.error) else getattr(error, "strerror", None) or error
        return LineError(f"{self.place}: {text}")


def _serial(settings: BusSettings, baud: int) -> Any:
    """An open port. pyserial knows the odd baud rates and RS-485 control of each platform."""
    try:
        import serial  # noqa: PLC0415 - only boards with a serial bus pay for it
        import serial.rs485  # noqa: PLC0415
    except ImportError as error:
        raise LineError("pyserial is missing: install pilotline[serial]") from error

    port = serial.Serial(
        settings.port,
        baudrate=baud,
        parity=settings.parity[0].upper(),
        stopbits=settings.stop_bits,
        timeout=0,
        write_timeout=1.0,
        exclusive=True,
    )
    if settings.rs485:
        port.rs485_mode = serial.rs485.RS485Settings()
    return port
