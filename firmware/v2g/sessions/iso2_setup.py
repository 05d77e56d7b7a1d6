"""ISO 15118-2, from SessionSetup to authorisation by external means: the phases that AC and DC share."""

from typing import Final

from firmware.v2g.ending import Resume
from firmware.v2g.messages.app_protocol import SupportedAppProtocolRes
from firmware.v2g.messages.iso2 import (
    AuthorizationReq,
    AuthorizationRes,
    ChargeParameterDiscoveryReq,
    ChargeService,
    EnergyTransferMode,
    EvseProcessing,
    PaymentOption,
    PaymentServiceSelectionReq,
    PaymentServiceSelectionRes,
    ResponseCode,
    ServiceCategory,
    ServiceDetailReq,
    ServiceDetailRes,
    ServiceDiscoveryReq,
    ServiceDiscoveryRes,
    SessionSetupReq,
    SessionSetupRes,
)
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.iso2_terms import EvStation, Terms

CHARGE_SERVICE_ID: Final = 1


async def set_up(
    ev: Peer, station: EvStation, greeting: SupportedAppProtocolRes, paused: Resume | None
) -> ServiceDiscoveryReq:
    """A new session, or the paused one when the car names it [V2G2-741]. An unknown id means a new session."""
    request = await ev.next(SessionSetupReq, reply=greeting, may_stop=False)
    code = ResponseCode.OK_NewSessionEstablished
    if paused is not None and ev.claimed_session_id == paused.session_id:
        ev.session_id = paused.session_id
        code = ResponseCode.OK_OldSessionJoined
    else:
        ev.new_session()
    station.tell("car and station negotiate", protocol=ev.language.name, evccid=request.evcc_id.hex().upper())
    reply = SessionSetupRes(response_code=code, evse_id=station.evse_id)
    return await ev.next(ServiceDiscoveryReq, reply=reply)


async def choose_services(
    ev: Peer, modes: tuple[EnergyTransferMode, ...], terms: Terms, discovery: ServiceDiscoveryReq
) -> tuple[PaymentServiceSelectionReq, PaymentServiceSelectionRes]:
    """Show what we offer, until the car has chosen how to pay and for what. Returns its choice with our answer to it,
    which the payment's phase sends."""
    offer = services(modes, terms)
    request = await ev.next(ServiceDetailReq, PaymentServiceSelectionReq, reply=offer)
    while isinstance(request, ServiceDetailReq):
        request = await ev.next(ServiceDetailReq, PaymentServiceSelectionReq, reply=service_detail(request))
    return request, payment_selection(request, offer)


def services(modes: tuple[EnergyTransferMode, ...], terms: Terms) -> ServiceDiscoveryRes:
    """Charging in these modes. Contract goes first: a car that can takes it without asking its driver."""
    charging = ChargeService(
        service_id=CHARGE_SERVICE_ID,
        service_category=ServiceCategory.EVCharging,
        free_service=False,
        supported_energy_transfer_mode=modes,
    )
    contract = (PaymentOption.Contract,) if terms.pay_by_contract is not None else ()
    return ServiceDiscoveryRes(payment_option_list=(*contract, PaymentOption.ExternalPayment), charge_service=charging)


def service_detail(request: ServiceDetailReq) -> ServiceDetailRes:
    """The charge service has no parameters; we offer no other."""
    known = request.service_id == CHARGE_SERVICE_ID
    code = ResponseCode.OK if known else ResponseCode.FAILED_ServiceIDInvalid
    return ServiceDetailRes(response_code=code, service_id=request.service_id)


def payment_selection(request: PaymentServiceSelectionReq, offer: ServiceDiscoveryRes) -> PaymentServiceSelectionRes:
    selected = {service.service_id for service in request.selected_service_list}
    if request.selected_payment_option not in offer.payment_option_list:
        code = ResponseCode.FAILED_PaymentSelectionInvalid
    elif CHARGE_SERVICE_ID not in selected:
        code = ResponseCode.FAILED_NoChargeServiceSelected
    elif selected != {CHARGE_SERVICE_ID}:
        code = ResponseCode.FAILED_ServiceSelectionInvalid
    else:
        code = ResponseCode.OK
    return PaymentServiceSelectionRes(response_code=code)


async def pay(
    ev: Peer,
    station: EvStation,
    terms: Terms,
    choice: PaymentServiceSelectionReq,
    selected: PaymentServiceSelectionRes,
) -> ChargeParameterDiscoveryReq:
    """Until it is clear who pays, by contract or by other means; also after a refused choice (`selected` says so)."""
    if terms.pay_by_contract is not None and choice.selected_payment_option is PaymentOption.Contract:
        return await terms.pay_by_contract(ev, station, selected)
    return await pay_externally(ev, station, selected)


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
