"""The interplay of pilot, authorisation, link and session: every input in every phase, and the stories one by one."""

import itertools
from dataclasses import replace
from typing import Any, Final

import pytest

from firmware.v2g.evse_link import (
    FIVE_PERCENT,
    STATE_F,
    TOGGLE_S,
    X1,
    Inputs,
    Link,
    Phase,
    Session,
    due,
    step,
)

NOMINAL_AFTER_S: Final = 20.0
CAR: Final = Inputs(level="B", authorised=False, link_up=True, session=Session.NONE)


def at(inputs: Inputs, **changes: Any) -> Inputs:
    return replace(inputs, **changes)


def run(link: Link, inputs: Inputs, start: float, end: float) -> tuple[Link, list[tuple[float, Phase]]]:
    """Let time pass with unchanged inputs; the phases entered and when."""
    log: list[tuple[float, Phase]] = []
    now = start
    for _ in range(100):
        new = step(link, inputs, now, NOMINAL_AFTER_S)
        if new.phase is not link.phase:
            log.append((round(now, 3), new.phase))
        if new != link:
            link = new
            continue
        when = due(link, NOMINAL_AFTER_S)
        if when is None or when > end or when <= now:
            return link, log
        now = when
    raise AssertionError(f"does not settle: {log}")


# --- every input in every phase ---------------------------------------------------------------------------------------

LEVELS: Final = ("?", "A", "B", "C", "D", "E", "F")
ASLEEP: Final = (Phase.WAIT, Phase.SILENT, Phase.ENDED, Phase.PAUSED)


def every_link() -> list[Link]:
    """Every phase with every value of the fields that this phase looks at."""
    links = []
    for phase, retries, authorised in itertools.product(Phase, (0, 2), (None, 0.0)):
        link = Link(phase, 0.0, retries, authorised_since=authorised)
        if phase is Phase.SESSION:
            links += [link, replace(link, stop_since=0.0)]
        elif phase is Phase.LET_GO:
            links += [replace(link, after=after) for after in (Phase.STEP_EF, Phase.WAIT, Phase.ENDED)]
        elif phase in ASLEEP:
            toggles = ((False, None), (True, None), (True, 0.0))
            links += [
                replace(link, rearmed=rearmed, quiet=quiet, toggle_since=toggle)
                for rearmed, (quiet, toggle) in itertools.product((False, True), toggles)
            ]
        else:
            links.append(link)
    return links


def times(link: Link) -> list[float]:
    """At once, one tick before and after the limit of this phase, and late."""
    limit = TOGGLE_S if link.phase in ASLEEP else due(link, NOMINAL_AFTER_S)
    return [0.0, 1000.0] if limit is None else [0.0, limit - 0.01, limit, limit + 0.01, 1000.0]


def every_input() -> list[Inputs]:
    yes_or_no = (False, True)
    return [
        Inputs(*values)
        for values in itertools.product(LEVELS, yes_or_no, yes_or_no, Session, yes_or_no, yes_or_no, yes_or_no)
    ] + [
        Inputs(level, True, link_up, session, closed, available=available, nominal=True)
        for level, link_up, session, closed, available in itertools.product(
            LEVELS, yes_or_no, Session, yes_or_no, yes_or_no
        )
    ]


def of_dc(inputs: list[Inputs]) -> list[Inputs]:
    return [replace(each, dc=True) for each in inputs if not each.nominal]


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_with_every_input_keeps_the_rules(phase: Phase) -> None:
    links = [link for link in every_link() if link.phase is phase]
    inputs = every_input()
    for link in links:
        for now in times(link):
            for seen in inputs:
                check(link, seen, now, step(link, seen, now, NOMINAL_AFTER_S))


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.WAIT, Phase.TO_NOMINAL, Phase.NOMINAL}))
def test_no_input_leads_a_dc_connector_to_basic_charging(phase: Phase) -> None:
    links = [
        replace(link, authorised_since=None, after=Phase.SILENT if link.after is Phase.WAIT else link.after)
        for link in every_link()
        if link.phase is phase
    ]
    for link in links:
        for now in times(link):
            for seen in of_dc(every_input()):
                new = step(link, seen, now, NOMINAL_AFTER_S)
                check(link, seen, now, new)
                assert new.phase not in {Phase.WAIT, Phase.TO_NOMINAL, Phase.NOMINAL}, (link, seen, now, new)
                assert new.after not in {Phase.WAIT, Phase.NOMINAL}, (link, seen, now, new)
                assert new.authorised_since is None, (link, seen, now, new)


