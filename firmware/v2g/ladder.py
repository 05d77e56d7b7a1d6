"""A captured session as a ladder for people: one line per message, car to the left, with the time between them.

The schema of each message comes from the V2GTP payload type and, for 0x8001, from the handshake of the same connection.
TLS is read with the key log of the session, and only named where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from firmware.v2g import exi
from firmware.v2g.capture import Address, CaptureError, Piece, pieces, tls_secrets
from firmware.v2g.messages.app_protocol import SupportedAppProtocolReq, SupportedAppProtocolRes
from firmware.v2g.tls_capture import KeyLog, TlsError, TlsReader, read_key_log
from firmware.v2g.v2gtp import SCHEMAS, Frame, FrameReader, PayloadType, V2gtpError, unpack

SCHEMA_OF_NAMESPACE = {"urn:din:70121:2012:MsgDef": "din", "urn:iso:15118:2:2013:MsgDef": "iso2"}
_TLS_HANDSHAKE = b"\x16\x03"
_SDP_PORT = 15118


class _Connection:
    """What is known of one TCP connection: who is the car, and what the handshake agreed on."""

    def __init__(self, car: Address, keys: KeyLog | None) -> None:
        self.car = car
        self.keys = keys
        self.tls: TlsReader | None = None
        self.readers: dict[Address, FrameReader] = {}
        self.offered: dict[int, str] = {}  # SchemaID -> namespace
        self.schema: str | None = None
        self.unreadable = False

    def line(self, frame: Frame) -> str:
        schema = SCHEMAS.get(frame.payload_type) or self.schema or "app_protocol"
        try:
            message = exi.decode(frame.payload, schema)
        except exi.ExiError as error:
            return f"EXI of schema {schema}: {error}"
        if isinstance(message, SupportedAppProtocolReq):
            self.offered = {one.schema_id: one.protocol_namespace for one in message.app_protocol}
        elif isinstance(message, SupportedAppProtocolRes) and message.schema_id in self.offered:
            self.schema = SCHEMA_OF_NAMESPACE.get(self.offered[message.schema_id])
        return exi.log_line(message)


def ladder(capture: bytes, key_log: str | None = None) -> Iterator[str]:
    """The lines of every V2G connection and SDP exchange in a capture; CaptureError if it is none.

    `key_log` is the text of an SSLKEYLOGFILE; a pcapng file may bring its own.
    """
    key_log = key_log or tls_secrets(capture)
    keys = read_key_log(key_log) if key_log else None
    connections: dict[frozenset[Address], _Connection] = {}
    start: float | None = None
    for piece in pieces(capture):
        start = piece.time if start is None else start
        for side, text in _of_piece(piece, connections, keys):
            yield f"{piece.time - start:10.4f}  {side}  {text}"


def ladder_of_file(path: Path, key_log: Path | None = None) -> str:
    """The ladder as text; CaptureError where the file is no capture or has nothing of V2G in it."""
    lines = list(ladder(path.read_bytes(), None if key_log is None else key_log.read_text("ascii", "replace")))
    if not lines:
        raise CaptureError(f"{path.name}: no V2G in this capture")
    return "\n".join(lines)


def _of_piece(
    piece: Piece, connections: dict[frozenset[Address], _Connection], keys: KeyLog | None
) -> Iterator[tuple[str, str]]:
    if not piece.tcp:
        if _SDP_PORT in (piece.source.port, piece.destination.port):
            yield _sdp(piece)
        return
    key = frozenset((piece.source, piece.destination))
    if piece.event == "open" or key not in connections:
        connections[key] = _Connection(piece.source, keys)
    connection = connections[key]
    side = "EV → EVSE" if piece.source == connection.car else "EV ← EVSE"
    if piece.event in ("close", "reset"):
        if connection.readers and not connection.unreadable:
            yield side, f"TCP {piece.event} by {piece.source}"
        return
    if piece.event == "open":
        return
    yield from ((side, text) for text in _frames(piece, connection))


def _frames(piece: Piece, connection: _Connection) -> Iterator[str]:
    if connection.unreadable:
        return
    data, first = piece.data, piece.source not in connection.readers
    if first:
        connection.readers[piece.source] = FrameReader()
    if first and connection.tls is None and data.startswith(_TLS_HANDSHAKE):
        if connection.keys is None:
            connection.unreadable = True
            yield f"TLS to {piece.destination}: give the key log to read it"
            return
        connection.tls = TlsReader(connection.keys)
        yield f"TLS to {piece.destination}"
    reader = connection.readers[piece.source]
    try:
        if connection.tls is not None:
            data = connection.tls.feed(piece.source == connection.car, data)
        for frame in reader.feed(data):
            yield connection.line(frame)
        reader.feed(b"")
    except TlsError as error:
        connection.unreadable = True
        yield f"TLS: {error}"
    except V2gtpError:
        connection.unreadable = True  # some other protocol, or a capture with a hole in it


def _sdp(piece: Piece) -> tuple[str, str]:
    asked = piece.destination.port == _SDP_PORT
    side = "EV → EVSE" if asked else "EV ← EVSE"
    try:
        frame = unpack(piece.data)
    except V2gtpError as error:
        return side, f"SDP: {error}"
    payload = frame.payload
    if frame.payload_type == PayloadType.SDP_REQUEST and len(payload) == 2:
        return side, f"SDP request, {'TLS' if payload[0] == 0 else 'no TLS'}"
    if frame.payload_type == PayloadType.SDP_RESPONSE and len(payload) == 20:
        return (
            side,
            f"SDP response, port {int.from_bytes(payload[16:18], 'big')}, {'TLS' if payload[18] == 0 else 'no TLS'}",
        )
    return side, f"SDP of type {frame.payload_type:#06x}, {len(payload)} octets"
