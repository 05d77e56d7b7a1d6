"""The security log: every security event, critical or not, appended to a file that nobody shortens (A04.FR.04).

It rolls over: security.log grows to a bound, then becomes security.log.1, which it replaces. One line of JSON for each
event; each is on disk within a second. A thread writes: an SD card may stall for long. Where somebody shortens it all
the same, that is an event too (SecurityLogWasCleared).
"""

import asyncio
import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from firmware.station import security_events
from firmware.station.facts import AnyFact, Booted, SecurityEvent
from firmware.station.journal import Contents
from firmware.station.station import Station

log = logging.getLogger(__name__)

MAX_BYTES: Final = 1_000_000  # of each of two files: some 10,000 events
QUEUED: Final = 4096
CATCH_UP_S: Final = 5.0
BEGUN: Final = "security/log/begun"  # the station's lasting value: something was written once


class Entry(msgspec.Struct, frozen=True):
    """One line. `time` UTC s; `synced`: was the clock right?"""

    time: float
    event: str
    info: str
    critical: bool
    synced: bool


class SecurityLog:
    """`run()` writes until cancelled; `read` may be called from any thread."""

    def __init__(self, station: Station, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._station = station
        self.path = path
        self._max_bytes = max_bytes
        self._written = 0  # bytes that the file had at last
        self._begun = False  # was something written in an earlier life?
        self._queue: queue.Queue[Entry | threading.Event | None] = queue.Queue(QUEUED)
        station.subscribe(self._on_fact)
        station.on_load.append(self._on_load)

    def _on_load(self, _: Contents) -> None:
        self._begun = bool(self._station.variable(BEGUN))

    def _on_fact(self, fact: AnyFact) -> None:
        match fact:
            case SecurityEvent():
                entry = Entry(fact.at, fact.kind, fact.tech_info, fact.critical, fact.clock_synced)
                with contextlib.suppress(queue.Full):  # a disk that stalls for so many events has told its own tale
                    self._queue.put_nowait(entry)
                    self._station.set_variable(BEGUN, "true")
            case Booted():
                kind = "StartupOfTheDevice" if fact.reason in {"PowerUp", "Unknown"} else "ResetOrReboot"
                security_events.tell(self._station, kind, fact.reason)

    async def run(self) -> None:
        """Write what comes. Raises RuntimeError when the writing thread has ended (the task runner starts us again)."""
        self._loop = asyncio.get_running_loop()
        await self._station.ready.wait()
        if self._begun and not await asyncio.to_thread(self._exists):
            self._tell_cleared("it is gone")
        self._begun = False
        thread = threading.Thread(target=self._write, name="security log", daemon=True)
        thread.start()
        try:
            while thread.is_alive():  # noqa: ASYNC110 - a thread has no event to wait for
                await asyncio.sleep(1.0)
            raise RuntimeError("the thread that writes the security log ended")
        finally:
            self._queue.put(None)
            await asyncio.to_thread(thread.join, 5.0)

    def _write(self) -> None:
        self._end_cut_line()
        while (entry := self._queue.get()) is not None:
            if isinstance(entry, threading.Event):
                entry.set()
                continue
            try:
                self._append(msgspec.json.encode(entry) + b"\n")
            except OSError as error:
                log.error("the security log cannot be written: %s", error)

    def _end_cut_line(self) -> None:
        """A line that a power loss cut must not swallow the next one."""
        try:
            with self.path.open("r+b") as file:
                if file.seek(0, os.SEEK_END) == 0:
                    return
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("the security log cannot be written: %s", error)

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self._written:
            self._written = 0
            self._loop.call_soon_threadsafe(self._tell_cleared, "it was shortened")
        if size + len(line) > self._max_bytes and size:
            self.path.replace(self._older)
            size = 0
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._written = size + len(line)

    def _exists(self) -> bool:
        return any(path.exists() and path.stat().st_size for path in (self.path, self._older))

    def _tell_cleared(self, how: str) -> None:
        security_events.tell(self._station, "SecurityLogWasCleared", how)

    @property
    def _older(self) -> Path:
        return self.path.with_name(self.path.name + ".1")

    def read(
        self, oldest: float | None = None, latest: float | None = None, rest: Callable[[], None] = lambda: None
    ) -> list[Entry]:
        """The events of a period, oldest first; a line cut by a power loss is left out. Waits for what is still to be
        written: not for the event loop. `rest` is called between lines. Raises OSError."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(written)
            written.wait(CATCH_UP_S)
        found = []
        for path in (self._older, self.path):
            for line in path.read_bytes().splitlines() if path.exists() else ():
                rest()
                with contextlib.suppress(msgspec.MsgspecError):
                    found.append(msgspec.json.decode(line, type=Entry))
        return [each for each in found if (oldest or 0.0) <= each.time <= (latest if latest is not None else 1e12)]
