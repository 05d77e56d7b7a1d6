"""What the guard may take of the machine: real-time priority for its tick, memory that is never paged out.

Each is asked for and reported; none is needed on a desk. Linux: sched(7), mlock(2).
"""

import os
from typing import Final

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
NICE: Final = -10


def raise_process() -> None:
    """Before any thread starts: a better nice value for all of them, where it is allowed. A driver's thread that lost
    its core while it held the interpreter's lock makes the tick wait with it."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except OSError:
        return  # an ordinary user, or a unit that gives real time instead


def raise_tick(priority: int) -> str:
    """Give the calling thread SCHED_FIFO of `priority`; 0 = keep what the service manager gave, else a better nice
    value. Returns what holds now, for people."""
    why = ""
    if priority:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        except OSError as error:
            why = f" (SCHED_FIFO {priority}: {error.strerror})"
    if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        return f"SCHED_FIFO {os.sched_getparam(0).sched_priority}"
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except OSError:
        return f"ordinary priority{why}"
    return f"nice {NICE}{why}"


def step_back() -> None:
    """A thread that only drives a device, in a process that has real time: one below the tick. Not ordinary priority,
    since it may hold the interpreter's lock when another process wants the core, and the tick would wait with it.
    Where nothing is real time, nothing happens."""
    try:
        own = os.sched_getparam(0).sched_priority
        if own > 1:
            os.sched_setparam(0, os.sched_param(own - 1))
    except OSError:
        return  # the unit's filter forbids it: equal priority is still in turn, by the interpreter's lock


def lock_memory() -> str:
    """Keep every page that is touched from now on; what is mapped and never touched costs nothing. Returns what holds
    now, for people."""
    import ctypes  # noqa: PLC0415 - 1 MB that only a running guard needs

    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT, _MCL_CURRENT | _MCL_ONFAULT):
        if libc.mlockall(flags) == 0:
            return "memory locked"
    return f"memory not locked ({os.strerror(ctypes.get_errno())})"
