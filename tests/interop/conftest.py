"""Two network namespaces joined by a veth pair: the cable between a station and a car we did not write."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Cable:
    """Station side and car side: how to run a command there, and the interface it finds."""

    station: list[str]
    car: list[str]
    station_interface: str = "plc0"
    car_interface: str = "car0"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Needs root; CI has it. Both ends are up with IPv6 link-local addresses that are usable at once."""
    if os.getuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs this test as root; network namespaces need it")
        pytest.skip("network namespaces need root")
    tag = f"{os.getpid():x}"
    ends = {"station": (f"plt-s-{tag}", "plc0"), "car": (f"plt-c-{tag}", "car0")}
    try:
        for space, _ in ends.values():
            ip("netns", "add", space)
            # no duplicate address detection: the link-local address can be used at once
            for scope in ("all", "default"):
                ip("netns", "exec", space, "sysctl", "-qw", f"net.ipv6.conf.{scope}.accept_dad=0")
        (station, plc), (car, other) = ends.values()
        ip("link", "add", plc, "netns", station, "type", "veth", "peer", "name", other, "netns", car)
        for space, interface in ends.values():
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", interface, "up")
        yield Cable(["ip", "netns", "exec", station], ["ip", "netns", "exec", car])
    finally:
        for space, _ in ends.values():
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
