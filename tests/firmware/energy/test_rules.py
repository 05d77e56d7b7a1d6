"""SetChargingProfile: every rule that binds the station, one broken at a time, with its reason code."""

from typing import Any

import pytest
from msgspec.structs import replace

from firmware.energy.instant import Electrics
from firmware.energy.rules import Abilities, Place, Request, refusal
from firmware.station.charging_profile import Installed, Period, Profile, Schedule

T = 1_800_000_000.0
SCHEDULE = Schedule("A", (Period(0, 16.0), Period(600, 10.0)), start=T, duration_s=3600)
PROFILE = Profile(7, "TxDefaultProfile", "Absolute", 1, (SCHEDULE,))
PLACES = {1: Place(Electrics(32.0), "tx"), 2: Place(Electrics(32.0, 1))}


def code(profile: Profile = PROFILE, evse: int = 1, edition: Any = "2.0.1", installed: Any = (), **more: Any) -> str:
    places = more.pop("places", PLACES)
    found = refusal(Request(evse, profile, edition, places, tuple(installed), **{"abilities": Abilities(), **more}))
    return found.code if found is not None else ""


def schedule(**changes: Any) -> Profile:
    return replace(PROFILE, schedules=(replace(SCHEDULE, **changes),))


def period(**changes: Any) -> Profile:
    return schedule(periods=(Period(**{"start_s": 0, "limit": 16.0, **changes}),))


TX = replace(PROFILE, purpose="TxProfile", transaction_id="tx")
MAXIMUM = replace(PROFILE, purpose="ChargingStationMaxProfile")
PRIORITY = replace(PROFILE, purpose="PriorityCharging", schedules=(replace(SCHEDULE, duration_s=None),))
DYNAMIC = replace(PROFILE, kind="Dynamic", schedules=(Schedule("A", (Period(0, 16.0),)),))
RELATIVE = replace(PROFILE, kind="Relative", schedules=(replace(SCHEDULE, start=None),))


@pytest.mark.parametrize(
    "profile, evse",
    [(PROFILE, 0), (PROFILE, 1), (TX, 1), (MAXIMUM, 0), (PRIORITY, 1), (DYNAMIC, 1), (RELATIVE, 2)],
)
def test_a_sound_profile_is_accepted(profile: Profile, evse: int) -> None:
    assert code(profile, evse, "2.1") == ""


