"""Control pilot: bands, faults, duty and current, sequence times; requirements by the names of the tests."""

import math

import pytest

from hal.contracts import PilotMode, PilotOutput, PilotSample
from hal.duty import current_for, duty_for
from hal.pilot import Circuit, Inputs, Level, Pilot, is_digital, is_nominal, level_of, step

A, B, C, D, E, F, NONE, UNKNOWN = (
    Level.A, Level.B, Level.C, Level.D, Level.E, Level.F, Level.NONE, Level.UNKNOWN,
)  # fmt: skip
NOMINAL = PilotOutput(PilotMode.DUTY, 26.67)
DIGITAL = PilotOutput(PilotMode.DUTY, 5.0)
X1 = PilotOutput(PilotMode.X1)
PWM_C = PilotSample(6000, -12_000)
AC = Circuit()

CHARGING = Pilot(level=C, pending=C, output=NOMINAL, closed=True)
READY = Pilot(level=C, pending=C, output=NOMINAL)


def inputs(
    sample: PilotSample = PWM_C,
    *,
    age_s: float = 0.0,
    wish: PilotOutput = NOMINAL,
    allowed: bool = True,
    healthy: bool = True,
    ready: bool = True,
    unloaded: bool = False,
) -> Inputs:
    return Inputs(sample, age_s, wish, allowed, healthy, ready, unloaded)


# --- bands (hal reference 1.2, row by row) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low_mv", "high_mv", "previous", "expected"),
    [
        (13_001, 20_000, "?ABCDEF!", NONE),
        (11_000, 13_000, "?ABCDEF!", A),
        (10_000, 10_999, "A", A),
        (10_000, 10_999, "?BCDEF!", B),
        (8_000, 9_999, "?ABCDEF!", B),
        (7_000, 7_999, "AB", B),
        (7_000, 7_999, "?CDEF!", C),
        (5_000, 6_999, "?ABCDEF!", C),
        (4_000, 4_999, "ABC", C),
        (4_000, 4_999, "?DEF!", D),
        (2_000, 3_999, "?ABCDEF!", D),
        (-1_000, 1_999, "?ABCDEF!", E),
        (-2_000, -1_001, "ABCDE", E),
        (-2_000, -1_001, "?F!", NONE),
        (-10_000, -2_001, "?ABCDEF!", NONE),
        (-11_000, -10_001, "F", F),
        (-11_000, -10_001, "?ABCDE!", NONE),
        (-13_000, -11_001, "?ABCDEF!", F),
        (-20_000, -13_001, "?ABCDEF!", NONE),
    ],
)
def test_each_band_from_edge_to_edge(low_mv: int, high_mv: int, previous: str, expected: Level) -> None:
    for before in previous:
        assert level_of(low_mv, Level(before)) is expected
        assert level_of(high_mv, Level(before)) is expected


def test_every_millivolt_has_exactly_one_meaning() -> None:
    for before in Level:
        assert {level_of(mv, before) for mv in range(-14_000, 14_001)} <= set(Level) - {UNKNOWN}


# --- duty and current -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amps", "duty"),
    [
        (0, None), (5.89, None), (5.9, 10), (6, 10), (6.1, 10), (16, 26.667), (32, 53.333), (51, 85),
        (51.1, 85), (52.4, 85), (52.5, 85), (63, 89.2), (80, 96), (100, 96),
    ],
)  # fmt: skip
def test_duty_that_offers_a_current(amps: float, duty: float | None) -> None:
    assert duty_for(amps) == (None if duty is None else pytest.approx(duty, abs=1e-3))


@pytest.mark.parametrize(
    ("duty", "amps"),
    [
        (0, 0), (2.9, 0), (5, 0), (7.5, 0), (7.99, 0), (8, 6), (9.99, 6), (10, 6), (26.67, 16), (53.33, 32),
        (85, 51), (85.1, 52.75), (96, 80), (96.5, 80), (97, 80), (97.1, 0), (100, 0),
    ],
)  # fmt: skip
def test_current_a_car_may_draw_at_a_duty(duty: float, amps: float) -> None:
    assert current_for(duty) == pytest.approx(amps, abs=0.01)


def test_no_offered_current_exceeds_the_wanted_one() -> None:
    for tenths in range(61, 800):
        duty = duty_for(tenths / 10)
        assert duty is not None
        assert current_for(duty) <= tenths / 10 + 1e-9


def test_duty_of_5_percent_is_digital_and_offers_no_nominal_current() -> None:
    assert is_digital(DIGITAL) and not is_nominal(DIGITAL)
    assert is_nominal(NOMINAL) and not is_digital(NOMINAL)
    assert not is_nominal(X1) and not is_digital(X1)


