"""Fetch and send files: the protocol by the address, tries and pauses by the order, everything in a thread."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from firmware.transfer import ftp, http
from firmware.transfer.address import TransferError, parse
from firmware.transfer.job import Job, Trust, in_thread

log = logging.getLogger(__name__)

MAX_FILE: Final = 4_000_000_000


async def fetch(url: str, into: Path, job: Job, limit: int = MAX_FILE) -> None:
    """One try; what `into` holds already is taken as the file's beginning. Raises TransferError."""
    address = parse(url)
    work = http.fetch if address.scheme in {"http", "https"} else ftp.fetch
    await in_thread(lambda: work(address, into, job, limit), job)


async def send(url: str, data: Path, name: str, job: Job) -> None:
    """One try. Raises TransferError."""
    address = parse(url)
    work = http.send if address.scheme in {"http", "https"} else ftp.send
    await in_thread(lambda: work(address, data, name, job), job)


async def with_tries(attempt: Callable[[Job], Awaitable[None]], trust: Trust, tries: int, pause_s: float) -> None:
    """Try so often, with a pause between. Raises the last TransferError; at once for one that no try would mend."""
    for left in range(max(1, tries) - 1, -1, -1):
        try:
            await attempt(Job(trust))
            return
        except TransferError as error:
            if not left or not error.again:
                raise
            log.warning("%s; again in %g s", error, pause_s)
            await asyncio.sleep(pause_s)
