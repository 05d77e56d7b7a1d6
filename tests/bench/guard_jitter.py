"""How late the guard's ticks are, and what one costs. What its process costs is in guard_hardware.py.

    python tests/bench/guard_jitter.py [--seconds N]

The guard of the simulated AC board its worker threads and its tick thread, in this process: alone,
beside two threads of this process that only compute (a driver gone wild), and beside as many processes as there are
cores.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hal import realtime
from hal.board import load
from hal.guard import Guard
from hal.sim.registers import Registers
from hal.ticker import Ticker

LIMIT_MS = 5.0
BOARD = Path(__file__).parents[2] / "board-configs" / "sim-ac-type2.toml"


def quiet(registers: Registers) -> None:
    """A plant at rest: mains there, no car."""
    slots = registers.connector(1)
    slots["cp_high_mv"] = slots["cp_low_mv"] = 12_000.0
    for phase in ("l1", "l2", "l3"):
        slots[f"voltage_{phase}_v"] = 230.0


class Restless(Guard):
    """A tick every 10 ms, whatever the cars do."""

    @property
    def resting(self) -> bool:
        return False


@contextlib.contextmanager
def two_threads() -> Iterator[None]:
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def processes() -> Iterator[None]:
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait()


def lateness(registers: Path, seconds: float, priority: int) -> list[float]:
    """Lateness of each tick, s."""
    board = load(BOARD)
    board.attach(registers)
    guard = Restless(board, time.monotonic())
    late: list[float] = []
    guard.start_workers()
    ticker = Ticker(guard, priority=priority, late=late.append)
    ticker.start()
    time.sleep(seconds)
    ticker.stop()
    guard.stop_workers()
    board.detach()
    return late[10:]


def show(name: str, late: list[float]) -> None:
    late.sort()
    picks = [late[min(len(late) - 1, int(len(late) * share))] * 1000 for share in (0.5, 0.99, 0.999)]
    verdict = "OK" if picks[2] < LIMIT_MS else "OVER"
    print(
        f"{name:34} p50 {picks[0]:6.2f}  p99 {picks[1]:6.2f}  p99.9 {picks[2]:6.2f} ms ({verdict}, limit {LIMIT_MS:g}) "
        f" max {late[-1] * 1000:6.2f} ms",
        flush=True,
    )


def cost(registers: Path) -> float:
    """Median of one tick, s."""
    board = load(BOARD)
    board.attach(registers)
    guard = Guard(board, 0.0)
    spent: list[float] = []
    for tick in range(5000):
        began = time.perf_counter()
        guard.tick(tick / 100)
        spent.append(time.perf_counter() - began)
        guard.take()
    board.detach()
    return statistics.median(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="per condition")
    parser.add_argument("--priority", type=int, default=0, help="SCHED_FIFO priority of the tick thread")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.alone:
        sys.exit(subprocess.call([sys.executable, *sys.argv, "--alone"], start_new_session=True))
    with contextlib.suppress(OSError):  # Linux shares cores out among sessions: those of others do not count here,
        Path("/proc/self/autogroup").write_text("-19")  # to come before them too is what SCHED_FIFO is for
    realtime.raise_process()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registers"
        quiet(Registers.create(path))
        print(f"one tick costs {cost(path) * 1e6:.0f} us")
        show("idle", lateness(path, options.seconds, options.priority))
        with two_threads():
            show("two computing threads", lateness(path, options.seconds, options.priority))
        with processes():
            show(f"{os.cpu_count()} computing processes", lateness(path, options.seconds, options.priority))


if __name__ == "__main__":
    main()
