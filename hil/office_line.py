"""The wire between station and back office, to be cut: a TCP relay that the station dials instead of the office."""

import asyncio
import contextlib
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

State = Literal["whole", "cut", "silent"]
LOCAL: Final = {"localhost", "127.0.0.1", "::1"}
PORTS: Final = {"ws": 80, "wss": 443}
CHUNK: Final = 65_536


class OfficeLine:
    """Relays every connection to one host and port. `cut`: connections are reset and refused; `silent`: they stay, but
    nothing comes through any more (half-open)."""

    def __init__(self) -> None:
        self.state: State = "whole"
        self.port = 0
        self.connections = 0
        self._target = ("127.0.0.1", 0)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def lead_to(self, url: str) -> str:
        """Lead to the host of this URL from now on; the URL that the station is to dial. A name in a certificate must
        stay as it is, so `wss` to another machine is not led over this line: the URL comes back unchanged."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or PORTS.get(parts.scheme, 80)
        if parts.scheme == "wss" and host not in LOCAL:
            return url
        self._target = (host, port)
        if self.port == 0:
            await self._listen()
        name = host if host in LOCAL - {"::1"} else "127.0.0.1"
        return urlunsplit((parts.scheme, f"{name}:{self.port}", parts.path, parts.query, ""))

    async def cut(self) -> None:
        self.state = "cut"
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        self._flowing.set()

    async def silence(self) -> None:
        """Raises OSError when the port was taken meanwhile."""
        if self.state == "cut":
            await self._listen()
        self.state = "silent"
        self._flowing.clear()

    async def restore(self) -> None:
        """Raises OSError when the port was taken meanwhile."""
        if self.state == "cut" and self.port:
            await self._listen()
        self.state = "whole"
        self._flowing.set()

    async def close(self) -> None:
        await self.cut()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.connections += 1
        far: asyncio.StreamWriter | None = None
        try:
            with contextlib.suppress(OSError):
                await self._flowing.wait()
                far_reader, far = await asyncio.open_connection(*self._target)
                self._open.add(far)
                ways = (self._copy(reader, far), self._copy(far_reader, writer))
                tasks = [asyncio.create_task(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self.connections -= 1
            for end in (writer, far):
                if end is not None:
                    self._open.discard(end)
                    end.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
