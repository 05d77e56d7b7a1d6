"""What the drivers of Linux pins cost the guard's tick: one reading of the pilot, and every fast part together.

    python tests/bench/linux_drivers.py [--ticks N]

On the Charge Control C made of files. Files cost about what sysfs costs; the 3.5 ms that the peak detectors need are
real. What a conversion of the i.MX6ULL takes comes on top: run it on the board for the whole truth.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hal import board as boards
from hal.contracts import PilotMode, PilotOutput
from hil.linux_board import LinuxBoard

PILOT_MS = 4.0  # hal.contracts.ControlPilot: a reading takes at most this


def measure(action: Callable[[], object], times: int) -> tuple[float, float, float]:
    """Median, p99 and worst, ms."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.99)], took[-1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ticks", type=int, default=1000, metavar="N")
    ticks: int = options.parse_args().ticks
    with tempfile.TemporaryDirectory() as name:
        world = LinuxBoard(Path(name))
        file = Path(name) / "board.toml"
        file.write_text(world.board_text())
        board = boards.load(file)
        began = time.perf_counter()
        board.attach()
        attached_ms = (time.perf_counter() - began) * 1000
        world.step()
        parts = {name: part.driver for name, part in (board.parts | board.connectors[0].parts).items()}
        duties = iter(range(10**9))

        def others() -> None:
            parts["contactor"].closed()
            parts["proximity"].read()
            parts["rcd"].tripped()
            for name in ("emergency_stop", "mains_fail", "pe_monitor"):
                parts[name].active()
            parts["watchdog"].feed()

        def drive() -> None:
            parts["pilot"].drive(PilotOutput(PilotMode.DUTY, 10 + next(duties) % 80))

        print(f"attach of all parts            {attached_ms:8.2f} ms")
        rows: list[tuple[str, Callable[[], object], str]] = [
            ("pilot reading", parts["pilot"].read, f"   limit {PILOT_MS} ms"),
            ("all other fast parts", others, ""),
            ("change of duty", drive, ""),
        ]
        for text, action, note in rows:
            median, p99, worst = measure(action, ticks)
            print(f"{text:<22} median {median:8.3f} ms   p99 {p99:8.3f} ms   worst {worst:8.3f} ms{note}")
        board.detach()


if __name__ == "__main__":
    main()
