"""Shared by the tests of this folder: facts as the station tells them, and a journal on disk."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from firmware.station.facts import IdToken, Sample, Transaction
from firmware.station.journal import Journal

NOON = 1_800_014_400.0  # 2027-01-15T12:00:00Z


def transaction_facts(transaction_id: str, *, updates: int = 2, start: float = NOON) -> list[Transaction]:
    """A whole transaction: started, some periodic samples, ended."""
    token = IdToken("04AABBCCDD")

    def fact(number: int, kind: str, trigger: str, energy: float, context: str, **more: Any) -> Transaction:
        return Transaction(
            at=start + 60 * number,
            mono=60.0 * number,
            kind=kind,  # type: ignore[arg-type]  # one of the three below
            transaction_id=transaction_id,
            seq_no=number,
            trigger=trigger,
            evse=1,
            connector=1,
            charging_state="Charging",
            samples=(Sample(start + 60 * number, energy, 3680.0, (230.0,), (16.0,), context=context),),
            **more,
        )

    started = fact(0, "Started", "Authorized", 1000.4, "Transaction.Begin", id_token=token, meter_start_wh=1000.4)
    updated = [
        fact(n, "Updated", "MeterValuePeriodic", 1000.4 + 60 * n, "Sample.Periodic") for n in range(1, updates + 1)
    ]
    last = updates + 1
    ended = fact(
        last, "Ended", "StopAuthorized", 1000.4 + 60 * last, "Transaction.End", stopped_reason="Local", id_token=token
    )
    return [started, *updated, ended]


@pytest.fixture
def whole_transaction() -> Callable[..., list[Transaction]]:
    return transaction_facts


@pytest.fixture
def with_journal(tmp_path: Path) -> Callable[[Callable[[Journal], Coroutine[Any, Any, None]]], None]:
    """Run an async test with an open journal; a second call is the next life of the same station."""

    def run(test: Callable[[Journal], Coroutine[Any, Any, None]]) -> None:
        async def life() -> None:
            journal = Journal(tmp_path / "journal.sqlite")
            await journal.start()
            try:
                await test(journal)
            finally:
                await journal.close()

        asyncio.run(life())

    return run
