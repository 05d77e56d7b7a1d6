"""Frames and blocks of recordings, read by code that is not ours: scapy rebuilds every checksum and length."""

import struct
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from firmware.v2g.capture import packets, pieces
from firmware.v2g.recording import pcapng
from firmware.v2g.recording.events import Sent
from firmware.v2g.recording.frames import ACK, FIN, MAX_SEGMENT, PSH, RST, SYN, Macs, Segment, mac_of, tcp, udp
from firmware.v2g.recording.stream import Stream
from firmware.v2g.recording.tap import Place, place

CAR, STATION = Place("fe80::211:22ff:fe33:4455", 50000), Place("fe80::2", 60000)
MACS = Macs(bytes.fromhex("001122334455"), bytes.fromhex("020000000002"))


def rebuilt(frame: bytes) -> bytes:
    """The same packet with every length and checksum computed by scapy."""
    packet = Ether(frame)
    packet[IPv6].plen = None
    layer = packet[TCP] if TCP in packet else packet[UDP]
    layer.chksum = None
    if UDP in packet:
        packet[UDP].len = None
    return bytes(packet)


@pytest.mark.parametrize("size", [0, 1, 2, 9, 10, 1439, 1440])
def test_scapy_computes_the_same_checksums_and_lengths(size: int) -> None:
    data = bytes(each * 7 & 255 for each in range(size))
    frames = [udp(data, CAR, STATION, MACS), *tcp(Segment(CAR, STATION, 5, 9, ACK | PSH, data), MACS)]
    assert len(frames) == 2
    for frame in frames:
        assert rebuilt(frame) == frame
        assert Ether(frame).src == "00:11:22:33:44:55"
        assert (Ether(frame)[IPv6].src, Ether(frame)[IPv6].dst) == (CAR.host, STATION.host)


def test_a_checksum_of_zero_is_sent_as_all_ones_in_udp_only() -> None:
    for number in range(0x10000):  # one of all 16-bit values makes the sum vanish
        frame = udp(number.to_bytes(2, "big"), CAR, STATION, MACS)
        if frame[60:62] == b"\xff\xff":
            assert rebuilt(frame) == frame
            return
    raise AssertionError("no sum was zero")


def test_long_writes_become_segments_in_order_with_push_and_fin_on_the_last() -> None:
    data = bytes(range(256)) * 20
    found = [Ether(frame) for frame in tcp(Segment(CAR, STATION, 2**32 - 100, 7, ACK | PSH | FIN, data), MACS)]
    assert b"".join(bytes(each[TCP].payload) for each in found) == data
    assert [int(each[TCP].seq) for each in found] == [(2**32 - 100 + at) % 2**32 for at in range(0, 5120, MAX_SEGMENT)]
    assert [int(each[TCP].flags) for each in found] == [ACK, ACK, ACK, ACK | PSH | FIN]
    assert all(rebuilt(bytes(each)) == bytes(each) for each in found)


def test_ethernet_addresses_come_from_ipv6_addresses_made_of_them() -> None:
    assert mac_of("fe80::211:22ff:fe33:4455") == bytes.fromhex("001122334455")
    assert mac_of("ff02::1") == bytes.fromhex("333300000001")
    assert mac_of("fe80::1") is None


def test_places_have_no_scope_and_are_ipv6() -> None:
    assert place(("fe80::1%plc0", 15118, 0, 3)) == Place("fe80::1", 15118)
    assert place(("192.0.2.1", 80)) is None
    assert place("") is None
    assert place(None) is None


