"""The WebSocket to the back office: dials it, negotiates the version, and nothing else. Sockets are touched only here.

OCPP-J 1.6 ch. 3, 2.0.1 part 4 ch. 3; security profiles 0 (none), 1 (basic authentication), 2 (TLS with it) and 3 (TLS
with a certificate of ours), 2.0.1 part 2 A00.
"""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from socket import SOCK_STREAM, getaddrinfo
from typing import Final, Protocol
from urllib.parse import quote

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidMessage, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from firmware.ocpp.ocpp_j import MAX_FRAME
from firmware.ocpp.routes import Trouble
from firmware.ocpp.tls_probe import probe
from firmware.ocpp.websocket import Closed, WebSocket
from firmware.station.certificates import LinkMaterial

OPEN_S: Final = 30.0

#: TLS 1.2 with forward secrecy first; RSA key exchange last, for A00.FR.319 names it. TLS 1.3 has only good ones.
SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384:!aNULL:!PSK"
#: OpenSSL's words for what went wrong
_VERSION_REASONS: Final = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"}
_SUITE_REASONS: Final = {
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "NO_CIPHERS_AVAILABLE",
    "WRONG_CIPHER_RETURNED",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "DH_KEY_TOO_SMALL",
}
_WEAK_REASONS: Final = {"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}


class LinkError(Exception):
    """No connection, or not any more: why, for people, and what was the trouble."""

    def __init__(self, text: str, trouble: Trouble = "unreachable") -> None:
        super().__init__(text)
        self.trouble: Trouble = trouble


class Connection(Protocol):
    """What a session needs: a `Link`, or a log that is played."""

    subprotocol: str

    async def send(self, text: str) -> None: ...

    def frames(self) -> AsyncIterator[str | bytes]: ...

    async def ping(self, within_s: float) -> None: ...

    async def close(self) -> None: ...


class Link:
    """One open connection."""

    def __init__(self, socket: WebSocket, subprotocol: str) -> None:
        self._socket = socket
        self.subprotocol = subprotocol
        self.root = _root(socket)  # of the back office's certificate (DER), b"" without TLS

    async def send(self, text: str) -> None:
        """Raises LinkError when the connection is gone."""
        try:
            await self._socket.send(text)
        except Closed as closed:
            raise LinkError(str(closed)) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        """Frames as they come. Raises LinkError when the connection is gone, also when it was closed in order."""
        while True:
            try:
                yield await self._socket.receive()
            except Closed as closed:
                raise LinkError(str(closed)) from None

    async def ping(self, within_s: float) -> None:
        """Ask for a sign of life. Raises LinkError without a pong in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._socket.ping()
        except TimeoutError:
            raise LinkError(f"no pong within {within_s:.0f} s") from None
        except Closed as closed:
            raise LinkError(str(closed)) from None

    async def close(self) -> None:
        await self._socket.close()


async def dial(
    url: str,
    identity: str,
    subprotocols: Sequence[str],
    password: bytes | None = None,
    material: LinkMaterial | None = None,
) -> Link:
    """Connect to `url`/`identity`, offering versions in order of preference. `password` for basic authentication,
    `material` for wss. Raises LinkError."""
    headers = {"User-Agent": "Pilotline"}
    if password is not None:
        credentials = base64.b64encode(identity.encode() + b":" + password).decode()
        headers["Authorization"] = f"Basic {credentials}"
    context: ssl.SSLContext | None = None
    socket: WebSocket | None = None
    try:
        if url.startswith("wss:"):
            context = await asyncio.to_thread(_tls, material or LinkMaterial())
        # no compression: it is optional for a station (2.0.1 part 4, 3.3), its buffers cost more than our few bytes
        wire = ClientProtocol(
            parse_uri(f"{url.rstrip('/')}/{quote(identity, safe='')}"),
            subprotocols=[Subprotocol(each) for each in subprotocols],
            max_size=4 * MAX_FRAME,  # bytes of UTF-8
        )
        socket = WebSocket(wire, headers)
        await _open(socket, wire, context)
    except (OSError, TimeoutError, EOFError, ValueError, WebSocketException) as error:  # ValueError: no address
        trouble = trouble_of(error)
        if trouble == "unreachable" and socket is not None and socket.lost_by is not None:
            trouble = trouble_of(socket.lost_by)  # TLS 1.3: our certificate is refused after the handshake
        if trouble == "unreachable" and isinstance(error, InvalidMessage) and material is not None and material.chain:
            trouble = "client_certificate"  # TLS stands, and the server hangs up before a word of HTTP
        if trouble == "unreachable" and context is not None and isinstance(error, ConnectionResetError | EOFError):
            ours = frozenset(int(each["id"]) & 0xFFFF for each in context.get_ciphers())
            trouble = await asyncio.to_thread(probe, url, ours)
        raise LinkError(f"{type(error).__name__}: {error}", trouble) from None
    if socket.subprotocol is None:  # part 4, 3.2: the server agreed to none of our versions
        await socket.close()
        raise LinkError("the back office speaks none of " + ", ".join(subprotocols))
    return Link(socket, socket.subprotocol)


def is_private(host: str) -> bool:
    """Is every address of the host in a private network, or this machine? Blocks. Raises LinkError for no address."""
    try:
        found = getaddrinfo(host, None, type=SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LinkError(f"{host}: {error}") from None
    return all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_private for each in found)


async def _open(socket: WebSocket, wire: ClientProtocol, context: ssl.SSLContext | None) -> None:
    """Raises OSError, TimeoutError, WebSocketException."""
    try:
        async with asyncio.timeout(OPEN_S):
            host, port = wire.uri.host, wire.uri.port
            await asyncio.get_running_loop().create_connection(lambda: socket, host, port, ssl=context)
            await socket.opened()
    except BaseException:  # also a cancellation: nobody else would close it
        socket.abort()
        raise


def _tls(material: LinkMaterial) -> ssl.SSLContext:
    """Verifies chain and name; TLS 1.2 or newer (2.0.1 A00.FR.308 to FR.321). Reads files: not in the loop. Raises
    OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_COMPRESSION
    if material.roots is None:
        context.load_default_certs()
    elif material.roots:
        context.load_verify_locations(cadata=material.roots)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # a root that its predecessor signed is one
    if material.chain and material.key:
        context.load_cert_chain(material.chain, material.key)
    return context


def trouble_of(error: BaseException) -> Trouble:
    """What kept a connection from coming about."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, InvalidStatus) and seen.response.status_code in {401, 403}:
            return "password"
        if isinstance(seen, ssl.SSLCertVerificationError):
            return "server_certificate"
        if isinstance(seen, ssl.SSLError):
            return _tls_trouble(seen)
        seen = seen.__cause__ or seen.__context__
    return "unreachable"


def _tls_trouble(error: ssl.SSLError) -> Trouble:
    reason = error.reason or ""
    if reason in _VERSION_REASONS:
        return "tls_version"
    if reason in _SUITE_REASONS:
        return "tls_suite"
    if reason in _WEAK_REASONS:
        return "server_certificate"
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")):
        return "client_certificate"
    return "unreachable"


def _root(socket: WebSocket) -> bytes:
    tls = socket.tls
    tell = getattr(tls, "get_verified_chain", None)  # since Python 3.13
    if tell is not None:
        chain = tell()
        return bytes(chain[-1]) if chain else b""
    tell = getattr(getattr(tls, "_sslobj", None), "get_verified_chain", None)
    chain = tell() if tell is not None else None
    return ssl.PEM_cert_to_DER_cert(chain[-1].public_bytes()) if chain else b""
