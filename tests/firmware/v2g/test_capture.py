"""Captures made by hand, octet by octet: every file form, TCP in any disorder, and what cannot be read."""

import struct
from itertools import pairwise
from pathlib import Path
from socket import AF_INET6, inet_pton

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.v2g.capture import CaptureError, pieces
from firmware.v2g.ladder import ladder, ladder_of_file
from firmware.v2g.v2gtp import PayloadType, pack

CAR, STATION = "fe80::1", "fe80::2"
CAR_PORT, PORT = 50000, 60000
HANDSHAKE = pack(  # supportedAppProtocolReq: DIN with SchemaID 1
    PayloadType.EXI, bytes.fromhex("8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040")
)
AGREED = pack(PayloadType.EXI, bytes.fromhex("80400040"))
SETUP = pack(PayloadType.EXI, bytes.fromhex("809a02000000000000000011d01811959401930c00"))
SETUP_RES = pack(PayloadType.EXI, bytes.fromhex("809a0200000000122bcc6b51e0200400151af153a0c0"))


def ip6(source: str, destination: str, protocol: int, rest: bytes) -> bytes:
    addresses = inet_pton(AF_INET6, source) + inet_pton(AF_INET6, destination)
    return struct.pack(">IHBB", 6 << 28, len(rest), protocol, 64) + addresses + rest


