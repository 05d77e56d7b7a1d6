"""The wire format of protocol buffers, as far as controller boards use it: numbers, floats, nested messages.

Source: protobuf.dev, "Encoding". What a field number means is data (message_maps.py).
"""

import struct
from typing import Final

MAX_FIELDS: Final = 256
Value = int | float | bytes
#: field number -> its last value: wire type 0 as int, 1 and 5 as float, 2 as bytes
Fields = dict[int, Value]


class ProtobufError(ValueError):
    """Bytes that are no message."""


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: Value | bool) -> bytes:
    """One field: bool and int (not negative) as varint, float as 32 bit, bytes as nested message or text."""
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    return _varint(number << 3) + _varint(int(value))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ProtobufError("ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ProtobufError("number longer than 10 bytes")


def fields(data: bytes) -> Fields:
    """Every field of a message; of a repeated one the last. Raises ProtobufError."""
    found: Fields = {}
    at = count = 0
    while at < len(data):
        count += 1
        if count > MAX_FIELDS:
            raise ProtobufError(f"more than {MAX_FIELDS} fields")
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ProtobufError("field number 0")
        if kind == 0:
            found[number], at = _read_varint(data, at)
            continue
        if kind not in (1, 2, 5):
            raise ProtobufError(f"wire type {kind}")
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            length, at = _read_varint(data, at)
        part = data[at : at + length]
        if len(part) < length:
            raise ProtobufError(f"field {number} ends too early")
        at += length
        found[number] = part if kind == 2 else struct.unpack("<f" if kind == 5 else "<d", part)[0]
    return found
