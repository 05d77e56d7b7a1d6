"""One connection to the back office, until its loss: what is sent when, and who hears the answers.

Three small tasks share one `Rpc`: read, serve the back office's CALLs (so they are answered while ours wait), and send
our own CALLs one at a time in this order: BootNotification, what was asked for, states, the outbox, Heartbeat.
"""

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final

from firmware.ocpp.connector_states import ConnectorStates
from firmware.ocpp.cost import CostDesk
from firmware.ocpp.delivery import Delivery
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect, Office, Outgoing, Refusal
from firmware.ocpp.frame_log import FrameLog, Kind
from firmware.ocpp.link import Connection, LinkError
from firmware.ocpp.monitoring import Monitors
from firmware.ocpp.ocpp_j import MAX_FRAME
from firmware.ocpp.outbox import Outbox
from firmware.ocpp.own_calls import Job, OwnCalls, tell
from firmware.ocpp.questions import Questions
from firmware.ocpp.registration import Memory, Registrar
from firmware.ocpp.rpc import Answered, Called, Dropped, Refused, Rpc, Silent
from firmware.ocpp.uplink import Uplink
from firmware.station import security_events
from firmware.station.facts import ConnectorStatus
from firmware.station.station import Station

log = logging.getLogger(__name__)

MAX_UNSENT: Final = 32  # frames; a back office that asks and does not read is not read either
NO_PING_S: Final = 10.0  # how soon a ping interval is noticed after it was 0


