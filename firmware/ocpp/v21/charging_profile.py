"""2.1: what charging profiles say more than in 2.0.1, on the wire and as the station knows them (part 2, 2.13)."""

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from firmware.ocpp.dialect import instant
from firmware.ocpp.payload import given, told
from firmware.ocpp.v21 import types
from firmware.ocpp.v201 import charging_profile as plain
from firmware.ocpp.v201 import types as types_201
from firmware.station.charging_facts import LimitSchedule
from firmware.station.charging_profile import Installed, LimitAtSoc, Period, Profile, Schedule

#: Fields of a period that have the same name here and there.
_LIMITS: Final = (
    "limit",
    "limit_l2",
    "limit_l3",
    "discharge_limit",
    "discharge_limit_l2",
    "discharge_limit_l3",
    "setpoint",
    "setpoint_l2",
    "setpoint_l3",
    "setpoint_reactive",
    "v2x_baseline",
)


class Prices(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a schedule says of prices; passed on to the car, and told again, as it came."""

    sales: types.SalesTariff | None = None
    absolute: types.AbsolutePriceSchedule | None = None
    levels: types.PriceLevelSchedule | None = None
    signature_id: int | None = None
    digest: str | None = None


# --- heard ----------------------------------------------------------------------------------------------------------


def heard_period(said: types.ChargingSchedulePeriod | types.ChargingScheduleUpdate, start_s: float = 0.0) -> Period:
    """Also of an update, which says nothing but limits and set points."""
    limits: dict[str, float | None] = {name: given(getattr(said, name, UNSET)) for name in _LIMITS}
    period = Period(start_s, **limits)  # type: ignore[arg-type]  # each of them is a number
    if not isinstance(said, types.ChargingSchedulePeriod):
        return period
    frequencies, signals = given(said.v2x_freq_watt_curve) or (), given(said.v2x_signal_watt_curve) or ()
    return msgspec.structs.replace(
        period,
        start_s=float(said.start_period),
        phases=given(said.number_phases),
        phase_to_use=given(said.phase_to_use),
        operation_mode=given(said.operation_mode) or "ChargingOnly",
        evse_sleep=given(said.evse_sleep) or False,
        preconditioning=given(said.preconditioning_request) or False,
        freq_watt_curve=tuple((each.frequency, each.power) for each in frequencies),
        signal_watt_curve=tuple((float(each.signal), each.power) for each in signals),
    )


def heard_schedule(said: types.ChargingSchedule) -> Schedule:
    """Raises Refusal when its start is no time."""
    soc, prices = given(said.limit_at_so_c), _heard_prices(said)
    return Schedule(
        unit=said.charging_rate_unit,
        periods=tuple(heard_period(each) for each in said.charging_schedule_period),
        id=said.id,
        start=instant(said.start_schedule),
        duration_s=given(said.duration),
        min_charging_rate=given(said.min_charging_rate),
        randomized_delay_s=given(said.randomized_delay) or 0,
        use_local_time=given(said.use_local_time) or False,
        limit_at_soc=LimitAtSoc(soc.soc, soc.limit) if soc is not None else None,
        power_tolerance=given(said.power_tolerance),
        tariff=msgspec.json.encode(prices).decode() if prices != Prices() else "",
    )


def heard_profile(said: types.ChargingProfile) -> Profile:
    """Raises Refusal when one of its times is none."""
    schedule = cast(Callable[[types_201.ChargingSchedule], Schedule], heard_schedule)
    profile = plain.heard_profile(cast(types_201.ChargingProfile, said), schedule)
    return msgspec.structs.replace(
        profile,
        max_offline_s=given(said.max_offline_duration),
        invalid_after_offline=given(said.invalid_after_offline_duration) or False,
        dyn_update_interval_s=given(said.dyn_update_interval),
        dyn_update_time=instant(said.dyn_update_time),
        price_signature=given(said.price_schedule_signature) or "",
    )


def _heard_prices(said: types.ChargingSchedule) -> Prices:
    return Prices(
        given(said.sales_tariff),
        given(said.absolute_price_schedule),
        given(said.price_level_schedule),
        given(said.signature_id),
        given(said.digest_value),
    )


# --- told -----------------------------------------------------------------------------------------------------------


def told_profile(installed: Installed) -> types.ChargingProfile:
    profile = installed.profile
    began = installed.received if profile.kind in {"Absolute", "Recurring"} else None
    return types.ChargingProfile(
        id=profile.id,
        stack_level=profile.stack_level,
        charging_profile_purpose=profile.purpose,
        charging_profile_kind=profile.kind,
        charging_schedule=tuple(_told_schedule(each, began) for each in profile.schedules),
        recurrency_kind=told(profile.recurrency),
        valid_from=plain.told_time(profile.valid_from),
        valid_to=plain.told_time(profile.valid_to),
        transaction_id=told(profile.transaction_id),
        max_offline_duration=told(plain.whole(profile.max_offline_s)),
        invalid_after_offline_duration=profile.invalid_after_offline or UNSET,
        dyn_update_interval=told(plain.whole(profile.dyn_update_interval_s)),
        dyn_update_time=plain.told_time(profile.dyn_update_time),
        price_schedule_signature=profile.price_signature or UNSET,
    )


def told_limits(limits: LimitSchedule) -> types.ChargingSchedule:
    """What a car means to draw (K15.FR.10)."""
    periods = tuple(Period(each.start_s, round(each.limit, 1), each.phases) for each in limits.periods)
    return _told_schedule(Schedule(limits.unit, periods, limits.id, limits.start, limits.duration_s), None)


def _told_schedule(schedule: Schedule, began: float | None) -> types.ChargingSchedule:
    prices, soc = _told_prices(schedule.tariff), schedule.limit_at_soc
    return types.ChargingSchedule(
        id=schedule.id,
        charging_rate_unit=schedule.unit,
        charging_schedule_period=tuple(_told_period(each) for each in schedule.periods),
        start_schedule=plain.told_time(schedule.start if schedule.start is not None else began),
        duration=told(plain.whole(schedule.duration_s)),
        min_charging_rate=told(schedule.min_charging_rate),
        randomized_delay=round(schedule.randomized_delay_s) or UNSET,
        use_local_time=schedule.use_local_time or UNSET,
        limit_at_so_c=UNSET if soc is None else types.LimitAtSoC(soc=round(soc.soc_percent), limit=soc.limit),
        power_tolerance=told(schedule.power_tolerance),
        sales_tariff=told(prices.sales),
        absolute_price_schedule=told(prices.absolute),
        price_level_schedule=told(prices.levels),
        signature_id=told(prices.signature_id),
        digest_value=told(prices.digest),
    )


def _told_prices(tariff: str) -> Prices:
    """Those of a profile that came in 2.0.1 are its sales tariff alone."""
    if not tariff:
        return Prices()
    try:
        return msgspec.json.decode(tariff, type=Prices)
    except msgspec.ValidationError:
        return Prices(sales=msgspec.json.decode(tariff, type=types.SalesTariff))


def _told_period(period: Period) -> types.ChargingSchedulePeriod:
    limits: dict[str, Any] = {name: told(getattr(period, name)) for name in _LIMITS}
    frequencies = tuple(types.V2XFreqWattPoint(frequency=f, power=p) for f, p in period.freq_watt_curve)
    signals = tuple(types.V2XSignalWattPoint(signal=round(s), power=p) for s, p in period.signal_watt_curve)
    charging_only = period.operation_mode == "ChargingOnly"
    return types.ChargingSchedulePeriod(
        start_period=round(period.start_s),
        number_phases=told(period.phases),
        phase_to_use=told(period.phase_to_use),
        operation_mode=UNSET if charging_only else period.operation_mode,
        evse_sleep=period.evse_sleep or UNSET,
        preconditioning_request=period.preconditioning or UNSET,
        v2x_freq_watt_curve=frequencies or UNSET,
        v2x_signal_watt_curve=signals or UNSET,
        **limits,
    )
