"""Thousands of random events against the whole guard; after each tick the rules that must never be broken are checked.

Car, faults, lease and intents come in any order; the rules are written from the requirements, not from the steps.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.contracts import PilotMode
from hal.duty import current_for
from hal.pilot import is_nominal

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

EVENTS = [*["car", "clear"] * 4, *["pilot", "grant"] * 3, "fault", "lease", "revoke", "cable", "leak", "lock"]
TICKS = 6000  # one minute
REACT = 5  # ticks within which a raw fault or a car that lets go must be obeyed; the limit is 10
DUTIES = (0.0, 2.0, 5.0, 7.5, 10.0, 26.67, 53.33, 96.0, 100.0)
SWITCHES = ("emergency_stop", "pe_fault", "mains_fail", "adc_fault", "meter_fault", "temperature_fault")


def disturb(bench: Bench, dice: random.Random) -> None:
    """One random event; most favour a session that gets far."""
    epoch = bench.epoch - (dice.random() < 0.05)
    match dice.choice(EVENTS):
        case "car":
            bench.wiring.car = dice.choice("BCCCCCCCDEA")
        case "pilot":
            mode = dice.choice([PilotMode.DUTY] * 6 + [PilotMode.X1, PilotMode.E, PilotMode.F])
            bench.send(wire.SetPilot(max(epoch, 0), 1, mode, dice.choice(DUTIES)))
        case "grant":
            limit, failsafe = dice.choice((0.0, 6.0, 16.0, 32.0, 500.0)), dice.choice((0.0, 6.0, 16.0))
            bench.send(wire.GrantIntent(max(epoch, 0), 1, dice.choice("ab"), limit, failsafe, dice.choice((0.0, 2.0))))
        case "fault":
            bench.slots[dice.choice(SWITCHES)] = float(dice.random() < 0.3)
        case "clear":
            for slot in SWITCHES:
                bench.slots[slot] = 0.0
            bench.wiring.leak = bench.wiring.welded = False
            for fault in bench.observation.faults:
                bench.send(wire.ClearFault(bench.epoch, 1, fault.code))
        case "lease":
            bench.alive = dice.random() < 0.8
        case "revoke":
            bench.send(wire.Revoke(max(epoch, 0), 1, "random", now=dice.random() < 0.5))
        case "cable":
            bench.slots["plug_rating_a"] = dice.choice((-1.0, 0.0, 13.0, 32.0, 32.0, 32.0, 63.0))
        case "leak":
            bench.wiring.leak = dice.random() < 0.2
        case "lock":
            bench.send(wire.LockIntent(max(epoch, 0), 1, dice.random() < 0.5))


class Rules:
    """What must hold after every tick."""

    def __init__(self) -> None:
        self.closings = 0
        self._was_closed = False
        self._closed_at = float("-inf")
        self._unsafe_ticks = 0

    def check(self, bench: Bench) -> None:
        connector = bench.guard.connectors[1]
        closed = bench.closed
        if closed and not self._was_closed:
            self.closings += 1
            assert bench.guard.lease.held, "closed without a controller"
            assert connector.granted.grant is not None, "closed without a grant"
            assert bench.wiring.car == "C" and connector.pilot.level == "C", "closed outside of C"
            assert not connector.fault_text, "closed with a fault"
            assert bench.now - self._closed_at >= 10.0 - 0.011, "closed twice within 10 s"
            assert bench.slots["lock_state"] == 1.0, "closed with an open lock"
            self._closed_at = bench.now
        self._was_closed = closed
        safe = bench.wiring.car == "C" and not bench.wiring.leak
        safe = safe and not any(bench.slots[slot] for slot in SWITCHES[:4])
        self._unsafe_ticks = 0 if safe or not closed else self._unsafe_ticks + 1
        assert self._unsafe_ticks <= REACT, "stays closed"
        shown = connector.pilot.output
        if closed:
            assert shown.mode in (PilotMode.X1, PilotMode.DUTY), "E or F under load"
        if is_nominal(shown):
            assert connector.granted.grant is not None, "nominal duty without a grant"
            most = min(connector.granted.limit_a, connector.rating_a, 32.0)
            assert current_for(shown.duty_percent) <= most + 0.06, "offers more than may be drawn"
            assert bench.guard.lease.held or connector.granted.riding_since is not None


@pytest.mark.parametrize("rate", [0.02, 0.06, 0.2], ids=["calm", "lively", "wild"])
def test_no_rule_is_broken_by_any_order_of_events(make_bench: BenchMaker, rate: float) -> None:
    bench = make_bench()
    bench.connect()
    rules = Rules()
    for seed in range(6):
        dice = random.Random(seed)
        for tick in range(TICKS):
            if dice.random() < rate:
                disturb(bench, dice)
            bench.tick()
            try:
                rules.check(bench)
            except AssertionError as broken:
                raise AssertionError(f"seed {seed}, tick {tick}: {broken}") from broken
            del bench.seen[:-20]
    assert rules.closings > 3  # it got as far as energy, in spite of everything
