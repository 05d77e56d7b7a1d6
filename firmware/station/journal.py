"""The station's memory on disk: facts not yet delivered, and what must survive a restart (open transactions, tokens,
variables). One SQLite file (WAL, synchronous=FULL) and one writer thread; the event loop never touches the disk.

What a reader was told is on disk: a fact is handed on only after its commit returned. What the facts mean is not
known here.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from firmware.station.facts import AnyFact, MeterValues, Transaction

log = logging.getLogger(__name__)
T = TypeVar("T")

_SCHEMA_VERSION: Final = 1
_BATCH: Final = 64  # jobs that share one fsync
_RETRY_S: Final = 5.0  # between attempts while the disk refuses
_BACKLOG: Final = 1000  # appends kept in memory meanwhile
_MAX_FACTS: Final = 20_000  # on disk, while a reader is behind: about 12 MB, months of a busy EVSE offline
_MAX_UNREAD: Final = 2_000  # on disk, when nobody reads at all
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

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyFact).decode


class JournalError(RuntimeError):
    """The journal could not do it; the text says why. What was appended is kept in memory and tried again."""


class Change(NamedTuple):
    """One lasting value: `kind` (transaction, token, variable), its key, and its text; None removes it."""

    kind: str
    key: str
    body: str | None


Contents = dict[tuple[str, str], str]  # (kind, key) -> text


@dataclass
class _Append:
    facts: Sequence[AnyFact]
    changes: Sequence[Change]
    then: Callable[[], None] | None

    @property
    def droppable(self) -> bool:
        """Nothing but periodic samples: the first to go when there is no room (OCPP 2.0.1 E04, F03.FR.06)."""
        return bool(self.facts) and all(map(_is_periodic, self.facts))


@dataclass
class _Call:
    run: Callable[[sqlite3.Connection], object]
    done: Callable[[object, BaseException | None], None]


_Job = _Append | _Call


class Journal:
    """One SQLite file and its writer thread. Everything here is called from the event loop; only `_Writer` is not.

    While the disk refuses (full, read-only, failing) charging goes on: appended facts wait in memory, at most 1000
    appends, periodic samples are given up first, and `on_problem` tells once. A corrupt file is set aside as
    `<name>.corrupt-<time>` with all it held; lasting values go on in a fresh file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""  # why it cannot write now, for people; "" while healthy
        self.on_problem: list[Callable[[str, str], None]] = []  # (kind: full | corrupt | lost | recovered, text)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def healthy(self) -> bool:
        return not self.problem

    async def start(self) -> Contents:
        """Open the file (made when missing) and return the lasting values. Never fails: see `problem`."""
        loop = self._loop = asyncio.get_running_loop()
        loaded: asyncio.Future[Contents] = loop.create_future()

        def opened(contents: Contents) -> None:
            self._in_loop(lambda: None if loaded.done() else loaded.set_result(contents))

        writer = _Writer(self.path, self._jobs, self._in_loop, self._report, opened)
        self._thread = threading.Thread(target=writer.run, name="journal", daemon=True)
        self._thread.start()
        return await loaded

    async def close(self) -> None:
        """Write what is queued, close the file and end the thread."""
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
        self._jobs.put(_Append(tuple(facts), tuple(changes), then))

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

        self._jobs.put(_Call(fn, done))
        return future

    def facts_after(self, number: int, limit: int = 100) -> asyncio.Future[list[tuple[int, AnyFact]]]:
        """Facts with a higher number, oldest first: a reader's queue, and how it catches up after a crash."""
        return self.execute_in_writer(lambda connection: _facts_after(connection, number, limit))

    def cursor(self, reader: str) -> asyncio.Future[int]:
        """Number of the last fact `reader` is done with; 0 makes it known as a reader for whom facts are kept."""
        return self.execute_in_writer(lambda connection: _cursor(connection, reader))

    def unread(self) -> asyncio.Future[int]:
        """How many facts some reader is not done with; 0 without readers."""
        return self.execute_in_writer(_unread)

    def advance(
        self, reader: str, number: int, also: Callable[[sqlite3.Connection], object] = lambda connection: None
    ) -> asyncio.Future[None]:
        """`reader` is done with all facts up to `number`; those that all readers are done with are dropped.

        `also` runs in the same database transaction: what the reader learnt from the fact and must not lose.
        """

        def both(connection: sqlite3.Connection) -> None:
            also(connection)
            _advance(connection, reader, number)

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


