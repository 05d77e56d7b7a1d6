"""The DC part of a car's ISO 15118-2 session: cable check, pre-charge, current demand, welding detection.

The car's relay closes only when the cable has the battery's voltage, and opens before S2 does.
"""

from firmware.v2g.messages.iso2 import (
    CableCheckReq,
    CableCheckRes,
    ChargeProgress,
    CurrentDemandReq,
    CurrentDemandRes,
    DcEvChargeParameter,
    DcEvErrorCode,
    DcEvPowerDeliveryParameter,
    DcEvseStatus,
    DcEvseStatusCode,
    DcEvStatus,
    EvseNotification,
    EvseProcessing,
    PhysicalValue,
    PowerDeliveryReq,
    PowerDeliveryRes,
    PreChargeReq,
    PreChargeRes,
    WeldingDetectionReq,
    WeldingDetectionRes,
)
from hil.cars import iso2_contract
from hil.cars.line import SessionFailed
from hil.cars.secc import Secc
from hil.cars.trip import Accepted, Trip
from hil.cars.vehicle import Vehicle
from hil.cars.wish import (
    ABOVE_BATTERY_V,
    CABLE_CHECK_S,
    LITTLE_A,
    NEAR_V,
    PRECHARGE_A,
    PRECHARGE_S,
    RAMP_PACE_S,
    RAMP_S,
    SAFE_V,
    WELDING_S,
)


def ev_status(car: Vehicle) -> DcEvStatus:
    return DcEvStatus(ev_ready=True, ev_error_code=DcEvErrorCode.NO_ERROR, ev_ress_soc=int(car.soc_percent))


def charge_parameters(trip: Trip) -> DcEvChargeParameter:
    """What the car can take and still wants."""
    car, wish = trip.car, trip.wish
    return DcEvChargeParameter(
        departure_time=wish.departure_s,
        dc_ev_status=ev_status(car),
        ev_maximum_current_limit=PhysicalValue.of(wish.max_current_a, "A"),
        ev_maximum_voltage_limit=PhysicalValue.of(wish.max_voltage_v, "V"),
        ev_energy_request=PhysicalValue.of(max(0.0, wish.energy_wh - car.charged_wh), "Wh"),
        full_soc=100,
        bulk_soc=80,
    )


async def start(trip: Trip, accepted: Accepted) -> None:
    """State C, cable check, pre-charge, relay, PowerDelivery(Start) [V2G2-917, -920]."""
    secc, car = trip.secc, trip.car
    car.close_s2()
    await check_cable(secc, car)
    await precharge(secc, car)
    car.close_relay()
    request = PowerDeliveryReq(
        charge_progress=ChargeProgress.Start,
        sa_schedule_tuple_id=accepted.schedule,
        charging_profile=accepted.profile or None,
        ev_power_delivery_parameter=_power_delivery(car),
    )
    await secc.ask(request, PowerDeliveryRes)


def _power_delivery(car: Vehicle) -> DcEvPowerDeliveryParameter:
    return DcEvPowerDeliveryParameter(dc_ev_status=ev_status(car), charging_complete=False)


async def check_cable(secc: Secc, car: Vehicle) -> None:
    """The station tests its insulation at high voltage; our relay is open."""
    until = secc.now + CABLE_CHECK_S
    while True:
        answer = await secc.ask(CableCheckReq(dc_ev_status=ev_status(car)), CableCheckRes)
        _still_well(answer.dc_evse_status)
        if answer.evse_processing is EvseProcessing.Finished:
            return
        await secc.again(until, f"no cable check within {CABLE_CHECK_S:.0f} s")


async def precharge(secc: Secc, car: Vehicle) -> None:
    """Until the cable has the battery's voltage."""
    until = secc.now + PRECHARGE_S
    while True:
        battery_v = car.battery_v
        request = PreChargeReq(
            dc_ev_status=ev_status(car),
            ev_target_voltage=PhysicalValue.of(battery_v, "V"),
            ev_target_current=PhysicalValue.of(PRECHARGE_A, "A"),
        )
        answer = await secc.ask(request, PreChargeRes)
        _still_well(answer.dc_evse_status)
        if abs(float(answer.evse_present_voltage) - battery_v) < NEAR_V:
            return
        await secc.again(until, f"no pre-charge within {PRECHARGE_S:.0f} s")


