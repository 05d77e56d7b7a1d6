"""What the loop tells the thread that writes: small tuples with the time when it happened (s, monotonic)."""

from typing import NamedTuple

from firmware.v2g.recording.frames import Segment
from firmware.v2g.recording.tap import Place


class Begin(NamedTuple):
    """A car is plugged in: what comes belongs to a new file. `utc` and `at` are the same moment."""

    at: float
    utc: float


class End(NamedTuple):
    """It is over. `missed`: what found no room in the queue since the last End."""

    at: float
    missed: int


class Frame(NamedTuple):
    at: float
    data: bytes
    from_car: bool


class Datagram(NamedTuple):
    at: float
    data: bytes
    source: Place
    destination: Place
    from_car: bool


class Sent(NamedTuple):
    at: float
    segment: Segment
    from_car: bool


class Secret(NamedTuple):
    """A line of the TLS key log, without its end."""

    at: float
    data: bytes


Event = Begin | End | Frame | Datagram | Sent | Secret


def size(event: Event) -> int:
    """About the memory it takes."""
    match event:
        case Sent():
            return 400 + len(event.segment.data)
        case Frame() | Datagram() | Secret():
            return 400 + len(event.data)
    return 400
