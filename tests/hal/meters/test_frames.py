"""Modbus frames: the makers' and the standard's bytes, noise, echoes, late answers."""

import contextlib
import random

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from hal.modbus import frames


def as_bytes(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(
    ("unit", "pdu", "wire"),
    [
        (1, frames.read(4, 0x0000, 2), "01 04 00 00 00 02 71 CB"),  # Eastron: U L1
        (1, frames.read(4, 0x0048, 2), "01 04 00 48 00 02 F1 DD"),  # Eastron: import
        (1, frames.read(3, 1000, 7), "01 03 03 E8 00 07 84 78"),  # SimpleEVSE: state
        (1, frames.write(1000, (16,)), "01 10 03 E8 00 01 02 00 10 83 B4"),  # SimpleEVSE: 16 A
        (3, frames.write(8005, (0x5445,)), "03 10 1F 45 00 01 02 54 45 A0 57"),  # Bender: self test
        (3, frames.read(3, 1000, 4), "03 03 03 E8 00 04 C5 9B"),  # Bender: insulation
    ],
)
def test_the_bytes_makers_print_in_their_manuals(unit: int, pdu: bytes, wire: str) -> None:
    assert frames.rtu(unit, pdu) == as_bytes(wire)


def test_another_library_builds_the_same_frames() -> None:
    framer = FramerRTU(DecodePDU(False))
    rng = random.Random(4)
    for _ in range(50):
        unit, register, count = rng.randint(1, 247), rng.randint(0, 0xFFFF), rng.randint(1, 125)
        pdu = frames.read(rng.choice((3, 4)), register, count)
        assert frames.rtu(unit, pdu) == framer.encode(pdu, unit, 0)


REQUEST = frames.read(4, 0x48, 2)
ANSWER = frames.rtu(1, as_bytes("04 04 44 9A 51 EC"))


def test_an_answer_is_found_behind_noise_and_our_own_echo() -> None:
    for before in (b"", b"\0", b"\xff\x00\xfe", frames.rtu(1, REQUEST), b"\x01\x04"):
        answer = frames.find_rtu(1, REQUEST, before + ANSWER)
        assert answer is not None and frames.registers(answer) == (0x449A, 0x51EC)


def test_half_an_answer_is_none_yet() -> None:
    for length in range(len(ANSWER)):
        assert frames.find_rtu(1, REQUEST, ANSWER[:length]) is None


@pytest.mark.parametrize("bit", range(len(ANSWER) * 8))
def test_one_wrong_bit_is_no_answer(bit: int) -> None:
    broken = bytearray(ANSWER)
    broken[bit // 8] ^= 1 << bit % 8
    assert frames.find_rtu(1, REQUEST, bytes(broken)) is None


def test_answers_of_others_and_of_other_lengths_are_passed_over() -> None:
    other_unit = frames.rtu(2, ANSWER[1:-2])
    longer = frames.rtu(1, as_bytes("04 06 00 01 00 02 00 03"))
    holding = frames.rtu(1, as_bytes("03 04 00 01 00 02"))
    assert frames.find_rtu(1, REQUEST, other_unit + longer + holding) is None
    assert frames.find_rtu(1, REQUEST, other_unit + longer + holding + ANSWER) == ANSWER[1:-2]


def test_a_refusal_has_its_reason() -> None:
    with pytest.raises(frames.Refused, match="illegal register"):
        frames.find_rtu(1, REQUEST, frames.rtu(1, b"\x84\x02"))


def test_a_write_is_answered_by_its_own_address_and_count() -> None:
    request = frames.write(7100, (1, 2, 3))
    assert frames.find_rtu(33, request, frames.rtu(33, request[:5])) == request[:5]
    assert frames.find_rtu(33, request, frames.rtu(33, frames.write(7101, (1, 2, 3))[:5])) is None


def test_random_bytes_end_in_none_or_a_named_error() -> None:
    rng = random.Random(6)
    for _ in range(2000):
        junk = rng.randbytes(rng.randint(0, 60))
        with contextlib.suppress(frames.Refused):
            assert frames.find_rtu(1, REQUEST, junk) is None
        with contextlib.suppress(frames.Refused, ValueError):
            assert frames.find_mbap(7, 1, REQUEST, junk) is None


def test_modbus_tcp_answers_carry_their_number() -> None:
    pdu = ANSWER[1:-2]
    late, ours = frames.mbap(6, 1, pdu), frames.mbap(7, 1, pdu)
    assert frames.find_mbap(7, 1, REQUEST, late) is None
    assert frames.find_mbap(7, 1, REQUEST, late + ours) == pdu
    assert frames.find_mbap(7, 1, REQUEST, (late + ours)[:-1]) is None
    with pytest.raises(ValueError, match="no Modbus TCP header"):
        frames.find_mbap(7, 1, REQUEST, b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize(("register", "count"), [(0, 0), (0, 126), (-1, 2), (0x10000, 1)])
def test_what_no_device_may_be_asked_is_refused_at_once(register: int, count: int) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        frames.read(4, register, count)