def check(link: Link, seen: Inputs, now: float, new: Link) -> None:
    """What must hold after any step."""
    case = (link, seen, now, new)
    if seen.level in {"A", "?"}:
        assert new == Link(), case
        return
    if seen.level in {"E", "F"} and link.phase not in {Phase.STEP_EF, Phase.STEP_X1}:
        assert new.phase is Phase.FAULT, case
        assert not new.session_may_live, case
    if new.pilot == STATE_F:
        assert not seen.closed or link.phase is Phase.STEP_EF, case  # never begun under load
    if new.phase is Phase.SESSION:
        assert seen.session is Session.RUNNING, case
        assert seen.link_up or link.phase is not Phase.SESSION, case
    if link.phase is Phase.SESSION and new.phase is not Phase.SESSION:
        assert new.pilot == X1, case  # never from a session straight to basic charging or to 5 % again
    if new.phase is Phase.UNAVAILABLE:
        assert not seen.available, case
    if new.phase is Phase.NOMINAL:
        found = seen.nominal and link.phase in {Phase.UNPLUGGED, Phase.FAULT}
        assert link.phase in {Phase.NOMINAL, Phase.TO_NOMINAL} or found, case
    if seen.nominal and link.phase in {Phase.UNPLUGGED, Phase.FAULT}:
        assert new.pilot != FIVE_PERCENT, case
    if new.phase is Phase.TO_NOMINAL and link.phase is not Phase.TO_NOMINAL:
        assert seen.authorised, case
    assert new.retries <= 3, case
    again = step(new, seen, now, NOMINAL_AFTER_S)
    assert again.since <= now, case


def test_only_two_phases_show_five_percent() -> None:
    assert {phase for phase in Phase if Link(phase).pilot == FIVE_PERCENT} == {Phase.OFFER, Phase.SESSION}


def test_no_session_lives_where_the_pilot_is_ours_for_other_things() -> None:
    dead = {phase for phase in Phase if not Link(phase).session_may_live}
    assert dead == {
        Phase.UNPLUGGED,
        Phase.LET_GO,
        Phase.STEP_EF,
        Phase.STEP_X1,
        Phase.TO_NOMINAL,
        Phase.NOMINAL,
        Phase.FAULT,
        Phase.UNAVAILABLE,
    }


def test_time_alone_changes_nothing_before_it_is_due() -> None:
    for link in every_link():
        for seen in (CAR, at(CAR, authorised=True), at(CAR, session=Session.RUNNING, stop_wanted=True)):
            settled = step(link, seen, 0.0, NOMINAL_AFTER_S)
            if step(settled, seen, 0.0, NOMINAL_AFTER_S) != settled:
                continue
            when = due(settled, NOMINAL_AFTER_S)
            early = 1e6 if when is None else when - 0.001
            assert step(settled, seen, early, NOMINAL_AFTER_S).phase is settled.phase


# --- stories ----------------------------------------------------------------------------------------------------------


def test_a_plug_in_shows_five_percent_at_once() -> None:
    link = step(Link(), CAR, 10.0)
    assert link.phase is Phase.OFFER
    assert link.pilot == FIVE_PERCENT
    assert link.findable


def test_a_silent_car_is_woken_twice_and_then_left_at_x1() -> None:
    _, log = run(Link(), CAR, 0.0, 1000.0)
    assert log == [
        (0.0, Phase.OFFER),
        (18.0, Phase.STEP_EF),
        (22.0, Phase.STEP_X1),
        (22.75, Phase.OFFER),
        (40.75, Phase.STEP_EF),
        (44.75, Phase.STEP_X1),
        (45.5, Phase.OFFER),
        (63.5, Phase.WAIT),
    ]


def test_an_authorised_silent_car_gets_basic_charging() -> None:
    _, log = run(Link(), at(CAR, authorised=True), 0.0, 1000.0)
    assert log == [(0.0, Phase.OFFER), (20.0, Phase.TO_NOMINAL), (23.0, Phase.NOMINAL)]


def test_an_authorised_silent_car_at_a_dc_plug_is_woken_and_then_waited_for() -> None:
    car = at(CAR, dc=True, authorised=True)
    link, log = run(Link(), car, 0.0, 600.0)
    assert [phase for _, phase in log] == [
        *(Phase.OFFER, Phase.STEP_EF, Phase.STEP_X1) * 2,
        Phase.OFFER,
        Phase.SILENT,
    ]
    assert (link.pilot, link.findable) == (X1, True)
    link, _ = run(link, at(car, authorised=False), 600.0, 610.0)
    link, log = run(link, car, 610.0, 611.0)
    assert log == [(610.0, Phase.OFFER)]  # somebody asks again: from the beginning
    assert link.retries == 0


