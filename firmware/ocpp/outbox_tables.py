"""The outbox's tables beside the journal's facts, and what is done with them: plain functions on a connection, run in
the journal's writer thread.

`ocpp_frame`: frames as they go over the wire, stored before they are first sent. `ocpp_shape`: the configuration that
shaped the facts after a number. `ocpp_transaction`: what the back office was told of and has not seen the end of.
`ocpp_journal`: the name of this file, for `answer_mark`.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ocpp_frame (
    fact INTEGER PRIMARY KEY, part INTEGER NOT NULL, version TEXT NOT NULL, message_id TEXT, action TEXT, frame TEXT,
    attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ocpp_shape (after INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ocpp_transaction (id TEXT PRIMARY KEY, version TEXT NOT NULL, remote_id TEXT);
CREATE TABLE IF NOT EXISTS ocpp_journal (id BLOB NOT NULL);
INSERT INTO ocpp_journal SELECT randomblob(16) WHERE NOT EXISTS (SELECT 1 FROM ocpp_journal);
"""


class Frame(msgspec.Struct, frozen=True):
    """How far a fact is: which of its CALLs, in which version, as which frame, failed how often."""

    part: int = 0
    version: str = ""
    message_id: str = ""
    action: str = ""
    text: str = ""
    attempts: int = 0


class Tx(NamedTuple):
    """A transaction, the version in which it was first reported, and what the back office calls it (1.6)."""

    id: str
    version: str
    remote_id: str | None = None


class Stored(NamedTuple):
    """What is in the file. `frames` by number of the fact; `shapes`: (after which fact, text); `newest`: last fact."""

    frames: dict[int, Frame]
    shapes: list[tuple[int, bytes]]
    transactions: list[Tx]
    newest: int
    journal_id: bytes


def load(connection: sqlite3.Connection) -> Stored:
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    rows = connection.execute("SELECT fact, part, version, message_id, action, frame, attempts FROM ocpp_frame")
    frames = {row[0]: Frame(row[1], row[2], row[3] or "", row[4] or "", row[5] or "", row[6]) for row in rows}
    shapes = connection.execute("SELECT after, body FROM ocpp_shape ORDER BY after").fetchall()
    transactions = connection.execute("SELECT id, version, remote_id FROM ocpp_transaction ORDER BY rowid").fetchall()
    newest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fact'").fetchone()
    (journal_id,) = connection.execute("SELECT id FROM ocpp_journal").fetchone()
    last = newest[0] if newest is not None else 0
    return Stored(frames, shapes, [Tx(*row) for row in transactions], last, journal_id)


def store(connection: sqlite3.Connection, frames: Mapping[int, Frame]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO ocpp_frame VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (number, frame.part, frame.version, frame.message_id, frame.action, frame.text, frame.attempts)
            for number, frame in frames.items()
        ],
    )


def forget(connection: sqlite3.Connection, number: int) -> None:
    """The frames of what is done with."""
    connection.execute("DELETE FROM ocpp_frame WHERE fact <= ?", (number,))


def name(connection: sqlite3.Connection, tx: Tx) -> None:
    connection.execute("INSERT OR REPLACE INTO ocpp_transaction VALUES (?, ?, ?)", tx)


def end(connection: sqlite3.Connection, transaction_id: str) -> None:
    connection.execute("DELETE FROM ocpp_transaction WHERE id = ?", (transaction_id,))


def reshape(connection: sqlite3.Connection, body: bytes, done: int) -> int:
    """The new shape applies after the newest fact; shapes that no undelivered fact needs are dropped."""
    newest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fact'").fetchone()
    first = connection.execute("SELECT 1 FROM ocpp_shape").fetchone() is None  # facts from before any back office
    after: int = newest[0] if newest is not None and not first else 0
    connection.execute("INSERT OR REPLACE INTO ocpp_shape VALUES (?, ?)", (after, body))
    connection.execute(
        "DELETE FROM ocpp_shape WHERE after < (SELECT max(after) FROM ocpp_shape WHERE after <= ?)", (done,)
    )
    return after


def waiting(connection: sqlite3.Connection, after: int, transaction_id: str | None) -> bool:
    """Are there facts (of this transaction) after this one?"""
    found = connection.execute(
        "SELECT 1 FROM fact WHERE number > ? AND (json_extract(body, '$.transaction_id') = ?"
        " OR (? IS NULL AND json_extract(body, '$.fact') IN ('transaction', 'meter_values'))) LIMIT 1",
        (after, transaction_id, transaction_id),
    ).fetchone()
    return found is not None