async def transfer(trip: Trip, started: float, renegotiate_after: float | None) -> str:
    """The charging loop; returns why it is over."""
    secc, car, wish = trip.secc, trip.car, trip.wish
    began = secc.now
    allowed = wish.max_current_a  # what the station allows, once it has said so
    while True:
        wanted = secc.excess * allowed if secc.excess > 1.0 else min(wish.demand_a(car.soc_percent), allowed)
        answer = await _demand(trip, wanted)
        if answer.receipt_required and answer.meter_info is not None:
            await iso2_contract.give_receipt(trip, answer.meter_info, answer.sa_schedule_tuple_id)
        if answer.evse_maximum_current_limit is not None:
            allowed = float(answer.evse_maximum_current_limit)
        _still_well(answer.dc_evse_status)
        if _stop_asked(answer.dc_evse_status):
            return "the station asked to stop"
        if answer.dc_evse_status.evse_notification is EvseNotification.ReNegotiation:
            return "renegotiation"
        if reason := wish.reached(car, secc.now - started):
            return reason
        if renegotiate_after is not None and secc.now - began >= renegotiate_after:
            return "renegotiation"
        await secc.pause(wish.pace_s)


async def _demand(trip: Trip, amps: float) -> CurrentDemandRes:
    car, wish = trip.car, trip.wish
    request = CurrentDemandReq(
        dc_ev_status=ev_status(car),
        ev_target_current=PhysicalValue.of(round(amps, 1), "A"),
        ev_maximum_voltage_limit=PhysicalValue.of(wish.max_voltage_v, "V"),
        ev_maximum_current_limit=PhysicalValue.of(wish.max_current_a, "A"),
        charging_complete=False,
        ev_target_voltage=PhysicalValue.of(min(car.battery_v + ABOVE_BATTERY_V, wish.max_voltage_v), "V"),
    )
    return await trip.secc.ask(request, CurrentDemandRes)


def _still_well(status: DcEvseStatus) -> None:
    """Raises SessionFailed in an emergency: no politeness then, S2 opens at once."""
    bad = {DcEvseStatusCode.EVSE_EmergencyShutdown, DcEvseStatusCode.EVSE_Malfunction}
    if status.evse_status_code in bad:
        raise SessionFailed(f"the station says {status.evse_status_code}")


def _stop_asked(status: DcEvseStatus) -> bool:
    shutdown = {DcEvseStatusCode.EVSE_Shutdown, DcEvseStatusCode.EVSE_UtilityInterruptEvent}
    return status.evse_notification is EvseNotification.StopCharging or status.evse_status_code in shutdown


async def prepare_renegotiation(trip: Trip) -> None:
    """Cable check and pre-charge come again: the relay must be open, S2 stays closed [V2G2-565]."""
    await ramp_down(trip)
    trip.car.open_relay()


async def ramp_down(trip: Trip) -> None:
    """Ask for 0 A until hardly anything flows; PowerDelivery is due then."""
    until = trip.secc.now + RAMP_S
    while True:
        answer = await _demand(trip, 0.0)
        if float(answer.evse_present_current) < LITTLE_A or trip.secc.now > until:
            return
        await trip.secc.pause(RAMP_PACE_S)


async def stop(trip: Trip, accepted: Accepted) -> None:
    """Ramp down, PowerDelivery(Stop); then the relay, S2, and welding detection."""
    secc, car = trip.secc, trip.car
    await ramp_down(trip)
    request = PowerDeliveryReq(
        charge_progress=ChargeProgress.Stop,
        sa_schedule_tuple_id=accepted.schedule,
        ev_power_delivery_parameter=_power_delivery(car),
    )
    await secc.ask(request, PowerDeliveryRes)
    car.open_relay()
    car.open_s2()
    until = secc.now + WELDING_S
    while True:
        answer = await secc.ask(WeldingDetectionReq(dc_ev_status=ev_status(car)), WeldingDetectionRes)
        if float(answer.evse_present_voltage) < SAFE_V:
            return
        await secc.again(until, f"still {float(answer.evse_present_voltage):.0f} V at the inlet: a contact is welded")
