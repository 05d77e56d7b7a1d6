"""Two network namespaces joined by a veth pair: multicast discovery, link-local TCP, and interfaces that never mix.

Needs root. The station side runs in a namespace of its own, as does each car: nothing is shared but the cable.
"""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

STATION = """
import asyncio, sys
from firmware.v2g import sdp
from firmware.v2g.interface import Interface, look
from firmware.v2g.server import Listener

async def main():
    for name in sys.argv[1:]:
        while not isinstance(found := look(name), Interface):
            await asyncio.sleep(0.05)
        listener = Listener(found, lambda connected: connected.close())
        endpoint = sdp.Endpoint(found.packed, listener.port)
        server = sdp.SdpServer(lambda endpoint=endpoint: endpoint, "prohibit")
        udp = sdp.open_socket(found, 15118)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda server=server: server, sock=udp)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

CAR = """
import json, socket, sys
from firmware.v2g import v2gtp

interface = sys.argv[1]
index = socket.if_nametoindex(interface)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
udp.settimeout(0.25)
request = v2gtp.pack(0x9000, bytes((0x10, 0x00)))
answers = []
for target in ("ff02::1", *sys.argv[2:]):
    udp.sendto(request, (target, 15118, 0, index))
    try:
        answer, source = udp.recvfrom(100)
    except TimeoutError:
        answers.append(None)
        continue
    address, port = socket.inet_ntop(socket.AF_INET6, answer[8:24]), int.from_bytes(answer[24:26], "big")
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp:
        tcp.settimeout(2)
        tcp.connect((address, port, 0, index))
        connected = tcp.getpeername()[0].split("%")[0]
    answers.append([address, source[0].split("%")[0], connected])
print(json.dumps(answers))
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=10, capture_output=True)


def inside(namespace: str, code: str, *arguments: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, sys.executable, "-c", textwrap.dedent(code), *arguments]


@pytest.fixture
def namespaces() -> Iterator[Callable[[str], str]]:
    """Makes namespaces with names of this process, and removes them."""
    made: list[str] = []

    def make(name: str) -> str:
        full = f"plt{os.getpid()}{name}"
        ip("netns", "add", full)
        made.append(full)
        return full

    yield make
    for name in made:
        ip("netns", "delete", name)


def join(station: str, car: str, number: int) -> tuple[str, str]:
    """A veth pair between two namespaces; returns the interface names."""
    here, there = f"evse{number}", f"car{number}"
    ip("link", "add", here, "netns", station, "type", "veth", "peer", "name", there, "netns", car)
    ip("-n", station, "link", "set", here, "up")
    ip("-n", car, "link", "set", there, "up")
    return here, there


@pytest.fixture
def running() -> Iterator[Callable[..., None]]:
    """Starts the station part in a namespace and waits until it serves."""
    processes: list[subprocess.Popen[str]] = []

    def start(namespace: str, *interfaces: str) -> None:
        process = subprocess.Popen(inside(namespace, STATION, *interfaces), stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    yield start
    for process in processes:
        process.terminate()
        process.wait(timeout=5)


def ask(namespace: str, interface: str, *targets: str) -> list[Any]:
    """What a car hears on its interface, by multicast and then by unicast to each target."""
    wait = f"""
import time
from firmware.v2g.interface import Interface, look
while not isinstance(look({interface!r}), Interface):
    time.sleep(0.05)
{CAR}"""
    done = subprocess.run(
        inside(namespace, wait, interface, *targets), check=True, timeout=20, capture_output=True, text=True
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_discovery_and_connection_over_link_local(namespaces: Any, running: Any) -> None:
    station, car = namespaces("s"), namespaces("c")
    here, there = join(station, car, 1)
    running(station, here)
    [[address, source, connected]] = ask(car, there)
    assert address.startswith("fe80::")
    assert address == source == connected
    [_, unicast] = ask(car, there, address)
    assert unicast == [address, address, address]


def test_two_evses_on_two_interfaces_never_hear_each_other(namespaces: Any, running: Any) -> None:
    station, first, second = namespaces("s"), namespaces("a"), namespaces("b")
    here1, there1 = join(station, first, 1)
    here2, there2 = join(station, second, 2)
    running(station, here1, here2)
    [[address1, source1, _]] = ask(first, there1)
    [[address2, source2, _]] = ask(second, there2)
    assert address1 == source1
    assert address2 == source2
    assert address1 != address2
    assert ask(first, there1, address2)[1] is None  # the other EVSE's address is not on this wire
