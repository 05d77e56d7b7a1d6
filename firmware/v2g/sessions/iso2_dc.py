"""ISO 15118-2 DC: charge parameters, cable check, pre-charge, current demand, welding detection.

From a ChargeParameterDiscoveryReq to SessionStop. What protects is the guard's; here its results become answers.
What comes before (`iso2_setup`) and after (`iso2`) is shared with AC, as are schedules and notifications.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from firmware.v2g.dc_station import DcStation, StationState
from firmware.v2g.messages.iso2 import (
    CableCheckReq,
    CableCheckRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ChargeProgress,
    CurrentDemandReq,
    CurrentDemandRes,
    EvseNotification,
    EvseProcessing,
    MeteringReceiptReq,
    MeteringReceiptRes,
    PhysicalValue,
    PowerDeliveryReq,
    PowerDeliveryRes,
    PreChargeReq,
    PreChargeRes,
    ResponseCode,
    SessionStopReq,
    Unit,
    WeldingDetectionReq,
    WeldingDetectionRes,
)
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.iso2_dc_words import (
    MAY_DELIVER,
    evse_status,
    limits,
    listen,
    maximum_voltage_v,
    parameter_refusal,
    plan,
    present_voltage,
    supply,
)
from firmware.v2g.sessions.iso2_notices import Notices, Receipts
from firmware.v2g.sessions.iso2_offer import finished, keep_choice, why_anew
from firmware.v2g.sessions.iso2_schedule import refusal
from firmware.v2g.sessions.iso2_terms import Deal
from firmware.v2g.when import When, when

CLOSING_S: Final = 4.2  # the answer to PowerDelivery within 4.5 s
OPENING_S: Final = 4.2
ONGOING_S: Final = 55.0  # [V2G2-712]
CABLE_CHECK_S: Final = 38.0  # ISO 15118-2 Table 111; the car waits 40 s
PRECHARGE_S: Final = 5.0  # Table 111; the car waits 7 s
READY_TO_CHARGE_S: Final = 148.0  # Table 111, from the first charge parameters to PowerDelivery; the car waits 150 s
RENEGOTIATION_GAIN_W: Final = 5000.0
NOT_READY: Final = f"the car did not ask for power within {READY_TO_CHARGE_S:.0f} s of its charge parameters"


async def charge(
    ev: Peer, station: DcStation, deal: Deal, request: ChargeParameterDiscoveryReq
) -> ChargeParameterDiscoveryReq | SessionStopReq:
    """Agree, check the cable, pre-charge, deliver, and stop; or leave the loop to renegotiate."""
    ready_by = ev.now + READY_TO_CHARGE_S
    start = await agree_on_parameters(ev, station, deal, request)
    if isinstance(start, CableCheckReq):
        checked = await cable_check(ev, station, start, maximum_voltage_v(request), ready_by)
        start = await precharge(ev, station, checked, ready_by)
    if start.charge_progress is ChargeProgress.Renegotiate:
        ev.refuse_order("PowerDelivery(Renegotiate) before PowerDelivery(Start)")
    if start.charge_progress is ChargeProgress.Start:
        start = await deliver(ev, station, deal, start)
    station.ramp_down()
    if start.charge_progress is ChargeProgress.Renegotiate:  # cable check and pre-charge follow [V2G2-565]
        station.tell("renegotiating")
        reply = power_delivery_when(station.contactor_open, station, OPENING_S)
        return await ev.next(ChargeParameterDiscoveryReq, reply=reply, may_stop=False)
    station.tell("car stops charging")
    return await weld_check(ev, station)


# --- charge parameters ------------------------------------------------------------------------------------------------


async def agree_on_parameters(
    ev: Peer, station: DcStation, deal: Deal, request: ChargeParameterDiscoveryReq
) -> CableCheckReq | PowerDeliveryReq:
    """Ongoing while there is nothing to give, then the offer. Returns the car's answer: on with the cable check, or a
    PowerDelivery that stops already."""
    while True:
        refused = parameter_refusal(station, request)
        schedule = None if refused is not None else plan(ev, station, deal, request)
        if schedule is not None and schedule.courses:
            station.tell("waiting for the car's cable check")
            offer = finished(deal, schedule, limits(station))
            answer = await ev.next(CableCheckReq, PowerDeliveryReq, reply=offer)
            if isinstance(answer, PowerDeliveryReq) and answer.charge_progress is ChargeProgress.Start:
                ev.refuse_order("PowerDelivery(Start) before CableCheck and PreCharge")
            return answer
        if ev.asking_for_s >= ONGOING_S:
            refused = refused or ResponseCode.FAILED
        if refused is not None:  # after a FAILED only SessionStop comes, as EvStops
            known = {"evse_charge_parameter": limits(station)}
            failed = failure_reply(ChargeParameterDiscoveryRes, refused, **known)
            return await ev.next(CableCheckReq, PowerDeliveryReq, reply=failed)
        station.tell("no power available at the moment")
        ongoing = ChargeParameterDiscoveryRes(
            evse_processing=EvseProcessing.Ongoing, evse_charge_parameter=limits(station)
        )
        request = await ev.next(ChargeParameterDiscoveryReq, reply=ongoing)


# --- before the energy ------------------------------------------------------------------------------------------------


async def cable_check(
    ev: Peer, station: DcStation, request: CableCheckReq, maximum_v: float, ready_by: float
) -> PreChargeReq:
    """The guard tests the insulation; Ongoing until it has passed. A test that failed, or takes too long, ends it.
    `ready_by`: when PowerDelivery must have come, on the peer's clock."""
    station.tell("cable check")
    station.start_cable_check(maximum_v)
    while True:
        listen(station, request.dc_ev_status)
        if station.cable_check == "passed" and station.state in MAY_DELIVER:
            done = CableCheckRes(dc_evse_status=evse_status(station), evse_processing=EvseProcessing.Finished)
            return await ev.next(PreChargeReq, reply=done)
        if ev.asking_for_s >= CABLE_CHECK_S:
            station.fail(f"cable check not done in {CABLE_CHECK_S:.0f} s")
        elif ev.now >= ready_by:
            station.fail(NOT_READY)
        if station.cable_check == "failed" or station.state not in MAY_DELIVER:
            station.tell(f"cable check failed: {station.failure or station.state}")
            failed = failure_reply(CableCheckRes, ResponseCode.FAILED, dc_evse_status=evse_status(station))
            return await ev.next(PreChargeReq, reply=failed)
        ongoing = CableCheckRes(dc_evse_status=evse_status(station), evse_processing=EvseProcessing.Ongoing)
        request = await ev.next(CableCheckReq, reply=ongoing)


