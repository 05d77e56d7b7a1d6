"""Self test of the residual current monitor as part of the interlocks' step: what proves it, and what does not."""

from hal import interlocks, residual_current
from hal.board_settings import ConnectorSettings
from hal.interlock_state import Inputs, Interlocks, SelfTest

BOARD = ConnectorSettings(id=1, kind="sType2", max_current_a=32.0)
TICK_S = 0.01


def inputs(*, waiting: bool = True, tripped: bool = False) -> Inputs:
    return Inputs(commanded=False, feedback=False, waiting=waiting, plugged=True, limit_a=16.0, rcd_tripped=tripped)


def run(s: Interlocks, *ticks: Inputs, start: float = 100.0) -> Interlocks:
    for number, tick in enumerate(ticks):
        s = interlocks.step(s, BOARD, tick, start + number * TICK_S)
    return s


def test_trip_and_quiet_pass() -> None:
    s = run(Interlocks(), inputs(), inputs(), inputs(tripped=True), inputs(tripped=True), inputs())
    assert s.self_test is SelfTest.PASSED
    assert s.ready


def test_a_test_cut_short_proves_nothing_when_the_car_is_back_at_once() -> None:
    """Waiting, gone for one tick, waiting: the monitor has never tripped."""
    s = run(Interlocks(), inputs(), inputs(waiting=False), inputs())
    assert s.self_test is not SelfTest.PASSED
    assert not s.ready


def test_a_failed_test_takes_its_current_away_and_is_not_repeated_by_itself() -> None:
    late = int(residual_current.SELF_TEST_S / TICK_S) + 5
    s = run(Interlocks(), *[inputs()] * late)
    assert {fault.code for fault in s.faults} == {"rcd_self_test"}
    assert s.self_test is SelfTest.IDLE
    s = run(s, *[inputs()] * 300, start=200.0)
    assert s.self_test is SelfTest.IDLE
    assert not s.ready


def test_a_cleared_fault_means_a_new_test() -> None:
    late = int(residual_current.SELF_TEST_S / TICK_S) + 5
    s = run(Interlocks(), *[inputs()] * late)
    s = run(s, inputs()._replace(clear=frozenset({"rcd_self_test"})), inputs(), inputs(), start=200.0)
    assert s.self_test is SelfTest.TRIPPING
    assert not s.ready
