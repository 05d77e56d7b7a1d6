"""One connection to the back office, from registration to its loss: what is sent when, and who hears the answers.

Three small tasks share one `Rpc`: read, serve the back office's CALLs (so they are answered while ours wait), and send
our own CALLs one at a time in this order: BootNotification, what was asked for, states, the outbox, Heartbeat.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from firmware.ocpp.cost import CostDesk
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect, Office, Outgoing, Refusal, RegistrationStatus
from firmware.ocpp.link import Connection, LinkError
from firmware.ocpp.monitoring import Monitors
from firmware.ocpp.ocpp_j import MAX_FRAME, Sent, encode_call
from firmware.ocpp.outbox import Outbox
from firmware.ocpp.payload import Payload
from firmware.ocpp.rpc import Answered, Called, Dropped, Refused, Rpc, Silent
from firmware.ocpp.uplink import Uplink
from firmware.station import security_events
from firmware.station.authorization import Unreachable, Verdict
from firmware.station.certificates import HashData, OwnUse
from firmware.station.contracts import Action, CertificateAnswer, ContractVerdict, OcspRequestData, PresentedContract
from firmware.station.facts import BackOfficeMessage, ConnectorStatus, IdToken, SecurityEvent
from firmware.station.journal import JournalError
from firmware.station.station import Station

log = logging.getLogger(__name__)

OWN_INTERVAL_S: Final = 60.0  # between BootNotifications when the back office names no interval (B02.FR.07)
DISK_PAUSE_S: Final = 5.0  # while the journal cannot be written
NO_PING_S: Final = 10.0  # how soon a ping interval is noticed after it was 0
HURRIED_S: Final = 1.0  # so long a CALL in flight may still be answered when a car with its own time limit waits
LOGGED: Final = 2048  # characters of a frame kept in the log
SECRETS: Final = ("AuthorizationKey", "BasicAuthPassword", '"KeyCode"')  # C04.FR.04
#: Delivered until they are answered or their attempts are used up (E13, A04); others of the outbox are refused once.
_REPEATED: Final = frozenset(
    {"TransactionEvent", "StartTransaction", "StopTransaction", "MeterValues", "SecurityEventNotification"}
)


@dataclass
class Memory:
    """What outlives a connection, but not the process."""

    boot_reason: str = "PowerUp"
    boot_content: bytes = b""  # of the accepted BootNotification; sent again only when it changes
    boot_not_before: float = 0.0
    reported: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    offline_since: float | None = None


@dataclass(frozen=True, eq=False)
class _Job:
    """An own CALL that is not from the outbox. `triggered`: may be sent before we are accepted (B02.FR.02); `urgent`:
    somebody stands at the car and waits for the answer."""

    outgoing: Outgoing
    done: Callable[[Payload], None]
    failed: Callable[[str], None]
    triggered: bool = False
    urgent: bool = False


class Session:
    """Serves one open connection until it is lost."""

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
        self._memory = memory
        self._firmware = firmware
        self._rpc = Rpc(dialect.flavour, dialect.requests, dialect.known)
        self._wake = asyncio.Event()
        self._called: asyncio.Queue[Called] = asyncio.Queue()  # bounded by Rpc: it refuses floods
        self._settled: deque[Answered | Refused | Silent] = deque()
        self._all_settled = asyncio.Event()
        self._all_settled.set()
        self._asked: deque[_Job] = deque()
        self._following_answers: deque[Iterator[Outgoing]] = deque()  # what answers announced, made when it is sent
        self._states: dict[tuple[int, int], tuple[float, ConnectorStatus]] = {}  # newest only, and when it is due
        self._job: _Job | None = None  # in flight; None: the head of the outbox is
        self._hurried = False  # what is in flight is given up early, and said again
        self._outbox_not_before = 0.0
        self._last_answer = station.clock.mono()
        self._dropped = 0
        self.registration: RegistrationStatus = "Pending"

    @property
    def accepted(self) -> bool:
        return self.registration == "Accepted"

    async def run(self) -> None:
        """Serve until the connection is lost. Raises LinkError, in an ExceptionGroup."""
        if self._memory.boot_content == self._boot_content():  # no reboot, nothing new: B01 is not repeated
            self._on_accepted(everything=self._was_away_long())
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._read(), self._serve(), self._pump(), self._keep_alive()):
                    tasks.create_task(part)
        finally:
            self.registration = "Pending"
            for job in [*self._asked, *([self._job] if self._job else [])]:
                job.failed("the connection was lost")

    def wake(self) -> None:
        self._wake.set()

    async def authorize(self, id_token: IdToken) -> Verdict:
        """Ask the back office about a token, ahead of everything that waits. Raises Unreachable."""
        return self._dialect.verdict(await self._ask(self._dialect.authorize(id_token)))

    async def authorize_contract(self, contract: PresentedContract) -> ContractVerdict:
        """The same for a contract; one that we found good is a plain token to an office that knows none."""
        verdict = self._dialect.contracts.authorized(await self._ask(self._dialect.contracts.authorize(contract)))
        if verdict is not None:
            return verdict
        if not contract.valid:
            raise Unreachable("the back office knows no contracts")
        return ContractVerdict(await self.authorize(contract.id_token))

    async def exchange_certificate(self, action: Action, exi_request: str, schema: str) -> CertificateAnswer:
        """Forward a car's certificate request. Raises Unreachable."""
        contracts = self._dialect.contracts
        outgoing = contracts.exchange(action, exi_request, schema)
        return contracts.exchanged(await self._ask(outgoing, hurried=True))

    async def certificate_status(self, request: OcspRequestData) -> bytes:
        """An OCSP response (DER). Raises Unreachable, also when the back office has none."""
        contracts = self._dialect.contracts
        response = contracts.status_of(await self._ask(contracts.status(request), urgent=False))
        if response is None:
            raise Unreachable("the back office has no OCSP response")
        return response

    async def sign_certificate(self, csr: str, use: OwnUse, request_id: int, root: HashData | None) -> bool:
        """Have a certificate of ours signed; False: refused, or unknown to this version. Raises Unreachable."""
        outgoing = self._dialect.sign_certificate(csr, use, request_id, root)
        if outgoing is None:
            return False
        return getattr(await self._ask(outgoing, urgent=False), "status", "") == "Accepted"

    async def _ask(self, outgoing: Outgoing, *, urgent: bool = True, hurried: bool = False) -> Payload:
        """Make a CALL and wait for its answer. Raises Unreachable. `urgent`: ahead of everything that waits; `hurried`:
        a CALL in flight that gets no answer must not use up the time that a car gives us."""
        if not self.accepted:
            raise Unreachable("not registered at the back office")
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()

        def done(response: Payload) -> None:
            if not answer.done():
                answer.set_result(response)

        def failed(why: str) -> None:
            if not answer.done():
                answer.set_exception(Unreachable(why))

        job = _Job(outgoing, done, failed, urgent=urgent)
        if urgent:
            self._asked.appendleft(job)
        else:
            self._asked.append(job)
        if hurried and self._rpc.in_flight is not None and not (self._job is not None and self._job.urgent):
            self._hurried = True
            self._rpc.hurry(self._now(), HURRIED_S)
        self.wake()
        timeout = self._model.number("OCPPCommCtrlr.MessageTimeout[Default]")
        try:
            async with asyncio.timeout(2 * timeout):  # the CALL before ours may use up its own time first
                return await answer
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        finally:
            with contextlib.suppress(ValueError):
                self._asked.remove(job)  # nobody waits for it any more: it is not sent

    def status_changed(self, fact: ConnectorStatus) -> None:
        """Report a connector's state once it has lasted MinimumStatusDuration; only the newest counts."""
        if self.accepted:
            lasting = self._model.number("OCPPCommCtrlr.MinimumStatusDuration")
            for each in self._statuses():
                if each.evse == fact.evse:  # also of the connectors beside it (H01.FR.23)
                    self._note_status(fact if each.connector == fact.connector else each, self._now() + lasting)
            whole = self._dialect.station_status(self._station)
            if whole is not None:
                self._note_status(whole, self._now() + lasting)
            self.wake()

    # --- the three tasks --------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        async for frame in self._link.frames():
            event = self._rpc.feed(frame)
            match event:
                case Called():
                    self._log("received", "call", event.action, str(frame))
                    self._called.put_nowait(event)
                case Answered() | Refused():
                    kind: Literal["result", "error"] = "result" if isinstance(event, Answered) else "error"
                    self._log("received", kind, event.call.action, str(frame))
                    self._settled.append(event)
                    self._all_settled.clear()
                case Dropped():
                    self._dropped += 1
                    if (
                        self._dropped & (self._dropped - 1) == 0
                    ):  # the 1st, 2nd, 4th, ...: a flood must not fill the log
                        log.warning("dropped (%d so far): %s", self._dropped, event.why)
                        security_events.tell(self._station, "InvalidMessages", event.why)
                    self._log("received", "error", event.why[:80], str(frame[:MAX_FRAME]))
            self.wake()

    async def _serve(self) -> None:
        while True:
            call = await self._called.get()
            await self._all_settled.wait()  # what was answered before it asks counts (1.6: the transaction's number)
            await self._answer(call)
            self.wake()

    async def _answer(self, call: Called) -> None:
        if self.registration == "Rejected":
            if self._rpc.flavour.version == "1.6":
                self._rpc.ignore(call.id)  # 1.6 4.2: SHALL NOT respond
            else:
                self._rpc.refuse(call.id, "SecurityError", "not accepted by the back office")  # B03.FR.08
            return
        office = Office(
            station=self._station,
            model=self._model,
            names=self._outbox,
            registration=self.registration,
            firmware=self._firmware,
            uplink=self._uplink,
            monitors=self._monitors,
            cost=self._cost,
        )
        try:
            answer = await self._dialect.answer(call.request, office)
        except Refusal as refusal:
            self._rpc.refuse(call.id, refusal.code, refusal.description)
        else:
            self._rpc.answer(call.id, answer.response)
            self._following_answers.append(iter(answer.then))
        finally:
            if self._rpc.is_open(call.id):  # our own mistake: the back office hears of it, then this session ends
                self._rpc.refuse(call.id, "InternalError")
                with contextlib.suppress(LinkError):
                    await self._flush()

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

    async def _keep_alive(self) -> None:
        """Ping, and expect the pong within the interval (part 4, 5.2)."""
        while True:
            interval = self._model.number("OCPPCommCtrlr.WebSocketPingInterval")
            await asyncio.sleep(interval or NO_PING_S)
            if interval:
                await self._link.ping(within_s=interval)

    # --- our own CALLs ----------------------------------------------------------------------------------------------

    async def _start(self) -> bool:
        """Send what is due now, if anything is."""
        now = self._now()
        job = self._next_job(now)
        if job is not None:
            message_id, text = encode_call(job.outgoing.action, job.outgoing.payload)
            self._send(Sent(message_id, job.outgoing.action, text, job.outgoing.response), job)
            return True
        if self.accepted and now >= self._outbox_not_before:
            try:
                sent = await self._outbox.next(self._dialect)
            except JournalError as error:
                return self._disk_trouble(error)
            if self._asked and self._asked[0].urgent:
                return await self._start()  # it came while the disk was busy, and goes first
            if sent is not None:
                self._send(sent, None)
                return True
        if self.accepted and now >= self._heartbeat_due():
            self._asked.append(self._following(self._dialect.heartbeat()))
            return True
        return False

    def _next_job(self, now: float) -> _Job | None:
        if not self.accepted and now >= self._memory.boot_not_before:
            return self._following(self._dialect.boot(self._station, self._memory.boot_reason, self._firmware))
        if self.registration == "Rejected":
            return None
        if self._asked and (self.accepted or self._asked[0].triggered):
            return self._asked.popleft()
        while self._following_answers:
            outgoing = next(self._following_answers[0], None)
            if outgoing is not None:
                return self._following(outgoing)
            self._following_answers.popleft()
        if self.accepted:
            return self._next_status(now)
        return None

    def _next_status(self, now: float) -> _Job | None:
        for place, (due, fact) in list(self._states.items()):
            content = self._dialect.status_content(fact)
            if self._memory.reported.get(place) == content:
                del self._states[place]  # it is as we said before
            elif now >= due:
                del self._states[place]
                self._memory.reported[place] = content
                return self._status_job(place, fact)
        return None

    def _status_job(self, place: tuple[int, int], fact: ConnectorStatus) -> _Job:
        def failed(why: str) -> None:
            self._memory.reported.pop(place, None)  # say it again with the next change or connection

        return _Job(self._dialect.status(fact), lambda _: None, failed)

    def _send(self, sent: Sent, job: _Job | None) -> None:
        self._job, self._hurried = job, False
        self._rpc.call(sent, self._now(), self._model.number("OCPPCommCtrlr.MessageTimeout[Default]"))
        self.wake()

    async def _settle(self, event: Answered | Refused | Silent) -> None:
        job, self._job = self._job, None
        if not isinstance(event, Silent):
            self._last_answer = self._now()
        elif self._hurried:  # no failed attempt: it was us who had no time
            self._say_again(job)
            return
        why = "no answer" if isinstance(event, Silent) else ""
        if isinstance(event, Refused):
            why = f"{event.code}: {event.description}"
            log.warning("%s refused: %s", event.call.action, why)
        if job is None:
            try:
                await self._settle_outbox(event)
            except JournalError as error:
                self._disk_trouble(error)
        elif isinstance(event, Answered):
            job.done(event.response)
        else:
            job.failed(why)

    def _say_again(self, job: _Job | None) -> None:
        if job is None:
            self._outbox.forget()  # the head is sent again, byte by byte
        else:
            self._asked.append(job)

    async def _settle_outbox(self, event: Answered | Refused | Silent) -> None:
        if isinstance(event, Answered):
            await self._outbox.answered(self._dialect, event.response)
            return
        if isinstance(event, Refused):
            unknown = event.code in {"NotImplemented", "NotSupported"}
            if event.unusable and event.call.action != "StartTransaction":
                await self._outbox.skip()  # it was processed; only its answer is broken
                return
            if unknown and event.call.action == "SecurityEventNotification":
                await self._outbox.skip()  # a 1.6 back office without the security extension
                return
            if event.call.action not in _REPEATED:
                await self._outbox.skip()  # nobody says that it is to be repeated; what waits behind it counts more
                return
        attempts = await self._outbox.failed(self._model.number("OCPPCommCtrlr.MessageAttempts[TransactionEvent]"))
        if attempts is not None:
            interval = self._model.number("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]")
            self._outbox_not_before = self._now() + interval * attempts

    def _disk_trouble(self, error: JournalError) -> bool:
        log.error("the outbox waits for the disk: %s", error)
        self._outbox.forget()
        self._outbox_not_before = self._now() + DISK_PAUSE_S
        return False

    def _following(self, outgoing: Outgoing) -> _Job:
        """A CALL whose answer matters to this session by what it is."""
        match outgoing.action:
            case "BootNotification":
                return _Job(outgoing, self._on_boot_answer, self._on_boot_failed, triggered=True)
            case "Heartbeat":
                return _Job(outgoing, self._on_heartbeat_answer, lambda _: None, triggered=True)
        return _Job(outgoing, lambda _: None, lambda _: None, triggered=True)

    # --- registration, states, time ---------------------------------------------------------------------------------

    def _on_boot_answer(self, response: Payload) -> None:
        answer = self._dialect.registration(response)
        self._set_clock(answer.current_time)
        interval = answer.interval if answer.interval > 0 else OWN_INTERVAL_S
        if answer.status == "Accepted":
            self._memory.boot_content = self._boot_content()
            if answer.interval > 0:
                heartbeat = self._model.find("OCPPCommCtrlr", "HeartbeatInterval")
                if not isinstance(heartbeat, str):
                    self._model.set(heartbeat, str(min(answer.interval, 86_400)))
            self._on_accepted(everything=True)
            return
        log.info("registration: %s, again in %d s", answer.status, interval)
        self.registration = answer.status
        self._memory.boot_not_before = self._now() + interval

    def _on_boot_failed(self, why: str) -> None:
        self._memory.boot_not_before = self._now() + self._model.number("OCPPCommCtrlr.RetryBackOffWaitMinimum")

    def _on_accepted(self, everything: bool) -> None:
        self.registration = "Accepted"
        self._station.accepted_once = True
        self._memory.offline_since = None
        if everything:
            self._memory.reported.clear()
        now = self._now()
        whole = self._dialect.station_status(self._station)
        for fact in [*([whole] if whole is not None else []), *self._statuses()]:
            self._note_status(fact, now)
        self.wake()

    def _statuses(self) -> list[ConnectorStatus]:
        """1.6 knows of an EVSE only the connector in use."""
        found, evses = self._station.statuses(), self._station.evses
        if self._rpc.flavour.version != "1.6":
            return found
        return [each for each in found if each.connector == evses[each.evse].connector]

    def _note_status(self, fact: ConnectorStatus, due: float) -> None:
        self._states[fact.evse, fact.connector] = (due, fact)

    def _was_away_long(self) -> bool:
        since = self._memory.offline_since
        return since is None or self._now() - since > self._model.number("OCPPCommCtrlr.OfflineThreshold")

    def _boot_content(self) -> bytes:
        """What BootNotification says, apart from its reason: a new one is due when this changes."""
        boot = self._dialect.boot(self._station, "Unknown", self._firmware)
        return self._dialect.flavour.version.encode() + msgspec.json.encode(boot.payload)

    def _on_heartbeat_answer(self, response: Payload) -> None:
        self._set_clock(self._dialect.current_time(response))

    def _set_clock(self, utc: float | None) -> None:
        if utc is None or "Heartbeat" not in self._model.members("ClockCtrlr.TimeSource"):
            return
        clock = self._station.clock
        moved = clock.set_utc(utc)
        if abs(moved) > self._model.number("ClockCtrlr.TimeAdjustmentReportingThreshold"):
            event = SecurityEvent(
                at=clock.utc(),
                mono=clock.mono(),
                kind="SettingSystemTime",
                tech_info=f"by {moved:+.0f} s",
                critical=True,
            )
            self._station.emit(event)

    def _heartbeat_due(self) -> float:
        return self._last_answer + self._model.number("OCPPCommCtrlr.HeartbeatInterval")

    def _until_something_is_due(self) -> float:
        now = self._now()
        due = [now + 3600.0]
        if self._rpc.deadline is not None:
            due.append(self._rpc.deadline)
        elif self.accepted:
            due += [self._heartbeat_due(), *(each for each, _ in self._states.values())]
            if self._outbox_not_before > now:
                due.append(self._outbox_not_before)
        else:
            due.append(self._memory.boot_not_before)
        return max(0.0, min(due) - now)

    # --- frames -----------------------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        for frame in self._rpc.frames():
            await self._link.send(frame.text)
            self._log("sent", frame.kind, frame.name, frame.text)

    def _log(
        self, direction: Literal["sent", "received"], kind: Literal["call", "result", "error"], name: str, text: str
    ) -> None:
        secret = any(word in text for word in SECRETS)
        clock = self._station.clock
        whole = BackOfficeMessage(
            at=clock.utc(),
            mono=clock.mono(),
            clock_synced=clock.synced,
            direction=direction,
            version=self._dialect.flavour.version,
            kind=kind,
            name=name,
            text="(not shown: holds a password)" if secret else text[:MAX_FRAME],
        )
        for reader in self._station.on_frame:
            reader(whole)
        self._station.emit(msgspec.structs.replace(whole, text=whole.text[:LOGGED]))

    def _now(self) -> float:
        return self._station.clock.mono()
