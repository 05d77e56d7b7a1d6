"""What the guard takes of the machine, and what it says when it does not keep its time."""

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hal import realtime
from hal.faults import FAULTS
from hal.overruns import LATE_S, OVERRUN_WINDOW_S, OVERRUNS

if TYPE_CHECKING:
    from tests.hal.conftest import Bench


def may_be_nicer() -> bool:
    """Root in a container may be refused it, too."""
    code = f"import os; os.setpriority(os.PRIO_PROCESS, 0, {realtime.NICE})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False).returncode == 0


MAY_BE_NICER = may_be_nicer()


def in_another_process(code: str) -> str:
    """The calls change their process for good: not this one."""
    command = [sys.executable, "-c", f"import os\nfrom hal import realtime\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def test_without_a_priority_the_tick_says_what_it_got() -> None:
    said = in_another_process("print(realtime.raise_tick(0))")
    assert said in (f"nice {realtime.NICE}", "ordinary priority")


def test_every_thread_of_the_guard_gets_the_better_nice_value() -> None:
    """Also a driver's: while it holds the interpreter's lock the tick waits for it."""
    code = (
        "import threading; realtime.raise_process(); said = []\n"
        "thread = threading.Thread(target=lambda: said.append(os.getpriority(os.PRIO_PROCESS, 0)))\n"
        "thread.start(); thread.join(); print(said[0], os.getpriority(os.PRIO_PROCESS, 0))"
    )
    driver, main = in_another_process(code).split()
    assert driver == main
    assert int(main) == realtime.NICE or not MAY_BE_NICER


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become real-time")
def test_the_tick_becomes_real_time_and_a_driver_steps_one_below() -> None:
    code = "print(realtime.raise_tick(7)); realtime.step_back(); print(os.sched_getparam(0).sched_priority)"
    said = in_another_process(code).splitlines()
    assert said == ["SCHED_FIFO 7", "6"] or said[0].endswith("(SCHED_FIFO 7: Operation not permitted)")


def test_a_driver_of_an_ordinary_process_stays_ordinary() -> None:
    code = "realtime.step_back(); print(os.sched_getscheduler(0) == os.SCHED_OTHER)"
    assert in_another_process(code) == "True"


def test_memory_is_locked_where_the_limit_allows_it_and_the_guard_says_so() -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n" if os.geteuid() else ""
    said = in_another_process(f"{limited}print(realtime.lock_memory())")
    locked = said == "memory locked"
    assert locked or said.startswith("memory not locked (")
    assert os.geteuid() == 0 or not locked


def test_one_late_tick_is_counted_and_told_but_is_no_fault(bench: "Bench") -> None:
    bench.connect()
    bench.guard.overruns.note(LATE_S * 1.1, bench.now)
    bench.guard.overruns.note(LATE_S * 0.9, bench.now)
    bench.run(0.3)
    assert bench.guard.overruns.count == 1
    assert bench.beats[-1].overruns == 1
    assert not bench.faults


def test_a_guard_that_keeps_coming_late_opens_and_stays_open_until_cleared(bench: "Bench") -> None:
    bench.charge()
    for _ in range(OVERRUNS):
        bench.guard.overruns.note(LATE_S * 1.1, bench.now)
    bench.tick()
    assert bench.faults == {"tick_overrun"}
    assert not bench.closed
    bench.run(OVERRUN_WINDOW_S + 2.0)
    assert bench.faults == {"tick_overrun"}
    assert FAULTS["tick_overrun"].latched


def test_overruns_far_apart_are_no_fault(bench: "Bench") -> None:
    bench.charge()
    for _ in range(OVERRUNS * 2):
        bench.guard.overruns.note(LATE_S * 1.1, bench.now)
        bench.run(OVERRUN_WINDOW_S / OVERRUNS * 1.2)
    assert not bench.faults
    assert bench.closed
