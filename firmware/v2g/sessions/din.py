"""DIN SPEC 70121, DC with external payment: one whole session, from SessionSetup to SessionStop.

`Peer` checks order, session id and time and answers mistakes; a SessionStopReq, wherever it may come, arrives as
`EvStops`. Energy, from cable check to welding detection, is `din_energy`'s. There is no pause and no renegotiation.
"""

from typing import Final

from firmware.v2g.dc_station import DcStation, StationState
from firmware.v2g.ending import Ending
from firmware.v2g.evse_link import Session
from firmware.v2g.messages.app_protocol import SupportedAppProtocolRes
from firmware.v2g.messages.din import (
    CableCheckReq,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ContractAuthenticationReq,
    ContractAuthenticationRes,
    DcEvChargeParameter,
    DcEvseChargeParameter,
    EvRequestedEnergyTransfer,
    EvseProcessing,
    EvseSupportedEnergyTransfer,
    PaymentOption,
    ResponseCode,
    ServiceCategory,
    ServiceCharge,
    ServiceDiscoveryReq,
    ServiceDiscoveryRes,
    ServicePaymentSelectionReq,
    ServicePaymentSelectionRes,
    ServiceTag,
    SessionSetupReq,
    SessionSetupRes,
    SessionStopRes,
)
from firmware.v2g.messages.replies import failure_reply, smallest
from firmware.v2g.peer import EvStops, Peer
from firmware.v2g.quirks import QuirkName
from firmware.v2g.sessions.din_energy import deliver_energy
from firmware.v2g.sessions.din_words import charge_parameter, evse_id, learn, schedule
from firmware.v2g.when import when

NAMESPACE: Final = "urn:din:70121:2012:MsgDef"
CHARGE_SERVICE_ID: Final = 1
STOPPING_S: Final = 1.3  # the answer to SessionStop within 1.5 s
ONGOING_S: Final = 55.0  # then the station must have finished; the car waits for 60 s
READY_TO_CHARGE_S: Final = 148.0  # from authorisation to PowerDelivery; the car waits for 150 s
DC_MODES: Final = frozenset(each for each in EvRequestedEnergyTransfer if each.value.startswith("DC_"))


async def charge_dc(ev: Peer, station: DcStation, greeting: SupportedAppProtocolRes) -> Ending:
    """The session; `greeting` is the handshake's answer."""
    try:
        await set_up(ev, station, greeting)
        await choose_services(ev)
        parameters = await authorise(ev, station)
        ready_by = ev.now + READY_TO_CHARGE_S
        battery_v, cable_check = await agree_on_parameters(ev, station, parameters)
        await deliver_energy(ev, station, battery_v, cable_check, ready_by)
    except EvStops:
        return await stop_session(ev, station)
    finally:
        station.release()
    return await stop_session(ev, station)


async def set_up(ev: Peer, station: DcStation, greeting: SupportedAppProtocolRes) -> None:
    """Always a new session, whatever id the car names: DIN knows no pause."""
    request = await ev.next(SessionSetupReq, reply=greeting, may_stop=False)
    ev.new_session()
    station.tell("car and station negotiate", protocol=ev.language.name, evccid=request.evcc_id.hex().upper())
    if len(ev.claimed_session_id) != len(ev.session_id):
        station.quirk(QuirkName.SHORT_SESSION_ID)
    reply = SessionSetupRes(response_code=ResponseCode.OK_NewSessionEstablished, evse_id=evse_id(station.evse_id))
    await ev.next(ServiceDiscoveryReq, reply=reply)


async def choose_services(ev: Peer) -> None:
    """One service, one way to pay. What the car's ServiceDiscoveryReq filters for are services beside charging."""
    request = await ev.next(ServicePaymentSelectionReq, reply=services())
    await ev.next(ContractAuthenticationReq, reply=payment_selection(request))


def services() -> ServiceDiscoveryRes:
    """DC charging through the combo plug's DC pins, paid by other means than a contract."""
    charging = ServiceCharge(
        service_tag=ServiceTag(service_id=CHARGE_SERVICE_ID, service_category=ServiceCategory.EVCharging),
        free_service=False,
        energy_transfer_type=EvseSupportedEnergyTransfer.DC_extended,
    )
    return ServiceDiscoveryRes(payment_options=(PaymentOption.ExternalPayment,), charge_service=charging)


