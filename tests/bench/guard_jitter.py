"""How late the guard's ticks are, what one costs, and what its process weighs.

    python tests/bench/guard_jitter.py [--seconds N]

The guard of the simulated AC board, its worker threads and its tick thread, in this process: idle, beside two threads
of this process that only compute (a driver gone wild), and beside as many processes as there are cores. Then a guard
process of its own for memory (PSS) and idle CPU.
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

from hal.board import load
from hal.guard import Guard
from hal.sim.registers import Registers
from hal.ticker import Ticker

BOARD = Path(__file__).parents[2] / "board-configs" / "sim-ac-type2.toml"


def quiet(registers: Registers) -> None:
    """A plant at rest: mains there, no car."""
    slots = registers.connector(1)
    slots["cp_high_mv"] = slots["cp_low_mv"] = 12_000.0
    for phase in ("l1", "l2", "l3"):
        slots[f"voltage_{phase}_v"] = 230.0


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
    guard = Guard(board, time.monotonic())
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
    print(f"{name:34} p50 {picks[0]:6.2f}  p99 {picks[1]:6.2f}  p99.9 {picks[2]:6.2f}  max {late[-1] * 1000:6.2f} ms")


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


def footprint(folder: Path, seconds: float) -> tuple[float, float]:
    """(PSS in MB, CPU of one core in percent) of a guard process at rest."""
    command = [sys.executable, "-m", "hal", "--board", str(BOARD), "--socket", str(folder / "sock")]
    process = subprocess.Popen([*command, "--sim", str(folder / "registers")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.0)

    def used() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(seconds)
    cpu = 100 * (used() - before) / seconds
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    pss_kb = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    process.terminate()
    process.wait(10)
    return pss_kb / 1024, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="per condition")
    parser.add_argument("--priority", type=int, default=0, help="SCHED_FIFO priority of the tick thread")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registers"
        quiet(Registers.create(path))
        print(f"one tick costs {cost(path) * 1e6:.0f} us")
        show("idle", lateness(path, options.seconds, options.priority))
        with two_threads():
            show("two computing threads", lateness(path, options.seconds, options.priority))
        with processes():
            show(f"{os.cpu_count()} computing processes", lateness(path, options.seconds, options.priority))
        pss, cpu = footprint(Path(folder), options.seconds)
        print(f"guard process: PSS {pss:.1f} MB, idle CPU {cpu:.1f} % of one core")


if __name__ == "__main__":
    main()
