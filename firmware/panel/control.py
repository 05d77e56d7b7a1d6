"""The station's control socket: a Unix socket with one JSON object per line each way. `pilotline status` asks here.

Requests: {"do": "status"} -> {"ok": true, "status": {...}} (see state.py), {"do": "ping"} -> {"ok": true}. Anything
else gets {"ok": false, "error": "..."}. {"do": "clear_fault", "evse": 1, "code": "weld"} asks the guard to forget a
latched fault whose cause is gone. Whoever may open the file (mode 0660) may ask; nothing else can be changed here.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from firmware.panel.state import Observer
from firmware.station.commands import ClearFault
from firmware.station.station import Station
from hal import __version__

log = logging.getLogger(__name__)

MODE = 0o660
LONGEST_REQUEST = 4096  # bytes with the newline
MOST_CLIENTS = 8
IDLE_S = 30.0
REFUSED_S = 1.0


class AlreadyServed(Exception):
    """Another process serves this socket."""


class Request(msgspec.Struct, frozen=True):
    """One line. Unknown keys are allowed: a newer client may say more."""

    do: str
    evse: int = 0
    code: str = ""


class ControlServer:
    """`run()` serves until cancelled."""

    def __init__(self, station: Station, path: Path) -> None:
        self._station = station
        self._path = path
        self._clients: set[asyncio.Task[None] | None] = set()

    async def run(self) -> None:
        """Raises AlreadyServed where another controller runs, OSError where the socket cannot be made."""
        observer = Observer(self._station, __version__)
        unsubscribe = self._station.subscribe(observer.note)
        try:
            with listening(self._path) as listener:
                server = await asyncio.start_unix_server(
                    lambda reader, writer: self._serve(observer, reader, writer), sock=listener, limit=LONGEST_REQUEST
                )
                try:
                    await asyncio.Event().wait()
                finally:
                    server.close()
                    for client in self._clients:
                        if client is not None:
                            client.cancel()
        finally:
            unsubscribe()

    async def _serve(self, observer: Observer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it leaves, says too much, or says nothing for IDLE_S."""
        task = asyncio.current_task()
        self._clients.add(task)
        try:
            if len(self._clients) > MOST_CLIENTS:
                await asyncio.wait_for(reader.readline(), REFUSED_S)  # unread bytes would cut our answer off
                await _say(writer, {"ok": False, "error": f"{MOST_CLIENTS} clients are connected already"})
                return
            while line := await asyncio.wait_for(reader.readline(), IDLE_S):
                await _say(writer, await answer(observer, line, self._station))
        except ValueError:  # readline: longer than the limit
            with contextlib.suppress(ConnectionError, TimeoutError):
                await _say(writer, {"ok": False, "error": f"a request may have {LONGEST_REQUEST} bytes"})
        except (ConnectionError, TimeoutError):
            log.debug("a client of the control socket left")
        finally:
            self._clients.discard(task)
            writer.close()


async def answer(observer: Observer, line: bytes, station: Station) -> dict[str, Any]:
    """The answer to one line, whatever it holds."""
    try:
        request = msgspec.json.decode(line, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return {"ok": False, "error": f'expected a line like {{"do": "status"}}: {error}'}
    match request.do:
        case "status":
            return {"ok": True, "status": await observer.describe()}
        case "ping":
            return {"ok": True}
        case "clear_fault":
            return await _clear(station, request)
    return {"ok": False, "error": f"cannot do {request.do[:40]!r}; known: status, ping, clear_fault"}


async def _clear(station: Station, request: Request) -> dict[str, Any]:
    evse = station.evses.get(request.evse)
    if evse is not None and all(fault.code != request.code for fault in evse.faults):
        there = ", ".join(fault.code for fault in evse.faults) or "none"
        return {"ok": False, "error": f"EVSE {evse.id} has no fault {request.code[:40]!r}; its faults: {there}"}
    outcome = await station.do(ClearFault(evse=request.evse, code=request.code, by="local"))
    if outcome.accepted:
        return {"ok": True}
    return {"ok": False, "error": outcome.reason or outcome.status}


async def _say(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(msgspec.json.encode(message) + b"\n")
    await asyncio.wait_for(writer.drain(), IDLE_S)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """The bound socket at `path`. A lock beside it tells a living server from a socket left behind by a dead one.

    Raises AlreadyServed, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServed(f"{path}: another controller serves it") from None
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            os.fchmod(listener.fileno(), MODE)  # Linux: the file is made with this mode, never wider
            listener.bind(str(path))
            path.chmod(MODE)
            listener.setblocking(False)
            try:
                yield listener
            finally:
                path.unlink(missing_ok=True)
