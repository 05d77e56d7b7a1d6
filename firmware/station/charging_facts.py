"""Facts about limits: what an EVSE may draw and who says so, what a car needs and which schedule it chose (OCPP 2.x,
block K).
"""

from typing import Literal

import msgspec

from firmware.station.fact import Fact


class LimitChanged(Fact, frozen=True, kw_only=True, tag="limit_changed"):
    """What an EVSE may draw now and who says so. `source`: hardware, cable, site, budget, csms, car, ..."""

    evse: int
    limit_a: float
    source: str
    limit_w: float | None = None


class LimitPeriod(msgspec.Struct, frozen=True):
    """From `start_s` after the schedule's start: A per phase or W over all phases."""

    start_s: float
    limit: float
    phases: int | None = None


class LimitSchedule(msgspec.Struct, frozen=True):
    """What is told of a schedule to a back office. `start` UTC s, None = relative to the moment it is told."""

    unit: Literal["A", "W"]
    periods: tuple[LimitPeriod, ...]
    id: int = 0
    start: float | None = None
    duration_s: float | None = None


class ChargingLimit(Fact, frozen=True, kw_only=True, tag="charging_limit"):
    """An external limit was set or changed by more than SmartChargingCtrlr.LimitChangeSignificance (K11, K12), or is
    lifted (K13). `source`: EMS, SO, Other. `evse` 0 = the station. `schedule` only where the back office wants it
    (NotifyChargingLimitWithSchedules)."""

    evse: int
    source: str
    cleared: bool = False
    grid_critical: bool | None = None
    schedule: LimitSchedule | None = None


class EvChargingNeeds(Fact, frozen=True, kw_only=True, tag="ev_charging_needs"):
    """What a car told before it charges, or when it asks for new terms (K15.FR.01, K17.FR.01). `transfer`:
    EnergyTransferModeEnumType (DC, AC_single_phase, AC_three_phase, ...). `departure` UTC s. None = not told."""

    evse: int
    transfer: str
    transaction_id: str | None = None
    departure: float | None = None
    max_schedules: int | None = None
    max_periods: int | None = None  # maxScheduleTuples
    energy_wh: float | None = None
    min_current_a: float | None = None
    max_current_a: float | None = None
    max_voltage_v: float | None = None
    max_power_w: float | None = None
    soc_percent: float | None = None
    full_soc_percent: float | None = None
    bulk_soc_percent: float | None = None
    capacity_wh: float | None = None


class EvChargingSchedule(Fact, frozen=True, kw_only=True, tag="ev_charging_schedule"):
    """Which schedule the car chose, and what it means to draw (K15.FR.10, K16.FR.05, K17.FR.10). `selected`: id of
    the schedule; `within`: it stays within what was offered (K15.FR.09)."""

    evse: int
    schedule: LimitSchedule
    selected: int | None = None
    within: bool = True
    transaction_id: str | None = None


class PriorityCharging(Fact, frozen=True, kw_only=True, tag="priority_charging"):
    """Priority charging began or ended for a transaction (K21, K22)."""

    transaction_id: str
    activated: bool
