"""The service manager hears us, on a path and in the abstract namespace, and cannot hurt us."""

import os
import socket
from pathlib import Path

import pytest

from hal import notify


def listen(address: str) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(address)
    channel.settimeout(5)
    return channel


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_each_state_is_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"pilotline-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with listen("\0" + name if abstract else name) as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        notify.ready()
        notify.watchdog()
        notify.stopping()
        assert [manager.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket", "@no-such-pilotline", "/" + "x" * 300])
def test_no_manager_is_no_trouble(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify.send("WATCHDOG=1")


def test_a_manager_that_does_not_read_never_stops_the_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tmp_path / "notify")
    with listen(name):
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert not all(notify.send("WATCHDOG=1") for _ in range(10_000))  # its buffer is full: we go on
