"""One recording on disk: bounded in size, private, and the oldest go before a new one begins.

Its first part keeps the set-up; when that is full a ring in memory keeps the latest packets, because the end of a
session is what people look for. Raises OSError; what that means is `writer.py`'s.
"""

import errno
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUFFIX: Final = ".pcapng"
_CHECK_EVERY: Final = 1_000_000  # bytes, then the free space is looked at again


@dataclass(frozen=True)
class Bounds:
    """Bytes and files that the recordings of one EVSE may take; `free_bytes` stay free for everybody else."""

    file_bytes: int = 16_000_000
    ending_bytes: int = 250_000  # of these, for the latest packets
    files: int = 50
    total_bytes: int = 200_000_000
    free_bytes: int = 50_000_000


class PacketFile:
    """Open until `close`; `name` is new in its folder."""

    def __init__(self, folder: Path, stem: str, bounds: Bounds) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.size = 0
        self.left_out = 0
        self.full = False
        self._bounds = bounds
        self._folder = folder
        self._ending: deque[bytes] = deque()
        self._ending_size = 0
        self._look_at = _CHECK_EVERY
        self._check_space()
        self.name, self._descriptor = _create(folder, stem)

    def write(self, block: bytes, *, packet: bool = True) -> None:
        """One block; a packet may wait in the ring, and fall out of it. Each write goes to the system at once: it
        lets the loop run meanwhile, and what is written survives a crash of ours."""
        room = self._bounds.file_bytes - self._bounds.ending_bytes - self.size
        if not packet and len(block) <= room + self._bounds.ending_bytes // 4:
            self._append(block)
            return
        self.full = self.full or len(block) > room
        if not self.full:
            self._append(block)
            return
        self._ending.append(block)
        self._ending_size += len(block)
        while self._ending_size > self._bounds.ending_bytes // 2:
            self._ending_size -= len(self._ending.popleft())
            self.left_out += 1

    def close(self, last: bytes = b"") -> None:
        """With the latest packets and `last`."""
        try:
            for block in (*self._ending, last):
                self._append(block)
            os.fdatasync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def give_up(self) -> None:
        """Close what cannot be written any more; half a block at its end goes."""
        try:
            os.ftruncate(self._descriptor, self.size)
        finally:
            os.close(self._descriptor)

    def _append(self, block: bytes) -> None:
        if os.write(self._descriptor, block) != len(block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += len(block)
        if self.size >= self._look_at:
            self._look_at += _CHECK_EVERY
            self._check_space()

    def _check_space(self) -> None:
        state = os.statvfs(self._folder)
        if state.f_bavail * state.f_frsize < self._bounds.free_bytes:
            raise OSError(errno.ENOSPC, f"less than {self._bounds.free_bytes // 1_000_000} MB are free")


def make_room(folder: Path, evse: int, bounds: Bounds) -> None:
    """Delete the oldest recordings of this EVSE until one more fits."""
    found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob(f"*-{evse}{SUFFIX}"))
    total, count = sum(size for _, size, _ in found), len(found)
    for _, size, path in found:
        if count < bounds.files and total + bounds.file_bytes <= bounds.total_bytes:
            return
        path.unlink(missing_ok=True)
        total, count = total - size, count - 1


def _create(folder: Path, stem: str) -> tuple[str, int]:
    """A file that did not exist and that only its owner reads: it may hold keys."""
    moment, _, evse = stem.rpartition("-")
    for number in range(100):
        name = f"{moment}{f'.{number}' if number else ''}-{evse}{SUFFIX}"
        try:
            return name, os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:  # a clock that stands still or went back
            continue
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / stem))
