"""A charging profile as data, in the words of OCPP 2.1 (part 2, 2.13 ChargingProfileType): 1.6 and 2.0.1 are subsets.

Only what a profile says; when it applies is `timeline`'s, whether it may be installed is `rules`'. Times are UTC
seconds since 1970, durations s, limits A per phase or W over all phases; a discharge limit is negative.
"""

from typing import Final, Literal

import msgspec

Purpose = Literal[
    "ChargingStationMaxProfile",  # 1.6: ChargePointMaxProfile
    "TxDefaultProfile",
    "TxProfile",
    "ChargingStationExternalConstraints",
    "PriorityCharging",  # from here 2.1
    "LocalGeneration",
]
Kind = Literal["Absolute", "Recurring", "Relative", "Dynamic"]  # Dynamic: 2.1
Recurrency = Literal["Daily", "Weekly"]
RateUnit = Literal["A", "W"]
#: Who set a limit (ChargingLimitSourceEnumType); CSO = the back office.
LimitSource = Literal["CSO", "EMS", "SO", "Other"]
OperationMode = Literal[
    "Idle",
    "ChargingOnly",
    "CentralSetpoint",
    "ExternalSetpoint",
    "ExternalLimits",
    "CentralFrequency",
    "LocalFrequency",
    "LocalLoadBalancing",
]

MAX_PROFILE: Final = "ChargingStationMaxProfile"
TX_DEFAULT: Final = "TxDefaultProfile"
TX: Final = "TxProfile"
EXTERNAL: Final = "ChargingStationExternalConstraints"
PRIORITY: Final = "PriorityCharging"
GENERATION: Final = "LocalGeneration"

MAX_PROFILES: Final = 50  # in one station: SmartChargingCtrlr.Entries[ChargingProfiles] maxLimit

DAY_S: Final = 86_400.0
RECURS_EVERY_S: Final[dict[str, float]] = {"Daily": DAY_S, "Weekly": 7 * DAY_S}


class Period(msgspec.Struct, frozen=True, omit_defaults=True):
    """From `start_s` after the schedule's start until the next period. `limit` None (2.1): this one limits nothing.

    `phases` None = not said: three on AC, none on DC (K01.FR.49). The values of L2 and L3 (2.1) are None where they
    are those of L1.
    """

    start_s: float
    limit: float | None = None
    phases: int | None = None
    phase_to_use: int | None = None
    limit_l2: float | None = None
    limit_l3: float | None = None
    discharge_limit: float | None = None
    discharge_limit_l2: float | None = None
    discharge_limit_l3: float | None = None
    setpoint: float | None = None
    setpoint_l2: float | None = None
    setpoint_l3: float | None = None
    setpoint_reactive: float | None = None
    operation_mode: OperationMode = "ChargingOnly"
    evse_sleep: bool = False
    preconditioning: bool = False
    v2x_baseline: float | None = None
    freq_watt_curve: tuple[tuple[float, float], ...] = ()  # Hz, W
    signal_watt_curve: tuple[tuple[float, float], ...] = ()  # aFRR signal, W


class LimitAtSoc(msgspec.Struct, frozen=True):
    """K01.FR.100: from this state of charge on, at most this limit."""

    soc_percent: float
    limit: float


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list of periods. `duration_s` None: the last period goes on (K01.FR.12). `tariff` is passed on to the car as
    the back office sent it (JSON)."""

    unit: RateUnit
    periods: tuple[Period, ...]
    id: int = 0
    start: float | None = None  # Absolute, Recurring
    duration_s: float | None = None
    min_charging_rate: float | None = None  # advice: charging below it is inefficient (K01.FR.21)
    randomized_delay_s: float = 0.0
    use_local_time: bool = False
    limit_at_soc: LimitAtSoc | None = None
    power_tolerance: float | None = None
    tariff: str = ""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One charging profile. More than one schedule only for a choice of the car (ISO 15118, K15.FR.07): the first
    counts until the car chose."""

    id: int
    purpose: Purpose
    kind: Kind
    stack_level: int
    schedules: tuple[Schedule, ...]
    recurrency: Recurrency | None = None
    valid_from: float | None = None
    valid_to: float | None = None
    transaction_id: str | None = None
    max_offline_s: float | None = None  # 2.1: not valid while the back office is away for longer
    invalid_after_offline: bool = False  # ... nor ever after
    dyn_update_interval_s: float | None = None
    dyn_update_time: float | None = None
    price_signature: str = ""


class Installed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A profile in the station. `evse` 0: the station (limits of the sum), and the default of every EVSE (K01.FR.14).
    `received`: when, UTC; the start of a schedule that names none. `outlived`: an offline spell ended it for good."""

    evse: int
    profile: Profile
    received: float
    source: LimitSource = "CSO"
    outlived: bool = False

    def __str__(self) -> str:
        who = "csms" if self.source == "CSO" else self.source
        return f"{who}: profile {self.profile.id} {self.profile.purpose} stack {self.profile.stack_level}"
