"""ISO 15118-2 AC: charge parameters and the charging loop, from the first ChargeParameterDiscoveryReq to SessionStop.

What comes before (`iso2_setup`) and after (`iso2`) is shared with DC.
"""

from collections.abc import Callable
from typing import Final

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
    MeterInfo,
    PhysicalValue,
    PMaxScheduleEntry,
    PowerDeliveryReq,
    PowerDeliveryRes,
    RelativeTimeInterval,
    ResponseCode,
    SaScheduleList,
    SaScheduleTuple,
    SessionStopReq,
    Unit,
)
from firmware.v2g.messages.replies import failure_reply
from firmware.v2g.peer import Peer
from firmware.v2g.when import When, when

SA_SCHEDULE_TUPLE_ID: Final = 1
A_DAY_S: Final = 86_400  # a schedule covers 24 h unless the car leaves earlier
CLOSING_S: Final = 4.2  # contactor 3 s after state C [V2G2-860], the answer within 4.5 s [V2G2-858]
OPENING_S: Final = 4.2  # the answer to PowerDelivery(Stop) within 4.5 s
ONGOING_S: Final = 55.0  # [V2G2-712]: then the station must have finished
RENEGOTIATION_INTERVAL_S: Final = 900.0  # ours: at most once in 15 min of charging
RENEGOTIATION_GAIN_A: Final = 2.0


def energy_transfer_modes(station: AcStation) -> tuple[EnergyTransferMode, ...]:
    """A three-phase outlet also serves single-phase cars."""
    single = EnergyTransferMode.AC_single_phase_core
    return (EnergyTransferMode.AC_three_phase_core, single) if station.phases == 3 else (single,)


async def agree_on_parameters(
    ev: Peer, station: AcStation, request: ChargeParameterDiscoveryReq
) -> tuple[ChargeParameterDiscoveryRes, PowerDeliveryReq]:
    """Ongoing while there is nothing to give, then the offer. Returns it with the car's answer to it."""
    offer = parameters(ev, station, request)
    while offer.evse_processing is EvseProcessing.Ongoing:
        station.tell("no power available at the moment")
        request = await ev.next(ChargeParameterDiscoveryReq, reply=offer)
        offer = parameters(ev, station, request)
    station.tell("waiting for the car to start")
    return offer, await ev.next(PowerDeliveryReq, reply=offer)


def parameters(ev: Peer, station: AcStation, request: ChargeParameterDiscoveryReq) -> ChargeParameterDiscoveryRes:
    """The answer as things stand now: a refusal, Ongoing, or what we offer."""
    refused = parameter_refusal(station, request)
    available = station.max_current_a > 0
    if refused is None and not available and ev.asking_for_s >= ONGOING_S:
        refused = ResponseCode.FAILED
    if refused is not None:
        return failure_reply(ChargeParameterDiscoveryRes, refused)
    return ChargeParameterDiscoveryRes(
        evse_processing=EvseProcessing.Finished if available else EvseProcessing.Ongoing,
        sa_schedules=schedule(station, request.requested_energy_transfer_mode) if available else None,
        evse_charge_parameter=AcEvseChargeParameter(
            ac_evse_status=evse_status(station),
            evse_nominal_voltage=PhysicalValue.of(station.nominal_voltage_v, Unit.V),
            evse_max_current=PhysicalValue.of(station.max_current_a, Unit.A),
        ),
    )


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


def schedule(station: AcStation, mode: EnergyTransferMode) -> SaScheduleList:
    """One tuple, one power for a day; a limit that changes later goes out in ChargingStatusRes."""
    phases = 1 if mode is EnergyTransferMode.AC_single_phase_core else station.phases
    power_w = int(station.max_current_a * station.nominal_voltage_v * phases)
    entry = PMaxScheduleEntry(
        time_interval=RelativeTimeInterval(start=0, duration=A_DAY_S), p_max=PhysicalValue.of(power_w, Unit.W)
    )
    only = SaScheduleTuple(sa_schedule_tuple_id=SA_SCHEDULE_TUPLE_ID, p_max_schedule=(entry,))
    return SaScheduleList(sa_schedule_tuple=(only,))


def offered_power_w(offer: ChargeParameterDiscoveryRes) -> float:
    """The most that the offer allows at any time of it, in W."""
    if not isinstance(offer.sa_schedules, SaScheduleList):
        return 0.0
    return max(float(entry.p_max) for each in offer.sa_schedules.sa_schedule_tuple for entry in each.p_max_schedule)


def evse_status(station: AcStation, wish: EvseNotification = EvseNotification.None_) -> AcEvseStatus:
    """What every AC answer says of us: what the car shall do (to stop goes before any other wish), and the RCD."""
    notification = EvseNotification.StopCharging if station.stop_wanted else wish
    return AcEvseStatus(notification_max_delay=0, evse_notification=notification, rcd=station.rcd_tripped)


