"""Fetch and send files: the protocol by the address, tries and pauses by the order, everything in a thread."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from firmware.transfer import ftp, http, sftp
from firmware.transfer.address import Address, Scheme, TransferError, parse
from firmware.transfer.job import Job, Trust, in_thread

log = logging.getLogger(__name__)

MAX_FILE: Final = 4_000_000_000
FETCH: Final[dict[Scheme, Callable[[Address, Path, Job, int], None]]] = {
    "http": http.fetch,
    "https": http.fetch,
    "ftp": ftp.fetch,
    "ftps": ftp.fetch,
    "sftp": sftp.fetch,
}
SEND: Final[dict[Scheme, Callable[[Address, Path, str, Job], None]]] = {
    "http": http.send,
    "https": http.send,
    "ftp": ftp.send,
    "ftps": ftp.send,
    "sftp": sftp.send,
}


async def fetch(url: str, into: Path, job: Job, limit: int = MAX_FILE) -> None:
    """One try; what `into` holds already is taken as the file's beginning. Raises TransferError."""
    address = parse(url)
    await in_thread(lambda: FETCH[address.scheme](address, into, job, limit), job)


async def send(url: str, data: Path, name: str, job: Job) -> None:
    """One try. Raises TransferError."""
    address = parse(url)
    await in_thread(lambda: SEND[address.scheme](address, data, name, job), job)


async def with_tries(attempt: Callable[[Job], Awaitable[None]], trust: Trust, tries: int, pause_s: float) -> None:
    """Try so often, with a pause between. Raises the last TransferError.

    What a server says is worth another try also when it says no: the order tells how many (GetLogRequest.retries,
    N01.FR.10). An address that cannot be used and a server that is not trusted are given up at once."""
    tries = max(1, tries)
    for left in range(tries - 1, -1, -1):
        try:
            await attempt(Job(trust, again=left + 1 < tries))
            return
        except TransferError as error:
            if not left or not error.again:
                raise
            log.warning("%s; again in %g s", error, pause_s)
            await asyncio.sleep(pause_s)
