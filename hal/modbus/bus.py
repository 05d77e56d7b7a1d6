"""One Modbus line shared by devices of several drivers: turns by priority, silences, deadlines, dead devices.

Called from the drivers' own threads, never from the tick. Frames are hal/modbus/frames.py, the wire hal/modbus/line.py.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from hal.contracts import DeviceError
from hal.linux.gpio import Gpio
from hal.modbus import frames
from hal.modbus.line import Line, LineError
from hal.modbus.settings import BusSettings

T = TypeVar("T")
_MOST_BYTES: Final = 1024  # received for one request; more is babble
_TURN_S: Final = 5.0  # to wait for a turn: longer than all devices of a bus take together
_PROBES: Final = 8  # different lengths of the question whether a device is back
_FIRST_RETRY_S: Final = 0.25


class Priority(Enum):
    """Who may pass whom. The value is the head start in seconds that another must have to come first: by it nobody
    is starved, a meter's read that waits for half a second goes before a new command."""

    CONTROL = 0.0
    SAFETY = 0.1
    METER = 0.5


class Bus:
    """The line and its turns. `unit` gives a driver its device."""

    def __init__(self, name: str, settings: BusSettings, dev: Path = Path("/dev")) -> None:
        """`dev`: where the chip of a transmit line is looked for."""
        self.name = name
        self.settings = settings
        transmit = settings.transmit_line
        take = None if transmit is None else lambda: Gpio(dev).output(transmit, active_low=settings.transmit_low)
        self._line = Line(settings, transmit=take)
        self._users = 0
        self._free = threading.Condition()
        self._busy = False
        self._waiting: list[tuple[float, int]] = []
        self._tickets = itertools.count()
        self._numbers = itertools.cycle(range(1, 0x10000))
        self._quiet_since = 0.0

    def join(self) -> None:
        """One more driver uses the line; the first opens a serial port. Raises DeviceError when it is not there."""
        if self._users == 0 and self.settings.port is not None:  # a gateway may come up after us
            try:
                self._line.open()
            except LineError as error:
                raise DeviceError(f"bus {self.name}: {error}") from error
        self._users += 1

    def leave(self) -> None:
        self._users = max(0, self._users - 1)
        if self._users == 0:
            self._in_turn(0.0, self._line.close)

    def unit(self, address: int, priority: Priority = Priority.METER, gap_s: float = 0.0) -> "Unit":
        """`gap_s`: pause the device needs between two requests to itself; others use the line meanwhile."""
        return Unit(self, address, priority, gap_s)

    def exchange(self, address: int, request: bytes, head_start_s: float) -> bytes:
        """The PDU that answers. Raises LineError, TimeoutError, frames.Refused, DeviceError (no turn)."""
        return self._in_turn(head_start_s, lambda: self._ask(address, request))

    def _in_turn(self, head_start_s: float, action: Callable[[], T]) -> T:
        ticket = (time.monotonic() + head_start_s, next(self._tickets))
        with self._free:
            heapq.heappush(self._waiting, ticket)
            mine = self._free.wait_for(lambda: not self._busy and self._waiting[0] == ticket, timeout=_TURN_S)
            self._waiting.remove(ticket)
            heapq.heapify(self._waiting)
            if not mine:
                self._free.notify_all()
                raise DeviceError(f"bus {self.name}: no turn within {_TURN_S:g} s")
            self._busy = True
        try:
            return action()
        finally:
            with self._free:
                self._busy = False
                self._free.notify_all()

    def _ask(self, address: int, request: bytes) -> bytes:
        number = next(self._numbers)
        tcp = self.settings.framing == "tcp"
        frame = frames.mbap(number, address, request) if tcp else frames.rtu(address, request)
        silence = self._quiet_since + self.settings.silence_s - time.monotonic()
        if silence > 0:
            time.sleep(silence)
        try:
            self._line.send(frame)
            deadline = time.monotonic() + self._longest_s(len(frame), frames.answer_length(request) + 3)
            received = b""
            while data := self._line.receive(deadline):
                received += data
                if tcp:
                    answer = frames.find_mbap(number, address, request, received)
                else:
                    answer = frames.find_rtu(address, request, received)
                if answer is not None:
                    return answer
                if len(received) > _MOST_BYTES:
                    raise TimeoutError("babble on the line, no answer in it")
        except ValueError as error:
            self._line.close()  # out of step with the gateway: only a new connection helps
            raise LineError(str(error)) from error
        finally:
            self._quiet_since = time.monotonic()
        if received:
            raise TimeoutError(f"no valid answer in {len(received)} bytes ({received[:8].hex(' ')} ...)")
        raise TimeoutError(f"no answer within {self.settings.timeout_s:g} s")

    def _longest_s(self, sent: int, wanted: int) -> float:
        """Until the last byte: request and answer at the baud rate, the device's time to think, a tenth to spare."""
        return self.settings.timeout_s + 1.1 * (sent + wanted) * self.settings.character_s