# --- states and faults ----------------------------------------------------------------------------------------------


def test_a_state_counts_when_two_samples_agree() -> None:
    p = Pilot(level=B, pending=B, output=X1)
    glitch = step(p, AC, inputs(PilotSample(12_000, 12_000), wish=X1), 1.0)
    assert (glitch.level, glitch.pending) == (B, A)
    back = step(glitch, AC, inputs(PilotSample(9000, 9000), wish=X1), 1.01)
    assert back.level is B
    gone = step(glitch, AC, inputs(PilotSample(12_000, 12_000), wish=X1), 1.01)
    assert gone.level is A


def test_a_glitch_of_one_sample_does_not_open_under_load() -> None:
    p = step(CHARGING, AC, inputs(PilotSample(9000, -12_000)), 1.0)
    assert p.closed
    assert step(p, AC, inputs(), 1.01).closed


def test_a_car_that_lets_go_is_disconnected_with_the_second_sample() -> None:
    p = step(CHARGING, AC, inputs(PilotSample(9000, -12_000)), 1.0)
    assert not step(p, AC, inputs(PilotSample(9000, -12_000)), 1.01).closed


@pytest.mark.parametrize(
    ("sample", "fault"),
    [
        (PilotSample(60, -60), "pilot_short"),
        (PilotSample(1999, -1999), "pilot_short"),
        (PilotSample(6000, -6000), "pilot_diode"),
        (PilotSample(6000, -4800), "pilot_diode"),
        (PilotSample(6000, -4799), ""),
        (PilotSample(13_001, -12_000), "pilot_fault"),
        (PilotSample(-5000, -12_000), "pilot_fault"),
        (PilotSample(13_000, -12_000), ""),
    ],
)
def test_faults_act_on_the_first_sample(sample: PilotSample, fault: str) -> None:
    p = step(CHARGING, AC, inputs(sample), 1.0)
    assert p.fault == fault
    assert p.closed is (fault == "")


@pytest.mark.parametrize("low_mv", [1999, 0, -9999, -10_000])
def test_a_short_without_pwm(low_mv: int) -> None:
    p = Pilot(level=B, pending=B)
    assert (step(p, AC, inputs(PilotSample(1999, low_mv), wish=X1), 1.0).fault == "pilot_short") is (low_mv > -10_000)


def test_a_diode_fault_is_latched_until_the_car_has_left() -> None:
    p = step(CHARGING, AC, inputs(PilotSample(6000, -6000)), 1.0)
    assert p.output == X1
    p = step(p, AC, inputs(PilotSample(6000, 6000), wish=X1), 1.01)
    assert p.fault == "pilot_diode"
    for now in (1.02, 1.03):
        p = step(p, AC, inputs(PilotSample(12_000, 12_000), wish=X1), now)
    assert (p.level, p.fault) == (A, "")


def test_the_diode_cannot_be_judged_without_pwm() -> None:
    assert step(Pilot(level=C, pending=C), AC, inputs(PilotSample(6000, 6000), wish=X1), 1.0).fault == ""


def test_an_open_line_with_pwm_is_no_diode_fault() -> None:
    p = Pilot(level=A, pending=A, output=DIGITAL)
    assert step(p, AC, inputs(PilotSample(12_000, -12_000), wish=DIGITAL), 1.0).fault == ""


def test_a_car_that_wants_a_fan_is_refused_without_one_and_served_with_one() -> None:
    sample = PilotSample(3000, -12_000)
    p = Pilot(level=D, pending=D, output=NOMINAL)
    without = step(p, AC, inputs(sample), 1.0)
    assert (without.fault, without.closed) == ("ventilation", False)
    assert step(without, AC, inputs(PilotSample(3000, 3000), wish=X1), 1.01).fault == "ventilation"
    fan = step(p, Circuit(ventilation=True), inputs(sample), 1.0)
    assert (fan.fault, fan.closed) == ("", True)


def test_a_car_that_asks_for_a_fan_while_charging_is_disconnected() -> None:
    p = step(CHARGING, AC, inputs(PilotSample(3000, -12_000)), 1.0)
    assert not step(p, AC, inputs(PilotSample(3000, -12_000)), 1.01).closed


def test_a_sample_older_than_30_ms_opens() -> None:
    assert step(CHARGING, AC, inputs(age_s=0.030), 1.0).closed
    stale = step(CHARGING, AC, inputs(age_s=0.031), 1.0)
    assert (stale.fault, stale.closed) == ("pilot_stale", False)


