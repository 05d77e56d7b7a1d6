"""Our own CALLs on one connection, apart from those of the outbox: which wait, which one is in flight, who hears how it
ended. When one may be sent is left to `session`.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Outgoing
from firmware.ocpp.ocpp_j import Sent, encode_call
from firmware.ocpp.payload import Payload
from firmware.ocpp.rpc import Answered, Refused, Rpc, Silent
from firmware.station.clock import Clock

MAX_ANNOUNCED: Final = 32  # answers that announced CALLs which are not made yet; a flood of triggers waits behind them
PLAIN, DRIVER, CAR = range(3)  # nobody; somebody who presented a token; a car with a time limit of its own
HURRIED_S: Final = 1.0  # so long a CALL in flight may still be answered when a car with its own time limit waits


def _nothing(_: object) -> None:
    """Nobody waits for how it ended."""


class Job(msgspec.Struct, frozen=True, eq=False):
    """A CALL and who hears how it ended. `triggered`: may be sent before we are accepted (B02.FR.02); `rank`: who waits
    for it, the highest goes first."""

    outgoing: Outgoing
    done: Callable[[Payload], None] = _nothing
    failed: Callable[[str], None] = _nothing
    triggered: bool = False
    rank: int = PLAIN


class OwnCalls:
    """What waits, and what is in flight: a job, or (None) the head of the outbox."""

    def __init__(self, rpc: Rpc, model: DeviceModel, clock: Clock, wake: Callable[[], None]) -> None:
        self._rpc = rpc
        self._model = model
        self._clock = clock
        self._wake = wake
        self._waiting: deque[Job] = deque()
        self._announced: deque[Iterator[Job]] = deque()  # by answers of ours; made when they can be sent
        self._room = asyncio.Event()
        self._room.set()
        self._in_flight: Job | None = None
        self.hurried = False  # what is in flight is given up early, and said again

    def put(self, job: Job) -> None:
        """It waits for its turn, behind those of its rank."""
        ahead = sum(each.rank >= job.rank for each in self._waiting)
        self._waiting.insert(ahead, job)
        self._wake()

    def withdraw(self, job: Job) -> None:
        """Nobody waits for it any more: it is not sent if it was not yet."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(job)

    def announce(self, jobs: Iterable[Job]) -> None:
        """They follow once nothing else waits."""
        self._announced.append(iter(jobs))
        if len(self._announced) >= MAX_ANNOUNCED:
            self._room.clear()

    async def room(self) -> None:
        """Wait until more may be announced."""
        await self._room.wait()

    @property
    def urgent(self) -> bool:
        """Does somebody wait for what is next?"""
        return bool(self._waiting) and self._waiting[0].rank > PLAIN

    def next(self, accepted: bool) -> Job | None:
        """Whose turn it is; before we are accepted only what was triggered."""
        for waiting in self._waiting:
            if accepted or waiting.triggered:
                self._waiting.remove(waiting)
                return waiting
        while self._announced:
            job = next(self._announced[0], None)
            if job is not None:
                return job
            self._announced.popleft()
            self._room.set()
        return None

    def start(self, job: Job) -> None:
        message_id, text = encode_call(job.outgoing.action, job.outgoing.payload)
        self._send(Sent(message_id, job.outgoing.action, text, job.outgoing.response), job)

    def start_outbox(self, sent: Sent) -> None:
        self._send(sent, None)

    def _send(self, sent: Sent, job: Job | None) -> None:
        self._in_flight, self.hurried = job, False
        self._rpc.call(sent, self._clock.mono(), self._model.number("OCPPCommCtrlr.MessageTimeout[Default]"))
        self._wake()

    def hurry(self, rank: int) -> None:
        """A car waits: what is in flight must not use up its time by silence, unless it is as important."""
        present = self._in_flight.rank if self._in_flight is not None else PLAIN
        if self._rpc.in_flight is not None and present < rank:
            self.hurried = True
            self._rpc.hurry(self._clock.mono(), HURRIED_S)

    def landed(self) -> Job | None:
        """Nothing is in flight any more; what was, None for the head of the outbox."""
        job, self._in_flight = self._in_flight, None
        return job

    def lost(self) -> None:
        """The connection is gone, and with it what was announced on it (reports count until then)."""
        self._announced.clear()
        for job in [*self._waiting, *([self._in_flight] if self._in_flight else [])]:
            job.failed("the connection was lost")


def tell(job: Job, event: Answered | Refused | Silent) -> None:
    """How it ended."""
    match event:
        case Answered():
            job.done(event.response)
        case Refused():
            job.failed(f"{event.code}: {event.description}")
        case Silent():
            job.failed("no answer")
