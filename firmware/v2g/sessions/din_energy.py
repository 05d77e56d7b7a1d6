"""DIN SPEC 70121, from CableCheck to the wish to stop: what moves the DC output. The guard does the steps and checks
them; here its results become answers. Each phase returns the request that ends it.
"""

from typing import Final

from firmware.v2g.dc_station import FRESH_S, DcStation, StationState
from firmware.v2g.messages.din import (
    CableCheckReq,
    CableCheckRes,
    CurrentDemandReq,
    CurrentDemandRes,
    DcEvseStatus,
    EvseProcessing,
    PowerDeliveryReq,
    PowerDeliveryRes,
    PreChargeReq,
    PreChargeRes,
    ResponseCode,
    SessionStopReq,
    WeldingDetectionReq,
    WeldingDetectionRes,
)
from firmware.v2g.messages.replies import failure_reply, smallest
from firmware.v2g.peer import Peer
from firmware.v2g.quirks import QuirkName
from firmware.v2g.sessions.din_words import amps, learn, status, volts, watts
from firmware.v2g.when import When, when

CABLE_CHECK_S: Final = 38.0  # the car waits for 40 s
PRECHARGE_S: Final = 10.0  # 5 s are asked of us, cars give up after 7 s
RAMP_DOWN_S: Final = 1.3  # the answer to PowerDelivery(false) within 1.5 s; the guard opens 1 s after the wish
# What the car reads in the next answer and ends the session for. Before energy flows we do not go on either.
GRAVE: Final = frozenset({StationState.EMERGENCY_SHUTDOWN, StationState.MALFUNCTION, StationState.UTILITY_INTERRUPT})


async def deliver_energy(
    ev: Peer, station: DcStation, battery_v: float, cable_check: CableCheckReq, ready_by: float
) -> None:
    """Everything up to the SessionStopReq. `battery_v`: the most that the car takes; `ready_by`: when
    PowerDelivery must have come, on the peer's clock."""
    if station.authorised:
        station.start_cable_check(battery_v)
    request = await check_cable(ev, station, cable_check, ready_by)
    delivery = await precharge(ev, station, request, ready_by) if isinstance(request, PreChargeReq) else request
    if delivery.ready_to_charge_state:
        delivery = await charge(ev, station, delivery)
    await wind_down(ev, station)


async def check_cable(
    ev: Peer, station: DcStation, request: CableCheckReq, ready_by: float
) -> PreChargeReq | PowerDeliveryReq:
    """Insulation test; the car must be in C for it."""
    station.tell("checking the insulation of the cable")
    while station.cable_check != "passed":
        learn(station, request.dc_ev_status)
        late = ev.asking_for_s >= CABLE_CHECK_S or ev.now >= ready_by
        if station.cable_check == "failed" or station.state in GRAVE or late or not station.authorised:
            if late:
                station.fail("cable check took too long")
            refusal = failure_reply(CableCheckRes, ResponseCode.FAILED, dc_evse_status=status(station))
            return await ev.next(PreChargeReq, reply=refusal)  # after a FAILED only SessionStop comes, as EvStops
        ongoing = CableCheckRes(dc_evse_status=status(station), evse_processing=EvseProcessing.Ongoing)
        request = await ev.next(CableCheckReq, reply=ongoing)
    done = CableCheckRes(dc_evse_status=status(station), evse_processing=EvseProcessing.Finished)
    follows = await ev.next(PreChargeReq, PowerDeliveryReq, reply=done)
    if isinstance(follows, PowerDeliveryReq):
        stops = not follows.ready_to_charge_state
        if not stops or station.quirk(QuirkName.STOP_BEFORE_PRECHARGE) is None:
            ev.refuse_order("PowerDelivery before PreCharge")
    return follows


async def precharge(ev: Peer, station: DcStation, request: PreChargeReq, ready_by: float) -> PowerDeliveryReq:
    """The cable comes to the battery's voltage, until the car has closed its own contactor and wants power."""
    station.tell("pre-charging")
    follows: PreChargeReq | PowerDeliveryReq = request
    while isinstance(follows, PreChargeReq):
        learn(station, follows.dc_ev_status)
        target_v = float(follows.ev_target_voltage)
        late = ev.now >= ready_by or (not station.precharged(target_v) and too_long(ev, station))
        if not station.authorised or station.state in GRAVE:
            station.ramp_down()
        elif late:
            station.fail(f"pre-charge reached only {station.present_voltage_v:.0f} V of {target_v:.0f} V")
        else:
            station.start_precharge(target_v, float(follows.ev_target_current))
        reply = PreChargeRes(
            response_code=ResponseCode.FAILED if late else ResponseCode.OK,
            dc_evse_status=status(station),
            evse_present_voltage=volts(station.present_voltage_v),
        )
        follows = await ev.next(PreChargeReq, PowerDeliveryReq, reply=reply)
    return follows