def test_our_own_e_and_f_are_no_faults_and_neither_is_the_settling_after_them() -> None:
    f, e = PilotOutput(PilotMode.F), PilotOutput(PilotMode.E)
    shown = Pilot(level=B, pending=B, output=f)
    p = step(shown, AC, inputs(PilotSample(-12_000, -12_000), wish=X1), 1.0)
    assert (p.fault, p.output) == ("", X1)
    shorted = step(Pilot(level=E, pending=E, output=e), AC, inputs(PilotSample(0, 0), wish=X1), 1.0)
    assert step(shorted, AC, inputs(PilotSample(0, 0), wish=X1), 1.04).fault == ""
    assert step(shorted, AC, inputs(PilotSample(0, 0), wish=X1), 1.06).fault == "pilot_short"


# --- closing and opening --------------------------------------------------------------------------------------------


def test_closing_needs_pwm_that_has_been_seen() -> None:
    fresh = Pilot(level=C, pending=C, output=NOMINAL, output_since=1.0)
    assert not step(fresh, AC, inputs(), 1.04).closed
    assert step(fresh, AC, inputs(), 1.05).closed
    assert not step(READY, AC, inputs(PilotSample(6000, -9999)), 1.0).closed


@pytest.mark.parametrize("missing", ["allowed", "healthy", "ready"])
def test_closing_needs_permission_health_and_readiness(missing: str) -> None:
    assert step(READY, AC, inputs(), 1.0).closed
    assert not step(READY, AC, inputs(**{missing: False}), 1.0).closed  # type: ignore[arg-type]


def test_waiting_tells_that_only_readiness_is_missing() -> None:
    assert step(READY, AC, inputs(ready=False), 1.0).waiting
    assert not step(READY, AC, inputs(ready=False, allowed=False), 1.0).waiting
    assert not step(READY, AC, inputs(), 1.0).waiting


def test_a_car_may_go_from_a_to_c_directly() -> None:
    p = Pilot(level=A, pending=A, output=NOMINAL)
    p = step(p, AC, inputs(), 1.0)
    assert not p.closed
    assert step(p, AC, inputs(), 1.01).closed


def test_the_car_gets_6_s_to_let_go() -> None:
    p = step(CHARGING, AC, inputs(allowed=False), 1.0)
    assert (p.closed, p.output) == (True, X1)
    c1 = inputs(PilotSample(6000, 6000), allowed=False)
    assert step(p, AC, c1, 6.99).closed
    assert not step(p, AC, c1, 7.0).closed


def test_a_dc_output_opens_below_5_a_or_after_1_s_and_keeps_its_duty_until_then() -> None:
    dc = Circuit(dc=True)
    charging = Pilot(level=C, pending=C, output=DIGITAL, closed=True)
    p = step(charging, dc, inputs(wish=X1, allowed=False), 1.0)
    assert (p.closed, p.output) == (True, DIGITAL)
    ramping = step(p, dc, inputs(wish=X1, allowed=False), 1.89)
    assert ramping.closed and ramping.blocked_since is None
    blocked = step(p, dc, inputs(wish=X1, allowed=False), 1.91)
    assert (blocked.closed, blocked.blocked_since, blocked.output) == (True, 1.91, DIGITAL)
    assert step(blocked, dc, inputs(wish=X1, allowed=False), 1.95).closed
    assert not step(blocked, dc, inputs(wish=X1, allowed=False), 1.97).closed
    unloaded = step(p, dc, inputs(wish=X1, allowed=False, unloaded=True), 1.01)
    assert (unloaded.closed, unloaded.output) == (False, X1)


def test_a_grant_that_returns_within_the_grace_goes_on_charging() -> None:
    p = step(CHARGING, AC, inputs(allowed=False), 1.0)
    p = step(p, AC, inputs(PilotSample(6000, 6000)), 3.0)
    assert (p.closed, p.output, p.stopping_since) == (True, NOMINAL, None)
    assert step(p, AC, inputs(), 8.0).closed


def test_e_or_f_wait_until_the_load_is_off() -> None:
    p = step(CHARGING, AC, inputs(wish=PilotOutput(PilotMode.F)), 1.0)
    assert (p.closed, p.output) == (True, X1)
    for now in (1.01, 1.02):
        p = step(p, AC, inputs(PilotSample(9000, 9000), wish=PilotOutput(PilotMode.F)), now)
    assert (p.closed, p.output.mode) == (False, PilotMode.F)


def test_infinite_past_is_no_trouble() -> None:
    assert step(Pilot(level=C, pending=C, output=NOMINAL, output_since=-math.inf), AC, inputs(), 0.0).closed
