"""A DC session of DIN SPEC 70121 from the car's side: the whole story from top to bottom.

Payment is the station's business (a card); there is no TLS, no pause and no renegotiation here.
"""

from firmware.v2g.messages.din import (
    CableCheckReq,
    CableCheckRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ChargingProfile,
    ContractAuthenticationReq,
    ContractAuthenticationRes,
    CurrentDemandReq,
    CurrentDemandRes,
    DcEvChargeParameter,
    DcEvErrorCode,
    DcEvPowerDeliveryParameter,
    DcEvseStatus,
    DcEvseStatusCode,
    DcEvStatus,
    EvRequestedEnergyTransfer,
    EvseNotification,
    EvseProcessing,
    PaymentOption,
    PhysicalValue,
    PowerDeliveryReq,
    PowerDeliveryRes,
    PreChargeReq,
    PreChargeRes,
    ProfileEntry,
    RelativeTimeInterval,
    SaScheduleList,
    SelectedService,
    ServiceDiscoveryReq,
    ServiceDiscoveryRes,
    ServicePaymentSelectionReq,
    ServicePaymentSelectionRes,
    SessionSetupReq,
    SessionSetupRes,
    SessionStopReq,
    SessionStopRes,
    WeldingDetectionReq,
    WeldingDetectionRes,
)
from hil.cars.line import SessionFailed
from hil.cars.secc import Secc
from hil.cars.vehicle import Vehicle
from hil.cars.wish import (
    ABOVE_BATTERY_V,
    CABLE_CHECK_S,
    LITTLE_A,
    NEAR_V,
    ONGOING_S,
    PRECHARGE_A,
    PRECHARGE_S,
    RAMP_PACE_S,
    RAMP_S,
    SAFE_V,
    WELDING_S,
    Wish,
)


async def charge(secc: Secc, car: Vehicle, wish: Wish) -> str:
    """The session after the handshake; returns why it ended. Raises SessionFailed."""
    if wish.energy != "dc" or wish.payment != "eim":
        raise SessionFailed("DIN SPEC 70121 is DC and paid on the spot")
    await secc.ask(SessionSetupReq(evcc_id=wish.evccid), SessionSetupRes)
    await select_service(secc)
    await authorize(secc, wish.patience_s)
    profile = await discover_parameters(secc, car, wish)
    car.close_s2()
    await check_cable(secc, car)
    await precharge(secc, car)
    car.close_relay()
    start = PowerDeliveryReq(
        ready_to_charge_state=True, charging_profile=profile, ev_power_delivery_parameter=_power_delivery(car, False)
    )
    await secc.ask(start, PowerDeliveryRes)
    reason = await transfer(secc, car, wish, secc.now)
    await stop(secc, car, wish)
    await secc.ask(SessionStopReq(), SessionStopRes)
    return reason


def ev_status(car: Vehicle) -> DcEvStatus:
    return DcEvStatus(ev_ready=True, ev_error_code=DcEvErrorCode.NO_ERROR, ev_ress_soc=int(car.soc_percent))


def _power_delivery(car: Vehicle, complete: bool) -> DcEvPowerDeliveryParameter:
    return DcEvPowerDeliveryParameter(dc_ev_status=ev_status(car), charging_complete=complete)


async def select_service(secc: Secc) -> None:
    """The one service there is, paid on the spot."""
    found = await secc.ask(ServiceDiscoveryReq(), ServiceDiscoveryRes)
    if PaymentOption.ExternalPayment not in found.payment_options:
        raise SessionFailed("the station takes no external payment")
    selection = ServicePaymentSelectionReq(
        selected_payment_option=PaymentOption.ExternalPayment,
        selected_service_list=(SelectedService(service_id=found.charge_service.service_tag.service_id),),
    )
    await secc.ask(selection, ServicePaymentSelectionRes)


async def authorize(secc: Secc, patience_s: float) -> None:
    """Ask until somebody has paid."""
    until = secc.now + patience_s
    while True:
        answer = await secc.ask(ContractAuthenticationReq(), ContractAuthenticationRes)
        if answer.evse_processing is EvseProcessing.Finished:
            return
        await secc.again(until, f"not authorised within {patience_s:.0f} s")


