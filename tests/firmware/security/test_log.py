"""The security log on disk: it rolls over, keeps the order, and a power cut costs one line at most."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.security.log import SecurityLog
from firmware.station.facts import SecurityEvent
from firmware.station.journal import Contents

MAX_BYTES = 2000  # about 20 events


def event(number: int) -> SecurityEvent:
    return SecurityEvent(at=1.8e9 + number, kind="InvalidMessages", tech_info=f"number {number:03d}", critical=True)


class Station(SimpleNamespace):
    """All that a security log asks of one; its lasting values outlive it."""

    lasting: dict[str, str]
    told: list[str]

    def __init__(self, lasting: dict[str, str], told: list[str]) -> None:
        ready = asyncio.Event()
        ready.set()
        clock = SimpleNamespace(utc=lambda: 1.9e9, mono=lambda: 0.0, synced=True)
        super().__init__(ready=ready, clock=clock, lasting=lasting, readers=[], on_load=[], told=told)

    def subscribe(self, reader: Callable[[Any], None]) -> None:
        self.readers.append(reader)

    def emit(self, fact: Any) -> None:
        self.told.append(fact.kind)
        for reader in self.readers:
            reader(fact)

    def variable(self, name: str) -> str:
        return self.lasting.get(name, "")

    def set_variable(self, name: str, value: str) -> None:
        self.lasting[name] = value


@pytest.fixture
def lasting() -> dict[str, str]:
    return {}


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def life(tmp_path: Path, lasting: dict[str, str], told: list[str]) -> Callable[..., list[str]]:
    """One run of the log: what it is told, and then what it says was told."""

    def run(*numbers: int, meanwhile: Callable[[], object] = lambda: None, **bounds: Any) -> list[str]:
        async def living() -> list[str]:
            station = Station(lasting, told)
            log = SecurityLog(station, tmp_path / "security.log", MAX_BYTES)  # type: ignore[arg-type]  # see Station
            for load in station.on_load:
                load(Contents())
            writing = asyncio.create_task(log.run())
            while not any(thread.name == "security log" for thread in threading.enumerate()):  # noqa: ASYNC110 - a thread has no event
                await asyncio.sleep(0.005)
            for number in numbers:
                station.emit(event(number))
                await asyncio.to_thread(log.read)  # it is written
                meanwhile()
            found = await asyncio.to_thread(lambda: log.read(**bounds))
            writing.cancel()
            await asyncio.wait([writing])
            return [each.info for each in found]

        return asyncio.run(living())

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


def test_who_removes_it_is_found_out(life: Callable[..., list[str]], tmp_path: Path, told: list[str]) -> None:
    life(1)
    assert life(2)[-1] == "number 002"
    assert "SecurityLogWasCleared" not in told
    (tmp_path / "security.log").unlink()
    assert life(3) == ["it is gone", "number 003"]
    assert told.count("SecurityLogWasCleared") == 1


def test_who_empties_it_under_the_writers_hands_is_found_out(
    life: Callable[..., list[str]], tmp_path: Path, told: list[str]
) -> None:
    holes = [tmp_path / "security.log"]
    life(1, 2, meanwhile=lambda: holes.pop().write_bytes(b"") if holes else None)
    assert told == ["InvalidMessages", "InvalidMessages", "SecurityLogWasCleared"]
