"""Microseconds that smart charging takes: the limit of this moment, composite schedules, a round of the station.

    python tests/bench/composite_schedule.py

The loop budget of the controller is 2 ms for one synchronous section (desktop-class core).
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from firmware.config import EvseSettings, Settings, StationSettings
from firmware.energy.composite import View
from firmware.energy.engine import Engine
from firmware.energy.instant import Electrics, layers
from firmware.energy.timeline import Circumstances
from firmware.station.charging_profile import Installed, Period, Profile, Schedule
from firmware.station.station import build_station

T = 1_800_000_000.0
DAY = 86_400


def profile(number: int, purpose: str, level: int, count: int, kind: str = "Recurring") -> Profile:
    periods = tuple(Period(n * DAY / count, 6.0 + n % 26) for n in range(count))
    start = None if kind == "Relative" else T - 5 * DAY
    daily = "Daily" if kind == "Recurring" else None
    return Profile(number, purpose, kind, level, (Schedule("A", periods, start=start),), recurrency=daily)  # type: ignore[arg-type]


def view(stack: int, count: int, evses: int = 2) -> View:
    installed = [Installed(0, profile(1, "ChargingStationMaxProfile", 0, count), T)]
    for level in range(stack):
        kind = "Relative" if level == stack - 1 else "Recurring"
        installed.append(Installed(0, profile(10 + level, "TxDefaultProfile", level, count, kind), T))
    parts = {n: (layers(installed, n), Circumstances("tx", T - 100), Electrics(32.0)) for n in range(1, evses + 1)}
    return View(parts, layers(installed, 0), Electrics(63.0))


def microseconds(work: Callable[[], object], rounds: int) -> float:
    """The median of `rounds` after a warm-up."""
    work()
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(taken)


def a_round(stack: int, count: int) -> float:
    """Everything that follows from a change: 2 EVSEs, limits, budget; nothing new comes of it."""
    with tempfile.TemporaryDirectory() as folder:
        evses = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))
        station = build_station(Settings(station=StationSettings(storage=folder), evse=evses))
        engine = Engine(station)
        for level in range(stack):
            engine.store.put(Installed(0, profile(10 + level, "TxDefaultProfile", level, count), T), "2.0.1")
        return microseconds(engine.follow, 500)


def main() -> None:
    print(f"Python {sys.version.split()[0]}, {Path(__file__).name}; medians")
    print(f"{'stack':>24} {'limit now':>12} {'24 h, EVSE':>16} {'24 h, station of 2':>20} {'a round':>13}")
    for stack, count in ((1, 1), (3, 24), (5, 96), (20, 256)):
        made = view(stack, count)
        now = microseconds(lambda made=made: made.bound_at(1, T + 5000), 2000)  # type: ignore[misc]
        one = microseconds(lambda made=made: made.composite(1, T, DAY), 30)  # type: ignore[misc]
        both = microseconds(lambda made=made: made.composite(0, T, DAY), 30)  # type: ignore[misc]
        periods = len(made.composite(1, T, DAY).periods)
        label = f"{stack} x {count} periods"
        print(
            f"{label:>24} {now:9.1f} us {one:8.0f} us ({periods:>4}) {both:17.0f} us {a_round(stack, count):10.1f} us"
        )


if __name__ == "__main__":
    main()
