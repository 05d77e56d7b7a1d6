"""FTP and FTPS (explicit TLS, data too), passive mode only: fetch a file and send one, both going on where an earlier
try stopped. Blocks: see `job`.
"""

import ftplib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from firmware.transfer.address import Address, TransferError
from firmware.transfer.job import BLOCK, Job

PROOF: Final = 32_768  # bytes at the end of what the server has, compared before we go on behind them


def fetch(address: Address, into: Path, job: Job, limit: int) -> None:
    """Write the file to `into`; what is there already is taken as its beginning. Raises TransferError."""
    have = into.stat().st_size if into.exists() else 0
    with _session(address, job) as ftp, into.open("ab") as file:

        def store(block: bytes) -> None:
            job.check()
            file.write(block)
            if file.tell() > limit:
                raise TransferError("failed", f"the file is larger than {limit} bytes")

        ftp.retrbinary(f"RETR {_path(address)}", store, BLOCK, rest=have or None)
        file.flush()
        os.fsync(file.fileno())


def send(address: Address, data: Path, name: str, job: Job) -> None:
    """Store the file at the address, or below it where that ends with a folder. Raises TransferError."""
    place = _path(address)
    place = place + name if place.endswith("/") or not place else place
    with _session(address, job) as ftp, data.open("rb") as file:
        have = _has_already(ftp, place, file) if job.again else 0
        file.seek(have)
        ftp.storbinary(f"{'APPE' if have else 'STOR'} {place}", file, BLOCK, callback=lambda _: job.check())


def _has_already(ftp: ftplib.FTP, place: str, file: BinaryIO) -> int:
    """How much of our file the server has from an earlier try; 0 where it cannot tell, or has something else."""
    end = bytearray()

    def keep(block: bytes) -> None:
        end.extend(block)
        if len(end) > PROOF:
            raise TransferError("failed", "the server sends more than it was asked for", again=True)

    try:
        ftp.voidcmd("TYPE I")
        have = ftp.size(place) or 0
        if have > os.fstat(file.fileno()).st_size:
            return 0
        proven_from = max(0, have - PROOF)
        ftp.retrbinary(f"RETR {place}", keep, rest=proven_from or None)
    except ftplib.error_perm:
        return 0
    file.seek(proven_from)
    return have if file.read(have - proven_from) == end else 0


def _path(address: Address) -> str:
    """RFC 1738 3.2.2: below the login folder."""
    return address.decoded_path.removeprefix("/")


@contextmanager
def _session(address: Address, job: Job) -> Iterator[ftplib.FTP]:
    ftp = _FtpTls(job) if address.tls else _Ftp(job)
    try:
        ftp.connect(address.host, address.port, timeout=job.stall_s)
        ftp.login(address.user or "anonymous", address.password or "anonymous@")
        if isinstance(ftp, ftplib.FTP_TLS):
            ftp.prot_p()
        yield ftp
        ftp.voidcmd("NOOP")
    except ftplib.error_perm as error:
        raise _refused(str(error)) from None
    except (OSError, EOFError, ftplib.Error, ValueError) as error:
        job.check()
        raise TransferError("failed", f"{type(error).__name__}: {error}"[:200], again=True) from None
    finally:
        ftp.close()


def _refused(text: str) -> TransferError:
    code = text[:3]
    if code in {"530", "532", "534", "553"}:
        return TransferError("denied", text[:200], again=True)
    if code in {"500", "502", "504"}:
        return TransferError("unsupported", text[:200], again=True)
    return TransferError("failed", text[:200], again=True)


class _Sockets(ftplib.FTP):
    """Both sockets go where `job` allows; the data connection goes to the host we talk to, whatever PASV says."""

    def __init__(self, job: Job) -> None:
        self._job = job
        super().__init__(timeout=job.stall_s)

    def connect(
        self, host: str = "", port: int = 0, timeout: float = 0.0, source_address: tuple[str, int] | None = None
    ) -> str:
        self.host, self.port, self.timeout = host, port, timeout
        self.sock: socket.socket = self._job.connect(host, port)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        _, port = self.makepasv()
        data = socket.create_connection((self.sock.getpeername()[0], port), timeout=self.timeout)
        try:
            if rest is not None:
                self.sendcmd(f"REST {rest}")
            answer = self.sendcmd(cmd)
            if answer[0] == "2":  # 226 before 150, which some servers say
                answer = self.getresp()
            if answer[0] != "1":
                raise ftplib.error_reply(answer)  # noqa: S321 - the operator's choice; images are signed
        except BaseException:
            data.close()
            raise
        return data, None


class _Ftp(_Sockets):
    pass


class _FtpTls(_Sockets, ftplib.FTP_TLS):
    def __init__(self, job: Job) -> None:
        self._job = job
        ftplib.FTP_TLS.__init__(  # noqa: S321 - encrypted
            self, context=job.trust.context(), timeout=job.stall_s
        )

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        data, size = _Sockets.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(data, server_hostname=self.host), size
