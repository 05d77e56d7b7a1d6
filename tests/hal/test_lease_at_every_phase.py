"""The controller dies, or stands still for a while, at every 100 ms of a session; whatever the phase, the rules hold.

The session: connect, car plugs in, is granted, closes S2, draws, pauses, resumes, is stopped. Afterwards nobody grants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.contracts import PilotMode
from hal.guard import TICK_S

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

NOMINAL = 100 * 16 / 60
RIDE_S = 1.0
LEASE_S = 0.3 + 2 * TICK_S
STEP_S = 0.1
SESSION_S = 4.5
QUICK = {"[connector.policy]\n": "[connector.policy]\nmin_close_interval_s = 0\n"}


def session(bench: Bench, duty: float) -> dict[float, Callable[[], None]]:
    """What happens when, s after the start."""

    def draw() -> None:
        if bench.closed:
            bench.draw(10.0)

    def car(state: str) -> None:
        bench.wiring.car = state
        bench.draw(0.0)

    return {
        0.4: lambda: car("B"),
        0.7: lambda: bench.show(PilotMode.DUTY, duty),
        0.9: lambda: bench.grant(limit_a=16.0, failsafe_limit_a=8.0, ride_through_s=RIDE_S),
        1.2: lambda: car("C"),
        2.0: draw,
        2.6: lambda: car("B"),
        2.9: lambda: car("C"),
        3.5: draw,
        4.0: lambda: bench.send(wire.Revoke(bench.epoch, 1, "stopped by user")),
    }


def play(bench: Bench, duty: float, lost_at: float) -> None:
    """The session up to the moment the controller falls silent."""
    script = session(bench, duty)
    bench.connect()
    for tick in range(round(lost_at / TICK_S)):
        if action := script.get(round(tick * TICK_S, 2)):
            action()
        bench.tick()


@pytest.mark.parametrize("returns", [False, True], ids=["dead", "stands still for 1 s"])
@pytest.mark.parametrize("duty", [NOMINAL, 5.0], ids=["nominal", "digital"])
def test_nothing_closes_afterwards_and_all_is_open_in_time(make_bench: BenchMaker, duty: float, returns: bool) -> None:
    bench = make_bench(replace=QUICK)
    closed_at_loss = 0
    for number in range(round(SESSION_S / STEP_S)):
        bench.alive = True
        bench.wiring.car = "A"
        bench.draw(0.0)
        bench.run(0.5)
        play(bench, duty, number * STEP_S)
        lost_at, was_closed, could_close_until = bench.now, bench.closed, bench.now + LEASE_S
        closed_at_loss += was_closed
        bench.alive = False
        most = LEASE_S + (RIDE_S if duty == NOMINAL else 0.0) + 6.0 + TICK_S
        while bench.now - lost_at < most:
            before = bench.closed
            bench.tick()
            if returns and bench.now - lost_at >= 1.0:
                bench.alive = True  # echoes beats again, adopts nothing, grants nothing
            if bench.closed and not before:
                assert bench.now < could_close_until, "closed without a controller"
        assert not bench.closed
        bench.wiring.car = "B"
        bench.run(0.1)
        bench.wiring.car = "C"
        bench.run(1.0)
        assert not bench.closed
        assert bench.observation.grant is None or not was_closed
    assert closed_at_loss > 10  # many of the moments were under load
