"""What the car link of one EVSE tells the station, as facts: messages, sessions, TLS, certificates, packet files.

Nothing is decided here; modem and data link tell theirs themselves (`data_link`).
"""

import logging
from typing import TYPE_CHECKING, TypedDict

from firmware.station.car_facts import CarMessage, CarSession, CarTls, CertificateHealth, PacketCapture
from firmware.station.facts import SecurityEvent
from firmware.station.station import Station
from firmware.v2g.deadlines import Deadlines
from firmware.v2g.ev_station import Wish
from firmware.v2g.exi import log_line
from firmware.v2g.peer import Exchanged
from firmware.v2g.wire import Secure, Wire

if TYPE_CHECKING:
    from firmware.v2g.pki.store import Finding
    from firmware.v2g.recording.writer import Told

log = logging.getLogger(__name__)

MAX_TECH_INFO = 255  # OCPP SecurityEventNotification


class Stamp(TypedDict):
    """When a fact happened."""

    at: float
    mono: float
    clock_synced: bool


class CarFacts:
    """Words of one EVSE's car link."""

    def __init__(self, station: Station, evse: int) -> None:
        self._station = station
        self._evse = evse
        self._deadlines = Deadlines()  # of the connection that speaks

    def session_began(self, session: str, protocol: str, evccid: str) -> None:
        self._station.emit(
            CarSession(
                **self._stamp(), evse=self._evse, session=session, kind="Started", protocol=protocol, evccid=evccid
            )
        )

    def session_ended(self, session: str, car: Wish, outcome: str, reason: str) -> None:
        name = f"session {session}" if session else "connection without a session"
        log.info("EVSE %d: %s %s: %s", self._evse, name, outcome, reason)
        self._station.emit(
            CarSession(
                **self._stamp(),
                evse=self._evse,
                session=session,
                kind="Ended",
                protocol=car.protocol,
                evccid=car.evccid,
                reason=reason,
                quirks=car.quirks,
                answers=self._deadlines.summary(),
            )
        )
        self._deadlines = Deadlines()

    def said(self, session: str, messages: list[Exchanged]) -> None:
        clock = self._station.clock
        for each in messages:
            self._deadlines.note(each)
            self._station.emit(
                CarMessage(
                    at=clock.utc() - (clock.mono() - each.mono),
                    mono=each.mono,
                    clock_synced=clock.synced,
                    evse=self._evse,
                    session=session,
                    direction=each.direction,
                    protocol=each.protocol,
                    name=type(each.message).__name__,
                    text=log_line(each.message),
                    size=each.size,
                    took_s=None if each.took_s is None else round(each.took_s, 6),
                    allowed_s=each.allowed_s,
                )
            )

    def tls(self, wire: Wire | None, failure: str = "") -> None:
        """What came of TLS on this connection, if it was tried."""
        if not isinstance(wire, Secure) or (wire.tls is None and not failure):
            return
        agreed = wire.tls.secured if wire.tls is not None else None
        offered = wire.tls.offered if wire.tls is not None else ""
        vehicle = agreed.vehicle.evccid if agreed is not None and agreed.vehicle is not None else ""
        fact = CarTls(
            **self._stamp(),
            evse=self._evse,
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
        log.info("EVSE %d: TLS %s; offered %s", self._evse, outcome, offered or "nothing")
        self._station.emit(fact)

    def secrets_are_written(self, file: str) -> None:
        """Somebody asked for the key log: the back office shall know."""
        text = f"TLS secrets of cars at EVSE {self._evse} are written to {file}"
        log.warning("EVSE %d: %s", self._evse, text)
        kind = "ReconfigurationOfSecurityParameters"
        self._station.emit(SecurityEvent(**self._stamp(), kind=kind, tech_info=text[:MAX_TECH_INFO], critical=True))

    def found(self, findings: "tuple[Finding, ...]") -> None:
        """About our certificates."""
        for each in findings:
            log.log(logging.INFO if each.severity == "note" else logging.WARNING, "EVSE %d: %s", self._evse, each)
            self._station.emit(
                CertificateHealth(
                    **self._stamp(),
                    evse=self._evse,
                    severity=each.severity,
                    where=each.where,
                    text=each.text,
                    remedy=each.remedy,
                )
            )

    def recorded(self, told: "Told") -> None:
        log.info("EVSE %d: packets in captures/%s: %s", self._evse, told.file, told.reason or told.kind.lower())
        self._station.emit(
            PacketCapture(
                **self._stamp(),
                evse=self._evse,
                file=told.file,
                kind=told.kind,
                packets=told.packets,
                size=told.size,
                left_out=told.left_out,
                secrets=told.secrets,
                reason=told.reason,
            )
        )

    def _stamp(self) -> Stamp:
        clock = self._station.clock
        return {"at": clock.utc(), "mono": clock.mono(), "clock_synced": clock.synced}
