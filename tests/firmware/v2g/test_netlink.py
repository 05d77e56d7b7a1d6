"""The short-lived process that brings an interface up: link-local IPv6 and nothing else, or a reason."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from firmware.v2g import netlink

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="making interfaces needs root")


def ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, timeout=10, capture_output=True, text=True).stdout


@pytest.fixture
def veth() -> Iterator[str]:
    """One end of a pair that is down; the other is up, so that there is a carrier."""
    name = f"n{os.getpid() % 100_000}"
    ip("link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b")
    ip("link", "set", f"{name}b", "addrgenmode", "none", "up")
    yield f"{name}a"
    subprocess.run(["ip", "link", "delete", f"{name}a"], check=False, timeout=10, capture_output=True)


def state(name: str) -> Any:
    return json.loads(ip("-j", "addr", "show", name))[0]


@pytest.mark.privileged
@needs_root
def test_an_interface_comes_up_with_a_link_local_address_only(veth: str) -> None:
    ip("addr", "add", "2001:db8::1/64", "dev", veth)
    ip("addr", "add", "192.0.2.1/24", "dev", veth)
    assert asyncio.run(netlink.ask_for(veth)) == ""
    seen = state(veth)
    assert "UP" in seen["flags"]
    mac = bytes.fromhex(seen["address"].replace(":", ""))
    assert [(each["family"], each["scope"]) for each in seen["addr_info"]] == [("inet6", "link")]
    assert seen["addr_info"][0]["local"].endswith(f"{mac[4]:x}{mac[5]:02x}")  # EUI-64: from the MAC
    assert asyncio.run(netlink.ask_for(veth)) == ""  # again: nothing changes
    assert [(each["family"], each["scope"]) for each in state(veth)["addr_info"]] == [("inet6", "link")]


def test_a_missing_interface_is_a_reason() -> None:
    assert "notthere0" in asyncio.run(netlink.ask_for("notthere0"))


@pytest.mark.privileged
@needs_root
def test_without_the_right_to_it_there_is_a_reason(veth: str) -> None:
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-m"]
    done = subprocess.run(
        [*command, "firmware.v2g.netlink", veth], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "permitted" in done.stderr
    assert "UP" not in state(veth)["flags"]


def test_the_running_station_never_loads_pyroute2() -> None:
    code = "import sys, firmware.v2g.car_link, firmware.v2g.data_link; print('pyroute2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
