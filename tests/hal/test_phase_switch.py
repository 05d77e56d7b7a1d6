"""One and three phases: never under load, never without a pause, never too often, and not for a car that hates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.board_settings import Policy
from hal.contracts import PilotMode
from hal.phase_switch import BACK_S, Inputs, Phases, Switch, step

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

POLICY = Policy(phase_pause_s=10.0, phase_min_interval_s=60.0)
SIXTEEN_A = 100 * 16 / 60


@pytest.fixture
def bench(make_bench: BenchMaker) -> Bench:
    return make_bench("sim-ac-phases")


def ask(bench: Bench, phases: Phases) -> None:
    bench.send(wire.SetPhases(bench.epoch, 1, phases))


def reclose(bench: Bench, within_s: float = 30.0) -> None:
    bench.until(lambda: bool(bench.slots["contactor_closed"]), within_s=within_s)


def test_the_phases_change_only_with_an_open_contactor_and_no_current(bench: Bench) -> None:
    bench.charge()
    ask(bench, 1)
    opened_at = changed_at = None
    for _ in range(3000):
        before = bench.slots["phases_wanted"]
        bench.tick()
        if bench.slots["contactor_closed"] and bench.shown == "x1":
            bench.draw(0.0)  # the car lets go
        if opened_at is None and not bench.slots["contactor_closed"]:
            opened_at = bench.now
        if bench.slots["phases_wanted"] != before:
            changed_at = bench.now
            assert not bench.slots["coil"]
            assert not bench.slots["contactor_closed"]
            assert bench.slots["current_l1_a"] == 0.0
            assert bench.shown == "x1"
        if changed_at is not None and bench.slots["contactor_closed"]:
            break
    assert opened_at is not None and changed_at is not None
    assert bench.now - changed_at >= POLICY.phase_pause_s
    assert bench.observation.phases == 1
    assert bench.session == "s1"  # the same grant goes on


def test_current_that_still_flows_holds_the_change_back(bench: Bench) -> None:
    bench.charge()
    ask(bench, 1)
    bench.until(lambda: not bench.slots["contactor_closed"], within_s=7.0)
    bench.draw(1.5)  # the meter still sees it: a stuck pole, or another meter's word
    bench.run(5.0)
    assert bench.slots["phases_wanted"] == 3.0
    assert "waiting until no current flows" in bench.observation.why_phases
    bench.draw(0.0)
    bench.until(lambda: bench.slots["phases_wanted"] == 1.0, within_s=2.0)


def test_not_twice_within_the_interval(bench: Bench) -> None:
    bench.connect()
    ask(bench, 1)
    bench.until(lambda: bench.observation.phases == 1, within_s=1.0)
    bench.run(11.0)
    ask(bench, 3)
    bench.run(1.0)
    assert bench.observation.phases == 1
    assert bench.observation.why_phases.startswith("phases were changed lately")
    bench.until(lambda: bench.observation.phases == 3, within_s=60.0)


def test_never_under_digital_communication(bench: Bench) -> None:
    bench.connect()
    bench.wiring.car = "B"
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant()
    bench.run(1.0)
    ask(bench, 1)
    bench.run(15.0)
    assert bench.observation.phases == 3
    assert "digital communication" in bench.observation.why_phases


def test_a_phase_contactor_that_does_not_follow_is_a_fault_and_nothing_closes(bench: Bench) -> None:
    bench.charge()
    bench.wiring.phases_stuck = True
    bench.draw(0.0)
    ask(bench, 1)
    bench.until(lambda: "phase_switch" in bench.faults, within_s=10.0)
    bench.run(15.0)
    assert not bench.closed
    assert bench.observation.grant is None


def test_a_phase_contactor_that_moves_by_itself_under_load_opens_at_once(bench: Bench) -> None:
    bench.charge()
    bench.slots["phases_wanted"] = 1.0  # what the coil of the phase contactor really does
    assert bench.until(lambda: not bench.closed, within_s=0.6) <= POLICY.feedback_s + 0.1
    assert "phase_switch" in bench.faults


def test_a_car_that_does_not_come_back_gets_its_phases_again_and_is_left_alone(bench: Bench) -> None:
    bench.charge()
    bench.draw(0.0)
    ask(bench, 1)
    bench.until(lambda: bench.observation.phases == 1, within_s=10.0)
    bench.wiring.car = "B"  # sulks
    bench.until(lambda: bench.observation.phases == 3, within_s=BACK_S + 30.0)
    bench.run(70.0)
    assert bench.observation.phases == 3
    assert bench.observation.why_phases == "this car did not come back on 1 phase(s)"
    bench.wiring.car = "C"
    reclose(bench)
    bench.wiring.car = "A"  # the next car is another car
    bench.until(lambda: bench.observation.phases == 1, within_s=70.0)


def test_a_lost_controller_changes_no_phases(bench: Bench) -> None:
    bench.charge()
    bench.alive = False
    bench.until(lambda: bench.riding, within_s=1.0)
    bench.guard.connectors[1].phase_wish = 1
    bench.run(20.0)
    assert bench.closed
    assert bench.observation.phases == 3


def test_a_board_without_it_ignores_the_wish(make_bench: BenchMaker) -> None:
    bench = make_bench()
    bench.charge()
    ask(bench, 1)
    bench.run(10.0)
    assert bench.closed
    assert not bench.guard.connectors[1].capability.phase_switch


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_command_changes_only_when_open_and_idle(seed: int) -> None:
    """Random worlds against the pure step: the one thing that must never happen."""
    from random import Random  # noqa: PLC0415

    random, s, now = Random(seed), Switch(), 0.0
    closed, current, wish, wants = False, 0.0, 3, False
    changes = 0
    for _ in range(20_000):
        now += random.choice((0.01, 0.01, 0.05))
        if random.random() < 0.01:
            wish = random.choice((1, 3))
        if random.random() < 0.02:
            wants = random.random() < 0.8
        closed = wants and not s.hold and (closed or random.random() < 0.1)
        current = (random.random() * 32 if closed else 0.0) if random.random() < 0.9 else 3.0
        inputs = Inputs(wish, s.phases, closed, closed, current, False, True, wants)  # type: ignore[arg-type]
        before, s = s, step(s, POLICY, inputs, now)
        if s.phases != before.phases:
            changes += 1
            assert not closed
            assert now - before.switched_at >= POLICY.phase_pause_s
            assert s.hold
    assert changes


def test_where_nothing_shows_that_it_has_opened_the_contactor_gets_its_time() -> None:
    """No mirror contact, no meter: the command says nothing of the arc."""
    seen = Inputs(
        wish=1, seen=None, closed=True, feedback=None, current_a=None, digital=False, plugged=True, wants=True
    )
    s, now = step(Switch(), POLICY, seen, 100.0), 100.0
    assert s.hold
    for tick in range(600):
        now = 100.0 + tick / 100
        s = step(s, POLICY, seen._replace(closed=tick < 300), now)
        assert s.phases == 3 or now >= 103.0 + POLICY.feedback_s
    assert s.phases == 1
