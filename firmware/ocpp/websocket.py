"""A WebSocket client on an asyncio transport: messages out, messages in, a sign of life. RFC 6455 itself is the sans-IO
protocol of `websockets`; its own asyncio client would bring in proxies, and with them urllib, http and email.

One task reads, any may write. Redirects are not followed: a back office has the address that was configured.
"""

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, cast

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

QUEUED: Final = 16  # messages read ahead; a flood waits in the kernel and slows its sender down
SLICE: Final = 4096  # octets parsed at once: a frame may have two of them, and 256 kB are read at once
MOST_FRAGMENTS: Final = 4096  # of one message; empty ones have no size to be limited by
MOST_UNSENT: Final = 1 << 20  # octets; who pings and does not read our pongs is left
CLOSE_S: Final = 2.0  # so long the other end has for its part of closing


class Closed(Exception):
    """The connection is gone; the text says what the other end said."""


class WebSocket(asyncio.Protocol):
    """One connection, from the handshake on."""

    def __init__(self, wire: ClientProtocol, headers: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        self._wire = wire
        self._headers = headers
        self._transport: asyncio.Transport
        self.lost_by: Exception | None = None  # what the transport said
        self._opened: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._received: deque[str | bytes] = deque()
        self._arrived = asyncio.Event()
        self._unparsed = bytearray()  # while there is no room for messages
        self._begun: list[Frame] = []  # of a message in fragments
        self._is_failing = False  # nothing more is taken
        self._is_connected = False
        self._is_reading = True
        self._writable = asyncio.Event()
        self._writable.set()
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._ending: asyncio.TimerHandle | None = None

    @property
    def tls(self) -> Any:
        """The `ssl.SSLObject` under it, None without TLS."""
        return self._transport.get_extra_info("ssl_object")

    @property
    def subprotocol(self) -> str | None:
        return self._wire.subprotocol

    async def opened(self) -> None:
        """Wait until the server has agreed. Raises WebSocketException or OSError when it does not."""
        await self._opened

    async def send(self, text: str) -> None:
        """Returns when there is room for more. Raises Closed."""
        self._check_open()
        self._wire.send_text(text.encode())
        self._flush()
        await self._writable.wait()

    async def receive(self) -> str | bytes:
        """The next message. Raises Closed after the last one."""
        while not self._received:
            if self._gone.done():
                raise Closed(self._why())
            self._arrived.clear()
            await self._arrived.wait()
        message = self._received.popleft()
        if not self._is_reading and len(self._received) <= QUEUED // 4 and not self._gone.done():
            self._parse()
        return message

    async def ping(self) -> None:
        """Returns with the pong. Raises Closed."""
        self._check_open()
        data = os.urandom(4)
        self._pongs[data] = asyncio.get_running_loop().create_future()
        self._wire.send_ping(data)
        self._flush()
        try:
            await self._pongs[data]
        finally:
            del self._pongs[data]

    async def close(self) -> None:
        """Say so, and wait a little for the answer."""
        if self._wire.state is State.OPEN:
            self._wire.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._end_soon()
        await asyncio.shield(self._gone)

    def abort(self) -> None:
        """Whatever became of it."""
        if self._is_connected:
            self._transport.abort()

    def _check_open(self) -> None:
        if self._wire.state is not State.OPEN:
            raise Closed(self._why())

    def _why(self) -> str:
        said = self._wire.close_rcvd
        return f"closed by the back office: {said.code:d} {said.reason}".rstrip() if said else "connection lost"

    # --- the transport's side -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._is_connected = True
        request = self._wire.connect()
        request.headers.update(self._headers)
        self._wire.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        self._parse()

    def _parse(self) -> None:
        """What was read, as far as there is room for its messages; more is read when all of it is parsed."""
        while self._unparsed and len(self._received) <= QUEUED:
            self._wire.receive_data(bytes(self._unparsed[:SLICE]))
            del self._unparsed[:SLICE]
            for event in self._wire.events_received():
                if isinstance(event, Frame):
                    self._on_frame(event)
                elif isinstance(event, Response) and self._wire.handshake_exc is None and not self._opened.done():
                    self._opened.set_result(None)
            self._refuse_handshake()
            self._flush()
        if bool(self._unparsed) or len(self._received) > QUEUED:
            if self._is_reading:
                self._is_reading = False
                self._transport.pause_reading()
        elif not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()

    def eof_received(self) -> None:
        self._unparsed.clear()  # of TLS the end may come while there is no room
        self._wire.receive_eof()
        self._refuse_handshake()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_by = exc
        self._wire.receive_eof()
        self._refuse_handshake()
        if self._ending is not None:
            self._ending.cancel()
        self._gone.set_result(None)
        self._arrived.set()
        self._writable.set()
        for pong in self._pongs.values():
            if not pong.done():
                pong.set_exception(Closed(self._why()))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _refuse_handshake(self) -> None:
        if self._wire.handshake_exc is not None and not self._opened.done():
            self._opened.set_exception(self._wire.handshake_exc)

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            pong = self._pongs.get(bytes(frame.data))
            if pong is not None and not pong.done():
                pong.set_result(None)
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT} and not self._is_failing:
            self._begun.append(frame)
            if frame.fin:
                self._on_message()
            elif len(self._begun) > MOST_FRAGMENTS:
                self._begun.clear()
                self._is_failing = True
                self._wire.fail(CloseCode.MESSAGE_TOO_BIG, f"more than {MOST_FRAGMENTS} fragments")

    def _on_message(self) -> None:
        begun, self._begun = self._begun, []
        data = bytes(begun[0].data) if len(begun) == 1 else b"".join(each.data for each in begun)
        try:
            self._received.append(data.decode() if begun[0].opcode is Opcode.TEXT else data)
        except UnicodeDecodeError:
            self._wire.fail(CloseCode.INVALID_DATA, "not UTF-8")
            return
        self._arrived.set()

    def _flush(self) -> None:
        for data in self._wire.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self._unparsed.clear()
            self._transport.abort()
        elif self._wire.close_expected():
            self._end_soon()

    def _end_soon(self) -> None:
        if self._ending is None and not self._gone.done():
            self._ending = asyncio.get_running_loop().call_later(CLOSE_S, self._transport.abort)
