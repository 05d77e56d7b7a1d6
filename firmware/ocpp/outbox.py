"""What the back office must hear, exactly once and in order: the facts of the journal, delivered one by one.

The journal's fact table is the queue; a fact leaves it when its last CALL was answered or given up. Kept beside it, in
the same file: the configuration that shaped the facts, the frame on the wire (stored before it is first sent, resent
byte for byte), and what the back office called a transaction. When to send, and how, is `session`'s.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from firmware.ocpp.dialect import Dialect, Learnt, Outgoing, Shape
from firmware.ocpp.ocpp_j import Sent, encode_call
from firmware.ocpp.payload import Payload
from firmware.station.clock import Clock
from firmware.station.facts import AnyFact, MeterValues, Transaction
from firmware.station.journal import Journal, JournalError

log = logging.getLogger(__name__)

READER: Final = "ocpp"
PAGE: Final = 50  # facts held in memory at once
UNKNOWN_REMOTE_ID: Final = "-1"  # 1.6 errata 3.18: the transaction's start was given up

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ocpp_frame (
    fact INTEGER PRIMARY KEY, part INTEGER NOT NULL, version TEXT NOT NULL, message_id TEXT, action TEXT, frame TEXT,
    attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ocpp_shape (after INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ocpp_transaction (id TEXT PRIMARY KEY, version TEXT NOT NULL, remote_id TEXT);
"""


@dataclass(frozen=True)
class _Frame:
    """How far the fact at the head is: which of its CALLs, in which version, as which frame, failed how often."""

    part: int = 0
    version: str = ""
    message_id: str = ""
    action: str = ""
    frame: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class _Tx:
    version: str
    remote_id: str | None = None