@pytest.mark.parametrize(
    "broken, evse, expected",
    [
        pytest.param(PROFILE, 9, "UnknownEvse", id="K01.FR.28"),
        pytest.param(
            replace(PROFILE, purpose="ChargingStationExternalConstraints"), 1, "InvalidProfile", id="K01.FR.22"
        ),
        pytest.param(replace(PROFILE, stack_level=21), 1, "InvalidStackLevel", id="ProfileStackLevel"),
        pytest.param(replace(PROFILE, stack_level=-1), 1, "InvalidStackLevel", id="negative level"),
        pytest.param(MAXIMUM, 1, "InvalidProfile", id="K04.FR.03"),
        pytest.param(replace(RELATIVE, purpose="ChargingStationMaxProfile"), 0, "InvalidProfile", id="K01.FR.38"),
        pytest.param(TX, 0, "InvalidProfile", id="K01.FR.16"),
        pytest.param(TX, 2, "TxNotFound", id="K01.FR.09"),
        pytest.param(replace(TX, transaction_id="other"), 1, "TxNotFound", id="K01.FR.33"),
        pytest.param(replace(TX, transaction_id=None), 1, "InvalidProfile", id="K01.FR.03"),
        pytest.param(replace(PROFILE, transaction_id="tx"), 1, "InvalidProfile", id="id without TxProfile"),
        pytest.param(replace(PROFILE, kind="Recurring"), 1, "InvalidProfile", id="recurrencyKind"),
        pytest.param(replace(PROFILE, valid_from=T, valid_to=T), 1, "InvalidProfile", id="never valid"),
        pytest.param(replace(PROFILE, schedules=(SCHEDULE, SCHEDULE)), 1, "InvalidSchedule", id="K01.FR.34"),
        pytest.param(replace(PROFILE, dyn_update_interval_s=5), 1, "InvalidProfile", id="K01.FR.122"),
        pytest.param(schedule(start=None), 1, "InvalidSchedule", id="K01.FR.40"),
        pytest.param(replace(RELATIVE, schedules=(SCHEDULE,)), 1, "InvalidSchedule", id="K01.FR.41"),
        pytest.param(schedule(periods=(Period(1, 16.0),)), 1, "InvalidSchedule", id="K01.FR.31"),
        pytest.param(schedule(periods=()), 1, "InvalidSchedule", id="no period"),
        pytest.param(schedule(periods=(Period(0, 6.0), Period(0, 7.0))), 1, "InvalidSchedule", id="K01.FR.35"),
        pytest.param(schedule(periods=tuple(Period(n, 6.0) for n in range(257))), 1, "TooManyElements", id="periods"),
        pytest.param(schedule(duration_s=-1), 1, "InvalidSchedule", id="negative duration"),
        pytest.param(schedule(use_local_time=True), 1, "InvalidSchedule", id="K01.FR.123"),
        pytest.param(
            replace(MAXIMUM, schedules=(replace(SCHEDULE, randomized_delay_s=9),)), 0, "InvalidSchedule", id="K01.FR.95"
        ),
        pytest.param(replace(PRIORITY, schedules=(SCHEDULE,)), 1, "InvalidSchedule", id="K01.FR.70"),
        pytest.param(replace(DYNAMIC, schedules=(SCHEDULE,)), 1, "InvalidSchedule", id="K28.FR.03"),
        pytest.param(period(limit=-1.0), 1, "InvalidSchedule", id="negative limit"),
        pytest.param(period(limit=float("nan")), 1, "InvalidSchedule", id="no number"),
        pytest.param(period(limit=None), 1, "InvalidSchedule", id="no limit"),
        pytest.param(period(operation_mode="LocalFrequency"), 1, "InvalidSchedule", id="mode"),
        pytest.param(period(phases=4), 1, "InvalidSchedule", id="four phases"),
        pytest.param(period(phases=3, phase_to_use=1), 1, "InvalidSchedule", id="K01.FR.19"),
        pytest.param(period(phases=1, phase_to_use=1), 2, "InvalidSchedule", id="K01.FR.48"),
        pytest.param(period(phases=1), 1, "InvalidSchedule", id="K01.FR.43"),
    ],
)
def test_a_broken_rule_refuses_with_its_reason(broken: Profile, evse: int, expected: str) -> None:
    assert code(broken, evse) == expected


@pytest.mark.ocpp("2.0.1:K01.FR.45", "2.0.1:K01.FR.47")
def test_more_phases_than_wired_are_no_reason_to_refuse() -> None:  # K01.FR.45
    assert code(period(phases=3), 2) == ""
    assert code(period(phases=1), 2) == ""  # K01.FR.47: it has but one


def test_units_and_kinds_and_purposes_that_are_switched_off() -> None:
    assert code(abilities=Abilities(units=frozenset({"W"}))) == "UnsupportedRateUnit"  # K01.FR.26
    assert code(DYNAMIC, edition="2.1", abilities=Abilities(dynamic=False)) == "UnsupportedKind"  # K01.FR.121
    assert code(PRIORITY, edition="2.1", abilities=Abilities(purposes=frozenset())) == "UnsupportedPurpose"  # .120
    assert code(abilities=Abilities(max_external_id=7)) == "InvalidProfileId"  # K01.FR.81
    assert code(period(phases=1, phase_to_use=1), 2, abilities=Abilities(phase_switching=True)) == ""  # K01.FR.46


