"""The guard that `pilotline run --board` starts itself where no service manager does: started, watched, started again.

A guard outlives a crash of the controller. A file beside its socket says that we started it, so that the next run
takes it over and ends it with itself. What the guard does is `hal`'s affair.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from select import select

log = logging.getLogger("pilotline.guard")

START_S = 10.0
END_S = 10.0  # the guard gives a car 6 s to let go of the current
SHORTEST_S, LONGEST_S = 0.5, 10.0  # between two starts of a guard that ends by itself
SETTLED_S = 60.0  # a guard that lived so long begins with the shortest wait again


class GuardPlaceError(OSError):
    """The folder of the guard's socket cannot be made or written."""


def listener(path: str) -> int | None:
    """Process id of who serves the guard's socket (SO_PEERCRED); None where nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
            pid: int = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        except OSError:
            return None
    return pid


def began(pid: int) -> int | None:
    """When a process began, in clock ticks since boot (proc(5), stat field 22); None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


class OwnGuard:
    """One guard process of ours: a child, or what an earlier run of ours left behind."""

    def __init__(self, socket_path: str, board: Path, registers: Path | None) -> None:
        self.socket_path = socket_path
        self.command = [sys.executable, "-m", "hal", "--board", str(board), "--socket", socket_path]
        if registers is not None:
            self.command += ["--sim", str(registers)]
        self.note = Path(f"{socket_path}.started-by-pilotline")
        self.child: subprocess.Popen[bytes] | None = None
        self.pid = 0  # 0: no guard of ours

    def begin(self) -> int | None:
        """Take over the guard that listens, or start one and wait until it listens. Returns its exit code when it
        ended instead (it has said why). Raises GuardPlaceError."""
        running = listener(self.socket_path)
        if running is not None:
            self._take_over(running)
            return None
        self._start()
        until = time.monotonic() + START_S
        while listener(self.socket_path) is None and time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._ended(self._child().wait(timeout=0.02))
        return None

    async def watch(self) -> None:
        """Start the guard again whenever it ends by itself: a station must not stay dead for that."""
        wait_s = SHORTEST_S
        while self.pid:
            since = time.monotonic()
            await gone(self.pid)
            code = self._child().wait() if self.child is not None else None
            log.error("the guard started here ended with code %s", "unknown" if code is None else code)
            wait_s = SHORTEST_S if time.monotonic() - since > SETTLED_S else wait_s
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_S)
            self._start()
            log.info("guard started again (pid %d)", self.pid)

    def end(self) -> None:
        """End our guard in order; it opens, after the car has let go."""
        if not self.pid:
            return
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                if not select([handle], [], [], END_S)[0]:
                    log.error("the guard (pid %d) did not end within %g s", self.pid, END_S)
                    return
            finally:
                os.close(handle)
        if self.child is not None:
            self.child.wait()
        self._ended(0)

    def _start(self) -> None:
        try:
            self.note.parent.mkdir(parents=True, exist_ok=True)
            self.note.touch()
        except OSError as error:
            raise GuardPlaceError(error.errno, error.strerror) from error
        self.child = subprocess.Popen(self.command, start_new_session=True)  # noqa: S603 - our own module
        self.pid = self.child.pid
        self.note.write_text(json.dumps({"pid": self.pid, "began": began(self.pid)}))

    def _child(self) -> "subprocess.Popen[bytes]":
        if self.child is None:
            raise RuntimeError("no guard was started here")
        return self.child

    def _take_over(self, running: int) -> None:
        """A pid alone may be another process by now: the time it began must fit too."""
        noted: object = None
        with contextlib.suppress(OSError, ValueError):
            noted = json.loads(self.note.read_text())
        if noted == {"pid": running, "began": began(running)}:
            log.warning("the guard of an earlier run (pid %d) goes on with this run and ends with it", running)
            self.pid = running
        else:
            log.warning("a guard (pid %d) runs already: --board is not used; it goes on when this run ends", running)

    def _ended(self, code: int) -> int:
        self.pid = 0
        self.note.unlink(missing_ok=True)
        return code


async def gone(pid: int) -> None:
    """Wait until a process, child or not, has ended (pidfd, Linux 5.3)."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