class Outbox:
    """The queue's head and what is known about it. One reader at a time; every change is on disk when a call returns.
    After a JournalError or a cancelled call, `forget`: the disk counts.

    `on_learnt` hears what the answer to a fact's CALL tells, or that there was none. `pointless`: facts that nobody
    needs to hear of any more.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        on_learnt: Callable[[AnyFact, Learnt], None],
        pointless: Callable[[AnyFact], bool] = lambda fact: False,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._on_learnt = on_learnt
        self._pointless = pointless
        self._facts: deque[tuple[int, AnyFact]] = deque()
        self._last = 0  # number of the last fact taken from the journal
        self._more = True
        self._loaded = False
        self._went_offline = True  # nothing is connected yet
        self._offline_until = 0  # number of the newest fact from before the connection
        self._frame = _Frame()
        self._wanted = Shape()
        self._reshaping: asyncio.Task[None] | None = None
        self._shapes: list[tuple[int, Shape]] = []
        self._transactions: dict[str, _Tx] = {}
        self._calls: tuple[Outgoing, ...] | None = None  # of the head, in `_calls_version`
        self._calls_version = ""
        self._dialect: Dialect | None = None

    async def load(self) -> None:
        """Read what is on disk. Raises JournalError."""
        self._facts.clear()
        self._last = await self._journal.cursor(READER)
        frames, shapes, transactions, newest = await self._journal.execute_in_writer(_load)
        if self._went_offline:
            self._went_offline, self._offline_until = False, newest
        self._more = True
        self._calls = None
        self._shapes = [(after, msgspec.json.decode(body, type=Shape)) for after, body in shapes]
        self._transactions = {key: _Tx(version, remote) for key, version, remote in transactions}
        await self._fill()
        self._frame = frames.get(self._facts[0][0], _Frame()) if self._facts else _Frame()
        self._loaded = True
        await self._reshape()

    def lost(self) -> None:
        """The connection is gone: what waits now is told as offline, unless it was on the wire already (E11.FR.07)."""
        self._went_offline = True
        self.forget()

    def forget(self) -> None:
        """Whoever was using the head was interrupted: what is on disk counts, and is read again when needed."""
        self._loaded = False

    def wake(self) -> None:
        """New facts are on disk."""
        self._more = True

    def want(self, shape: Shape) -> None:
        """Facts from now on are shaped by this configuration."""
        self._wanted = shape
        if self._loaded:
            self._reshaping = asyncio.create_task(self._reshape_or_later(), name="ocpp shape")

    async def _reshape_or_later(self) -> None:
        try:
            await self._reshape()
        except JournalError as error:  # `next` tries again before it renders anything
            log.error("the new shape of messages waits for the disk: %s", error)

    async def _reshape(self) -> None:
        shape = self._wanted
        if self._shapes and self._shapes[-1][1] == shape:
            return
        body = msgspec.json.encode(shape)
        done = self._facts[0][0] - 1 if self._facts else self._last
        after = await self._journal.execute_in_writer(lambda connection: _reshape(connection, body, done))
        self._shapes = [*(each for each in self._shapes if each[0] < after), (after, shape)]

    # --- the head of the queue --------------------------------------------------------------------------------------

    async def next(self, dialect: Dialect) -> Sent | None:
        """The CALL that is due now, its frame safely on disk; None when all is delivered. Raises JournalError."""
        if not self._loaded:
            await self.load()
        await self._reshape()
        while await self._fill():
            number, fact = self._facts[0]
            calls = self._rendered(dialect, number, fact)
            part = self._frame.part
            if part >= len(calls) or self._pointless(fact):
                await self._settle()
                continue
            outgoing = calls[part]
            if self._frame.version != dialect.flavour.version or not self._frame.frame:
                await self._store(_written(outgoing, dialect, self._frame))  # never sent in this version
            frame = self._frame
            return Sent(frame.message_id, frame.action, frame.frame, outgoing.response)
        return None

    async def answered(self, dialect: Dialect, response: Payload) -> None:
        """The CALL at the head was answered. Raises JournalError."""
        _, fact = self._facts[0]
        learnt = dialect.learn(response)
        self._on_learnt(fact, learnt)
        await self._part_done(learnt)

    async def failed(self, attempts_allowed: int) -> int | None:
        """The back office failed to process the head: how often it has been sent now, or None when it is given up.

        Raises JournalError.
        """
        number, fact = self._facts[0]
        attempts = self._frame.attempts + 1
        if attempts < attempts_allowed:
            await self._store(replace(self._frame, attempts=attempts))
            return attempts
        log.error("fact %d: %s given up after %d transmissions", number, self._frame.action, attempts)
        self._on_learnt(fact, Learnt())
        await self._part_done(Learnt(remote_id=UNKNOWN_REMOTE_ID))
        return None

    async def skip(self) -> None:
        """Give the CALL at the head up at once: the back office does not know such messages. Raises JournalError."""
        self._on_learnt(self._facts[0][1], Learnt())
        await self._part_done(Learnt())

    # --- names ------------------------------------------------------------------------------------------------------

    def remote_id(self, transaction_id: str) -> str | None:
        """What the back office calls this transaction, None when it was not told yet."""
        known = self._transactions.get(transaction_id)
        return known.remote_id if known is not None else None

    def local_id(self, remote_id: str) -> str | None:
        return next((key for key, known in self._transactions.items() if known.remote_id == remote_id), None)

    @property
    def unfinished_version(self) -> str | None:
        """The version in which the oldest unfinished transaction was first reported: it is finished in the same."""
        return next((known.version for known in self._transactions.values()), None)

    async def waiting(self, transaction_id: str | None) -> bool:
        """Are messages (of this transaction) still to be delivered? Raises JournalError."""
        after = self._facts[0][0] - 1 if self._facts else self._last
        return await self._journal.execute_in_writer(lambda connection: _waiting(connection, after, transaction_id))

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _fill(self) -> bool:
        """Have the next facts at hand, if there are any."""
        if not self._facts and self._more:
            self._more = False
            found = await self._journal.facts_after(self._last, PAGE)
            self._facts.extend(found)
            if found:
                self._last = found[-1][0]
                self._more = True
        return bool(self._facts)

    def _rendered(self, dialect: Dialect, number: int, fact: AnyFact) -> tuple[Outgoing, ...]:
        self._dialect = dialect
        if self._calls is None or self._calls_version != dialect.flavour.version:
            shape = next((shape for after, shape in reversed(self._shapes) if after < number), Shape())
            remote = self.remote_id(fact.transaction_id) if isinstance(fact, Transaction) else None
            if isinstance(fact, Transaction) and number <= self._offline_until:
                fact = msgspec.structs.replace(fact, offline=True)
            self._calls = dialect.calls(dated(fact, self._clock), shape, remote)
            self._calls_version = dialect.flavour.version
        return self._calls

    async def _store(self, frame: _Frame, tx: tuple[str, _Tx] | None = None) -> None:
        number = self._facts[0][0]

        def write(connection: sqlite3.Connection) -> None:
            _store(connection, number, frame)
            _name(connection, tx)

        await self._journal.execute_in_writer(write)
        self._frame = frame

    async def _part_done(self, learnt: Learnt) -> None:
        """The CALL is done with; on to the fact's next one, or the next fact. What was learnt is in the same commit."""
        _, fact = self._facts[0]
        tx = self._named(fact, learnt)
        if tx is not None:
            self._transactions[tx[0]] = tx[1]
        if self._calls is not None and self._frame.part + 1 < len(self._calls):
            await self._store(_Frame(part=self._frame.part + 1, version=self._calls_version), tx)
            self._calls = None  # rendered again: the first answer may have named the transaction
        else:
            await self._settle(tx)

    async def _settle(self, tx: tuple[str, _Tx] | None = None) -> None:
        """The fact at the head is done with: forget it and, with a transaction's last fact, the transaction. The next
        one's frame is stored in the same commit, so that a backlog costs one commit for each message."""
        number, fact = self._facts.popleft()
        over = fact.transaction_id if isinstance(fact, Transaction) and fact.kind == "Ended" else None
        if over is not None:
            self._transactions.pop(over, None)
        self._calls = None
        self._frame = _Frame()
        ahead = self._next_frame()

        def also(connection: sqlite3.Connection) -> None:
            _name(connection, tx)
            _forget(connection, number, over)
            if ahead is not None:
                _store(connection, *ahead)

        await self._journal.advance(READER, number, also)
        if ahead is not None:
            self._frame = ahead[1]

    def _next_frame(self) -> tuple[int, _Frame] | None:
        """Number and frame of the fact that is now at the head, when it is at hand and has something to say."""
        if not self._facts or self._dialect is None:
            return None
        number, fact = self._facts[0]
        calls = self._rendered(self._dialect, number, fact)
        return (number, _written(calls[0], self._dialect, self._frame)) if calls else None

    def _named(self, fact: AnyFact, learnt: Learnt) -> tuple[str, _Tx] | None:
        """What is to be remembered of a transaction: in which version it was reported, and its number. The first
        report tells, later ones change nothing."""
        if not isinstance(fact, Transaction) or fact.kind == "Ended":
            return None
        known = self._transactions.get(fact.transaction_id)
        if known is not None and known.remote_id is not None:
            return None
        named = _Tx(known.version if known else self._frame.version, learnt.remote_id)
        return (fact.transaction_id, named) if named != known else None


