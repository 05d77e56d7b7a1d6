"""Why a server ended our TLS handshake without a word: does it only know versions or suites that are not allowed?

Many servers send no alert. So one more connection is made: a hello that offers everything, and a look at what the
server chooses (RFC 5246 7.4.1.3); nothing else is said, and nothing believed (2.0.1 A00.FR.316, FR.323). Blocks: for a
thread.
"""

import contextlib
import socket
import ssl
import warnings
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from firmware.ocpp.routes import Trouble

WITHIN_S: Final = 5.0
TLS_1_2: Final = 0x0303
HANDSHAKE: Final = 22
SERVER_HELLO: Final = 2


class Choice(NamedTuple):
    """What the server would speak, as numbers of the TLS registry."""

    version: int
    suite: int


def probe(url: str, allowed: AbstractSet[int]) -> Trouble:
    """`allowed`: our suites. "unreachable" where this tells nothing."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=WITHIN_S) as server:
            server.sendall(_hello(parts.hostname or ""))
            choice = read_choice(_record(server))
    except (OSError, ValueError):
        return "unreachable"
    if choice.version < TLS_1_2:
        return "tls_version"
    return "tls_suite" if choice.suite not in allowed else "unreachable"


def _hello(host: str) -> bytes:
    """A ClientHello that offers all that our library knows up to TLS 1.2 (1.3 has nothing to complain about)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the handshake ends before there is anything to verify
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=0")
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):  # it would wait for the server now
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host).do_handshake()
    return out.read()


def _record(server: socket.socket) -> bytes:
    """The first handshake record, or its beginning. Raises ValueError for anything else, OSError."""
    data = b""
    while len(data) < 5 or len(data) < min(5 + int.from_bytes(data[3:5], "big"), 128):
        more = server.recv(4096)
        if not more:
            raise ValueError("the server said nothing")
        data += more
    if data[0] != HANDSHAKE:
        raise ValueError("no handshake")
    return data[5:]


def read_choice(message: bytes) -> Choice:
    """What a ServerHello says. Raises ValueError when it is none."""
    session = 4 + 2 + 32  # behind type and length, version, random
    if len(message) <= session or message[0] != SERVER_HELLO:
        raise ValueError("no ServerHello")
    at = session + 1 + message[session]
    if len(message) < at + 2:
        raise ValueError("a ServerHello that is cut short")
    return Choice(int.from_bytes(message[4:6], "big"), int.from_bytes(message[at : at + 2], "big"))
