"""Limits with who set them; the shared budget as a pure function: never more in force than there is."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.config import BudgetSettings, EvseSettings
from firmware.station.charging_facts import LimitChanged
from firmware.station.commands import SetLimit
from firmware.station.limits import Limit, Share, Want, divide, lowest


def test_the_lowest_bound_counts_and_of_equals_the_first() -> None:
    assert lowest([Limit(32, "hardware"), Limit(16, "cable"), Limit(16, "csms")]) == Limit(16, "cable")
    assert lowest([]) == Limit(0.0, "hardware")


def run(shares: dict[int, Share], wants: list[Want], budget: float, start: float, seconds: int) -> dict[int, Share]:
    for second in range(seconds):
        shares = divide(shares, wants, budget, start + second)
    return shares


def allotted(shares: dict[int, Share]) -> dict[int, float]:
    return {evse: round(share.allotted_a, 1) for evse, share in shares.items()}


def test_one_car_gets_what_it_can_take_at_once() -> None:
    assert allotted(divide({}, [Want(1, 32.0)], 40.0, 0.0)) == {1: 32.0}


def test_two_cars_share_equally_after_the_first_had_time_to_follow() -> None:
    alone = divide({}, [Want(1, 32.0)], 32.0, 0.0)
    both = [Want(1, 32.0, 32.0), Want(2, 32.0, 0.0)]
    cut = divide(alone, both, 32.0, 10.0)
    assert allotted(cut) == {1: 16.0, 2: 0.0}  # car 1 may still draw 32 A
    assert allotted(divide(cut, both, 32.0, 15.9)) == {1: 16.0, 2: 0.0}
    assert allotted(divide(cut, both, 32.0, 16.0)) == {1: 16.0, 2: 16.0}


def test_who_can_take_less_leaves_the_rest() -> None:
    assert allotted(divide({}, [Want(1, 10.0), Want(2, 32.0)], 32.0, 0.0)) == {1: 10.0, 2: 22.0}


def test_a_car_that_draws_less_frees_current_and_gets_it_back_when_it_asks() -> None:
    wants = [Want(1, 32.0, 8.0), Want(2, 32.0, 16.0)]
    shares = divide({}, wants, 32.0, 0.0)
    assert allotted(shares) == {1: 16.0, 2: 16.0}
    assert allotted(run(shares, wants, 32.0, 0.0, 29)) == {1: 16.0, 2: 16.0}
    lent = run(shares, wants, 32.0, 0.0, 45)
    assert allotted(lent) == {1: 10.0, 2: 22.0}
    assert allotted(run(lent, [Want(1, 32.0, 8.5), Want(2, 32.0, 22.0)], 32.0, 45, 60)) == {1: 10.0, 2: 22.0}
    back = run(lent, [Want(1, 32.0, 9.8), Want(2, 32.0, 22.0)], 32.0, 45, 10)
    assert allotted(back) == {1: 16.0, 2: 16.0}


def test_too_little_for_all_is_served_in_turn() -> None:
    wants = [Want(1, 16.0, 6.0), Want(2, 16.0, 6.0), Want(3, 16.0, 6.0)]
    shares = divide({}, wants, 13.0, 0.0)
    assert [share.allotted_a > 0 for share in shares.values()] == [True, True, False]
    later = run(shares, wants, 13.0, 0.0, 899)
    assert later[3].allotted_a == 0
    turned = run(later, wants, 13.0, 899.0, 10)
    assert turned[3].allotted_a >= 6
    assert sum(share.allotted_a > 0 for share in turned.values()) == 2


def test_a_silent_car_gives_up_its_turn_early() -> None:
    wants = [Want(1, 16.0, 0.0, asks=False), Want(2, 16.0, 6.0)]
    shares = divide({}, wants, 8.0, 0.0)
    assert allotted(shares) == {1: 8.0, 2: 0.0}
    assert allotted(run(shares, wants, 8.0, 1.0, 70))[2] >= 6.0


def test_a_car_that_has_charged_and_sleeps_lends_even_its_least_share() -> None:
    full = Want(1, 16.0, 0.0, asks=False, charged=True)
    shares = run({}, [full, Want(2, 16.0, 10.0)], 16.0, 0.0, 590)
    assert allotted(shares) == {1: 6.0, 2: 10.0}
    shares = run(shares, [full, Want(2, 16.0, 10.0)], 16.0, 590.0, 30)
    assert allotted(shares) == {1: 0.0, 2: 16.0}
    shares = run(shares, [full, Want(2, 16.0, 16.0)], 16.0, 620.0, 60)
    assert allotted(shares) == {1: 0.0, 2: 16.0}
    awake = [Want(1, 16.0, 0.0, asks=True, charged=True), Want(2, 16.0, 16.0)]
    assert allotted(run(shares, awake, 16.0, 680.0, 20)) == {1: 8.0, 2: 8.0}


def test_a_sleeping_car_keeps_its_share_while_nobody_is_short_or_it_has_not_charged_yet() -> None:
    alone = [Want(1, 16.0, 0.0, asks=False, charged=True), Want(2, 16.0, 16.0)]
    assert allotted(run({}, alone, 32.0, 0.0, 700))[1] >= 6.0
    timer = [Want(1, 16.0, 0.0, asks=False), Want(2, 16.0, 10.0)]
    assert allotted(run({}, timer, 16.0, 0.0, 700))[1] >= 6.0


def test_a_turn_is_kept_while_nobody_waits() -> None:
    wants = [Want(1, 16.0, 16.0)]
    assert allotted(run({}, wants, 16.0, 0.0, 1000)) == {1: 16.0}


def test_a_paused_evse_keeps_its_current_counted_until_the_car_followed() -> None:
    shares = divide({}, [Want(1, 20.0, 20.0)], 20.0, 0.0)
    paused = [Want(1, 0.0, 20.0), Want(2, 20.0)]
    assert allotted(divide(shares, paused, 20.0, 1.0)) == {1: 0.0, 2: 0.0}
    assert allotted(run(shares, paused, 20.0, 1.0, 8)) == {1: 0.0, 2: 20.0}


def test_less_than_six_ampere_is_nothing() -> None:
    assert allotted(divide({}, [Want(1, 32.0)], 5.9, 0.0)) == {1: 0.0}


want = st.builds(
    Want,
    evse=st.integers(1, 5),
    max_a=st.sampled_from([0.0, 6.0, 10.0, 16.0, 20.0, 32.0, 63.0]),
    drawing_a=st.one_of(st.none(), st.floats(0, 63)),
    asks=st.booleans(),
    charged=st.booleans(),
)
moment = st.tuples(
    st.lists(want, max_size=5, unique_by=lambda each: each.evse), st.floats(0, 100), st.floats(0.1, 40.0)
)


def latest(said: list[tuple[float, float]], now: float) -> float:
    """The highest value that was said within the last 6 s, or is said still: a car may still draw as much."""
    ends = [at for at, _ in said[1:]] + [math.inf]
    return max(value for (_, value), end in zip(said, ends, strict=True) if end > now - 6.0 + 1e-6)


@settings(max_examples=300, deadline=None)
@given(st.lists(moment, min_size=1, max_size=40))
def test_never_more_in_force_than_the_budget(history: list[tuple[list[Want], float, float]]) -> None:
    """Cars come, go, pause and draw as they like; the budget changes. A cut of the budget itself needs the time that
    cars need to follow, so what counts is the highest budget of that time."""
    shares: dict[int, Share] = {}
    budgets: list[tuple[float, float]] = []
    offers: dict[int, list[tuple[float, float]]] = {}  # what each car was told, and from when on
    now = 0.0
    for wants, budget, passes in history:
        # an EVSE leaves only with its contactor open: what it no longer holds, nobody draws
        shares = divide(shares, wants, budget, now)
        offers = {evse: [*offers.get(evse, []), (now, share.allotted_a)] for evse, share in shares.items()}
        budgets.append((now, budget))
        drawn = {evse: latest(told, now) for evse, told in offers.items()}
        assert all(drawn[evse] <= share.in_force(now) for evse, share in shares.items())
        assert sum(drawn.values()) <= latest(budgets, now) + 1e-6
        assert sum(share.allotted_a for share in shares.values()) <= budget + 1e-6
        for each in wants:
            share = shares[each.evse]
            assert share.allotted_a == 0 or 6.0 - 1e-9 <= share.allotted_a <= each.max_a + 1e-9
            assert math.isfinite(share.allotted_a)
        now += passes


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([6.0, 10.0, 16.0, 32.0]), min_size=1, max_size=5), st.floats(6, 120))
def test_nothing_is_left_over_that_somebody_could_take(maxima: list[float], budget: float) -> None:
    wants = [Want(number, amps, None) for number, amps in enumerate(maxima)]
    shares = run({}, wants, budget, 0.0, 20)
    left = budget - sum(share.allotted_a for share in shares.values())
    hungry = [each for each in wants if 0 < shares[each.evse].allotted_a < each.max_a - 0.1]
    assert not hungry or left < 1.0
    waiting = [each for each in wants if shares[each.evse].allotted_a == 0]
    assert not waiting or len(wants) * 6.0 > budget


# --- at a station -------------------------------------------------------------------------------------------------


def test_who_set_the_limit_is_told(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(evse=(EvseSettings(id=1, max_current_a=25.0),)) as b:
            await b.move(level="B", cable_a=20.0)
            await b.station.do(SetLimit(source="csms", limit_a=10.0, evse=1))
            await b.station.do(SetLimit(source="csms", limit_a=None, evse=1))
            told = [(each.limit_a, each.source) for each in b.facts if isinstance(each, LimitChanged)]
            assert told == [(25.0, "site"), (20.0, "cable"), (10.0, "csms"), (20.0, "cable")]
            assert (await b.station.do(SetLimit(source="csms", limit_a=-1.0, evse=1))).status == "Rejected"

    play(scenario())


def test_two_evses_share_the_budget_and_the_guard_is_told(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        evses = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))
        async with bench(evse=evses, budget=BudgetSettings(max_current_a=32.0, failsafe_current_a=6.0)) as b:
            await b.move(1, level="B")
            await b.move(1, level="C", current_a=32.0)
            assert b.peer.connectors[1].grant.limit_a == 32.0
            await b.move(2, level="B")
            assert b.peer.connectors[1].grant.limit_a == 16.0
            assert not b.peer.connectors[2].grant
            assert "waiting in turn" in b.station.evses[2].why()
            b.peer.connectors[1].current_a = 16.0
            await b.pass_time(7)
            assert b.peer.connectors[2].grant.limit_a == 16.0
            assert b.station.evses[2].limit == Limit(16.0, "budget")
            await b.move(1, level="A")
            await b.pass_time(1)
            assert b.peer.connectors[2].grant.limit_a == 32.0

    play(scenario())


def test_the_budget_can_be_set_from_outside_and_lifted(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.station.do(SetLimit(source="energy", limit_a=12.0))
            await b.settle()
            assert b.peer.connectors[1].grant.limit_a == 12.0
            await b.station.do(SetLimit(source="energy", limit_a=None))
            await b.settle()
            assert b.peer.connectors[1].grant.limit_a == 32.0

    play(scenario())
