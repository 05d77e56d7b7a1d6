"""ISO 15118-2 AC: charge parameters and the charging loop, from a ChargeParameterDiscoveryReq to SessionStop.

What comes before (`iso2_setup`) and after (`iso2`) is shared with DC, as are schedules and notifications.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from firmware.station.schedule import Needs
from firmware.v2g.ac_station import AcStation
from firmware.v2g.messages.iso2 import (
    AcEvChargeParameter,
    AcEvseChargeParameter,
    AcEvseStatus,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ChargeProgress,
    ChargingStatusReq,
    ChargingStatusRes,
    EnergyTransferMode,
    EvseNotification,
    EvseProcessing,
    MeteringReceiptReq,
    MeteringReceiptRes,
    PhysicalValue,
    PowerDeliveryReq,
    PowerDeliveryRes,
    ResponseCode,
    SessionStopReq,
    Unit,
)
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.iso2_notices import Notices, Receipts
from firmware.v2g.sessions.iso2_offer import Supply, finished, keep_choice, listen_to, make_schedule, why_anew
from firmware.v2g.sessions.iso2_schedule import Schedule, refusal
from firmware.v2g.sessions.iso2_terms import Deal
from firmware.v2g.when import When, when

CLOSING_S: Final = 4.2  # contactor 3 s after state C [V2G2-860], the answer within 4.5 s [V2G2-858]
OPENING_S: Final = 4.2  # the answer to PowerDelivery(Stop) within 4.5 s
ONGOING_S: Final = 55.0  # [V2G2-712]: then the station must have finished
RENEGOTIATION_GAIN_A: Final = 2.0


async def charge(
    ev: Peer, station: AcStation, deal: Deal, request: ChargeParameterDiscoveryReq
) -> ChargeParameterDiscoveryReq | SessionStopReq:
    """Agree, close, deliver, and open again; or leave the loop to renegotiate, with the contactor closed."""
    delivery = await agree_on_parameters(ev, station, deal, request)
    if delivery.charge_progress is ChargeProgress.Renegotiate:
        ev.refuse_order("PowerDelivery(Renegotiate) before PowerDelivery(Start)")
    if delivery.charge_progress is ChargeProgress.Start:
        delivery = await deliver(ev, station, deal, delivery, partial(supply, station, phases_of(station, request)))
    if delivery.charge_progress is ChargeProgress.Renegotiate:
        station.tell("renegotiating")
        reply = PowerDeliveryRes(evse_status=evse_status(station))
        return await ev.next(ChargeParameterDiscoveryReq, reply=reply, may_stop=False)
    station.tell("car stops charging")
    station.release()
    opened = power_delivery_when(station.contactor_open, station, OPENING_S)
    return await ev.next(SessionStopReq, reply=opened)


# --- charge parameters ------------------------------------------------------------------------------------------------


def energy_transfer_modes(station: AcStation) -> tuple[EnergyTransferMode, ...]:
    """A three-phase outlet also serves single-phase cars."""
    single = EnergyTransferMode.AC_single_phase_core
    return (EnergyTransferMode.AC_three_phase_core, single) if station.phases == 3 else (single,)


def phases_of(station: AcStation, request: ChargeParameterDiscoveryReq) -> int:
    """What the car can use of them."""
    single = request.requested_energy_transfer_mode is EnergyTransferMode.AC_single_phase_core
    return 1 if single else station.phases


async def agree_on_parameters(
    ev: Peer, station: AcStation, deal: Deal, request: ChargeParameterDiscoveryReq
) -> PowerDeliveryReq:
    """Ongoing while there is nothing to give, then the offer. Returns the car's answer to it."""
    while True:
        refused = parameter_refusal(station, request)
        schedule = None if refused is not None else plan(ev, station, deal, request)
        if schedule is not None and schedule.courses:
            station.tell("waiting for the car to start")
            return await ev.next(PowerDeliveryReq, reply=finished(deal, schedule, limits(station)))
        if ev.asking_for_s >= ONGOING_S:
            refused = refused or ResponseCode.FAILED
        if refused is not None:  # after a FAILED only SessionStop comes, as EvStops
            return await ev.next(PowerDeliveryReq, reply=failure_reply(ChargeParameterDiscoveryRes, refused))
        station.tell("no power available at the moment")
        ongoing = ChargeParameterDiscoveryRes(
            evse_processing=EvseProcessing.Ongoing, evse_charge_parameter=limits(station)
        )
        request = await ev.next(ChargeParameterDiscoveryReq, reply=ongoing)


def parameter_refusal(station: AcStation, request: ChargeParameterDiscoveryReq) -> ResponseCode | None:
    """What is wrong with the car's parameters, if anything. Lenient: only what cannot work at all."""
    if request.requested_energy_transfer_mode not in energy_transfer_modes(station):
        return ResponseCode.FAILED_WrongEnergyTransferMode
    car = request.ev_charge_parameter
    if not isinstance(car, AcEvChargeParameter):
        return ResponseCode.FAILED_WrongChargeParameter
    if float(car.ev_max_current) <= 0 or float(car.ev_max_voltage) <= 0:
        return ResponseCode.FAILED_WrongChargeParameter
    return None