async def charge(
    ev: Peer, station: AcStation, offer: ChargeParameterDiscoveryRes, request: PowerDeliveryReq
) -> ChargeParameterDiscoveryReq | SessionStopReq:
    """Close, deliver, and open again; or leave the loop to renegotiate, with the contactor closed."""
    if request.charge_progress is ChargeProgress.Renegotiate:
        ev.refuse_order("PowerDelivery(Renegotiate) before PowerDelivery(Start)")
    if request.charge_progress is ChargeProgress.Start:
        request = await deliver(ev, station, offer, request)
    if request.charge_progress is ChargeProgress.Renegotiate:
        station.tell("renegotiating")
        reply = PowerDeliveryRes(evse_status=evse_status(station))
        return await ev.next(ChargeParameterDiscoveryReq, reply=reply, may_stop=False)
    station.tell("car stops charging")
    station.release()
    opened = power_delivery_when(station.contactor_open, station, OPENING_S)
    return await ev.next(SessionStopReq, reply=opened)


async def deliver(
    ev: Peer, station: AcStation, offer: ChargeParameterDiscoveryRes, start: PowerDeliveryReq
) -> PowerDeliveryReq:
    """The charging loop. Returns the PowerDeliveryReq that leaves it."""
    refused = start_refusal(station, offer, start)
    if refused is not None:  # after a FAILED only SessionStop comes, as EvStops
        return await ev.next(PowerDeliveryReq, reply=failure_reply(PowerDeliveryRes, refused))
    station.energise()
    closed = power_delivery_when(station.contactor_closed, station, CLOSING_S)
    # SessionStop already here: not in the standard's table, but cars do it (a recorded VW), and stopping is safe
    request: ChargingStatusReq | PowerDeliveryReq = await ev.next(ChargingStatusReq, reply=closed)
    station.tell("charging")
    asked_to_renegotiate = False
    while isinstance(request, ChargingStatusReq):
        ask = not asked_to_renegotiate and worth_renegotiating(ev, station, offer)
        asked_to_renegotiate = asked_to_renegotiate or ask
        reply = charging_status(station, EvseNotification.ReNegotiation if ask else EvseNotification.None_)
        request = await ev.next(ChargingStatusReq, PowerDeliveryReq, reply=reply, may_stop=False)
    if request.charge_progress is ChargeProgress.Start:
        ev.refuse_order("PowerDelivery(Start) while charging")
    return request


def start_refusal(
    station: AcStation, offer: ChargeParameterDiscoveryRes, start: PowerDeliveryReq
) -> ResponseCode | None:
    """Why energy may not flow, or not as the car plans it."""
    if start.sa_schedule_tuple_id != SA_SCHEDULE_TUPLE_ID:
        return ResponseCode.FAILED_TariffSelectionInvalid
    planned = [float(each.charging_profile_entry_max_power) for each in start.charging_profile or ()]
    if any(power > offered_power_w(offer) for power in planned):
        return ResponseCode.FAILED_ChargingProfileInvalid
    if station.faulted or not station.authorised:
        return ResponseCode.FAILED_PowerDeliveryNotApplied
    return None


def power_delivery_when(condition: Callable[[], bool], station: AcStation, within: float) -> When[PowerDeliveryRes]:
    """PowerDelivery is answered when the contactor has really done what was asked for [V2G2-858]."""
    return when(
        condition,
        within=within,
        then=lambda: PowerDeliveryRes(evse_status=evse_status(station)),
        otherwise=ResponseCode.FAILED_ContactorError,
    )


def worth_renegotiating(ev: Peer, station: AcStation, offer: ChargeParameterDiscoveryRes) -> bool:
    """Less than offered goes out as EVSEMaxCurrent; more does the car no good without a new schedule. Not often: the
    loop has run for a while, and the gain is worth the trouble."""
    offered = offer.evse_charge_parameter
    gain_a = (
        station.max_current_a - float(offered.evse_max_current) if isinstance(offered, AcEvseChargeParameter) else 0
    )
    return gain_a >= RENEGOTIATION_GAIN_A and ev.asking_for_s >= RENEGOTIATION_INTERVAL_S


def charging_status(station: AcStation, notification: EvseNotification) -> ChargingStatusRes:
    """What the car may draw now. Has it let go without asking to stop, the session has failed."""
    reading = station.meter_wh
    return ChargingStatusRes(
        response_code=ResponseCode.FAILED if station.let_go else ResponseCode.OK,
        evse_id=station.evse_id,
        sa_schedule_tuple_id=SA_SCHEDULE_TUPLE_ID,
        evse_max_current=PhysicalValue.of(station.max_current_a, Unit.A),
        meter_info=None if reading is None else MeterInfo(meter_id=station.evse_id[:32], meter_reading=reading),
        receipt_required=False,
        ac_evse_status=evse_status(station, notification),
    )
