"""The car link of one EVSE: joins pilot, interface, SDP, TCP and session scripts, and tells the station of it.

Decides nothing: `evse_link.step` says what the pilot shows and whether a session may live, the scripts say what is
talked about. Here their words become sockets, timers, wishes to the station and facts.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

import firmware.v2g.exi.plain  # noqa: F401 - loaded before the first car, not with it
from firmware.config import V2gSettings
from firmware.station.charging import Digital
from firmware.station.evse import Evse
from firmware.station.facts import (
    CarMessage,
    CarSession,
    CarTls,
    CertificateHealth,
    PacketCapture,
    SecurityEvent,
    StopTransaction,
)
from firmware.station.station import Station
from firmware.v2g import netlink, sdp
from firmware.v2g.ac_station import AcStation, Wish
from firmware.v2g.conversation import Conversation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.evse_link import X1, Inputs, Link, Matching, Phase, Session, due, step
from firmware.v2g.exi import log_line
from firmware.v2g.interface import Interface, NotUsable, look
from firmware.v2g.language import APP_PROTOCOL, ISO2
from firmware.v2g.peer import Exchanged, Peer
from firmware.v2g.recording.tap import NO_TAP, Tap
from firmware.v2g.server import CarConnection, Listener
from firmware.v2g.sessions import iso2
from firmware.v2g.sessions.handshake import Offer, agree_on_protocol
from firmware.v2g.wire import Plain, Secure, Wire

if TYPE_CHECKING:
    from firmware.v2g.data_link import DataLink
    from firmware.v2g.pki.store import Finding
    from firmware.v2g.recording.recorder import PacketRecorder
    from firmware.v2g.recording.writer import Told
    from firmware.v2g.tls.service import TlsService

log = logging.getLogger(__name__)

INTERFACE_CHECK_S: Final = 1.0  # modems come and go; the first look is at once
BRING_UP_AGAIN_S: Final = 5.0
CERTIFICATE_CHECK_S: Final = 5.0  # certificates may be replaced at any time
FINDINGS_AGAIN_S: Final = 86_400.0  # what is wrong with them is told again every day


class Stamp(TypedDict):
    """When a fact happened."""

    at: float
    mono: float
    clock_synced: bool


class CarLink:
    """Digital communication of one EVSE. `run()` until cancelled; leaves the connector in its safe state."""

    def __init__(self, station: Station, evse: Evse, settings: V2gSettings) -> None:
        self.link = Link()
        self.waiting_for = "the first look at the interface"  # why no car can find us, "" when one can
        self._station = station
        self._evse = evse
        self._settings = settings
        self._sdp = sdp.SdpServer(self.endpoint, settings.tls)
        self._tls: TlsService | None = None  # made by run(): None = nothing but plain TCP
        if settings.tls != "prohibit":  # 100 ms on a desktop: now, before READY, not on a turning loop
            from firmware.v2g.tls import service  # noqa: F401, PLC0415
        self._certificates_seen = self._findings_told = float("-inf")
        self._data_link: DataLink | None = None  # made by run(): None = no modem
        self._tap: Tap = NO_TAP  # what the car and we say; a recorder where one is configured
        self._brought_up = float("-inf")
        self._bring_up_problem = ""
        self._interface: Interface | None = None
        self._listener: Listener | None = None
        self._connection: CarConnection | None = None
        self._car = AcStation(evse, self._update)
        self._session = Session.NONE
        self._session_id = ""
        self._resume: Resume | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._updating = False
        self._again = False

    async def run(self) -> None:
        """Serve cars. Everything the first car needs is loaded before it can find us."""
        for language in (APP_PROTOCOL, ISO2):
            language.load()
        recorder = self._make_recorder() if self._settings.capture else None
        if self._settings.tls != "prohibit":
            self._tls = self._make_tls()
        if self._settings.modem != "none":
            from firmware.v2g.data_link import DataLink  # noqa: PLC0415 - a station without a modem needs no SLAC

            self._data_link = DataLink(self._station, self._evse.id, self._settings, self._update)
            self._data_link.tap = self._tap
        unsubscribe = self._evse.changed.subscribe(self._evse_changed)
        try:
            while True:
                await self._look_at_certificates()
                await self._look_at_interface()
                if self._data_link is not None:
                    self._data_link.look()
                self._update()
                await asyncio.sleep(INTERFACE_CHECK_S)
        finally:
            unsubscribe()
            self._end_session("car link stops")
            self._close_sockets()
            if self._data_link is not None:
                self._data_link.close("car link stops")
            if self._timer is not None:
                self._timer.cancel()
            self._evse.set_digital(None if self.link.pilot is None else Digital(X1, energise=False))
            if recorder is not None:
                await recorder.stop()

    def endpoint(self) -> sdp.Endpoint | None:
        """Where a car may connect now; None while it shall not find us."""
        if self._interface is None or self._listener is None:
            return None
        plain = self._settings.tls != "force"
        return sdp.Endpoint(self._interface.packed, self._listener.port, plain=plain, tls=self._serves_tls)

    @property
    def _serves_tls(self) -> bool:
        return self._tls is not None and not self._tls.why_not

    @property
    def _nobody_because(self) -> str:
        """Why nobody can be served although the interface is there: TLS only, and no certificates for it."""
        return self._tls.why_not if self._tls is not None and self._settings.tls == "force" else ""

    # --- recording ------------------------------------------------------------------------------------------------

    def _make_recorder(self) -> "PacketRecorder":
        """Loaded only where it is asked for."""
        from firmware.v2g.recording.recorder import PacketRecorder  # noqa: PLC0415

        folder, clock = self._station.settings.storage / "captures", self._station.clock
        recorder = PacketRecorder(folder, self._evse.id, self._settings.interface, clock=clock, told=self._recorded)
        recorder.start()
        self._tap = self._sdp.tap = recorder
        return recorder

    def _recorded(self, told: "Told") -> None:
        log.info("EVSE %d: packets in captures/%s: %s", self._evse.id, told.file, told.reason or told.kind.lower())
        self._station.emit(
            PacketCapture(
                **self._stamp(),
                evse=self._evse.id,
                file=told.file,
                kind=told.kind,
                packets=told.packets,
                size=told.size,
                left_out=told.left_out,
                secrets=told.secrets,
                reason=told.reason,
            )
        )

    # --- certificates ---------------------------------------------------------------------------------------------

    def _make_tls(self) -> "TlsService":
        """The PKI folder as TLS; with the key log where a service technician asked for it."""
        from firmware.v2g.tls.key_log import KeyLogFile  # noqa: PLC0415
        from firmware.v2g.tls.service import TlsService  # noqa: PLC0415

        key_log: Callable[[bytes], None] | None = None
        if self._settings.tls_key_log is not None:
            file, tap = KeyLogFile(Path(self._settings.tls_key_log)), self._tap

            def key_log(line: bytes) -> None:
                file.add(line)
                tap.secret(line)

            text = f"TLS secrets of cars at EVSE {self._evse.id} are written to {self._settings.tls_key_log}"
            log.warning("EVSE %d: %s", self._evse.id, text)
            kind = "ReconfigurationOfSecurityParameters"
            self._station.emit(SecurityEvent(**self._stamp(), kind=kind, tech_info=text[:255], critical=True))
        return TlsService(
            Path(self._settings.pki),
            self._station.clock.utc,
            self._found,
            conformance=self._settings.conformance,
            key_log=key_log,
        )

    async def _look_at_certificates(self) -> None:
        """Take what is new in the PKI folder; cars that are connected keep what they began with."""
        now = asyncio.get_running_loop().time()
        if self._tls is None or now - self._certificates_seen < CERTIFICATE_CHECK_S:
            return
        self._certificates_seen = now
        if now - self._findings_told >= FINDINGS_AGAIN_S:
            self._tls.forget()
            self._findings_told = now
        before = self._nobody_because
        await self._tls.look()
        if before != self._nobody_because and self._interface is not None:
            self.waiting_for = self._nobody_because

    def _found(self, findings: "tuple[Finding, ...]") -> None:
        for each in findings:
            log.log(logging.INFO if each.severity == "note" else logging.WARNING, "EVSE %d: %s", self._evse.id, each)
            self._station.emit(
                CertificateHealth(
                    **self._stamp(),
                    evse=self._evse.id,
                    severity=each.severity,
                    where=each.where,
                    text=each.text,
                    remedy=each.remedy,
                )
            )

    # --- interface ------------------------------------------------------------------------------------------------

    async def _look_at_interface(self) -> None:
        """Open the sockets when the interface has come, close them when it went."""
        found = look(self._settings.interface)
        if isinstance(found, NotUsable):
            if self._interface is not None or found.reason != self.waiting_for:
                log.warning("EVSE %d: no car can find us: %s", self._evse.id, found.reason)
            self.waiting_for = found.reason
            self._close_sockets()
            self._bring_up()
        elif found != self._interface:
            self._close_sockets()
            await self._serve_on(found)

    def _bring_up(self) -> None:
        """An interface with a modem is ours to bring up; any other is the machine's affair."""
        now = asyncio.get_running_loop().time()
        if self._data_link is None or now - self._brought_up < BRING_UP_AGAIN_S:
            return
        if self._settings.interface in {name for _, name in socket.if_nameindex()}:
            self._brought_up = now
            self._keep(asyncio.ensure_future(self._ask_for_interface()))

    async def _ask_for_interface(self) -> None:
        problem = await netlink.ask_for(self._settings.interface)
        if problem and problem != self._bring_up_problem:
            log.warning("EVSE %d: cannot bring %s up: %s", self._evse.id, self._settings.interface, problem)
        self._bring_up_problem = problem

    async def _serve_on(self, interface: Interface) -> None:
        try:
            udp = sdp.open_socket(interface, self._settings.sdp_port)
        except OSError as error:
            self.waiting_for = f"SDP on {interface.name} port {self._settings.sdp_port}: {error}"
            log.warning("EVSE %d: %s", self._evse.id, self.waiting_for)
            return
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self._sdp, sock=udp)
        self._interface = interface
        self.waiting_for = self._nobody_because
        log.info("EVSE %d: SDP ready on %s [%s]", self._evse.id, interface.name, interface.address)

    def _close_sockets(self) -> None:
        self._sdp.close()
        self._close_listener()
        self._interface = None

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # --- the link ---------------------------------------------------------------------------------------------------

    def _evse_changed(self) -> None:
        self._car.look()
        self._update()
        if self._connection is not None:
            self._connection.station_changed()

    def _update(self) -> None:
        """Step the link and apply what it says, until nothing changes any more."""
        if self._updating:
            self._again = True
            return
        self._updating = True
        try:
            self._again = True
            while self._again:
                self._again = False
                self._step()
        finally:
            self._updating = False

    def _step(self) -> None:
        now = asyncio.get_running_loop().time()
        patience = self._settings.nominal_after_s, self._settings.slac.init_s
        before, self.link = self.link, step(self.link, self._inputs(), now, *patience)
        if self.link.phase is not before.phase:
            log.info("EVSE %d: %s", self._evse.id, self.link.phase)
            self._again = True
            if before.phase is Phase.UNPLUGGED:
                self._tap.begin()
        if not self.link.session_may_live:
            self._end_session(str(self.link.phase))
        if self.link.phase is Phase.UNPLUGGED:
            self._tap.end()
            self._forget_the_car()
        if self._data_link is not None:  # before the pilot shows 5 %: some cars begin within 100 ms
            self._data_link.follow(self.link)
        self._open_or_close_listener()
        self._tell_station()
        if self._timer is not None:
            self._timer.cancel()
        at = due(self.link, *patience)
        self._timer = None if at is None else asyncio.get_running_loop().call_at(at, self._update)

    def _forget_the_car(self) -> None:
        """The next one is another."""
        self._session = Session.NONE
        self._resume = None
        self._sdp.limit.forget()
        if self._car.wish != Wish():
            self._car = AcStation(self._evse, self._update)

    def _inputs(self) -> Inputs:
        return Inputs(
            level=self._evse.level,
            authorised=self._evse.id_token is not None,
            link_up=self._evse.plugged and self._interface is not None and self._linked,
            session=self._session,
            closed=self._evse.closed,
            stop_wanted=self._evse.stop_wanted is not None,
            available=self._evse.operative,
            nominal=self._evse.nominal,
            matching=self._data_link.matching if self._data_link is not None else Matching.NONE,
        )

    @property
    def _linked(self) -> bool:
        """No modem: up while the plug is in."""
        return self._data_link is None or self._data_link.linked

    def _open_or_close_listener(self) -> None:
        wanted = self.link.findable and self._session is not Session.RUNNING
        if not wanted or self._nobody_because or not self._linked:
            self._close_listener()
        elif self._listener is None and self._interface is not None:
            try:
                self._listener = Listener(self._interface, self._accepted)
            except OSError as error:  # the interface is going away: the next look says so
                log.warning("EVSE %d: cannot listen on %s: %s", self._evse.id, self._interface.name, error)

    def _tell_station(self) -> None:
        pilot, wish = self.link.pilot, self._car.wish
        if pilot is None:
            self._evse.set_digital(None)
            return
        live = self.link.phase is Phase.SESSION
        status = wish.status if live and wish.status else str(self.link.phase)
        if self.link.findable and self.waiting_for:
            status = self.waiting_for
        elif self.link.phase is Phase.OFFER and self._data_link is not None and not self._linked:
            status = self._data_link.status
        self._evse.set_digital(
            Digital(
                pilot,
                energise=live and wish.energise,
                protocol=wish.protocol,
                evccid=wish.evccid,
                soc_percent=wish.soc_percent,
                status=status,
            )
        )

    # --- the session ------------------------------------------------------------------------------------------------

    def _accepted(self, connected: socket.socket) -> None:
        """A car has connected: its session runs from here on, and nobody else finds us."""
        if self._session is Session.RUNNING or not self.link.findable:
            connected.close()
            return
        if self._connection is not None:
            self._connection.abort()  # a finished session whose car never closed
        self._session = Session.RUNNING
        self._session_id = ""
        self._car = AcStation(self._evse, self._update)
        self._connection = CarConnection(self._begin, self._said, self._ended, self._wire(), tap=self._tap.stream())
        self._update()
        self._keep(asyncio.ensure_future(self._connect(connected, self._connection)))

    async def _connect(self, connected: socket.socket, connection: CarConnection) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, connected)
        except OSError as error:
            connected.close()
            self._ended(Ending(Session.FAILED, f"connection lost: {error}"))

    def _wire(self) -> Wire:
        """Plain TCP; or TLS, and plain TCP as well unless the policy forbids it."""
        if self._tls is None or self._tls.why_not:
            return Plain()
        return Secure(self._tls.channel, plain_too=self._settings.tls == "allow")

    def _begin(self, now: float) -> Conversation:
        self._tell_tls()
        return Conversation(self._converse, Peer(self._car.release), now)

    async def _converse(self, ev: Peer) -> Ending:
        """The whole conversation: agree on a protocol, then its script."""
        agreement = await agree_on_protocol(ev, self._offers())
        if agreement is None:
            return Ending(Session.REFUSED, "no common protocol")
        return await agreement.offer.script(ev, agreement.answer)

    def _offers(self) -> list[Offer]:
        """What can be served here: settings and hardware."""
        car, paused = self._car, self._resume
        digital_ac = self._evse.capability is None or not self._evse.capability.dc
        if "iso2" not in self._settings.protocols or not digital_ac:
            return []
        return [Offer(iso2.NAMESPACE, 2, 0, ISO2, lambda ev, hello: iso2.charge_ac(ev, car, hello, paused))]

    def _end_session(self, reason: str) -> None:
        if self._session is Session.RUNNING and self._connection is not None:
            self._connection.cancel(reason)

    def _ended(self, ending: Ending) -> None:
        if self._session is not Session.RUNNING:
            return
        log.info("EVSE %d: session %s %s: %s", self._evse.id, self._session_id, ending.outcome, ending.reason)
        if self._connection is not None and self._connection.conversation is None:
            self._tell_tls(ending.reason)
        self._session = ending.outcome
        self._resume = ending.resume
        self._tell_session("Ended", ending.reason)
        transaction = self._evse.transaction_id
        if ending.outcome is Session.TERMINATED and transaction is not None and self._evse.stop_wanted is None:
            stop = StopTransaction(by="car", transaction_id=transaction, reason="StoppedByEV")
            self._keep(asyncio.ensure_future(self._station.do(stop)))
        self._update()

    def _keep(self, task: "asyncio.Task[object]") -> None:
        """Hold on to a short task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- facts ------------------------------------------------------------------------------------------------------

    def _said(self, messages: list[Exchanged]) -> None:
        conversation = self._connection.conversation if self._connection is not None else None
        peer = conversation.peer if conversation is not None else None
        if peer is not None and peer.session_id and not self._session_id:
            self._session_id = peer.session_id.hex().upper()
            self._tell_session("Started")
        clock = self._station.clock
        for each in messages:
            self._station.emit(
                CarMessage(
                    at=clock.utc() - (clock.mono() - each.mono),
                    mono=each.mono,
                    clock_synced=clock.synced,
                    evse=self._evse.id,
                    session=self._session_id,
                    direction=each.direction,
                    protocol=each.protocol,
                    name=type(each.message).__name__,
                    text=log_line(each.message),
                    size=each.size,
                )
            )

    def _tell_tls(self, failure: str = "") -> None:
        """What came of TLS on this connection, if it was tried."""
        wire = self._connection.wire if self._connection is not None else None
        if not isinstance(wire, Secure) or (wire.tls is None and not failure):
            return
        agreed = wire.tls.secured if wire.tls is not None else None
        offered = wire.tls.offered if wire.tls is not None else ""
        vehicle = agreed.vehicle.evccid if agreed is not None and agreed.vehicle is not None else ""
        fact = CarTls(
            **self._stamp(),
            evse=self._evse.id,
            agreed=agreed is not None,
            offered=offered,
            version=agreed.version if agreed else "",
            suite=agreed.suite if agreed else "",
            chain=agreed.chain if agreed else "",
            root_known=agreed is not None and agreed.root_known,
            stapled=agreed is not None and agreed.stapled,
            vehicle=vehicle,
            reason=failure,
        )
        outcome = f"failed: {failure}"
        if fact.agreed:
            outcome = f"{fact.version} {fact.suite}, chain {fact.chain}, vehicle {vehicle or 'without certificate'}"
        log.info("EVSE %d: TLS %s; offered %s", self._evse.id, outcome, offered or "nothing")
        self._station.emit(fact)

    def _stamp(self) -> Stamp:
        clock = self._station.clock
        return {"at": clock.utc(), "mono": clock.mono(), "clock_synced": clock.synced}

    def _tell_session(self, kind: str, reason: str = "") -> None:
        clock = self._station.clock
        self._station.emit(
            CarSession(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                evse=self._evse.id,
                session=self._session_id,
                kind="Started" if kind == "Started" else "Ended",
                protocol=self._car.wish.protocol,
                evccid=self._car.wish.evccid,
                reason=reason,
            )
        )
