"""Curves of temperature: straight between their points, no swinging, several sensors, the lowest counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from hal.board_settings import Derating
from hal.derating import allowed_a, limits, too_hot

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

CURVE = Derating("thermometer_housing", ((55.0, 32.0), (65.0, 16.0), (70.0, 6.0)), stop_c=80.0)


@pytest.mark.parametrize(
    ("celsius", "amps"), [(20.0, math.inf), (54.9, math.inf), (55.0, 32), (60.0, 24), (65.0, 16), (67.5, 11), (79.0, 6)]
)
def test_the_curve_is_straight_between_its_points(celsius: float, amps: float) -> None:
    assert allowed_a(CURVE, celsius) == amps


def test_the_limit_falls_at_once_and_rises_after_the_hysteresis() -> None:
    now = limits((math.inf,), (CURVE,), {"thermometer_housing": 65.0})
    assert now == (16.0,)
    now = limits(now, (CURVE,), {"thermometer_housing": 61.0})
    assert now == (16.0,)  # 4 K cooler: not yet
    now = limits(now, (CURVE,), {"thermometer_housing": 58.0})
    assert now == (19.0,)  # what the curve says 5 K further up
    assert limits(now, (CURVE,), {"thermometer_housing": 40.0}) == (math.inf,)


def test_a_silent_sensor_keeps_its_last_word() -> None:
    assert limits((16.0,), (CURVE,), {"thermometer_housing": None}) == (16.0,)


def test_too_hot_lasts_until_the_hysteresis_is_over() -> None:
    assert not too_hot(False, CURVE, 79.9)
    assert too_hot(False, CURVE, 80.0)
    assert too_hot(True, CURVE, 75.1)
    assert not too_hot(True, CURVE, 74.9)


@pytest.mark.parametrize("points", [((60.0, 16.0), (50.0, 6.0)), ((50.0, 6.0), (60.0, 16.0))])
def test_a_curve_that_does_not_fall_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="rise in °C and fall in A"):
        Derating("thermometer", points)


@pytest.fixture
def bench(make_bench: BenchMaker) -> Bench:
    return make_bench("sim-ac-phases")


def test_a_warm_housing_lowers_what_the_car_is_offered(bench: Bench) -> None:
    bench.charge(duty_percent=100 * 32 / 60, limit_a=32.0)
    bench.slots["temperature_2_c"] = 65.0
    bench.until(lambda: bench.observation.limit_a == 16.0, within_s=2.0)
    assert bench.observation.duty_percent == pytest.approx(100 * 16 / 60, abs=0.1)
    assert bench.closed


def test_above_its_end_the_second_sensor_stops(bench: Bench) -> None:
    bench.charge()
    bench.slots["temperature_2_c"] = 80.0
    bench.until(lambda: "over_temperature" in bench.faults, within_s=2.0)
    bench.until(lambda: not bench.closed, within_s=7.0)
    assert "thermometer_housing: 80 °C" in bench.observation.why_open


def test_a_second_sensor_that_is_silent_stops_too(bench: Bench) -> None:
    bench.charge()
    bench.slots["temperature_fault"] = 1.0
    bench.until(lambda: "temperature_sensor" in bench.faults, within_s=12.0)
    assert not bench.closed
