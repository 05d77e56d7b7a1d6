"""ISO 15118-2, from SessionSetup to authorisation by external means: the phases that AC and DC share.

What is shown of services and how a choice is judged is `iso2_services`', payment by contract `iso2_contract`'s.
"""

from firmware.v2g.ev_station import EvStation
from firmware.v2g.messages.app_protocol import SupportedAppProtocolRes
from firmware.v2g.messages.iso2 import (
    AuthorizationReq,
    AuthorizationRes,
    ChargeParameterDiscoveryReq,
    EnergyTransferMode,
    EvseProcessing,
    PaymentOption,
    PaymentServiceSelectionReq,
    PaymentServiceSelectionRes,
    ResponseCode,
    ServiceDetailReq,
    ServiceDiscoveryReq,
    SessionSetupReq,
    SessionSetupRes,
)
from firmware.v2g.peer import Peer, is_failure
from firmware.v2g.quirks import QuirkName
from firmware.v2g.sessions import iso2_services as services
from firmware.v2g.sessions.iso2_terms import Deal


async def until_authorised(
    ev: Peer,
    station: EvStation,
    greeting: SupportedAppProtocolRes,
    modes: tuple[EnergyTransferMode, ...],
    deal: Deal,
) -> ChargeParameterDiscoveryReq:
    """The handshake's answer, the session, the services, and who pays."""
    discovery = await set_up(ev, station, greeting, deal)
    selected = await choose_services(ev, modes, discovery, deal)
    if deal.terms.pay_by_contract is not None and deal.by_contract:
        return await deal.terms.pay_by_contract(ev, station, selected)
    return await pay_externally(ev, station, selected)


async def set_up(ev: Peer, station: EvStation, greeting: SupportedAppProtocolRes, deal: Deal) -> ServiceDiscoveryReq:
    """A new session, or the paused one when its car names it [V2G2-741]. An unknown id means a new session."""
    request = await ev.next(SessionSetupReq, reply=greeting, may_stop=False)
    code = ResponseCode.OK_NewSessionEstablished
    deal.evccid = request.evcc_id.hex().upper()
    if deal.paused is not None and deal.paused.belongs_to(ev.claimed_session_id, deal.evccid):
        ev.session_id = deal.paused.session_id
        deal.joined = True
        code = ResponseCode.OK_OldSessionJoined
    else:
        ev.new_session()
    status = "car and station go on after a pause" if deal.joined else "car and station negotiate"
    station.tell(status, protocol=ev.language.name, evccid=deal.evccid)
    if len(ev.claimed_session_id) != len(ev.session_id):
        station.quirk(QuirkName.SHORT_SESSION_ID)
    reply = SessionSetupRes(response_code=code, evse_id=station.evse_id)
    return await ev.next(ServiceDiscoveryReq, reply=reply)


async def choose_services(
    ev: Peer, modes: tuple[EnergyTransferMode, ...], discovery: ServiceDiscoveryReq, deal: Deal
) -> PaymentServiceSelectionRes:
    """Show what we offer, until the car has chosen how to pay and for what. Returns our answer to its choice, which
    the phase of its payment sends."""
    only = PaymentOption(deal.paused.payment) if deal.joined and deal.paused is not None else None
    offer = services.discovery(discovery, modes, deal.terms, only)
    request = await ev.next(ServiceDetailReq, PaymentServiceSelectionReq, reply=offer)
    while isinstance(request, ServiceDetailReq):
        detail = services.detail(request, deal.terms)
        request = await ev.next(ServiceDetailReq, PaymentServiceSelectionReq, reply=detail)
    return kept(request, services.selection(request, offer, deal.terms), deal)


def kept(
    request: PaymentServiceSelectionReq, answer: PaymentServiceSelectionRes, deal: Deal
) -> PaymentServiceSelectionRes:
    """A good choice is kept, and what was selected besides charging begins."""
    if not is_failure(answer):
        deal.payment = request.selected_payment_option
        services.begin(request, deal.terms)
    return answer


async def pay_externally(
    ev: Peer, station: EvStation, selected: PaymentServiceSelectionRes
) -> ChargeParameterDiscoveryReq:
    """Until somebody is authorised at this EVSE. A refused token changes nothing: another may follow [V2G2-854].
    People take their time: the 60 s of Ongoing do not bind external identification."""
    await ev.next(AuthorizationReq, reply=selected)
    while not station.authorised:
        station.tell("waiting for authorisation")
        waiting = AuthorizationRes(evse_processing=EvseProcessing.Ongoing_WaitingForCustomerInteraction)
        await ev.next(AuthorizationReq, reply=waiting)
    station.tell("authorised; agreeing on charge parameters")
    return await ev.next(ChargeParameterDiscoveryReq, reply=AuthorizationRes(evse_processing=EvseProcessing.Finished))
