"""The last minute of a connector, kept in memory and written when a latched fault says that somebody will ask.

The tick packs one sample into a ring of fixed size: no memory is taken while the guard runs. A file is a CBOR map;
`pilotline board blackbox FILE` prints it. What ended up in it is decided here, when, by hal/connector.py.
"""

import os
import struct
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from hal.contracts import PilotMode

SAMPLES: Final = 6000  # 60 s at the 10 ms tick
EVENTS: Final = 400
AFTERWARDS_S: Final = 1.0  # how the connector became safe belongs to the story
KEEP_FILES: Final = 16  # per connector; the oldest goes first: an SD card is small
VERSION: Final = 1

_SAMPLE: Final = struct.Struct("<dhhBBHH")  # at, high mV, low mV, level, flags, duty 0.01 %, limit 0.1 A
_MODES: Final = tuple(PilotMode)
_COMMAND, _CONTACT, _KNOWN = 1, 2, 4  # flags; the pilot's mode sits above them


class Sample(NamedTuple):
    """One tick: pilot in mV, level as its letter, what was commanded and what the mirror contact said (None: has none),
    A that were allowed."""

    at: float
    high_mv: int
    low_mv: int
    level: str
    mode: PilotMode
    duty_percent: float
    commanded: bool
    closed: bool | None
    limit_a: float


class BlackBox:
    """Ring of one connector. `note` and `event` belong to the tick."""

    def __init__(self) -> None:
        self._ring = bytearray(_SAMPLE.size * SAMPLES)
        self._next = 0
        self._full = False
        self._events: deque[tuple[float, str]] = deque(maxlen=EVENTS)
        self._due_at: float | None = None
        self._reason = ""

    def note(self, s: Sample) -> None:
        flags = (_COMMAND if s.commanded else 0) | (_KNOWN if s.closed is not None else 0)
        flags |= (_CONTACT if s.closed else 0) | _MODES.index(s.mode) << 4
        _SAMPLE.pack_into(
            self._ring,
            self._next * _SAMPLE.size,
            s.at,
            _short(s.high_mv),
            _short(s.low_mv),
            ord(s.level),
            flags,
            round(s.duty_percent * 100),
            min(round(s.limit_a * 10), 0xFFFF),
        )
        self._next += 1
        if self._next == SAMPLES:
            self._next, self._full = 0, True

    def event(self, now: float, text: str) -> None:
        """A command, a fault that came or went, a grant."""
        self._events.append((now, text))

    def alarm(self, now: float, reason: str) -> None:
        """A latched fault: the file is due in a moment. More faults until then belong to the same story."""
        if self._due_at is None:
            self._due_at, self._reason = now + AFTERWARDS_S, reason

    def due(self, now: float) -> bytes | None:
        """The content to write, once, when its time has come."""
        if self._due_at is None or now < self._due_at:
            return None
        self._due_at = None
        return self.content(now, self._reason)

    def content(self, now: float, reason: str) -> bytes:
        """The file: monotonic times, and the wall clock at one of them."""
        import cbor2  # noqa: PLC0415

        cut = self._next * _SAMPLE.size
        samples = bytes(self._ring[cut:] + self._ring[:cut]) if self._full else bytes(self._ring[:cut])
        story = {
            "pilotline_black_box": VERSION,
            "reason": reason,
            "at": now,
            "wall": time.time(),
            "samples": samples,
            "events": [list(event) for event in self._events],
        }
        return cbor2.dumps(story)


def _short(mv: int) -> int:
    return max(-0x8000, min(0x7FFF, mv))


def write(folder: Path, connector: int, content: bytes) -> Path:
    """Store one file whole, and let the oldest go. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = folder / f"blackbox-{connector}-{stamp}-{time.monotonic_ns() % 1_000_000:06d}.cbor"
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    for old in sorted(folder.glob(f"blackbox-{connector}-*.cbor"))[:-KEEP_FILES]:
        old.unlink(missing_ok=True)
    return path


class Story(NamedTuple):
    """A black box that was read: times in s before the moment it was written (negative)."""

    reason: str
    wall: float
    samples: tuple[Sample, ...]
    events: tuple[tuple[float, str], ...]


def read(content: bytes) -> Story:
    """Raises ValueError for what is no black box."""
    import cbor2  # noqa: PLC0415

    try:
        story = cbor2.loads(content)
        if story["pilotline_black_box"] != VERSION:
            raise ValueError(f"black box of version {story['pilotline_black_box']}; this is version {VERSION}")
        at = float(story["at"])
        events = tuple((float(when) - at, str(text)) for when, text in story["events"])
        samples = tuple(_samples(story["samples"], at))
        return Story(str(story["reason"]), float(story["wall"]), samples, events)
    except (cbor2.CBORDecodeError, KeyError, TypeError, IndexError, struct.error) as error:
        raise ValueError(f"no black box: {error!r}") from error


def _samples(raw: bytes, at: float) -> Iterator[Sample]:
    for when, high, low, level, flags, duty, limit in _SAMPLE.iter_unpack(raw):
        closed = bool(flags & _CONTACT) if flags & _KNOWN else None
        mode = _MODES[flags >> 4]
        yield Sample(when - at, high, low, chr(level), mode, duty / 100, bool(flags & _COMMAND), closed, limit / 10)