def test_authorised_late_a_sleeping_car_gets_basic_charging_at_once() -> None:
    asleep, _ = run(Link(), CAR, 0.0, 200.0)
    _, log = run(asleep, at(CAR, authorised=True), 200.0, 300.0)
    assert log == [(200.0, Phase.TO_NOMINAL), (200.0, Phase.NOMINAL)]  # it has been seeing X1 for long


def test_basic_charging_lasts_until_unplugged() -> None:
    link = Link(Phase.NOMINAL)
    for level, session, authorised in itertools.product("BCD", Session, (False, True)):
        assert step(link, at(CAR, level=level, session=session, authorised=authorised), 9.0).phase is Phase.NOMINAL
    assert step(link, at(CAR, level="A"), 9.0) == Link()


@pytest.mark.parametrize("level", ["B", "C", "D"])
@pytest.mark.parametrize("available", [True, False])
def test_a_controller_that_comes_back_to_a_nominal_charge_leaves_it_alone(level: str, available: bool) -> None:
    seen = at(CAR, level=level, authorised=True, closed=level != "B", available=available, nominal=True)
    link = step(Link(), seen, 9.0)
    assert link.phase is Phase.NOMINAL
    assert link.pilot is None


def test_a_car_that_sleeps_through_the_offer_is_woken_up_once() -> None:
    """IEC 61851-1 A.5.3."""
    offered = at(CAR, authorised=True, nominal=True)
    link, log = run(step(Link(), offered, 100.0), offered, 100.0, 1000.0)
    assert log == [(130.0, Phase.STEP_EF), (134.0, Phase.STEP_X1), (134.75, Phase.NOMINAL)]
    assert link.pilot is None


def test_a_car_that_was_awake_is_not_woken_up() -> None:
    """It charged, or waits for its own time: a full battery must not be plugged in anew every half minute."""
    offered = at(CAR, authorised=True, nominal=True)
    link = step(Link(), offered, 0.0)
    link, _ = run(link, at(offered, level="C", closed=True), 20.0, 25.0)
    _, log = run(link, offered, 25.0, 1000.0)
    assert log == []


def test_nobody_is_woken_up_while_nothing_is_offered() -> None:
    offered = at(CAR, authorised=True, nominal=True)
    link, _ = run(step(Link(), offered, 0.0), offered, 0.0, 29.0)
    link, log = run(link, at(offered, nominal=False), 29.0, 500.0)  # paused by its limit
    assert log == []
    _, log = run(link, offered, 500.0, 531.0)
    assert log == [(530.0, Phase.STEP_EF)]


def test_a_session_that_comes_late_is_served_all_the_same() -> None:
    asleep, _ = run(Link(), CAR, 0.0, 200.0)
    assert step(asleep, at(CAR, session=Session.RUNNING), 200.0).phase is Phase.SESSION


def test_a_failed_session_lets_go_steps_ef_and_offers_again() -> None:
    link = Link(Phase.SESSION, 0.0)
    link, log = run(link, at(CAR, session=Session.FAILED), 50.0, 58.0)
    assert log == [
        (50.0, Phase.LET_GO),
        (53.0, Phase.STEP_EF),
        (57.0, Phase.STEP_X1),
        (57.75, Phase.OFFER),
    ]
    assert link.retries == 1


def test_no_state_f_before_the_contactor_is_open() -> None:
    link = Link(Phase.LET_GO, 0.0, after=Phase.STEP_EF)
    assert step(link, at(CAR, level="C", closed=True), 100.0).phase is Phase.LET_GO
    assert step(link, at(CAR, level="C", closed=False), 100.0).phase is Phase.STEP_EF


def test_a_session_that_fails_three_times_ends_in_basic_charging() -> None:
    failing = at(CAR, session=Session.FAILED, authorised=True)
    link = Link(Phase.SESSION, 0.0, retries=2, authorised_since=0.0)
    _, log = run(link, failing, 50.0, 100.0)
    assert log == [(50.0, Phase.LET_GO), (53.0, Phase.WAIT), (53.0, Phase.TO_NOMINAL), (56.0, Phase.NOMINAL)]


def test_no_common_protocol_is_not_tried_again() -> None:
    _, log = run(Link(Phase.SESSION, 0.0), at(CAR, session=Session.REFUSED), 5.0, 500.0)
    assert log == [(5.0, Phase.LET_GO), (8.0, Phase.WAIT)]


@pytest.mark.parametrize("level", ["A", "E", "F", "?"])
def test_an_unplugged_or_faulty_pilot_ends_the_session(level: str) -> None:
    running = at(CAR, session=Session.RUNNING, level=level)
    assert not step(Link(Phase.SESSION), running, 1.0).session_may_live


def test_after_a_fault_the_car_is_offered_five_percent_again() -> None:
    faulty = step(Link(Phase.SESSION), at(CAR, level="E", session=Session.RUNNING), 1.0)
    assert faulty.phase is Phase.FAULT
    assert step(faulty, at(CAR, session=Session.FAILED), 2.0).phase is Phase.OFFER


