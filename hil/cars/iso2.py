"""A session of ISO 15118-2 from the car's side: handshake to SessionStop, AC or DC, paid on the spot or by contract.

The phases that differ live in iso2_ac, iso2_dc and iso2_contract. Authorisation without a contract is the station's
business (a card); the car asks until it is settled. It stops when it has what it came for, or when the station asks.
"""

from typing import Final

from firmware.v2g.messages.iso2 import (
    AuthorizationReq,
    AuthorizationRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    ChargeProgress,
    ChargingSession,
    EnergyTransferMode,
    EvChargeParameter,
    EvseProcessing,
    PaymentOption,
    PaymentServiceSelectionReq,
    PaymentServiceSelectionRes,
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
from hil.cars import iso2_ac, iso2_contract, iso2_dc
from hil.cars.contract import Wallet
from hil.cars.line import SessionFailed
from hil.cars.secc import Secc
from hil.cars.trip import Accepted, Story, Trip
from hil.cars.wish import ONGOING_S, Wish

RENEGOTIATION: Final = "renegotiation"


async def charge(trip: Trip) -> str:
    """The session after the handshake; returns why it ended. Raises SessionFailed."""
    secc, wish, wallet = trip.secc, trip.wish, trip.wallet
    await secc.ask(SessionSetupReq(evcc_id=wish.evccid), SessionSetupRes)
    mode = await select_service(secc, wish, wallet)
    if wish.payment == "eim":
        await authorize(secc, wish.patience_s)
    elif wallet is not None:
        await iso2_contract.authorize(secc, wallet)
    story: Story = iso2_dc if wish.energy == "dc" else iso2_ac
    started, again = None, wish.renegotiate_after_s
    while True:
        parameters = await discover_parameters(secc, mode, story.charge_parameters(trip))
        accepted = accept_schedule(parameters)
        await story.start(trip, accepted)
        started = secc.now if started is None else started
        reason = await story.transfer(trip, started, again)
        if reason != RENEGOTIATION:
            break
        again = None
        await story.prepare_renegotiation(trip)
        renegotiate = PowerDeliveryReq(
            charge_progress=ChargeProgress.Renegotiate, sa_schedule_tuple_id=accepted.schedule
        )
        await secc.ask(renegotiate, PowerDeliveryRes)
    await story.stop(trip, accepted)
    last = ChargingSession.Pause if wish.pause or trip.car.told == "pause" else ChargingSession.Terminate
    await secc.ask(SessionStopReq(charging_session=last), SessionStopRes)
    return reason


async def select_service(secc: Secc, wish: Wish, wallet: Wallet | None) -> EnergyTransferMode:
    """Take the charge service with the payment that the driver wants, and the best mode that both have."""
    category = None if wish.install else ServiceCategory.EVCharging  # it hides the services of other categories
    found = await secc.ask(ServiceDiscoveryReq(service_category=category), ServiceDiscoveryRes)
    offered = found.charge_service.supported_energy_transfer_mode
    mode = next((mode for mode in modes(wish) if mode in offered), None)
    if mode is None:
        raise SessionFailed(f"the station offers no mode of mine: {', '.join(offered)}")
    payment = PaymentOption.Contract if wish.payment == "contract" else PaymentOption.ExternalPayment
    if payment not in found.payment_option_list:
        raise SessionFailed(f"the station does not take {payment}")
    services = [SelectedService(service_id=found.charge_service.service_id)]
    if wish.install:
        services.append(await iso2_contract.certificate_service(secc, found, wish.install))
    selection = PaymentServiceSelectionReq(selected_payment_option=payment, selected_service_list=tuple(services))
    await secc.ask(selection, PaymentServiceSelectionRes)
    if wallet is not None and wish.install:
        await iso2_contract.get_contract(secc, wallet, wish.install)
    return mode


def modes(wish: Wish) -> list[EnergyTransferMode]:
    """What this car can take, best first."""
    if wish.energy == "dc":
        return [EnergyTransferMode.DC_extended if wish.extended else EnergyTransferMode.DC_core]
    three = [EnergyTransferMode.AC_three_phase_core] if wish.phases > 1 else []
    return [*three, EnergyTransferMode.AC_single_phase_core]


async def authorize(secc: Secc, patience_s: float) -> None:
    """Ask until somebody has paid."""
    until = secc.now + patience_s
    while (await secc.ask(AuthorizationReq(), AuthorizationRes)).evse_processing is not EvseProcessing.Finished:
        await secc.again(until, f"not authorised within {patience_s:.0f} s")


async def discover_parameters(
    secc: Secc, mode: EnergyTransferMode, mine: EvChargeParameter
) -> ChargeParameterDiscoveryRes:
    """Tell what the car can take, until the station has a schedule for it."""
    request = ChargeParameterDiscoveryReq(requested_energy_transfer_mode=mode, ev_charge_parameter=mine)
    until = secc.now + ONGOING_S
    while True:
        answer = await secc.ask(request, ChargeParameterDiscoveryRes)
        if answer.evse_processing is EvseProcessing.Finished:
            return answer
        await secc.again(until, "no schedule within 60 s")


def accept_schedule(parameters: ChargeParameterDiscoveryRes) -> Accepted:
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
    return Accepted(chosen.sa_schedule_tuple_id, profile, parameters)
