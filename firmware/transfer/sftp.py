"""SFTP: fetch a file and send one, both going on where an earlier try stopped. Blocks: see `job`.

The work is done by a short-lived process (`sftp_process`), since the SSH library would cost the controller 27 MB for
good. It lives no longer than the socket pair between us: `Job.cancel` and our own end close that. The address is
looked up and checked here.
"""

import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from firmware.transfer.address import Address, Failure, TransferError, resolve
from firmware.transfer.job import Job

PROCESS: Final = (sys.executable, "-m", "firmware.transfer.sftp_process")
ENDS_WITHIN_S: Final = 5.0
LONGEST: Final = 65_536  # of the outcome
EVENT: Final = "FileServerHostKeyChanged"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do; one line of JSON."""

    fetch: bool
    ip: str
    host: str
    port: int
    path: str  # decoded
    user: str
    password: str
    file: str  # here
    name: str  # of the file, where `path` ends with a folder
    limit: int  # bytes
    stall_s: float
    go_on: bool  # what the server has of the file is from an earlier try
    known_hosts: str | None
    remembered: str | None
    key: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went; one line of JSON. `kind` None: done."""

    kind: Failure | None = None
    text: str = ""
    again: bool = False
    changed_key: bool = False


def fetch(address: Address, into: Path, job: Job, limit: int) -> None:
    """Write the file to `into`; what is there already is taken as its beginning. Raises TransferError."""
    _carry_out(address, into, job, fetch=True, limit=limit)


def send(address: Address, data: Path, name: str, job: Job) -> None:
    """Store the file at the address, or below it where that ends with a folder. Raises TransferError."""
    _carry_out(address, data, job, fetch=False, name=name)


def _carry_out(address: Address, file: Path, job: Job, *, fetch: bool, limit: int = 0, name: str = "") -> None:
    if find_spec("asyncssh") is None:
        raise TransferError("unsupported", "SFTP needs asyncssh: pip install 'pilotline[sftp]'")
    ssh = job.trust.ssh
    order = Order(
        fetch=fetch,
        ip=resolve(address.host, address.port, job.trust.privacy),
        host=address.host,
        port=address.port,
        path=_path(address),
        user=address.user,
        password=address.password,
        file=str(file),
        name=name,
        limit=limit,
        stall_s=job.stall_s,
        go_on=job.again,
        known_hosts=ssh.known_hosts,
        remembered=ssh.remembered,
        key=ssh.key,
    )
    outcome = _outcome(order, job)
    if outcome.kind is not None:
        event = EVENT if outcome.changed_key else ""
        raise TransferError(outcome.kind, outcome.text, again=outcome.again, event=event)


def _path(address: Address) -> str:
    """From the server's root; "/~/" is the login folder."""
    return address.decoded_path.removeprefix("/~/")


def _outcome(order: Order, job: Job) -> Outcome:
    """Raises TransferError when it was cancelled, or the process ended without a word."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            job.use(ours)
            process = subprocess.Popen(PROCESS, stdin=theirs.fileno(), stdout=theirs.fileno())  # noqa: S603
        try:
            ours.sendall(msgspec.json.encode(order) + b"\n")
            said = b""
            while not said.endswith(b"\n") and len(said) < LONGEST and (block := ours.recv(4096)):
                said += block
        except OSError as error:
            said = str(error).encode()
        finally:
            _end(process)
    job.check()
    try:
        return msgspec.json.decode(said, type=Outcome)
    except msgspec.MsgspecError:
        raise TransferError("failed", f"the SFTP process ended: {process.returncode}", again=True) from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
