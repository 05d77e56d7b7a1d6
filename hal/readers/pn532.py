"""Frames of the NXP PN532 (user manual UM0701-02, 6.2) and the three commands a card reader needs, without any wire.

A host sends a frame, gets an ACK, then the answer. The wires (UART, I2C) are the drivers'.
"""

from typing import Final

from hal.contracts import DeviceError

ACK: Final = bytes.fromhex("0000ff00ff00")
SAM_NORMAL: Final = bytes([0x14, 0x01, 0x14, 0x00])  # no security module, 1 s, no interrupt line
ONE_TRY: Final = bytes([0x32, 0x05, 0xFF, 0x01, 0x01])  # answer "no card" soon instead of looking for ever
LIST_TYPE_A: Final = bytes([0x4A, 0x01, 0x00])  # one card, ISO 14443 type A, 106 kbit/s
_START: Final = b"\x00\x00\xff"
_TO_CHIP, _TO_HOST = 0xD4, 0xD5
MAX_FRAME: Final = 262


def frame(command: bytes) -> bytes:
    """A command as it goes over the wire; at most 254 bytes."""
    body = bytes([_TO_CHIP]) + command
    if len(body) > 0xFF:
        raise ValueError(f"command of {len(command)} bytes")
    length = len(body)
    return _START + bytes([length, -length & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])


def take(buffer: bytes) -> tuple[bytes | None, int]:
    """(payload after the direction byte, bytes used) of the first whole frame; (None, 0) while more must come. An ACK
    is the empty payload. Raises DeviceError for a frame that is damaged or an error frame of the chip."""
    start = buffer.find(_START)
    if start < 0:
        return None, 0
    at = start + len(_START)
    if buffer[start : start + len(ACK)] == ACK:
        return b"", start + len(ACK)
    if len(buffer) < at + 2:
        return None, 0
    length, check = buffer[at], buffer[at + 1]
    if (length, check) == (0x00, 0xFF) and len(buffer) < start + len(ACK):
        return None, 0
    if (length + check) & 0xFF:
        raise DeviceError("PN532: damaged length")
    end = at + 2 + length + 1
    if len(buffer) < end:
        return None, 0
    body = buffer[at + 2 : end - 1]
    if (sum(body) + buffer[end - 1]) & 0xFF:
        raise DeviceError("PN532: damaged frame")
    if not body or body[0] != _TO_HOST:
        raise DeviceError("PN532: it refused the command" if body[:1] == b"\x7f" else "PN532: no answer to the host")
    return body[1:], end + 1 if buffer[end : end + 1] == b"\x00" else end


def card(answer: bytes) -> str | None:
    """The identifier in an answer to LIST_TYPE_A as upper-case hex, None = no card. Raises DeviceError."""
    if answer[:1] != b"\x4b" or len(answer) < 2:
        raise DeviceError("PN532: another answer than asked for")
    if answer[1] == 0:
        return None
    if len(answer) < 7 or answer[6] not in (4, 7, 10) or len(answer) < 7 + answer[6]:
        raise DeviceError("PN532: a card without identifier")
    return answer[7 : 7 + answer[6]].hex().upper()