async def precharge(ev: Peer, station: DcStation, first: PreChargeReq, ready_by: float) -> PowerDeliveryReq:
    """Bring the cable to the battery's voltage, until the car asks for power; or for none. One that does neither does
    not get voltage for ever."""
    station.tell("pre-charge")
    request: PreChargeReq | PowerDeliveryReq = first
    target_v, since = float("nan"), ev.now
    while isinstance(request, PreChargeReq):
        listen(station, request.dc_ev_status)
        if float(request.ev_target_voltage) != target_v:
            target_v, since = float(request.ev_target_voltage), ev.now
        if ev.now >= ready_by:
            station.fail(NOT_READY)
        reply = precharge_answer(station, request, ev.now - since)
        request = await ev.next(PreChargeReq, PowerDeliveryReq, reply=reply)
    return request


def precharge_answer(station: DcStation, request: PreChargeReq, for_s: float) -> PreChargeRes:
    """The present voltage; FAILED when the target cannot be reached, or was not in time."""
    target_v = float(request.ev_target_voltage)
    if not 0 < target_v <= station.max_voltage_v:
        station.ramp_down()
        return _no_precharge(station, ResponseCode.FAILED_WrongChargeParameter)
    if station.contactor_closed() and not station.fresh:  # the car closes its own contactor by this voltage
        station.fail(f"the last measurement is {station.age_s:.2f} s old")
    if for_s >= PRECHARGE_S and not station.precharged(target_v):
        station.fail(f"pre-charge to {target_v:.0f} V: {station.present_voltage_v:.0f} V after {PRECHARGE_S:.0f} s")
    if station.state not in MAY_DELIVER:
        station.tell(f"pre-charge failed: {station.failure or station.state}")
        return _no_precharge(station, ResponseCode.FAILED)
    station.start_precharge(target_v, float(request.ev_target_current))
    return PreChargeRes(dc_evse_status=evse_status(station), evse_present_voltage=present_voltage(station))


def _no_precharge(station: DcStation, code: ResponseCode) -> PreChargeRes:
    status, voltage = evse_status(station), present_voltage(station)
    return failure_reply(PreChargeRes, code, dc_evse_status=status, evse_present_voltage=voltage)


# --- energy -----------------------------------------------------------------------------------------------------------


