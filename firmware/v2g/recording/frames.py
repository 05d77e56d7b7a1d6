"""Ethernet frames made of what sockets saw: UDP datagrams and TCP segments over IPv6, with true checksums. Pure.

Addresses, ports, bytes and their order are the sockets' own. Hop limit, window and the cut into segments are ours:
a socket does not tell them.
"""

import struct
from collections.abc import Iterator
from socket import AF_INET6, inet_pton
from typing import Final, NamedTuple

from firmware.v2g.recording.tap import Place

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MAX_SEGMENT: Final = 1440  # Ethernet's 1500 bytes less the headers of IPv6 and TCP
_WINDOW: Final = 65_535
_HOP_LIMIT: Final = 64  # SDP and TCP stay on the link: nobody has counted it down
_IPV6: Final = 0x86DD
_TCP, _UDP = 6, 17


class Macs(NamedTuple):
    """Ethernet addresses of a packet's two ends."""

    source: bytes
    destination: bytes


class Segment(NamedTuple):
    """What one end of a TCP connection sent at once; more than MAX_SEGMENT bytes become several segments."""

    source: Place
    destination: Place
    sequence: int
    acknowledged: int
    flags: int
    data: bytes = b""


def udp(data: bytes, source: Place, destination: Place, macs: Macs) -> bytes:
    """The frame of one datagram."""
    header = struct.pack(">HHHH", source.port, destination.port, 8 + len(data), 0)
    check = _checksum(source, destination, _UDP, header + data) or 0xFFFF  # RFC 8200 8.1: 0 is not sent
    return _ipv6(source, destination, _UDP, header[:6] + check.to_bytes(2, "big") + data, macs)


def tcp(segment: Segment, macs: Macs) -> Iterator[bytes]:
    """The frames of what was sent at once; PSH and FIN go with the last one."""
    data = segment.data
    starts = range(0, len(data), MAX_SEGMENT) or (0,)
    for at in starts:
        flags = segment.flags if at == starts[-1] else segment.flags & ~(PSH | FIN)
        yield _tcp(segment, at, flags, data[at : at + MAX_SEGMENT], macs)


def mac_of(host: str) -> bytes | None:
    """The Ethernet address that an IPv6 address was made from (RFC 4291 appendix A), None where it was not."""
    packed = inet_pton(AF_INET6, host)
    if packed[0] == 0xFF:  # multicast, RFC 2464 section 7
        return b"\x33\x33" + packed[12:]
    if packed[11:13] != b"\xff\xfe":
        return None
    return bytes((packed[8] ^ 2,)) + packed[9:11] + packed[13:]


def _tcp(segment: Segment, at: int, flags: int, data: bytes, macs: Macs) -> bytes:
    source, destination, sequence, acknowledged, *_ = segment
    head = struct.pack(">HHIIBB", source.port, destination.port, _wrapped(sequence + at), acknowledged, 5 << 4, flags)
    rest = head + struct.pack(">HHH", _WINDOW, 0, 0) + data
    check = _checksum(source, destination, _TCP, rest)
    return _ipv6(source, destination, _TCP, rest[:16] + check.to_bytes(2, "big") + rest[18:], macs)


def _ipv6(source: Place, destination: Place, protocol: int, rest: bytes, macs: Macs) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(rest), protocol, _HOP_LIMIT)
    ethernet = macs.destination + macs.source + _IPV6.to_bytes(2, "big")
    return ethernet + head + _addresses(source, destination) + rest


def _addresses(source: Place, destination: Place) -> bytes:
    return inet_pton(AF_INET6, source.host) + inet_pton(AF_INET6, destination.host)


def _checksum(source: Place, destination: Place, protocol: int, rest: bytes) -> int:
    """RFC 1071 over pseudo-header and packet. The one's complement sum of 16-bit words is the rest of a division by
    65,535: one long division in C instead of a loop that would hold the interpreter."""
    pseudo = _addresses(source, destination) + struct.pack(">II", len(rest), protocol)
    return (0xFFFF - int.from_bytes(pseudo + rest + bytes(len(rest) % 2), "big") % 0xFFFF) % 0xFFFF


def _wrapped(number: int) -> int:
    return number % (1 << 32)
