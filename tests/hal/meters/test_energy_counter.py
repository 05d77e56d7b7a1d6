"""The energy counter: rollover, reset, glitches, standstill. No energy lost, none invented."""

import math
import random
from collections.abc import Sequence

import pytest

from hal.meters.energy_counter import CONFIRM, Counter, Limits, step

LIMITS = Limits(max_power_w=22_000, resolution_wh=1.0, rollover_wh=2.0**32)
DIGITS = Limits(max_power_w=22_000, resolution_wh=100.0, rollover_wh=1e9)


def run(raws: Sequence[float], limits: Limits = LIMITS, *, power_w: float = 11_000.0, period_s: float = 1.0) -> Counter:
    counter = Counter()
    for second, raw in enumerate(raws):
        counter = step(counter, raw, power_w, second * period_s, limits)
    return counter


def test_it_counts_what_the_register_counts() -> None:
    counter = run([1000, 1003, 1006, 1009])
    assert counter.wh == 1009 and not counter.fault


@pytest.mark.parametrize(("limits", "full"), [(LIMITS, 2.0**32), (DIGITS, 1e9)], ids=["2^32", "10^9"])
def test_a_full_register_begins_at_zero_and_nothing_is_lost(limits: Limits, full: float) -> None:
    counter = run([full - 4, full - 1, 2, 5], limits)
    assert counter.wh == full + 5 and not counter.fault


def test_a_reset_is_believed_after_some_readings_and_the_count_goes_on() -> None:
    faults = []
    counter = Counter()
    for second, raw in enumerate([5000, 5003, 0, 3, 6, 9]):
        counter = step(counter, raw, 11_000, float(second), LIMITS)
        faults.append(bool(counter.fault))
        assert counter.wh >= 5000  # never back
    assert faults == [False, False, True, True, False, False] and CONFIRM == 3
    assert counter.wh == 5003 + 9


@pytest.mark.parametrize("glitch", [0.0, 4000.0, 6000.0, 4e9, 1e15], ids=str)
def test_one_wrong_reading_is_a_fault_and_changes_nothing(glitch: float) -> None:
    good = run([5000, 5003])
    wrong = step(good, glitch, 11_000, 2.0, LIMITS)
    assert wrong.fault and wrong.wh == 5003
    after = step(wrong, 5009, 11_000, 3.0, LIMITS)
    assert after.wh == 5009 and not after.fault


def test_two_different_glitches_do_not_confirm_each_other() -> None:
    counter = run([5000, 5003, 0, 900_000, 0, 900_000])
    assert counter.fault and counter.wh == 5003


@pytest.mark.parametrize("elsewhere", [200_000.0, 3_000.0])
def test_an_exchanged_meter_adds_nothing_of_its_past(elsewhere: float) -> None:
    counter = run([5000, 5003, elsewhere, elsewhere + 3, elsewhere + 6, elsewhere + 9])
    assert not counter.fault
    assert counter.wh == 5003 + 3  # counted from the reading that confirmed it


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf, -1.0])
def test_no_number_is_no_energy(raw: float) -> None:
    counter = step(run([5000, 5003]), raw, 11_000, 2.0, LIMITS)
    assert counter.fault and counter.wh == 5003


def test_after_an_hour_of_silence_an_hours_energy_is_believed_and_not_more() -> None:
    counter = run([5000])
    assert step(counter, 5000 + 22_000, 11_000, 3600.0, LIMITS).wh == 27_000
    assert step(counter, 5000 + 40_000, 11_000, 3600.0, LIMITS).fault


def test_a_register_slower_than_our_readings_catches_up() -> None:
    slow = Limits(max_power_w=22_000, resolution_wh=10.0)
    counter = run([5000] * 9 + [5030], slow, power_w=11_000)
    assert counter.wh == 5030 and not counter.fault


def test_a_value_beyond_the_registers_end_is_no_energy() -> None:
    assert "ends at" in step(Counter(), 2.0**32 + 5, 0.0, 0.0, LIMITS).fault


def test_rounding_of_the_last_digit_is_no_step_back() -> None:
    counter = run([5000.4, 5000.2, 5000.9, 5000.1], power_w=500.0)
    assert counter.wh == 5000.9 and not counter.fault


def test_a_register_that_stands_still_while_power_flows_is_stuck() -> None:
    counter = run([5000, 5000])
    assert counter.fault == "energy stands still at 5000 Wh while 11000 W flow"
    assert not run([5000, 5000], power_w=0.0).fault
    assert not run([5000] * 10, DIGITS).fault  # its smallest step is not due yet
    assert not step(counter, 5003, 11_000, 2.0, LIMITS).fault


def test_whatever_a_register_shows_the_count_never_falls_and_never_grows_faster_than_power_can() -> None:
    rng = random.Random(1)
    for _ in range(300):
        counter, now, raw = Counter(), 0.0, rng.uniform(0, 2**32)
        first: float | None = None
        for _ in range(60):
            now += rng.choice((0.1, 0.5, 1.0, 30.0))
            raw = rng.choice((raw + rng.uniform(0, 3), 0.0, rng.uniform(0, 2**33), math.nan, -raw, raw - 2**32))
            before = counter.wh
            counter = step(counter, raw, rng.uniform(-1e5, 1e5), now, LIMITS)
            if first is None and counter.raw_wh is not None:
                first = counter.wh
            elif first is not None:
                assert before <= counter.wh + 1e-3
                jumps = 60 * 3 * LIMITS.resolution_wh
                assert counter.wh - first <= 1.2 * LIMITS.max_power_w * now / 3600 + jumps
