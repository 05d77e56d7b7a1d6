"""Keeps what was said with the back office: a file per connection in `ocpp/`, one JSON line per frame, both ways.

Tokens keep their end, passwords nothing; a frame that held one is noted without its text. Memory and disk are bounded.
`pilotline ocpp replay` reads the files; the session report has its own copy of what concerns a session.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from firmware.panel.redaction import Redactor
from firmware.station.facts import AnyFact, BackOfficeLink, BackOfficeMessage
from firmware.station.station import Station

log = logging.getLogger(__name__)

MAX_FILE: Final = 512 * 1024  # bytes; a connection that says more goes on in another file
WAITING: Final = 256 * 1024  # characters kept while the disk is busy; older frames are dropped and counted
ENOUGH: Final = 0.25  # of that: written at once,
PAUSE_S: Final = 1.0  # fewer together with what comes within this time


class FrameLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `at`: RFC 3339; `mono`: seconds, for intervals; `name`: the action, also of an answer; `missed`: so
    many frames before this one are not here; no `frame`: it held a password."""

    at: str
    mono: float
    direction: Literal["sent", "received"]
    version: str
    kind: Literal["call", "result", "error"]
    name: str
    frame: str | None = None
    missed: int = 0


class FrameLog:
    """`run()` writes until cancelled. `files`: how many are kept."""

    def __init__(self, station: Station, folder: Path, files: int) -> None:
        self._station = station
        self._disk = _Files(folder, files)
        self._waiting: deque[BackOfficeMessage | None] = deque()  # None: a new connection
        self._size = 0  # characters waiting
        self._missed = 0
        self._wake = asyncio.Event()
        self._enough = asyncio.Event()

    async def run(self) -> None:
        """Raises whatever a fault of our own raises; a disk that refuses is logged, and tried again."""
        unsubscribe = self._station.subscribe(self._on_fact)
        self._station.on_frame.append(self._put)
        try:
            while True:
                await self._wake.wait()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_S):
                        await self._enough.wait()
                await asyncio.to_thread(self._disk.write, *self._take())
        finally:
            unsubscribe()
            self._station.on_frame.remove(self._put)
            self._disk.write(*self._take())  # a second's worth

    def _on_fact(self, fact: AnyFact) -> None:
        if isinstance(fact, BackOfficeLink) and fact.connected:
            self._put(None)

    def _put(self, message: BackOfficeMessage | None) -> None:
        self._waiting.append(message)
        self._size += _size(message)
        while self._size > WAITING:
            old = self._waiting.popleft()
            self._size -= _size(old)
            self._missed += old is not None
        self._wake.set()
        if self._size > WAITING * ENOUGH:
            self._enough.set()

    def _take(self) -> tuple[list[BackOfficeMessage | None], int]:
        taken, missed = list(self._waiting), self._missed
        self._waiting.clear()
        self._size = self._missed = 0
        self._wake.clear()
        self._enough.clear()
        return taken, missed


def _size(message: BackOfficeMessage | None) -> int:
    return 200 + len(message.text if message is not None else "")  # the object around a short text counts too


class _Files:
    """The folder: begins files, ends them, deletes the oldest. Used in a thread."""

    def __init__(self, folder: Path, files: int) -> None:
        self._folder = folder
        self._kept = files
        self._file: Path | None = None
        self._redactor = Redactor()
        self._lock = threading.Lock()
        self._trouble = ""

    def write(self, messages: list[BackOfficeMessage | None], missed: int) -> None:
        with self._lock:
            try:
                self._write(messages, missed)
                self._trouble = ""
            except OSError as error:
                if str(error) != self._trouble:
                    log.warning("frames are not logged: %s", error)
                self._trouble = str(error)

    def _write(self, messages: list[BackOfficeMessage | None], missed: int) -> None:
        lines: list[bytes] = []
        for message in messages:
            if message is None:
                self._append(lines)
                self._file, lines = None, []
                continue
            if self._file is None:
                self._file = self._begin(message)
            lines.append(self._line(message, missed) + b"\n")
            missed = 0
        self._append(lines)

    def _append(self, lines: list[bytes]) -> None:
        if not lines or self._file is None:
            return
        with self._file.open("ab") as file:
            file.write(b"".join(lines))
            if file.tell() >= MAX_FILE:
                self._file = None

    def _begin(self, message: BackOfficeMessage) -> Path:
        """A new file, named by its first frame; the oldest go."""
        self._folder.mkdir(parents=True, exist_ok=True)
        there = sorted(self._folder.glob("[0-9]" * 8 + "-*.jsonl"))
        for old in there[: max(0, len(there) - self._kept + 1)]:
            old.unlink(missing_ok=True)
        number = int(there[-1].name.split("-")[0]) + 1 if there else 1  # in order, whatever the clock says
        began = datetime.fromtimestamp(message.at, UTC).strftime("%Y%m%dT%H%M%SZ")
        return self._folder / f"{number:08d}-{began}-ocpp{message.version}.jsonl"

    def _line(self, message: BackOfficeMessage, missed: int) -> bytes:
        line = FrameLine(
            at=datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds"),
            mono=round(message.mono, 3),
            direction=message.direction,
            version=message.version,
            kind=message.kind,
            name=message.name,
            frame=self._redactor.text(message.text) if message.text.lstrip()[:1] == "[" else None,
            missed=missed,
        )
        return msgspec.json.encode(line)