@pytest.mark.ocpp("2.0.1:K01.FR.44")
def test_phases_for_dc_are_ignored_in_2_0_1_and_refused_in_2_1() -> None:  # K01.FR.44
    dc = {1: Place(Electrics(200.0, 1, 400.0, dc=True))}
    assert code(period(phases=3), places=dc) == ""
    assert code(period(phases=3), places=dc, edition="2.1") == "NoPhaseForDC"


def other(evse: int, **changes: Any) -> Installed:
    return Installed(evse, replace(PROFILE, **{"id": 8, **changes}), T)


def test_the_same_purpose_and_level_twice_is_a_duplicate() -> None:
    assert code(installed=[other(1)]) == "DuplicateProfile"  # K01.FR.06
    assert code(installed=[other(0)]) == "DuplicateProfile"  # K01.FR.53
    assert code(evse=0, installed=[other(2)]) == "DuplicateProfile"  # K01.FR.52
    assert code(TX, installed=[other(1, purpose="TxProfile", transaction_id="tx")]) == "DuplicateProfile"  # K01.FR.39


def test_what_is_no_duplicate() -> None:
    assert code(installed=[other(1, id=7)]) == ""  # K01.FR.05: it replaces
    assert code(installed=[other(2)]) == ""
    assert code(installed=[other(1, stack_level=2)]) == ""
    before = replace(PROFILE, valid_from=T)
    assert code(before, installed=[other(1, valid_to=T)]) == ""
    assert code(edition="1.6", installed=[other(1), other(0, id=9)]) == ""  # 3.13.2: the newer one replaces


def test_an_external_constraint_is_not_replaced() -> None:  # K01.FR.05
    assert code(installed=[other(0, id=7, purpose="ChargingStationExternalConstraints")]) == "InvalidProfileId"


def test_a_full_store_takes_no_new_id() -> None:
    full = [other(1, id=100 + n, stack_level=n) for n in range(2)]
    assert (
        code(replace(PROFILE, stack_level=5), installed=full, abilities=Abilities(max_profiles=2)) == "TooManyElements"
    )
    assert code(replace(PROFILE, id=100, stack_level=5), installed=full, abilities=Abilities(max_profiles=2)) == ""


def test_a_remote_start_brings_a_tx_profile_without_transaction() -> None:  # K05.FR.02, 1.6 errata 3.41
    assert code(replace(TX, transaction_id=None), 2, before_start=True) == ""
    assert code(TX, 2, before_start=True) == "InvalidProfile"
    assert code(PROFILE, 2, before_start=True) == "InvalidProfile"


def test_a_car_that_talks_may_choose_among_three() -> None:  # K15.FR.07
    talking = {1: Place(Electrics(32.0), "tx", talks=True)}
    assert code(replace(TX, schedules=(SCHEDULE,) * 3), places=talking) == ""
    assert code(replace(TX, schedules=(SCHEDULE,) * 4), places=talking) == "InvalidSchedule"


def test_1_6_leaves_more_unsaid() -> None:
    assert code(replace(TX, transaction_id=None), edition="1.6") == ""
    assert code(schedule(start=None), edition="1.6") == ""
    assert code(period(phases=1), edition="1.6") == ""  # errata 3.34: the limit is used as it is given
    assert code(replace(RELATIVE, purpose="ChargingStationMaxProfile"), 0, "1.6") == ""


def test_two_profiles_that_name_different_phases_cannot_be_combined() -> None:  # 2.1 part 2 K 3.8
    chooses = Abilities(phase_switching=True, phases_3to1=True)
    named = other(0, purpose="ChargingStationMaxProfile", schedules=period(phases=1, phase_to_use=1).schedules)
    assert code(period(phases=1, phase_to_use=2), abilities=chooses, installed=[named]) == "InvalidSchedule"
    assert code(period(phases=1, phase_to_use=1), abilities=chooses, installed=[named]) == ""