def payment_selection(request: ServicePaymentSelectionReq) -> ServicePaymentSelectionRes:
    selected = {service.service_id for service in request.selected_service_list}
    if request.selected_payment_option is not PaymentOption.ExternalPayment:
        code = ResponseCode.FAILED_PaymentSelectionInvalid
    elif selected != {CHARGE_SERVICE_ID}:
        code = ResponseCode.FAILED_ServiceSelectionInvalid
    else:
        code = ResponseCode.OK
    return ServicePaymentSelectionRes(response_code=code)


async def authorise(ev: Peer, station: DcStation) -> ChargeParameterDiscoveryReq:
    """Until somebody is authorised at this EVSE: people take their time, only the car limits how long we answer."""
    while not station.authorised:
        station.tell("waiting for authorisation")
        waiting = ContractAuthenticationRes(evse_processing=EvseProcessing.Ongoing)
        await ev.next(ContractAuthenticationReq, reply=waiting)
    station.tell("authorised; agreeing on charge parameters")
    done = ContractAuthenticationRes(evse_processing=EvseProcessing.Finished)
    return await ev.next(ChargeParameterDiscoveryReq, reply=done)


async def agree_on_parameters(
    ev: Peer, station: DcStation, request: ChargeParameterDiscoveryReq
) -> tuple[float, CableCheckReq]:
    """Ongoing while there is nothing to give, then the offer. Returns the most that the car takes, in V, and its answer
    to the offer."""
    offer = parameters(ev, station, request)
    while offer.evse_processing is EvseProcessing.Ongoing:
        station.tell("no power available at the moment")
        request = await ev.next(ChargeParameterDiscoveryReq, reply=offer)
        offer = parameters(ev, station, request)
    station.tell("waiting for the car to start")
    cable_check = await ev.next(CableCheckReq, reply=offer)
    return highest_voltage_v(request), cable_check


def highest_voltage_v(request: ChargeParameterDiscoveryReq) -> float:
    """The car's voltage limit, 0 where it told none."""
    car = request.ev_charge_parameter
    return float(car.ev_maximum_voltage_limit) if isinstance(car, DcEvChargeParameter) else 0.0


def parameters(ev: Peer, station: DcStation, request: ChargeParameterDiscoveryReq) -> ChargeParameterDiscoveryRes:
    """The answer as things stand now: a refusal, Ongoing, or what we offer. What we must say in a refusal besides its
    code is the least there is; Finished, so that nobody asks again."""
    available = station.max_current_a > 0 and station.state is not StationState.NOT_READY
    refused = parameter_refusal(station, request)
    if refused is None and not available and ev.asking_for_s >= ONGOING_S:
        refused = ResponseCode.FAILED
    if refused is not None:
        least = smallest(DcEvseChargeParameter)  # of the two kinds, the one that a DC car expects
        return failure_reply(ChargeParameterDiscoveryRes, refused, evse_charge_parameter=least)
    return ChargeParameterDiscoveryRes(
        evse_processing=EvseProcessing.Finished if available else EvseProcessing.Ongoing,
        sa_schedules=schedule(station.max_power_w if available else 0),
        evse_charge_parameter=charge_parameter(station),
    )


def parameter_refusal(station: DcStation, request: ChargeParameterDiscoveryReq) -> ResponseCode | None:
    """What is wrong with the car's parameters, if anything. Lenient: only what cannot work at all."""
    car = request.ev_charge_parameter
    if request.ev_requested_energy_transfer_type not in DC_MODES:
        return ResponseCode.FAILED_WrongEnergyTransferType
    if not isinstance(car, DcEvChargeParameter):
        return ResponseCode.FAILED_WrongChargeParameter
    learn(station, car.dc_ev_status)
    if float(car.ev_maximum_current_limit) <= 0 or highest_voltage_v(request) < station.min_voltage_v:
        return ResponseCode.FAILED_WrongChargeParameter
    return None


async def stop_session(ev: Peer, station: DcStation) -> Ending:
    """Open if anything is still closed, then the last answer."""
    failed = ev.has_failed
    station.release()
    last = when(station.contactor_open, within=STOPPING_S, then=SessionStopRes(), otherwise=ResponseCode.FAILED)
    await ev.next(reply=last)
    if failed:
        return Ending(Session.FAILED, "car stopped after a failure")
    return Ending(Session.TERMINATED, "car stopped")
