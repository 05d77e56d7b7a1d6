"""The tap that records: puts what it sees into a bounded queue and goes on. One per EVSE.

What becomes of it is `writer.py`'s, in a thread of its own.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware.station.clock import Clock
from firmware.v2g.recording.events import Begin, Datagram, End, Event, Frame, Secret, Sent, size
from firmware.v2g.recording.file import Bounds
from firmware.v2g.recording.stream import Stream
from firmware.v2g.recording.tap import Place
from firmware.v2g.recording.writer import Told, Writer

QUEUE_BYTES: Final = 2_000_000  # while the disk stalls
TAIL_S: Final = 1.0  # after unplugging: how the connection ends belongs to it
JOIN_S: Final = 2.0
DEFAULT_BOUNDS: Final = Bounds()


class PacketRecorder:
    """A `Tap`, from `begin` to `end`. `told` hears of files, in the loop."""

    def __init__(
        self,
        folder: Path,
        evse: int,
        interface: str,
        *,
        clock: Clock,
        told: Callable[[Told], None],
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._told = told
        self._writer = Writer(folder, evse, interface, bounds, self._tell)
        self._given = 0  # bytes of events; the writer counts what it has taken
        self._missed = 0
        self._running = False
        self._number = 0  # of the recording: a connection that outlives its own is not in the next
        self._ending: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Until then events wait in the queue, as far as there is room."""
        self._writer.start()

    async def stop(self) -> None:
        """Write what is queued, but not for ever."""
        self._over()
        self._writer.queue.put(None)
        if self._writer.is_alive():
            await asyncio.to_thread(self._writer.join, JOIN_S)

    # --- Tap --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._over()
        self._missed = 0
        self._number += 1
        self._running = True
        self._running = self._put(Begin(self._clock.mono(), self._clock.utc()))

    def end(self) -> None:
        if self._running and self._ending is None:
            self._ending = self._loop.call_later(TAIL_S, self._over)

    def frame(self, frame: bytes, *, from_car: bool) -> None:
        self._put(Frame(self._clock.mono(), frame, from_car))

    def datagram(self, data: bytes, source: Place | None, destination: Place | None, *, from_car: bool) -> None:
        if source is not None and destination is not None:
            self._put(Datagram(self._clock.mono(), data, source, destination, from_car))

    def stream(self) -> Stream:
        number = self._number

        def tell(event: Sent) -> None:
            if self._number == number:
                self._put(event)

        return Stream(tell, self._clock.mono)

    def secret(self, line: bytes) -> None:
        self._put(Secret(self._clock.mono(), line))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _over(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        self._put(End(self._clock.mono(), self._missed))
        self._running = False

    def _put(self, event: Event) -> bool:
        """Never waits; counts what finds no room."""
        if not self._running:
            return False
        need = size(event)
        if self._given - self._writer.taken + need > QUEUE_BYTES:
            self._missed += 1
            return False
        self._given += need
        self._writer.queue.put(event)
        return True

    def _tell(self, told: Told) -> None:
        """In the writer's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._told, told)
