"""The AC part of a car's ISO 15118-2 session: its charge parameters, start, charging loop and stop."""

from firmware.v2g.messages.iso2 import (
    AcEvChargeParameter,
    AcEvseChargeParameter,
    ChargeProgress,
    ChargingStatusReq,
    ChargingStatusRes,
    EvseNotification,
    PhysicalValue,
    PowerDeliveryReq,
    PowerDeliveryRes,
)
from hil.cars import iso2_contract
from hil.cars.trip import Accepted, Trip


def charge_parameters(trip: Trip) -> AcEvChargeParameter:
    """What the car can take and still wants."""
    wish = trip.wish
    return AcEvChargeParameter(
        departure_time=wish.departure_s,
        e_amount=PhysicalValue.of(max(0.0, wish.energy_wh - trip.car.charged_wh), "Wh"),
        ev_max_voltage=PhysicalValue.of(400.0, "V"),
        ev_max_current=PhysicalValue.of(wish.max_current_a, "A"),
        ev_min_current=PhysicalValue.of(wish.min_current_a, "A"),
    )


async def start(trip: Trip, accepted: Accepted) -> None:
    """PowerDelivery(Start); S2 closes while the station thinks [V2G2-847], it answers when its contactor is closed."""
    request = PowerDeliveryReq(
        charge_progress=ChargeProgress.Start,
        sa_schedule_tuple_id=accepted.schedule,
        charging_profile=accepted.profile or None,
    )
    await trip.secc.ask(request, PowerDeliveryRes, then=trip.car.close_s2)
    limits = accepted.parameters.evse_charge_parameter
    if isinstance(limits, AcEvseChargeParameter):
        _draw(trip, float(limits.evse_max_current))


def _draw(trip: Trip, allowed_a: float) -> None:
    excess = trip.secc.excess
    if excess > 1.0:
        trip.car.may_draw(excess * allowed_a)
    trip.car.draw(excess * allowed_a)


async def transfer(trip: Trip, started: float, renegotiate_after: float | None) -> str:
    """The charging loop; returns why it is over."""
    secc, car, wish = trip.secc, trip.car, trip.wish
    began = secc.now
    while True:
        status = await secc.ask(ChargingStatusReq(), ChargingStatusRes)
        if status.receipt_required and status.meter_info is not None:
            await iso2_contract.give_receipt(trip, status.meter_info, status.sa_schedule_tuple_id)
        if status.evse_max_current is not None:
            _draw(trip, float(status.evse_max_current))
        match status.ac_evse_status.evse_notification:
            case EvseNotification.StopCharging:
                return "the station asked to stop"
            case EvseNotification.ReNegotiation:
                return "renegotiation"
        if reason := wish.reached(car, secc.now - started):
            return reason
        if renegotiate_after is not None and secc.now - began >= renegotiate_after:
            return "renegotiation"
        await secc.pause(wish.pace_s)


async def prepare_renegotiation(trip: Trip) -> None:
    """AC goes on charging, S2 stays closed."""


async def stop(trip: Trip, accepted: Accepted) -> None:
    """Ramp down, then PowerDelivery(Stop) with S2 opening while the station thinks."""
    trip.car.ramp_down()
    request = PowerDeliveryReq(charge_progress=ChargeProgress.Stop, sa_schedule_tuple_id=accepted.schedule)
    await trip.secc.ask(request, PowerDeliveryRes, then=trip.car.open_s2)
