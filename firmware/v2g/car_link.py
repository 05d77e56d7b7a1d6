"""The car link of one EVSE: joins pilot, data link, discovery and session, and tells the station what it wants.

Decides nothing: `evse_link.step` says what the pilot shows, whether a car may find us and whether a session may live.
Here its words become open and closed doors, timers, and the one `Digital` wish.
"""

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

import firmware.v2g.exi.plain  # noqa: F401 - loaded before the first car, not with it
from firmware.config import V2gSettings
from firmware.station.charging import Digital
from firmware.station.evse import Evse
from firmware.station.station import Station
from firmware.v2g.car_facts import CarFacts
from firmware.v2g.car_session import CarSession
from firmware.v2g.discovery import Discovery
from firmware.v2g.evse_link import X1, Inputs, Link, Matching, Phase, Session, due, step
from firmware.v2g.language import APP_PROTOCOL
from firmware.v2g.link_security import LinkSecurity
from firmware.v2g.offers import languages
from firmware.v2g.recording.tap import NO_TAP, Tap

if TYPE_CHECKING:
    from firmware.v2g.data_link import DataLink
    from firmware.v2g.recording.recorder import PacketRecorder

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0  # modems come and go; the first look is at once


class CarLink:
    """Digital communication of one EVSE. `run()` until cancelled; leaves the connector in its safe state."""

    def __init__(self, station: Station, evse: Evse, settings: V2gSettings) -> None:
        self.link = Link()
        self._station = station
        self._evse = evse
        self._settings = settings
        self._facts = CarFacts(station, evse.id)
        self._security = LinkSecurity(settings, station, self._facts)
        self._discovery = Discovery(evse.id, settings, self._security, self._accepted)
        self._data_link: DataLink | None = None  # made by run(): None = no modem
        self._tap: Tap = NO_TAP  # what the car and we say; a recorder where one is configured
        self._session = CarSession(station, evse, settings, self._security, facts=self._facts, changed=self._update)
        self._timer: asyncio.TimerHandle | None = None
        self._updating = False
        self._again = False

    @property
    def waiting_for(self) -> str:
        """Why no car can find us, "" when one can."""
        return self._discovery.waiting_for

    async def run(self) -> None:
        """Serve cars. Everything the first car needs is loaded before it can find us."""
        for language in (APP_PROTOCOL, *languages(self._settings.protocols)):
            language.load()
        recorder = self._make_recorder() if self._settings.capture else None
        self._security.start(self._tap)
        if self._settings.modem != "none":
            from firmware.v2g.data_link import DataLink  # noqa: PLC0415 - a station without a modem needs no SLAC

            self._data_link = DataLink(self._station, self._evse.id, self._settings, self._update)
            self._data_link.tap = self._tap
        unsubscribe = self._evse.changed.subscribe(self._evse_changed)
        try:
            while True:
                await self._security.look()
                await self._discovery.look()
                if self._data_link is not None:
                    self._data_link.look()
                    self._evse.set_modem_fault(self._data_link.fault)
                self._update()
                await asyncio.sleep(LOOK_S)
        finally:
            unsubscribe()
            self._session.end("car link stops")
            self._discovery.close()
            self._security.close()
            if self._data_link is not None:
                self._data_link.close("car link stops")
            if self._timer is not None:
                self._timer.cancel()
            self._evse.set_digital(None if self.link.pilot is None else Digital(X1, energise=False))
            if recorder is not None:
                await recorder.stop()

    def _make_recorder(self) -> "PacketRecorder":
        """Loaded only where it is asked for."""
        from firmware.v2g.recording.recorder import PacketRecorder  # noqa: PLC0415

        folder, clock, told = self._station.settings.storage / "captures", self._station.clock, self._facts.recorded
        recorder = PacketRecorder(folder, self._evse.id, self._settings.interface, clock=clock, told=told)
        recorder.start()
        self._tap = self._discovery.sdp.tap = recorder
        return recorder

    # --- the link ---------------------------------------------------------------------------------------------------

    def _evse_changed(self) -> None:
        self._session.look()
        self._update()
        self._session.poke()

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
            self._session.end(str(self.link.phase))
        if self.link.phase is Phase.UNPLUGGED:
            self._tap.end()
            self._forget_the_car()
        if self._data_link is not None:  # before the pilot shows 5 %: some cars begin within 100 ms
            self._data_link.follow(self.link, self._evse.level)
        self._discovery.listen(self.link.findable and self._session.state is not Session.RUNNING and self._linked)
        self._tell_station()
        if self._timer is not None:
            self._timer.cancel()
        at = due(self.link, *patience)
        self._timer = None if at is None else asyncio.get_running_loop().call_at(at, self._update)

    def _forget_the_car(self) -> None:
        """The next one is another."""
        self._session.forget()
        self._discovery.sdp.limit.forget()

    def _inputs(self) -> Inputs:
        return Inputs(
            level=self._evse.level,
            authorised=self._evse.id_token is not None,
            link_up=self._evse.plugged and self._discovery.ready and self._linked,
            session=self._session.state,
            closed=self._evse.closed,
            stop_wanted=self._evse.stop_wanted is not None,
            available=self._evse.operative,
            dc=self._evse.capability is not None and self._evse.capability.dc,
            nominal=self._evse.nominal,
            matching=self._data_link.matching if self._data_link is not None else Matching.NONE,
        )

    @property
    def _linked(self) -> bool:
        """No modem: up while the plug is in."""
        return self._data_link is None or self._data_link.linked

    def _tell_station(self) -> None:
        pilot, wish = self.link.pilot, self._session.wish
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
                dc=wish.dc,
            )
        )

    def _accepted(self, connected: socket.socket) -> None:
        """A car has connected: its session runs from here on, and nobody else finds us."""
        if self._session.state is Session.RUNNING or not self.link.findable:
            connected.close()
            return
        self._session.car_mac = self._data_link.car_mac if self._data_link is not None else ""
        self._session.begin(connected, self._tap)
