"""ISO 15118-2: one whole session, from SessionSetup to SessionStop, in AC or DC.

`Peer` checks order, session id and time and answers mistakes; a SessionStopReq, wherever it may come, arrives as
`EvStops`. The phases are functions: `iso2_setup` (both), `iso2_contract` (Plug & Charge), `iso2_ac`, `iso2_dc`.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from firmware.v2g.ac_station import AcStation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.either_station import EitherStation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.ev_station import EvStation
from firmware.v2g.evse_link import Session
from firmware.v2g.messages.app_protocol import SupportedAppProtocolRes
from firmware.v2g.messages.declare import Request
from firmware.v2g.messages.iso2 import (
    ChargeParameterDiscoveryReq,
    ChargingSession,
    EnergyTransferMode,
    ResponseCode,
    SessionStopReq,
    SessionStopRes,
)
from firmware.v2g.peer import EvStops, Peer
from firmware.v2g.sessions import iso2_ac, iso2_dc, iso2_services
from firmware.v2g.sessions.iso2_dc_words import energy_transfer_modes as dc_modes
from firmware.v2g.sessions.iso2_setup import until_authorised
from firmware.v2g.sessions.iso2_terms import PLAIN, Deal, Terms
from firmware.v2g.when import when

NAMESPACE: Final = "urn:iso:15118:2:2013:MsgDef"
STOPPING_S: Final = 1.3  # the answer to SessionStop within 1.5 s


async def charge_ac(
    ev: Peer,
    station: AcStation,
    greeting: SupportedAppProtocolRes,
    paused: Resume | None = None,
    terms: Terms = PLAIN,
) -> Ending:
    """The session; `greeting` is the handshake's answer, `paused` what an earlier session left behind."""
    deal, modes = Deal(terms, paused), iso2_ac.energy_transfer_modes(station)
    return await _session(ev, station, greeting, deal, modes=modes, charge=partial(iso2_ac.charge, ev, station, deal))


async def charge_dc(
    ev: Peer,
    station: DcStation,
    greeting: SupportedAppProtocolRes,
    paused: Resume | None = None,
    terms: Terms = PLAIN,
) -> Ending:
    """As `charge_ac`, with cable check and pre-charge before the loop and welding detection after it."""
    deal, modes = Deal(terms, paused), dc_modes(station)
    return await _session(ev, station, greeting, deal, modes=modes, charge=partial(iso2_dc.charge, ev, station, deal))


async def charge_either(
    ev: Peer,
    station: EitherStation,
    greeting: SupportedAppProtocolRes,
    paused: Resume | None = None,
    terms: Terms = PLAIN,
) -> Ending:
    """As `charge_ac` or `charge_dc`, by the energy transfer mode of the first ChargeParameterDiscoveryReq."""
    deal, modes = Deal(terms, paused), (*dc_modes(station.dc), *iso2_ac.energy_transfer_modes(station.ac))

    async def charge(request: ChargeParameterDiscoveryReq) -> Request:
        chosen = station.choose(dc=request.requested_energy_transfer_mode in dc_modes(station.dc))
        if isinstance(chosen, DcStation):
            return await iso2_dc.charge(ev, chosen, deal, request)
        return await iso2_ac.charge(ev, chosen, deal, request)

    return await _session(ev, station, greeting, deal, modes=modes, charge=charge)


async def _session(
    ev: Peer,
    station: EvStation,
    greeting: SupportedAppProtocolRes,
    deal: Deal,
    *,
    modes: tuple[EnergyTransferMode, ...],
    charge: Callable[[ChargeParameterDiscoveryReq], Awaitable[Request]],
) -> Ending:
    try:
        request: Request = await until_authorised(ev, station, greeting, modes, deal)
        while isinstance(request, ChargeParameterDiscoveryReq):  # a renegotiation comes back here
            request = await charge(request)
        return await stop_session(ev, station, deal, request)
    except EvStops as stop:
        return await stop_session(ev, station, deal, stop.request)
    finally:
        leave(station, deal.terms)


async def stop_session(ev: Peer, station: EvStation, deal: Deal, request: Request) -> Ending:
    """Open if anything is still closed, then the last answer. A session that failed cannot be paused."""
    failed = ev.has_failed
    station.release()
    last = when(station.contactor_open, within=STOPPING_S, then=SessionStopRes(), otherwise=ResponseCode.FAILED)
    await ev.next(reply=last)
    if failed:
        return Ending(Session.FAILED, "car stopped after a failure")
    if isinstance(request, SessionStopReq) and request.charging_session is ChargingSession.Pause:
        return Ending(Session.PAUSED, "car paused", deal.resume(ev.session_id))
    return Ending(Session.TERMINATED, "car stopped")


def leave(station: EvStation, terms: Terms) -> None:
    """However it ended: no energy, no service."""
    station.release()
    iso2_services.end(terms)