def too_long(ev: Peer, station: DcStation) -> bool:
    """Has pre-charge had its time? Some cars give more."""
    if ev.asking_for_s < PRECHARGE_S:
        return False
    patient = station.quirk(QuirkName.PATIENT_PRECHARGE)
    return patient is None or ev.asking_for_s >= (patient.value or PRECHARGE_S)


async def charge(ev: Peer, station: DcStation, start: PowerDeliveryReq) -> PowerDeliveryReq:
    """The charging loop. Returns the PowerDeliveryReq that leaves it."""
    if start_refusal(station) is not None:
        refusal = PowerDeliveryRes(
            response_code=ResponseCode.FAILED_PowerDeliveryNotApplied, evse_status=status(station)
        )
        return await ev.next(PowerDeliveryReq, reply=refusal)
    reply: PowerDeliveryRes | CurrentDemandRes = PowerDeliveryRes(evse_status=status(station))
    station.tell("charging")
    request = await ev.next(CurrentDemandReq, PowerDeliveryReq, reply=reply, may_stop=False)
    while isinstance(request, CurrentDemandReq):
        learn(station, request.dc_ev_status)
        reply = current_demand(station, float(request.ev_target_voltage), float(request.ev_target_current))
        request = await ev.next(CurrentDemandReq, PowerDeliveryReq, reply=reply, may_stop=False)
    if request.ready_to_charge_state:
        ev.refuse_order("PowerDelivery(true) while charging")
    return request


def start_refusal(station: DcStation) -> str | None:
    """Why no energy may flow. Whether the voltages match is the car's to judge: it has closed its contactor by now."""
    if station.state in GRAVE:
        return station.failure or str(station.state)
    if not station.authorised:
        return "not authorised any more"
    return None if station.contactor_closed() else "contactor open"


def current_demand(station: DcStation, voltage_v: float, current_a: float) -> CurrentDemandRes:
    """Set points taken over, and what is measured. What is older than 250 ms tells nothing of a flowing current: stop.
    A grave state takes the current down at once; the car reads it here and ends the session in order."""
    if not station.fresh:
        station.fail(f"DC measurement older than {FRESH_S * 1000:.0f} ms")
    if station.state in GRAVE:
        station.ramp_down()
    else:
        station.deliver(voltage_v, current_a)
    reached = station.limits_reached(voltage_v, current_a)
    return CurrentDemandRes(
        dc_evse_status=status(station),
        evse_present_voltage=volts(station.present_voltage_v),
        evse_present_current=amps(station.present_current_a),
        evse_current_limit_achieved=reached.current,
        evse_voltage_limit_achieved=reached.voltage,
        evse_power_limit_achieved=reached.power,
        evse_maximum_voltage_limit=volts(station.max_voltage_v),
        evse_maximum_current_limit=amps(station.max_current_a),
        evse_maximum_power_limit=watts(station.max_power_w),
    )


async def wind_down(ev: Peer, station: DcStation) -> SessionStopReq:
    """Ramp down, open, and only then answer; then the car may look for welded contactors, its own and ours."""
    station.tell("car stops charging")
    station.ramp_down()
    opened: When[PowerDeliveryRes] = when(
        station.contactor_open,
        within=RAMP_DOWN_S,
        then=lambda: PowerDeliveryRes(evse_status=status(station)),
        otherwise=PowerDeliveryRes(response_code=ResponseCode.FAILED, evse_status=smallest(DcEvseStatus)),
    )
    request = await ev.next(WeldingDetectionReq, SessionStopReq, reply=opened)
    while isinstance(request, WeldingDetectionReq):
        learn(station, request.dc_ev_status)
        reply = WeldingDetectionRes(
            dc_evse_status=status(station), evse_present_voltage=volts(station.present_voltage_v)
        )
        request = await ev.next(WeldingDetectionReq, SessionStopReq, reply=reply)
    return request
