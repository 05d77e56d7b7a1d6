"""The station: its EVSEs, the guard, the journal; takes commands, emits facts, shares out its current.

Knows no protocol: dialects, car protocols and panels read its facts and give it commands.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from firmware.config import BudgetSettings, Settings
from firmware.station import carrying_out, transaction
from firmware.station.aligned import AlignedSamples
from firmware.station.authorization import Authorizer, BackOffice, Verdict
from firmware.station.availability import Availability
from firmware.station.certificate_status import StatusSource
from firmware.station.clock import Clock, SystemClock
from firmware.station.commands import Command, Outcome, SwipeToken
from firmware.station.data_transfer import DataTransfers
from firmware.station.displayed import Displayed
from firmware.station.evse import Evse
from firmware.station.evse_tokens import Roaming
from firmware.station.facts import (
    Authorized,
    BackOfficeMessage,
    Booted,
    BootReason,
    ConnectorStatus,
    FaultCleared,
    FaultRaised,
    IdToken,
    MeterValues,
    Sample,
    SecurityEvent,
    TokenPresented,
    Transaction,
)
from firmware.station.guard_client import GuardClient
from firmware.station.journal import Change, Contents, Journal
from firmware.station.limits import Budget
from firmware.station.reservation import Reservations
from firmware.station.resets import Resets
from firmware.station.signal import Signal
from firmware.station.smart_charging import SmartCharging
from firmware.station.telling import Telling
from firmware.station.transaction import STOPS, Moment, Open
from firmware.station.values import VARIABLE
from hal import wire

if TYPE_CHECKING:
    from firmware.station.certificates import Certificates, Signer
    from firmware.station.contracts import ContractOffice
    from firmware.station.firmware_update import FirmwareUpdate
    from firmware.station.log_upload import LogUpload

log = logging.getLogger(__name__)

_TICK_S: Final = 1.0


class Station(Telling):
    """What readers of facts and givers of commands hold on to."""

    def __init__(self, settings: Settings, clock: Clock, guard: GuardClient, journal: Journal, boot_id: str) -> None:
        super().__init__(settings, journal)
        self.clock = clock
        self.guard = guard
        self.boot_id = boot_id
        self.evses = {each.id: Evse(each, self) for each in settings.evse}
        self.authorizer = Authorizer(
            settings.authorization, clock, self._keep, self.flag, text=self.variable, keep_all=self._keep_all
        )
        self.changed = Signal()
        self.back_office: BackOffice | None = None
        self.contract_office: ContractOffice | None = None  # None: nobody to ask about contracts of cars
        self.certificate_status: StatusSource | None = None  # None: nobody to ask about our own certificates
        self.certificates: Certificates | None = None
        self.signer: Signer | None = None  # None: nobody to have our certificates signed by
        self.firmware_update: FirmwareUpdate | None = None
        self.log_upload: LogUpload | None = None
        self.ready = asyncio.Event()
        self.accepted_once = False  # by the back office, since this start
        self.boot_reason: BootReason = "PowerUp"
        self.resets = Resets(self)
        self.reservations = Reservations(self)
        self.availability = Availability(self)
        self._aligned = AlignedSamples(self, self._tell_aligned)
        self.budget = Budget()
        self.displayed: Displayed | None = None  # None: nobody has people told anything
        self.data_transfers = DataTransfers()
        self.smart_charging: SmartCharging | None = None
        self.smart_charging_by_needs = False  # the back office plans by what cars tell (OCPP 2.x K15): its dialect says
        self.on_frame: list[Callable[[BackOfficeMessage], None]] = []  # told whole frames; the fact has their beginning
        self.on_load: list[Callable[[Contents], None]] = []  # told what the last run left behind, before it goes on
        self.asking: set[int] = set()  # EVSEs with a token under way
        if settings.budget.max_current_a is not None:
            self.budget.bounds["site"] = settings.budget.max_current_a
        self._by_connector = {number: evse for evse in self.evses.values() for number in evse.settings.connectors}
        self._background: set[asyncio.Task[Outcome]] = set()
        self._stop = asyncio.Event()
        self._booted = False
        guard.on_hello.append(self._hello)
        guard.on_epoch.append(self._new_epoch)
        guard.on_observation.append(self._observe)
        guard.on_token.append(self._token)
        guard.on_lost.append(self._lost)
        journal.on_problem.append(self._journal_problem)
        for evse in self.evses.values():
            evse.changed.subscribe(self.changed.notify)

    # --- facts --------------------------------------------------------------------------------------------------

    def record(
        self,
        event: Transaction | None,
        kept: Open | None,
        transaction_id: str,
        then: Callable[[], None] | None = None,
    ) -> None:
        """An event of a transaction and what is kept of it, in one commit; kept None = it is over. `then`: after it."""
        event = self.reservations.stamp(event) if event is not None else None
        change = Change(transaction.KIND, transaction_id, transaction.encode(kept) if kept is not None else None)

        def committed() -> None:
            if event is not None:
                self._tell(event)
            if then is not None:
                then()

        self.journal.append([event] if event is not None else [], then=committed, changes=[change])

    # --- commands -----------------------------------------------------------------------------------------------

    async def do(self, command: Command) -> Outcome:
        """Carry out a command. Never raises for what a command asks: the outcome says why not."""
        outcome = await carrying_out.carry_out(self, command)
        log.info("%s by %s: %s %s", type(command).__name__, command.by, outcome.status, outcome.reason)
        return outcome

    def token_verdict(self, id_token: IdToken, verdict: Verdict, transaction_id: str | None = None) -> None:
        """What the back office said later about a token that already charges (C10.FR.05, E05)."""
        self.authorizer.learn(id_token, verdict)
        evse = self.by_transaction(transaction_id) if transaction_id is not None else None
        if evse is None or not evse.owns(id_token, None):
            return
        if verdict.accepted:
            evse.join_group(verdict.group)
        else:
            evse.deauthorise(stop=self.stops_invalid, energy_wh=self.number("TxCtrlr.MaxEnergyOnInvalidId", 0.0))

    def clear_cache(self) -> bool:
        """Forget all cached tokens. False where there is no cache."""
        return self.authorizer.clear()

    def by_transaction(self, transaction_id: str) -> Evse | None:
        return next((evse for evse in self.evses.values() if evse.transaction_id == transaction_id), None)

    def is_dc(self, evse: int) -> bool:
        """Nothing at this EVSE (0: at any) has phases."""
        concerned = [each.capability for each in self.evses.values() if evse in {0, each.id}]
        return bool(concerned) and all(each is not None and each.dc for each in concerned)

    def in_background(self, work: Coroutine[Any, Any, Outcome]) -> None:
        """Go on with a command whose answer was given already."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_done)

    def _background_done(self, task: "asyncio.Task[Outcome]") -> None:
        self._background.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a command failed", exc_info=error)

    def token_presented(self, id_token: IdToken, evse: int) -> None:
        self.emit(TokenPresented(**self._stamp(), evse=evse, id_token=id_token))

    def accept(
        self,
        evse: Evse,
        id_token: IdToken,
        verdict: Verdict,
        remote_start_id: int | None = None,
        *,
        anywhere: bool = False,
    ) -> None:
        self._authorized(evse, id_token, verdict)
        self.reservations.use(evse, id_token, verdict.group)
        evse.authorise(id_token, verdict, remote_start_id, anywhere=anywhere)

    def roaming(self, plugged: int) -> Roaming | None:
        """Who showed a token at a reader of several EVSEs and plugs in at this one now, with all that is theirs."""
        for evse in self.evses.values():
            if evse.id == plugged or evse.id_token is None or not evse.roams:
                continue
            if not self.reservations.refusal(self.evses[plugged], evse.id_token, evse.group):
                self.reservations.moved(evse.id, plugged)
                return evse.hand_over()
        return None

    def refuse(self, evse: Evse, id_token: IdToken, verdict: Verdict, *, running: bool = False) -> None:
        """Tell everybody why not; `running`: the EVSE itself goes on with somebody else."""
        log.info("token refused at EVSE %d: %s", evse.id, verdict.reason)
        self._authorized(evse, id_token, verdict)
        if not running:
            evse.refuse(verdict.reason)

    def _authorized(self, evse: Evse, id_token: IdToken, verdict: Verdict) -> None:
        self.emit(
            Authorized(
                **self._stamp(),
                evse=evse.id,
                id_token=id_token,
                accepted=verdict.accepted,
                status=verdict.status,
                source=verdict.source,
                reason=verdict.reason,
                language=verdict.language,
            )
        )

    def _stamp(self) -> dict[str, Any]:
        return {"at": self.clock.utc(), "mono": self.clock.mono(), "clock_synced": self.clock.synced}

    # --- what EVSEs ask of their station ------------------------------------------------------------------------

    def moment(self) -> Moment:
        return Moment(self.clock.utc(), self.clock.mono(), self.clock.synced, self.offline)

    @property
    def budget_settings(self) -> BudgetSettings:
        return self.settings.budget

    @property
    def free_token(self) -> IdToken | None:
        """The token of free mode, None where somebody has to be asked."""
        wanted = self.settings.authorization
        free = wanted.mode == "free" or not self.flag("AuthCtrlr.Enabled", True)
        return IdToken(wanted.free_token, "NoAuthorization") if free else None

    @property
    def offline(self) -> bool:
        """There is a back office, and it is out of reach."""
        return self.settings.ocpp is not None and (self.back_office is None or not self.back_office.connected)

    @property
    def shared_reader(self) -> bool:
        """One token reader serves several EVSEs."""
        hello = self.guard.hello
        return len(self.evses) > 1 and hello is not None and hello.station_token_reader

    @property
    def switches_phases(self) -> bool:
        """Whether every AC EVSE can change between three phases and one."""
        known = [evse.capability for evse in self.evses.values() if evse.capability is not None]
        ac = [each for each in known if not each.dc]
        return bool(ac) and all(each.phase_switch for each in ac)

    @property
    def admits(self) -> bool:
        """May transactions begin? Where the operator wants it so, not before the back office accepted this station."""
        wanted = self.settings.ocpp is None or self.flag("TxCtrlr.TxBeforeAcceptedEnabled", True)
        return wanted or self.accepted_once

    def share_out(self) -> None:
        """Divide the budget anew. Cuts count at once, so nobody ever has what another still may draw."""
        wants = [want for want in (evse.want() for evse in self.evses.values()) if want is not None]
        self.budget.divide(wants, self.clock.mono())
        shares = self.budget.shares if self.budget.limit is not None else None
        for evse in self.evses.values():
            share = shares.get(evse.id) if shares is not None else None
            evse.set_share(None if shares is None else share.allotted_a if share is not None else 0.0)

    def set_budget(self, source: str, amps: float | None) -> None:
        """An upper bound of what all EVSEs draw together (A per phase); None lifts it."""
        if amps is None:
            self.budget.bounds.pop(source, None)
        else:
            self.budget.bounds[source] = amps
        self.share_out()

    # --- what several parts ask -----------------------------------------------------------------------------------

    def may_begin(self, evse: int, connector: int) -> bool:
        """Is this connector in service?"""
        return self.availability.of(evse, connector)

    def statuses(self) -> list[ConnectorStatus]:
        """The present status of every connector."""
        return self.availability.statuses()

    def _main_sample(self) -> Sample | None:
        """The meter at the grid connection, where our board reads one (J01.FR.04)."""
        meter = self.guard.site
        if meter is None or meter.quality != "good":
            return None
        return Sample(
            at=self.clock.utc(),
            energy_wh=meter.import_wh,
            power_w=meter.power_w,
            voltage_v=meter.voltage_v,
            current_a=meter.current_a,
            context="Sample.Clock",
            signed=meter.signed,
        )

    def _tell_aligned(self, evse: int, sample: Sample) -> None:
        self.emit(MeterValues(**self._stamp(), evse=evse, samples=(sample,)))

    # --- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled, shut down or reset. Open transactions stay open: the guard keeps their current
        flowing for its ride-through, and the next start resumes them."""
        self._stop.clear()
        self.resets.forget()
        self._take_over(await self.journal.start())
        tasks = [asyncio.create_task(self.guard.run()), asyncio.create_task(self._keep_ticking())]
        stopped = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a task that failed: its error is ours
        finally:
            self.ready.clear()
            running = [*tasks, stopped, *self._background]
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self.journal.close()

    def shutdown(self) -> None:
        """End run() cleanly."""
        self._stop.set()

    async def _keep_ticking(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.tick()

    def tick(self) -> None:
        """What is due by time, once a second."""
        now = self.clock.mono()
        for evse in self.evses.values():
            evse.tick(now)
        self._aligned.tick(self.evses.values(), self.clock.utc(), self._main_sample())
        self.reservations.follow()
        if self.budget.limit is not None:
            self.share_out()
        self.resets.follow()

    def _take_over(self, contents: Contents) -> None:
        """What the last run left behind."""
        self._variables.update({key: body for (kind, key), body in contents.items() if kind == VARIABLE})
        self.authorizer.load(contents)
        self.reservations.load(contents)
        for load in self.on_load:
            load(contents)
        if not self._booted or self.variable("boot/reason"):
            self.boot_reason = self._find_boot_reason()
            self._booted = True
            self.emit(Booted(**self._stamp(), reason=self.boot_reason))
        self.availability.follow()
        for (kind, key), body in contents.items():
            if kind == transaction.KIND:
                self._restore(key, body)
        self.ready.set()

    def _find_boot_reason(self) -> BootReason:
        asked = self.variable("boot/reason")
        same_boot = self.variable("boot/id") == self.boot_id
        self.set_variable("boot/reason", "")
        self.set_variable("boot/id", self.boot_id)
        known: dict[str, BootReason] = {
            "RemoteReset": "RemoteReset",
            "ScheduledReset": "ScheduledReset",
            "LocalReset": "LocalReset",
            "FirmwareUpdate": "FirmwareUpdate",
        }
        return known.get(asked) or ("ApplicationReset" if same_boot else "PowerUp")

    def _restore(self, transaction_id: str, body: str) -> None:
        try:
            kept = transaction.decode(body)
        except msgspec.MsgspecError as error:
            log.error("transaction %s in the journal cannot be read, it is dropped: %s", transaction_id, error)
            self._keep(Change(transaction.KIND, transaction_id, None))
            return
        evse = self.evses.get(kept.evse)
        if evse is None:
            log.error("transaction %s belongs to EVSE %d, which is no longer configured", transaction_id, kept.evse)
            self.record(transaction.end(kept, self.moment(), STOPS["Other"], "Idle", None), None, transaction_id)
        elif evse.transaction_id != transaction_id:
            evse.restore(kept, after_reset=self.boot_reason in {"RemoteReset", "LocalReset", "ScheduledReset"})

    # --- the guard ----------------------------------------------------------------------------------------------

    def _hello(self, hello: wire.Hello) -> None:
        known = {each.connector for each in hello.connectors}
        for number in sorted(set(self._by_connector) - known):
            log.error("the board has no connector %d, which station.toml gives to an EVSE", number)
        for evse in self.evses.values():
            evse.hello(hello.connectors)

    def _new_epoch(self) -> None:
        for evse in self.evses.values():
            evse.resend()

    def _observe(self, seen: wire.Observation) -> None:
        evse = self._by_connector.get(seen.connector)
        if evse is not None:
            evse.observe(seen)
        elif seen.grant is not None:
            self.guard.send(wire.Revoke(0, seen.connector, "no EVSE of this station has this connector"))

    def _token(self, token: wire.Token) -> None:
        evse = self._by_connector.get(token.connector)
        id_token = IdToken(token.token, token.kind)
        self.in_background(self.do(SwipeToken(id_token=id_token, evse=evse.id if evse is not None else 0, by="local")))

    def _lost(self) -> None:
        for evse in self.evses.values():
            evse.lost()

    def _journal_problem(self, kind: str, text: str) -> None:
        where = {**self._stamp(), "evse": 0, "connector": 0}
        if kind == "recovered":
            self.emit(FaultCleared(**where, code="journal"))
            return
        self.emit(FaultRaised(**where, code="journal", text=text))
        if kind in {"full", "lost"}:
            self.emit(SecurityEvent(**self._stamp(), kind="MemoryExhaustion", tech_info=text[:255], critical=True))


def build_station(settings: Settings, clock: Clock | None = None) -> Station:
    """Put the parts together; nothing is opened before run()."""
    return Station(
        settings,
        clock if clock is not None else SystemClock(),
        GuardClient(Path(settings.station.guard_socket)),
        Journal(settings.storage / "journal.sqlite"),
        Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
    )
