"""What a car is told of its EVSE's meter (ISO 15118-2 MeterInfo, shown in the charging loop and repeated by the car's
receipt): register, time, serial number and, where the meter signs each of its readings, the signature.

A meter signs a record of its own (OCMF), which is longer than the 64 bytes of SigMeterReading; so only the signature
itself goes along, as r and s without ASN.1: 48 or 64 bytes for curves of 192 and 256 bits. A longer one (384 bits) does
not fit and is left out. Who wants to check it needs the record, which the back office gets (signedMeterValue). Meters
that sign only whole sessions have nothing to show in between.
"""

from typing import Any, Final, NamedTuple

import msgspec

from firmware.station.facts import Sample

SIGNATURE_SIZE: Final = 64  # sigMeterReadingType
_HALVES: Final = (24, 32)  # bytes of r and of s
_INTEGER, _SEQUENCE = 0x02, 0x30


class MeterReading(NamedTuple):
    """`wh`: whole Wh of the import register; `at`: UTC s; `serial` "" and `signature` None where not known."""

    wh: int
    at: int
    serial: str = ""
    signature: bytes | None = None


def reading_of(sample: Sample) -> MeterReading:
    """The meter's present words for the car."""
    plain = MeterReading(max(0, int(sample.energy_wh)), int(sample.at))
    if sample.signed is None:
        return plain
    sections = sample.signed.strip().split("|")
    if len(sections) != 3 or sections[0] != "OCMF":
        return plain
    fields, signed = _fields(sections[1]), _fields(sections[2])
    serial = str(fields.get("MS") or fields.get("GS") or "")
    return plain._replace(serial=serial, signature=_without_asn1(_bytes(signed)))


def _fields(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def _bytes(signed: dict[str, Any]) -> bytes:
    data, encoding = signed.get("SD"), signed.get("SE", "hex")
    if not isinstance(data, str) or encoding not in {"hex", "base64"}:
        return b""
    try:
        return bytes.fromhex(data) if encoding == "hex" else msgspec.json.decode(f'"{data}"', type=bytes)
    except (ValueError, msgspec.MsgspecError):
        return b""


def _without_asn1(der: bytes) -> bytes | None:
    """r and s of an ECDSA signature (SEQUENCE of two INTEGERs), each padded to the curve's width; None where it is none
    or too long."""
    if len(der) < 8 or der[0] != _SEQUENCE or der[1] != len(der) - 2:
        return None
    halves, rest = [], der[2:]
    while rest:
        if len(rest) < 2 or rest[0] != _INTEGER or len(rest) < 2 + rest[1]:
            return None
        halves.append(rest[2 : 2 + rest[1]].lstrip(b"\0"))
        rest = rest[2 + rest[1] :]
    width = next((each for each in _HALVES if each >= max(map(len, halves))), None)
    if len(halves) != 2 or width is None:
        return None
    return b"".join(half.rjust(width, b"\0") for half in halves)
