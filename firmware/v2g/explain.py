"""One captured V2G frame or message as text for people: header, schema, one line, XML. `pilotline decode` prints it.

Takes what people paste: hex with blanks, colons or 0x, with or without the V2GTP header. Never part of a session.
"""

import re
import socket
from typing import Final
from xml.dom import minidom

from firmware.v2g import exi
from firmware.v2g.sdp import SdpError, read_request
from firmware.v2g.v2gtp import INVERSE_VERSION, SCHEMAS, VERSION, PayloadType, V2gtpError, unpack

EVERY_TYPE: Final = frozenset(range(0x10000))
SECURITY: Final = {0x00: "TLS", 0x10: "no TLS"}
TRANSPORT: Final = {0x00: "TCP", 0x10: "UDP"}


class Unexplained(ValueError):
    """These bytes are no V2G frame or message; the text says why."""


def explain(data: str | bytes, schema: str | None = None, *, fragment: bool = False) -> str:
    """What these bytes say. `schema` is one of the EXI schema sets' names; without it the V2GTP header decides, or the
    first bits, which tell the usual messages apart but not all that is legal. `fragment`: a signed part of a message,
    whose schema must be named. Raises Unexplained."""
    raw = from_hex(data) if isinstance(data, str) else data
    if fragment:
        if schema is None:
            raise Unexplained("a fragment does not tell its schema: name it")
        return _explain_exi(raw, schema, fragment=True)
    if raw[:2] != bytes((VERSION, INVERSE_VERSION)):
        return _explain_exi(raw, schema or _by_first_bits(raw))
    try:
        frame = unpack(raw, accepted=EVERY_TYPE)
    except V2gtpError as error:
        raise Unexplained(f"V2GTP header: {error}") from error
    header = f"V2GTP {_type_name(frame.payload_type)}, {len(frame.payload)} bytes"
    if frame.payload_type == PayloadType.SDP_REQUEST:
        return f"{header}\n{_explain_sdp_request(raw)}"
    if frame.payload_type == PayloadType.SDP_RESPONSE:
        return f"{header}\n{_explain_sdp_response(frame.payload)}"
    named = schema or SCHEMAS.get(frame.payload_type) or _by_first_bits(frame.payload)
    return f"{header}\n{_explain_exi(frame.payload, named)}"


def from_hex(text: str) -> bytes:
    """Bytes from pasted hex. Raises Unexplained."""
    digits = re.sub(r"0[xX]|[\s:,;-]", "", text)
    try:
        raw = bytes.fromhex(digits)
    except ValueError as error:
        wrong = re.search(r"[^0-9A-Fa-f]", digits)
        why = f"{wrong[0]!r} is no hex digit" if wrong else f"{len(digits)} digits, but a byte has two"
        raise Unexplained(f"not hexadecimal: {why}") from error
    if not raw:
        raise Unexplained("nothing to decode")
    return raw


def _type_name(payload_type: int) -> str:
    try:
        return f"{PayloadType(payload_type).name} ({payload_type:#06x})"
    except ValueError:
        return f"of a manufacturer ({payload_type:#06x})"


def _by_first_bits(payload: bytes) -> str:
    """The document code behind the EXI header: V2G_Message is 76 in -2 and 77 in DIN, the handshake has 0 and 1."""
    if len(payload) < 2 or payload[0] != 0x80:
        raise Unexplained("no EXI stream of V2G: it would begin with 0x80")
    if payload[1] < 0x80:
        return "app_protocol"
    by_code = {76: "iso2", 77: "din"}
    schema = by_code.get(payload[1] >> 1)
    if schema is None:
        raise Unexplained("the first bits fit neither the handshake nor DIN nor -2: name the schema")
    return schema


def _explain_exi(payload: bytes, schema: str, *, fragment: bool = False) -> str:
    try:
        message = exi.decode(payload, schema, fragment=fragment)
    except exi.ExiError as error:
        raise Unexplained(f"EXI of schema {schema}: {error}") from error
    lines = minidom.parseString(exi.to_xml(message)).toprettyxml(indent="  ").splitlines()  # noqa: S318 - our own text
    return "\n".join((f"schema {schema}", exi.log_line(message), "", *lines[1:]))  # without the XML declaration


def _explain_sdp_request(datagram: bytes) -> str:
    try:
        request = read_request(datagram)
    except SdpError as error:
        raise Unexplained(f"SDP request: {error}") from error
    return f"car asks for {SECURITY[request.security]} over {TRANSPORT[request.transport]}"


def _explain_sdp_response(payload: bytes) -> str:
    if len(payload) != 20:
        raise Unexplained(f"an SDP response has 20 bytes, this one {len(payload)}")
    address, port = socket.inet_ntop(socket.AF_INET6, payload[:16]), int.from_bytes(payload[16:18], "big")
    security = SECURITY.get(payload[18], f"security {payload[18]:#04x}")
    return f"station serves at [{address}]:{port}, {security}, {TRANSPORT.get(payload[19], 'unknown transport')}"