def _written(outgoing: Outgoing, dialect: Dialect, frame: _Frame) -> _Frame:
    """The frame of a CALL as it will be sent, now and at every retry."""
    message_id, text = encode_call(outgoing.action, outgoing.payload)
    return replace(frame, version=dialect.flavour.version, message_id=message_id, action=outgoing.action, frame=text)


def dated(fact: AnyFact, clock: Clock) -> AnyFact:
    """A fact from before the clock was set, with its time worked out from the monotonic clock.

    Not possible for one from before the machine's last start: it keeps the time it was given then.
    """
    if fact.clock_synced or not clock.synced or fact.mono > clock.mono():
        return fact
    late = clock.utc() - (clock.mono() - fact.mono) - fact.at
    if isinstance(fact, Transaction | MeterValues):
        samples = tuple(msgspec.structs.replace(sample, at=sample.at + late) for sample in fact.samples)
        return msgspec.structs.replace(fact, at=fact.at + late, clock_synced=True, samples=samples)
    return msgspec.structs.replace(fact, at=fact.at + late, clock_synced=True)


# --- SQL, in the journal's writer thread ----------------------------------------------------------------------------


def _load(
    connection: sqlite3.Connection,
) -> tuple[dict[int, _Frame], list[tuple[int, bytes]], list[tuple[str, str, str | None]], int]:
    """Frames, shapes, transactions, and the number of the newest fact."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    rows = connection.execute("SELECT fact, part, version, message_id, action, frame, attempts FROM ocpp_frame")
    frames = {row[0]: _Frame(row[1], row[2], row[3] or "", row[4] or "", row[5] or "", row[6]) for row in rows}
    shapes = connection.execute("SELECT after, body FROM ocpp_shape ORDER BY after").fetchall()
    transactions = connection.execute("SELECT id, version, remote_id FROM ocpp_transaction ORDER BY rowid").fetchall()
    newest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fact'").fetchone()
    return frames, shapes, transactions, newest[0] if newest is not None else 0


def _store(connection: sqlite3.Connection, number: int, frame: _Frame) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO ocpp_frame VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, frame.part, frame.version, frame.message_id, frame.action, frame.frame, frame.attempts),
    )


def _forget(connection: sqlite3.Connection, number: int, over: str | None) -> None:
    connection.execute("DELETE FROM ocpp_frame WHERE fact <= ?", (number,))
    if over is not None:
        connection.execute("DELETE FROM ocpp_transaction WHERE id = ?", (over,))


def _reshape(connection: sqlite3.Connection, body: bytes, done: int) -> int:
    """The new shape applies after the newest fact; shapes that no undelivered fact needs are dropped."""
    newest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fact'").fetchone()
    first = connection.execute("SELECT 1 FROM ocpp_shape").fetchone() is None  # facts from before any back office
    after: int = newest[0] if newest is not None and not first else 0
    connection.execute("INSERT OR REPLACE INTO ocpp_shape VALUES (?, ?)", (after, body))
    connection.execute(
        "DELETE FROM ocpp_shape WHERE after < (SELECT max(after) FROM ocpp_shape WHERE after <= ?)", (done,)
    )
    return after


def _name(connection: sqlite3.Connection, tx: tuple[str, _Tx] | None) -> None:
    if tx is not None:
        row = (tx[0], tx[1].version, tx[1].remote_id)
        connection.execute("INSERT OR REPLACE INTO ocpp_transaction VALUES (?, ?, ?)", row)


def _waiting(connection: sqlite3.Connection, after: int, transaction_id: str | None) -> bool:
    found = connection.execute(
        "SELECT 1 FROM fact WHERE number > ? AND (json_extract(body, '$.transaction_id') = ?"
        " OR (? IS NULL AND json_extract(body, '$.fact') IN ('transaction', 'meter_values'))) LIMIT 1",
        (after, transaction_id, transaction_id),
    ).fetchone()
    return found is not None
