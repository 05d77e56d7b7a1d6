"""The control-pilot circuit against the levels of IEC 61851-1 Table A.4, as the station measures them."""

from random import Random

import pytest

from hil.plant.pilot_circuit import LOAD_OHM, Load, half_waves_v, measured_mv


@pytest.mark.parametrize(("state", "nominal_v"), [("B", 9.0), ("C", 6.0), ("D", 3.0)])
def test_pwm_levels_lie_in_the_middle_of_the_bands_and_the_diode_keeps_the_low_half(
    state: str, nominal_v: float
) -> None:
    high, low = half_waves_v("duty", 50.0, Load(LOAD_OHM[state]))
    assert high == pytest.approx(nominal_v, abs=0.1)
    assert low == -12.0


@pytest.mark.parametrize(
    ("mode", "load", "volts"),
    [
        ("x1", Load(), 12.0),
        ("x1", Load(2740.0), 8.978),
        ("e", Load(), 0.0),
        ("f", Load(), -12.0),
        ("f", Load(2740.0), -12.0),  # the diode blocks
    ],
)
def test_steady_levels_are_the_same_in_both_halves(mode: str, load: Load, volts: float) -> None:
    high, low = half_waves_v(mode, 0.0, load)
    assert high == low == pytest.approx(volts, abs=0.001)


def test_a_bridged_diode_makes_the_low_half_follow_the_high_half() -> None:
    high, low = half_waves_v("duty", 50.0, Load(2740.0, diode=False))
    assert high + low == pytest.approx(0.0, abs=0.001)
    assert high > 8.0


def test_a_short_is_near_zero_whatever_the_generator_does() -> None:
    for mode in ("x1", "duty", "f"):
        assert all(abs(volts) < 0.1 for volts in half_waves_v(mode, 50.0, Load(2740.0, short=True)))


def test_zero_and_hundred_percent_are_steady_levels() -> None:
    assert half_waves_v("duty", 100.0, Load()) == (12.0, 12.0)
    assert half_waves_v("duty", 0.0, Load()) == (-12.0, -12.0)


def test_noise_is_there_and_stays_far_from_the_band_edges() -> None:
    noise = Random(1)
    seen = [measured_mv(9.0, -12.0, noise)[0] for _ in range(1000)]
    assert len(set(seen)) > 10
    assert all(8850 < millivolts < 9150 for millivolts in seen)
