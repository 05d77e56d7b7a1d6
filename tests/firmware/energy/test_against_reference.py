"""The composite schedule against a slow, obvious reference that shares none of its code: no bisection, no stepping, no
early exit. Random stacks of profiles; 10^5 of them:

    python tests/firmware/energy/test_against_reference.py 100000
"""

import math
import random
import sys
import time
from dataclasses import dataclass

import pytest

from firmware.energy.composite import Composite, View
from firmware.energy.instant import Electrics, layers
from firmware.energy.rules import Abilities, Place, Request, refusal
from firmware.energy.timeline import Circumstances
from firmware.station.charging_profile import Installed, LimitAtSoc, LimitSource, Period, Profile, Schedule
from firmware.station.smart_charging import Edition

NOW = 1_800_000_000
WINDOW = 3 * 86_400
IN_SUITE = 1_000
EDITIONS: tuple[Edition, ...] = ("1.6", "2.0.1", "2.1")


@dataclass
class World:
    """One random case, in the terms of both."""

    installed: list[Installed]
    around: dict[int, Circumstances]
    electrics: dict[int, Electrics]
    site: Electrics
    offline_since: float | None
    priority: frozenset[int]

    def view(self) -> View:
        evses = {n: (layers(self.installed, n), self.around[n], self.electrics[n]) for n in self.around}
        return View(evses, layers(self.installed, 0), self.site, self.offline_since, self.priority)


# --- the reference ------------------------------------------------------------------------------------------------


def period_at(item: Installed, t: float, around: Circumstances, began: float) -> Period | None:
    """Written from the requirements' text, for one second at a time."""
    p = item.profile
    if item.outlived:
        return None
    if p.transaction_id is not None and p.transaction_id != around.transaction_id:
        return None
    if p.valid_from is not None and t < p.valid_from:
        return None
    if p.valid_to is not None and t >= p.valid_to:
        return None
    if around.offline_since is not None and p.max_offline_s is not None and t - around.offline_since >= p.max_offline_s:
        return None
    schedule = p.schedules[around.chosen] if around.chosen < len(p.schedules) else p.schedules[0]
    if p.kind == "Relative":
        transactional = p.purpose in ("TxProfile", "TxDefaultProfile", "PriorityCharging")
        start = began if transactional else item.received
    elif p.kind == "Dynamic" or schedule.start is None:
        start = item.received
    else:
        start = schedule.start
    if p.kind == "Recurring":
        step = 86_400 if p.recurrency == "Daily" else 604_800
        while start + step <= t:
            start += step
    into = t - start
    if into < 0:
        return None
    if schedule.duration_s is not None and into >= schedule.duration_s:
        return None
    found = None
    for period in schedule.periods:
        if period.start_s <= into:
            found = period
    return found


def leader(items: list[Installed], t: float, around: Circumstances, began: float) -> tuple[Installed, Period] | None:
    best = None
    for item in items:
        period = period_at(item, t, around, began)
        if period is not None and (best is None or item.profile.stack_level > best[0].profile.stack_level):
            best = (item, period)
    return best


def per_phase(lead: tuple[Installed, Period], electrics: Electrics, around: Circumstances) -> float:
    item, period = lead
    schedules = item.profile.schedules
    schedule = schedules[around.chosen] if around.chosen < len(schedules) else schedules[0]
    if period.limit is None:
        return math.inf
    limit = period.limit
    cap = schedule.limit_at_soc
    if cap is not None and around.soc_percent is not None and around.soc_percent >= cap.soc_percent:
        limit = min(limit, cap.limit)
    if schedule.unit == "A":
        return limit
    return limit / electrics.voltage_v / (period.phases or electrics.phases)


