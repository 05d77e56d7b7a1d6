"""What the back office must hear, exactly once and in order: the facts of the journal, delivered one by one.

The journal's fact table is the queue; a fact leaves it when its last CALL was answered or given up. Kept beside it, in
the same file (`outbox_tables`): the configuration that shaped the facts, the frames on the wire (stored before they are
first sent, resent byte for byte), and what the back office called a transaction. When to send is `delivery`'s.

Of a resend 2.0.1 wants another message id (part 4, 4.1.4: "also applies to retries"), so there only what follows the id
is the same; its back offices know a transaction's event again by transactionId and seqNo. 1.6 (errata) and 2.1 let the
id be the same, and it is: a back office of 1.6 has nothing better to know a report again by.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

import msgspec

from firmware.ocpp import outbox_tables as tables
from firmware.ocpp.answer_mark import AnswerMark
from firmware.ocpp.dating import dated
from firmware.ocpp.dialect import Dialect, Learnt, Outgoing, Shape
from firmware.ocpp.ocpp_j import Sent, encode_call, under_new_id
from firmware.ocpp.outbox_tables import Frame, Stored, Tx
from firmware.ocpp.payload import Payload
from firmware.station.clock import Clock
from firmware.station.facts import AnyFact, Transaction
from firmware.station.journal import Journal, JournalError

log = logging.getLogger(__name__)

READER: Final = "ocpp"
PAGE: Final = 64  # facts held in memory at once
AHEAD: Final = 16  # frames of a backlog that are stored in one commit
UNKNOWN_REMOTE_ID: Final = "-1"  # 1.6 errata 3.18: the transaction's start was given up


class Outbox:
    """The queue's head and what is known about it. One reader at a time; every change is in the file when a call
    returns. After a JournalError or a cancelled call, `forget`: the file counts.

    Of a backlog, the next AHEAD frames are stored in one commit; that one of them was answered is only marked before
    the next one is sent. A kill costs one identical resend at most, a power cut AHEAD of them.

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
        self._done = 0  # number of the last fact that needs nothing more
        self._more = True
        self._loaded = False
        self._went_offline = True  # nothing is connected yet
        self._offline_until = 0  # number of the newest fact from before the connection
        self._mark = AnswerMark(journal.path)
        self._frames: dict[int, Frame] = {}  # by number of the fact; in the file
        self._unsent: set[int] = set()  # whose frames this process has made, but not sent
        self._wanted = Shape()
        self._reshaping: asyncio.Task[None] | None = None
        self._shapes: list[tuple[int, Shape]] = []
        self._transactions: dict[str, Tx] = {}
        self._calls: dict[int, tuple[Outgoing, ...]] = {}  # of the next facts, in the version of `_dialect`
        self._dialect: Dialect | None = None

    async def load(self) -> None:
        """Read what is on disk. Raises JournalError."""
        self._facts.clear()
        self._calls.clear()
        cursor = await self._journal.cursor(READER)
        stored, marked = await self._journal.execute_in_writer(self._stored)
        self._last = self._done = max(cursor, marked)
        self._frames = {number: frame for number, frame in stored.frames.items() if number > self._last}
        if self._went_offline:
            self._went_offline, self._offline_until = False, stored.newest
            for number in self._unsent:  # made anew: they are told as offline now
                self._frames.pop(number, None)
            self._unsent.clear()
        self._more = True
        self._shapes = [(after, msgspec.json.decode(body, type=Shape)) for after, body in stored.shapes]
        self._transactions = {tx.id: tx for tx in stored.transactions}
        await self._fill()
        self._loaded = True
        await self._reshape()

    def _stored(self, connection: sqlite3.Connection) -> tuple[Stored, int]:
        stored = tables.load(connection)
        return stored, self._mark.open(stored.journal_id, stored.newest)

    def lost(self) -> None:
        """The connection is gone: what waits now is told as offline, unless it was on the wire already (E11.FR.07)."""
        self._went_offline = True
        self.forget()

    def forget(self) -> None:
        """Whoever was using the head was interrupted: what is in the file counts, and is read again when needed."""
        self._loaded = False

    def wake(self) -> None:
        """New facts are on disk."""
        self._more = True

    @property
    def idle(self) -> bool:
        """Is nothing known that is still to be delivered?"""
        return self._loaded and not self._facts and not self._more

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
        after = await self._journal.execute_in_writer(lambda connection: tables.reshape(connection, body, done))
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
            part = self._head.part
            if part >= len(calls) or self._pointless(fact):
                await self._settle()
                continue
            if not self._is_ready(number, dialect):
                await self._store(self._written_ahead(dialect))
            frame = self._head
            sent = Sent(frame.message_id, frame.action, frame.text, calls[part].response)
            if number in self._unsent or not dialect.flavour.new_id_for_retries:
                self._unsent.discard(number)
                return sent
            return under_new_id(sent)
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
        attempts = self._head.attempts + 1
        if attempts < attempts_allowed:
            await self._store({number: msgspec.structs.replace(self._head, attempts=attempts)})
            return attempts
        log.error("fact %d: %s given up after %d transmissions", number, self._head.action, attempts)
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
        return next((tx.id for tx in self._transactions.values() if tx.remote_id == remote_id), None)

    @property
    def unfinished_version(self) -> str | None:
        """The version in which the oldest unfinished transaction was first reported: it is finished in the same. A
        report that is on the wire counts, though nobody has answered it: the back office may know of it."""
        told = (tx.version for tx in self._transactions.values())
        sent = (self._frames[number] for number in sorted(self._frames.keys() - self._unsent))
        begun = (frame.version for frame in sent if frame.action in {"StartTransaction", "TransactionEvent"})
        return next(told, None) or next(begun, None)

    async def waiting(self, transaction_id: str | None) -> bool:
        """Are messages (of this transaction) still to be delivered? Raises JournalError."""
        after = self._done
        return await self._journal.execute_in_writer(
            lambda connection: tables.waiting(connection, after, transaction_id)
        )

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _head(self) -> Frame:
        return self._frames.get(self._facts[0][0], Frame())

    def _is_ready(self, number: int, dialect: Dialect) -> bool:
        """Is its frame stored, in this version?"""
        frame = self._frames.get(number)
        return frame is not None and frame.text != "" and frame.version == dialect.flavour.version

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
        if self._dialect is not dialect:
            self._calls.clear()
            self._dialect = dialect
        calls = self._calls.get(number)
        if calls is None:
            shape = next((shape for after, shape in reversed(self._shapes) if after < number), Shape())
            remote = self.remote_id(fact.transaction_id) if isinstance(fact, Transaction) else None
            if isinstance(fact, Transaction) and number <= self._offline_until:
                fact = msgspec.structs.replace(fact, offline=True)
            calls = self._calls[number] = dialect.calls(dated(fact, self._clock), shape, remote)
        return calls

    def _written_ahead(self, dialect: Dialect) -> dict[int, Frame]:
        """Frames of the head and of what follows it: so many as share a commit, as far as they can be worded now."""
        written: dict[int, Frame] = {}
        starting: set[str] = set()
        for number, fact in islice(self._facts, AHEAD):
            if dialect.numbers_transactions and isinstance(fact, Transaction):
                if fact.transaction_id in starting:
                    break  # its number comes with the answer to its start
                if fact.kind == "Started":
                    starting.add(fact.transaction_id)
            calls = self._rendered(dialect, number, fact)
            frame = self._frames.get(number, Frame())
            if frame.part < len(calls) and not self._is_ready(number, dialect):
                written[number] = _written(calls[frame.part], dialect, frame)
        self._unsent.update(written)
        return written

    async def _store(self, frames: dict[int, Frame], tx: Tx | None = None) -> None:
        def write(connection: sqlite3.Connection) -> None:
            tables.store(connection, frames)
            if tx is not None:
                tables.name(connection, tx)

        await self._journal.execute_in_writer(write)
        self._frames.update(frames)

    async def _part_done(self, learnt: Learnt) -> None:
        """The CALL is done with; on to the fact's next one, or the next fact. What was learnt is in the same commit."""
        number, fact = self._facts[0]
        tx = self._named(fact, learnt)
        if tx is not None:
            self._transactions[tx.id] = tx
        part = self._head.part + 1
        if part < len(self._calls.get(number, ())):
            await self._store({number: Frame(part, self._head.version)}, tx)
            self._calls.pop(number, None)  # rendered again: the first answer may have named the transaction
        else:
            await self._settle(tx)

    async def _settle(self, tx: Tx | None = None) -> None:
        """The fact at the head is done with: forget it and, with a transaction's last fact, the transaction. Frames of
        the next ones are stored in the same commit, where the next one has none yet."""
        number, fact = self._facts.popleft()
        self._done = number
        over = fact.transaction_id if isinstance(fact, Transaction) and fact.kind == "Ended" else None
        if over is not None:
            self._transactions.pop(over, None)
        self._calls.pop(number, None)
        self._frames.pop(number, None)
        ready = self._dialect is not None and bool(self._facts) and self._is_ready(self._facts[0][0], self._dialect)
        if ready and tx is None and over is None and self._mark.note(number):
            return
        ahead = self._written_ahead(self._dialect) if self._dialect is not None else {}

        def also(connection: sqlite3.Connection) -> None:
            if tx is not None:
                tables.name(connection, tx)
            if over is not None:
                tables.end(connection, over)
            tables.forget(connection, number)
            tables.store(connection, ahead)

        await self._journal.advance(READER, number, also)
        self._frames.update(ahead)

    def _named(self, fact: AnyFact, learnt: Learnt) -> Tx | None:
        """What is to be remembered of a transaction: in which version it was reported, and its number. The first
        report tells, later ones change nothing."""
        if not isinstance(fact, Transaction) or fact.kind == "Ended":
            return None
        known = self._transactions.get(fact.transaction_id)
        if known is not None and known.remote_id is not None:
            return None
        named = Tx(fact.transaction_id, known.version if known else self._head.version, learnt.remote_id)
        return named if named != known else None


def _written(outgoing: Outgoing, dialect: Dialect, frame: Frame) -> Frame:
    """The frame of a CALL as it will be sent, now and at every retry."""
    message_id, text = encode_call(outgoing.action, outgoing.payload)
    version = dialect.flavour.version
    return msgspec.structs.replace(frame, version=version, message_id=message_id, action=outgoing.action, text=text)
