"""The session with the car of one EVSE, one at a time: from the accepted connection to the outcome.

Which protocols can be spoken is `offers`', what is talked about the scripts'. When a session may live is `evse_link`'s.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from firmware.config import V2gSettings
from firmware.station.autocharge import Autocharge
from firmware.station.commands import StopTransaction
from firmware.station.evse import Evse
from firmware.station.station import Station
from firmware.v2g.ac_station import AcStation
from firmware.v2g.car_facts import CarFacts
from firmware.v2g.conversation import Conversation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.either_station import EitherStation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.ev_station import EvStation, Wish
from firmware.v2g.evse_link import Session
from firmware.v2g.link_security import LinkSecurity
from firmware.v2g.offers import AnyStation, Ground, offers, transport_of
from firmware.v2g.peer import Exchanged, Peer
from firmware.v2g.recording.tap import Tap
from firmware.v2g.server import CarConnection
from firmware.v2g.services import configured
from firmware.v2g.sessions.handshake import Offer, agree_on_protocol
from firmware.v2g.sessions.iso2_tariff import offered_tariffs
from firmware.v2g.sessions.iso2_terms import Terms
from firmware.v2g.wire import Wire

log = logging.getLogger(__name__)


class CarSession:
    """`state` and `wish` for the link; `changed` is called after every change of them."""

    def __init__(
        self,
        station: Station,
        evse: Evse,
        settings: V2gSettings,
        security: LinkSecurity,
        *,
        facts: CarFacts,
        changed: Callable[[], None],
    ) -> None:
        self.state = Session.NONE
        self._station = station
        self._evse = evse
        self._settings = settings
        self._security = security
        self._facts = facts
        self._changed = changed
        self._value_added = configured(settings)
        self._terms = self._make_terms()
        self._autocharge = Autocharge(station, evse)
        self.car_mac = ""  # of the modem that is matched; the link's to set
        self._fresh = self._new_car()
        self._car: EvStation = self._fresh  # once the car of a plug with AC and DC has chosen, its choice
        self._used = False
        self._id = ""  # once the car was told one
        self._resume: Resume | None = None
        self._connection: CarConnection | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def wish(self) -> Wish:
        return self._car.wish

    def begin(self, connected: socket.socket, tap: Tap) -> None:
        """A car has connected."""
        if self._connection is not None:
            self._connection.abort()  # a finished session whose car never closed
        self.state = Session.RUNNING
        self._id = ""
        self._fresh = self._new_car()
        self._car, self._used = self._fresh, True
        wire = self._security.wire()
        self._connection = CarConnection(self._converse, self._said, self._ended, wire, tap=tap.stream())
        self._changed()
        self._keep(asyncio.ensure_future(self._connect(connected, self._connection)))

    def look(self) -> None:
        """The EVSE changed: what follows for the wish."""
        self._car.look()
        if self._evse.nominal and self._evse.paused:
            self._goes_on(b"")  # with basic charging, so it may be anybody

    def poke(self) -> None:
        """The EVSE changed: an answer may wait for it."""
        if self._connection is not None:
            self._connection.station_changed()

    def end(self, reason: str) -> None:
        """Without a word to the car."""
        if self.state is Session.RUNNING and self._connection is not None:
            self._connection.cancel(reason)

    def forget(self) -> None:
        """The next car is another."""
        self.state = Session.NONE
        self._resume = None
        self._autocharge.forget()
        if self._used:
            self._car, self._used = self._new_car(), False

    # --- inside -----------------------------------------------------------------------------------------------------

    def _new_car(self) -> AnyStation:
        """By what the connector gives; a guard that has not spoken yet is an AC one's until it does."""
        can = self._evse.hardware
        if can is not None and can.ac is not None:
            return EitherStation(self._evse, self._changed, self._chose)
        make = DcStation if can is not None and can.dc else AcStation
        return make(self._evse, self._changed)

    def _chose(self, car: EvStation) -> None:
        self._car = car

    def _release(self) -> None:
        """Of whatever the car has chosen by now."""
        self._car.release()

    def _make_terms(self) -> Callable[[], Terms]:
        """What each connection may offer besides energy. Contracts are loaded only where TLS may carry them."""
        if self._settings.tls == "prohibit" or self._settings.contracts == "off":
            return self._plain_terms
        from firmware.station.contracts import ContractClerk  # noqa: PLC0415
        from firmware.v2g.contract.desk import ContractDesk  # noqa: PLC0415
        from firmware.v2g.sessions.iso2_contract import contract_terms  # noqa: PLC0415

        clerk = ContractClerk(self._station, self._evse)
        desk = ContractDesk(clerk, self._security.contract_roots, self.poke)
        return lambda: contract_terms(desk, self._plain_terms())

    def _plain_terms(self) -> Terms:
        """Without contracts."""
        smart = self._station.smart_charging
        return Terms(
            planner=None if smart is None else smart.planner(self._evse.id),
            value_added=self._value_added,
            tariffs=offered_tariffs,
            receipt_every_s=self._settings.meter_receipts_s,
            renegotiate_dc=self._settings.renegotiate_dc,
        )

    async def _connect(self, connected: socket.socket, connection: CarConnection) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, connected)
        except OSError as error:
            connected.close()
            self._ended(Ending(Session.FAILED, f"connection lost: {error}"))

    def _converse(self, wire: Wire, now: float) -> Conversation:
        """The wire is open."""
        self._facts.tls(wire)
        ground = Ground(transport_of(wire), self._paused(), self._terms())
        here = offers(self._settings.protocols, self._fresh, ground)
        return Conversation(lambda ev: _talk(ev, here), Peer(self._release), now)

    def _ended(self, ending: Ending) -> None:
        if self.state is not Session.RUNNING:
            return
        if self._connection is not None and self._connection.conversation is None:
            self._facts.tls(self._connection.wire, ending.reason)
        self.state = ending.outcome
        if self._id or ending.resume is not None:  # a connection that came to no session ends no pause
            self._resume = ending.resume
            self._evse.pause("" if ending.resume is None else ending.resume.written())
        self._facts.session_ended(self._id, self.wish, ending.outcome, ending.reason)
        transaction = self._evse.transaction_id
        if ending.outcome is Session.TERMINATED and transaction is not None and self._evse.stop_wanted is None:
            reason = "Other" if self._car.unfit else "SessionStop"  # a car that obeyed did not want to stop
            stop = StopTransaction(by="car", transaction_id=transaction, reason=reason)
            self._keep(asyncio.ensure_future(self._station.do(stop)))
        self._changed()

    def _paused(self) -> Resume | None:
        """What the car's last session left: in this run, or in an earlier one that kept it with the transaction."""
        return self._resume or Resume.read(self._evse.paused)

    def _goes_on(self, session_id: bytes) -> None:
        """The car is awake. After a restart only its session id shows that it is still the one that paused; another one
        must not charge on its account."""
        paused, transaction = self._paused(), self._evse.transaction_id
        same = paused is None or paused.session_id == session_id
        if not same and self._resume is None and transaction is not None:
            log.warning("EVSE %d: not the car that paused: its transaction ends", self._evse.id)
            stop = StopTransaction(by="local", transaction_id=transaction, reason="EVDisconnected")
            self._keep(asyncio.ensure_future(self._station.do(stop)))
        self._resume = paused if same else None
        self._evse.pause("")

    def _keep(self, task: "asyncio.Task[object]") -> None:
        """Hold on to a short task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _said(self, messages: list[Exchanged]) -> None:
        conversation = self._connection.conversation if self._connection is not None else None
        peer = conversation.peer if conversation is not None else None
        if peer is not None and peer.session_id and not self._id:
            self._id = peer.session_id.hex().upper()
            self._goes_on(peer.session_id)
            self._facts.session_began(self._id, self.wish.protocol, self.wish.evccid)
            self._autocharge.met(self.wish.evccid, self.car_mac)
        self._facts.said(self._id, messages)


async def _talk(ev: Peer, here: Sequence[Offer]) -> Ending:
    """The whole conversation: agree on a protocol, then its script."""
    agreement = await agree_on_protocol(ev, here)
    if agreement is None:
        return Ending(Session.REFUSED, "no common protocol")
    return await agreement.offer.script(ev, agreement.answer)
