"""Composite schedules as the specification's own examples and test cases have them, and what a back office is told."""

from typing import Any

import pytest

from firmware.energy.composite import Composite, View, rounded
from firmware.energy.instant import Electrics, instant, layers
from firmware.energy.timeline import Circumstances
from firmware.station.charging_profile import Installed, LimitAtSoc, Period, Profile, Schedule

T = 1_800_000_000.0
AC = Electrics(32.0)


def installed(number: int, purpose: Any, level: int, limits: dict[int, float], evse: int = 1, **more: Any) -> Installed:
    """An absolute profile from T, `limits` by start."""
    phases, unit = more.pop("phases", None), more.pop("unit", "A")
    about = {name: more.pop(name) for name in list(more) if name in Profile.__struct_fields__}
    received, source = more.pop("received", T), more.pop("source", "CSO")
    periods = tuple(Period(start, limit, phases) for start, limit in limits.items())
    kind = about.pop("kind", "Absolute")
    start = T if kind in {"Absolute", "Recurring"} else None
    schedule = Schedule(unit, periods, **{"start": start, **more})
    return Installed(evse, Profile(number, purpose, kind, level, (schedule,), **about), received, source)


def composite(*profiles: Installed, duration: float = 350, at: float = T, evse: int = 1, **around: Any) -> Composite:
    circumstances = Circumstances(**around)
    evses = {n: (layers(profiles, n), circumstances, AC) for n in (1, 2)}
    return View(evses, layers(profiles, 0), Electrics(1000.0), around.get("offline_since")).composite(
        evse, at, duration
    )


def limits(found: Composite, unit: Any = "A") -> list[tuple[int, float]]:
    return [(row.start_s, row.limit) for row in found.rows(unit)]


@pytest.mark.ocpp("2.0.1:K01.FR.17", "2.0.1:K01.FR.11")
def test_the_higher_stack_level_leads_until_its_duration_is_over() -> None:  # TC_K_40_CS
    low = installed(1, "TxDefaultProfile", 0, {0: 6, 100: 8, 200: 10}, duration_s=400)
    high = installed(2, "TxDefaultProfile", 1, {0: 7, 100: 9}, duration_s=150)
    assert limits(composite(low, high)) == [(0, 7), (100, 9), (150, 8), (200, 10)]


@pytest.mark.ocpp("2.0.1:K08.FR.04", "2.0.1:K02.FR.08", "2.1:K08")
def test_purposes_are_combined_to_the_lowest() -> None:  # TC_K_41_CS
    maximum = installed(1, "ChargingStationMaxProfile", 0, {0: 10}, evse=0, duration_s=86_400)
    default = installed(2, "TxDefaultProfile", 0, {0: 6, 60: 10, 120: 8, 180: 15, 260: 8}, duration_s=300)
    own = installed(3, "TxProfile", 0, {0: 8, 50: 11, 140: 16, 200: 6, 240: 12}, duration_s=260, transaction_id="tx")
    found = composite(maximum, default, own, duration=400, transaction_id="tx", began=T)
    assert limits(found) == [(0, 8), (50, 10), (200, 6), (240, 10), (260, 8), (300, 10)]
    sources = [each.limit.source for each in found.periods]
    assert sources[0] == "csms: profile 3 TxProfile stack 0"
    assert sources[1] == "csms: profile 1 ChargingStationMaxProfile stack 0"


@pytest.mark.ocpp("2.0.1:K08.FR.06")
def test_without_a_transaction_the_default_counts() -> None:  # K08.FR.06
    default = installed(1, "TxDefaultProfile", 0, {0: 6, 60: 12}, kind="Relative")
    assert limits(composite(default, at=T + 500)) == [(0, 6), (60, 12)]  # as if one began now
    assert limits(composite(default, at=T + 500, transaction_id="tx", began=T + 470)) == [(0, 6), (30, 12)]


@pytest.mark.ocpp("2.0.1:K06.FR.02", "2.0.1:K04.FR.02")
def test_without_profiles_there_is_one_period_with_the_boards_limit() -> None:  # TC_K_39_CS, K06.FR.02
    found = composite(duration=300, evse=0)
    assert limits(found) == [(0, 64)]
    assert [each.limit.source for each in composite(duration=300).periods] == ["hardware"]


def test_the_station_adds_up_what_its_evses_may_draw() -> None:  # K08.FR.03
    default = installed(1, "TxDefaultProfile", 0, {0: 10, 100: 30}, evse=0)
    maximum = installed(2, "ChargingStationMaxProfile", 0, {0: 25}, evse=0)
    assert limits(composite(default, evse=0)) == [(0, 20), (100, 60)]
    assert limits(composite(default, maximum, evse=0)) == [(0, 20), (100, 25)]


@pytest.mark.ocpp("2.0.1:K01.FR.15")
def test_an_own_default_takes_the_place_of_the_stations() -> None:  # 1.6 section 3.13.1
    every = installed(1, "TxDefaultProfile", 0, {0: 10}, evse=0)
    own = installed(2, "TxDefaultProfile", 0, {0: 20}, evse=1, duration_s=100)
    assert limits(composite(every, own)) == [(0, 20), (100, 32)]
    assert limits(composite(every, own, evse=2)) == [(0, 10)]


def test_a_day_s_peak_hours_and_their_exception() -> None:  # 2.1 part 2 K 3.7.1
    peak = installed(
        1, "TxDefaultProfile", 1, {0: 2000}, unit="W", kind="Recurring", recurrency="Daily", duration_s=3600
    )
    sunday = installed(
        2, "TxDefaultProfile", 2, {0: 999_999}, unit="W", kind="Recurring", recurrency="Weekly", duration_s=86_400
    )
    found = limits(composite(peak, sunday, duration=2 * 86_400), "W")
    assert found == [(0, 22_080), (86_400, 2000), (90_000, 22_080)]


