"""The guard's end of the link: a SOCK_SEQPACKET server for one controller, run by the main thread.

Checks who connects, turns packets into messages and messages into packets. What they mean is the guard's.
"""

import contextlib
import logging
import os
import selectors
import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

from hal.guard import Guard
from hal.mailbox import Event
from hal.wire import MAX_PACKET, FromGuard, Hello, WireError, decode_from_controller, encode

PACKETS_PER_TURN: Final = 64  # then the other side of the link is looked after

log = logging.getLogger("link")

_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid


class Peer(NamedTuple):
    """Who is at the other end, as the kernel says (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


class Allowed(NamedTuple):
    """Users and groups that may be the controller."""

    uids: frozenset[int]
    gids: frozenset[int]

    def lets_in(self, peer: Peer) -> bool:
        return peer.uid in self.uids or peer.gid in self.gids


def peer_of(connection: socket.socket) -> Peer:
    return Peer(*_CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)))


class Link:
    """Listens at `path`. `run_once` waits for either side; `wake` may be called from the tick's thread."""

    def __init__(self, path: Path, allowed: Allowed) -> None:
        self.unsent = 0  # messages for a controller that does not read
        self.rejected = 0  # connections refused
        self._path = path
        self._allowed = allowed
        self._guard: Guard | None = None
        self._controller: socket.socket | None = None
        self._bad_packets = 0
        self._greeted = False
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        self._server = _listen(path)
        self._selector.register(self._server, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_fd, selectors.EVENT_READ, self._woken)

    def serve(self, guard: Guard) -> None:
        self._guard = guard

    def wake(self) -> None:
        """There is something to send."""
        os.eventfd_write(self._wake_fd, 1)

    def run_once(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            key.data()

    def close(self) -> None:
        self._drop("guard is ending")
        self._selector.close()
        self._server.close()
        os.close(self._wake_fd)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    # --- connections ------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError as error:  # the caller went away meanwhile
            log.info("connection lost before it was accepted: %s", error.strerror)
            return
        peer = peer_of(connection)
        reason = self._refusal(peer)
        if reason or self._guard is None:
            self.rejected += 1
            log.warning("connection of pid %d uid %d refused: %s", peer.pid, peer.uid, reason)
            connection.close()
            return
        self._drop("another controller took over")
        connection.setblocking(False)
        self._controller, self._greeted = connection, False
        self._selector.register(connection, selectors.EVENT_READ, self._receive)
        self._guard.take()  # meant for nobody
        self._guard.receive(Event.CONNECTED)
        log.info("controller connected: pid %d uid %d", peer.pid, peer.uid)

    def _refusal(self, peer: Peer) -> str:
        if not self._allowed.lets_in(peer):
            return "neither its user nor its group may be the controller"
        if self._controller is not None and self._guard is not None and self._guard.lease.held:
            return "another controller holds the lease"
        return ""

    def _drop(self, reason: str) -> None:
        if self._controller is None:
            return
        log.info("controller disconnected: %s", reason)
        self._selector.unregister(self._controller)
        self._controller.close()
        self._controller = None
        if self._guard:
            self._guard.receive(Event.DISCONNECTED)

    # --- packets ----------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        for _ in range(PACKETS_PER_TURN):
            if self._controller is None or self._guard is None:
                return
            try:
                packet = self._controller.recv(MAX_PACKET + 1)
            except BlockingIOError:
                return
            except OSError as error:
                self._drop(error.strerror or "error")
                return
            if not packet:
                self._drop("it closed the link")
                return
            try:
                self._guard.receive(decode_from_controller(packet))
            except WireError as error:
                self._bad_packets += 1
                if (
                    self._bad_packets & (self._bad_packets - 1) == 0
                ):  # the 1st, 2nd, 4th, 8th, ...: a flood fills no log
                    log.warning("bad packet (%d so far): %s", self._bad_packets, str(error)[:200])
                self._guard.receive(Event.BAD_FRAME)

    def _woken(self) -> None:
        os.eventfd_read(self._wake_fd)
        if self._guard is None:
            return
        for message in self._guard.take():
            self._send(message)

    def _send(self, message: FromGuard) -> None:
        if self._controller is None:
            return
        if not self._greeted:
            if not isinstance(message, Hello):
                return  # from before this connection
            self._greeted = True
        try:
            self._controller.send(encode(message))
        except BlockingIOError:
            self.unsent += 1  # it does not read; a fresh observation follows in 250 ms
        except OSError as error:
            self._drop(error.strerror or "error")


def _listen(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # of a guard that was killed
    server.bind(str(path))
    path.chmod(0o660)
    server.listen(4)
    server.setblocking(False)
    return server
