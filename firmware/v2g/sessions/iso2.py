"""ISO 15118-2: one whole session, from SessionSetup to SessionStop, in AC or DC.

`Peer` checks order, session id and time and answers mistakes; a SessionStopReq, wherever it may come, arrives as
`EvStops`. The phases are functions: `iso2_setup` (both), `iso2_contract` (Plug & Charge), `iso2_ac`.
"""

from typing import Final

from firmware.v2g.ac_station import AcStation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.evse_link import Session
from firmware.v2g.messages.app_protocol import SupportedAppProtocolRes
from firmware.v2g.messages.declare import Request
from firmware.v2g.messages.iso2 import (
    ChargeParameterDiscoveryReq,
    ChargingSession,
    ResponseCode,
    SessionStopReq,
    SessionStopRes,
)
from firmware.v2g.peer import EvStops, Peer
from firmware.v2g.sessions import iso2_ac
from firmware.v2g.sessions.iso2_setup import choose_services, pay, set_up
from firmware.v2g.sessions.iso2_terms import Terms
from firmware.v2g.when import when

NAMESPACE: Final = "urn:iso:15118:2:2013:MsgDef"
STOPPING_S: Final = 1.3  # the answer to SessionStop within 1.5 s


async def charge_ac(
    ev: Peer,
    station: AcStation,
    greeting: SupportedAppProtocolRes,
    paused: Resume | None = None,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> Ending:
    """The session; `greeting` is the handshake's answer, `paused` what an earlier session left behind."""
    try:
        discovery = await set_up(ev, station, greeting, paused)
        choice, selected = await choose_services(ev, iso2_ac.energy_transfer_modes(station), terms, discovery)
        request: Request = await pay(ev, station, terms, choice, selected)
        while isinstance(request, ChargeParameterDiscoveryReq):  # a renegotiation comes back here
            offer, delivery = await iso2_ac.agree_on_parameters(ev, station, request)
            request = await iso2_ac.charge(ev, station, offer, delivery)
        return await stop_session(ev, station, request)
    except EvStops as stop:
        return await stop_session(ev, station, stop.request)
    finally:
        station.release()


async def stop_session(ev: Peer, station: AcStation, request: Request) -> Ending:
    """Open if anything is still closed, then the last answer. A session that failed cannot be paused."""
    failed = ev.has_failed
    station.release()
    last = when(station.contactor_open, within=STOPPING_S, then=SessionStopRes(), otherwise=ResponseCode.FAILED)
    await ev.next(reply=last)
    if failed:
        return Ending(Session.FAILED, "car stopped after a failure")
    if isinstance(request, SessionStopReq) and request.charging_session is ChargingSession.Pause:
        return Ending(Session.PAUSED, "car paused", Resume(ev.session_id, iso2_ac.SA_SCHEDULE_TUPLE_ID))
    return Ending(Session.TERMINATED, "car stopped")
