"""The station's memory on disk: facts not yet delivered, and what must survive a restart (open transactions, tokens,
variables). One SQLite file (WAL, synchronous=FULL); the event loop never touches the disk.

What a reader was told is on disk: a fact is handed on only after its commit returned. This is the loop's side; the
thread that writes is `journal_writer`, its tables are `journal_tables`.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from firmware.station import journal_tables as tables
from firmware.station.facts import AnyFact
from firmware.station.journal_tables import Change, Contents
from firmware.station.journal_writer import Append, Call, Job, JournalError, Writer

__all__ = ["Change", "Contents", "Journal", "JournalError"]

T = TypeVar("T")


class Journal:
    """One SQLite file and its writer thread. Everything here is called from the event loop; only the writer is not.

    While the disk refuses (full, read-only, failing) charging goes on: appended facts wait in memory, at most 1000
    appends, periodic samples are given up first, and `on_problem` tells once. A corrupt file is set aside as
    `<name>.corrupt-<time>` with all it held; lasting values go on in a fresh file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""  # why it cannot write now, for people; "" while healthy
        self.on_problem: list[Callable[[str, str], None]] = []  # (kind: full | corrupt | lost | recovered, text)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def healthy(self) -> bool:
        return not self.problem

    async def start(self) -> Contents:
        """Open the file (made when missing) and return the lasting values. Never fails: see `problem`."""
        loop = self._loop = asyncio.get_running_loop()
        self._closed = False
        loaded: asyncio.Future[Contents] = loop.create_future()

        def opened(contents: Contents) -> None:
            self._in_loop(lambda: None if loaded.done() else loaded.set_result(contents))

        writer = Writer(self.path, self._jobs, self._in_loop, self._report, opened)
        self._thread = threading.Thread(target=writer.run, name="journal", daemon=True)
        self._thread.start()
        return await loaded

    async def close(self) -> None:
        """Write what is queued, close the file and end the thread."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def append(
        self,
        facts: Sequence[AnyFact] = (),
        then: Callable[[], None] | None = None,
        changes: Sequence[Change] = (),
    ) -> None:
        """Write facts and lasting values in one commit; `then` is called in the loop after it returned."""
        # after close() it waits for the next start(): nothing that happened is dropped
        self._jobs.put(Append(tuple(facts), tuple(changes), then))

    def execute_in_writer(self, fn: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run `fn` in the writer thread inside a database transaction; the future gets its result after the commit.

        The future raises what `fn` raised (only its own changes are rolled back), or JournalError when the disk
        refuses. `fn` must not commit, must be quick, and may be run again if the commit failed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: object, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # it is what fn returned

        if self._closed:
            future.set_exception(JournalError("the journal is closed"))
        else:
            self._jobs.put(Call(fn, done))
        return future

    def facts_after(self, number: int, limit: int = 100) -> asyncio.Future[list[tuple[int, AnyFact]]]:
        """Facts with a higher number, oldest first: a reader's queue, and how it catches up after a crash."""
        return self.execute_in_writer(lambda connection: tables.facts_after(connection, number, limit))

    def cursor(self, reader: str) -> asyncio.Future[int]:
        """Number of the last fact `reader` is done with; 0 makes it known as a reader for whom facts are kept."""
        return self.execute_in_writer(lambda connection: tables.cursor(connection, reader))

    def unread(self) -> asyncio.Future[int]:
        """How many facts some reader is not done with; 0 without readers."""
        return self.execute_in_writer(tables.unread)

    def advance(
        self, reader: str, number: int, also: Callable[[sqlite3.Connection], object] = lambda connection: None
    ) -> asyncio.Future[None]:
        """`reader` is done with all facts up to `number`; those that all readers are done with are dropped.

        `also` runs in the same database transaction: what the reader learnt from the fact and must not lose.
        """

        def both(connection: sqlite3.Connection) -> None:
            also(connection)
            tables.advance(connection, reader, number)

        return self.execute_in_writer(both)

    def _in_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(call)

    def _report(self, kind: str, text: str) -> None:
        def tell() -> None:
            self.problem = text if kind == "full" else "" if kind == "recovered" else self.problem
            for callback in tuple(self.on_problem):
                callback(kind, text)

        self._in_loop(tell)
