"""SLAC and the pilot (ISO 15118-3 clauses 6 and 7): what the interplay makes of what SLAC says, story by story."""

import itertools
from dataclasses import replace
from typing import Any, Final

import pytest

from firmware.v2g.evse_link import FIVE_PERCENT, MATCHING_S, X1, Inputs, Link, Matching, Phase, Session, due, step

NOMINAL_AFTER_S: Final = 20.0
SLAC_INIT_S: Final = 40.0
CAR: Final = Inputs(level="B", authorised=False, link_up=False, session=Session.NONE, matching=Matching.WAITING)
LIMITS: Final = (NOMINAL_AFTER_S, SLAC_INIT_S)


def at(inputs: Inputs, **changes: Any) -> Inputs:
    return replace(inputs, **changes)


def run(link: Link, inputs: Inputs, start: float, end: float) -> tuple[Link, list[tuple[float, Phase]]]:
    """Let time pass with unchanged inputs; the phases entered and when."""
    log: list[tuple[float, Phase]] = []
    now = start
    for _ in range(100):
        new = step(link, inputs, now, *LIMITS)
        if new.phase is not link.phase:
            log.append((round(now, 3), new.phase))
        if new != link:
            link = new
            continue
        when = due(link, *LIMITS)
        if when is None or when > end or when <= now:
            return link, log
        now = when
    raise AssertionError(f"does not settle: {log}")


def test_nothing_heard_is_woken_by_e_f_twice_and_ends_at_x1() -> None:
    """[V2G3-M06-07]: TT_EVSE_SLAC_init, T_step_EF, C_sequ_retry = 2."""
    _, log = run(Link(), CAR, 0.0, 1000.0)
    assert log == [
        (0.0, Phase.OFFER),
        (40.0, Phase.STEP_EF),
        (44.0, Phase.STEP_X1),
        (44.75, Phase.OFFER),
        (84.75, Phase.STEP_EF),
        (88.75, Phase.STEP_X1),
        (89.5, Phase.OFFER),
        (129.5, Phase.WAIT),
    ]


def test_authorised_and_nothing_heard_steps_through_e_f_to_nominal() -> None:
    """[V2G3-M06-05], [V2G3-M06-08]: matching has not started."""
    link, log = run(Link(), at(CAR, authorised=True), 0.0, 1000.0)
    assert log == [(0.0, Phase.OFFER), (20.0, Phase.STEP_EF), (24.0, Phase.STEP_X1), (24.75, Phase.NOMINAL)]
    assert link.pilot is None


def test_authorised_and_linked_without_a_session_goes_by_x1_to_nominal() -> None:
    """[V2G3-M06-06]: matching has started."""
    linked = at(CAR, authorised=True, matching=Matching.LINKED, link_up=True)
    link = step(step(Link(), CAR, 0.0, *LIMITS), linked, 5.0, *LIMITS)
    _, log = run(link, linked, 5.0, 1000.0)
    assert log == [(25.0, Phase.TO_NOMINAL), (28.0, Phase.NOMINAL)]


def test_matching_that_runs_is_not_disturbed_by_authorisation() -> None:
    running = at(CAR, authorised=True, matching=Matching.RUNNING)
    link = step(step(Link(), CAR, 0.0, *LIMITS), running, 10.0, *LIMITS)
    assert step(link, running, 10.0 + MATCHING_S - 0.1, *LIMITS).phase is Phase.OFFER


def test_a_slow_car_keeps_its_time_with_every_step_forward() -> None:
    link = step(Link(), CAR, 0.0, *LIMITS)
    link = step(link, at(CAR, matching=Matching.RUNNING), 35.0, *LIMITS)
    link = step(link, at(CAR, matching=Matching.LINKED), 47.0, *LIMITS)
    assert step(link, at(CAR, matching=Matching.LINKED), 64.9, *LIMITS).phase is Phase.OFFER


