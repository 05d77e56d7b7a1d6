"""The rig-control socket: a Unix stream socket with one JSON object per line each way. Never blocks the plant."""

import contextlib
import os
import selectors
import socket
from pathlib import Path
from typing import Final

from hil.plant.commands import answer
from hil.plant.plant import Plant

LONGEST_LINE: Final = 4096
MOST_CLIENTS: Final = 32


class RigServer:
    """Serves rig control between two steps of the plant; the caller holds the path (`places.held`), so that what lies
    there is left from a dead plant. Raises OSError when the path cannot be bound."""

    def __init__(self, plant: Plant, path: Path) -> None:
        self._plant = plant
        self._path = path
        self._selector = selectors.DefaultSelector()
        self._partial: dict[socket.socket, bytes] = {}
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._bound = path.stat().st_ino
        os.chmod(path, 0o600)
        self._listener.listen()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self, within_s: float) -> None:
        """Answer what is there; wait for it at most `within_s`."""
        for key, _ in self._selector.select(max(0.0, within_s)):
            client = key.fileobj
            if client is self._listener:
                self._accept()
            elif isinstance(client, socket.socket):
                self._hear(client)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if len(self._partial) >= MOST_CLIENTS:
            client.close()
            return
        client.setblocking(False)
        self._partial[client] = b""
        self._selector.register(client, selectors.EVENT_READ)

    def _hear(self, client: socket.socket) -> None:
        try:
            data = client.recv(LONGEST_LINE)
        except OSError:
            data = b""
        *lines, rest = (self._partial[client] + data).split(b"\n")
        self._partial[client] = rest
        replies = b"".join(answer(self._plant, line) for line in lines if line.strip())
        too_long = len(rest) > LONGEST_LINE
        if too_long:
            replies += b'{"ok": false, "error": "a line has at most %d bytes"}\n' % LONGEST_LINE
        if not self._send(client, replies) or not data or too_long:
            self._drop(client)

    def _send(self, client: socket.socket, replies: bytes) -> bool:
        """False when the client is gone or does not read its answers."""
        try:
            return not replies or client.send(replies) == len(replies)
        except OSError:
            return False

    def _drop(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        del self._partial[client]
        client.close()

    def close(self) -> None:
        for client in list(self._partial):
            self._drop(client)
        self._selector.close()
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._bound:  # not another's that lies there by now
                self._path.unlink()
