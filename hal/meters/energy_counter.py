"""An energy register as one count that never loses and never invents energy, whatever the register does. Pure.

A register may jitter in its last digit, roll over when full, begin anew (meter exchanged, factory reset), stand still
while power flows, or be read wrongly once. What cannot be is not counted: it is a fault with a text, and only what
stays so for CONFIRM readings is taken as the register's new life, from which counting goes on.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

CONFIRM: Final = 3  # readings that agree before a jump is believed
_FEW_STEPS: Final = 3.0


class Limits(NamedTuple):
    """What a register can do: most power through the meter in W, its smallest step and where it rolls over, in Wh."""

    max_power_w: float
    resolution_wh: float = 1.0
    rollover_wh: float | None = None


@dataclass(frozen=True)
class Counter:
    """`wh` is what to publish. `raw_wh`: last believed register value, at time `at`; `carried_wh`: counted in its
    earlier lives. `fault` tells why the last reading was not believed. `expected_wh`: by the power reading, since the
    register moved last."""

    raw_wh: float | None = None
    at: float = 0.0
    carried_wh: float = 0.0
    suspect_wh: float | None = None
    suspect_at: float = 0.0
    agreed: int = 0
    expected_wh: float = 0.0
    fault: str = ""

    @property
    def wh(self) -> float:
        return self.carried_wh + (self.raw_wh or 0.0)


def step(counter: Counter, raw_wh: float, power_w: float, now: float, limits: Limits) -> Counter:
    """The counter after one reading of the register; `power_w`: what the meter says flows into this register."""
    if not math.isfinite(raw_wh) or raw_wh < 0:
        return replace(counter, fault=f"energy reads {raw_wh}")
    if limits.rollover_wh is not None and raw_wh > limits.rollover_wh:
        return replace(counter, fault=f"energy reads {raw_wh:.0f} Wh, the register ends at {limits.rollover_wh:.0f}")
    if counter.raw_wh is None:
        return Counter(raw_wh=raw_wh, at=now)
    most = _most_wh(limits, now - counter.at) + 1.2 * counter.expected_wh  # a register may be slower than we read
    grown = raw_wh - counter.raw_wh
    if -limits.resolution_wh <= grown <= most:
        return _moved(counter, max(raw_wh, counter.raw_wh), now, limits, carried_wh=counter.carried_wh, power_w=power_w)
    if limits.rollover_wh is not None and grown < 0 and grown + limits.rollover_wh <= most:
        carried_wh = counter.carried_wh + limits.rollover_wh
        return _moved(counter, raw_wh, now, limits, carried_wh=carried_wh, power_w=power_w)
    return _suspect(counter, raw_wh, now, limits)


def _most_wh(limits: Limits, elapsed_s: float) -> float:
    """What can have flown, a fifth more, and the steps a register may be late by."""
    return 1.2 * limits.max_power_w * max(0.0, elapsed_s) / 3600 + _FEW_STEPS * limits.resolution_wh


def _moved(
    counter: Counter, raw_wh: float, now: float, limits: Limits, *, carried_wh: float, power_w: float
) -> Counter:
    """A believed reading. One that stands still while power flows is stuck once several steps are overdue."""
    if raw_wh != counter.raw_wh or carried_wh != counter.carried_wh:
        return Counter(raw_wh=raw_wh, at=now, carried_wh=carried_wh)
    expected = counter.expected_wh + min(max(0.0, power_w), limits.max_power_w) * max(0.0, now - counter.at) / 3600
    overdue = expected > _FEW_STEPS * limits.resolution_wh
    fault = f"energy stands still at {counter.wh:.0f} Wh while {power_w:.0f} W flow" if overdue else ""
    return replace(counter, at=now, expected_wh=expected, suspect_wh=None, agreed=0, fault=fault)


def _suspect(counter: Counter, raw_wh: float, now: float, limits: Limits) -> Counter:
    """A jump. Not believed until the register goes on from there."""
    before = counter.raw_wh or 0.0
    text = f"energy jumped from {before:.0f} to {raw_wh:.0f} Wh in {now - counter.at:.1f} s"
    most = _most_wh(limits, now - counter.suspect_at)
    goes_on = counter.suspect_wh is not None and -limits.resolution_wh <= raw_wh - counter.suspect_wh <= most
    if not goes_on:
        return replace(counter, suspect_wh=raw_wh, suspect_at=now, agreed=1, fault=text)
    if counter.agreed + 1 < CONFIRM:
        return replace(counter, suspect_wh=raw_wh, suspect_at=now, agreed=counter.agreed + 1, fault=text)
    # a new life. Down to about 0: reset, and what it shows was counted since. Elsewhere: another meter's past, not ours
    since = raw_wh if raw_wh < before and raw_wh <= _most_wh(limits, now - counter.at) else 0.0
    return Counter(raw_wh=raw_wh, at=now, carried_wh=counter.wh + since - raw_wh)
