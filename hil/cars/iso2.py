"""An AC session of ISO 15118-2 with external payment, from the car's side: the whole story from top to bottom.

Authorisation is the station's business (a card); the car asks until it is settled. It stops when it has what it came
for, or when the station asks it to (EVSENotification).
"""

from dataclasses import dataclass
from typing import Final

from firmware.v2g.messages.iso2 import (
    AcEvChargeParameter,
    AcEvseChargeParameter,
    AuthorizationReq,
    AuthorizationRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ChargeProgress,
    ChargingSession,
    ChargingStatusReq,
    ChargingStatusRes,
    EnergyTransferMode,
    EvseNotification,
    EvseProcessing,
    PaymentOption,
    PaymentServiceSelectionReq,
    PaymentServiceSelectionRes,
    PhysicalValue,
    PowerDeliveryReq,
    PowerDeliveryRes,
    ProfileEntry,
    RelativeTimeInterval,
    SaScheduleList,
    SelectedService,
    ServiceCategory,
    ServiceDiscoveryReq,
    ServiceDiscoveryRes,
    SessionSetupReq,
    SessionSetupRes,
    SessionStopReq,
    SessionStopRes,
)
from hil.cars.secc import Secc, SessionFailed
from hil.cars.vehicle import Vehicle

ONGOING_S: Final = 60.0  # V2G_EVCC_Ongoing_Timeout, ISO 15118-2 Table 111
ONGOING_PACE_S: Final = 0.2


@dataclass(frozen=True)
class Wish:
    """What the driver wants: the first of energy (Wh), state of charge (%) and time (s) to be reached ends it."""

    energy_wh: float = 20_000.0
    soc_percent: float = 100.0
    seconds: float = 86_400.0
    max_current_a: float = 16.0
    min_current_a: float = 6.0
    phases: int = 3
    evccid: bytes = bytes.fromhex("02c0ffee0001")
    patience_s: float = ONGOING_S  # for the card
    pace_s: float = 1.0  # between two ChargingStatusReq
    pause: bool = False  # end with SessionStop(Pause)


async def charge(secc: Secc, car: Vehicle, wish: Wish) -> str:
    """The session; returns why it ended. Raises SessionFailed. However it ends, S2 is open afterwards."""
    try:
        await secc.agree()
        await secc.ask(SessionSetupReq(evcc_id=wish.evccid), SessionSetupRes)
        mode = await select_service(secc, wish)
        await authorize(secc, wish.patience_s)
        started = secc.now
        reason = "renegotiation"
        while reason == "renegotiation":
            parameters = await discover_parameters(secc, car, wish, mode)
            schedule, profile = accept_schedule(parameters)
            await start(secc, car, parameters, schedule, profile)
            reason = await transfer(secc, car, wish, started)
            if reason == "renegotiation":
                renegotiate = PowerDeliveryReq(
                    charge_progress=ChargeProgress.Renegotiate, sa_schedule_tuple_id=schedule
                )
                await secc.ask(renegotiate, PowerDeliveryRes)
        await stop(secc, car, schedule)
        last = ChargingSession.Pause if wish.pause else ChargingSession.Terminate
        await secc.ask(SessionStopReq(charging_session=last), SessionStopRes)
        return reason
    finally:
        car.draw(0.0)
        car.open_s2()


async def select_service(secc: Secc, wish: Wish) -> EnergyTransferMode:
    """Take the charge service with external payment, and the best AC mode that both have."""
    found = await secc.ask(ServiceDiscoveryReq(service_category=ServiceCategory.EVCharging), ServiceDiscoveryRes)
    offered = found.charge_service.supported_energy_transfer_mode
    mine = [EnergyTransferMode.AC_three_phase_core] if wish.phases > 1 else []
    mine.append(EnergyTransferMode.AC_single_phase_core)
    mode = next((mode for mode in mine if mode in offered), None)
    if mode is None:
        raise SessionFailed(f"the station offers no AC mode of mine: {', '.join(offered)}")
    if PaymentOption.ExternalPayment not in found.payment_option_list:
        raise SessionFailed("the station takes no external payment")
    selection = PaymentServiceSelectionReq(
        selected_payment_option=PaymentOption.ExternalPayment,
        selected_service_list=(SelectedService(service_id=found.charge_service.service_id),),
    )
    await secc.ask(selection, PaymentServiceSelectionRes)
    return mode


