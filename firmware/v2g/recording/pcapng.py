"""Blocks of a pcapng file (draft-ietf-opsawg-pcapng): one section, one Ethernet interface, nanoseconds. Pure."""

import struct
from typing import Final

_SECTION, _INTERFACE, _STATISTICS, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 5, 6, 0x0A
_BYTE_ORDER: Final = 0x1A2B3C4D
_ETHERNET: Final = 1
_TLS_KEY_LOG: Final = 0x544C534B
_COMMENT: Final = 1
_INBOUND, _OUTBOUND = 1, 2  # epb_flags, bits 0-1
WHOLE: Final = 0  # snaplen: nothing is cut


def section(application: str, comment: str) -> bytes:
    """Section Header Block, of unknown length: the file may end at any block."""
    options = _option(_COMMENT, comment.encode()) + _option(4, application.encode()) + _END
    return _block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + options)


def interface(name: str, mac: bytes) -> bytes:
    """Interface Description Block; interface 0 of every packet."""
    options = _option(2, name.encode()) + _option(6, mac) + _option(9, b"\x09") + _END  # if_tsresol: 10^-9 s
    return _block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, WHOLE) + options)


def packet(at: float, data: bytes, *, from_car: bool, comment: str = "") -> bytes:
    """Enhanced Packet Block. `at`: UTC seconds."""
    at_ns = max(0, round(at * 1e9))
    head = struct.pack("<IIIII", 0, at_ns >> 32 & 0xFFFFFFFF, at_ns & 0xFFFFFFFF, len(data), len(data))
    options = _option(2, struct.pack("<I", _INBOUND if from_car else _OUTBOUND))
    if comment:
        options = _option(_COMMENT, comment.encode()) + options
    return _block(_PACKET, head + _padded(data) + options + _END)


def tls_secrets(key_log: bytes) -> bytes:
    """Decryption Secrets Block with lines of an NSS key log; before the packets that need them."""
    return _block(_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(key_log)) + _padded(key_log))


def statistics(at: float, *, seen: int, dropped: int, comment: str) -> bytes:
    """Interface Statistics Block: how many packets there were, and how many are not in the file."""
    at_ns = max(0, round(at * 1e9))
    options = _option(_COMMENT, comment.encode())
    options += _option(4, struct.pack("<Q", seen)) + _option(5, struct.pack("<Q", dropped)) + _END
    return _block(_STATISTICS, struct.pack("<III", 0, at_ns >> 32 & 0xFFFFFFFF, at_ns & 0xFFFFFFFF) + options)


def _block(kind: int, body: bytes) -> bytes:
    body = _padded(body)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


_END: Final = bytes(4)
