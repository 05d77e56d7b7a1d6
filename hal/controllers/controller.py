"""A controller on a serial line: a thread carries its dialect's bytes, the tick reads what was published last.

The controller is told that we live only while the guard's tick does: a hung tick ends the lease like a dead process.
A line that breaks is opened again, at most four times a second.
"""

import contextlib
import os
import select
import termios
import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.controllers.dialect import Dialect
from hal.controllers.outlet import Outlet, Said, Wish
from hal.linux.gpio import Gpio, Output

T = TypeVar("T")
REOPEN_S: Final = 0.25
CHUNK: Final = 4096
PATIENCE_S: Final = 0.5  # a thread asked to end
FIRST_WORDS_S: Final = 1.5


@dataclass
class SharedController:
    """What a driver behind [controller.<name>] offers to the parts that name it."""

    _place: Place = field(default=Place(0, ""), init=False, repr=False)
    _dialect: Dialect | None = field(default=None, init=False, repr=False)

    def make_dialect(self) -> Dialect:
        raise NotImplementedError

    @property
    def silence(self) -> float:
        """After this many seconds without a word a value is no longer true: two of the board's own periods."""
        raise NotImplementedError

    @property
    def dialect(self) -> Dialect:
        if self._dialect is None:
            raise DeviceError(f"{self._place}: not attached")
        return self._dialect

    def feed(self) -> None:
        """The guard's tick is at work."""
        self.dialect.fed_at = time.monotonic()

    def outlet(self, number: int) -> Outlet:
        """Raises DeviceError for an outlet this board has not."""
        found = self.dialect.outlets.get(number)
        if found is None:
            raise DeviceError(f"{self._place}: has no outlet {number}")
        return found

    def fresh(self, said: Said[T] | None, what: str) -> T:
        """The value, while it is young enough. Raises DeviceError."""
        dialect = self.dialect
        if said is not None and time.monotonic() - said.at <= self.silence:
            return said.value
        heard = "never said" if said is None else f"not said for {time.monotonic() - said.at:.1f} s"
        more = f"; {dialect.bad_frames} damaged frames" if dialect.bad_frames else ""
        trouble = f" ({dialect.trouble})" if dialect.trouble else ""
        raise DeviceError(f"{self._place}: {what} {heard}{trouble}{more}")

    def wish(self, number: int) -> Wish:
        self.outlet(number)
        return self.dialect.wishes[number]

    def want(self, number: int, wish: Wish) -> None:
        """Obeyed at once by the link's thread."""
        self.outlet(number)
        if self.dialect.wishes[number] != wish:
            self.dialect.wishes[number] = wish
            self.wake()

    def wake(self) -> None:
        raise NotImplementedError

    def await_first_words(self) -> None:
        """Before the first tick, for a little: what has not been said yet would be read as tripped inputs."""
        until = time.monotonic() + FIRST_WORDS_S
        while any(outlet.pilot is None for outlet in self.dialect.outlets.values()) and time.monotonic() < until:
            time.sleep(0.005)


@dataclass
class SerialController(SharedController):
    """`port`: serial device. `reset_line`: GPIO line, by name, that resets the controller while low (and is pulsed
    when the guard starts)."""

    port: Annotated[str, Meta(min_length=1, max_length=200)]
    reset_line: str = ""
    baud: Annotated[int, Meta(ge=1200, le=4_000_000)] = 115_200
    _reset: Output | None = field(default=None, init=False, repr=False)
    _line: Any = field(default=None, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)
    _pipe: tuple[int, int] = field(default=(-1, -1), init=False, repr=False)
    _ending: bool = field(default=False, init=False, repr=False)

    #: how long the reset line is held, and how long the controller needs after it, s
    reset_s = 0.01
    boot_s = 0.0

    def attach(self, place: Place) -> None:
        """Open the port, reset the controller, start to talk. It being silent is a fault later, not now."""
        self._place = place
        if self.reset_line:
            self._reset = Gpio(place.dev).output(self.reset_line, active_low=True, on=True)
        try:
            self._line = self._open()
        except DeviceError:
            self._free_reset()
            raise
        if self._reset is not None:
            time.sleep(self.reset_s)
            self._reset.set(False)
            time.sleep(self.boot_s)
        self._ending = False
        self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._dialect = self.make_dialect()
        self._dialect.opened(time.monotonic())
        self._thread = threading.Thread(target=self._run, args=(self._dialect,), name=f"{place}", daemon=True)
        self._thread.start()
        self.await_first_words()

    def detach(self) -> None:
        if self._thread is None:
            return
        self._ending = True
        self.wake()
        self._thread.join(PATIENCE_S)
        self._thread = self._dialect = None
        for end in self._pipe:
            os.close(end)
        self._pipe = (-1, -1)
        self._free_reset()

    def _free_reset(self) -> None:
        if self._reset is not None:
            self._reset.close()
            self._reset = None

    def wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake
            os.write(self._pipe[1], b"!")

    # --- the thread -------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        """Raises DeviceError."""
        try:
            import serial  # noqa: PLC0415 - only boards with a serial controller pay for it
        except ImportError as error:
            raise DeviceError("pyserial is missing: install pilotline[serial]") from error
        try:
            return serial.Serial(self.port, self.baud, timeout=0, exclusive=True)
        except (OSError, ValueError) as error:
            raise DeviceError(f"{self._place}: {self.port}: {getattr(error, 'strerror', None) or error}") from error

    def _run(self, dialect: Dialect) -> None:
        while not self._ending:
            if self._line is None and not self._reopen(dialect):
                continue
            try:
                self._exchange(dialect)
            except (OSError, ValueError, TypeError) as error:  # pyserial: TypeError when closed below a reader
                dialect.trouble = f"{self.port}: {getattr(error, 'strerror', None) or error}"
                self._close()
        if self._line is not None:
            with contextlib.suppress(OSError, termios.error):  # pulled out meanwhile
                self._line.write_timeout = 0.2
                self._line.write(dialect.farewell())
                self._line.flush()
            self._close()

    def _exchange(self, dialect: Dialect) -> None:
        number = self._line.fileno()
        if data := dialect.due(time.monotonic()):
            with contextlib.suppress(BlockingIOError):  # nobody takes it away: what is lost is said again
                os.write(number, data)
        now = time.monotonic()
        wait_s = min(max(0.0, dialect.next_at(now) - now), 0.5)
        ready, _, _ = select.select([number, self._pipe[0]], [], [], wait_s)
        if self._pipe[0] in ready:
            os.read(self._pipe[0], 64)
        if number in ready:
            received = os.read(number, CHUNK)
            if not received:
                raise OSError("the port is gone")
            dialect.receive(received, time.monotonic())

    def _reopen(self, dialect: Dialect) -> bool:
        try:
            self._line = self._open()
        except DeviceError as error:
            dialect.trouble = str(error)
            select.select([self._pipe[0]], [], [], REOPEN_S)  # a wish wakes us, and is none to be obeyed now
            with contextlib.suppress(BlockingIOError):
                os.read(self._pipe[0], 64)
            return False
        dialect.trouble = ""
        dialect.opened(time.monotonic())
        return True

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._line.close()
        self._line = None