async def deliver(ev: Peer, station: DcStation, deal: Deal, start: PowerDeliveryReq) -> PowerDeliveryReq:
    """The charging loop. Returns the PowerDeliveryReq that leaves it."""
    refused = start_refusal(station, deal, start)
    if refused is not None:  # after a FAILED only SessionStop comes, as EvStops
        failed = failure_reply(PowerDeliveryRes, refused, evse_status=evse_status(station))
        return await ev.next(PowerDeliveryReq, reply=failed)
    keep_choice(deal, start)
    closed = power_delivery_when(station.contactor_closed, station, CLOSING_S)
    # SessionStop already here: as in AC, cars do it, and stopping is safe
    request: CurrentDemandReq | PowerDeliveryReq = await ev.next(CurrentDemandReq, reply=closed)
    station.tell("charging")
    anew = why_anew(ev, deal, partial(supply, station), RENEGOTIATION_GAIN_W) if deal.terms.renegotiate_dc else None
    notices, receipts = Notices(ev, station, anew), Receipts(ev, station, deal)
    while isinstance(request, CurrentDemandReq):
        reply = current_demand(station, deal, request, notices, receipts)
        if reply.receipt_required:
            receipt = await ev.next(MeteringReceiptReq, reply=reply, may_stop=False)
            request = await ev.next(
                CurrentDemandReq, PowerDeliveryReq, reply=receipt_answer(station, receipts, receipt), may_stop=False
            )
        else:
            request = await ev.next(CurrentDemandReq, PowerDeliveryReq, reply=reply, may_stop=False)
    if request.charge_progress is ChargeProgress.Start:
        ev.refuse_order("PowerDelivery(Start) while charging")
    return request


def start_refusal(station: DcStation, deal: Deal, start: PowerDeliveryReq) -> ResponseCode | None:
    """Why energy may not flow, or not as the car plans it."""
    refused = refusal(deal.schedule, start)
    if refused is None and (station.state not in MAY_DELIVER or not station.authorised):
        return ResponseCode.FAILED_PowerDeliveryNotApplied
    return refused


def current_demand(
    station: DcStation, deal: Deal, request: CurrentDemandReq, notices: Notices, receipts: Receipts
) -> CurrentDemandRes:
    """Pass the set points on, tell what flows and what may flow. Measurements that are too old end it: a car must not
    steer by them."""
    target_v, target_a = float(request.ev_target_voltage), float(request.ev_target_current)
    listen(station, request.dc_ev_status)
    if not station.fresh:
        station.fail(f"the last measurement is {station.age_s:.2f} s old")
    if station.state in MAY_DELIVER:
        station.deliver(target_v, target_a)
    else:
        station.ramp_down()
    reached = station.limits_reached(target_v, target_a)
    return CurrentDemandRes(
        dc_evse_status=evse_status(station, demand_notice(station, notices)),
        evse_present_voltage=present_voltage(station),
        evse_present_current=PhysicalValue.of(round(station.present_current_a, 1), Unit.A),
        evse_current_limit_achieved=reached.current,
        evse_voltage_limit_achieved=reached.voltage,
        evse_power_limit_achieved=reached.power,
        evse_maximum_voltage_limit=PhysicalValue.of(station.max_voltage_v, Unit.V),
        evse_maximum_current_limit=PhysicalValue.of(station.max_current_a, Unit.A),
        evse_maximum_power_limit=PhysicalValue.of(int(station.max_power_w), Unit.W),
        evse_id=station.evse_id,
        sa_schedule_tuple_id=deal.tuple_id,
        meter_info=receipts.meter_info(),
        receipt_required=station.state is StationState.READY and receipts.due(),
    )


def demand_notice(station: DcStation, notices: Notices) -> tuple[EvseNotification, int]:
    """To stop, also for what only the session found wrong."""
    if station.state not in MAY_DELIVER:
        return EvseNotification.StopCharging, 0
    return notices.now()


def receipt_answer(station: DcStation, receipts: Receipts, receipt: MeteringReceiptReq) -> MeteringReceiptRes:
    refused = receipts.refusal(receipt)
    if refused is not None:
        return failure_reply(MeteringReceiptRes, refused, evse_status=evse_status(station))
    return MeteringReceiptRes(evse_status=evse_status(station))


# --- after the energy -------------------------------------------------------------------------------------------------


def power_delivery_when(condition: Callable[[], bool], station: DcStation, within: float) -> When[PowerDeliveryRes]:
    """Closed, or ramped down and confirmed open; then the answer."""
    return when(
        condition,
        within=within,
        then=lambda: PowerDeliveryRes(evse_status=evse_status(station)),
        otherwise=ResponseCode.FAILED_ContactorError,
    )


async def weld_check(ev: Peer, station: DcStation) -> SessionStopReq:
    """The answer to PowerDelivery(Stop); then the car opens its contactors and watches our voltage fall."""
    request = await ev.next(
        WeldingDetectionReq, SessionStopReq, reply=power_delivery_when(station.contactor_open, station, OPENING_S)
    )
    while isinstance(request, WeldingDetectionReq):
        station.tell("welding detection", soc_percent=request.dc_ev_status.ev_ress_soc)
        reply = WeldingDetectionRes(dc_evse_status=evse_status(station), evse_present_voltage=present_voltage(station))
        request = await ev.next(WeldingDetectionReq, SessionStopReq, reply=reply)
    return request