def test_scapy_reads_packets_times_and_secrets(tmp_path: Path) -> None:
    data = pcapng.section("pilotline", "a note") + pcapng.interface("plc0", MACS.source)
    data += pcapng.tls_secrets(b"CLIENT_RANDOM 00 11\n")
    data += pcapng.packet(1_700_000_000.123456789, b"first", from_car=True, comment="odd")
    data += pcapng.packet(1_700_000_001.5, b"second!!", from_car=False)
    data += pcapng.statistics(1_700_000_002.0, seen=3, dropped=1, comment="1 packets left out")
    (tmp_path / "x.pcapng").write_bytes(data)
    read: list[Any] = list(RawPcapNgReader(str(tmp_path / "x.pcapng")))
    assert [raw for raw, _ in read] == [b"first", b"second!!"]
    assert [meta.linktype for _, meta in read] == [1, 1]
    assert [meta.ifname for _, meta in read] == [b"plc0"] * 2
    assert [meta.direction for _, meta in read] == [1, 2]
    moments = [((meta.tshigh << 32) + meta.tslow) / meta.tsresol for _, meta in read]
    assert moments == pytest.approx([1_700_000_000.123456789, 1_700_000_001.5], abs=1e-6)
    assert [each.data for each in packets(data)] == [b"first", b"second!!"]


def test_every_block_tells_its_length_twice_and_keeps_the_word() -> None:
    for block in (
        pcapng.section("p", "x"),
        pcapng.interface("abc", bytes(6)),
        pcapng.packet(0.0, b"x", from_car=True),
        pcapng.tls_secrets(b"abc"),
        pcapng.statistics(0.0, seen=0, dropped=0, comment=""),
    ):
        assert len(block) % 4 == 0
        assert struct.unpack_from("<I", block, 4)[0] == struct.unpack("<I", block[-4:])[0] == len(block)


class Clock:
    now = 10.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def told(*steps: Any, opened: bool = True) -> list[Sent]:
    events: list[Sent] = []
    stream = Stream(events.append, Clock())
    if opened:
        stream.opened(CAR, STATION)
    for step in steps:
        step(stream)
    return events


def flags(events: list[Sent]) -> list[tuple[bool, int]]:
    return [(each.from_car, each.segment.flags) for each in events]


def test_a_connection_opens_talks_and_closes_without_holes() -> None:
    events = told(
        lambda s: s.received(b"hello", 10.5),
        lambda s: s.sent(b"welcome"),
        lambda s: s.finished(by_car=False),
        lambda s: s.finished(by_car=False),
        lambda s: s.finished(by_car=True),
        lambda s: s.lost(None),
        lambda s: s.sent(b"too late"),
    )
    assert flags(events) == [
        (True, SYN),
        (False, SYN | ACK),
        (True, ACK),
        (True, PSH | ACK),
        (False, PSH | ACK),
        (False, FIN | ACK),
        (True, FIN | ACK),
    ]
    numbers = [(each.segment.sequence, each.segment.acknowledged) for each in events]
    assert numbers == [(0, 0), (0, 1), (1, 1), (1, 1), (1, 6), (8, 6), (6, 9)]
    assert events[3].at == 10.5


def test_a_broken_connection_ends_with_the_cars_reset() -> None:
    assert flags(told(lambda s: s.lost(ConnectionResetError())))[-1] == (True, RST | ACK)
    assert flags(told(lambda s: s.lost(None)))[-1] == (False, FIN | ACK)


def test_nothing_is_told_of_a_socket_without_ipv6_addresses() -> None:
    assert told(lambda s: s.received(b"x", 1.0), lambda s: s.lost(None), opened=False) == []


def test_our_own_reader_follows_the_stream() -> None:
    events = told(lambda s: s.received(b"a" * 4000, 11.0), lambda s: s.sent(b"b"), lambda s: s.lost(None))
    data = pcapng.section("p", "") + pcapng.interface("plc0", MACS.source)
    for event in events:
        for frame in tcp(event.segment, MACS):
            data += pcapng.packet(event.at, frame, from_car=event.from_car)
    found = list(pieces(data))
    assert [each.event for each in found if each.event] == ["open", "close"]
    assert b"".join(each.data for each in found if each.source.port == CAR.port) == b"a" * 4000
    assert b"".join(each.data for each in found if each.source.port == STATION.port) == b"b"
