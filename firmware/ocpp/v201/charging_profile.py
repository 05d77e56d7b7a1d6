"""2.0.1: a charging profile as it is written on the wire, and as the station knows it (part 2, 2.13 and 2.14).

Only translation; whether a profile may be installed is the station's to say. What 2.1 says more is in v21.
"""

from collections.abc import Callable
from typing import cast

import msgspec
from msgspec import UNSET

from firmware.ocpp.dialect import instant
from firmware.ocpp.payload import given, stamp, told
from firmware.ocpp.v201 import types
from firmware.station.charging_facts import LimitSchedule
from firmware.station.charging_profile import GENERATION, PRIORITY, Installed, Period, Profile, Schedule

# --- heard ----------------------------------------------------------------------------------------------------------


def heard_period(said: types.ChargingSchedulePeriod) -> Period:
    return Period(said.start_period, said.limit, given(said.number_phases), given(said.phase_to_use))


def heard_schedule(
    said: types.ChargingSchedule, period: Callable[[types.ChargingSchedulePeriod], Period] = heard_period
) -> Schedule:
    """Raises Refusal when its start is no time."""
    tariff = said.sales_tariff
    return Schedule(
        unit=said.charging_rate_unit,
        periods=tuple(period(each) for each in said.charging_schedule_period),
        id=said.id,
        start=instant(said.start_schedule),
        duration_s=given(said.duration),
        min_charging_rate=given(said.min_charging_rate),
        tariff=msgspec.json.encode(tariff).decode() if tariff is not UNSET else "",
    )


def heard_profile(
    said: types.ChargingProfile, schedule: Callable[[types.ChargingSchedule], Schedule] = heard_schedule
) -> Profile:
    """Raises Refusal when one of its times is none."""
    return Profile(
        id=said.id,
        purpose=said.charging_profile_purpose,
        kind=said.charging_profile_kind,
        stack_level=said.stack_level,
        schedules=tuple(schedule(each) for each in said.charging_schedule),
        recurrency=given(said.recurrency_kind),
        valid_from=instant(said.valid_from),
        valid_to=instant(said.valid_to),
        transaction_id=given(said.transaction_id),
    )


# --- told -----------------------------------------------------------------------------------------------------------


def told_profile(installed: Installed) -> types.ChargingProfile | None:
    """None for one that 2.0.1 has no words for. A limit that outsiders change as they like is told as an absolute one
    from its last change on; a schedule without a start (1.6) began when it was received."""
    profile = installed.profile
    limited = all(period.limit is not None for schedule in profile.schedules for period in schedule.periods)
    if profile.purpose in {PRIORITY, GENERATION} or not limited:
        return None
    kind = "Absolute" if profile.kind == "Dynamic" else profile.kind
    began = None if kind == "Relative" else profile.dyn_update_time or installed.received
    return types.ChargingProfile(
        id=profile.id,
        stack_level=profile.stack_level,
        charging_profile_purpose=cast(types.ChargingProfilePurposeEnum, profile.purpose),
        charging_profile_kind=kind,
        charging_schedule=tuple(_told_schedule(each, began) for each in profile.schedules),
        recurrency_kind=told(profile.recurrency),
        valid_from=told_time(profile.valid_from),
        valid_to=told_time(profile.valid_to),
        transaction_id=told(profile.transaction_id),
    )


def told_time(at: float | None) -> str | msgspec.UnsetType:
    return UNSET if at is None else stamp(at)


def _told_schedule(schedule: Schedule, began: float | None) -> types.ChargingSchedule:
    tariff = schedule.tariff
    return types.ChargingSchedule(
        id=schedule.id,
        charging_rate_unit=schedule.unit,
        charging_schedule_period=tuple(_told_period(each) for each in schedule.periods),
        start_schedule=told_time(schedule.start if schedule.start is not None else began),
        duration=told(whole(schedule.duration_s)),
        min_charging_rate=told(schedule.min_charging_rate),
        sales_tariff=msgspec.json.decode(tariff, type=types.SalesTariff) if tariff else UNSET,
    )


def _told_period(period: Period) -> types.ChargingSchedulePeriod:
    return types.ChargingSchedulePeriod(
        start_period=round(period.start_s),
        limit=period.limit or 0.0,
        number_phases=told(period.phases),
        phase_to_use=told(period.phase_to_use),
    )


def told_limits(schedule: LimitSchedule) -> types.ChargingSchedule:
    """What is told of a limit from outside (K11.FR.03), or of what a car means to draw (K15.FR.10). One decimal, as a
    schedule of this version has."""
    return types.ChargingSchedule(
        id=schedule.id,
        charging_rate_unit=schedule.unit,
        charging_schedule_period=tuple(
            types.ChargingSchedulePeriod(
                start_period=round(each.start_s), limit=round(each.limit, 1), number_phases=told(each.phases)
            )
            for each in schedule.periods
        ),
        start_schedule=told_time(schedule.start),
        duration=told(whole(schedule.duration_s)),
    )


def whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
