"""Known bytes of every controller's protocol, both ways, and decoders that no bytes can hurt. No port, no time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from hal.contracts import PilotMode, PilotOutput, Plug
from hal.controllers import chargebyte_safety, cobs, cobs_protobuf, protobuf, rapi
from hal.controllers.chargebyte_safety import SafetyDialect
from hal.controllers.cobs_protobuf import ProtobufDialect
from hal.controllers.message_maps import MAPS
from hal.controllers.rapi import RapiDialect
from hal.mcu import messages
from hal.mcu.dialect import McuDialect
from hil.devices import framing

X1 = PilotOutput(PilotMode.X1)


# --- checksums and stuffing -----------------------------------------------------------------------------------------


def test_check_values_of_the_checksums() -> None:
    assert cobs.crc8_j1850(b"123456789") == 0x4B
    assert cobs.crc16(b"123456789") == bytes.fromhex("29b1")
    assert cobs.crc32_jam(b"123456789") == bytes.fromhex("d9c60b34")
    data = b"yeti"
    assert framing.crc(data + cobs.crc32_jam(data), 32, 0xEDB88320, 0xFFFFFFFF, reflected=True) == 0


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        ("", "01"), ("00", "0101"), ("0000", "010101"), ("11220033", "0311220233"), ("11000000", "0211010101"),
        ("01" * 254, "ff" + "01" * 254), ("01" * 255, "ff" + "01" * 254 + "0201"),
    ],
)  # fmt: skip
def test_cobs(plain: str, stuffed: str) -> None:
    data = bytes.fromhex(plain)
    assert framing.cobs(data) == bytes.fromhex(stuffed) + b"\0"
    frame = cobs.stuff(data)
    assert b"\0" not in frame
    assert cobs.unstuff(frame) == data == framing.uncobs(frame) == cobs.unstuff(bytes.fromhex(stuffed))


def test_cobs_of_any_bytes_is_what_another_decoder_reads() -> None:
    dice = random.Random(7)
    for length in [*range(0, 60), *range(250, 260), 508, 509, 510, 1024]:
        data = bytes(dice.choice((0, 0, 1, 255, dice.randrange(256))) for _ in range(length))
        assert framing.uncobs(cobs.stuff(data)) == data
        assert cobs.unstuff(framing.cobs(data)[:-1]) == data


def test_the_splitter_never_grows() -> None:
    splitter = cobs.Splitter(16)
    assert splitter.feed(b"\x01" * 1000) == []
    assert splitter.feed(b"\x02" * 10 + b"\0" + b"\x03\x04\0\0\x05") == [b"\x03\x04"]
    assert splitter.feed(b"\0") == [b"\x05"]
    assert splitter.dropped == 1


# --- chargebyte -----------------------------------------------------------------------------------------------------


def test_frames_of_the_safety_controller() -> None:
    assert chargebyte_safety.frame(0xFF, b"\x0a").hex() == "a5ff0a000000000000008303"
    assert chargebyte_safety.frame(0x06, b"").hex() == "a50600000000000000003f03"
    assert chargebyte_safety.control(PilotOutput(PilotMode.DUTY, 5.0), ()).hex() == "a5068032000000000000ef03"
    assert chargebyte_safety.control(X1, (0,)).hex() == "a50683e8010000000000e603"


def test_the_state_of_the_safety_controller_bit_by_bit() -> None:
    word = 1 << 63 | 1 << 58 | 533 << 48 | 1 << 44 | 3 << 40 | 3 << 32 | 2 << 24 | 1 << 26 | 3 << 22 | 1 << 18 | 15 << 8
    state = chargebyte_safety.charge_state(word.to_bytes(8, "big"))
    assert (state.pwm, state.safe, state.duty_percent, state.no_diode, state.shorted) == (True, True, 53.3, True, False)
    assert (state.pilot, state.plug, state.rcm, state.reason) == ("C", Plug.A32, 3, "contactor welded")
    assert state.contactors == (True, False, None) and state.emergency_stop


def test_temperatures_of_the_safety_controller() -> None:
    raw = (250 << 2, (-123 & 0x3FFF) << 2, 0x1FFF << 2, 900 << 2 | 2)
    data = b"".join(each.to_bytes(2, "big") for each in raw)
    assert chargebyte_safety.temperatures(data) == (25.0, -12.3, None)


# --- RAPI -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("GS", "$GS^30"), ("GG", "$GG^24"), ("GE", "$GE^26"), ("GV", "$GV^35"), ("GP", "$GP^33"),
        ("SC 16", "$SC 16^13"),
        ("SC 16 V", "$SC 16 V^65"), ("FE", "$FE^27"), ("FD", "$FD^26"), ("FS", "$FS^31"), ("SY 100 6", "$SY 100 6^29"),
        ("SY 165", "$SY 165^3C"), ("GS :A5", "$GS :A5^5E"),
    ],
)  # fmt: skip
def test_lines_of_rapi(text: str, sent: str) -> None:
    assert rapi.line(text) == sent.encode() + b"\r"
    assert rapi.words_of(b"noise" + sent.encode()) == text.split()


@pytest.mark.parametrize("raw", [b"$GS^31", b"$GS", b"", b"GS^30", b"$GS^3", b"$\xff^xx", b"$OK \xff^00"])
def test_what_is_no_rapi(raw: bytes) -> None:
    with pytest.raises(rapi.RapiError):
        rapi.words_of(raw)


def test_a_late_answer_is_not_taken_for_the_next_ones() -> None:
    dialect = RapiDialect(0, 6)
    dialect.opened(0.0)
    first = rapi.words_of(dialect.due(0.0)[:-1])
    second = rapi.words_of(dialect.due(1.0)[:-1])  # the first was never answered
    assert first != second
    dialect.receive(rapi.line(f"OK 03 0 03 0040 {first[-1]}"), 1.1)
    assert dialect.outlets[1].pilot is None


# --- protocol buffers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("board", "name", "value", "wire"),
    [
        ("yeti", "duty", 5333, "09b806d52912930dbc00"), ("yeti", "allow", True, "08c00601bd274cb000"),
        ("tida_010939", "duty", 500, "0820f4030e152ad100"), ("tida_010939", "duty", 10_000, "0820904e8086d6d800"),
        ("tida_010939", "allow", True, "0728013c737c9400"),
    ],
)  # fmt: skip
def test_frames_of_the_yeti_family(board: str, name: str, value: int, wire: str) -> None:
    number = getattr(MAPS[board], name)
    assert cobs_protobuf.encode(number, value).hex() == wire
    assert cobs_protobuf.decode(bytes.fromhex(wire)[:-1]) == {number: value}


def _message() -> Any:
    """A message of the official library: a number, a float, a text, a nested message of itself."""
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", syntax="proto3")
    kind = file.message_type.add(name="M")
    types = {"number": (103, 13), "amps": (7, 2), "text": (6, 9), "wide": (9, 4), "inner": (100, 11)}
    for name, (number, type_) in types.items():
        field = kind.field.add(name=name, number=number, type=type_, label=1)
        if type_ == 11:
            field.type_name = ".M"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("M"))


@pytest.mark.parametrize("number", [1, 127, 128, 5333, 10_000, 2**32 - 1])
def test_what_the_official_library_writes_we_read_and_the_other_way_round(number: int) -> None:
    kind = _message()
    theirs = kind(number=number, amps=32.5, text="3.1", wide=2**64 - 1, inner=kind(number=7))
    read = protobuf.fields(theirs.SerializeToString())
    assert read[103] == number and read[7] == 32.5 and read[6] == b"3.1" and read[9] == 2**64 - 1
    assert protobuf.fields(bytes(read[100])) == {103: 7}  # type: ignore[arg-type]
    parts = (103, number), (7, 32.5), (6, b"3.1"), (9, 2**64 - 1), (100, protobuf.field(103, 7))
    ours = b"".join(protobuf.field(at, value) for at, value in parts)
    assert kind.FromString(ours) == theirs


@pytest.mark.parametrize("data", ["08", "0a05", "0d0000", "0000", "0f", "80" * 11, "08" + "ff" * 11])
def test_damaged_protocol_buffers_are_refused(data: str) -> None:
    with pytest.raises(protobuf.ProtobufError):
        protobuf.fields(bytes.fromhex(data))


# --- our own wire ---------------------------------------------------------------------------------------------------

LONGEST: dict[type, messages.ToMcu | messages.FromMcu] = {
    messages.Beat: messages.Beat(65_535, True),
    messages.Report: messages.Report(4, 65_535, 1, 10_000, -12_345, -12_345, True, 63, True, 3, 255, 2500, 255),
    messages.Meter: messages.Meter(4, (1 << 40) - 1, -1_000_000, (1_000_000,) * 3, (1_000_000,) * 3),
    messages.Lease: messages.Lease(65_535),
    messages.Command: messages.Command(4, 65_535, 3, 10_000, True, True, 255, None),
}


def test_the_budget_of_the_specification_holds() -> None:
    """Longest frames and bytes per second as SPEC.md states them."""
    size = {kind: len(messages.encode(message)) for kind, message in LONGEST.items()}
    assert list(size.values()) == [10, 32, 53, 9, 19]
    changes = messages.CHANGES_PER_S
    reports = size[messages.Report] * (1 / messages.REPORT_S + changes)
    meters = size[messages.Meter] / messages.METER_S
    commands = size[messages.Command] * (1 / messages.REPORT_S + changes)
    up = size[messages.Beat] / messages.BEAT_S + 4 * (reports + meters)
    down = size[messages.Lease] / messages.BEAT_S + 4 * commands
    assert (up, down) == (3596, 1914)
    assert max(up, down) < 0.5 * 11_520


def test_a_frame_of_our_wire_byte_for_byte() -> None:
    assert messages.encode(messages.Lease(7)).hex() == "06820107" + cobs.crc16(b"\x82\x01\x07").hex() + "00"


@pytest.mark.parametrize("kind", LONGEST, ids=lambda kind: kind.__name__)
def test_every_message_comes_back(kind: type) -> None:
    frame = messages.encode(LONGEST[kind])[:-1]
    decode = messages.decode_to_mcu if kind in (messages.Lease, messages.Command) else messages.decode_from_mcu
    assert decode(frame) == LONGEST[kind]


# --- nothing that comes in can hurt ---------------------------------------------------------------------------------

DIALECTS: dict[str, Callable[[], Any]] = {
    "rapi": lambda: RapiDialect(5, 6),
    "chargebyte": lambda: SafetyDialect((0,)),
    "yeti": lambda: ProtobufDialect(MAPS["yeti"]),
    "phyverso": lambda: ProtobufDialect(MAPS["phyverso"], outlets=2, config=(1, 1, 1)),
    "mcu": lambda: McuDialect(2),
}


def _real_traffic(name: str) -> bytes:
    if name == "rapi":
        return b"".join(rapi.line(text) for text in ("AT 03 03 16 0040", "OK 16 0001", "AB 00 8.2.1", "NK", "OK :01"))
    if name == "chargebyte":
        return b"".join(chargebyte_safety.frame(number, bytes(range(8))) for number in (7, 8, 10, 14))
    if name == "mcu":
        return b"".join(messages.encode(message) for message in LONGEST.values())
    return b"".join(cobs_protobuf.encode(number, protobuf.field(1, 1)) for number in (3, 4, 5, 101, 102, 104, 108, 11))


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_survives_noise_and_mutilated_frames(name: str) -> None:
    dice = random.Random(name)
    dialect = DIALECTS[name]()
    dialect.opened(0.0)
    real = _real_traffic(name)
    for turn in range(400):
        now = turn / 50
        data = bytearray(real)
        for _ in range(dice.randrange(12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        dialect.fed_at = now
        dialect.receive(bytes(data) if turn % 3 else dice.randbytes(200), now)
        assert len(dialect.due(now)) < 2000
        assert dialect.next_at(now) is not None
