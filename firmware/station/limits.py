"""What an EVSE may draw and who said so, and one current budget shared by several EVSEs.

Pure: time is an argument. Currents are A per phase. Who calls with which bounds and wants is the station's business;
what a limit below 6 A means for the pilot is `charging`'s.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

#: IEC 61851-1 Annex A: no duty cycle says less than 6 A; less is a pause.
MIN_A: Final = 6.0

_FOLLOW_S: Final = 6.0  # a car follows a lower duty within 5 s (IEC 61851-1 Annex A): its old current counts until then
_SLACK_A: Final = 2.0  # a car that leaves this much unused for ...
_UNUSED_S: Final = 30.0  # ... this long lends it to the others, but for this much headroom:
_HEADROOM_A: Final = 2.0
_ASKS_AGAIN_A: Final = 1.0  # drawing this close to its share, it asks for more again
_LEAST_RAISE_A: Final = 1.0  # smaller raises are not worth a new duty
_TURN_S: Final = 900.0  # with too little for all, a car keeps its turn this long while others wait
_IDLE_TURN_S: Final = 60.0  # ... and this long when it does not ask for current
_ASLEEP_S: Final = 600.0  # silent this long, it lends even the least share to those who can use it
_STEP_A: Final = 0.1


@dataclass(frozen=True)
class Limit:
    """What may be drawn now, in A per phase, and who set it."""

    amps: float
    source: str


def lowest(bounds: Iterable[Limit]) -> Limit:
    """The bound that counts: the lowest, of equals the first. Without bounds nothing may be drawn."""
    return min(bounds, key=lambda bound: bound.amps, default=Limit(0.0, "hardware"))


@dataclass(frozen=True)
class Want:
    """One EVSE with a running transaction. `max_a`: its limit without the budget; `drawing_a`: the highest phase
    current measured, None when unknown; `asks`: the car asks for current now (state C or D); `charged`: it has had some
    (one that waits for its own timer may need to see an offer)."""

    evse: int
    max_a: float
    drawing_a: float | None = None
    asks: bool = True
    charged: bool = False
    min_a: float = MIN_A


@dataclass(frozen=True)
class Share:
    """What one EVSE has of the budget. `held_a` until `held_until` is what its car may still draw after a cut."""

    allotted_a: float = 0.0
    held_a: float = 0.0
    held_until: float = 0.0
    demand_a: float = math.inf  # below inf: the car showed that it does not use more
    unused_since: float | None = None
    turn_since: float | None = None  # it has its turn; None = it waits
    waiting_since: float | None = None
    silent_since: float | None = None  # offered, but the car does not ask

    def in_force(self, now: float) -> float:
        """What the car may be drawing at this moment."""
        return max(self.allotted_a, self.held_a) if now < self.held_until else self.allotted_a


Shares = Mapping[int, Share]


def divide(shares: Shares, wants: Iterable[Want], budget_a: float, now: float) -> dict[int, Share]:
    """Next shares: fair, at least 6 A or nothing, never more in force than the budget.

    An EVSE that is no longer among `wants` gives all back at once: leave it there until its contactor is open. Cuts
    are immediate, raises wait until those who were cut had the time to follow (call again within a second or so).
    """
    by_evse = {want.evse: want for want in wants}
    after = {evse: _watch(shares.get(evse, Share()), want, now) for evse, want in by_evse.items()}
    after = _take_turns(after, by_evse, budget_a, now)
    served = [want for want in by_evse.values() if after[want.evse].turn_since is not None]
    target = _fill(served, after, budget_a)
    if _short(served, after, target):
        awake = [want for want in served if not (want.charged and _asleep(after[want.evse], now))]
        target = _fill(awake, after, budget_a)
        served = awake
    after = {evse: _cut(share, target.get(evse, 0.0), now) for evse, share in after.items()}
    return _raise(after, served, target, budget_a, now)


def _watch(share: Share, want: Want, now: float) -> Share:
    """Note what the car leaves unused, with hysteresis, and whether it asks at all."""
    offered = share.allotted_a >= want.min_a
    silent = None if want.asks else share.silent_since
    if silent is None and offered and not want.asks:
        silent = now
    drawing = want.drawing_a
    if drawing is None or not offered:
        return replace(share, unused_since=None, silent_since=silent, demand_a=math.inf)
    demand = math.inf if drawing >= share.demand_a - _ASKS_AGAIN_A else share.demand_a
    unused = None
    if drawing < share.allotted_a - _SLACK_A:
        unused = now if share.unused_since is None else share.unused_since
        if now - unused >= _UNUSED_S:
            demand = max(want.min_a, drawing + _HEADROOM_A)
    return replace(share, demand_a=demand, unused_since=unused, silent_since=silent)


def _take_turns(shares: dict[int, Share], wants: Mapping[int, Want], budget_a: float, now: float) -> dict[int, Share]:
    """Who is served while there is not enough for all: first come first served, then in turn."""
    able = [evse for evse, want in wants.items() if want.max_a >= want.min_a]
    holders = sorted((e for e in able if shares[e].turn_since is not None), key=lambda e: _turn(shares[e]))
    waiting = sorted((e for e in able if shares[e].turn_since is None), key=lambda e: _queue(shares[e], e))
    yielding = [evse for evse in holders if _may_yield(shares[evse], now)][: len(waiting)]
    order = [evse for evse in holders if evse not in yielding] + waiting + yielding
    served: set[int] = set()
    left = budget_a
    for evse in order:
        left -= wants[evse].min_a
        if left < 0:
            break
        served.add(evse)
    return {evse: _with_turn(share, evse in served, now) for evse, share in shares.items()}


def _turn(share: Share) -> float:
    return share.turn_since if share.turn_since is not None else math.inf


def _queue(share: Share, evse: int) -> tuple[float, int]:
    return (share.waiting_since if share.waiting_since is not None else math.inf, evse)


def _may_yield(share: Share, now: float) -> bool:
    silent = share.silent_since is not None and now - share.silent_since >= _IDLE_TURN_S
    return silent or now - _turn(share) >= _TURN_S


def _with_turn(share: Share, served: bool, now: float) -> Share:
    if served:
        return share if share.turn_since is not None else replace(share, turn_since=now, waiting_since=None)
    return replace(
        share,
        turn_since=None,
        silent_since=None,
        waiting_since=now if share.waiting_since is None else share.waiting_since,
    )


def _fill(served: list[Want], shares: Shares, budget_a: float) -> dict[int, float]:
    """Equal shares, filled like water: who can take less leaves the rest to the others."""
    caps = {want.evse: max(want.min_a, min(want.max_a, shares[want.evse].demand_a)) for want in served}
    target: dict[int, float] = {}
    left = max(0.0, budget_a)
    for count, evse in enumerate(sorted(caps, key=lambda each: caps[each])):
        target[evse] = _floor(min(caps[evse], left / (len(caps) - count)))
        left -= target[evse]
    return target


def _short(served: list[Want], shares: Shares, target: Mapping[int, float]) -> bool:
    """Could somebody who asks use more than there is?"""
    return any(
        want.asks and target[want.evse] < min(want.max_a, shares[want.evse].demand_a) - _STEP_A for want in served
    )


def _asleep(share: Share, now: float) -> bool:
    """Its car has long asked for nothing; it wakes by asking (state C)."""
    return share.silent_since is not None and now - share.silent_since >= _ASLEEP_S


def _cut(share: Share, target_a: float, now: float) -> Share:
    if target_a >= share.allotted_a:
        return share
    return replace(share, allotted_a=target_a, held_a=share.in_force(now), held_until=now + _FOLLOW_S)


def _raise(
    shares: dict[int, Share], served: list[Want], target: Mapping[int, float], budget_a: float, now: float
) -> dict[int, Share]:
    """Raise towards the target as far as the budget has room for now; the least served first."""
    free = budget_a - sum(share.in_force(now) for share in shares.values())
    for want in sorted(served, key=lambda each: shares[each.evse].allotted_a):
        share = shares[want.evse]
        base = share.in_force(now)  # its own held current is room that it may use again
        wanted = _floor(min(target[want.evse], base + max(0.0, free)))
        small = share.allotted_a > 0 and wanted - share.allotted_a < _LEAST_RAISE_A and wanted < want.max_a
        if wanted <= share.allotted_a or wanted < want.min_a or small:
            continue
        shares[want.evse] = replace(share, allotted_a=wanted)
        free -= max(0.0, shares[want.evse].in_force(now) - base)
    return shares


def _floor(amps: float) -> float:
    return math.floor(amps / _STEP_A + 1e-6) * _STEP_A


@dataclass
class Budget:
    """The station's shared current: who bounds it, and the shares in force."""

    bounds: dict[str, float] = field(default_factory=dict)  # source -> A
    shares: dict[int, Share] = field(default_factory=dict)

    @property
    def limit(self) -> Limit | None:
        """The bound that counts, None = no budget."""
        return lowest(Limit(amps, source) for source, amps in self.bounds.items()) if self.bounds else None

    def divide(self, wants: Iterable[Want], now: float) -> None:
        """Move on to the next shares. Without a budget nobody has one."""
        limit = self.limit
        self.shares = {} if limit is None else divide(self.shares, wants, limit.amps, now)
