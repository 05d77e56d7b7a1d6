"""The journal's thread: takes jobs in batches, one commit each; waits out a full disk, sets aside a corrupt file.

Runs beside the event loop and touches nothing of it but through `in_loop`.
"""

import contextlib
import logging
import os
import queue
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware.station import journal_tables as tables
from firmware.station.facts import AnyFact
from firmware.station.journal_tables import Change, Contents, Rank

log = logging.getLogger(__name__)

_BATCH: Final = 64  # jobs that share one fsync
_RETRY_S: Final = 5.0  # between attempts while the disk refuses
_BACKLOG: Final = 1000  # appends kept in memory meanwhile
_LOOK_EVERY: Final = 50  # appends between two looks at the size
_KEPT_ASIDE: Final = 3  # corrupt files kept for a technician

_CANNOT_WRITE: Final = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PERM,
}
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class JournalError(RuntimeError):
    """The journal could not do it; the text says why. What was appended is kept in memory and tried again."""


@dataclass
class Append:
    """Facts and lasting values of one commit."""

    facts: Sequence[AnyFact]
    changes: Sequence[Change]
    then: Callable[[], None] | None

    @property
    def droppable(self) -> bool:
        """Nothing but periodic samples: the first to go when there is no room (OCPP 2.0.1 E04, F03.FR.06)."""
        return bool(self.facts) and all(tables.rank(fact) is Rank.PERIODIC for fact in self.facts)


@dataclass
class Call:
    """Somebody's own work on the database, and who waits for it."""

    run: Callable[[sqlite3.Connection], object]
    done: Callable[[object, BaseException | None], None]


Job = Append | Call


