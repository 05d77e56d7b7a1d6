"""Household meters that talk by themselves through their optical port: SML 1.04 (BSI TR-03109-1) and D0 (IEC 62056-21
mode D). Bytes in, values by OBIS code out; pure and bounded.

Of SML only what the port sends: transport with CRC-16/X.25, and the lists of values in SML_GetList.Res. No
library: SmlLib is GPL, pysml would bring aiohttp, bitstring and an event loop into the guard.
"""

import re
from typing import Final, NamedTuple

MAX_TELEGRAM: Final = 8_192
_MAX_DEPTH: Final = 12
_ESCAPE: Final = b"\x1b\x1b\x1b\x1b"
_START: Final = _ESCAPE + b"\x01\x01\x01\x01"
_GET_LIST: Final = 0x701
#: DLMS unit codes (IEC 62056-62) -> factor to Wh, W, V, A, Hz
_UNITS: Final = {30: 1.0, 27: 1.0, 35: 1.0, 33: 1.0, 44: 1.0}
_D0_UNITS: Final = {"kWh": 1000.0, "Wh": 1.0, "kW": 1000.0, "W": 1.0, "V": 1.0, "A": 1.0, "Hz": 1.0}
_D0_LINE: Final = re.compile(
    rb"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\*\d{1,3})?\(([-+]?[\d.]{1,20})\*(\w{1,4})\)"
)


class TelegramError(Exception):
    """Bytes that are no telegram."""


class Telegram(NamedTuple):
    """Values by `C.D.E` of their OBIS code ("1.8.0"), in Wh, W, V, A, Hz."""

    values: dict[str, float]


def crc_x25(data: bytes) -> int:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0x8408 if value & 1 else value >> 1
    return value ^ 0xFFFF


def next_sml(received: bytes) -> tuple[Telegram | None, bytes]:
    """(first whole telegram, what is left of the bytes). Raises TelegramError for one that is broken; what is to be
    kept then begins behind its start, see `rest_after`."""
    start = received.find(_START)
    if start < 0:
        return None, received[-len(_START) + 1 :]
    end = _end(received, start + len(_START))
    if end is None:
        if len(received) - start > MAX_TELEGRAM:
            raise TelegramError(f"no end within {MAX_TELEGRAM} bytes")
        return None, received[start:]
    whole, rest = received[start:end], received[end:]
    if crc_x25(whole[:-2]) != int.from_bytes(whole[-2:], "little"):
        raise TelegramError("wrong checksum")
    body = whole[len(_START) : -8]
    fill = whole[-3]
    if fill > 3:
        raise TelegramError(f"{fill} fill bytes")
    return Telegram(_values(body[: len(body) - fill].replace(_ESCAPE * 2, _ESCAPE))), rest


def rest_after(received: bytes) -> bytes:
    """The bytes behind the start of a broken telegram."""
    start = received.find(_START)
    return received[start + len(_START) :] if start >= 0 else b""


def _end(received: bytes, at: int) -> int | None:
    """Behind the end marker and its CRC. An escape that is data comes twice."""
    while (at := received.find(_ESCAPE, at)) >= 0:
        mark = received[at + 4 : at + 8]
        if len(mark) < 4:
            return None
        if mark[:1] == b"\x1a":
            return at + 8
        at += 8 if mark == _ESCAPE else 1
    return None


# --- the binary list encoding -----------------------------------------------------------------------------------------

Node = bytes | int | bool | list["Node"] | None


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def node(self, depth: int = 0) -> Node:
        if depth > _MAX_DEPTH:
            raise TelegramError("nested too deeply")
        first = self._byte()
        if first == 0x00:
            return None  # end of message
        kind, length, head = first & 0x70, first & 0x0F, 1
        while first & 0x80:
            first = self._byte()
            length, head = length << 4 | first & 0x0F, head + 1
            if head > 4:
                raise TelegramError("a length of more than four bytes")
        if kind == 0x70:
            return [self.node(depth + 1) for _ in range(min(length, MAX_TELEGRAM))]
        raw = self._take(length - head)
        if kind == 0x00:
            return raw or None
        if kind == 0x40:
            return any(raw)
        if kind in (0x50, 0x60) and 1 <= len(raw) <= 8:
            return int.from_bytes(raw, "big", signed=kind == 0x50)
        raise TelegramError(f"type {kind:#04x} of {len(raw)} bytes")

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        taken = self.raw[self.at : self.at + count]
        if count < 0 or len(taken) < count:
            raise TelegramError("ends inside a value")
        self.at += count
        return taken


def _values(body: bytes) -> dict[str, float]:
    reader, values = _Reader(body), dict[str, float]()
    while reader.at < len(body):
        message = reader.node()
        match message:
            case [_, _, _, [int(kind), [_, _, _, _, list(entries), *_]], *_] if kind == _GET_LIST:
                for entry in entries:
                    _take_entry(entry, values)
            case _:
                continue
    return values


def _take_entry(entry: Node, values: dict[str, float]) -> None:
    """objName, status, valTime, unit, scaler, value, signature"""
    match entry:
        case [bytes(obis), _, _, int(unit), scaler, int(value), _] if len(obis) == 6 and unit in _UNITS:
            exponent = scaler if isinstance(scaler, int) else 0
            values[".".join(str(byte) for byte in obis[2:5])] = value * _UNITS[unit] * 10.0**exponent
        case _:
            return


# --- D0 ---------------------------------------------------------------------------------------------------------------


def next_d0(received: bytes) -> tuple[Telegram | None, bytes]:
    """Like `next_sml`, for the ASCII telegram between `/` and `!`, in 8 bits or, as IEC 62056-21 has it, in 7 with even
    parity: that is its only protection. Raises TelegramError."""
    raw, received = received, _without_parity(received)
    start = received.find(b"/")
    if start < 0:
        return None, b""
    end = received.find(b"!", start)
    if end < 0:
        if len(received) - start > MAX_TELEGRAM:
            raise TelegramError(f"no end within {MAX_TELEGRAM} bytes")
        return None, raw[start:]
    values: dict[str, float] = {}
    for found in _D0_LINE.finditer(received[start:end]):
        unit = found[7].decode("ascii", "replace")
        try:
            number = float(found[6])
        except ValueError as error:
            raise TelegramError(f"value {found[6]!r}") from error
        if unit in _D0_UNITS:
            values.setdefault(".".join(str(int(part)) for part in found.group(3, 4, 5)), number * _D0_UNITS[unit])
    if not values:
        raise TelegramError("no values in it")
    return Telegram(values), raw[end + 1 :]


def _without_parity(received: bytes) -> bytes:
    """Seven bits of each character; ASCII has no eighth, so one that is set is parity. Raises TelegramError."""
    if received.isascii():
        return received
    if any(byte.bit_count() & 1 for byte in received):
        raise TelegramError("parity")
    return bytes(byte & 0x7F for byte in received)
