"""EXI's built-in value types as bits: readers over one big integer, writers that make text of '0' and '1'.

A stream of b bits is the integer `n`; `p` is how many bits are left of it. Reading past the end shifts by a
negative count, which Python refuses with ValueError: that is the bounds check, and it costs nothing. Writing
text and turning it into an integer once at the end is the fastest way measured in pure Python.
"""

from __future__ import annotations

from typing import Final

LONGEST_64_BIT: Final = 10  # octets of a 64-bit unsigned integer
LONGEST_INTEGER: Final = 80  # cap for xs:integer; X.509 serial numbers need 23
_HIGHEST_CODE_POINT: Final = 0x10FFFF

LOW7: Final = tuple(f"{i:08b}" for i in range(128))  # a last octet
MORE7: Final = tuple(f"1{i:07b}" for i in range(128))  # an octet with another behind it


def read_unsigned(n: int, p: int, longest: int = LONGEST_64_BIT) -> tuple[int, int]:
    """Unsigned Integer (EXI 7.1.6): groups of 7 bits, lowest first."""
    p -= 8
    octet = n >> p & 255
    if octet < 128:
        return octet, p
    value, shift = octet & 127, 7
    while True:
        p -= 8
        octet = n >> p & 255
        value |= (octet & 127) << shift
        if octet < 128:
            return value, p
        shift += 7
        if shift >= 7 * longest:
            raise ValueError("an integer that does not end")


def read_signed(n: int, p: int, longest: int = LONGEST_64_BIT) -> tuple[int, int]:
    """Integer (EXI 7.1.5): a sign bit, then the magnitude, less one when negative."""
    p -= 1
    negative = n >> p & 1
    value, p = read_unsigned(n, p, longest)
    return (-1 - value if negative else value), p


def read_octets(n: int, p: int) -> tuple[bytes, int]:
    """Binary (EXI 7.1.1): the announced length is checked against what is left before anything is made."""
    length, p = read_unsigned(n, p)
    bits = length << 3
    if bits > p:
        raise ValueError(f"{length} octets announced, {p >> 3} left")
    p -= bits
    return (n >> p & ((1 << bits) - 1)).to_bytes(length, "big"), p


def read_text(n: int, p: int) -> tuple[str, int]:
    """String literal (EXI 7.1.10): length + 2, then code points. Peers keep no string table, so a hit is an error."""
    length, p = read_unsigned(n, p)
    length -= 2
    if length < 0:
        raise ValueError("a string table hit, but V2G streams have no string table")
    bits = length << 3
    if bits > p:
        raise ValueError(f"{length} characters announced, {p >> 3} octets left")
    octets = (n >> (p - bits) & ((1 << bits) - 1)).to_bytes(length, "big")
    if octets.isascii():
        return octets.decode("ascii"), p - bits
    return read_wide_text(n, p, length)


def read_wide_text(n: int, p: int, length: int) -> tuple[str, int]:
    """Text with characters beyond U+007F, which take up to three octets each."""
    window = min(p, 24 * length)
    octets = iter(((n >> (p - window) & ((1 << window) - 1)) << (-window & 7)).to_bytes((window + 7) >> 3, "big"))
    characters = []
    for _ in range(length):
        value = shift = 0
        more = 128
        while more:
            octet = next(octets, None)
            if octet is None or shift > 14:
                raise ValueError("a character that does not end")
            more = octet & 128
            value |= (octet & 127) << shift
            shift += 7
            p -= 8
        if value > _HIGHEST_CODE_POINT or 0xD800 <= value <= 0xDFFF:
            raise ValueError(f"{value:#x} is no character")
        characters.append(chr(value))
    if p < 0:
        raise ValueError("the stream ends inside a string")
    return "".join(characters), p


def write_unsigned(value: int) -> str:
    if value < 128:
        return LOW7[value]
    text = MORE7[value & 127]
    value >>= 7
    while value > 127:
        text += MORE7[value & 127]
        value >>= 7
    return text + LOW7[value]


def write_signed(value: int) -> str:
    return "0" + write_unsigned(value) if value >= 0 else "1" + write_unsigned(-1 - value)


def write_octets(value: bytes) -> str:
    length = len(value)
    if not length:
        return LOW7[0]
    return f"{write_unsigned(length)}{int.from_bytes(value, 'big'):0{length << 3}b}"


def write_text(value: str) -> str:
    length = len(value)
    if not length:
        return LOW7[2]
    if value.isascii():
        return f"{write_unsigned(length + 2)}{int.from_bytes(value.encode('ascii'), 'big'):0{length << 3}b}"
    value.encode("utf-8")  # refuses lone surrogates: UnicodeEncodeError is a ValueError
    return write_unsigned(length + 2) + "".join([write_unsigned(ord(character)) for character in value])


def to_bytes(bits: str) -> bytes:
    """The bits as octets, the last one filled up with zeros."""
    octets = (len(bits) + 7) >> 3
    return int(bits + "0" * (-len(bits) & 7), 2).to_bytes(octets, "big")
