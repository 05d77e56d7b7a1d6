"""Lease and grants as pure steps; the same rules on the whole guard are in test_guard.py."""

from itertools import product

import pytest

from hal.contracts import PilotMode, PilotOutput
from hal.grants import (
    Grant,
    Granted,
    Inputs,
    Lease,
    bad_frame,
    end,
    expire,
    give,
    good_frame,
    lose,
    permitted,
    renew,
    step,
)
from hal.pilot import X1

NOMINAL = PilotOutput(PilotMode.DUTY, 26.67)
DIGITAL = PilotOutput(PilotMode.DUTY, 5.0)
GRANT = Grant("s1", 16.0, 6.0, 120.0)
CHARGING = Inputs(lease=True, closed=True, output=NOMINAL, plugged=True, gone=False, dc=False, fault="")


# --- lease ----------------------------------------------------------------------------------------------------------


def test_the_lease_counts_from_the_beat_not_from_its_echo() -> None:
    held = renew(Lease(), 1, 10.0, 10.29)
    assert held.held
    assert expire(held, 10.299).held
    assert not expire(held, 10.31).held


def test_an_echo_of_an_old_beat_or_epoch_or_of_none_renews_nothing() -> None:
    assert not renew(Lease(), 1, 10.0, 10.31).held
    assert not renew(Lease(), 2, 10.0, 10.0).held
    assert not renew(Lease(), 1, None, 10.0).held


def test_an_older_echo_does_not_shorten_the_lease() -> None:
    held = renew(renew(Lease(), 1, 10.2, 10.25), 1, 10.1, 10.26)
    assert held.renewed_at == 10.2


def test_each_loss_is_a_new_epoch() -> None:
    assert lose(Lease(epoch=7, held=True)) == Lease(epoch=8)
    assert expire(Lease(epoch=7), 1e9).epoch == 7  # nothing held, nothing lost


def test_bad_frames_count_in_a_row_only() -> None:
    lease = Lease(held=True)
    assert bad_frame(bad_frame(lease)).held
    assert good_frame(bad_frame(bad_frame(lease))).bad_frames == 0
    assert bad_frame(bad_frame(bad_frame(lease))) == Lease(epoch=2)


# --- grants ---------------------------------------------------------------------------------------------------------


def test_a_grant_runs_while_nothing_happens() -> None:
    g = step(Granted(GRANT), CHARGING, 0.0)
    assert step(g, CHARGING, 1e6).grant == GRANT


def test_a_grant_given_before_plug_in_ends_with_the_first_departure() -> None:
    waiting = CHARGING._replace(closed=False, plugged=False, gone=True)
    g = step(Granted(GRANT), waiting, 0.0)
    assert g.grant is not None
    g = step(g, CHARGING, 1.0)
    assert step(g, waiting, 2.0).ended == "car unplugged"


def test_e_f_or_an_unclear_pilot_is_no_departure() -> None:
    g = step(Granted(GRANT), CHARGING, 0.0)
    assert step(g, CHARGING._replace(plugged=False, gone=False), 1.0).grant is not None


@pytest.mark.parametrize(
    ("grant", "inputs", "rides"),
    [
        (GRANT, CHARGING, True),
        (GRANT, CHARGING._replace(output=DIGITAL), False),
        (GRANT, CHARGING._replace(output=X1), False),
        (GRANT, CHARGING._replace(dc=True), False),
        (GRANT, CHARGING._replace(closed=False), False),
        (Grant("s1", 16.0, 6.0, 0.0), CHARGING, False),
        (Grant("s1", 16.0, 5.9, 120.0), CHARGING, False),
        (Grant("s1", 5.0, 6.0, 120.0), CHARGING, False),
    ],
)
def test_only_closed_ac_under_nominal_duty_rides(grant: Grant, inputs: Inputs, rides: bool) -> None:
    g = step(Granted(grant), inputs._replace(lease=False), 10.0)
    assert (g.riding_since is not None) is rides
    assert (g.grant is not None) is rides
    assert rides or g.ended.startswith("controller lost")


def test_a_ride_is_bounded_in_current_and_time() -> None:
    lost = CHARGING._replace(lease=False)
    g = step(Granted(GRANT), lost, 10.0)
    assert g.limit_a == 6.0
    assert step(g, lost, 129.99).grant is not None
    assert step(g, lost, 130.0).grant is None


def test_a_ride_never_raises_the_limit() -> None:
    g = step(Granted(Grant("s1", 8.0, 16.0, 120.0)), CHARGING._replace(lease=False), 10.0)
    assert g.limit_a == 8.0


def test_a_lease_that_returns_does_not_end_the_ride_a_fresh_grant_does() -> None:
    g = step(Granted(GRANT), CHARGING._replace(lease=False), 10.0)
    g = step(g, CHARGING, 11.0)
    assert g.riding_since == 10.0
    g = give(g, GRANT, "")
    assert g.riding_since is None and g.limit_a == 16.0


def test_a_fault_ends_and_refuses() -> None:
    assert step(Granted(GRANT), CHARGING._replace(fault="too hot"), 0.0) == Granted(ended="too hot")
    assert give(Granted(ended="too hot"), GRANT, "too hot").ended == "refused: too hot"
    assert give(Granted(ended="too hot"), GRANT, "").grant == GRANT


def test_the_reason_of_the_end_survives_a_late_revoke() -> None:
    assert end(Granted(ended="too hot"), "stopped by user").ended == "too hot"


def test_opening_at_once_is_forgotten_when_it_is_done() -> None:
    g = end(Granted(GRANT), "short", now=True)
    assert step(g, CHARGING, 0.0).open_now
    assert not step(g, CHARGING._replace(closed=False), 0.0).open_now


# --- what may be shown ----------------------------------------------------------------------------------------------


def test_nothing_but_x1_without_lease_and_ride() -> None:
    for wish, granted in product((NOMINAL, DIGITAL, X1, PilotOutput(PilotMode.F)), (True, False)):
        assert permitted(wish, 32.0, lease=False, riding=False, granted=granted) == X1


@pytest.mark.parametrize("duty", [0.0, 2.9, 7.1, 7.9, 97.1, 100.0])
def test_a_duty_without_meaning_is_x1(duty: float) -> None:
    wish = PilotOutput(PilotMode.DUTY, duty)
    assert permitted(wish, 32.0, lease=True, riding=False, granted=True) == X1


@pytest.mark.parametrize(
    ("cap_a", "duty"), [(32.0, 26.67), (16.0, 26.67), (15.9, 26.5), (6.0, 10.0), (5.8, None), (0.0, None)]
)
def test_nominal_duty_is_capped(cap_a: float, duty: float | None) -> None:
    shown = permitted(NOMINAL, cap_a, lease=True, riding=False, granted=True)
    assert shown == X1 if duty is None else shown.duty_percent == pytest.approx(duty, abs=1e-9)


def test_digital_communication_needs_a_controller_but_no_grant() -> None:
    assert permitted(DIGITAL, 0.0, lease=True, riding=False, granted=False) == DIGITAL
