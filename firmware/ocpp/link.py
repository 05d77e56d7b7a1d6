"""The WebSocket to the back office: dials it, negotiates the version, and nothing else. Sockets are touched only here.

OCPP-J 1.6 ch. 3, 2.0.1 part 4 ch. 3; security profiles 0 (none), 1 (basic authentication) and 2 (TLS with it).
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from firmware.ocpp.rpc import MAX_FRAME

OPEN_S: Final = 30.0
CLOSE_S: Final = 2.0
QUEUED: Final = 16  # frames read ahead; a flood waits in the kernel and slows its sender down


class LinkError(Exception):
    """No connection, or not any more: why, for people."""


class Link:
    """One open connection."""

    def __init__(self, socket: ClientConnection, subprotocol: str) -> None:
        self._socket = socket
        self.subprotocol = subprotocol

    async def send(self, text: str) -> None:
        """Raises LinkError when the connection is gone."""
        try:
            await self._socket.send(text)
        except ConnectionClosed as closed:
            raise LinkError(_why(closed)) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        """Frames as they come. Raises LinkError when the connection is gone, also when it was closed in order."""
        while True:
            try:
                yield await self._socket.recv()
            except ConnectionClosed as closed:
                raise LinkError(_why(closed)) from None

    async def ping(self, within_s: float) -> None:
        """Ask for a sign of life. Raises LinkError without a pong in time."""
        try:
            async with asyncio.timeout(within_s):
                await (await self._socket.ping())
        except TimeoutError:
            raise LinkError(f"no pong within {within_s:.0f} s") from None
        except ConnectionClosed as closed:
            raise LinkError(_why(closed)) from None

    async def close(self) -> None:
        await self._socket.close()


async def dial(
    url: str, identity: str, subprotocols: Sequence[str], password: str | None = None, ca_file: str | None = None
) -> Link:
    """Connect to `url`/`identity`, offering versions in order of preference. Raises LinkError."""
    headers = {"User-Agent": "Pilotline"}
    if password is not None:
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    try:
        context = await asyncio.to_thread(_tls, ca_file) if url.startswith("wss:") else None
        socket = await connect(
            f"{url.rstrip('/')}/{quote(identity, safe='')}",
            subprotocols=[Subprotocol(each) for each in subprotocols],
            additional_headers=headers,
            user_agent_header=None,
            ssl=context,
            compression=None,  # optional for a station (2.0.1 part 4, 3.3); its buffers cost more than our few bytes
            max_size=4 * MAX_FRAME,  # bytes of UTF-8
            max_queue=QUEUED,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=None,  # `session` pings: the interval may change while connected
            proxy=None,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise LinkError(f"{type(error).__name__}: {error}") from None
    if socket.subprotocol is None:  # part 4, 3.2: the server agreed to none of our versions
        await socket.close()
        raise LinkError("the back office speaks none of " + ", ".join(subprotocols))
    return Link(socket, socket.subprotocol)


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Verifies chain and name; TLS 1.2 or newer (2.0.1 A00.FR.312). Reads files: not in the loop."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(closed: ConnectionClosed) -> str:
    received = closed.rcvd
    if received is None:
        return "connection lost"
    return f"closed by the back office: {received.code} {received.reason}".rstrip()