def plan(ev: Peer, station: AcStation, deal: Deal, request: ChargeParameterDiscoveryReq) -> Schedule | None:
    """A schedule for what the car told; without courses while there is nothing to give."""
    car = request.ev_charge_parameter
    if not isinstance(car, AcEvChargeParameter):
        return None
    phases = phases_of(station, request)
    needs = Needs(
        departure_s=car.departure_time,
        energy_wh=float(car.e_amount),
        max_current_a=float(car.ev_max_current),
        max_power_w=float(car.ev_max_current) * station.nominal_voltage_v * phases,
        min_current_a=float(car.ev_min_current),
        max_voltage_v=float(car.ev_max_voltage),
        max_periods=request.max_entries_sa_schedule_tuple,
    )
    horizon_s = listen_to(deal, needs)
    return make_schedule(ev, deal, horizon_s, supply(station, phases), request.max_entries_sa_schedule_tuple)


def supply(station: AcStation, phases: int) -> Supply:
    """What can be had now."""
    return Supply(station.max_current_a * station.nominal_voltage_v * phases, station.nominal_voltage_v, phases)


def limits(station: AcStation) -> AcEvseChargeParameter:
    return AcEvseChargeParameter(
        ac_evse_status=evse_status(station),
        evse_nominal_voltage=PhysicalValue.of(station.nominal_voltage_v, Unit.V),
        evse_max_current=PhysicalValue.of(station.max_current_a, Unit.A),
    )


def evse_status(station: AcStation, notice: tuple[EvseNotification, int] | None = None) -> AcEvseStatus:
    """What every AC answer says of us: what the car shall do, in how many s, and the RCD."""
    if notice is None:
        notice = EvseNotification.StopCharging if station.stop_wanted else EvseNotification.None_, 0
    notification, delay_s = notice
    return AcEvseStatus(notification_max_delay=delay_s, evse_notification=notification, rcd=station.rcd_tripped)


# --- energy -----------------------------------------------------------------------------------------------------------


async def deliver(
    ev: Peer, station: AcStation, deal: Deal, start: PowerDeliveryReq, supplied: Callable[[], Supply]
) -> PowerDeliveryReq:
    """The charging loop. Returns the PowerDeliveryReq that leaves it."""
    refused = start_refusal(station, deal, start)
    if refused is not None:  # after a FAILED only SessionStop comes, as EvStops
        return await ev.next(PowerDeliveryReq, reply=failure_reply(PowerDeliveryRes, refused))
    keep_choice(deal, start)
    station.energise()
    closed = power_delivery_when(station.contactor_closed, station, CLOSING_S)
    # SessionStop already here: not in the standard's table, but cars do it (a recorded VW), and stopping is safe
    request: ChargingStatusReq | PowerDeliveryReq = await ev.next(ChargingStatusReq, reply=closed)
    station.tell("charging")
    gain_w = RENEGOTIATION_GAIN_A * station.nominal_voltage_v * supplied().phases
    notices, receipts = Notices(ev, station, why_anew(ev, deal, supplied, gain_w)), Receipts(ev, station, deal)
    while isinstance(request, ChargingStatusReq):
        reply = charging_status(station, deal, notices, receipts)
        if reply.receipt_required:
            receipt = await ev.next(MeteringReceiptReq, reply=reply, may_stop=False)
            request = await ev.next(
                ChargingStatusReq, PowerDeliveryReq, reply=receipt_answer(station, receipts, receipt), may_stop=False
            )
        else:
            request = await ev.next(ChargingStatusReq, PowerDeliveryReq, reply=reply, may_stop=False)
    if request.charge_progress is ChargeProgress.Start:
        ev.refuse_order("PowerDelivery(Start) while charging")
    return request


def start_refusal(station: AcStation, deal: Deal, start: PowerDeliveryReq) -> ResponseCode | None:
    """Why energy may not flow, or not as the car plans it."""
    refused = refusal(deal.schedule, start)
    if refused is None and (station.faulted or not station.authorised):
        return ResponseCode.FAILED_PowerDeliveryNotApplied
    return refused


def power_delivery_when(condition: Callable[[], bool], station: AcStation, within: float) -> When[PowerDeliveryRes]:
    """PowerDelivery is answered when the contactor has really done what was asked for [V2G2-858]."""
    return when(
        condition,
        within=within,
        then=lambda: PowerDeliveryRes(evse_status=evse_status(station)),
        otherwise=ResponseCode.FAILED_ContactorError,
    )


def charging_status(station: AcStation, deal: Deal, notices: Notices, receipts: Receipts) -> ChargingStatusRes:
    """What the car may draw now. Has it let go without asking to stop, the session has failed."""
    return ChargingStatusRes(
        response_code=ResponseCode.FAILED if station.let_go else ResponseCode.OK,
        evse_id=station.evse_id,
        sa_schedule_tuple_id=deal.tuple_id,
        evse_max_current=PhysicalValue.of(station.max_current_a, Unit.A),
        meter_info=receipts.meter_info(),
        receipt_required=receipts.due() and not station.let_go,
        ac_evse_status=evse_status(station, notices.now()),
    )


def receipt_answer(station: AcStation, receipts: Receipts, receipt: MeteringReceiptReq) -> MeteringReceiptRes:
    refused = receipts.refusal(receipt)
    if refused is not None:
        return failure_reply(MeteringReceiptRes, refused, evse_status=evse_status(station))
    return MeteringReceiptRes(evse_status=evse_status(station))