def reference(world: World, evse: int, t: float, asked: float) -> float:
    """A per phase at `t`."""
    if evse == 0:
        electrics, around = world.site, Circumstances(offline_since=world.offline_since)
        began, mine = t, [i for i in world.installed if i.evse == 0]
    else:
        electrics, around = world.electrics[evse], world.around[evse]
        began = asked if around.began is None else around.began
        mine = [i for i in world.installed if i.evse in (0, evse)]
    candidates = []
    if evse:
        default = [i for i in mine if i.profile.purpose == "TxDefaultProfile"]
        own_levels = {i.profile.stack_level for i in default if i.evse == evse}
        default = [i for i in default if i.evse == evse or i.profile.stack_level not in own_levels]
        own = None
        if evse in world.priority:
            boost = [i for i in mine if i.profile.purpose == "PriorityCharging"]
            levels = {i.profile.stack_level for i in boost if i.evse == evse}
            boost = [i for i in boost if i.evse == evse or i.profile.stack_level not in levels]
            own = leader(boost, t, around, began)
        own = own or leader([i for i in mine if i.profile.purpose == "TxProfile" and i.evse], t, around, began)
        own = own or leader(default, t, around, began)
        candidates.append(own)
    maxima = [i for i in mine if i.profile.purpose == "ChargingStationMaxProfile"]
    candidates.append(leader(maxima, t, around, began))
    for owner in {0, evse}:
        for source in ("EMS", "SO"):
            outside = [i for i in mine if i.profile.purpose == "ChargingStationExternalConstraints"]
            outside = [i for i in outside if i.evse == owner and i.source == source]
            candidates.append(leader(outside, t, around, began))
    limits = [per_phase(each, electrics, around) for each in candidates if each is not None]
    amps = min(limits, default=math.inf)
    for owner in {0, evse}:
        generated = [i for i in mine if i.profile.purpose == "LocalGeneration" and i.evse == owner]
        extra = leader(generated, t, around, began)
        if extra is not None and amps < math.inf:
            more = per_phase(extra, electrics, around)
            amps += more if more < math.inf else 0
    amps = min(amps, electrics.max_a)
    if evse == 0:
        amps = min(amps, sum(reference(world, each, t, asked) for each in world.around))
    return amps


# --- random worlds ------------------------------------------------------------------------------------------------


def random_schedule(dice: random.Random, kind: str, purpose: str) -> Schedule:
    count = 1 if kind == "Dynamic" else dice.choice([1, 1, 2, 3, 5, 24])
    starts = [0, *sorted(dice.sample(range(1, dice.choice([60, 3_600, 2 * 86_400])), count - 1))]
    unit = dice.choice(["A", "W"])
    periods = []
    for start in starts:
        limit = (
            dice.choice([0, 6, 8, 10, 13.3, 16, 32]) if unit == "A" else dice.choice([0, 1_380, 4_140, 11_000, 22_000])
        )
        phases = dice.choice([None, None, 1, 2, 3])
        periods.append(Period(start, None if dice.random() < 0.03 else float(limit), phases))
    anchored = kind in ("Absolute", "Recurring") and dice.random() < 0.95
    return Schedule(
        "A" if unit == "A" else "W",
        tuple(periods),
        start=NOW + dice.randint(-20 * 86_400, WINDOW) if anchored else None,
        duration_s=dice.choice([None, 30, 600, 40_000, 86_400, 100_000, 700_000]) if kind != "Dynamic" else None,
        limit_at_soc=LimitAtSoc(80, float(dice.choice([6, 2_000]))) if dice.random() < 0.1 else None,
    )


def random_profile(dice: random.Random, number: int, purpose: str, level: int) -> Profile:
    kind = dice.choice(["Absolute", "Recurring", "Relative", "Absolute", "Recurring", "Relative", "Dynamic"])
    begins = dice.choice([None, None, NOW + dice.randint(-WINDOW, WINDOW)])
    return Profile(
        number,
        purpose,  # type: ignore[arg-type]
        kind,  # type: ignore[arg-type]
        level,
        tuple(random_schedule(dice, kind, purpose) for _ in range(dice.choice([1, 1, 1, 3]))),
        recurrency=("Daily" if dice.random() < 0.6 else "Weekly") if kind == "Recurring" else None,
        valid_from=begins,
        valid_to=dice.choice([None, None, (begins or NOW) + dice.randint(0, WINDOW)]),
        transaction_id="tx" if purpose == "TxProfile" else None,
        max_offline_s=dice.choice([None, None, None, dice.randint(0, WINDOW)]),
    )


def random_world(dice: random.Random) -> World:
    installed: list[Installed] = []
    places = [
        ("ChargingStationMaxProfile", (0,)),
        ("TxDefaultProfile", (0, 1, 2)),
        ("TxProfile", (1, 2)),
        ("ChargingStationExternalConstraints", (0, 1)),
        ("PriorityCharging", (0, 1)),
        ("LocalGeneration", (0, 2)),
    ]
    for purpose, evses in places:
        for evse in evses:
            for level in dice.sample(range(4), dice.choice([0, 1, 1, 2, 3])):
                profile = random_profile(dice, len(installed) + 1, purpose, level)
                source: LimitSource = "SO" if dice.random() < 0.3 else "EMS"
                received = NOW - dice.randint(0, WINDOW)
                installed.append(Installed(evse, profile, received, source, outlived=dice.random() < 0.02))
    offline = NOW - dice.randint(0, WINDOW) if dice.random() < 0.2 else None
    around = {}
    for evse in (1, 2):
        running = dice.random() < 0.7
        around[evse] = Circumstances(
            transaction_id=dice.choice(["tx", "tx", "another"]) if running else None,
            began=NOW - dice.randint(0, 10_000) if running else None,
            offline_since=offline,
            soc_percent=dice.choice([None, 50, 90]),
            chosen=dice.choice([0, 0, 1, 2]),
        )
    electrics = {n: Electrics(dice.choice([16.0, 32.0, 63.0]), dice.choice([1, 3])) for n in (1, 2)}
    priority = frozenset({1}) if dice.random() < 0.3 else frozenset()
    return World(installed, around, electrics, Electrics(dice.choice([40.0, 1_000.0])), offline, priority)


