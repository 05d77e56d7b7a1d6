"""One CAN bus and its reader thread. Frames go to their listeners at once, nothing is queued: a flood costs time only.

A bus that broke (adapter pulled out, interface down) is opened anew every second. python-can is imported here alone,
and only on boards that have a CAN bus.
"""

import contextlib
import logging
import threading
import time
from typing import Final

import can

from hal.can.frame import Frame, Listener
from hal.can.settings import CanSettings
from hal.contracts import DeviceError

_LOOK_S: Final = 0.1  # the reader looks this often whether it shall end
_REOPEN_S: Final = 1.0
_SEND_S: Final = 0.25
_BUS_OFF: Final = 0x40  # in the id of an error frame (Linux: CAN_ERR_BUSOFF)

log = logging.getLogger("hal.can")


def _opened(settings: CanSettings) -> can.BusABC:
    if settings.interface != "slcan":
        return can.Bus(**settings.options)  # type: ignore[arg-type]  # checked by CanSettings
    from hal.can.slcan import SerialAdapter  # noqa: PLC0415 - needs pyserial, which other buses do not

    return SerialAdapter(settings.channel, bitrate=settings.bitrate, sleep_after_open=0.0, timeout=0.0)


class CanBus:
    """The bus. Listeners are called in the reader's thread and must not block."""

    def __init__(self, name: str, settings: CanSettings) -> None:
        self.name = name
        self.settings = settings
        self._bus: can.BusABC | None = None
        self._error = "not open"
        self._listeners: list[Listener] = []
        self._changing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __str__(self) -> str:
        return f"can {self.name} ({self.settings.channel})"

    def join(self, listener: Listener) -> None:
        """One more supply uses the bus; the first opens it. Raises DeviceError when it is not there."""
        with self._changing:
            if self._thread is None:
                self._open()
                if self._bus is None:
                    raise DeviceError(f"{self}: {self._error}")
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name=f"can.{self.name}", daemon=True)
                self._thread.start()
            self._listeners = [*self._listeners, listener]

    def leave(self, listener: Listener) -> None:
        """The last one closes the bus."""
        with self._changing:
            self._listeners = [each for each in self._listeners if each != listener]
            if self._listeners or self._thread is None:
                return
            self._stop.set()
            self._thread.join(2.0)
            self._thread = None
            self._close("not open")

    def send(self, frame: Frame) -> None:
        """Raises DeviceError: the bus is away, off, or nobody acknowledges and its queue is full."""
        bus = self._bus
        if bus is None:
            raise DeviceError(f"{self}: {self._error}")
        message = can.Message(arbitration_id=frame.can_id, is_extended_id=True, data=frame.data)
        try:
            bus.send(message, timeout=_SEND_S)
        except (can.CanError, OSError, ValueError, TypeError) as error:  # pyserial: TypeError when closed below us
            raise DeviceError(f"{self}: cannot send: {error}") from error

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        opened = time.monotonic()
        heard = opened
        while not self._stop.is_set():
            bus = self._bus
            if bus is None:
                if not self._stop.wait(max(0.0, opened + _REOPEN_S - time.monotonic())):
                    opened = time.monotonic()
                    self._open()
                continue
            try:
                message = bus.recv(_LOOK_S)
            except (ValueError, IndexError):
                continue  # a serial adapter's line was no frame
            except (can.CanError, OSError, TypeError) as error:
                self._close(str(error))
                continue
            now = time.monotonic()
            if message is not None:
                heard = now
                self._hand_on(message)
            elif now - heard > _REOPEN_S:
                heard = now
                self._forget_rubbish(bus)

    def _hand_on(self, message: can.Message) -> None:
        if message.is_error_frame:
            if message.arbitration_id & _BUS_OFF:
                log.warning("%s: bus off: wiring, termination, bitrate?", self)
            return
        if message.is_remote_frame or not message.is_extended_id:
            return
        frame = Frame(message.arbitration_id, bytes(message.data))
        for listener in self._listeners:
            listener(frame)

    def _forget_rubbish(self, bus: can.BusABC) -> None:
        """A serial adapter that sends bytes without an end of line must not fill the memory."""
        if self.settings.interface == "slcan":
            with contextlib.suppress(can.CanError, OSError, TypeError):
                bus.flush()  # type: ignore[attr-defined]  # slcan's own

    def _open(self) -> None:
        try:
            self._bus = _opened(self.settings)
        except (can.CanError, OSError, ValueError, TypeError, ImportError) as error:
            self._bus, self._error = None, f"cannot be opened: {error}"

    def _close(self, why: str) -> None:
        bus, self._bus, self._error = self._bus, None, why
        if bus is not None:
            with contextlib.suppress(can.CanError, OSError, ValueError, TypeError):
                bus.shutdown()