class Unit:
    """One device on a bus. Every DeviceError names bus, unit and register."""

    def __init__(self, bus: Bus, address: int, priority: Priority, gap_s: float) -> None:
        self.bus = bus
        self.address = address
        self._priority = priority
        self._gap_s = gap_s
        self._last = 0.0
        self._missed = 0  # answers in a row that did not come
        self._again_at = 0.0
        self._probes = itertools.cycle(range(1, _PROBES + 1))

    def __str__(self) -> str:
        return f"bus {self.bus.name} unit {self.address}"

    def read(self, function: int, register: int, count: int) -> tuple[int, ...]:
        """Registers from `register` on. One more try after a miss; none for a device known to be silent."""
        what = f"{'input' if function == frames.READ_INPUT else 'holding'} register {register:#06x} x{count}"
        request = frames.read(function, register, count)
        if self._missed:
            self._find_again(function, register, count, what)
        try:
            return frames.registers(self._ask(request, what))
        except TimeoutError as error:
            if self._missed > 1:
                raise self._fault(what, error) from error
        self._find_again(function, register, count, what)
        try:
            return frames.registers(self._ask(request, what))
        except TimeoutError as error:
            raise self._fault(what, error) from error

    def write(self, register: int, *values: int, single: bool = False) -> None:
        """Write registers, once: whether an unanswered command was carried out, only the caller can find out."""
        what = f"write of register {register:#06x} x{len(values)}"
        try:
            self._ask(frames.write(register, values, single=single), what, Priority.CONTROL)
        except TimeoutError as error:
            raise self._fault(what, error) from error

    def _find_again(self, function: int, register: int, count: int, what: str) -> None:
        """Is it back? Asked with another length each time: the late answer to an old question does not fit, so what
        is read afterwards is neither old nor another register's."""
        now = time.monotonic()
        if self._missed > 1 and now < self._again_at:
            raise DeviceError(f"{self} {what}: silent; asked again in {self._again_at - now:.1f} s")
        length = next(self._probes) * 2
        if length == count:
            length = next(self._probes) * 2
        try:
            self._ask(frames.read(function, register, min(length, frames.MAX_READ)), what, refusal_is_fine=True)
        except TimeoutError as error:
            raise self._fault(what, error) from error

    def _ask(
        self, request: bytes, what: str, priority: Priority | None = None, *, refusal_is_fine: bool = False
    ) -> bytes:
        """Raises DeviceError, and TimeoutError for a miss, which is counted."""
        pause = self._last + self._gap_s - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        try:
            answer = self.bus.exchange(self.address, request, (priority or self._priority).value)
        except LineError as error:
            raise DeviceError(f"{self} {what}: {error}") from error
        except frames.Refused as error:
            self._missed = 0
            if refusal_is_fine:
                return b""
            raise self._fault(what, error) from error
        except TimeoutError:
            self._missed += 1
            back_off = min(self.bus.settings.retry_s, _FIRST_RETRY_S * 2.0 ** min(self._missed - 1, 16))
            self._again_at = time.monotonic() + back_off
            raise
        finally:
            self._last = time.monotonic()
        self._missed = 0
        return answer

    def _fault(self, what: str, error: Exception) -> DeviceError:
        return DeviceError(f"{self} {what}: {error}")
