"""The back office's listener: stations connect at ws://host:port/any/path/IDENTITY, control lines come beside it."""

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hil.csms import control
from hil.csms.records import Records
from hil.csms.station_link import StationLink


class Csms:
    """`passwords`: identity -> HTTP basic password; None lets every station in."""

    def __init__(self, records: Records, passwords: dict[str, str] | None = None, out: TextIO = sys.stdout) -> None:
        self.records = records
        self.links: dict[str, StationLink] = {}
        self.remote_starts = 0
        self._passwords = passwords
        self._out = out

    def tell(self, event: str, **fields: object) -> None:
        """One JSON line about what happened."""
        print(json.dumps({"at": round(time.time(), 3), "event": event, **fields}), file=self._out, flush=True)

    async def listen(self, host: str, port: int, versions: list[str]) -> Server:
        """Start serving stations; `versions` in order of preference. Raises OSError when the port is taken."""
        subprotocols = [Subprotocol(f"ocpp{version}") for version in versions]
        return await serve(
            self._station, host, port, subprotocols=subprotocols, process_request=self._admit, max_size=2**20
        )

    async def listen_control(self, path: Path) -> asyncio.Server:
        """Serve control lines on a Unix socket."""
        return await asyncio.start_unix_server(self.read_control, path)

    async def read_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer control lines until the reader ends."""
        while line := await reader.readline():
            reply = json.dumps(await control.answer(self, line)).encode()
            writer.write(reply + b"\n")
            await writer.drain()
        writer.close()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        name = _identity(request.path)
        if not name:
            return Response(404, "Not Found", Headers(), b"the path ends with the station's identity\n")
        if self._passwords is not None:
            wanted = base64.b64encode(f"{name}:{self._passwords.get(name, '')}".encode()).decode()
            if name not in self._passwords or request.headers.get("Authorization") != f"Basic {wanted}":
                headers = Headers({"WWW-Authenticate": 'Basic realm="csms"'})
                self.tell("refused", station=name, why="wrong or no password")
                return Response(401, "Unauthorized", headers, b"")
        return None

    async def _station(self, connection: ServerConnection) -> None:
        if connection.request is None or connection.subprotocol is None:
            await connection.close(1002, "no OCPP version in common")
            return
        name = _identity(connection.request.path)
        version = connection.subprotocol.removeprefix("ocpp")
        if name in self.links:  # a reconnecting station: the older connection is dead
            await self.links[name].close()
        self.records.stations.setdefault(name, {})
        link = self.links[name] = StationLink(name, version, connection, self.records, self.tell)
        self.tell("connected", station=name, version=version)
        try:
            await link.run()
        except ConnectionClosed as closed:
            self.tell("lost", station=name, why=str(closed))
        finally:
            if self.links.get(name) is link:
                del self.links[name]
            self.tell("disconnected", station=name)


def _identity(path: str) -> str:
    return unquote(path.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1])
