"""The octets between car and station, and the car's clock: a TCP connection here, virtual time in tests."""

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from hil.cars.discovery import Endpoint

if TYPE_CHECKING:
    import ssl


class SessionFailed(Exception):
    """The session cannot go on: a FAILED response, silence, a closed connection, nonsense. The text says which."""


class Line(Protocol):
    """What a car needs of its connection. All raise SessionFailed when it is gone."""

    @property
    def now(self) -> float:
        """Seconds of a monotonic clock."""

    async def send(self, octets: bytes) -> None: ...

    async def receive(self, count: int, until: float) -> bytes:
        """Exactly `count` octets; SessionFailed too when they are not there at `until`."""

    async def pause(self, seconds: float) -> None:
        """The car does something else for a while."""

    async def close(self) -> None: ...


class TcpLine:
    """One TCP or TLS connection, in real time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, endpoint: Endpoint, tls: "ssl.SSLContext | None" = None) -> "TcpLine":
        """Raises OSError; ssl.SSLError (one of them) when there is no TLS with this station."""
        host, port, _, scope = endpoint.connect()
        return cls(*await asyncio.open_connection(f"{host}%{scope}" if scope else host, port, ssl=tls))

    @property
    def now(self) -> float:
        return time.monotonic()

    @property
    def tls(self) -> str:
        """Version and cipher suite in use, "" without TLS."""
        agreed = self._writer.get_extra_info("ssl_object")
        return "" if agreed is None else f"{agreed.version()} {agreed.cipher()[0]}"

    async def send(self, octets: bytes) -> None:
        try:
            self._writer.write(octets)
            await self._writer.drain()
        except OSError as error:
            raise SessionFailed(f"the station closed the connection: {error}") from error

    async def receive(self, count: int, until: float) -> bytes:
        began = self.now
        try:
            async with asyncio.timeout(until - began):
                return await self._reader.readexactly(count)
        except TimeoutError:
            raise SessionFailed(f"no answer within {until - began:.1f} s") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise SessionFailed(f"the station closed the connection: {error}") from error

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return
