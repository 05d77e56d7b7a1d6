"""Which address we serve on, read from the kernel's table; and an interface that comes and goes under a car link."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware.config import V2gSettings
from firmware.station.clock import SystemClock
from firmware.station.signal import Signal
from firmware.v2g import car_link
from firmware.v2g.car_link import CarLink
from firmware.v2g.interface import Interface, NotUsable, look

LINK_LOCAL = "fe80000000000000020000fffe000001 {index:02x} 40 20 {flags:02x} lo"
GLOBAL = "20010db8000000000000000000000001 01 40 00 80       lo"


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """A file like /proc/net/if_inet6; "lo" is the one name that exists everywhere."""

    def write(*lines: str) -> Path:
        path = tmp_path / "if_inet6"
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


def test_the_link_local_address_is_taken(table: Any) -> None:
    found = look("lo", table(GLOBAL, LINK_LOCAL.format(index=1, flags=0x80)))
    assert isinstance(found, Interface)
    assert found.address == "fe80::200:ff:fe00:1"
    assert found.endpoint(50000) == ("fe80::200:ff:fe00:1", 50000, 0, found.index)
    assert found.packed.hex() == "fe80000000000000020000fffe000001"


def test_the_loopback_address_has_no_scope() -> None:
    found = look("lo")
    assert isinstance(found, Interface)
    assert found.loopback
    assert found.endpoint(50000) == ("::1", 50000, 0, 0)


@pytest.mark.parametrize("flags", [0x40, 0x08, 0xC0])
def test_an_address_still_being_checked_is_waited_for(flags: int, table: Any) -> None:
    found = look("lo", table(LINK_LOCAL.format(index=1, flags=flags)))
    assert isinstance(found, NotUsable)
    assert "checked for duplicates" in found.reason


def test_no_address_and_no_interface_say_so(table: Any) -> None:
    assert look("lo", table(GLOBAL)) == NotUsable("interface lo has no IPv6 link-local address (is it up?)")
    assert look("notthere0", table()) == NotUsable("interface notthere0 does not exist")


def test_a_machine_without_ipv6_says_so(tmp_path: Path) -> None:
    found = look("lo", tmp_path / "missing")
    assert isinstance(found, NotUsable)
    assert "no IPv6" in found.reason


# --- an interface that comes and goes ---------------------------------------------------------------------------------


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=10, capture_output=True)


@pytest.fixture
def veth() -> Iterator[tuple[str, str]]:
    """Two names for a veth pair; what is left of it is removed."""
    names = f"plt{os.getpid() % 100_000}a", f"plt{os.getpid() % 100_000}b"
    yield names
    subprocess.run(["ip", "link", "delete", names[0]], check=False, timeout=10, capture_output=True)


@pytest.mark.privileged
@pytest.mark.skipif(os.geteuid() != 0, reason="making interfaces needs root")
def test_an_interface_may_come_late_go_and_come_back(
    veth: tuple[str, str], make_bay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = veth
    monkeypatch.setattr(car_link, "LOOK_S", 0.05)
    evse: Any = make_bay(level="A")
    evse.changed, evse.plugged, evse.operative, evse.id = Signal(), False, True, 1
    evse.set_digital = lambda wish: None
    desk: Any = SimpleNamespace(clock=SystemClock())
    link = CarLink(desk, evse, V2gSettings(evse=1, interface=here))

    async def until(reason: str) -> None:
        for _ in range(3000):
            if link.waiting_for == reason:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"still: {link.waiting_for}")

    async def main() -> None:
        task = asyncio.create_task(link.run())
        for _ in range(2):
            await until(f"interface {here} does not exist")
            ip("link", "add", here, "type", "veth", "peer", "name", there)
            await until(f"interface {here} has no IPv6 link-local address (is it up?)")
            ip("link", "set", here, "up")
            ip("link", "set", there, "up")
            await until("")
            ip("link", "delete", here)
        await until(f"interface {here} does not exist")
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
