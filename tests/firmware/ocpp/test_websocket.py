"""The WebSocket under the uplink, against the library's own server and against bytes that no server sends."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets.asyncio.server
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.uri import parse_uri

from firmware.ocpp.websocket import MOST_FRAGMENTS, QUEUED, SLICE, Closed, WebSocket

Serve = Callable[[Any], Awaitable[None]]


async def opened(port: int, max_size: int = 262_144) -> WebSocket:
    wire = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/CS-1"), max_size=max_size)
    socket = WebSocket(wire, {"User-Agent": "test"})
    await asyncio.get_running_loop().create_connection(lambda: socket, "127.0.0.1", port)
    await socket.opened()
    return socket


def beside(serve: Serve, test: Callable[[WebSocket], Awaitable[None]]) -> None:
    """Connect to a server that treats each connection so, and look at our end."""

    async def life() -> None:
        async def quietly(theirs: Any) -> None:
            with contextlib.suppress(websockets.ConnectionClosed):
                await serve(theirs)

        async with websockets.asyncio.server.serve(quietly, "127.0.0.1", 0, close_timeout=0.1) as server:
            ours = await opened(server.sockets[0].getsockname()[1])
            async with asyncio.timeout(20):
                await test(ours)
            ours.abort()

    asyncio.run(life())


def beside_bytes(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> BaseException:
    """What a connection to somebody who is no WebSocket server fails with."""

    async def life() -> BaseException:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
            writer.close()

        server = await asyncio.start_server(served, "127.0.0.1", 0)
        with pytest.raises((InvalidHandshake, OSError)) as failed:
            async with asyncio.timeout(20):
                await opened(server.sockets[0].getsockname()[1])
        server.close()
        return failed.value

    return asyncio.run(life())


def test_messages_go_there_and_come_back_in_order() -> None:
    async def echo(theirs: Any) -> None:
        async for message in theirs:
            await theirs.send(message)

    async def test(ours: WebSocket) -> None:
        for text in ("a", "", "ü" * 1000):
            await ours.send(text)
        assert [await ours.receive() for _ in range(3)] == ["a", "", "ü" * 1000]

    beside(echo, test)


def test_a_message_in_fragments_is_one_and_a_binary_one_is_bytes() -> None:
    async def serve(theirs: Any) -> None:
        await theirs.send(["[2,", '"id",', "{}]"])
        await theirs.send(b"\x00\xff")
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        assert await ours.receive() == '[2,"id",{}]'
        assert await ours.receive() == b"\x00\xff"

    beside(serve, test)


def test_what_came_before_the_close_is_still_read_and_the_reason_is_told() -> None:
    async def serve(theirs: Any) -> None:
        await theirs.send("last")
        await theirs.close(1001, "going away")

    async def test(ours: WebSocket) -> None:
        assert await ours.receive() == "last"
        with pytest.raises(Closed, match="closed by the back office: 1001 going away"):
            await ours.receive()
        with pytest.raises(Closed, match="1001"):
            await ours.send("too late")

    beside(serve, test)


def test_text_that_is_none_ends_the_connection() -> None:
    async def serve(theirs: Any) -> None:
        await theirs.send(b"\xff\xfe", text=True)
        await theirs.wait_closed()
        codes.append(theirs.close_code)

    async def test(ours: WebSocket) -> None:
        with pytest.raises(Closed):
            await ours.receive()

    codes: list[int] = []
    beside(serve, test)
    assert codes == [1007]


def test_a_message_too_big_is_not_kept_and_ends_the_connection() -> None:
    async def serve(theirs: Any) -> None:
        await theirs.send("x" * 10_000_000)
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        with pytest.raises(Closed):
            await ours.receive()

    beside(serve, test)


def test_a_flood_waits_at_its_sender() -> None:
    sent = 0

    async def serve(theirs: Any) -> None:
        nonlocal sent
        for _ in range(200):
            await theirs.send("x" * 200_000)
            sent += 1

    async def test(ours: WebSocket) -> None:
        while ours._is_reading:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert len(ours._received) <= QUEUED + 2
        assert sent < 200
        for _ in range(200):
            assert len(await ours.receive()) == 200_000

    beside(serve, test)


def test_the_smallest_messages_are_parsed_as_they_are_taken() -> None:
    count = 20_000

    async def serve(theirs: Any) -> None:
        theirs.transport.write(b"\x81\x00" * count)
        await theirs.send("last")
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        most = 0
        for _ in range(count):
            assert await ours.receive() == ""
            most = max(most, len(ours._received))
        assert await ours.receive() == "last"
        assert most <= QUEUED + SLICE // 2

    beside(serve, test)


def test_what_ends_behind_a_flood_is_a_lost_connection_and_nothing_else() -> None:
    async def serve(theirs: Any) -> None:
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        ours.data_received(b"\x81\x00" * 2 * SLICE)
        ours.eof_received()  # TLS does not wait with it until we read again
        taken = 0
        with pytest.raises(Closed):
            while True:
                assert await ours.receive() == ""
                taken += 1
        assert taken >= QUEUED

    beside(serve, test)


def test_a_message_of_empty_fragments_without_end_ends_the_connection() -> None:
    async def serve(theirs: Any) -> None:
        theirs.transport.write(b"\x01\x00" + b"\x00\x00" * 2 * MOST_FRAGMENTS)
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        with pytest.raises(Closed):
            await ours.receive()
        assert ours._begun == []

    beside(serve, test)


def test_who_pings_and_does_not_read_is_left() -> None:
    async def serve(theirs: Any) -> None:
        theirs.transport.pause_reading()
        theirs.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not theirs.transport.is_closing():
            if theirs.transport.get_write_buffer_size() == 0:
                theirs.transport.write((b"\x89\x7d" + b"p" * 125) * 500)
            await asyncio.sleep(0)

    async def test(ours: WebSocket) -> None:
        ours._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with pytest.raises(Closed):
            await ours.receive()

    beside(serve, test)


def test_a_pong_answers_a_ping_and_a_lost_connection_does_not() -> None:
    async def serve(theirs: Any) -> None:
        await theirs.recv()
        theirs.transport.pause_reading()
        silent.set()
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        await ours.ping()
        await ours.send("now be silent")
        await silent.wait()
        waiting = asyncio.create_task(ours.ping())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.3)
        ours.abort()
        with pytest.raises(Closed, match="connection lost"):
            await waiting

    silent = asyncio.Event()
    beside(serve, test)


def test_closing_ends_also_where_the_other_end_does_not_take_part() -> None:
    async def serve(theirs: Any) -> None:
        theirs.transport.pause_reading()
        await theirs.wait_closed()

    async def test(ours: WebSocket) -> None:
        await ours.close()
        with pytest.raises(Closed):
            await ours.receive()
        await ours.close()  # again is no harm

    beside(serve, test)


def test_a_server_that_hangs_up_or_speaks_something_else_is_a_failed_handshake() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n" * 100)
        await writer.drain()

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    for answer in (hang_up, babble):
        assert "HTTP" in str(beside_bytes(answer))
    assert "302" in str(beside_bytes(redirect))