class _Writer:
    """The thread: takes jobs in batches, one commit each; sets aside what is corrupt, waits out what is full."""

    def __init__(
        self,
        path: Path,
        jobs: "queue.SimpleQueue[_Job | None]",
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
        self._backlog: deque[_Append] = deque()
        self._refused = ""
        self._lost = 0

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

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take what else is there. With a backlog, wait only until the next attempt."""
        try:
            first = self._jobs.get(timeout=_RETRY_S if self._backlog or self._connection is None else None)
        except queue.Empty:
            return [], True
        batch: list[_Job] = []
        while first is not None:
            batch.append(first)
            if len(batch) == _BATCH:
                return batch, True
            try:
                first = self._jobs.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _work(self, batch: list[_Job]) -> None:
        """Write the backlog and the batch in one commit; where that fails, job by job, so that each gets its answer."""
        if self._connection is None:
            self._try_to_open()
        appends: list[_Job] = [*self._backlog]
        if appends or batch:
            self._backlog.clear()
            if not self._commit([*appends, *batch]):
                for job in [*appends, *batch]:
                    if isinstance(job, _Append) and self._backlog:
                        self._keep(job)  # in order: never overtake what already waits
                    elif not self._commit([job]):
                        self._postpone(job)
        if not self._backlog and self._connection is not None and self._refused:
            self._refused = ""
            self._report("recovered", "the journal can be written again")

    def _postpone(self, job: _Job) -> None:
        if isinstance(job, _Append):
            self._keep(job)
        else:
            error = JournalError(self._refused or "the journal is not open")
            self._in_loop(lambda: job.done(None, error))

    def _keep(self, job: _Append) -> None:
        """Into the backlog; when that is full, periodic samples go first, then the oldest."""
        self._backlog.append(job)
        if len(self._backlog) <= _BACKLOG:
            return
        victim = next((each for each in self._backlog if each.droppable), self._backlog[0])
        self._backlog.remove(victim)
        following = self._backlog[0]  # the victim's lasting values must still be written, in order
        following.changes = (*victim.changes, *following.changes)
        self._lose(len(victim.facts))

    def _lose(self, count: int) -> None:
        self._lost += count
        if count and (self._lost == count or self._lost % 100 == 0):
            self._report("lost", f"no room for facts: {self._lost} given up so far, periodic samples first")

    # --- one commit ---------------------------------------------------------------------------------------------

    def _commit(self, jobs: list[_Job]) -> bool:
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

    def _write(self, connection: sqlite3.Connection, jobs: list[_Job]) -> list[Callable[[], None]]:
        told: list[Callable[[], None]] = []
        appended = False
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            if isinstance(job, _Append):
                self._write_append(connection, job)
                appended = True
                if job.then is not None:
                    told.append(job.then)
            else:
                told.append(_run_call(connection, job))
        if appended:
            self._lose(_bound(connection))
        connection.execute("COMMIT")
        return told

    def _write_append(self, connection: sqlite3.Connection, job: _Append) -> None:
        connection.executemany(
            "INSERT INTO fact (periodic, body) VALUES (?, ?)",
            [(_is_periodic(fact), _encode(fact).decode()) for fact in job.facts],
        )
        for change in job.changes:
            _write_change(connection, change)
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
            _prepare(connection)
            stored = {(kind, key): body for kind, key, body in connection.execute("SELECT kind, key, body FROM state")}
            if self._lasting:  # a fresh or late file: what we know is newer
                connection.execute("BEGIN IMMEDIATE")
                for (kind, key), body in self._lasting.items():
                    _write_change(connection, Change(kind, key, body))
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


# --- SQL ----------------------------------------------------------------------------------------------------------


def _prepare(connection: sqlite3.Connection) -> None:
    """Pragmas, integrity, tables. Raises sqlite3.DatabaseError (corrupt) or JournalError's cause."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA journal_size_limit=4194304")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if verdict != "ok" or version > _SCHEMA_VERSION:
        text = verdict if verdict != "ok" else f"written by a newer version (layout {version})"
        error = sqlite3.DatabaseError(text)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    connection.executescript(
        f"""
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS fact (
            number INTEGER PRIMARY KEY AUTOINCREMENT, periodic INTEGER NOT NULL, body TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS cursor (reader TEXT PRIMARY KEY, number INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS state (
            kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
        PRAGMA user_version={_SCHEMA_VERSION};
        COMMIT;
        """
    )


def _write_change(connection: sqlite3.Connection, change: Change) -> None:
    if change.body is None:
        connection.execute("DELETE FROM state WHERE kind = ? AND key = ?", (change.kind, change.key))
    else:
        connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", change)


def _run_call(connection: sqlite3.Connection, job: _Call) -> Callable[[], None]:
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


def _failed(connection: sqlite3.Connection, job: _Call, error: Exception) -> Callable[[], None]:
    connection.execute("ROLLBACK TO call")
    connection.execute("RELEASE call")
    return lambda: job.done(None, error)


def _facts_after(connection: sqlite3.Connection, number: int, limit: int) -> list[tuple[int, AnyFact]]:
    rows = connection.execute(
        "SELECT number, body FROM fact WHERE number > ? ORDER BY number LIMIT ?", (number, limit)
    ).fetchall()
    facts: list[tuple[int, AnyFact]] = []
    for row, body in rows:
        try:
            facts.append((row, _decode(body)))
        except msgspec.MsgspecError as error:  # of another version: it can never be sent, it must not block the rest
            log.error("fact %d of the journal cannot be read and is skipped: %s", row, error)
            connection.execute("DELETE FROM fact WHERE number = ?", (row,))
    return facts


def _cursor(connection: sqlite3.Connection, reader: str) -> int:
    connection.execute("INSERT OR IGNORE INTO cursor VALUES (?, 0)", (reader,))
    number: int = connection.execute("SELECT number FROM cursor WHERE reader = ?", (reader,)).fetchone()[0]
    return number


def _unread(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT count(*) FROM fact WHERE number > (SELECT min(number) FROM cursor)")
    count: int = found.fetchone()[0]
    return count


def _advance(connection: sqlite3.Connection, reader: str, number: int) -> None:
    connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (reader, number))
    connection.execute("DELETE FROM fact WHERE number <= (SELECT min(number) FROM cursor)")


def _bound(connection: sqlite3.Connection) -> int:
    """Keep the fact table bounded; returns how many undelivered facts were given up for it."""
    (count,) = connection.execute("SELECT count(*) FROM fact").fetchone()
    (readers,) = connection.execute("SELECT count(*) FROM cursor").fetchone()
    if readers == 0:
        if count > _MAX_UNREAD:  # nobody was promised anything
            connection.execute(_DROP_OLDEST, (count - _MAX_UNREAD * 9 // 10,))
        return 0
    if count <= _MAX_FACTS:
        return 0
    # every second periodic sample first (F03.FR.06), and only when there are none left the oldest facts
    thinned = connection.execute(
        "DELETE FROM fact WHERE number IN"
        " (SELECT number FROM fact WHERE periodic AND number % 2 = 0 ORDER BY number LIMIT 1000)"
    ).rowcount
    if thinned == 0:
        thinned = connection.execute(
            "DELETE FROM fact WHERE number IN (SELECT number FROM fact WHERE periodic ORDER BY number LIMIT 1000)"
        ).rowcount
    if thinned == 0:
        thinned = connection.execute(_DROP_OLDEST, (count - _MAX_FACTS,)).rowcount
    return thinned


_DROP_OLDEST: Final = "DELETE FROM fact WHERE number IN (SELECT number FROM fact ORDER BY number LIMIT ?)"


def _salvage(path: Path) -> Contents:
    """What can still be read of the lasting values in a corrupt file."""
    saved: Contents = {}
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=0.1)) as connection:
        for kind, key, body in connection.execute("SELECT kind, key, body FROM state"):
            saved[kind, key] = body
    return saved


def _forget_old_files(path: Path) -> None:
    aside = sorted(each for each in path.parent.glob(f"{path.name}.corrupt-*") if each.suffix not in {"-wal", "-shm"})
    bases = [each for each in aside if not each.name.endswith(("-wal", "-shm"))]
    for old in bases[:-_KEPT_ASIDE]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)


def _is_periodic(fact: AnyFact) -> bool:
    if isinstance(fact, Transaction):
        return fact.kind == "Updated" and fact.trigger in {"MeterValuePeriodic", "MeterValueClock"}
    return isinstance(fact, MeterValues)


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