async def authorize(secc: Secc, patience_s: float) -> None:
    """Ask until somebody has paid."""
    until = secc.now + patience_s
    while (await secc.ask(AuthorizationReq(), AuthorizationRes)).evse_processing is not EvseProcessing.Finished:
        if secc.now > until:
            raise SessionFailed(f"not authorised within {patience_s:.0f} s")
        await secc.pause(ONGOING_PACE_S)


async def discover_parameters(
    secc: Secc, car: Vehicle, wish: Wish, mode: EnergyTransferMode
) -> ChargeParameterDiscoveryRes:
    """Tell what the car can take, until the station has a schedule for it."""
    missing = max(0.0, wish.energy_wh - car.charged_wh)
    request = ChargeParameterDiscoveryReq(
        requested_energy_transfer_mode=mode,
        ev_charge_parameter=AcEvChargeParameter(
            departure_time=int(min(wish.seconds, 86_400.0)),
            e_amount=PhysicalValue.of(missing, "Wh"),
            ev_max_voltage=PhysicalValue.of(400.0, "V"),
            ev_max_current=PhysicalValue.of(wish.max_current_a, "A"),
            ev_min_current=PhysicalValue.of(wish.min_current_a, "A"),
        ),
    )
    until = secc.now + ONGOING_S
    while True:
        answer = await secc.ask(request, ChargeParameterDiscoveryRes)
        if answer.evse_processing is EvseProcessing.Finished:
            return answer
        if secc.now > until:
            raise SessionFailed("no schedule within 60 s")
        await secc.pause(ONGOING_PACE_S)


def accept_schedule(parameters: ChargeParameterDiscoveryRes) -> tuple[int, tuple[ProfileEntry, ...]]:
    """The first schedule, and a charging profile that follows it step by step."""
    schedules = parameters.sa_schedules
    if not isinstance(schedules, SaScheduleList):
        raise SessionFailed("ChargeParameterDiscoveryRes is finished, but has no schedule")
    chosen = schedules.sa_schedule_tuple[0]
    profile = tuple(
        ProfileEntry(
            charging_profile_entry_start=entry.time_interval.start, charging_profile_entry_max_power=entry.p_max
        )
        for entry in chosen.p_max_schedule[:24]
        if isinstance(entry.time_interval, RelativeTimeInterval)
    )
    return chosen.sa_schedule_tuple_id, profile


async def start(
    secc: Secc,
    car: Vehicle,
    parameters: ChargeParameterDiscoveryRes,
    schedule: int,
    profile: tuple[ProfileEntry, ...],
) -> None:
    """PowerDelivery(Start); S2 closes while the station thinks [V2G2-847], it answers when its contactor is closed."""
    request = PowerDeliveryReq(
        charge_progress=ChargeProgress.Start, sa_schedule_tuple_id=schedule, charging_profile=profile or None
    )
    await secc.ask(request, PowerDeliveryRes, then=car.close_s2)
    if isinstance(parameters.evse_charge_parameter, AcEvseChargeParameter):
        car.draw(float(parameters.evse_charge_parameter.evse_max_current))


async def transfer(secc: Secc, car: Vehicle, wish: Wish, started: float) -> str:
    """The charging loop; returns why it is over."""
    while True:
        status = await secc.ask(ChargingStatusReq(), ChargingStatusRes)
        if status.evse_max_current is not None:
            car.draw(float(status.evse_max_current))
        match status.ac_evse_status.evse_notification:
            case EvseNotification.StopCharging:
                return "the station asked to stop"
            case EvseNotification.ReNegotiation:
                return "renegotiation"
        if car.charged_wh >= wish.energy_wh:
            return "energy reached"
        if car.soc_percent >= wish.soc_percent:
            return "state of charge reached"
        if secc.now - started >= wish.seconds:
            return "time is up"
        await secc.pause(wish.pace_s)


async def stop(secc: Secc, car: Vehicle, schedule: int) -> None:
    """Ramp down, then PowerDelivery(Stop) with S2 opening while the station thinks."""
    car.ramp_down()
    request = PowerDeliveryReq(charge_progress=ChargeProgress.Stop, sa_schedule_tuple_id=schedule)
    await secc.ask(request, PowerDeliveryRes, then=car.open_s2)
