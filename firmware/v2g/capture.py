"""Packet captures as pieces of conversation: pcap and pcapng files -> TCP bytes in order, and UDP datagrams.

Knows Ethernet (with VLAN tags), raw IP, loopback and Linux "any" captures, IPv6 and IPv4. What the bytes say is left to
`ladder`. Never part of a session: it reads files that people recorded.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_IP_TYPES: Final = {0x0800, 0x86DD}
_VLAN_TYPES: Final = {0x8100, 0x88A8}
_TCP, _UDP = 6, 17
_IPV6_OPTIONS: Final = {0, 43, 60}  # hop-by-hop, routing, destination options
_FIN, _SYN, _RST = 1, 2, 4
_OUT_OF_ORDER_LIMIT: Final = 1 << 20  # octets kept for one direction until the missing piece shows up


class CaptureError(ValueError):
    """No capture file, or one cut off in the middle."""


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Piece(NamedTuple):
    """Bytes from one end to another; TCP in order and without repeats, UDP as one datagram."""

    time: float  # s since 1970
    source: Address
    destination: Address
    tcp: bool
    data: bytes
    event: str = ""  # "open", "close" or "reset" of a TCP connection, without data


class Packet(NamedTuple):
    time: float
    link: int
    data: bytes


# -- files ----------------------------------------------------------------------------------------------


def packets(capture: bytes) -> Iterator[Packet]:
    """The packets of a pcap or pcapng file; CaptureError where it is neither."""
    if len(capture) < 24:
        raise CaptureError("too short for a capture file")
    magic = capture[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        return _pcapng(capture)
    for order in "<>":
        number = struct.unpack(f"{order}I", magic)[0]
        if number in (0xA1B2C3D4, 0xA1B23C4D):
            return _pcap(capture, order, 1e-9 if number == 0xA1B23C4D else 1e-6)
    raise CaptureError("neither pcap nor pcapng")


def _pcap(capture: bytes, order: str, unit: float) -> Iterator[Packet]:
    link = struct.unpack_from(f"{order}I", capture, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(capture):
        seconds, fraction, kept, _ = struct.unpack_from(f"{order}IIII", capture, at)
        at += 16
        if at + kept > len(capture):
            return  # cut off while it was written: what is whole still counts
        yield Packet(seconds + fraction * unit, link, capture[at : at + kept])
        at += kept


def tls_secrets(capture: bytes) -> str:
    """The key log inside a pcapng file (Decryption Secrets Blocks); "" where there is none."""
    if capture[:4] != b"\x0a\x0d\x0d\x0a":
        return ""
    found = b""
    for kind, order, body in _blocks(capture):
        if kind == 0x0A and len(body) >= 8:
            secrets, length = struct.unpack_from(f"{order}II", body)
            found += body[8 : 8 + length] + b"\n" if secrets == 0x544C534B else b""
    return found.decode("ascii", "replace")


def _blocks(capture: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Type, byte order and body of every whole block."""
    order, at = "<", 0
    while at + 12 <= len(capture):
        kind = struct.unpack_from(f"{order}I", capture, at)[0]
        if kind == 0x0A0D0D0A:
            order = "<" if capture[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        length = struct.unpack_from(f"{order}I", capture, at + 4)[0]
        if length < 12 or length % 4:
            raise CaptureError(f"a pcapng block of {length} octets")
        if at + length > len(capture):
            return  # cut off while it was written: what is whole still counts
        yield kind, order, capture[at + 8 : at + length - 4]
        at += length


def _pcapng(capture: bytes) -> Iterator[Packet]:
    interfaces: list[tuple[int, float]] = []  # link type, seconds per tick
    for kind, order, body in _blocks(capture):
        if kind == 0x0A0D0D0A:  # a new section: interfaces start afresh
            interfaces = []
        elif kind == 1 and len(body) >= 8:
            interfaces.append((struct.unpack_from(f"{order}H", body)[0], _resolution(body[8:], order)))
        elif kind == 6 and len(body) >= 20:
            interface, high, low, kept = struct.unpack_from(f"{order}IIII", body)
            if interface < len(interfaces):
                link, tick = interfaces[interface]
                yield Packet(((high << 32) + low) * tick, link, body[20 : 20 + kept])


def _resolution(options: bytes, order: str) -> float:
    """Seconds per tick of an interface (option if_tsresol); microseconds where it is not said."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(f"{order}HH", options, at)
        if code == 0:
            break
        if code == 9 and length == 1 and at + 4 < len(options):
            value = options[at + 4]
            return float(2.0 ** -(value & 0x7F) if value & 0x80 else 10.0**-value)
        at += 4 + (length + 3 & ~3)
    return 1e-6


# -- packets --------------------------------------------------------------------------------------------


class _Segment(NamedTuple):
    source: Address
    destination: Address
    protocol: int
    payload: bytes


def _segment(packet: Packet) -> _Segment | None:
    """The TCP segment or UDP datagram in a packet, if there is one. Fragments of IP are left out."""
    data = _network_layer(packet)
    if len(data) < 20:
        return None
    if data[0] >> 4 == 4:
        header = (data[0] & 15) * 4
        if int.from_bytes(data[6:8], "big") & 0x3FFF:
            return None
        protocol, hosts = (
            data[9],
            (socket.inet_ntop(socket.AF_INET, data[12:16]), socket.inet_ntop(socket.AF_INET, data[16:20])),
        )
        rest = data[header : int.from_bytes(data[2:4], "big")]
    elif data[0] >> 4 == 6 and len(data) >= 40:
        hosts = (socket.inet_ntop(socket.AF_INET6, data[8:24]), socket.inet_ntop(socket.AF_INET6, data[24:40]))
        protocol, rest = data[6], data[40 : 40 + int.from_bytes(data[4:6], "big")]
        while protocol in _IPV6_OPTIONS and len(rest) >= 8:
            protocol, rest = rest[0], rest[8 * (rest[1] + 1) :]
    else:
        return None
    if protocol not in (_TCP, _UDP) or len(rest) < 8:
        return None
    source, destination = struct.unpack_from(">HH", rest)
    return _Segment(Address(hosts[0], source), Address(hosts[1], destination), protocol, rest)


def _network_layer(packet: Packet) -> bytes:
    data = packet.data
    match packet.link:
        case 1:  # Ethernet
            kind, at = int.from_bytes(data[12:14], "big"), 14
            while kind in _VLAN_TYPES:
                kind, at = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            return data[at:] if kind in _IP_TYPES else b""
        case 113:  # Linux "any"
            return data[16:] if int.from_bytes(data[14:16], "big") in _IP_TYPES else b""
        case 276:  # Linux "any", second form
            return data[20:] if int.from_bytes(data[:2], "big") in _IP_TYPES else b""
        case 0:  # loopback of BSD and macOS
            return data[4:]
        case 101 | 228 | 229:  # IP without anything below
            return data
        case link:
            raise CaptureError(f"captures of link type {link} are not read")


# -- TCP ------------------------------------------------------------------------------------------------


class _Direction:
    """One direction of a TCP connection: puts segments in order, drops what was seen before."""

    def __init__(self, expected: int) -> None:
        self.expected = expected  # sequence number of the next octet
        self.waiting: dict[int, bytes] = {}

    def take(self, sequence: int, data: bytes) -> bytes:
        self.waiting[sequence] = max(self.waiting.get(sequence, b""), data, key=len)
        ready = b""
        moved = True
        while moved:
            moved = False
            for start in list(self.waiting):
                ahead = (start - self.expected + (1 << 31)) % (1 << 32) - (1 << 31)
                if ahead <= 0:
                    fresh = self.waiting.pop(start)[-ahead:]
                    ready += fresh
                    self.expected = (self.expected + len(fresh)) % (1 << 32)
                    moved = moved or bool(fresh)
        if sum(map(len, self.waiting.values())) > _OUT_OF_ORDER_LIMIT:
            raise CaptureError("a TCP stream with a hole that is never filled")
        return ready


def pieces(capture: bytes) -> Iterator[Piece]:
    """What was said, in the order in which it became readable at the other end."""
    directions: dict[tuple[Address, Address], _Direction] = {}
    for packet in packets(capture):
        segment = _segment(packet)
        if segment is None:
            continue
        if segment.protocol == _UDP:
            data = segment.payload[8 : int.from_bytes(segment.payload[4:6], "big")]
            yield Piece(packet.time, segment.source, segment.destination, False, data)
        elif len(segment.payload) >= 20:
            yield from _tcp(packet.time, segment, directions)


def _tcp(time: float, segment: _Segment, directions: dict[tuple[Address, Address], _Direction]) -> Iterator[Piece]:
    source, destination = segment.source, segment.destination
    sequence, flags = int.from_bytes(segment.payload[4:8], "big"), segment.payload[13]
    data = segment.payload[(segment.payload[12] >> 4) * 4 :]
    key = (source, destination)
    if flags & _SYN:
        directions[key] = _Direction((sequence + 1) % (1 << 32))
        if (destination, source) not in directions or not flags & 0x10:
            yield Piece(time, source, destination, True, b"", "open")
        return
    direction = directions.setdefault(key, _Direction(sequence))  # a capture that began in the middle
    if data:
        ready = direction.take(sequence, data)
        if ready:
            yield Piece(time, source, destination, True, ready)
    if flags & (_FIN | _RST):
        yield Piece(time, source, destination, True, b"", "reset" if flags & _RST else "close")