def boundaries(world: World, start: int, end: int, asked: float) -> set[float]:
    """Every second at which anything could change, found the long way."""
    found: set[float] = set()
    for item in world.installed:
        p = item.profile
        found |= {t for t in (p.valid_from, p.valid_to) if t is not None}
        if world.offline_since is not None and p.max_offline_s is not None:
            found.add(world.offline_since + p.max_offline_s)
        for schedule in p.schedules:
            anchors = [item.received, asked] + [a.began for a in world.around.values() if a.began is not None]
            anchors += [schedule.start] if schedule.start is not None else []
            step = 86_400 if p.recurrency == "Daily" else 604_800
            for anchor in anchors:
                begin = anchor
                while begin <= end:
                    found |= {begin + period.start_s for period in schedule.periods}
                    found |= {begin + schedule.duration_s} if schedule.duration_s is not None else {begin}
                    begin += step if p.kind == "Recurring" else end
    return {t for t in found if start <= t < end}


# --- the comparison -----------------------------------------------------------------------------------------------


def amps_in(composite: Composite, t: float) -> float:
    return [each for each in composite.periods if composite.start + each.start_s <= t][-1].limit.amps


def differences(seed: int) -> list[str]:
    dice = random.Random(seed)
    world = random_world(dice)
    view = world.view()
    evse = dice.choice([0, 1, 1, 2])
    duration = dice.choice([1, 300, 86_400, WINDOW])
    composite = view.composite(evse, NOW, duration)
    end = int(min(NOW + duration, NOW + composite.duration_s))
    edges = sorted(boundaries(world, NOW, end, NOW))
    dice.shuffle(edges)
    looked = {float(NOW), end - 1.0, *(NOW + dice.randrange(end - NOW) for _ in range(10))}
    for edge in edges[:25]:
        looked |= {edge - 1, edge, edge + 1}
    looked |= {composite.start + each.start_s for each in composite.periods[:25]}
    wrong = []
    for t in looked:
        if NOW <= t < end:
            expected, got = reference(world, evse, t, NOW), amps_in(composite, t)
            if not math.isclose(expected, got, rel_tol=1e-9, abs_tol=1e-9):
                wrong.append(f"seed {seed}, EVSE {evse}, {t - NOW:g} s: reference {expected} A, schedule {got} A")
    return wrong


@pytest.mark.ocpp("2.0.1:K01.FR.13", "2.0.1:K01.FR.36", "2.0.1:K01.FR.37", "2.0.1:K01.FR.12", "2.0.1:K01.FR.49")
def test_every_instant_of_a_schedule_is_what_the_reference_says() -> None:
    for seed in range(IN_SUITE):
        assert differences(seed) == []


def test_second_by_second_where_much_happens() -> None:
    for seed in range(40):
        world = random_world(random.Random(10_000_000 + seed))
        composite = world.view().composite(1, NOW, 400)
        for second in range(400):
            expected = reference(world, 1, NOW + second, NOW)
            assert math.isclose(expected, amps_in(composite, NOW + second), rel_tol=1e-9, abs_tol=1e-9), (seed, second)


def test_whatever_is_sent_is_accepted_or_refused_and_what_is_accepted_can_be_followed() -> None:
    dice = random.Random(7)
    places = {1: Place(Electrics(32.0), "tx", talks=True), 2: Place(Electrics(32.0, 1))}
    accepted = 0
    for number in range(1_000):
        purpose = dice.choice(["TxDefaultProfile", "TxProfile", "ChargingStationMaxProfile", "PriorityCharging"])
        profile = random_profile(dice, number, purpose, dice.randint(0, 3))
        edition = dice.choice(EDITIONS)
        evse = dice.choice([0, 1, 2, 3])
        if refusal(Request(evse, profile, edition, places, (), Abilities())) is None:
            accepted += 1
            stack = layers([Installed(evse, profile, NOW)], evse)
            around = Circumstances("tx", NOW)
            View({1: (stack, around, Electrics(32.0))}, stack, Electrics(63.0)).composite(1, NOW, 86_400)
    assert accepted > 50


if __name__ == "__main__":
    began, count, wrong = time.monotonic(), int(sys.argv[1]), 0
    for each in range(count):
        for line in differences(each):
            wrong += 1
            print(line)
    print(f"{count} stacks, {wrong} differences, {time.monotonic() - began:.0f} s")
    sys.exit(1 if wrong else 0)
