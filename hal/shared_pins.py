"""A plug that carries AC or DC on the same two contacts (NACS, SAE J3400): which contactor may work, as a pure step.

Never both closed, no AC onto an output that has DC voltage, and no change before both contactors have shown open for
the changeover time. Which of them a session needs is its grant's word; opening under load is the pilot step's.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from hal.dc_limits import SAFE_V

Outlet = Literal["ac", "dc"]
NAMES: Final[dict[Outlet, str]] = {"ac": "AC", "dc": "DC"}


class Inputs(NamedTuple):
    """One tick's view. A mirror contact or voltage that nobody can read is None, and never taken for open or safe."""

    wanted: Outlet | None  # by the running grant
    closed: bool  # command to the contactor in use
    quiet: bool  # no residual current test runs
    ac_closed: bool | None
    dc_closed: bool | None
    dc_v: float | None  # behind the DC contactor


class Pins(msgspec.Struct, frozen=True, gc=False):
    """`outlet` is the one in use; the other's contactor is never commanded. The texts are for people, "" = nothing."""

    outlet: Outlet = "ac"
    held: str = ""  # why nothing may close yet
    clash: str = ""  # the other one is live under our closed contactor: open
    welded: str = ""  # the other one's mirror contact stays closed
    ac_off_since: float | None = None  # shown open
    dc_off_since: float | None = None  # shown open, and its output without voltage
    other_closed_since: float | None = None


def step(p: Pins, i: Inputs, changeover_s: float, feedback_s: float, now: float) -> Pins:
    """One tick."""
    why_ac, why_dc = _why_on("ac", i), _why_on("dc", i)
    ac_off = _since(p.ac_off_since, now, holds=not why_ac)
    dc_off = _since(p.dc_off_since, now, holds=not why_dc)
    outlet = p.outlet
    if i.wanted not in (None, outlet) and not i.closed and i.quiet and i.ac_closed is False and i.dc_closed is False:
        left = dc_off if outlet == "dc" else ac_off
        outlet = _other(outlet) if _rested(left, changeover_s, now) else outlet
    why_other, off = (why_dc, dc_off) if outlet == "ac" else (why_ac, ac_off)
    other_closed = i.dc_closed if outlet == "ac" else i.ac_closed
    closed_since = _since(p.other_closed_since if outlet == p.outlet else None, now, holds=bool(other_closed))
    stays = closed_since is not None and now - closed_since > feedback_s
    return Pins(
        outlet=outlet,
        held=_held(outlet, i, why_other, rested=_rested(off, changeover_s, now)),
        clash=why_other if i.closed else "",
        welded=f"{NAMES[_other(outlet)]} contactor is closed without command" if stays else "",
        ac_off_since=ac_off,
        dc_off_since=dc_off,
        other_closed_since=closed_since,
    )


def _why_on(outlet: Outlet, i: Inputs) -> str:
    """What keeps this outlet from counting as off."""
    closed = i.ac_closed if outlet == "ac" else i.dc_closed
    if closed is not False:
        return f"{NAMES[outlet]} contactor {'is closed' if closed else 'does not show whether it is open'}"
    if outlet == "ac":
        return ""
    if i.dc_v is None:
        return "voltage of the DC output is not known"
    return "" if abs(i.dc_v) < SAFE_V else f"DC output has {i.dc_v:.0f} V"  # what is no number is not below


def _held(outlet: Outlet, i: Inputs, why_other: str, *, rested: bool) -> str:
    if i.wanted is not None and i.wanted != outlet:
        return f"waiting: the plug changes from {NAMES[outlet]} to {NAMES[i.wanted]}"
    if why_other:
        return f"waiting: {why_other}"
    return "" if rested else f"waiting: {NAMES[_other(outlet)]} of the same contacts is off only now"


def _other(outlet: Outlet) -> Outlet:
    return "dc" if outlet == "ac" else "ac"


def _since(before: float | None, now: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now if before is None else before


def _rested(since: float | None, changeover_s: float, now: float) -> bool:
    return since is not None and now - since >= changeover_s
