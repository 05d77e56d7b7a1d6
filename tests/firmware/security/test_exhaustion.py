"""Memory that is getting full is told of once, and again only after it was free."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from firmware.security.exhaustion import MB, Memory, MemoryWatch, look_at


def watched(*free_mb: int, name: str = "disk", total: int = 8000) -> list[str]:
    told: list[Any] = []
    clock = SimpleNamespace(utc=lambda: 0.0, mono=lambda: 0.0, synced=True)
    station: Any = SimpleNamespace(clock=clock, emit=told.append)
    watch = MemoryWatch(station, list)
    for free in free_mb:
        watch.judge([Memory(name, free * MB, total * MB)])
    assert all((each.kind, each.critical) == ("MemoryExhaustion", True) for each in told)
    return [each.tech_info for each in told]


def test_a_disk_that_gets_full_is_told_once_until_it_recovered() -> None:
    assert watched(500, 199, 150, 250, 100) == ["disk: 199 MB of 8000 MB are free"]
    assert len(watched(199, 401, 199)) == 2


def test_a_small_memory_may_be_fuller() -> None:
    assert watched(30, name="RAM", total=500) == []
    assert watched(24, name="RAM", total=500) == ["RAM: 24 MB of 500 MB are free"]


def test_what_the_machine_says_is_read(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  250 kB\n")
    disk, ram = look_at(tmp_path, meminfo)
    assert 0 < disk.free <= disk.total
    assert (ram.free, ram.total) == (250 * 1024, 1000 * 1024)
    assert [each.name for each in look_at(tmp_path, tmp_path / "none")] == ["disk"]
