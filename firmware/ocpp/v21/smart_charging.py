"""2.1 block K: profiles with 2.1's fields, dynamic schedules, priority charging."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, cast

from msgspec import UNSET, UnsetType

from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape
from firmware.ocpp.payload import Payload, stamp, told
from firmware.ocpp.v21 import messages, types
from firmware.ocpp.v21.charging_profile import heard_period, heard_profile, told_limits, told_profile
from firmware.ocpp.v201 import commands, smart_charging
from firmware.ocpp.v201.calls_smart_charging import percent
from firmware.ocpp.v201.charging_profile import told_time
from firmware.ocpp.v201.messages import ChargingProfileStatusEnum
from firmware.ocpp.v201.smart_charging import Words, engine
from firmware.station import charging_facts, fact
from firmware.station.smart_charging import Refusal

WORDS: Final = Words("2.1", heard_profile, told_profile, messages.ReportChargingProfilesRequest)


async def update_dynamic_schedule(request: messages.UpdateDynamicScheduleRequest, office: Office) -> Answer:
    """K28.FR.06, 09, 11."""
    smart = engine(office.station)
    refused = smart.update_dynamic(request.charging_profile_id, heard_period(request.schedule_update))
    status: ChargingProfileStatusEnum = "Accepted" if refused is None else "Rejected"
    return Answer(messages.UpdateDynamicScheduleResponse(status=status, status_info=_why(refused)))


async def use_priority_charging(request: messages.UsePriorityChargingRequest, office: Office) -> Answer:
    """K21.FR.01-03, 06."""
    status = engine(office.station).use_priority(request.transaction_id, request.activate)
    refused = {
        "Rejected": Refusal("TxNotFound", f"no transaction {request.transaction_id} is running"),
        "NoProfile": Refusal("NotFound", "there is no profile for priority charging"),
    }.get(status)
    return Answer(messages.UsePriorityChargingResponse(status=status, status_info=_why(refused)))


def _why(refusal: Refusal | None) -> types.StatusInfo | UnsetType:
    return UNSET if refusal is None else types.StatusInfo(reason_code=refusal.code, additional_info=refusal.text)


def priority_charging(fact: charging_facts.PriorityCharging, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """K21.FR.05, 08; K22.FR.03, 05."""
    payload = messages.NotifyPriorityChargingRequest(transaction_id=fact.transaction_id, activated=fact.activated)
    return (Outgoing("NotifyPriorityCharging", payload, messages.NotifyPriorityChargingResponse),)


def charging_needs(fact: charging_facts.EvChargingNeeds, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """K15.FR.01, and when it was (K18.FR.21)."""
    payload = messages.NotifyEVChargingNeedsRequest(
        evse_id=fact.evse,
        max_schedule_tuples=told(fact.max_periods),
        charging_needs=_needs(fact),
        timestamp=stamp(fact.at),
    )
    return (Outgoing("NotifyEVChargingNeeds", payload, messages.NotifyEVChargingNeedsResponse),)


def _needs(fact: charging_facts.EvChargingNeeds) -> types.ChargingNeeds:
    """K15.FR.06. What a car did not tell and the message must have is 0."""
    dc = fact.transfer.startswith("DC")
    return types.ChargingNeeds(
        requested_energy_transfer=cast(types.EnergyTransferModeEnum, fact.transfer),
        departure_time=told_time(fact.departure),
        ac_charging_parameters=UNSET if dc else _ac(fact),
        dc_charging_parameters=_dc(fact) if dc else UNSET,
    )


def _ac(fact: charging_facts.EvChargingNeeds) -> types.AcChargingParameters:
    return types.AcChargingParameters(
        energy_amount=fact.energy_wh or 0.0,
        ev_min_current=fact.min_current_a or 0.0,
        ev_max_current=fact.max_current_a or 0.0,
        ev_max_voltage=fact.max_voltage_v or 0.0,
    )


def _dc(fact: charging_facts.EvChargingNeeds) -> types.DcChargingParameters:
    return types.DcChargingParameters(
        ev_max_current=fact.max_current_a or 0.0,
        ev_max_voltage=fact.max_voltage_v or 0.0,
        ev_max_power=told(fact.max_power_w),
        ev_energy_capacity=told(fact.capacity_wh),
        energy_amount=told(fact.energy_wh),
        state_of_charge=told(percent(fact.soc_percent)),
        full_so_c=told(percent(fact.full_soc_percent)),
        bulk_so_c=told(percent(fact.bulk_soc_percent)),
    )


def charging_schedule(fact: charging_facts.EvChargingSchedule, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """K15.FR.10, with the schedule that the car chose (K18.FR.10)."""
    payload = messages.NotifyEVChargingScheduleRequest(
        evse_id=fact.evse,
        time_base=stamp(fact.at),
        charging_schedule=told_limits(fact.schedule),
        selected_charging_schedule_id=fact.selected if fact.selected is not None else UNSET,
    )
    return (Outgoing("NotifyEVChargingSchedule", payload, messages.NotifyEVChargingScheduleResponse),)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.SetChargingProfileRequest: partial(smart_charging.set_charging_profile, words=WORDS),
    messages.GetChargingProfilesRequest: partial(smart_charging.get_charging_profiles, words=WORDS),
    messages.RequestStartTransactionRequest: partial(commands.request_start, words=WORDS),
    messages.UpdateDynamicScheduleRequest: update_dynamic_schedule,
    messages.UsePriorityChargingRequest: use_priority_charging,
}
CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    charging_facts.PriorityCharging: priority_charging,
    charging_facts.EvChargingNeeds: charging_needs,
    charging_facts.EvChargingSchedule: charging_schedule,
}
