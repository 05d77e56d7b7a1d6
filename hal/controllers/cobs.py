"""Consistent Overhead Byte Stuffing (Cheshire, Baker 1999) and the checksums of the frames we put into it.

Damaged frames raise FrameError; `Splitter` never keeps more than one frame.
"""

import binascii
import zlib
from typing import Final

END: Final = b"\x00"


class FrameError(ValueError):
    """Bytes that are no frame."""


def stuff(data: bytes) -> bytes:
    """Without zeros, and without the zero that ends a frame."""
    out = bytearray()
    for part in (data + END).split(END)[:-1]:
        rest = part
        while len(rest) >= 254:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
        out += bytes((len(rest) + 1,)) + rest
    return bytes(out)


def unstuff(frame: bytes) -> bytes:
    """Raises FrameError."""
    out, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        part = frame[at + 1 : at + code]
        if code == 0 or len(part) != code - 1:
            raise FrameError(f"no COBS at byte {at}")
        out += part
        at += code
        if code < 255 and at < len(frame):
            out += END
    return bytes(out)


def crc16(data: bytes) -> bytes:
    """CRC-16/IBM-3740 ("CCITT-FALSE": poly 1021, init FFFF), big-endian; check("123456789") = 29B1."""
    return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def crc32_jam(data: bytes) -> bytes:
    """CRC-32/JAMCRC (as in zip, without the final inversion), little-endian; check("123456789") = 340BC6D9."""
    return (zlib.crc32(data) ^ 0xFFFF_FFFF).to_bytes(4, "little")


def crc8_j1850(data: bytes) -> int:
    """CRC-8/SAE-J1850 (poly 1D, init FF, xorout FF); check("123456789") = 4B."""
    crc = 0xFF
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc ^ 0xFF


def _crc8_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1 ^ 0x1D if byte & 0x80 else byte << 1) & 0xFF
    return byte


_CRC8: Final = bytes(_crc8_of(byte) for byte in range(256))


class Splitter:
    """Frames out of a stream that zeros end. What is longer than `longest` is dropped up to the next zero."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer = b""
        self._skipping = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        *whole, rest = (self._buffer + data).split(END)
        if self._skipping and whole:
            whole, self._skipping = whole[1:], False
        if len(rest) > self._longest:
            rest, self._skipping = b"", True
            self.dropped += 1
        self._buffer = b"" if self._skipping else rest
        self.dropped += sum(len(frame) > self._longest for frame in whole)
        return [frame for frame in whole if 0 < len(frame) <= self._longest]