class Writer:
    """The thread: takes jobs in batches, one commit each; sets aside what is corrupt, waits out what is full."""

    def __init__(
        self,
        path: Path,
        jobs: "queue.SimpleQueue[Job | None]",
        in_loop: Callable[[Callable[[], None]], None],
        report: Callable[[str, str], None],
        opened: Callable[[Contents], None],
    ) -> None:
        self._path = path
        self._jobs = jobs
        self._in_loop = in_loop
        self._report = report
        self._opened = opened
        self._connection: sqlite3.Connection | None = None
        self._lasting: Contents = {}  # as committed or still to be: refills a fresh file
        self._backlog: deque[Append] = deque()
        self._refused = ""
        self._lost = 0
        self._appends = 0

    def run(self) -> None:
        self._try_to_open()
        self._opened(dict(self._lasting))
        running = True
        while running:
            batch, running = self._take()
            self._work(batch)
        self._work([])  # a last attempt for the backlog
        if self._connection is not None:
            self._connection.close()

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for a job, then take what else is there. With a backlog, wait only until the next attempt."""
        try:
            first = self._jobs.get(timeout=_RETRY_S if self._backlog or self._connection is None else None)
        except queue.Empty:
            return [], True
        batch: list[Job] = []
        while first is not None:
            batch.append(first)
            if len(batch) == _BATCH:
                return batch, True
            try:
                first = self._jobs.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _work(self, batch: list[Job]) -> None:
        """Write the backlog and the batch in one commit; where that fails, job by job, so that each gets its answer."""
        if self._connection is None:
            self._try_to_open()
        appends: list[Job] = [*self._backlog]
        if appends or batch:
            self._backlog.clear()
            if not self._commit([*appends, *batch]):
                for job in [*appends, *batch]:
                    if isinstance(job, Append) and self._backlog:
                        self._keep(job)  # in order: never overtake what already waits
                    elif not self._commit([job]):
                        self._postpone(job)
        if not self._backlog and self._connection is not None and self._refused:
            self._refused = ""
            self._report("recovered", "the journal can be written again")

    def _postpone(self, job: Job) -> None:
        if isinstance(job, Append):
            self._keep(job)
        else:
            error = JournalError(self._refused or "the journal is not open")
            self._in_loop(lambda: job.done(None, error))

    def _keep(self, job: Append) -> None:
        """Into the backlog; when that is full, every second periodic sample goes first (E11.FR.05), then the oldest."""
        self._backlog.append(job)
        if len(self._backlog) <= _BACKLOG:
            return
        droppable = [index for index, each in enumerate(self._backlog) if each.droppable]
        for at in reversed(droppable[1::2] or droppable or [0]):
            self._sacrifice(at)

    def _sacrifice(self, at: int) -> None:
        victim = self._backlog[at]
        del self._backlog[at]
        # its lasting values must still be written, and in order
        if at < len(self._backlog):
            self._backlog[at].changes = (*victim.changes, *self._backlog[at].changes)
        else:
            self._backlog[-1].changes = (*self._backlog[-1].changes, *victim.changes)
        self._lose(len(victim.facts))

    def _lose(self, count: int) -> None:
        self._lost += count
        if count and (self._lost == count or self._lost % 100 == 0):
            self._report("lost", f"no room for facts: {self._lost} given up so far, periodic samples first")

    # --- one commit ---------------------------------------------------------------------------------------------

    def _commit(self, jobs: list[Job]) -> bool:
        """All jobs in one commit, then their callbacks in the loop. False: nothing was written, `_refused` says why."""
        if self._connection is None:
            return False
        told: list[Callable[[], None]] = []
        try:
            told = self._write(self._connection, jobs)
        except sqlite3.DatabaseError as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()
            self._give_up(error)
            return False
        if told:
            self._in_loop(lambda: _call_all(told))
        return True

    def _write(self, connection: sqlite3.Connection, jobs: list[Job]) -> list[Callable[[], None]]:
        told: list[Callable[[], None]] = []
        look = False
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            if isinstance(job, Append):
                self._write_append(connection, job)
                self._appends += 1
                look = look or self._appends % _LOOK_EVERY == 0
                if job.then is not None:
                    told.append(job.then)
            else:
                told.append(_run_call(connection, job))
        if look:
            self._lose(tables.bound(connection))
        connection.execute("COMMIT")
        return told

    def _write_append(self, connection: sqlite3.Connection, job: Append) -> None:
        tables.insert_facts(connection, job.facts)
        for change in job.changes:
            tables.write_change(connection, change)
            if change.body is None:
                self._lasting.pop((change.kind, change.key), None)
            else:
                self._lasting[change.kind, change.key] = change.body

    # --- trouble ------------------------------------------------------------------------------------------------

    def _give_up(self, error: sqlite3.DatabaseError) -> None:
        """Sort an error of the database: full or failing disk (wait), corrupt file (set aside)."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _CORRUPT:
            self._set_aside(str(error))
        else:
            # an unknown error of the file itself: wait as well, a fact must never be dropped because of it
            self._refuse(f"the journal {self._path} cannot be written: {error}")

    def _refuse(self, text: str) -> None:
        if not self._refused:
            log.error("%s; facts wait in memory, charging goes on", text)
            self._report("full", text)
        self._refused = text

    def _try_to_open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except sqlite3.DatabaseError as error:
            self._give_up(error)
        except OSError as error:
            self._refuse(f"the journal {self._path} cannot be opened: {error}")

    def _open(self) -> None:
        """Open, check and load. Raises sqlite3.DatabaseError."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=1.0, check_same_thread=False)
        try:
            tables.prepare(connection)
            stored = tables.contents(connection)
            if self._lasting:  # a fresh or late file: what we know is newer
                connection.execute("BEGIN IMMEDIATE")
                for (kind, key), body in self._lasting.items():
                    tables.write_change(connection, Change(kind, key, body))
                connection.execute("COMMIT")
            self._lasting = {**stored, **self._lasting}
        except sqlite3.DatabaseError:
            connection.close()
            raise
        self._connection = connection

    def _set_aside(self, text: str) -> None:
        """Move the corrupt file away with its WAL, keep what can still be read of it, go on with a fresh one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._lasting = {**_salvage(self._path), **self._lasting}
        aside = f"{self._path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
        try:
            for suffix in ("", "-wal", "-shm"):
                source = self._path.with_name(self._path.name + suffix)
                if source.exists():
                    source.replace(self._path.with_name(aside + suffix))
            _forget_old_files(self._path)
            self._open()
        except (OSError, sqlite3.DatabaseError) as error:
            self._refuse(f"the journal {self._path} is corrupt ({text}) and cannot be replaced: {error}")
            return
        log.error("the journal was corrupt (%s): set aside as %s, a fresh one was begun", text, aside)
        self._report("corrupt", f"{text}; set aside as {aside}, {len(self._lasting)} lasting values saved")


def _run_call(connection: sqlite3.Connection, job: Call) -> Callable[[], None]:
    """Run it in a savepoint. Raises only what concerns the file itself; other errors are the caller's own."""
    connection.execute("SAVEPOINT call")
    try:
        result = job.run(connection)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _CANNOT_WRITE | _CORRUPT:
            raise
        return _failed(connection, job, error)
    except Exception as error:  # a task runner: the error belongs to whoever awaits the future
        return _failed(connection, job, error)
    connection.execute("RELEASE call")
    return lambda: job.done(result, None)


def _failed(connection: sqlite3.Connection, job: Call, error: Exception) -> Callable[[], None]:
    connection.execute("ROLLBACK TO call")
    connection.execute("RELEASE call")
    return lambda: job.done(None, error)


def _salvage(path: Path) -> Contents:
    """What can still be read of the lasting values in a corrupt file."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=0.1)) as connection:
        return tables.contents(connection)
    return {}


def _forget_old_files(path: Path) -> None:
    """Keep the newest few of those that were set aside."""
    aside = sorted(path.parent.glob(f"{path.name}.corrupt-*"))
    for old in [each for each in aside if not each.name.endswith(("-wal", "-shm"))][:-_KEPT_ASIDE]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