async def discover_parameters(secc: Secc, car: Vehicle, wish: Wish) -> ChargingProfile | None:
    """Tell what the car can take, until the station has a schedule; the profile that follows its first one."""
    mine = DcEvChargeParameter(
        dc_ev_status=ev_status(car),
        ev_maximum_current_limit=PhysicalValue.of(wish.max_current_a, "A"),
        ev_maximum_voltage_limit=PhysicalValue.of(wish.max_voltage_v, "V"),
        ev_energy_request=PhysicalValue.of(max(0.0, wish.energy_wh - car.charged_wh), "Wh"),
        full_soc=100,
        bulk_soc=80,
    )
    request = ChargeParameterDiscoveryReq(
        ev_requested_energy_transfer_type=EvRequestedEnergyTransfer.DC_extended
        if wish.extended
        else EvRequestedEnergyTransfer.DC_core,
        ev_charge_parameter=mine,
    )
    until = secc.now + ONGOING_S
    while True:
        answer = await secc.ask(request, ChargeParameterDiscoveryRes)
        if answer.evse_processing is EvseProcessing.Finished:
            return _profile(answer)
        await secc.again(until, "no schedule within 60 s")


def _profile(parameters: ChargeParameterDiscoveryRes) -> ChargingProfile | None:
    schedules = parameters.sa_schedules
    if not isinstance(schedules, SaScheduleList):
        return None
    chosen = schedules.sa_schedule_tuple[0]
    entries = tuple(
        ProfileEntry(
            charging_profile_entry_start=entry.time_interval.start, charging_profile_entry_max_power=entry.p_max
        )
        for entry in chosen.p_max_schedule.p_max_schedule_entry[:24]
        if isinstance(entry.time_interval, RelativeTimeInterval)
    )
    return ChargingProfile(sa_schedule_tuple_id=chosen.sa_schedule_tuple_id, profile_entry=entries)


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


async def transfer(secc: Secc, car: Vehicle, wish: Wish, started: float) -> str:
    """The charging loop; returns why it is over."""
    allowed = wish.max_current_a  # what the station allows, once it has said so
    while True:
        wanted = secc.excess * allowed if secc.excess > 1.0 else min(wish.demand_a(car.soc_percent), allowed)
        answer = await _demand(secc, car, wish, wanted)
        if answer.evse_maximum_current_limit is not None:
            allowed = float(answer.evse_maximum_current_limit)
        _still_well(answer.dc_evse_status)
        shutdown = {DcEvseStatusCode.EVSE_Shutdown, DcEvseStatusCode.EVSE_UtilityInterruptEvent}
        status = answer.dc_evse_status
        if status.evse_notification is EvseNotification.StopCharging or status.evse_status_code in shutdown:
            return "the station asked to stop"
        if reason := wish.reached(car, secc.now - started):
            return reason
        await secc.pause(wish.pace_s)


async def _demand(secc: Secc, car: Vehicle, wish: Wish, amps: float) -> CurrentDemandRes:
    request = CurrentDemandReq(
        dc_ev_status=ev_status(car),
        ev_target_current=PhysicalValue.of(round(amps, 1), "A"),
        ev_maximum_voltage_limit=PhysicalValue.of(wish.max_voltage_v, "V"),
        ev_maximum_current_limit=PhysicalValue.of(wish.max_current_a, "A"),
        charging_complete=False,
        ev_target_voltage=PhysicalValue.of(min(car.battery_v + ABOVE_BATTERY_V, wish.max_voltage_v), "V"),
    )
    return await secc.ask(request, CurrentDemandRes)


def _still_well(status: DcEvseStatus) -> None:
    """Raises SessionFailed in an emergency: no politeness then, S2 opens at once."""
    bad = {DcEvseStatusCode.EVSE_EmergencyShutdown, DcEvseStatusCode.EVSE_Malfunction}
    if status.evse_status_code in bad:
        raise SessionFailed(f"the station says {status.evse_status_code}")


async def stop(secc: Secc, car: Vehicle, wish: Wish) -> None:
    """Ask for 0 A, PowerDelivery(false); then the relay, S2, and welding detection."""
    until = secc.now + RAMP_S
    while float((await _demand(secc, car, wish, 0.0)).evse_present_current) >= LITTLE_A and secc.now < until:
        await secc.pause(RAMP_PACE_S)
    request = PowerDeliveryReq(ready_to_charge_state=False, ev_power_delivery_parameter=_power_delivery(car, True))
    await secc.ask(request, PowerDeliveryRes)
    car.open_relay()
    car.open_s2()
    until = secc.now + WELDING_S
    while True:
        answer = await secc.ask(WeldingDetectionReq(dc_ev_status=ev_status(car)), WeldingDetectionRes)
        if float(answer.evse_present_voltage) < SAFE_V:
            return
        await secc.again(until, f"still {float(answer.evse_present_voltage):.0f} V at the inlet: a contact is welded")
