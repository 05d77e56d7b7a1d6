"""A CAN bus behind a serial adapter (SLCAN) on a pseudo-terminal, with power modules on it. The adapter's text is
parsed and written here, not by a library. `channel` is where a controller finds it."""

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from hil.devices.plant_values import Trouble
from hil.devices.power_modules import Frame, Rack
from hil.devices.pseudo_terminal import lead_to, open_terminal

_LONGEST_LINE = 64
_STEP_S = 0.005


class CanLine:
    """Serves racks in a thread; use as a context manager. `every_step` is called with the seconds that passed: the
    physics behind the modules. `path`: where the pseudo-terminal shall be found; it can be pulled out and put back."""

    def __init__(self, path: Path, *racks: Rack, every_step: Callable[[float], None] = lambda dt: None) -> None:
        self.channel = path
        self.racks = racks
        self.open = False  # the adapter was told to open the bus
        self.frames: list[Frame] = []  # the last ones from the controller
        self._every_step = every_step
        self._stop = threading.Event()
        self._late: deque[tuple[float, bytes]] = deque()
        self._ends: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "CanLine":
        self._plug_in()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._pull_out()

    def board_toml(self, name: str = "power") -> str:
        return f'[can.{name}]\ninterface = "slcan"\nchannel = "{self.channel}"\nbitrate = 125000\n'

    def _plug_in(self) -> None:
        terminal = open_terminal(waits=False)
        lead_to(terminal, self.channel)
        self._ends = (terminal.far, terminal.near)

    def _pull_out(self) -> None:
        if self._ends is not None:
            self.channel.unlink(missing_ok=True)
            for end in self._ends:
                os.close(end)
        self._ends, self.open = None, False

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        received, stepped = b"", time.monotonic()
        while not self._stop.is_set():
            pulled = any(rack.trouble is Trouble.DISCONNECT for rack in self.racks)
            if pulled and self._ends is not None:
                self._pull_out()
            elif not pulled and self._ends is None:
                self._plug_in()
            received = self._serve(received + self._receive())
            now = time.monotonic()
            if now - stepped >= _STEP_S:
                self._every_step(now - stepped)
                stepped = now
                for rack in self.racks:
                    rack.follow()
            while self._late and self._late[0][0] <= now:
                self._send(self._late.popleft()[1])

    def _receive(self) -> bytes:
        if self._ends is None:
            self._stop.wait(_STEP_S)
            return b""
        master, _ = self._ends
        if not select.select([master], [], [], _STEP_S)[0]:
            return b""
        with contextlib.suppress(OSError):
            return os.read(master, 4096)
        return b""

    def _send(self, line: bytes) -> None:
        if self._ends is not None:
            with contextlib.suppress(OSError):  # nobody reads: the adapter's memory is full
                os.write(self._ends[0], line)

    def _serve(self, received: bytes) -> bytes:
        *lines, rest = received.split(b"\r")
        for line in lines:
            if line in (b"O", b"C"):
                self.open = line == b"O"
            elif line[:1] == b"T" and self.open and 10 <= len(line) <= 26:
                self._hear(int(line[1:9], 16), bytes.fromhex(line[10:].decode("ascii")))
        return rest[:_LONGEST_LINE]

    def _hear(self, can_id: int, data: bytes) -> None:
        self.frames.append((can_id, data))
        del self.frames[:-1000]
        for rack in self.racks:
            for answer in rack.frame(can_id, data):
                self._answer(rack, answer)

    def _answer(self, rack: Rack, answer: Frame) -> None:
        can_id, data = answer
        line = f"T{can_id:08X}{len(data)}{data.hex().upper()}\r".encode("ascii")
        if rack.trouble is Trouble.GARBAGE:
            line = bytes((0xA5 ^ n * 37) & 0xFF for n in range(len(line))) + b"\rT12\rTxyz\r"
        elif rack.trouble is Trouble.CORRUPT:  # a frame of somebody else's: checksums keep broken ones away
            line = f"T{can_id ^ 0x15500000:08X}3{data[:3].hex()}\r".encode("ascii")
        if rack.trouble is Trouble.SLOW or self._late:  # a line that is slow keeps the order
            delay_s = rack.slow_s if rack.trouble is Trouble.SLOW else 0.0
            last = self._late[-1][0] if self._late else 0.0
            self._late.append((max(last, time.monotonic() + delay_s), line))
        else:
            self._send(line)
