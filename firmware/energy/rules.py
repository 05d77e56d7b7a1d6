"""May this profile be installed? The rules of SetChargingProfile that bind a station (K01, K04, K05, K28; 1.6 5.16).

Pure: the first rule that is broken answers, with the reason code of OCPP 2.1 appendix 5. Replacing is the `store`'s.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from firmware.energy.instant import Electrics
from firmware.station.charging_profile import (
    EXTERNAL,
    GENERATION,
    MAX_PROFILE,
    MAX_PROFILES,
    PRIORITY,
    TX,
    TX_DEFAULT,
    Installed,
    Period,
    Profile,
    Schedule,
)
from firmware.station.smart_charging import Edition, Refusal

_ADDITIONAL: Final = frozenset({PRIORITY, GENERATION})


@dataclass(frozen=True)
class Abilities:
    """What this station can do and allows, as SmartChargingCtrlr says it."""

    max_stack_level: int = 20
    units: frozenset[str] = frozenset({"A", "W"})
    max_periods: int = 256
    max_profiles: int = MAX_PROFILES
    purposes: frozenset[str] = _ADDITIONAL  # of the additional ones (2.1)
    modes: frozenset[str] = frozenset({"ChargingOnly"})
    dynamic: bool = True
    phase_switching: bool = False  # which phase a one-phase EVSE uses
    phases_3to1: bool = False
    max_external_id: int | None = None


@dataclass(frozen=True)
class Place:
    """One EVSE as far as the rules look at it. `talks`: its car's session can take a choice of schedules."""

    electrics: Electrics
    transaction_id: str | None = None
    talks: bool = False


@dataclass(frozen=True)
class Request:
    """What shall be installed, and among what. `before_start`: it comes with a remote start."""

    evse: int
    profile: Profile
    edition: Edition
    places: Mapping[int, Place]
    installed: tuple[Installed, ...]
    abilities: Abilities
    before_start: bool = False

    @property
    def old_rules(self) -> bool:
        return self.edition == "1.6"

    @property
    def concerned(self) -> list[Place]:
        """The EVSEs that it would act on."""
        return list(self.places.values()) if self.evse == 0 else [self.places[self.evse]]


def refusal(request: Request) -> Refusal | None:
    """The first rule that the profile breaks, None = it may be installed."""
    for rule in _RULES:
        found = rule(request)
        if found is not None:
            return found
    for schedule in request.profile.schedules:
        for check in _SCHEDULE_RULES:
            found = check(request, schedule)
            if found is not None:
                return found
    return _conflict(request)


def _identity(request: Request) -> Refusal | None:
    profile, abilities = request.profile, request.abilities
    if request.evse != 0 and request.evse not in request.places:
        return Refusal("UnknownEvse", f"there is no EVSE {request.evse}")  # K01.FR.28
    if profile.purpose == EXTERNAL:  # K01.FR.22
        return Refusal("InvalidProfile", "external constraints come from outside, not from the back office")
    if profile.purpose in _ADDITIONAL - abilities.purposes:  # K01.FR.120
        return Refusal("UnsupportedPurpose", f"{profile.purpose} is not supported")
    if abilities.max_external_id is not None and profile.id <= abilities.max_external_id:  # K01.FR.81
        return Refusal("InvalidProfileId", f"ids up to {abilities.max_external_id} are for external constraints")
    if any(each.profile.id == profile.id and each.profile.purpose == EXTERNAL for each in request.installed):
        return Refusal("InvalidProfileId", f"{profile.id} is an external constraint")  # K01.FR.05
    if not 0 <= profile.stack_level <= abilities.max_stack_level:
        return Refusal("InvalidStackLevel", f"stack levels are 0 to {abilities.max_stack_level}")
    known = {each.profile.id for each in request.installed}
    if profile.id not in known and len(known) >= abilities.max_profiles:
        return Refusal("TooManyElements", f"{abilities.max_profiles} profiles are installed")
    return None


def _purpose(request: Request) -> Refusal | None:
    profile = request.profile
    if request.before_start and profile.purpose != TX:  # K05.FR.02
        return Refusal("InvalidProfile", "a remote start brings a TxProfile")
    if profile.purpose == TX:
        return _transaction(request)
    if profile.transaction_id is not None and not request.old_rules:
        return Refusal("InvalidProfile", "a transaction id belongs to a TxProfile")
    if profile.purpose == MAX_PROFILE:
        if request.evse != 0:  # K04.FR.03
            return Refusal("InvalidProfile", "a ChargingStationMaxProfile is for EVSE 0")
        if profile.kind == "Relative" and not request.old_rules:  # K01.FR.38
            return Refusal("InvalidProfile", "a ChargingStationMaxProfile cannot be relative")
    return None


