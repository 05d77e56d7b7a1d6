"""How often the switches of a connector moved: contactor, under load, phase contactor, plug lock; hours closed.

Counted by the tick, written by a thread of its own, seldom, since an SD card wears too; a power cut loses at most the
last minutes. One small JSON file per board.
"""

import json
import math
import os
from pathlib import Path
from typing import Final

import msgspec

WRITE_EVERY_S: Final = 600.0
LOAD_A: Final = 1.0  # opened above this the contact burnt a little


class Counts(msgspec.Struct):
    """Since the contactor was fitted (the file's beginning)."""

    closings: int = 0
    opened_under_load: int = 0
    phase_changes: int = 0
    lock_movements: int = 0
    closed_s: float = 0.0


class Wear:
    """The counts of one connector, fed once a tick."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._closed = False
        self._at: float | None = None
        self._phases: int | None = None
        self._locked: bool | None = None

    def note(self, now: float, *, closed: bool, current_a: float, phases: int | None, locked: bool | None) -> None:
        """What is now; the changes are counted."""
        if self._closed and self._at is not None:
            self.counts.closed_s += now - self._at
        self._at = now
        if closed and not self._closed:
            self.counts.closings += 1
        if self._closed and not closed and current_a >= LOAD_A:
            self.counts.opened_under_load += 1
        self._closed = closed
        if self._phases is not None and phases != self._phases:
            self.counts.phase_changes += 1
        self._phases = phases
        if locked is not None:
            if self._locked is not None and locked != self._locked:
                self.counts.lock_movements += 1
            self._locked = locked


def load(path: Path) -> dict[int, Counts]:
    """The counts of a file; none where there is no file yet. Raises ValueError for one that is damaged."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[int, Counts])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error


def store(path: Path, counts: dict[int, Counts]) -> None:
    """Whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump({number: msgspec.to_builtins(each) for number, each in counts.items()}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def worn(counts: Counts, life: int) -> str:
    """What people are told when the contactor has had its `life` of closings (0 = not known), '' before."""
    if not life or counts.closings < life:
        return ""
    return f"{counts.closings} closings of {life}, {math.floor(counts.closed_s / 3600)} h closed"
