"""The station's back office: keeps a connection to it, for ever, and answers "may this token charge?".

An exception in here ends `run()`, never charging: the station goes on under the offline rules, the journal keeps what
is to be reported, and the task runner calls `run()` again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from firmware.config import OcppSettings
from firmware.ocpp import network_rows, ocpp_j, quirks, start_values
from firmware.ocpp.backoff import Backoff
from firmware.ocpp.cost import CostDesk
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect, Learnt, Shape
from firmware.ocpp.link import Connection, LinkError
from firmware.ocpp.monitoring import Monitors
from firmware.ocpp.outbox import Outbox
from firmware.ocpp.questions import Questions
from firmware.ocpp.registration import Memory
from firmware.ocpp.session import Session
from firmware.ocpp.uplink import Uplink
from firmware.station.authorization import Unreachable, Verdict
from firmware.station.certificates import HashData, OwnUse
from firmware.station.charging_facts import EvChargingNeeds, EvChargingSchedule, PriorityCharging
from firmware.station.contracts import Action, CertificateAnswer, ContractVerdict, OcspRequestData, PresentedContract
from firmware.station.facts import AnyFact, BackOfficeLink, Booted, ConnectorStatus, IdToken, SecurityEvent, Transaction
from firmware.station.journal import Journal, JournalError
from firmware.station.signal import until
from firmware.station.station import Station
from firmware.station.telling import DURABLE
from hal import __version__

if TYPE_CHECKING:
    from firmware.ocpp.pricing import Pricing

log = logging.getLogger(__name__)

FIRST_LOOK_S: Final = 3.0  # a guard that is silent for longer is a fault, and told as one
SUBPROTOCOLS: Final = {flavour.version: flavour.subprotocol for flavour in (ocpp_j.V16, ocpp_j.V201, ocpp_j.V21)}


class BackOfficeClient:
    """The `BackOffice` and `ContractOffice` of a station, over OCPP-J."""

    def __init__(
        self, station: Station, settings: OcppSettings, journal: Journal, *, first_look_s: float = FIRST_LOOK_S
    ) -> None:
        self._station = station
        self._settings = settings
        self._first_look_s = first_look_s
        self._model = DeviceModel(station, settings)
        self._uplink = Uplink(station, settings)
        self._model.add(*network_rows.rows(station, settings, self._uplink))
        self._model.changed.append(self._on_variable)
        self._monitors = Monitors(station, self._model)
        self._cost = CostDesk(station, self._model)
        self._pricing = self._prices_in_16()
        self._outbox = Outbox(journal, station.clock, self._on_learnt, self._pointless)
        self._memory = Memory()
        self._backoff = Backoff()
        self._session: Session | None = None
        self._link_note: tuple[bool, str] | None = None
        self._firmware = __version__
        station.back_office = station.contract_office = station.certificate_status = station.signer = self
        station.displayed = self._cost.displayed
        station.resets.unfinished.append(lambda: self.connected and not self._outbox.idle)
        station.subscribe(self._on_fact)
        station.authorizer.on_conflict.append(self._on_conflict)

    def _prices_in_16(self) -> "Pricing | None":
        """Later versions have messages of their own for it."""
        if "1.6" not in self._settings.versions:
            return None
        from firmware.ocpp.pricing import Pricing  # noqa: PLC0415

        return Pricing(self._station, self._model, self._cost)

    @property
    def connected(self) -> bool:
        """Registered and on line: what happens now is not `offline`."""
        return self._session is not None and self._session.accepted

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        """Ask whether the token may charge. Raises Unreachable."""
        return await self._present().authorize(id_token)

    async def authorize_contract(self, contract: PresentedContract, evse: int) -> ContractVerdict:
        """Ask whether a car's contract may charge. Raises Unreachable."""
        return await self._present().authorize_contract(contract)

    async def exchange_certificate(self, action: Action, exi_request: str, schema: str) -> CertificateAnswer:
        """Forward a car's certificate request. Raises Unreachable."""
        return await self._present().exchange_certificate(action, exi_request, schema)

    async def get_certificate_status(self, request: OcspRequestData) -> bytes:
        """What an OCSP responder says of a certificate, in DER. Raises Unreachable when it is not to be had."""
        return await self._present().certificate_status(request)

    async def sign_certificate(
        self, csr: str, use: OwnUse, request_id: int, root: HashData | None, *, asked: bool
    ) -> bool:
        """Have a certificate of ours signed. Raises Unreachable."""
        return await self._present().sign_certificate(csr, use, request_id, root, asked=asked)

    def _present(self) -> Questions:
        if self._session is None:
            raise Unreachable("no connection to the back office")
        return self._session.questions

    async def begin(self) -> None:
        """Read what the last run left behind. `run` does so itself; needed before a `serve` alone."""
        await self._station.ready.wait()
        for name in self._settings.quirks:
            log.info("back office %s: %s", name, (await asyncio.to_thread(quirks.known))[name].reason)
        await self._uplink.begin()
        await self._use_start_values()
        self._cost.load()
        if self._pricing is not None:
            self._pricing.load()
        self._outbox.want(Shape.of(self._model))
        with contextlib.suppress(JournalError):  # a disk that refuses: the outbox tries again, the rest goes on
            await self._outbox.load()

    async def run(self) -> None:
        """Keep connected until cancelled."""
        await self.begin()
        await until(self._station.changed, self._all_seen, self._first_look_s)
        self._monitors.load()
        async with asyncio.TaskGroup() as tasks:  # one that fails is not missed in silence: all begin anew
            tasks.create_task(self._monitors.run(), name="monitors")
            if self._pricing is not None:
                tasks.create_task(self._pricing.run(), name="prices")
            tasks.create_task(self._keep_connected(), name="back office link")

    async def _keep_connected(self) -> None:
        while True:
            await self._connect_once()
            if self._uplink.at_once:
                continue
            await asyncio.sleep(
                self._backoff.next(
                    minimum=self._model.number("OCPPCommCtrlr.RetryBackOffWaitMinimum"),
                    random_range=self._model.number("OCPPCommCtrlr.RetryBackOffRandomRange"),
                    repeats=self._model.number("OCPPCommCtrlr.RetryBackOffRepeatTimes"),
                )
            )

    async def _use_start_values(self) -> None:
        storage = self._station.settings.storage
        values = await asyncio.to_thread(start_values.take, storage)
        if values:
            refused = start_values.apply(self._model, values)
            await asyncio.to_thread(start_values.note, storage, refused)

    def _all_seen(self) -> bool:
        """Has the guard spoken of every EVSE? Before, their first states would be faults that are none."""
        return all(evse.seen is not None for evse in self._station.evses.values())

    async def _connect_once(self) -> None:
        """Dial and serve one connection, until it is lost or was none."""
        try:
            link = await self._uplink.open(self._offer())
        except LinkError as error:
            self._note_link(False, reason=str(error))
            return
        self._backoff.connected()
        if self._uplink.moved:
            self._memory.boot_content = b""  # B10.FR.10: registered anew, for it may be another back office
        await self.serve(link)

    async def serve(self, link: Connection) -> None:
        """Serve an open connection until it is lost."""
        dialect = load_dialect(link.subprotocol)
        self._station.smart_charging_by_needs = dialect.flavour.version != "1.6"  # which has no words for needs
        self._note_link(True, version=dialect.flavour.version)
        session = self._session = Session(
            link,
            dialect,
            station=self._station,
            model=self._model,
            outbox=self._outbox,
            memory=self._memory,
            firmware=self._firmware,
            uplink=self._uplink,
            monitors=self._monitors,
            cost=self._cost,
        )
        reason = "ended"
        try:
            await session.run()
        except* LinkError as lost:
            reason = str(lost.exceptions[0])
        finally:
            self._session = None
            self._uplink.lost()
            self._outbox.lost()
            self._memory.offline_since = self._station.clock.mono()
            self._note_link(False, version=dialect.flavour.version, reason=reason)
            with contextlib.suppress(LinkError):
                await link.close()

    def _offer(self) -> list[str]:
        """Versions in order of preference; a transaction is finished in the version that first reported it."""
        versions: Sequence[str] = self._settings.versions
        begun_in = self._outbox.unfinished_version
        if begun_in in versions:
            versions = sorted(versions, key=lambda version: version != begun_in)
        return [SUBPROTOCOLS[version] for version in versions]

    def _note_link(self, connected: bool, version: str = "", reason: str = "") -> None:
        """Tell of a change once: an outage is one fact, however many dials are refused; a new reason is logged."""
        before, self._link_note = self._link_note, (connected, reason)
        if before == self._link_note:
            return
        again = before is not None and not before[0] and not connected
        if connected:
            log.info("back office %s connected, OCPP %s", self._uplink.url, version)
        else:
            how = "still out of reach" if again else "out of reach" if before is None else "lost"
            log.warning("back office %s %s: %s", self._uplink.url, how, reason)
        if again:
            return
        clock = self._station.clock
        self._station.emit(
            BackOfficeLink(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                connected=connected,
                version=version,
                reason=reason,
            )
        )

    # --- what the station tells -------------------------------------------------------------------------------------

    def _on_fact(self, fact: AnyFact) -> None:
        self._cost.on_fact(fact)
        match fact:
            case Booted():
                self._memory.boot_reason = fact.reason
            case ConnectorStatus() if self._session is not None:
                self._session.status_changed(fact)
        if isinstance(fact, DURABLE):
            self._outbox.wake()
            if self._session is not None:
                self._session.wake()

    def _on_conflict(self, id_token: IdToken, listed: Verdict, told: Verdict) -> None:
        """The local list is wrong about a token: 1.6 wants to hear of it (3.5.2), 2.x has no word for it."""
        said = f"{id_token.token[:20]}: {told.status}, listed as {listed.status}"
        log.warning("the local list is not as the back office: %s", said)
        if self._session is not None:
            self._session.whole_wrong("LocalListConflict", said)

    def _on_learnt(self, fact: AnyFact, learnt: Learnt) -> None:
        """What the answer to a fact's CALL tells."""
        self._cost.on_answer(fact, learnt.cost, learnt.personal)
        if isinstance(fact, Transaction) and learnt.remote_id is not None and self._pricing is not None:
            self._pricing.named(fact, learnt.remote_id)
        match fact:
            case Transaction() if learnt.verdict is not None and fact.id_token is not None:
                self._station.token_verdict(fact.id_token, learnt.verdict, fact.transaction_id)
            case EvChargingNeeds() if self._station.smart_charging is not None:
                self._station.smart_charging.needs_answered(fact.evse, learnt.needs or "")

    def _pointless(self, fact: AnyFact) -> bool:
        """A car's needs and plans are of no use once it has gone; security events to an office that knows of none."""
        if isinstance(fact, SecurityEvent):
            return quirks.shows(self._settings, "no_security_extension")
        if not isinstance(fact, EvChargingNeeds | EvChargingSchedule | PriorityCharging):
            return False
        return fact.transaction_id is not None and self._station.by_transaction(fact.transaction_id) is None

    def _on_variable(self, name: str) -> None:
        if name.endswith(("Measurands", "SignReadings")):
            self._outbox.want(Shape.of(self._model))
        if self._session is not None:
            self._session.wake()


def load_dialect(subprotocol: str) -> Dialect:
    """The dialect behind a negotiated subprotocol. Only what is spoken is imported: each costs about a megabyte."""
    if subprotocol == ocpp_j.V16.subprotocol:
        from firmware.ocpp.v16.dialect import V16  # noqa: PLC0415

        return V16()
    if subprotocol == ocpp_j.V21.subprotocol:
        from firmware.ocpp.v21.dialect import V21  # noqa: PLC0415

        return V21()
    from firmware.ocpp.v201.dialect import V201  # noqa: PLC0415

    return V201()
