"""What generated code calls: value readers that know the first octet already, and tables for the writers.

Every function raises ValueError, KeyError or TypeError on anything it cannot do; the codec then finds out, by
the interpreter, what was wrong and where.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final

from firmware.v2g.exi.bits import LONGEST_64_BIT, LOW7, MORE7, read_wide_text, write_text, write_unsigned

BOOLEAN: Final = {False: "000", True: "010"}  # start of content, value, end of element


# -- reading: `octet` is the first octet of a number or of a length, already taken ---------------------------


def more(n: int, p: int, octet: int, highest: int, longest: int = LONGEST_64_BIT) -> tuple[int, int]:
    """The rest of an unsigned integer whose first octet says that more follow."""
    value, shift = octet & 127, 7
    while octet > 127:
        if shift >= 7 * longest:
            raise ValueError("an integer that does not end")
        p -= 8
        octet = n >> p & 255
        value |= (octet & 127) << shift
        shift += 7
    if value > highest:
        raise ValueError(f"{value} is out of range")
    return value, p


def text(n: int, p: int, length: int) -> tuple[str, int]:
    """A string whose length + 2 begins with the octet `length`."""
    if length > 127:
        length, p = more(n, p, length, p)
    bits = (length - 2) << 3
    # A negative or too long length makes a negative shift below: ValueError.
    octets = (n >> (p - bits) & ((1 << bits) - 1)).to_bytes(length - 2, "big")
    if octets.isascii():
        return octets.decode("ascii"), p - bits
    return read_wide_text(n, p, length - 2)


def octets(n: int, p: int, length: int) -> tuple[bytes, int]:
    """Binary whose length begins with the octet `length`."""
    if length > 127:
        length, p = more(n, p, length, p)
    bits = length << 3
    p -= bits
    return (n >> p & ((1 << bits) - 1)).to_bytes(length, "big"), p


# -- writing ----------------------------------------------------------------------------------------------


def enumeration_bits(members: tuple[StrEnum, ...]) -> dict[StrEnum, str]:
    """Value -> start of content, index, end of element."""
    width = (len(members) - 1).bit_length()
    return {member: f"0{index:0{width}b}0" if width else "00" for index, member in enumerate(members)}


def integer_bits(minimum: int, maximum: int) -> dict[int, str]:
    """Value -> start of content, offset, end of element."""
    width = (maximum - minimum).bit_length()
    return {value: f"0{value - minimum:0{width}b}0" if width else "00" for value in range(minimum, maximum + 1)}


def unsigned_bits(value: int, maximum: int) -> str:
    if 0 <= value < 128:
        return LOW7[value]
    if 0 <= value <= maximum:
        return write_unsigned(value)
    raise ValueError


def positive_bits(value: int, minimum: int, maximum: int) -> str:
    if value < minimum:
        raise ValueError
    return unsigned_bits(value, maximum)


def short_bits(value: int) -> str:
    """xs:short, the number in every PhysicalValue and RationalNumber."""
    if value >= 0:
        if value < 128:
            return "0" + LOW7[value]
        if value < 16384:
            return f"0{MORE7[value & 127]}{LOW7[value >> 7]}"
        if value <= 32767:
            return f"0{MORE7[value & 127]}{MORE7[value >> 7 & 127]}{LOW7[value >> 14]}"
    elif value >= -32768:
        return "1" + write_unsigned(-1 - value)
    raise ValueError


def signed_bits(value: int, minimum: int, maximum: int) -> str:
    if not minimum <= value <= maximum:
        raise ValueError
    return "0" + write_unsigned(value) if value >= 0 else "1" + write_unsigned(-1 - value)


def text_bits(value: str, minimum: int, maximum: int) -> str:
    length = len(value)
    if length and not minimum <= length <= maximum:
        raise ValueError
    if length and length < 126 and value.isascii():
        return f"{LOW7[length + 2]}{int.from_bytes(value.encode(), 'big'):0{length << 3}b}"
    return write_text(value)


# Session, EVSE and meter ids come again in every message of a session.
short_text_bits: Final = lru_cache(maxsize=128)(text_bits)


def octet_bits(value: bytes, minimum: int, maximum: int) -> str:
    length = len(value)
    if not length:
        return LOW7[0]
    if not minimum <= length <= maximum:
        raise ValueError
    return f"{write_unsigned(length)}{int.from_bytes(value, 'big'):0{length << 3}b}"


short_octet_bits: Final = lru_cache(maxsize=128)(octet_bits)
