"""V2GTP: known headers both ways, streams cut and joined anywhere, and every wrong header refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.v2g.v2gtp import (
    MAX_PAYLOAD,
    BadLength,
    Frame,
    FrameReader,
    PayloadType,
    UnknownPayloadType,
    V2gtpError,
    VersionMismatch,
    pack,
    read_header,
    unpack,
)

HANDSHAKE_ANSWER = bytes.fromhex("01fe8001000000048040 0040".replace(" ", ""))


def test_a_known_frame_both_ways() -> None:
    assert pack(PayloadType.EXI, bytes.fromhex("80400040")) == HANDSHAKE_ANSWER
    assert FrameReader().feed(HANDSHAKE_ANSWER) == [Frame(PayloadType.EXI, bytes.fromhex("80400040"))]


def test_an_sdp_request_fills_its_datagram() -> None:
    assert unpack(bytes.fromhex("01fe9000000000021000")) == (PayloadType.SDP_REQUEST, b"\x10\x00")
    with pytest.raises(BadLength):
        unpack(bytes.fromhex("01fe900000000002100000"))


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("02fe800100000004", VersionMismatch),
        ("01ff800100000004", VersionMismatch),
        ("01fe800000000004", UnknownPayloadType),
        ("01fe900000000002", UnknownPayloadType),  # SDP has no business on TCP
        ("01fea00000000004", UnknownPayloadType),
        ("01fe800100000000", BadLength),
        ("01fe800100010001", BadLength),
        ("01fe8001ffffffff", BadLength),
        ("01fe80010000", BadLength),
    ],
)
def test_a_wrong_header_is_refused_by_name(header: str, error: type[V2gtpError]) -> None:
    with pytest.raises(error):
        read_header(bytes.fromhex(header))


def test_the_cap_itself_is_allowed() -> None:
    payload = bytes(MAX_PAYLOAD)
    assert FrameReader().feed(pack(PayloadType.EXI, payload)) == [Frame(PayloadType.EXI, payload)]
    with pytest.raises(BadLength):
        pack(PayloadType.EXI, bytes(MAX_PAYLOAD + 1))


def test_frames_before_a_wrong_header_are_not_lost() -> None:
    stream = FrameReader()
    assert len(stream.feed(HANDSHAKE_ANSWER + b"GET / HTTP/1.1")) == 1
    with pytest.raises(VersionMismatch):
        stream.feed(b"")
    with pytest.raises(VersionMismatch):  # dead for good
        stream.feed(HANDSHAKE_ANSWER)


def test_a_started_frame_is_seen_as_incomplete() -> None:
    stream = FrameReader()
    stream.feed(HANDSHAKE_ANSWER[:-1])
    assert stream.incomplete
    stream.feed(HANDSHAKE_ANSWER[-1:])
    assert not stream.incomplete


frames = st.lists(
    st.builds(Frame, st.sampled_from([PayloadType.EXI, PayloadType.ISO20_DC]), st.binary(min_size=1, max_size=60)),
    max_size=6,
)


@given(frames, st.lists(st.integers(1, 20)))
def test_frames_survive_any_splitting(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(pack(*frame) for frame in sent)
    reader, received, at = FrameReader(), [], 0
    for cut in [*cuts, len(stream) + 1]:
        received += reader.feed(stream[at : at + cut])
        at += cut
    assert received == sent
    assert not reader.incomplete


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_bytes_give_frames_or_a_named_error(chunks: list[bytes]) -> None:
    reader = FrameReader()
    for chunk in chunks:
        try:
            for frame in reader.feed(chunk):
                assert 0 < len(frame.payload) <= MAX_PAYLOAD
        except V2gtpError:
            return
