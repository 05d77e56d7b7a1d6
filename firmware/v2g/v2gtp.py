"""V2GTP: the eight bytes in front of every V2G payload (ISO 15118-2 clause 7.8.3, DIN SPEC 70121 clause 8.7.3).

Packs and checks headers, and puts a TCP stream back together into frames. What is in a payload is left to
`exi` and `sdp`; sockets are left to the server.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

VERSION: Final = 0x01
INVERSE_VERSION: Final = 0xFE
HEADER_LENGTH: Final = 8
MAX_PAYLOAD: Final = 65536  # octets; the largest real message, CertificateInstallationRes, has about 10 000
_HEADER: Final = struct.Struct(">BBHI")


class PayloadType(IntEnum):
    """What a frame carries. Types from 0xA000 on are the manufacturers' own."""

    EXI = 0x8001  # the handshake, and all messages of DIN 70121 and ISO 15118-2
    ISO20_MAINSTREAM = 0x8002
    ISO20_AC = 0x8003
    ISO20_DC = 0x8004
    ISO20_ACDP = 0x8005
    ISO20_WPT = 0x8006
    ISO20_AC_DER_IEC = 0x8010  # Amendment 1, as open stacks have it; not checked against the standard's text
    ISO20_AC_DER_SAE = 0x8011
    ISO20_SCHEDULE_RENEGOTIATION = 0x8101
    ISO20_METERING_CONFIRMATION = 0x8102
    ISO20_ACDP_SYSTEM_STATUS = 0x8103
    ISO20_PARKING_STATUS = 0x8104
    SDP_REQUEST = 0x9000
    SDP_RESPONSE = 0x9001
    SDP_WIRELESS_REQUEST = 0x9002
    SDP_WIRELESS_RESPONSE = 0x9003


SCHEMAS: Final[dict[int, str]] = {
    PayloadType.ISO20_MAINSTREAM: "iso20_common",
    PayloadType.ISO20_AC: "iso20_ac",
    PayloadType.ISO20_DC: "iso20_dc",
    PayloadType.ISO20_ACDP: "iso20_acdp",
    PayloadType.ISO20_WPT: "iso20_wpt",
    PayloadType.ISO20_AC_DER_IEC: "iso20_ac_der_iec",
    PayloadType.ISO20_SCHEDULE_RENEGOTIATION: "iso20_common",
    PayloadType.ISO20_METERING_CONFIRMATION: "iso20_common",
    PayloadType.ISO20_ACDP_SYSTEM_STATUS: "iso20_acdp",
    PayloadType.ISO20_PARKING_STATUS: "iso20_common",
}
"""The EXI schema set of a payload type; for EXI (0x8001) the handshake decides, so it is not here."""

ON_TCP: Final[frozenset[int]] = frozenset(PayloadType) - {
    PayloadType.SDP_REQUEST,
    PayloadType.SDP_RESPONSE,
    PayloadType.SDP_WIRELESS_REQUEST,
    PayloadType.SDP_WIRELESS_RESPONSE,
}
ON_UDP: Final[frozenset[int]] = frozenset(PayloadType) - ON_TCP


class V2gtpError(ValueError):
    """A header that no V2G peer may send; the message (SDP) or the session (TCP) ends. See the subclasses."""


class VersionMismatch(V2gtpError):
    """The first two bytes are not 0x01 0xFE."""


class UnknownPayloadType(V2gtpError):
    """The payload type is not one of those that may come here."""


class BadLength(V2gtpError):
    """The announced length is zero, beyond the cap, or not what the datagram holds."""


class Frame(NamedTuple):
    payload_type: int
    payload: bytes


def pack(payload_type: int, payload: bytes) -> bytes:
    """`payload` with its header in front; V2gtpError if no receiver would take it."""
    if not 0 <= payload_type <= 0xFFFF:
        raise UnknownPayloadType(f"V2GTP payload type {payload_type:#x}")
    _check_length(len(payload), MAX_PAYLOAD)
    return _HEADER.pack(VERSION, INVERSE_VERSION, payload_type, len(payload)) + payload


def read_header(header: bytes, *, accepted: frozenset[int] = ON_TCP, limit: int = MAX_PAYLOAD) -> tuple[int, int]:
    """(payload type, length in octets) of the first eight bytes of `header`."""
    if len(header) < HEADER_LENGTH:
        raise BadLength(f"{len(header)} octets are no V2GTP header")
    version, inverse, number, length = _HEADER.unpack_from(header)
    if (version, inverse) != (VERSION, INVERSE_VERSION):
        raise VersionMismatch(f"V2GTP version {version:#04x} {inverse:#04x}, expected 0x01 0xfe")
    if number not in accepted:
        raise UnknownPayloadType(f"V2GTP payload type {number:#06x}")
    _check_length(length, limit)
    return number, length


def _check_length(length: int, limit: int) -> None:
    if not 0 < length <= limit:
        raise BadLength(f"V2GTP payload of {length} octets, allowed are 1..{limit}")


def unpack(datagram: bytes, *, accepted: frozenset[int] = ON_UDP) -> Frame:
    """The frame in one UDP datagram, which it must fill exactly."""
    payload_type, length = read_header(datagram, accepted=accepted)
    payload = datagram[HEADER_LENGTH:]
    if len(payload) != length:
        raise BadLength(f"V2GTP announces {length} octets, the datagram has {len(payload)}")
    return Frame(payload_type, payload)


class FrameReader:
    """Frames out of a byte stream, however it was split or joined. After an error the stream is dead.

    Holds at most one incomplete frame: a header announcing more than `limit` octets is refused at once.
    """

    def __init__(self, *, accepted: frozenset[int] = ON_TCP, limit: int = MAX_PAYLOAD) -> None:
        self._accepted, self._limit = accepted, limit
        self._held = bytearray()
        self._error: V2gtpError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes; V2gtpError if the stream went wrong, now or earlier.

        A wrong header behind complete frames is reported by the next call, so that those frames are not lost.
        """
        if self._error is not None:
            raise self._error
        self._held += data
        frames: list[Frame] = []
        at = 0
        while len(self._held) - at >= HEADER_LENGTH:
            try:
                header = bytes(self._held[at : at + HEADER_LENGTH])
                payload_type, length = read_header(header, accepted=self._accepted, limit=self._limit)
            except V2gtpError as error:
                self._error = error
                self._held.clear()
                if frames:
                    return frames
                raise
            end = at + HEADER_LENGTH + length
            if len(self._held) < end:
                break
            frames.append(Frame(payload_type, bytes(self._held[at + HEADER_LENGTH : end])))
            at = end
        del self._held[:at]
        return frames

    @property
    def incomplete(self) -> bool:
        """Whether part of a frame is held: the peer closed, or fell silent, in the middle of one."""
        return bool(self._held)
