"""The security log on disk: it rolls over, keeps the order, and a power cut costs one line at most."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.security.log import SecurityLog
from firmware.station.facts import SecurityEvent

MAX_BYTES = 2000  # about 20 events


def event(number: int) -> SecurityEvent:
    return SecurityEvent(at=1.8e9 + number, kind="InvalidMessages", tech_info=f"number {number:03d}", critical=True)


@pytest.fixture
def life(tmp_path: Path) -> Callable[..., list[str]]:
    """One run of the log: what it is told, and then what it says was told."""

    def run(*numbers: int, **bounds: Any) -> list[str]:
        async def told() -> list[str]:
            readers: list[Callable[[Any], None]] = []
            log = SecurityLog(
                SimpleNamespace(subscribe=readers.append),  # type: ignore[arg-type]  # all it asks of a station
                tmp_path / "security.log",
                MAX_BYTES,
            )
            writing = asyncio.create_task(log.run())
            await asyncio.sleep(0)
            for number in numbers:
                readers[0](event(number))
            found = await asyncio.to_thread(lambda: log.read(**bounds))
            writing.cancel()
            await asyncio.wait([writing])
            return [each.info for each in found]

        return asyncio.run(told())

    return run


@pytest.mark.ocpp("2.0.1:A04.FR.04", "1.6:TC_079")
def test_it_rolls_over_and_loses_only_the_oldest(life: Callable[..., list[str]], tmp_path: Path) -> None:
    kept = life(*range(100))
    files = [tmp_path / "security.log.1", tmp_path / "security.log"]
    assert all(0 < file.stat().st_size <= MAX_BYTES for file in files)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert kept == [f"number {number:03d}" for number in range(100 - len(kept), 100)]
    assert 20 <= len(kept) < 50
    assert life(100)[-2:] == ["number 099", "number 100"]  # the next life appends
    assert life(oldest=1.8e9 + 98, latest=1.8e9 + 99) == ["number 098", "number 099"]


def test_a_line_that_a_power_cut_left_costs_no_other(life: Callable[..., list[str]], tmp_path: Path) -> None:
    life(1, 2)
    file = tmp_path / "security.log"
    file.write_bytes(file.read_bytes()[:-20])
    assert life(3) == ["number 001", "number 003"]
