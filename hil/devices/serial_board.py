"""A controller board on a pty: a thread carries bytes between the port and a simulated controller, and breaks the line.

Every simulated controller is a `SimulatedController`: bytes and time in, bytes out. Knows nothing of hal's codecs.
"""

import contextlib
import os
import select
import threading
import time
from pathlib import Path
from types import TracebackType

from hil.devices.copper import Copper
from hil.devices.plant_values import Trouble
from hil.devices.pseudo_terminal import lead_to, open_terminal

STEP_S = 0.005


class SimulatedController:
    """What the simulated boards share. `trouble` is set from outside; values (NaN, out of range, stuck) are the
    controller's own matter, the rest is the line's."""

    def __init__(self, *coppers: Copper) -> None:
        self.coppers = coppers or (Copper(),)
        self.trouble = Trouble.NONE
        self.started = 0

    @property
    def copper(self) -> Copper:
        return self.coppers[0]

    def start(self, now: float) -> None:
        """Power on, or reset line released: outputs safe."""

    def receive(self, data: bytes, now: float) -> bytes:
        """Bytes from the host; the answer."""
        raise NotImplementedError

    def due(self, now: float) -> bytes:
        """What is sent unasked; called every few ms, moves the copper too."""
        raise NotImplementedError


class SerialBoard:
    """The port. Use as a context manager; `port` is a link that leads to the pty, also after a reconnect."""

    def __init__(self, controller: SimulatedController, port: Path, *, slow_s: float = 5.0) -> None:
        self.controller = controller
        self.port = port
        self.sent: list[bytes] = []  # to the host, the last ones
        self.heard: list[bytes] = []
        self.slow_s = slow_s
        self._link = self._peer = -1
        self._late: list[tuple[float, bytes]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "SerialBoard":
        self._plug_in()
        self.controller.start(time.monotonic())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._pull()

    def _plug_in(self) -> None:
        terminal = open_terminal(waits=False)
        lead_to(terminal, self.port)
        self._link, self._peer = terminal.far, terminal.near

    def _pull(self) -> None:
        for end in (self._link, self._peer):
            if end >= 0:
                os.close(end)
        self._link = self._peer = -1
        with contextlib.suppress(FileNotFoundError):
            self.port.unlink()

    def _run(self) -> None:
        while not self._stop.is_set():
            broken = self.controller.trouble is Trouble.DISCONNECT
            if broken and self._link >= 0:
                self._pull()
            elif not broken and self._link < 0:
                self._plug_in()
            data = self._receive()
            now = time.monotonic()
            if data:
                self.heard.append(data)
                del self.heard[:-500]
            out = self.controller.receive(data, now) if data else b""
            self._say(out + self.controller.due(now), now)

    def _receive(self) -> bytes:
        if self._link < 0:
            self._stop.wait(STEP_S)
            return b""
        ready, _, _ = select.select([self._link], [], [], STEP_S)
        if not ready:
            return b""
        with contextlib.suppress(OSError):
            return os.read(self._link, 4096)
        self._stop.wait(STEP_S)
        return b""

    def _say(self, out: bytes, now: float) -> None:
        trouble = self.controller.trouble
        if out and trouble is Trouble.SLOW:
            self._late.append((now + self.slow_s, out))
            out = b""
        out += b"".join(data for at, data in self._late if at <= now)
        self._late = [each for each in self._late if each[0] > now]
        if not out or trouble in (Trouble.SILENCE, Trouble.DISCONNECT):
            return
        if trouble is Trouble.GARBAGE:
            out = bytes((0xA5 ^ n * 37) & 0xFF for n in range(len(out)))
        elif trouble is Trouble.CORRUPT:
            out = bytes(byte ^ 0x10 if at % 7 == 3 else byte for at, byte in enumerate(out))
        self.sent.append(out)
        del self.sent[:-500]
        with contextlib.suppress(OSError):  # nobody reads: the line does not wait
            os.write(self._link, out)
