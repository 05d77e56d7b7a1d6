"""Plans of the station as ISO 15118-2 SAScheduleList, the car's choice checked against them, and when a new one pays.

Pure: times are s since the schedule was made. What the plans are is the station's (`firmware.station.schedule`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from firmware.station import sales_tariff
from firmware.station.schedule import Plan
from firmware.v2g.messages.iso2 import (
    PhysicalValue,
    PMaxScheduleEntry,
    PowerDeliveryReq,
    ProfileEntry,
    RelativeTimeInterval,
    ResponseCode,
    SalesTariff,
    SaScheduleList,
    SaScheduleTuple,
    Unit,
)

A_DAY_S: Final = 86_400  # a schedule covers 24 h unless the car leaves earlier; also the longest duration of an entry
MOST_ENTRIES: Final = 1024
MOST_TUPLES: Final = 3
SAME_SHARE: Final = 0.1  # steps that differ by less are the same shape
SAME_STEP_S: Final = 60.0


@dataclass(frozen=True)
class Step:
    """At most `power_w` from `start_s` on."""

    start_s: int
    power_w: int


Course = tuple[Step, ...]  # power over time; begins at 0


@dataclass(frozen=True)
class Schedule:
    """What was offered, by tuple id, at `made_at` (s on the session's clock), until `horizon_s` after that. `tariffs`:
    of the plans, by the same ids; `most_entries`: what the car can take of each list."""

    courses: dict[int, Course]
    made_at: float
    horizon_s: int
    tariffs: dict[int, sales_tariff.SalesTariff] = field(default_factory=dict)
    most_entries: int = MOST_ENTRIES

    @property
    def power_now_w(self) -> int:
        return max(course[0].power_w for course in self.courses.values())


def make(
    plans: Sequence[Plan],
    made_at: float,
    horizon_s: float,
    *,
    voltage_v: float,
    phases: int,
    most_entries: int | None = None,
) -> Schedule:
    """Plans in W for this many phases. Too many steps for the car are folded into fewer, never above the plan."""
    most = min(most_entries or MOST_ENTRIES, MOST_ENTRIES)
    horizon = max(1, int(horizon_s))
    courses = {
        plan.id: _folded(_course(plan, horizon, voltage_v, phases), most) for plan in plans[:MOST_TUPLES] if plan.spans
    }
    tariffs = {plan.id: plan.tariff for plan in plans if plan.id in courses and plan.tariff is not None}
    return Schedule(courses, made_at, horizon, tariffs, most)


def _course(plan: Plan, horizon_s: int, voltage_v: float, phases: int) -> Course:
    steps: list[Step] = []
    for span in sorted(plan.spans, key=lambda each: each.start_s):
        step = Step(max(0, int(span.start_s)), int(span.watts(voltage_v, phases)))
        if step.start_s >= horizon_s:
            break
        if steps and steps[-1].start_s == step.start_s:
            steps.pop()
        if not steps or steps[-1].power_w != step.power_w:
            steps.append(step)
    first = steps[0] if steps else Step(0, 0)
    return tuple(steps) if first.start_s == 0 and steps else (Step(0, first.power_w), *steps[1:])


def _folded(course: Course, most: int) -> Course:
    """The tail in one step, at its lowest power."""
    if len(course) <= most:
        return course
    head, tail = course[: most - 1], course[most - 1 :]
    return (*head, Step(tail[0].start_s, min(step.power_w for step in tail)))


def sa_schedules(schedule: Schedule, tariffs: dict[int, SalesTariff]) -> SaScheduleList:
    """`tariffs`: by tuple id, as their signer made them."""
    return SaScheduleList(
        sa_schedule_tuple=tuple(
            SaScheduleTuple(
                sa_schedule_tuple_id=number,
                p_max_schedule=_entries(course, schedule.horizon_s),
                sales_tariff=tariffs.get(number),
            )
            for number, course in schedule.courses.items()
        )
    )


def _entries(course: Course, horizon_s: int) -> tuple[PMaxScheduleEntry, ...]:
    """Only the last entry says how long it lasts; the others last until the next begins."""
    last = course[-1]
    return tuple(
        PMaxScheduleEntry(
            time_interval=RelativeTimeInterval(
                start=step.start_s, duration=min(A_DAY_S, horizon_s - step.start_s) if step is last else None
            ),
            p_max=PhysicalValue.of(step.power_w, Unit.W),
        )
        for step in course
    )


def power_at(course: Course, time_s: float) -> int:
    """What the course allows at a time of it, in W."""
    return next((step.power_w for step in reversed(course) if step.start_s <= time_s), course[0].power_w)


def refusal(schedule: Schedule | None, start: PowerDeliveryReq) -> ResponseCode | None:
    """What is wrong with the car's choice and its charging profile, if anything."""
    course = None if schedule is None else schedule.courses.get(start.sa_schedule_tuple_id)
    if course is None:
        return ResponseCode.FAILED_TariffSelectionInvalid
    if not _within(start.charging_profile or (), course):
        return ResponseCode.FAILED_ChargingProfileInvalid
    return None


def _within(profile: Sequence[ProfileEntry], course: Course) -> bool:
    """At no time more than offered: looked at where either of them changes."""
    if not profile:
        return True
    starts = [entry.charging_profile_entry_start for entry in profile]
    for entry, end in zip(profile, [*starts[1:], float("inf")], strict=True):
        begin = entry.charging_profile_entry_start
        changes = [begin, *(step.start_s for step in course if begin < step.start_s < end)]
        if any(float(entry.charging_profile_entry_max_power) > power_at(course, time) for time in changes):
            return False
    return all(a < b for a, b in pairwise(starts))


def change_of_shape(agreed: Schedule, chosen: int, now: Schedule, gain_w: float) -> str:
    """Why the car should plan anew, "" when it need not. Less power now is no reason: that goes out as a limit with
    the next answer. More now is, and so is another course of what is to come."""
    ours, fresh = agreed.courses.get(chosen), now.courses.get(chosen)
    if ours is None or fresh is None:
        return "the chosen schedule is offered no longer"
    passed = now.made_at - agreed.made_at
    promised = power_at(ours, passed)
    if fresh[0].power_w - promised >= gain_w:
        return f"{fresh[0].power_w} W instead of {promised} W"
    until = agreed.horizon_s - passed
    for step in (*fresh[1:], *(Step(int(step.start_s - passed), step.power_w) for step in ours)):
        if not SAME_STEP_S < step.start_s < until - SAME_STEP_S:
            continue
        then, before = power_at(fresh, step.start_s + SAME_STEP_S), power_at(ours, step.start_s + passed + SAME_STEP_S)
        lowered_all_along = len(fresh) == 1 and then <= before
        if abs(then - before) > SAME_SHARE * max(then, before) and not lowered_all_along:
            return f"in {step.start_s} s {then} W instead of {before} W"
    return ""
