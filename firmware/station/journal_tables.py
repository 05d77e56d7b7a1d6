"""The journal's tables and what is done with them: plain functions on a connection, run in the writer thread.

`fact`: durable facts in order, until every reader is done with them. `cursor`: how far each reader is. `state`: what
must survive a restart, as (kind, key) -> text. Readers may own further tables in the same file.
"""

import logging
import sqlite3
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from firmware.station.facts import AnyFact, MeterValues, Transaction

log = logging.getLogger(__name__)

_SCHEMA_VERSION: Final = 1
_MAX_FACTS: Final = 120_000  # while a reader is behind: about 45 MB, a week of samples each 6 s
_MAX_UNREAD: Final = 2_000  # when nobody reads at all
_AT_ONCE: Final = 1_000

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyFact).decode

Contents = dict[tuple[str, str], str]  # (kind, key) -> text


class Change(NamedTuple):
    """One lasting value: `kind` (transaction, token, variable), its key, and its text; None removes it."""

    kind: str
    key: str
    body: str | None


class Rank(IntEnum):
    """What goes first when there is no room."""

    PERIODIC = 0  # samples
    UPDATED = 1  # other events within a transaction
    OTHER = 2
    FRAME = 3  # a transaction's start and end: never given up


def rank(fact: AnyFact) -> Rank:
    if isinstance(fact, MeterValues):
        return Rank.PERIODIC
    if not isinstance(fact, Transaction):
        return Rank.OTHER
    if fact.kind != "Updated":
        return Rank.FRAME
    return Rank.PERIODIC if fact.trigger in {"MeterValuePeriodic", "MeterValueClock"} else Rank.UPDATED


def prepare(connection: sqlite3.Connection) -> None:
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
            number INTEGER PRIMARY KEY AUTOINCREMENT, rank INTEGER NOT NULL, body TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS cursor (reader TEXT PRIMARY KEY, number INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS state (
            kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
        PRAGMA user_version={_SCHEMA_VERSION};
        COMMIT;
        """
    )


def write_change(connection: sqlite3.Connection, change: Change) -> None:
    if change.body is None:
        connection.execute("DELETE FROM state WHERE kind = ? AND key = ?", (change.kind, change.key))
    else:
        connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", change)


def contents(connection: sqlite3.Connection) -> Contents:
    return {(kind, key): body for kind, key, body in connection.execute("SELECT kind, key, body FROM state")}


def insert_facts(connection: sqlite3.Connection, facts: Sequence[AnyFact]) -> None:
    connection.executemany(
        "INSERT INTO fact (rank, body) VALUES (?, ?)", [(rank(fact), _encode(fact).decode()) for fact in facts]
    )


def facts_after(connection: sqlite3.Connection, number: int, limit: int) -> list[tuple[int, AnyFact]]:
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


def cursor(connection: sqlite3.Connection, reader: str) -> int:
    connection.execute("INSERT OR IGNORE INTO cursor VALUES (?, 0)", (reader,))
    number: int = connection.execute("SELECT number FROM cursor WHERE reader = ?", (reader,)).fetchone()[0]
    return number


def advance(connection: sqlite3.Connection, reader: str, number: int) -> None:
    connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (reader, number))
    connection.execute("DELETE FROM fact WHERE number <= (SELECT min(number) FROM cursor)")


def unread(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT count(*) FROM fact WHERE number > (SELECT min(number) FROM cursor)")
    count: int = found.fetchone()[0]
    return count


def bound(connection: sqlite3.Connection) -> int:
    """Keep the fact table bounded; returns how many undelivered facts were given up for it."""
    (readers,) = connection.execute("SELECT count(*) FROM cursor").fetchone()
    span = "SELECT (SELECT max(number) FROM fact) - (SELECT min(number) FROM fact) + 1"
    (at_most,) = connection.execute(span).fetchone()  # counting them reads them all
    if (at_most or 0) <= (_MAX_FACTS if readers else _MAX_UNREAD):
        return 0
    (count,) = connection.execute("SELECT count(*) FROM fact").fetchone()
    if readers == 0:
        if count > _MAX_UNREAD:  # nobody was promised anything
            connection.execute(
                "DELETE FROM fact WHERE number IN (SELECT number FROM fact ORDER BY number LIMIT ?)",
                (count - _MAX_UNREAD * 9 // 10,),
            )
        return 0
    if count <= _MAX_FACTS:
        return 0
    # every second periodic sample first (E11.FR.05; of what is left, again), then what else is no start and no end
    given_up = 0
    for most, every in ((Rank.PERIODIC, 2), (Rank.PERIODIC, 1), (Rank.UPDATED, 1), (Rank.OTHER, 1)):
        if count - given_up <= _MAX_FACTS:
            break
        given_up += connection.execute(
            "DELETE FROM fact WHERE number IN (SELECT number FROM (SELECT number, row_number() OVER (ORDER BY number)"
            " AS nth FROM fact WHERE rank <= ?) WHERE nth % ? = 0 ORDER BY number LIMIT ?)",
            (most, every, _AT_ONCE),
        ).rowcount
    return given_up
