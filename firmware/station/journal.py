"""The station's memory on disk: facts not yet delivered, open transactions, tokens, settings. SQLite, one writer.

What a reader was told is on disk: a fact is handed on only after its commit returned.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from firmware.station.facts import AnyFact

T = TypeVar("T")


class Journal:
    """One SQLite file and its writer thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.healthy = True
        self.problem = ""

    def execute_in_writer(self, fn: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run `fn` in the writer thread inside a database transaction; the future holds its result once committed."""
        raise NotImplementedError

    def append(self, facts: Sequence[AnyFact], then: Callable[[], None] | None = None) -> None:
        """Write facts; call `then` in the loop after the commit returned."""
        raise NotImplementedError

    def facts_after(self, number: int, limit: int = 100) -> asyncio.Future[list[tuple[int, AnyFact]]]:
        """Facts numbered above `number`, oldest first."""
        raise NotImplementedError

    def cursor(self, reader: str) -> asyncio.Future[int]:
        """Number of the last fact that `reader` is done with."""
        raise NotImplementedError

    def advance(self, reader: str, number: int) -> asyncio.Future[None]:
        """`reader` is done with all facts up to `number`."""
        raise NotImplementedError