def test_out_of_service_shows_x1_and_lets_nobody_find_it() -> None:
    link = step(Link(Phase.OFFER), at(CAR, available=False), 1.0)
    assert link.pilot == X1
    assert not link.findable
    assert step(link, CAR, 2.0).phase is Phase.OFFER
    assert step(Link(), at(CAR, available=False), 1.0).phase is Phase.UNAVAILABLE


def test_going_out_of_service_leaves_a_session_to_the_station() -> None:
    running = at(CAR, session=Session.RUNNING, available=False)
    assert step(Link(Phase.SESSION), running, 1.0).phase is Phase.SESSION


def test_a_lost_link_ends_the_session() -> None:
    lost = at(CAR, session=Session.RUNNING, link_up=False)
    assert step(Link(Phase.SESSION), lost, 1.0).phase is Phase.LET_GO


def test_a_car_that_ignores_the_stop_is_sent_away() -> None:
    stop = at(CAR, session=Session.RUNNING, stop_wanted=True, level="C", closed=True)
    link = step(Link(Phase.SESSION), stop, 10.0)
    assert step(link, stop, 17.9).phase is Phase.SESSION
    gone = step(link, stop, 18.1)
    assert gone.phase is Phase.LET_GO
    assert gone.pilot == X1
    assert step(gone, at(stop, closed=False, session=Session.FAILED), 22.0).phase is Phase.ENDED


def test_after_session_stop_five_percent_stays_off() -> None:
    ended = step(Link(Phase.SESSION), at(CAR, session=Session.TERMINATED), 1.0)
    link, log = run(ended, at(CAR, session=Session.TERMINATED), 1.0, 10_000.0)
    assert log == []
    assert link.pilot == X1
    assert link.findable


def test_a_toggle_wakes_an_ended_session() -> None:
    seen = at(CAR, session=Session.TERMINATED)
    link = step(Link(Phase.ENDED, 0.0), seen, 1.0)
    link = step(link, at(seen, level="C"), 2.0)
    assert link.phase is Phase.ENDED
    assert step(link, seen, 2.4).phase is Phase.OFFER


def test_letting_go_after_the_end_is_no_toggle() -> None:
    """The car is still in C when the session ends: its C -> B belongs to the old session."""
    seen = at(CAR, session=Session.TERMINATED)
    link = step(Link(Phase.ENDED, 0.0), at(seen, level="C"), 0.1)
    assert step(link, seen, 0.5).phase is Phase.ENDED


def test_a_slow_toggle_is_none() -> None:
    link = step(Link(Phase.PAUSED, 0.0), at(CAR, session=Session.PAUSED), 1.0)
    link = step(link, at(CAR, session=Session.PAUSED, level="C"), 2.0)
    assert step(link, at(CAR, session=Session.PAUSED), 6.0).phase is Phase.PAUSED


def test_a_new_authorisation_wakes_an_ended_session() -> None:
    seen = at(CAR, session=Session.TERMINATED)
    still = step(Link(Phase.ENDED, 0.0), at(seen, authorised=True), 1.0)  # the old token
    assert still.phase is Phase.ENDED
    without = step(still, seen, 2.0)
    assert step(without, at(seen, authorised=True), 3.0).phase is Phase.OFFER


def test_a_paused_session_waits_for_the_car() -> None:
    paused = step(Link(Phase.SESSION), at(CAR, session=Session.PAUSED), 1.0)
    assert paused.phase is Phase.PAUSED
    assert paused.pilot == X1
    assert step(paused, at(CAR, session=Session.RUNNING), 9.0).phase is Phase.SESSION


def test_a_dc_output_is_never_left_to_basic_charging() -> None:
    """Whatever the guard was seen showing when we came: without digital communication DC gives nothing."""
    seen = at(CAR, authorised=True, dc=True, nominal=True)
    assert step(Link(), seen, 0.0).phase is Phase.OFFER
    assert step(Link(), at(seen, dc=False), 0.0).phase is Phase.NOMINAL


def test_energy_makes_earlier_failures_forgotten() -> None:
    """A line that fails once an hour shall not end a night's charging at the third time."""
    session = Link(Phase.SESSION, 0.0, retries=2)
    running = at(CAR, level="C", authorised=True, dc=True, session=Session.RUNNING)
    assert step(session, running, 1.0).retries == 2
    charged = step(session, at(running, closed=True), 1.0)
    lost = step(charged, at(running, session=Session.FAILED), 2.0)
    assert (lost.phase, lost.after) == (Phase.LET_GO, Phase.STEP_EF)