@pytest.mark.ocpp("2.0.1:K01.FR.50", "2.0.1:K01.FR.51", "2.0.1:K01.FR.49")
def test_w_and_a_are_compared_by_phases_and_nominal_voltage() -> None:  # K01.FR.50, 51
    three = installed(1, "TxDefaultProfile", 0, {0: 11_040}, unit="W")
    assert limits(composite(three)) == [(0, 16.0)]
    assert limits(composite(three), "W") == [(0, 11_040)]
    amps = installed(2, "ChargingStationMaxProfile", 0, {0: 10}, evse=0)
    assert limits(composite(three, amps)) == [(0, 10)]
    one = installed(1, "TxDefaultProfile", 0, {0: 3_680}, unit="W", phases=1)
    found = composite(one)
    assert limits(found) == [(0, 16.0)]
    assert found.rows("W")[0][1:] == (3_680, 1, None)


def test_a_limit_is_never_rounded_up() -> None:
    assert rounded(15.999, 1) == 15.9
    assert rounded(16.0 - 1e-9, 1) == 16.0  # binary fractions
    assert rounded(0.3, 1) == 0.3


def test_each_outside_source_holds_whatever_the_other_says() -> None:
    ems = installed(-1, "ChargingStationExternalConstraints", 0, {0: 20}, evse=0, source="EMS")
    grid = installed(-2, "ChargingStationExternalConstraints", 1, {0: 25}, evse=0, source="SO")
    found = composite(ems, grid)
    assert limits(found) == [(0, 20)]
    assert found.periods[0].limit.source == "EMS: profile -1 ChargingStationExternalConstraints stack 0"


def test_generation_comes_on_top_within_what_the_board_can() -> None:  # SC.01
    base = installed(1, "TxDefaultProfile", 0, {0: 10}, evse=0)
    sun = installed(2, "LocalGeneration", 0, {0: 5, 100: 30}, evse=0)
    assert limits(composite(base, sun)) == [(0, 15), (100, 32)]


def test_a_long_offline_spell_ends_a_profile_that_says_so() -> None:  # K01.FR.101
    bold = installed(1, "TxDefaultProfile", 1, {0: 32}, max_offline_s=60)
    careful = installed(2, "TxDefaultProfile", 0, {0: 10})
    assert limits(composite(bold, careful)) == [(0, 32)]
    assert limits(composite(bold, careful, offline_since=T - 30)) == [(0, 32), (30, 10)]


def test_a_full_battery_gets_less() -> None:  # K01.FR.100
    capped = installed(1, "TxDefaultProfile", 0, {0: 32}, limit_at_soc=LimitAtSoc(80, 8.0))
    assert limits(composite(capped, soc_percent=79)) == [(0, 32)]
    assert limits(composite(capped, soc_percent=80)) == [(0, 8)]
    assert limits(composite(capped)) == [(0, 32)]


def test_random_delays_are_drawn_once_and_spare_the_first_period_and_the_end() -> None:  # K01.FR.92-94
    spread = installed(1, "TxDefaultProfile", 0, {0: 6, 100: 16, 200: 10}, duration_s=300, randomized_delay_s=50)
    first, second = (composite(spread, transaction_id="one", began=T) for _ in range(2))
    assert first == second
    starts = [each.start_s for each in first.periods]
    assert starts[0] == 0 and 100 < starts[1] < 150 and 200 < starts[2] < 250 and starts[3] == 300
    other = [each.start_s for each in composite(spread, transaction_id="two", began=T).periods]
    assert other != starts
    assert [each.start_s for each in composite(spread).periods] == [0, 100, 200, 300]  # K08.FR.06


def test_a_schedule_with_too_many_changes_ends_where_no_more_can_be_told() -> None:
    busy = installed(
        1, "TxDefaultProfile", 0, {n * 60: 6 + n % 2 for n in range(200)}, kind="Recurring", recurrency="Daily"
    )
    found = composite(busy, duration=20 * 86_400)
    assert len(found.periods) == 1024
    assert found.duration_s < 20 * 86_400


def test_on_dc_limits_in_a_and_in_w_hold_side_by_side() -> None:
    dc = Electrics(500.0, 1, 400.0, dc=True, max_w=150_000.0)
    power = installed(1, "ChargingStationMaxProfile", 0, {0: 50_000}, evse=0, unit="W")
    current = installed(2, "TxDefaultProfile", 0, {0: 130})
    found = instant(layers([power, current], 1), T, Circumstances(), dc)
    assert (found.said_a, found.said_w) == (130, 50_000)  # 50 kW at 300 V would be 167 A
    assert found.watts == 50_000 and found.unit == "W"
    assert instant(layers([], 1), T, Circumstances(), dc)[:2] == (500.0, 150_000.0)
    weak = installed(3, "TxDefaultProfile", 0, {0: 20})
    assert instant(layers([power, weak], 1), T, Circumstances(), dc)[:2] == (20, 8_000.0)


def test_what_changed_in_the_second_that_runs_holds_from_its_start() -> None:
    profile = installed(1, "TxProfile", 0, {0: 10, 60: 8}, kind="Relative")
    found = composite(profile, at=T, began=T + 0.6)  # plugged in at .6, asked at .8: the schedule begins at .0
    assert [(row.start_s, row.limit) for row in found.rows("A", passed_s=0.8)] == [(0, 10), (61, 8)]
    assert limits(found)[0] == (0, 32)