def test_after_a_failed_session_a_slow_car_gets_the_time_it_needs() -> None:
    """Some need 30 s to begin SLAC anew; at the plug-in all begin within 10 s, and nobody waits longer than 20 s."""
    charging = at(CAR, authorised=True, matching=Matching.LINKED, link_up=True, session=Session.RUNNING)
    link = step(step(Link(), CAR, 0.0, *LIMITS), charging, 10.0, *LIMITS)
    assert link.phase is Phase.SESSION
    silent = at(CAR, authorised=True, session=Session.FAILED)
    link, log = run(link, silent, 20.0, 58.0)
    assert log == [(20.0, Phase.LET_GO), (23.0, Phase.STEP_EF), (27.0, Phase.STEP_X1), (27.75, Phase.OFFER)]
    running = step(link, at(silent, matching=Matching.RUNNING), 58.0, *LIMITS)
    assert running.phase is Phase.OFFER  # 30 s later: it is matched again
    _, log = run(link, silent, 58.0, 100.0)
    assert log[0] == (67.75, Phase.STEP_EF)  # and one that stays silent is charged the basic way
    assert log[-1][1] is Phase.NOMINAL


def test_a_link_without_a_session_is_an_error_after_18_s() -> None:
    linked = at(CAR, matching=Matching.LINKED, link_up=True)
    link = step(Link(), CAR, 0.0, *LIMITS)
    _, log = run(link, linked, 10.0, 40.0)
    assert log == [(28.0, Phase.LET_GO), (31.0, Phase.STEP_EF), (35.0, Phase.STEP_X1), (35.75, Phase.OFFER)]


def test_slac_that_failed_takes_the_error_routine_at_most_twice() -> None:
    """D-LINK_ERROR: X1, E/F >= 4 s, then match again [V2G3-M07-05]."""
    failed = at(CAR, matching=Matching.FAILED)
    link = step(Link(), CAR, 0.0, *LIMITS)
    link, log = run(link, failed, 3.0, 12.0)
    assert log[:3] == [(3.0, Phase.LET_GO), (6.0, Phase.STEP_EF), (10.0, Phase.STEP_X1)]
    link = Link(Phase.OFFER, 0.0, retries=2)
    _, log = run(link, failed, 1.0, 100.0)
    assert log == [(1.0, Phase.LET_GO), (4.0, Phase.WAIT)]


def test_no_modem_means_basic_charging_as_soon_as_authorised() -> None:
    absent = at(CAR, matching=Matching.ABSENT)
    link, log = run(Link(), absent, 0.0, 1000.0)
    assert log == [(0.0, Phase.OFFER), (8.0, Phase.WAIT)]
    _, log = run(link, at(absent, authorised=True), 100.0, 200.0)
    assert [phase for _, phase in log] == [Phase.TO_NOMINAL, Phase.NOMINAL]


def test_a_modem_that_comes_in_time_is_used() -> None:
    link = step(Link(), at(CAR, matching=Matching.ABSENT), 0.0, *LIMITS)
    link = step(link, CAR, 5.0, *LIMITS)
    assert step(link, CAR, 44.9, *LIMITS).phase is Phase.OFFER


def test_a_lost_link_during_a_session_is_the_error_routine() -> None:
    lost = at(CAR, session=Session.RUNNING, matching=Matching.FAILED)
    link = step(Link(Phase.SESSION, 0.0), lost, 5.0, *LIMITS)
    assert (link.phase, link.after, link.pilot) == (Phase.LET_GO, Phase.STEP_EF, X1)


def test_basic_charging_is_kept_whatever_slac_says() -> None:
    """[V2G3-M07-12]"""
    for matching, level in itertools.product(Matching, "BCD"):
        seen = at(CAR, matching=matching, level=level, authorised=True)
        assert step(Link(Phase.NOMINAL), seen, 9.0, *LIMITS).phase is Phase.NOMINAL


@pytest.mark.parametrize("phase", Phase)
def test_no_state_f_is_begun_under_load_and_every_phase_settles(phase: Phase) -> None:
    for matching, authorised, closed, session, level in itertools.product(
        Matching, (False, True), (False, True), Session, "BC"
    ):
        seen = Inputs(level, authorised, matching is Matching.LINKED, session, closed, matching=matching)
        for retries, now in itertools.product((0, 2), (0.0, 7.9, 8.0, 20.0, 40.0, 61.0)):
            link = Link(phase, 0.0, retries, authorised_since=0.0 if authorised else None)
            new = step(link, seen, now, *LIMITS)
            if new.phase is Phase.STEP_EF and phase is not Phase.STEP_EF:
                assert not closed, (link, seen, now)
            assert new.retries <= 3
            if new.pilot == FIVE_PERCENT:
                assert new.phase in {Phase.OFFER, Phase.SESSION}
