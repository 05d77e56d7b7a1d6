"""1.6 smart charging (3.13, 5.5, 5.7, 5.16): charging profiles as written here, and as the station knows them."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import UNSET, UnsetType

from firmware.ocpp import dialect
from firmware.ocpp.dialect import Answer, Office, TransactionNames, instant
from firmware.ocpp.payload import Payload, given, stamp
from firmware.ocpp.v16 import messages as v16
from firmware.station.charging_profile import Period, Profile, Purpose, Schedule
from firmware.station.smart_charging import CompositeSchedule, Criteria, Refusal, SmartCharging
from firmware.station.station import Station

PURPOSES: Final[dict[str, Purpose]] = {
    "ChargePointMaxProfile": "ChargingStationMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}
UNKNOWN: Final = "unknown"  # no transaction of ours has this id
REMOTE_STARTS: Final = 2**31  # ids of remote starts, which 1.6 has none of


def engine(station: Station) -> SmartCharging:
    """Raises dialect.Refusal where there is none, or it is switched off (errata 3.39)."""
    found = station.smart_charging
    if found is None or not found.enabled:
        raise dialect.Refusal("NotSupported", "there is no smart charging here")
    return found


def new_remote_start() -> int:
    return secrets.randbelow(REMOTE_STARTS)


def heard_profile(said: v16.ChargingProfile, names: TransactionNames) -> Profile:
    """Raises Refusal when one of its times is none."""
    transaction = given(said.transaction_id)
    return Profile(
        id=said.charging_profile_id,
        purpose=PURPOSES[said.charging_profile_purpose],
        kind=said.charging_profile_kind,
        stack_level=said.stack_level,
        schedules=(_heard_schedule(said.charging_schedule),),
        recurrency=given(said.recurrency_kind),
        valid_from=instant(said.valid_from),
        valid_to=instant(said.valid_to),
        transaction_id=None if transaction is None else names.local_id(str(transaction)) or UNKNOWN,
    )


def _heard_schedule(said: v16.ChargingSchedule) -> Schedule:
    return Schedule(
        unit=said.charging_rate_unit,
        periods=tuple(
            Period(each.start_period, each.limit, given(each.number_phases)) for each in said.charging_schedule_period
        ),
        start=instant(said.start_schedule),
        duration_s=given(said.duration),
        min_charging_rate=given(said.min_charging_rate),
    )


async def set_charging_profile(request: v16.SetChargingProfile, office: Office) -> Answer:
    smart = engine(office.station)
    if request.connector_id != 0 and request.connector_id not in office.station.evses:  # errata 3.39
        raise dialect.Refusal("PropertyConstraintViolation", f"there is no connector {request.connector_id}")
    refused = smart.install(request.connector_id, heard_profile(request.cs_charging_profiles, office.names), "1.6")
    return Answer(v16.SetChargingProfileResponse(status="Accepted" if refused is None else "Rejected"))


def take_along(
    office: Office, connector: int | None, remote_start: int, said: v16.ChargingProfile | UnsetType
) -> Refusal | None:
    """The profile that a remote start brings (5.16.2); where there is no smart charging it is ignored (5.11)."""
    smart = office.station.smart_charging
    if isinstance(said, UnsetType) or smart is None or not smart.enabled:
        return None
    profile = heard_profile(said, office.names)
    refused = smart.check_for_start(connector, profile, "1.6")
    if refused is None:
        smart.begin_with(remote_start, profile)
    return refused


async def clear_charging_profile(request: v16.ClearChargingProfile, office: Office) -> Answer:
    """5.5: all fields that are given must match, an id alone decides (errata 3.26)."""
    smart = engine(office.station)
    purpose = given(request.charging_profile_purpose)
    criteria = Criteria(
        ids=(request.id,) if request.id is not UNSET else (),
        evse=given(request.connector_id),
        purpose=PURPOSES[purpose] if purpose is not None else None,
        stack_level=given(request.stack_level),
    )
    return Answer(v16.ClearChargingProfileResponse(status="Accepted" if smart.clear(criteria) else "Unknown"))


async def get_composite_schedule(request: v16.GetCompositeSchedule, office: Office) -> Answer:
    smart = engine(office.station)
    found = smart.composite(request.connector_id, request.duration, given(request.charging_rate_unit))
    if isinstance(found, Refusal):
        return Answer(v16.GetCompositeScheduleResponse(status="Rejected"))
    return Answer(
        v16.GetCompositeScheduleResponse(
            status="Accepted",
            connector_id=found.evse,
            schedule_start=stamp(found.start),
            charging_schedule=_told_schedule(found, office.station),
        )
    )


def _told_schedule(found: CompositeSchedule, station: Station) -> v16.ChargingSchedule:
    """Periods count from scheduleStart, startSchedule is left out (errata 3.57)."""
    dc = station.is_dc(found.evse)
    return v16.ChargingSchedule(
        duration=found.duration_s,
        charging_rate_unit=found.unit,
        charging_schedule_period=tuple(
            v16.ChargingSchedulePeriod(
                start_period=row.start_s, limit=row.limit, number_phases=UNSET if dc else row.phases
            )
            for row in found.rows
        ),
    )


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.SetChargingProfile: set_charging_profile,
    v16.ClearChargingProfile: clear_charging_profile,
    v16.GetCompositeSchedule: get_composite_schedule,
}