def _transaction(request: Request) -> Refusal | None:
    profile = request.profile
    if request.before_start:
        if profile.transaction_id is not None:  # 1.6 errata 3.41
            return Refusal("InvalidProfile", "the transaction has no id yet")
        return None
    if request.evse == 0:  # K01.FR.16
        return Refusal("InvalidProfile", "a TxProfile is for one EVSE")
    running = request.places[request.evse].transaction_id
    if running is None:  # K01.FR.09
        return Refusal("TxNotFound", f"EVSE {request.evse} has no transaction")
    if profile.transaction_id is None and not request.old_rules:  # K01.FR.03
        return Refusal("InvalidProfile", "a TxProfile needs the id of its transaction")
    if profile.transaction_id not in {None, running}:  # K01.FR.33
        return Refusal("TxNotFound", f"EVSE {request.evse} has no transaction {profile.transaction_id}")
    return None


def _kind(request: Request) -> Refusal | None:
    profile = request.profile
    if profile.kind == "Dynamic" and not request.abilities.dynamic:  # K01.FR.121
        return Refusal("UnsupportedKind", "dynamic profiles are not supported")
    if profile.kind != "Dynamic" and (profile.dyn_update_interval_s or profile.dyn_update_time):  # K01.FR.122
        return Refusal("InvalidProfile", "only a dynamic profile is updated")
    if profile.kind == "Recurring" and profile.recurrency is None:
        return Refusal("InvalidProfile", "it recurs, but not said how often")
    if profile.valid_from is not None and profile.valid_to is not None and profile.valid_from >= profile.valid_to:
        return Refusal("InvalidProfile", "it is never valid: validFrom is not before validTo")
    if not profile.schedules:
        return Refusal("InvalidProfile", "it has no schedule")
    talks = profile.purpose == TX and (request.before_start or request.places[request.evse].talks)
    if len(profile.schedules) > (3 if talks else 1):  # K01.FR.34, K15.FR.07
        return Refusal("InvalidSchedule", f"{len(profile.schedules)} schedules: this car cannot choose")
    return None


def _duplicate(request: Request) -> Refusal | None:
    """K01.FR.06, 39, 52, 53. In 1.6 the newer one replaces (3.13.2)."""
    if request.old_rules:
        return None
    profile = request.profile
    for other in request.installed:
        theirs = other.profile
        if theirs.id == profile.id or theirs.purpose != profile.purpose or theirs.stack_level != profile.stack_level:
            continue
        across = profile.purpose == TX_DEFAULT and 0 in {request.evse, other.evse} and request.evse != other.evse
        if across or (other.evse == request.evse and _overlap(profile, theirs)):
            text = f"profile {theirs.id} at EVSE {other.evse} has the same purpose and stack level"
            return Refusal("DuplicateProfile", text)
    return None


def _overlap(one: Profile, other: Profile) -> bool:
    if one.purpose == TX:  # K01.FR.39: whenever they are valid
        return one.transaction_id == other.transaction_id
    begins = max(one.valid_from or -math.inf, other.valid_from or -math.inf)
    ends = min(math.inf if each.valid_to is None else each.valid_to for each in (one, other))
    return begins < ends


# --- schedules ----------------------------------------------------------------------------------------------------


def _frame(request: Request, schedule: Schedule) -> Refusal | None:
    profile = request.profile
    if schedule.unit not in request.abilities.units:  # K01.FR.26
        return Refusal("UnsupportedRateUnit", f"{schedule.unit} is not supported")
    if len(schedule.periods) > request.abilities.max_periods:
        return Refusal("TooManyElements", f"a schedule has at most {request.abilities.max_periods} periods")
    if not schedule.periods or schedule.periods[0].start_s != 0:  # K01.FR.31
        return Refusal("InvalidSchedule", "the first period must start at 0")
    if any(a.start_s >= b.start_s for a, b in pairwise(schedule.periods)):  # K01.FR.35
        return Refusal("InvalidSchedule", "the periods are not in order of time")
    if schedule.duration_s is not None and schedule.duration_s < 0:
        return Refusal("InvalidSchedule", "its duration is negative")
    if not request.old_rules and profile.kind in {"Absolute", "Recurring"} and schedule.start is None:  # K01.FR.40
        return Refusal("InvalidSchedule", f"{profile.kind} needs startSchedule")
    if not request.old_rules and profile.kind == "Relative" and schedule.start is not None:  # K01.FR.41
        return Refusal("InvalidSchedule", "a relative schedule has no startSchedule")
    if schedule.use_local_time:  # K01.FR.123: everything here is UTC
        return Refusal("InvalidSchedule", "local time is not supported")
    if schedule.randomized_delay_s > 0 and profile.purpose not in {TX, TX_DEFAULT}:  # K01.FR.95
        return Refusal("InvalidSchedule", "only transactions' profiles may have random delays")
    return None


