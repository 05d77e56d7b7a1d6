"""2.0.1 block K, what is told: limits from outside, the needs of cars that plan, and what they chose."""

import math
from collections.abc import Callable
from typing import Any, Final, cast

from msgspec import UNSET

from firmware.ocpp.dialect import Outgoing, Shape
from firmware.ocpp.payload import stamp, told
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.charging_profile import told_limits, told_time
from firmware.station import charging_facts, fact


def charging_limit(fact: charging_facts.ChargingLimit, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """K11.FR.02, K12.FR.02, K13.FR.02. EVSE 0 is left out: the limit is the station's."""
    source = cast(messages.ChargingLimitSourceEnum, fact.source)
    if fact.cleared:
        cleared = messages.ClearedChargingLimitRequest(charging_limit_source=source, evse_id=fact.evse or UNSET)
        return (Outgoing("ClearedChargingLimit", cleared, messages.ClearedChargingLimitResponse),)
    limit = messages.NotifyChargingLimitRequest(
        evse_id=fact.evse or UNSET,
        charging_limit=messages.ChargingLimit(charging_limit_source=source, is_grid_critical=told(fact.grid_critical)),
        charging_schedule=(told_limits(fact.schedule),) if fact.schedule is not None else UNSET,
    )
    return (Outgoing("NotifyChargingLimit", limit, messages.NotifyChargingLimitResponse),)


def charging_needs(fact: charging_facts.EvChargingNeeds, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """K15.FR.01, K17.FR.01."""
    payload = messages.NotifyEVChargingNeedsRequest(
        evse_id=fact.evse, max_schedule_tuples=told(fact.max_periods), charging_needs=needs(fact)
    )
    return (Outgoing("NotifyEVChargingNeeds", payload, messages.NotifyEVChargingNeedsResponse),)


def needs(fact: charging_facts.EvChargingNeeds) -> messages.ChargingNeeds:
    """K15.FR.06: parameters of AC or of DC. What a car did not tell and the message must have is 0."""
    dc = fact.transfer.startswith("DC")
    return messages.ChargingNeeds(
        requested_energy_transfer=cast(messages.EnergyTransferModeEnum, fact.transfer),
        departure_time=told_time(fact.departure),
        ac_charging_parameters=UNSET if dc else _ac(fact),
        dc_charging_parameters=_dc(fact) if dc else UNSET,
    )


def _ac(fact: charging_facts.EvChargingNeeds) -> messages.AcChargingParameters:
    return messages.AcChargingParameters(
        energy_amount=round(fact.energy_wh or 0),
        ev_min_current=math.ceil(fact.min_current_a or 0),
        ev_max_current=math.floor(fact.max_current_a or 0),
        ev_max_voltage=round(fact.max_voltage_v or 0),
    )


def _dc(fact: charging_facts.EvChargingNeeds) -> messages.DcChargingParameters:
    return messages.DcChargingParameters(
        ev_max_current=math.floor(fact.max_current_a or 0),
        ev_max_voltage=round(fact.max_voltage_v or 0),
        energy_amount=told(_whole(fact.energy_wh)),
        ev_max_power=told(_whole(fact.max_power_w)),
        state_of_charge=told(percent(fact.soc_percent)),
        ev_energy_capacity=told(_whole(fact.capacity_wh)),
        full_so_c=told(percent(fact.full_soc_percent)),
        bulk_so_c=told(percent(fact.bulk_soc_percent)),
    )


def charging_schedule(fact: charging_facts.EvChargingSchedule, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    """K15.FR.10/19, K16.FR.05, K17.FR.10."""
    payload = messages.NotifyEVChargingScheduleRequest(
        evse_id=fact.evse, time_base=stamp(fact.at), charging_schedule=told_limits(fact.schedule)
    )
    return (Outgoing("NotifyEVChargingSchedule", payload, messages.NotifyEVChargingScheduleResponse),)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def percent(value: float | None) -> int | None:
    return None if value is None else min(max(round(value), 0), 100)


CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    charging_facts.ChargingLimit: charging_limit,
    charging_facts.EvChargingNeeds: charging_needs,
    charging_facts.EvChargingSchedule: charging_schedule,
}