class Session:
    """Serves one open connection until it is lost. `questions`: what the station asks on it."""

    def __init__(
        self,
        link: Connection,
        dialect: Dialect,
        *,
        station: Station,
        model: DeviceModel,
        outbox: Outbox,
        memory: Memory,
        firmware: str,
        uplink: Uplink,
        monitors: Monitors,
        cost: CostDesk,
    ) -> None:
        self._link = link
        self._uplink = uplink
        self._monitors = monitors
        self._cost = cost
        self._dialect = dialect
        self._station = station
        self._model = model
        self._outbox = outbox
        self._firmware = firmware
        self._wake = asyncio.Event()
        self._rpc = Rpc(dialect.flavour, dialect.requests, dialect.known)
        self._log = FrameLog(station, dialect.flavour.version)
        self._calls = OwnCalls(self._rpc, model, station.clock, self.wake)
        self._delivery = Delivery(outbox, dialect, model, station.clock)
        self._states = ConnectorStates(dialect, station, model, memory.reported)
        self._registrar = Registrar(dialect, station, model, memory, firmware, on_accepted=self._on_accepted)
        self.questions = Questions(dialect, self._calls, self._registrar, model)
        self._called: asyncio.Queue[Called] = asyncio.Queue()  # bounded by Rpc: it refuses floods
        self._settled: deque[Answered | Refused | Silent] = deque()
        self._all_settled = asyncio.Event()
        self._all_settled.set()
        self._flushed = asyncio.Event()
        self._last_answer = station.clock.mono()
        self._dropped = 0

    @property
    def accepted(self) -> bool:
        return self._registrar.accepted

    async def run(self) -> None:
        """Serve until the connection is lost. Raises LinkError, in an ExceptionGroup."""
        self._registrar.resume()
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._read(), self._serve(), self._pump(), self._keep_alive()):
                    tasks.create_task(part)
        finally:
            self._registrar.status = "Pending"
            self._calls.lost()

    def wake(self) -> None:
        self._wake.set()

    def status_changed(self, fact: ConnectorStatus) -> None:
        """Report a connector's state once it has lasted; only the newest counts."""
        if self.accepted:
            self._states.changed(fact)
            self.wake()

    def whole_wrong(self, error_code: str, info: str) -> None:
        """Report what is wrong with the station as a whole, where this version has a word for it."""
        if self.accepted:
            self._states.wrong(error_code, info)
            self.wake()

    def _on_accepted(self) -> None:
        self._states.note_all()
        self.wake()

    # --- what comes in ----------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        async for frame in self._link.frames():
            event = self._rpc.feed(frame)
            match event:
                case Called():
                    self._log("received", "call", event.action, str(frame))
                    self._called.put_nowait(event)
                case Answered() | Refused():
                    kind: Kind = "result" if isinstance(event, Answered) else "error"
                    self._log("received", kind, event.call.action, str(frame))
                    self._settled.append(event)
                    self._all_settled.clear()
                case Dropped():
                    self._on_dropped(event, frame)
            self.wake()
            while self._rpc.unsent >= MAX_UNSENT:
                self._flushed.clear()
                await self._flushed.wait()

    def _on_dropped(self, event: Dropped, frame: str | bytes) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:  # the 1st, 2nd, 4th, ...: a flood must not fill the log
            log.warning("dropped (%d so far): %s", self._dropped, event.why)
            security_events.tell(self._station, "InvalidMessages", event.why)
        self._log("received", "error", event.why[:80], str(frame[:MAX_FRAME]))

    async def _serve(self) -> None:
        while True:
            call = await self._called.get()
            await self._all_settled.wait()  # what was answered before it asks counts (1.6: the transaction's number)
            await self._calls.room()
            await self._answer(call)
            self.wake()

    async def _answer(self, call: Called) -> None:
        if self._registrar.status == "Rejected":
            if self._rpc.flavour.version == "1.6":
                self._rpc.ignore(call.id)  # 1.6 4.2: SHALL NOT respond
            else:
                self._rpc.refuse(call.id, "SecurityError", "not accepted by the back office")  # B03.FR.08
            return
        try:
            answer = await self._dialect.answer(call.request, self._office())
        except Refusal as refusal:
            self._rpc.refuse(call.id, refusal.code, refusal.description)
        else:
            self._rpc.answer(call.id, answer.response)
            self._calls.announce(map(self._job, answer.then))
        finally:
            if self._rpc.is_open(call.id):  # our own mistake: the back office hears of it, then this session ends
                self._rpc.refuse(call.id, "InternalError")
                with contextlib.suppress(LinkError):
                    await self._flush()

    def _office(self) -> Office:
        return Office(
            station=self._station,
            model=self._model,
            names=self._outbox,
            registration=self._registrar.status,
            firmware=self._firmware,
            uplink=self._uplink,
            monitors=self._monitors,
            cost=self._cost,
        )

    def _job(self, outgoing: Outgoing) -> Job:
        """A CALL whose answer matters to this session by what it is."""
        match outgoing.action:
            case "BootNotification":
                return Job(outgoing, self._registrar.on_answer, self._registrar.on_failure, triggered=True)
            case "Heartbeat":
                return Job(outgoing, self._registrar.on_heartbeat, triggered=True)
        return Job(outgoing, triggered=True)

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            self._wake.clear()
            late = self._rpc.tick(self._now())
            if late is not None:
                log.warning("%s: no answer in time", late.call.action)
                self._settled.append(late)
            while self._settled:
                await self._settle(self._settled.popleft())
            self._all_settled.set()
            await self._flush()
            if self._rpc.in_flight is None and not self._settled and await self._start():
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_something_is_due()):  # wait_for of 3.11 may lose a cancellation
                    await self._wake.wait()

    async def _start(self) -> bool:
        """Send what is due now, if anything is."""
        job = self._next_job()
        if job is not None:
            self._calls.start(job)
            return True
        if not self.accepted:
            return False
        sent = await self._delivery.next()
        if self._calls.urgent:
            return await self._start()  # it came while the disk was busy, and goes first
        if sent is not None:
            self._calls.start_outbox(sent)
            return True
        if self._now() >= self._heartbeat_due():
            self._calls.put(self._job(self._dialect.heartbeat()))
            return True
        return False

    def _next_job(self) -> Job | None:
        now = self._now()
        if not self.accepted and now >= self._registrar.due:
            return self._registrar.boot()
        if self._registrar.status == "Rejected":
            return None
        job = self._calls.next(self.accepted)
        if job is None and self.accepted:
            return self._states.next(now)
        return job

    async def _settle(self, event: Answered | Refused | Silent) -> None:
        job = self._calls.landed()
        if not isinstance(event, Silent):
            self._last_answer = self._now()
        elif self._calls.hurried:  # no failed attempt: it was us who had no time
            if job is None:
                self._delivery.say_again()
            else:
                self._calls.put(job)
            return
        if isinstance(event, Refused):
            log.warning("%s refused: %s: %s", event.call.action, event.code, event.description)
        if job is None:
            await self._delivery.settle(event)
        else:
            tell(job, event)

    async def _flush(self) -> None:
        for frame in self._rpc.frames():
            await self._link.send(frame.text)
            self._log("sent", frame.kind, frame.name, frame.text)
        self._flushed.set()

    async def _keep_alive(self) -> None:
        """Ping, and expect the pong within the interval (part 4, 5.2)."""
        while True:
            interval = self._model.number("OCPPCommCtrlr.WebSocketPingInterval")
            await asyncio.sleep(interval or NO_PING_S)
            if interval:
                await self._link.ping(within_s=interval)

    # --- time -------------------------------------------------------------------------------------------------------

    def _heartbeat_due(self) -> float:
        return self._last_answer + self._model.number("OCPPCommCtrlr.HeartbeatInterval")

    def _until_something_is_due(self) -> float:
        now = self._now()
        due = [now + 3600.0]
        if self._rpc.deadline is not None:
            due.append(self._rpc.deadline)
        elif self.accepted:
            due += [self._heartbeat_due(), *self._states.due]
            if self._delivery.not_before > now:
                due.append(self._delivery.not_before)
        else:
            due.append(self._registrar.due)
        return max(0.0, min(due) - now)

    def _now(self) -> float:
        return self._station.clock.mono()
