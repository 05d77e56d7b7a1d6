"""A back office that misbehaves in every way a station must survive: one `Way` each, served at one port.

What a station under test makes of it is `bad_back_office`'s.
"""

import asyncio
import contextlib
import itertools
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import websockets.asyncio.server
from websockets.typing import Subprotocol

BIG: Final = 10 << 20
LONG_PING: Final = b"\x89\x7d" + b"p" * 125
MOST_UNSENT: Final = 1 << 20  # our own memory is not what is tried
PENDING: Final = '{"status": "Pending", "currentTime": "2027-01-15T12:00:00Z", "interval": 1}'
GARBAGE: Final = (
    "",
    "nonsense",
    "[" * 50_000,
    "[3]",
    '[2,"x"]',
    '[3,"nobody",{}]',
    '[4,"nobody","GenericError","",{}]',
    '[2,"g1","Reset",{"type":"Never"}]',
    '[2,"g2","DataTransfer",{"vendorId":"' + "y" * 60_000 + '"}]',
    '[99,"g3"]',
    "\x00" * 1000,
    b"\xff\xfe" * 1000,
)
ASKED_2X: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("GetVariables", {"getVariableData": [{"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}]}),
    ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues"}),
    ("GetLocalListVersion", {}),
    ("DataTransfer", {"vendorId": "nobody", "data": "z" * 200}),
)
ASKED_16: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("GetConfiguration", {}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues"}),
    ("GetLocalListVersion", {}),
    ("DataTransfer", {"vendorId": "nobody", "data": "z" * 200}),
)

Socket = Any
Served = Callable[["Office", Socket], Awaitable[None]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Way:
    """How it misbehaves: at an open connection (`served`), or before there is one (`raw`, over bare TCP)."""

    served: Served | None = None
    raw: Raw | None = None
    keeps: bool = False  # begins in the connection that stands; else that is reset first
    tls: bool = False  # with TLS, whose certificate the station knows
    swapped: bool = False  # with TLS, whose certificate nobody knows


class Office:
    """One port, one way at a time. `contexts`: good and swapped TLS."""

    def __init__(self, version: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        self.version = version
        self.port = 0
        self.dials: list[float] = []  # when each connection was accepted
        self.ended: list[str] = []  # transactions of which we acknowledged the end
        self.booted = 0
        self.open: set[Socket] = set()
        self._way = Way(served=good)
        self._contexts = contexts
        self._tls = False
        self._server: Any = None

    async def become(self, way: Way, tls: bool | None = None) -> None:
        """From now on. `tls`: also where the way itself does not ask for it."""
        self._tls = tls if tls is not None else self._tls
        self._way = way
        if way.keeps:
            return
        await self.close()
        context = self._contexts[way.swapped] if self._tls else None
        if way.raw is not None:
            self._server = await asyncio.start_server(self._raw(way.raw), "127.0.0.1", self.port)
        else:
            self._server = await websockets.asyncio.server.serve(
                self._serve,
                "127.0.0.1",
                self.port,
                subprotocols=[Subprotocol(f"ocpp{self.version}")],
                compression=None,
                ping_interval=None,
                ssl=context,
                process_request=self._dialled,
            )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        for socket in tuple(self.open):
            socket.transport.abort()
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 2)

    def _raw(self, way: Raw) -> Raw:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.dials.append(time.monotonic())
            self.open.add(writer)
            try:
                with contextlib.suppress(OSError):
                    await way(reader, writer)
            finally:
                self.open.discard(writer)
                writer.transport.abort()

        return serve

    async def _dialled(self, connection: Socket, request: Any) -> None:
        self.dials.append(time.monotonic())

    async def _serve(self, socket: Socket) -> None:
        self.open.add(socket)
        try:
            with contextlib.suppress(websockets.ConnectionClosed, OSError, RuntimeError):  # also written after its end
                while True:  # a way may change while the connection stands
                    way = self._way.served or good
                    await way(self, socket)
        finally:
            self.open.discard(socket)

    def answer(self, frame: str | bytes) -> tuple[str, str, str]:
        """(message id, action, payload as JSON) of the good answer to a frame; "" for what is no CALL."""
        kind, message_id, action, *rest = json.loads(frame)
        if kind != 2:
            return "", "", ""
        payload = self._payload(action, rest[0])
        return message_id, action, json.dumps(payload)

    def _payload(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        match action:
            case "BootNotification":
                self.booted += 1
                return {"status": "Accepted", "currentTime": now, "interval": 300}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTagInfo" if self.version == "1.6" else "idTokenInfo": {"status": "Accepted"}}
            case "StartTransaction":
                return {"transactionId": len(self.ended) + 1, "idTagInfo": {"status": "Accepted"}}
            case "StopTransaction":
                self.ended.append(str(asked["transactionId"]))
            case "TransactionEvent" if asked["eventType"] == "Ended":
                self.ended.append(asked["transactionInfo"]["transactionId"])
        return {}


async def good(office: Office, socket: Socket) -> None:
    await _answer_next(office, socket)


async def _answer_next(office: Office, socket: Socket, *, delay_s: float = 0.0, wrong_id: bool = False) -> None:
    frame = await socket.recv()
    message_id, _, payload = office.answer(frame)
    if message_id:
        await asyncio.sleep(delay_s)
        await socket.send(f'[3,"{"x" + message_id[1:] if wrong_id else message_id}",{payload}]')


async def late(office: Office, socket: Socket) -> None:
    await _answer_next(office, socket, delay_s=4.0)


async def silence(office: Office, socket: Socket) -> None:
    await socket.recv()


async def wrong_id(office: Office, socket: Socket) -> None:
    await _answer_next(office, socket, wrong_id=True)


async def pending(office: Office, socket: Socket) -> None:
    message_id, action, payload = office.answer(await socket.recv())
    if message_id:
        await socket.send(f'[3,"{message_id}",{PENDING if action == "BootNotification" else payload}]')


async def garbage(office: Office, socket: Socket) -> None:
    for frame in GARBAGE:
        await socket.send(frame)
        await asyncio.sleep(0.005)


async def big(office: Office, socket: Socket) -> None:
    await asyncio.sleep(0.2)
    with contextlib.suppress(websockets.ConnectionClosed):
        await socket.send('[2,"big","DataTransfer",{"vendorId":"' + "z" * BIG + '"}]')
    await socket.wait_closed()
    raise OSError("closed by the station")


async def endless_fragments(office: Office, socket: Socket) -> None:
    async def pieces() -> Any:
        while True:
            yield "[2," * 200
            await asyncio.sleep(0.001)

    await socket.send(pieces())


async def byte_by_byte(office: Office, socket: Socket) -> None:
    """A text frame of 60 kB by its head, then a byte now and then."""
    socket.transport.write(b"\x81\x7e\xea\x60")
    while not socket.transport.is_closing():
        socket.transport.write(b"[")
        await asyncio.sleep(0.01)
    raise OSError("closed by the station")


async def half_open(office: Office, socket: Socket) -> None:
    socket.transport.pause_reading()
    await asyncio.sleep(3600)


async def _flood(office: Office, socket: Socket, octets: bytes, *, first: bytes = b"", reads: bool = True) -> None:
    """These octets 20 times a second, as fast as they are taken; calls are answered, unless nothing is read."""

    async def flood() -> None:
        socket.transport.write(first)
        while not socket.transport.is_closing():
            if socket.transport.get_write_buffer_size() < MOST_UNSENT:
                socket.transport.write(octets)
            await asyncio.sleep(0.05)

    if not reads:
        socket.transport.pause_reading()
    flooding = asyncio.create_task(flood())
    try:
        while not flooding.done():
            await (_answer_next(office, socket) if reads else asyncio.sleep(0.05))
    finally:
        flooding.cancel()
    raise OSError("closed by the station")


async def pings(office: Office, socket: Socket) -> None:
    await _flood(office, socket, LONG_PING * 100)


async def pings_unread(office: Office, socket: Socket) -> None:
    await _flood(office, socket, LONG_PING * 500, reads=False)


async def tiny_frames(office: Office, socket: Socket) -> None:
    await _flood(office, socket, b"\x81\x00" * 5000)


async def empty_fragments(office: Office, socket: Socket) -> None:
    await _flood(office, socket, b"\x00\x00" * 5000, first=b"\x01\x00")


async def flapping(office: Office, socket: Socket) -> None:
    async with asyncio.timeout(2.0):
        while True:
            await _answer_next(office, socket)


async def _flap(office: Office, socket: Socket) -> None:
    try:
        await flapping(office, socket)
    except TimeoutError:
        socket.transport.abort()
        raise OSError("that was two seconds") from None


async def _calls(office: Office, socket: Socket, *, reads: bool) -> None:
    asked = ASKED_16 if office.version == "1.6" else ASKED_2X
    numbers = itertools.count()

    async def answer() -> None:
        if not reads:
            socket.transport.pause_reading()
            await asyncio.sleep(3600)
        while True:
            await _answer_next(office, socket)

    answering = asyncio.create_task(answer())
    try:
        while not answering.done():
            for action, payload in itertools.islice(itertools.cycle(asked), 20):
                await socket.send(json.dumps([2, f"c{next(numbers)}", action, payload]))
            await asyncio.sleep(0.02)
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    raise OSError("the station closed")


async def calls(office: Office, socket: Socket) -> None:
    await _calls(office, socket, reads=True)


async def calls_unread(office: Office, socket: Socket) -> None:
    await _calls(office, socket, reads=False)


async def _no_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


async def _slow_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\n")
    for number in itertools.count():
        writer.write(b"X-%d: %s\r\n" % (number, b"a" * 4000))
        await writer.drain()


async def _slow_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The head of a handshake record of 16 kB, then a byte now and then."""
    writer.write(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
    while True:
        writer.write(b"\x00")
        await writer.drain()
        await asyncio.sleep(0.05)


GOOD: Final = Way(served=good)
WAYS: Final[dict[str, Way]] = {
    "late": Way(served=late, keeps=True),
    "silence": Way(served=silence, keeps=True),
    "wrong id": Way(served=wrong_id, keeps=True),
    "garbage": Way(served=garbage),
    "10 MB frame": Way(served=big),
    "frame byte by byte": Way(served=byte_by_byte),
    "endless fragments": Way(served=endless_fragments),
    "handshake never": Way(raw=_no_handshake),
    "handshake byte by byte": Way(raw=_slow_handshake),
    "handshake endless": Way(raw=_endless_head),
    "TLS byte by byte": Way(raw=_slow_tls, tls=True),
    "half-open": Way(served=half_open, keeps=True),
    "flapping": Way(served=_flap),
    "pings": Way(served=pings),
    "pings unread": Way(served=pings_unread),
    "tiny frames": Way(served=tiny_frames),
    "empty fragments": Way(served=empty_fragments),
    "1,000 calls/s": Way(served=calls),
    "1,000 calls/s unread": Way(served=calls_unread),
    "certificate swap": Way(served=good, tls=True, swapped=True),
    "Pending for ever": Way(served=pending),
}
