"""SML and D0 telegrams: one of a real meter, broken ones, random bytes."""

import random

import pytest

from hal.meters.sml import MAX_TELEGRAM, TelegramError, crc_x25, next_d0, next_sml

# an EMH eHZ as its optical port sends it: manufacturer, device id, import (all digits), export, power
EMH = bytes.fromhex(
    "1b1b1b1b010101017605007701be6200620072630101760107ffffffffffff050027ab400b0a01454d480000b8ef797262016501691cc0"
    "620163bf91007605007701bf62006200726307017707ffffffffffff0b0a01454d480000b8ef79070100620affff7262016501691cc075"
    "77070100603201010101010104454d480177070100600100ff010101010b0a01454d480000b8ef790177070100010800ff641c81047262"
    "016501691cc0621e52ff690000000002a021180177070100020800ff017262016501691cc0621e52ff6900000000000006110177070100"
    "100700ff017262016501691cc0621b5200550000072d01010163ebc5007605007701c062006200726302017101633256000000001b1b1b"
    "1b1a035946"
)


def test_a_real_meters_telegram_is_read() -> None:
    telegram, rest = next_sml(EMH)
    assert telegram is not None and rest == b""
    assert telegram.values == {
        "1.8.0": pytest.approx(0x2A02118 / 10),
        "2.8.0": pytest.approx(0x611 / 10),
        "16.7.0": 0x72D,
    }


def test_the_checksum_is_that_of_x25() -> None:
    assert crc_x25(b"123456789") == 0x906E


def test_a_telegram_is_found_in_a_stream_cut_anywhere() -> None:
    stream = EMH[100:] + EMH + EMH[:70]
    left, found = b"", 0
    for at in range(0, len(stream), 13):
        left += stream[at : at + 13]
        telegram, left = next_sml(left)
        found += telegram is not None
    assert found == 1 and len(left) <= 100


@pytest.mark.parametrize("at", range(8, len(EMH) - 8, 5))
def test_one_wrong_byte_is_no_reading(at: int) -> None:
    broken = EMH[:at] + bytes((EMH[at] ^ 0x55,)) + EMH[at + 1 :]
    try:
        telegram, _ = next_sml(broken)
    except TelegramError:
        return
    assert telegram is None


def framed(body: bytes) -> bytes:
    fill = -len(body) % 4
    raw = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" + body + b"\0" * fill + b"\x1b\x1b\x1b\x1b\x1a" + bytes((fill,))
    return raw + crc_x25(raw).to_bytes(2, "little")


@pytest.mark.parametrize("body", [b"\x71" * 40, b"\xff\xff\xff\xff\xff", b"\x7f", b"\x69\x00", b"\xf1\x80\x01", b""])
def test_nonsense_with_a_right_checksum_is_bounded(body: bytes) -> None:
    try:
        telegram, _ = next_sml(framed(body))
    except TelegramError:
        return
    assert telegram is not None and telegram.values == {}


def test_random_bytes_end_in_nothing_or_a_named_error() -> None:
    rng = random.Random(8)
    for _ in range(500):
        junk = rng.randbytes(rng.randint(0, 80))
        for raw in (junk, framed(junk)):
            try:
                telegram, _ = next_sml(raw)
            except TelegramError:
                continue
            assert telegram is None or telegram.values == {}


def test_what_never_ends_is_given_up() -> None:
    with pytest.raises(TelegramError, match="no end"):
        next_sml(EMH[:20] + b"\x01" * MAX_TELEGRAM)
    with pytest.raises(TelegramError, match="no end"):
        next_d0(b"/" + b"1" * (MAX_TELEGRAM + 1))


D0 = (
    b"/ESY5Q3DA1024 V3.04\r\n\r\n1-0:0.0.0*255(1ESY1160000000)\r\n1-0:1.8.0*255(00026107.7034231*kWh)\r\n"
    b"1-0:2.8.0*255(00000001.5*kWh)\r\n1-0:21.7.0*255(000200.13*W)\r\n1-0:16.7.0*255(-000151.42*W)\r\n!\r\n"
)


def test_a_d0_telegram_is_read() -> None:
    telegram, rest = next_d0(b"garbage" + D0)
    assert telegram is not None and rest == b"\r\n"
    assert telegram.values["1.8.0"] == pytest.approx(26107703.4231)
    assert telegram.values["2.8.0"] == 1500.0 and telegram.values["16.7.0"] == -151.42


SEVEN_BITS = bytes(byte | (byte.bit_count() & 1) << 7 for byte in D0)


def test_a_d0_telegram_in_seven_bits_is_the_same_in_whole_and_in_pieces() -> None:
    assert not SEVEN_BITS.isascii()
    telegram, rest = next_d0(SEVEN_BITS)
    plain, _ = next_d0(D0)
    assert telegram == plain and rest == SEVEN_BITS[-2:]
    nothing, left = next_d0(SEVEN_BITS[:100])
    assert nothing is None and next_d0(left + SEVEN_BITS[100:])[0] == plain


def test_one_wrong_bit_in_seven_is_found_wherever_it_is() -> None:
    for at in range(len(SEVEN_BITS) - 3):
        for bit in range(8):
            wrong = SEVEN_BITS[:at] + bytes((SEVEN_BITS[at] ^ 1 << bit,)) + SEVEN_BITS[at + 1 :]
            with pytest.raises(TelegramError, match="parity"):
                next_d0(wrong)


@pytest.mark.parametrize("text", [b"/x!", b"/1-0:1.8.0*255(1.2.3*kWh)!"])
def test_a_d0_telegram_without_a_number_is_refused(text: bytes) -> None:
    with pytest.raises(TelegramError):
        next_d0(text)
