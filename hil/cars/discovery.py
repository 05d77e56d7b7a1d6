"""Finding the station: SECC discovery (SDP, ISO 15118-2 §7.10.1) as a car does it, by multicast or to one address."""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Final

EVERYBODY: Final = "ff02::1"
SDP_PORT: Final = 15118
TRIES: Final = 50
WAIT_S: Final = 0.25
TLS: Final = 0x00
NO_TLS: Final = 0x10
TCP: Final = 0x00
_HEADER: Final = struct.Struct(">BBHI")
_ANSWER: Final = struct.Struct(">16sHBB")


class NoStation(ConnectionError):
    """Nobody answered."""


@dataclass(frozen=True)
class Endpoint:
    """Where the station's TCP listener is."""

    address: str
    port: int
    scope: int  # index of the interface, needed for link-local addresses
    security: int

    def connect(self) -> tuple[str, int, int, int]:
        """The socket address."""
        return self.address, self.port, 0, self.scope if self.address.startswith("fe80") else 0


async def find_station(
    interface: str, port: int = SDP_PORT, unicast: str | None = None, tries: int = TRIES, security: int = NO_TLS
) -> Endpoint:
    """Ask up to `tries` times, 250 ms apart, until a station answers. Raises NoStation, OSError."""
    scope = socket.if_nametoindex(interface)
    target = (unicast or EVERYBODY, port, 0, 0 if unicast == "::1" else scope)
    request = _HEADER.pack(1, 0xFE, 0x9000, 2) + bytes([security, TCP])
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, scope)
        for _ in range(tries):
            await loop.sock_sendto(sock, request, target)
            try:
                async with asyncio.timeout(WAIT_S):
                    while True:
                        answer = _read(await loop.sock_recv(sock, 1024), scope)
                        if answer is not None:
                            return answer
            except TimeoutError:
                continue
            except ConnectionRefusedError:  # nobody has bound the port yet: ICMP said so at once
                await asyncio.sleep(WAIT_S)
    raise NoStation(f"no station answered {tries} discovery requests on {interface}")


def _read(packet: bytes, scope: int) -> Endpoint | None:
    """An SDP response, or None for anything else."""
    if len(packet) != _HEADER.size + _ANSWER.size or _HEADER.unpack_from(packet) != (1, 0xFE, 0x9001, _ANSWER.size):
        return None
    address, port, security, transport = _ANSWER.unpack_from(packet, _HEADER.size)
    if transport != TCP:
        return None
    return Endpoint(socket.inet_ntop(socket.AF_INET6, address), port, scope, security)