def _special(request: Request, schedule: Schedule) -> Refusal | None:
    profile = request.profile
    timed = len(schedule.periods) != 1 or schedule.start is not None or schedule.duration_s is not None
    if profile.kind == "Dynamic" and timed:  # K28.FR.01-03
        return Refusal("InvalidSchedule", "a dynamic schedule is one period without start and duration")
    if profile.purpose == PRIORITY:
        if schedule.duration_s is not None:  # K01.FR.70
            return Refusal("InvalidSchedule", "priority charging lasts as long as its transaction")
        if any(period.operation_mode != "ChargingOnly" for period in schedule.periods):  # K01.FR.71
            return Refusal("InvalidSchedule", "priority charging only charges")
    return None


def _periods(request: Request, schedule: Schedule) -> Refusal | None:
    for period in schedule.periods:
        values = (period.limit, period.limit_l2, period.limit_l3)
        if any(value is not None and not (math.isfinite(value) and value >= 0) for value in values):
            return Refusal("InvalidSchedule", "a limit must be 0 or more")
        if period.operation_mode not in request.abilities.modes:
            return Refusal("InvalidSchedule", f"operation mode {period.operation_mode} is not supported")
        if period.operation_mode == "ChargingOnly" and period.limit is None and request.profile.kind != "Dynamic":
            return Refusal("InvalidSchedule", "a period has no limit")
        if period.discharge_limit is not None and period.discharge_limit > 0:
            return Refusal("InvalidSchedule", "a discharge limit must not be above 0")
        wrong = _phases(request, period)
        if wrong is not None:
            return wrong
    return None


def _phases(request: Request, period: Period) -> Refusal | None:
    if period.phases is None and period.phase_to_use is None:
        return None
    if period.phases is not None and not 1 <= period.phases <= 3:
        return Refusal("InvalidSchedule", "there are one to three phases")
    if period.phase_to_use is not None and period.phases != 1:  # K01.FR.19
        return Refusal("InvalidSchedule", "one phase can only be named where one phase is used")
    ac = [place.electrics for place in request.concerned if not place.electrics.dc]
    if not ac:  # K01.FR.44: 2.0.1 lets the station ignore it, 2.1 does not
        return Refusal("NoPhaseForDC", "DC has no phases") if request.edition == "2.1" else None
    if request.old_rules:
        return None
    if period.phase_to_use is not None and not request.abilities.phase_switching:  # K01.FR.20, 48
        return Refusal("InvalidSchedule", "this station cannot choose a phase")
    wired = min(each.phases for each in ac)
    if period.phases is not None and period.phases < wired and not request.abilities.phases_3to1:  # K01.FR.43, 45
        return Refusal("InvalidSchedule", f"nothing here keeps a car from using {wired} phases")
    return None


def _conflict(request: Request) -> Refusal | None:
    """2.1 part 2 K 3.8: nobody could choose between two phases; without knowing when, any other phase is a conflict."""
    mine = {period.phase_to_use for schedule in request.profile.schedules for period in schedule.periods} - {None}
    if not mine:
        return None
    for other in request.installed:
        elsewhere = request.evse != other.evse and 0 not in {request.evse, other.evse}
        if other.profile.id == request.profile.id or elsewhere:
            continue
        theirs = {period.phase_to_use for schedule in other.profile.schedules for period in schedule.periods} - {None}
        if theirs and theirs != mine:
            return Refusal("InvalidSchedule", f"profile {other.profile.id} names another phase")
    return None


_RULES: Final[tuple[Callable[[Request], Refusal | None], ...]] = (_identity, _purpose, _kind, _duplicate)
_SCHEDULE_RULES: Final[tuple[Callable[[Request, Schedule], Refusal | None], ...]] = (_frame, _special, _periods)


def external_refusal(periods: Iterable[Period]) -> Refusal | None:
    """What an external limit must be."""
    found = list(periods)
    if not found or found[0].start_s != 0:
        return Refusal("InvalidSchedule", "the first period must start at 0")
    if any(a.start_s >= b.start_s for a, b in pairwise(found)):
        return Refusal("InvalidSchedule", "the periods are not in order of time")
    if any(each.limit is None or not (math.isfinite(each.limit) and each.limit >= 0) for each in found):
        return Refusal("InvalidSchedule", "a limit must be 0 or more")
    return None
