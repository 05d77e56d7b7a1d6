"""What the interlocks look at in one tick, and what they remember to the next.

The rules are hal/interlocks.py and the steps it is made of.
"""

import math
from enum import StrEnum
from typing import NamedTuple

import msgspec

from hal.contracts import LockState, MeterReading, Plug
from hal.wire import Fault


class SelfTest(StrEnum):
    """Residual current monitor before a closing."""

    IDLE = "idle"
    TRIPPING = "tripping"  # test current on, waiting for the trip output
    CLEARING = "clearing"  # test current off, waiting for quiet
    PASSED = "passed"


class Inputs(NamedTuple):
    """One tick's view of the connector; None = the board has no such part (or, for values, none is known yet)."""

    commanded: bool  # contactor, since the previous tick
    feedback: bool | None
    waiting: bool  # the pilot step would close now
    plugged: bool
    limit_a: float  # what is policed: grant, cable and board
    pilot_fault: str = ""
    plug: Plug | None = None
    rcd_tripped: bool | None = None
    emergency_stop: bool = False
    pe_lost: bool = False
    mains_fail: bool = False
    tamper: bool = False
    lock: LockState | None = None
    lock_failed: str = ""
    meter: MeterReading | None = None
    meter_at: float = 0.0
    meter_fresh: bool = True  # True without a meter
    temperature_c: float | None = None
    temperature_fresh: bool = True  # True without a thermometer
    supply_fresh: bool = True  # True without a DC supply
    dc: tuple[tuple[str, str], ...] = ()  # (code, detail) of what the DC output's own steps found
    silent: str = ""  # a part that must be read has not said anything yet
    device: str = ""  # a part failed: what it said
    overrun: str = ""  # the tick comes too late too often
    hot: str = ""  # a sensor beside the first is above its curve's end
    phases: int = 3  # the car gets
    phase_switch: str = ""  # the phase contactor is not where it was sent
    pins_held: str = ""  # what a plug with AC and DC waits for before either may close
    shared_pins: str = ""  # ... its other contactor is live under the closed one
    other_welded: str = ""  # ... or stays closed without command
    worn: str = ""
    tripped_upstream: bool = False  # our shunt trip has taken the mains away
    clear: frozenset[str] = frozenset()  # codes the controller asks to clear


class Interlocks(msgspec.Struct, frozen=True, gc=False):
    """`healthy` lets the contactor stay closed, `ready` lets it close; the rest are orders to the parts and memory."""

    faults: tuple[Fault, ...] = ()
    seen: tuple[float, ...] = ()  # when each fault was last true
    healthy: bool = True
    ramps: bool = True  # what is unhealthy leaves a DC output the time to ramp down
    ready: bool = False
    hold_up: str = ""  # what `ready` waits for, for people
    self_test: SelfTest = SelfTest.IDLE
    test_since: float = 0.0
    test_tripped: bool = False  # the running test has been seen to trip
    shunt_trip: bool = False
    commanded: bool = False
    closed_at: float = -math.inf  # last closing
    apart_since: float | None = None  # mirror contact differs from the command
    commanded_apart: bool = False  # ... because the command changed, not the contact
    clear: frozenset[str] = frozenset()  # codes asked to be cleared lately
    clear_until: float = -math.inf
    rcd_reset: bool = False  # order for this tick
    rcd_reset_at: float = -math.inf
    limit_a: float = 0.0
    lowered: tuple[tuple[float, float], ...] = ()  # (former limit, until when it counts), falling and in this order
    excess_since: float | None = None
    mains: str = ""  # mains condition that is building up
    mains_since: float = 0.0
    hot: bool = False


def changed(s: Interlocks, **new: object) -> Interlocks:
    """The same state where nothing is new: most ticks."""
    for name, value in new.items():
        if getattr(s, name) != value:
            return msgspec.structs.replace(s, **new)
    return s
