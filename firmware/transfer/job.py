"""One transfer in a thread of its own: never blocks the loop, can be cancelled at any moment, dies with the process.

Not the loop's default executor: a server that holds a socket open must not keep the station from ending.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from firmware.transfer.address import PUBLIC, TransferError, resolve

STALL_S: Final = 30.0  # a server that says nothing for so long has failed
BLOCK: Final = 65_536
T = TypeVar("T")


@dataclass(frozen=True)
class SshTrust:
    """For SFTP, all of them paths. `known_hosts`: the servers' keys as the operator names them; without, the first key
    of a server is kept in `remembered` and no other believed from then on. `key`: ours, for servers that know it."""

    known_hosts: str | None = None
    remembered: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Trust:
    """Whom to believe: `roots` (PEM) beside the operating system's CAs (N01.FR.15, FR.16); how private a server's
    address may be."""

    roots: str | None = None
    privacy: int = PUBLIC
    ssh: SshTrust = SshTrust()

    def context(self) -> ssl.SSLContext:
        """Reads files: not in the loop."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        if self.roots:
            context.load_verify_locations(cadata=self.roots)
        return context


@dataclass
class Job:
    """What a transfer's thread and its owner share. `again`: an earlier try may have left a part at the server."""

    trust: Trust = field(default_factory=Trust)
    stall_s: float = STALL_S
    again: bool = False
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _socket: socket.socket | None = None

    def cancel(self) -> None:
        """End it soon, from any thread: whatever it waits for fails."""
        self._cancelled.set()
        waiting = self._socket
        if waiting is not None:
            with contextlib.suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raises TransferError when it was cancelled."""
        if self._cancelled.is_set():
            raise TransferError("cancelled", "cancelled")

    def connect(self, host: str, port: int) -> socket.socket:
        """A socket to that host, at an address that was checked. Raises TransferError, OSError."""
        self.check()
        found = socket.create_connection((resolve(host, port, self.trust.privacy), port), timeout=self.stall_s)
        self.use(found)
        return found

    def use(self, found: socket.socket) -> None:
        """This socket is what the transfer waits on now (TLS makes another one). Raises TransferError."""
        self._socket = found
        self.check()


async def in_thread(work: Callable[[], T], job: Job) -> T:
    """Run blocking work in a daemon thread. Cancelling this ends the work, too. Raises what the work raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # it is what work returned

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:  # a task runner: whoever awaits gets it
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="transfer", daemon=True).start()
    try:
        return await future
    except asyncio.CancelledError:
        job.cancel()
        raise
