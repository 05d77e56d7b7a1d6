"""A simulated GPIO chip: a folder with one file per line, its physical level "0" or "1".

Like a real chip it gives a line to one owner only and keeps the level when the owner dies. Whoever plays the world
(a test, the rig) writes the files of inputs and reads those of outputs.
"""

import fcntl
import os
from pathlib import Path

from hal.contracts import DeviceError


class SimulatedLine:
    """One owned line. `set` and `active` speak of on and off; the file has the level."""

    def __init__(self, path: Path, *, active_low: bool, writable: bool) -> None:
        self._path = path
        self._active_low = active_low
        try:
            self._descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError(f"GPIO line {path.name}: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise DeviceError(f"GPIO line {path.name}: Device or resource busy") from error

    def set(self, on: bool) -> None:
        os.pwrite(self._descriptor, b"1" if on != self._active_low else b"0", 0)

    def active(self) -> bool:
        level = os.pread(self._descriptor, 1, 0)
        if level not in (b"0", b"1"):
            raise DeviceError(f"GPIO line {self._path.name}: level {level!r}")
        return (level == b"1") != self._active_low

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class SimulatedEdges:
    """Whoever plays the world appends "INDEX SECONDS" (monotonic) per edge to the file LINE.edges of the first line."""

    def __init__(self, folder: Path, lines: tuple[str, ...]) -> None:
        self._owned = [SimulatedLine(folder / line, active_low=False, writable=False) for line in lines]
        self._file = (folder / f"{lines[0]}.edges").open("a+")
        self._file.seek(0, os.SEEK_END)

    def read(self) -> list[tuple[int, float]]:
        edges = [line.split() for line in self._file.readlines()]
        return [(int(index), float(at)) for index, at in edges]

    def close(self) -> None:
        self._file.close()
        for line in self._owned:
            line.close()


class SimulatedChip:
    """The folder as a chip."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, line: str) -> bool:
        return (self._folder / line).is_file()

    def output(self, line: str, *, active_low: bool, on: bool) -> SimulatedLine:
        owned = SimulatedLine(self._folder / line, active_low=active_low, writable=True)
        owned.set(on)
        return owned

    def input(self, line: str, *, active_low: bool, debounce_s: float) -> SimulatedLine:
        """Simulated contacts do not bounce: `debounce_s` has nothing to do here."""
        return SimulatedLine(self._folder / line, active_low=active_low, writable=False)

    def edges(self, lines: tuple[str, ...], *, active_low: bool) -> SimulatedEdges:
        """Polarity has no meaning here: an edge is an edge."""
        return SimulatedEdges(self._folder, lines)

    def close(self) -> None:
        """Nothing is kept open but the lines."""