def tcp(car_speaks: bool, sequence: int, data: bytes = b"", flags: int = 0x18) -> bytes:
    ports = (CAR_PORT, PORT) if car_speaks else (PORT, CAR_PORT)
    header = struct.pack(">HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, 0, 5 << 4, flags, 8192, 0, 0)
    return ip6(*((CAR, STATION) if car_speaks else (STATION, CAR)), 6, header + data)


def udp(source_port: int, destination_port: int, data: bytes) -> bytes:
    return ip6(CAR, STATION, 17, struct.pack(">HHHH", source_port, destination_port, 8 + len(data), 0) + data)


def ethernet(packet: bytes) -> bytes:
    return bytes(12) + b"\x86\xdd" + packet


def pcap(packets: list[bytes], order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1) -> bytes:
    file = struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    for number, packet in enumerate(packets):
        file += struct.pack(f"{order}IIII", 100, number * 1000, len(packet), len(packet)) + packet
    return file


def pcapng(packets: list[bytes], order: str = "<") -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(f"{order}I", len(body) + 12)
        return struct.pack(f"{order}I", kind) + size + body + size

    file = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    file += block(1, struct.pack(f"{order}HHI", 1, 0, 65535) + struct.pack(f"{order}HHB3xHH", 9, 1, 9, 0, 0))
    for number, packet in enumerate(packets):
        ticks = 100 * 10**9 + number * 10**6
        file += block(
            6, struct.pack(f"{order}IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet)) + packet
        )
    return file


def conversation() -> list[bytes]:
    first, second = 0xFFFFFFF0, 500  # the car's sequence numbers run over
    return [
        tcp(True, first - 1, flags=2),
        tcp(False, second - 1, flags=0x12),
        tcp(True, first, HANDSHAKE),
        tcp(False, second, AGREED),
        tcp(True, first + len(HANDSHAKE), SETUP),
        tcp(False, second + len(AGREED), SETUP_RES),
        tcp(True, first + len(HANDSHAKE) + len(SETUP), flags=0x11),
    ]


def texts(capture: bytes) -> list[str]:
    return [line.strip().split("  ", 2)[2] for line in ladder(capture)]


def test_a_session_is_one_line_per_message() -> None:
    lines = list(ladder(pcap([ethernet(packet) for packet in conversation()])))
    assert len(lines) == 5
    assert "EV → EVSE" in lines[0] and "supportedAppProtocolReq" in lines[0]
    assert "EV ← EVSE" in lines[1] and "supportedAppProtocolRes" in lines[1]
    assert "SessionSetupReq" in lines[2]
    assert "SessionSetupRes" in lines[3]
    assert lines[4].endswith(f"TCP close by [{CAR}]:{CAR_PORT}")
    assert lines[2].split()[0] == "0.0040"


def test_every_file_form_says_the_same() -> None:
    packets = [ethernet(packet) for packet in conversation()]
    expected = texts(pcap(packets))
    for capture in (
        pcap(packets, ">"),
        pcap(packets, "<", 0xA1B23C4D),
        pcapng(packets),
        pcapng(packets, ">"),
        pcap(conversation(), link=101),
        pcap([bytes(14) + b"\x86\xdd" + packet for packet in conversation()], link=113),
        pcap([b"\x86\xdd" + bytes(18) + packet for packet in conversation()], link=276),
        pcap([bytes(4) + packet for packet in conversation()], link=0),
        pcap([bytes(12) + b"\x81\x00\x00\x05\x86\xdd" + packet for packet in conversation()]),
    ):
        assert texts(capture) == expected


@given(st.permutations(range(8)), st.lists(st.integers(1, 40), min_size=7, max_size=7))
@settings(deadline=None)
def test_segments_in_any_order_and_repeated_give_the_same_stream(order: list[int], cuts: list[int]) -> None:
    stream = HANDSHAKE + SETUP * 4
    bounds = sorted({0, len(stream), *(min(sum(cuts[: i + 1]), len(stream)) for i in range(7))})
    parts = [(a, stream[a:b]) for a, b in pairwise(bounds)]
    mixed = [parts[i % len(parts)] for i in order] + parts
    packets = [tcp(True, 99, flags=2), *(tcp(True, 100 + at, part) for at, part in mixed)]
    met = b"".join(piece.data for piece in pieces(pcap([ethernet(packet) for packet in packets])))
    assert met == stream


def test_the_search_for_a_station_is_shown() -> None:
    asked = pack(PayloadType.SDP_REQUEST, b"\x10\x00")
    answered = pack(PayloadType.SDP_RESPONSE, bytes(16) + (60000).to_bytes(2, "big") + b"\x10\x00")
    packets = [udp(40000, 15118, asked), udp(15118, 40000, answered), udp(15118, 40000, b"noise"), udp(53, 53, b"x")]
    assert texts(pcap([ethernet(packet) for packet in packets])) == [
        "SDP request, no TLS",
        "SDP response, port 60000, no TLS",
        "SDP: 5 octets are no V2GTP header",
    ]


def test_tls_is_named_and_not_read() -> None:
    packets = [tcp(True, 99, flags=2), tcp(True, 100, b"\x16\x03\x01" + bytes(300)), tcp(True, 403, bytes(50))]
    assert texts(pcap([ethernet(packet) for packet in packets])) == [
        f"TLS to [{STATION}]:{PORT}: give the key log to read it"
    ]


def test_other_traffic_says_nothing(tmp_path: Path) -> None:
    web = tcp(True, 100, b"GET / HTTP/1.1\r\n\r\n")
    path = tmp_path / "web.pcap"
    path.write_bytes(pcap([ethernet(web), bytes(60), b"short"]))
    with pytest.raises(CaptureError, match="no V2G"):
        ladder_of_file(path)


def test_a_message_that_does_not_decode_is_a_line_too() -> None:
    packets = [tcp(True, 100, pack(PayloadType.ISO20_DC, b"\x80\xff\xff")), tcp(True, 111, HANDSHAKE)]
    lines = texts(pcap([ethernet(packet) for packet in packets]))
    assert lines[0].startswith("EXI of schema iso20_dc: ")
    assert lines[1].startswith("supportedAppProtocolReq")


def test_a_file_cut_off_while_it_was_written_still_counts() -> None:
    capture = pcap([ethernet(packet) for packet in conversation()])
    assert texts(capture[:-30]) == texts(capture)[:-1]


def test_what_is_no_capture_is_refused() -> None:
    for noise in (b"", b"\x00" * 100, b"PK" * 50):
        with pytest.raises(CaptureError):
            list(ladder(noise))


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=40), st.booleans())
@settings(deadline=None, max_examples=300)
def test_damaged_captures_end_in_lines_or_a_named_error(at: int, noise: bytes, newer: bool) -> None:
    packets = [ethernet(packet) for packet in conversation()]
    capture = bytearray(pcapng(packets) if newer else pcap(packets))
    at %= len(capture)
    capture[at : at + len(noise)] = noise
    try:
        list(ladder(bytes(capture)))
    except CaptureError:
        return
