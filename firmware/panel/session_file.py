"""One open session file: appends lines so that neither a bad disk nor a power cut does harm.

What is written when is `sessions.py`'s; what a line looks like `recording.py`'s.
"""

import errno
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

RETRY_S = 30.0  # after a write that failed
SYNC_S = 10.0  # how much a power cut may cost; more often wears the card
PENDING_BYTES = 1_000_000  # kept while the disk refuses


@dataclass
class SessionFile:
    """One open recording. Never raises for a bad disk: lines wait, then count as lost."""

    path: Path
    evse: int
    transaction_id: str | None = None
    transaction_ended: bool = False
    idle_since: float | None = None  # unplugged, or never plugged and the transaction over
    thinned_to_s: float = 0.0
    left_out: int = 0
    lost: int = 0
    written: int = 0
    last_of_name: dict[str, float] = field(default_factory=dict)
    _pending: list[bytes] = field(default_factory=list)
    _pending_bytes: int = 0
    _synced_at: float = 0.0
    _retry_at: float = 0.0

    def __post_init__(self) -> None:
        if self.path.exists():
            self.written = self.path.stat().st_size

    def add(self, line: bytes) -> None:
        if self._pending_bytes + len(line) > PENDING_BYTES:
            self.lost += 1
            return
        self._pending.append(line)
        self._pending_bytes += len(line)
        self.written += len(line)

    def flush(self, now: float) -> None:
        """Append what is pending. After a failure the next try waits RETRY_S."""
        if not self._pending or now < self._retry_at:
            return
        try:
            self._append(b"".join(self._pending), sync=now - self._synced_at >= SYNC_S)
        except OSError as error:
            log.warning("recording %s: %s; charging goes on, next try in %.0f s", self.path.name, error, RETRY_S)
            self._retry_at = now + RETRY_S
            return
        if now - self._synced_at >= SYNC_S:
            self._synced_at = now
        self._pending.clear()
        self._pending_bytes = 0

    def _append(self, data: bytes, *, sync: bool) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+", buffering=0) as file:
            if file.tell() and _last_byte(file.fileno(), file.tell()) != b"\n":
                data = b"\n" + data  # the line before was torn by a power cut or a full disk
            before = file.tell()
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if sync:
                    os.fdatasync(file.fileno())
            except OSError:
                file.truncate(before)  # the next try writes these lines again
                raise

    def become(self, path: Path) -> None:
        """Go on under another name, behind what is there already. When the disk refuses, the old file stays too."""
        before, self.path = self.path, path
        try:
            self.written += path.stat().st_size if path.exists() else 0
            if before.exists():
                self._append(before.read_bytes(), sync=True)
                before.unlink()
        except OSError as error:
            log.warning("recording %s did not become %s: %s", before.name, path.name, error)


def _last_byte(descriptor: int, size: int) -> bytes:
    return os.pread(descriptor, 1, size - 1)
