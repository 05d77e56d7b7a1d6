"""One TCP connection as its socket saw it, told as segments: numbers from 0, every byte acknowledged by the next word.

Numbering is done here, in the loop: bytes that find no room on their way to the file leave a hole Wireshark can see.
"""

from collections.abc import Callable

from firmware.v2g.recording.events import Sent
from firmware.v2g.recording.frames import ACK, FIN, PSH, RST, SYN, Segment
from firmware.v2g.recording.tap import Place


class Stream:
    """`tell` takes each event; `clock` is the loop's."""

    def __init__(self, tell: Callable[[Sent], None], clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._ends: dict[bool, Place] = {}  # by "is the car"
        self._next = {True: 0, False: 0}  # sequence number of the next byte
        self._finished: set[bool] = set()

    def opened(self, car: Place | None, station: Place | None) -> None:
        """The connection stands. Its three segments went by before anybody told us: all get this moment's time."""
        if car is None or station is None:
            return
        self._ends = {True: car, False: station}
        now = self._clock()
        self._say(True, SYN, now)
        self._say(False, SYN | ACK, now)
        self._say(True, ACK, now)

    def received(self, data: bytes, came: float) -> None:
        if data:
            self._say(True, PSH | ACK, came, data)

    def sent(self, data: bytes) -> None:
        if data:
            self._say(False, PSH | ACK, self._clock(), data)

    def finished(self, *, by_car: bool) -> None:
        """FIN, once."""
        if by_car not in self._finished:
            self._finished.add(by_car)
            self._say(by_car, FIN | ACK, self._clock())

    def lost(self, why: Exception | None) -> None:
        """The socket is closed. With an error it was the car's RST, or no answer of its any more; else our FIN."""
        if why is not None and len(self._finished) < 2:
            self._say(True, RST | ACK, self._clock())
        elif why is None:
            self.finished(by_car=False)
        self._ends = {}

    def _say(self, by_car: bool, flags: int, at: float, data: bytes = b"") -> None:
        if not self._ends:
            return
        number = self._next[by_car]
        acknowledged = self._next[not by_car] % (1 << 32) if flags & ACK else 0
        taken = len(data) + bool(flags & SYN) + bool(flags & FIN)
        self._next[by_car] = (number + taken) % (1 << 32)
        source, destination = self._ends[by_car], self._ends[not by_car]
        self._tell(Sent(at, Segment(source, destination, number, acknowledged, flags, data), by_car))
