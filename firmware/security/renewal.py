"""Having a certificate of ours signed: request it, and ask again with growing pauses until it comes (A02.FR.17 to 19).

Which key, which subject is `office`'s; how a request is sent is the signer's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from firmware.station.authorization import Unreachable
from firmware.station.certificates import HashData, OwnUse
from firmware.station.station import Station

log = logging.getLogger(__name__)

WAIT_S: Final = 30.0  # CertSigningWaitMinimum
REPEATS: Final = 3  # CertSigningRepeatTimes
KNOWN: Final = 16  # request ids that are remembered

MakeRequest = Callable[[OwnUse], Awaitable[tuple[str, HashData | None]]]


class Renewal:
    """At most one request of each use is under way; a new one takes the place of the old."""

    def __init__(self, station: Station, make: MakeRequest) -> None:
        self._station = station
        self._make = make
        self._running: dict[OwnUse, asyncio.Task[None]] = {}
        self._given_up: set[OwnUse] = set()  # somebody must ask for them again (A02.FR.19, FR.20)
        self._ids: list[int] = []
        self._next_id = 1

    def begin(self, use: OwnUse, *, asked: bool = True) -> None:
        """`asked`: the back office wants it (A02)."""
        self.done(use)
        self._running[use] = asyncio.create_task(self._carry_out(use, asked), name=f"certificate {use}")

    def begin_by_itself(self, use: OwnUse) -> None:
        """The present one ends soon (A03): not while a request is under way, not after one was given up."""
        running = self._running.get(use)
        if use not in self._given_up and (running is None or running.done()):
            self.begin(use, asked=False)

    def done(self, use: OwnUse) -> None:
        """It came."""
        self._end(use)
        self._given_up.discard(use)

    def give_up(self, use: OwnUse | None) -> None:
        """What came was no good; None = nobody knows for which request."""
        for each in [use] if use is not None else list(self._running):
            self._end(each)
            self._given_up.add(each)

    def _end(self, use: OwnUse) -> None:
        task = self._running.pop(use, None)
        if task is not None:
            task.cancel()

    def knows(self, request_id: int) -> bool:
        return request_id in self._ids

    async def _carry_out(self, use: OwnUse, asked: bool) -> None:
        try:
            csr, root = await self._make(use)
        except OSError as error:
            log.error("no request for a %s certificate: %s", use, error)
            return
        request_id, self._next_id = self._next_id, self._next_id + 1
        self._ids = [*self._ids[-KNOWN + 1 :], request_id]
        sign = partial(self._sign, csr, use, request_id, root, asked=asked)
        pause = self._station.number("SecurityCtrlr.CertSigningWaitMinimum", WAIT_S)
        doublings = int(self._station.number("SecurityCtrlr.CertSigningRepeatTimes", REPEATS))
        for attempt in range(doublings + 2):
            if not await self._send(use, sign):
                break
            if attempt <= doublings:
                await asyncio.sleep(pause * (1 << attempt))
        else:
            log.warning("no %s certificate came; the back office must ask for it again", use)
        self._given_up.add(use)

    async def _sign(self, csr: str, use: OwnUse, request_id: int, root: HashData | None, *, asked: bool) -> bool:
        if self._station.signer is None:
            return False
        return await self._station.signer.sign_certificate(csr, use, request_id, root, asked=asked)

    async def _send(self, use: OwnUse, sign: Callable[[], Awaitable[bool]]) -> bool:
        """Hand the request over, as soon as somebody can be reached. False: there is no point in going on."""
        while True:
            try:
                accepted = await sign()
            except Unreachable as error:
                log.info("request for a %s certificate waits: %s", use, error)
                await asyncio.sleep(self._station.number("SecurityCtrlr.CertSigningWaitMinimum", WAIT_S))
            else:
                if not accepted:
                    log.warning("the back office refuses to have a %s certificate signed", use)
                return accepted
