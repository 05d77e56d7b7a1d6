"""V2GTP, the 8-byte header before every V2G message (ISO 15118-2 clause 7.8): version, type, length, payload.

Frames arrive split and joined as TCP likes; `FrameReader` cuts them. What is in the payload is others' business.
"""

from typing import Final, NamedTuple

HEADER_LENGTH: Final = 8
VERSION: Final = 0x01
MAX_PAYLOAD: Final = 65_536  # the biggest real message (CertificateInstallationRes) has 5-10 kB


class V2gtpError(ValueError):
    """No V2GTP frame; the text says why. A stream cannot be read any further after it."""


class Frame(NamedTuple):
    payload_type: int
    payload: bytes


def pack(payload_type: int, payload: bytes) -> bytes:
    """Header and payload. Raises V2gtpError for what no peer would accept."""
    if not 0 <= payload_type <= 0xFFFF:
        raise V2gtpError(f"payload type {payload_type} does not fit into 16 bits")
    if len(payload) > MAX_PAYLOAD:
        raise V2gtpError(f"payload of {len(payload)} bytes; at most {MAX_PAYLOAD}")
    return (
        bytes((VERSION, VERSION ^ 0xFF)) + payload_type.to_bytes(2, "big") + len(payload).to_bytes(4, "big") + payload
    )


def read_header(data: bytes) -> tuple[int, int]:
    """(payload type, length) of the first 8 bytes. Raises V2gtpError."""
    if len(data) < HEADER_LENGTH:
        raise V2gtpError(f"a header has {HEADER_LENGTH} bytes, these are {len(data)}")
    if data[0] != VERSION or data[1] != VERSION ^ 0xFF:
        raise V2gtpError(f"version {data[0]:#04x}, inverse {data[1]:#04x}")
    length = int.from_bytes(data[4:8], "big")
    if length > MAX_PAYLOAD:
        raise V2gtpError(f"announces {length} bytes; at most {MAX_PAYLOAD}")
    return int.from_bytes(data[2:4], "big"), length


def unpack(datagram: bytes) -> Frame:
    """A datagram that holds exactly one frame. Raises V2gtpError."""
    payload_type, length = read_header(datagram)
    payload = datagram[HEADER_LENGTH:]
    if len(payload) != length:
        raise V2gtpError(f"announces {length} bytes, has {len(payload)}")
    return Frame(payload_type, payload)


class FrameReader:
    """Cuts a byte stream into frames. Holds at most one incomplete frame."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises V2gtpError at the first header that is none."""
        self._data += data
        frames = []
        while len(self._data) >= HEADER_LENGTH:
            payload_type, length = read_header(self._data[:HEADER_LENGTH])
            end = HEADER_LENGTH + length
            if len(self._data) < end:
                break
            frames.append(Frame(payload_type, self._data[HEADER_LENGTH:end]))
            self._data = self._data[end:]
        return frames
