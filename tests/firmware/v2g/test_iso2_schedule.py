"""Plans as -2 schedules: what is offered, what the car may choose, and when a new plan is worth asking for."""

from typing import Any

import pytest

from firmware.station.schedule import Plan, Span
from firmware.v2g.messages import iso2
from firmware.v2g.sessions.iso2_schedule import Schedule, Step, change_of_shape, make, refusal, sa_schedules

HOUR = 3600.0


def schedule(*spans: Span, horizon_s: float = 6 * HOUR, at: float = 0.0, most: int | None = None) -> Schedule:
    return make((Plan(7, spans),), at, horizon_s, voltage_v=230, phases=3, most_entries=most)


def test_amperes_become_watts_of_the_phases_that_the_car_uses() -> None:
    plan = Plan(1, (Span(0, 16, "A", 3), Span(HOUR, 10, "A", 1), Span(2 * HOUR, 5000, "W")))
    three = make((plan,), 0, 6 * HOUR, voltage_v=230, phases=3)
    assert three.courses[1] == (Step(0, 11_040), Step(3600, 2_300), Step(7200, 5_000))
    one = make((plan,), 0, 6 * HOUR, voltage_v=230, phases=1)
    assert one.courses[1] == (Step(0, 3_680), Step(3600, 2_300), Step(7200, 5_000))


def test_only_the_last_entry_has_a_duration_and_the_horizon_is_covered() -> None:
    message = sa_schedules(schedule(Span(0, 11_000, "W"), Span(HOUR, 4_000, "W")), {})
    [one] = message.sa_schedule_tuple
    assert one.sa_schedule_tuple_id == 7
    intervals: list[Any] = [each.time_interval for each in one.p_max_schedule]
    assert [(each.start, each.duration) for each in intervals] == [(0, None), (3600, 5 * 3600)]


def test_equal_steps_and_what_lies_behind_the_horizon_are_left_out() -> None:
    made = schedule(Span(0, 11_000, "W"), Span(60, 11_000, "W"), Span(7 * HOUR, 1, "W"))
    assert made.courses[7] == (Step(0, 11_000),)


def test_too_many_steps_for_the_car_are_folded_to_their_lowest() -> None:
    made = schedule(*(Span(index * 600, 10_000 - index * 100, "W") for index in range(20)), most=12)
    assert len(made.courses[7]) == 12
    assert made.courses[7][-1] == Step(11 * 600, 8_100)


def test_at_most_three_plans_are_shown() -> None:
    plans = [Plan(number, (Span(0, 1000, "W"),)) for number in range(1, 6)]
    assert set(make(plans, 0, HOUR, voltage_v=230, phases=3).courses) == {1, 2, 3}


def start(*profile: tuple[int, float], number: int = 7) -> iso2.PowerDeliveryReq:
    entries = tuple(
        iso2.ProfileEntry(
            charging_profile_entry_start=begin, charging_profile_entry_max_power=iso2.PhysicalValue.of(power, "W")
        )
        for begin, power in profile
    )
    return iso2.PowerDeliveryReq(
        charge_progress=iso2.ChargeProgress.Start, sa_schedule_tuple_id=number, charging_profile=entries or None
    )


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (start(), None),
        (start((0, 11_000), (3600, 4_000)), None),
        (start((0, 4_000), (1800, 11_000), (3599, 4_000)), None),
        (start((0, 11_000), (3601, 4_000)), "FAILED_ChargingProfileInvalid"),  # one second too long
        (start((0, 11_010)), "FAILED_ChargingProfileInvalid"),
        (start((0, 11_000)), "FAILED_ChargingProfileInvalid"),  # never comes down
        (start((0, 4_000), (3600, 1_000), (1800, 1_000)), "FAILED_ChargingProfileInvalid"),  # runs backwards
        (start(number=8), "FAILED_TariffSelectionInvalid"),
    ],
)
def test_the_car_s_choice_is_held_against_the_offer(request_: iso2.PowerDeliveryReq, code: str | None) -> None:
    assert refusal(schedule(Span(0, 11_000, "W"), Span(HOUR, 4_000, "W")), request_) == code


AGREED = (Span(0, 8_000, "W"), Span(HOUR, 4_000, "W"), Span(3 * HOUR, 11_000, "W"))


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ((Span(0, 8_000, "W"), Span(HOUR / 2, 4_000, "W"), Span(2.5 * HOUR, 11_000, "W")), ""),  # half an hour later
        ((Span(0, 3_000, "W"),), ""),  # a lower limit, for how long is unknown: that goes out as a limit
        ((Span(0, 5_000, "W"), Span(HOUR / 2, 4_000, "W"), Span(2.5 * HOUR, 11_000, "W")), ""),
        ((Span(0, 8_200, "W"), Span(HOUR / 2, 4_100, "W"), Span(2.5 * HOUR, 11_000, "W")), ""),  # the same shape
        ((Span(0, 11_000, "W"),), "11000 W instead of 8000 W"),
        ((Span(0, 8_000, "W"), Span(HOUR / 2, 4_000, "W")), "in 9000 s 4000 W instead of 11000 W"),
        ((Span(0, 8_000, "W"), Span(HOUR, 4_000, "W"), Span(2.5 * HOUR, 11_000, "W")), "8000 W instead of 4000 W"),
    ],
)
def test_only_another_shape_or_more_power_is_worth_a_new_plan(now: tuple[Span, ...], why: str) -> None:
    fresh = schedule(*now, horizon_s=5.5 * HOUR, at=HOUR / 2)
    assert why in change_of_shape(schedule(*AGREED), 7, fresh, 1400)
    assert bool(why) == bool(change_of_shape(schedule(*AGREED), 7, fresh, 1400))


def test_a_plan_that_is_gone_must_be_chosen_anew() -> None:
    assert "no longer" in change_of_shape(schedule(*AGREED), 8, schedule(*AGREED), 1400)
