"""Which protocols can be served on one connection: by what carries it, what the connector gives, and settings. Pure.

One row of `PROTOCOLS` is one protocol. Which of the offers the car gets is `sessions.handshake`'s choice, by the car's
priorities; whether a car may connect without TLS at all is `link_security`'s.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from firmware.config import V2gProtocol
from firmware.v2g.ac_station import AcStation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.either_station import EitherStation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.language import DIN, ISO2, Language
from firmware.v2g.messages.app_protocol import SupportedAppProtocolRes
from firmware.v2g.peer import Peer
from firmware.v2g.sessions import din, iso2
from firmware.v2g.sessions.handshake import Offer
from firmware.v2g.sessions.iso2_terms import PLAIN, Terms
from firmware.v2g.wire import Secure, Wire


class Transport(StrEnum):
    """What carries the session, by who has proved who they are."""

    PLAIN = "TCP"
    STATION_SHOWN = "TLS, the station's certificate only"  # TLS 1.2, or 1.3 with a car that showed none
    BOTH_SHOWN = "TLS 1.3, both certificates"


EVERY: Final = frozenset(Transport)
PLAIN_ONLY: Final = frozenset({Transport.PLAIN})  # DIN SPEC 70121 knows no TLS (clause 8.3)
MUTUAL_TLS: Final = frozenset({Transport.BOTH_SHOWN})  # ISO 15118-20: TLS 1.3 with both certificates or nothing

Session = Coroutine[Any, Any, Ending]


@dataclass(frozen=True)
class Ground:
    """What the sessions of one connection stand on. `paused`: what this car's last session left behind; `offered`:
    what the station has besides energy."""

    transport: Transport
    paused: Resume | None = None
    offered: Terms = PLAIN

    @property
    def terms(self) -> Terms:
        """Of a -2 session: contracts over TLS only [V2G2-638]."""
        return replace(self.offered, pay_by_contract=None) if self.transport is Transport.PLAIN else self.offered


AcScript = Callable[[Peer, AcStation, SupportedAppProtocolRes, Ground], Session]
DcScript = Callable[[Peer, DcStation, SupportedAppProtocolRes, Ground], Session]
EitherScript = Callable[[Peer, EitherStation, SupportedAppProtocolRes, Ground], Session]
AnyStation = AcStation | DcStation | EitherStation


@dataclass(frozen=True)
class Protocol:
    """One that we speak: its name in station.toml, how a car asks for it, over what it may run, and its scripts."""

    name: V2gProtocol
    namespace: str
    major: int
    minor: int
    language: Language
    over: frozenset[Transport]
    ac: AcScript | None = None
    dc: DcScript | None = None
    either: EitherScript | None = None  # of a plug that has both: the car chooses in the session


def _iso2_ac(ev: Peer, station: AcStation, greeting: SupportedAppProtocolRes, ground: Ground) -> Session:
    return iso2.charge_ac(ev, station, greeting, ground.paused, ground.terms)


def _iso2_dc(ev: Peer, station: DcStation, greeting: SupportedAppProtocolRes, ground: Ground) -> Session:
    return iso2.charge_dc(ev, station, greeting, ground.paused, ground.terms)


def _iso2_either(ev: Peer, station: EitherStation, greeting: SupportedAppProtocolRes, ground: Ground) -> Session:
    return iso2.charge_either(ev, station, greeting, ground.paused, ground.terms)


def _din_either(ev: Peer, station: EitherStation, greeting: SupportedAppProtocolRes, _: Ground) -> Session:
    return din.charge_dc(ev, station.choose_dc(), greeting)


def _din_dc(ev: Peer, station: DcStation, greeting: SupportedAppProtocolRes, _: Ground) -> Session:
    return din.charge_dc(ev, station, greeting)


PROTOCOLS: Final = (
    Protocol("iso2", iso2.NAMESPACE, 2, 0, ISO2, EVERY, ac=_iso2_ac, dc=_iso2_dc, either=_iso2_either),
    Protocol("din", din.NAMESPACE, 2, 0, DIN, PLAIN_ONLY, dc=_din_dc, either=_din_either),
)


def transport_of(wire: Wire) -> Transport:
    """Of a wire that is open."""
    secured = wire.tls.secured if isinstance(wire, Secure) and wire.tls is not None else None
    if secured is None:
        return Transport.PLAIN
    return Transport.BOTH_SHOWN if secured.mutual else Transport.STATION_SHOWN


def offers(wanted: Sequence[V2gProtocol], station: AnyStation, ground: Ground) -> list[Offer]:
    """What can be served here. `wanted`: `protocols` of station.toml."""
    found = []
    for each in PROTOCOLS:
        script = _script(each, station, ground)
        if each.name in wanted and ground.transport in each.over and script is not None:
            found.append(Offer(each.namespace, each.major, each.minor, each.language, script))
    return found


def _script(
    protocol: Protocol, station: AnyStation, ground: Ground
) -> Callable[[Peer, SupportedAppProtocolRes], Session] | None:
    """The script that goes with this connector, ready for its peer."""
    ac, dc, either = protocol.ac, protocol.dc, protocol.either
    if isinstance(station, EitherStation):
        return None if either is None else lambda ev, greeting: either(ev, station, greeting, ground)
    if isinstance(station, DcStation):
        return None if dc is None else lambda ev, greeting: dc(ev, station, greeting, ground)
    return None if ac is None else lambda ev, greeting: ac(ev, station, greeting, ground)


def languages(wanted: Sequence[V2gProtocol]) -> list[Language]:
    """What must be loaded before the first car."""
    return [each.language for each in PROTOCOLS if each.name in wanted]
