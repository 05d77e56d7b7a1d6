"""What a transaction costs so far, between two words of the central system, and when it wants to hear of the meter:
the messages of OCA's "OCPP & California Pricing Requirements" 3.1 and what follows from them.

Pure: time and meter are told. Money is decimal. `pricing` serves the messages and shows the result.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from firmware.ocpp.payload import moment

MOST: Final = Decimal(10) ** 9  # no price is higher, and arithmetic with it is quick
MOST_WH: Final = 10**12  # no register is
HYSTERESIS: Final = 0.05  # of the threshold: around it a power that wavers triggers once
HOUR_S: Final = Decimal(3600)
KWH: Final = Decimal(1000)


def sane(*amounts: Decimal) -> None:
    """Raises ValueError, which makes the message one that cannot be read."""
    if not all(amount.is_finite() and -MOST < amount < MOST for amount in amounts):
        raise ValueError("no amount of money")


class ChargingPrice(msgspec.Struct, frozen=True, rename={"kwh": "kWhPrice", "hour": "hourPrice", "flat": "flatFee"}):
    """While energy is to flow (table 5). In the currency of the station, per kWh and per hour."""

    kwh: Decimal = Decimal(0)
    hour: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)  # of a session or a part of it

    def __post_init__(self) -> None:
        sane(self.kwh, self.hour, self.flat)


FREE: Final = ChargingPrice()


class IdlePrice(msgspec.Struct, frozen=True, rename={"grace_min": "graceMinutes", "hour": "hourPrice"}):
    """While the car only stands there (table 6); the first minutes are free."""

    grace_min: Annotated[int, Meta(ge=0, le=100_000)] = 0
    hour: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        sane(self.hour)


class NextPeriod(msgspec.Struct, frozen=True, rename="camel"):
    """Prices from a time on (table 7)."""

    at_time: str
    charging_price: ChargingPrice = FREE
    idle_price: IdlePrice | None = None


class Triggers(
    msgspec.Struct,
    frozen=True,
    rename={"time": "atTime", "kwh": "atEnergykWh", "kw": "atPowerkW", "states": "atCPStatus"},
):
    """When meter values are wanted beside the usual ones (table 8)."""

    time: str | None = None
    kwh: float | None = None  # drawn in the transaction
    kw: float | None = None  # crossed up or down
    states: tuple[str, ...] | str = ()  # of the connector


class RunningCost(msgspec.Struct, frozen=True, rename="camel"):
    """Table 4. `timestamp`, `meter_value` (Wh): up to where `cost` counts."""

    transaction_id: int
    cost: Decimal
    timestamp: str = ""
    meter_value: Annotated[float, Meta(ge=0, le=MOST_WH)] | None = None
    state: Literal["Charging", "Idle"] = "Charging"
    charging_price: ChargingPrice | None = None
    idle_price: IdlePrice | None = None
    next_period: NextPeriod | None = None
    trigger_meter_value: Triggers | None = None

    def __post_init__(self) -> None:
        sane(self.cost)


# --- what it costs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """The cost up to `at` (UTC s) and `meter_wh`, and the prices from there on. `idle_since`: UTC s, None = it is to
    charge."""

    cost: Decimal
    at: float
    meter_wh: float
    charging: ChargingPrice = FREE
    idle: IdlePrice | None = None
    idle_since: float | None = None
    change_at: float | None = None
    change: NextPeriod | None = None

    @property
    def counts(self) -> bool:
        """Is there a price at all? Else the central system's word is all that is known."""
        return bool(self.charging.kwh or self.charging.hour or (self.idle and self.idle.hour) or self.change)


def begin(said: RunningCost, now: float, meter_wh: float, before: Tally | None) -> Tally:
    """The central system's word corrects whatever we had worked out."""
    at = moment(said.timestamp) if said.timestamp else None
    at = min(at, now) if at is not None else now
    idle_since: float | None = None
    if said.state == "Idle":  # the grace counts from the first word of it
        idle_since = before.idle_since if before is not None and before.idle_since is not None else at
    change = said.next_period
    return Tally(
        cost=said.cost,
        at=at,
        meter_wh=said.meter_value if said.meter_value is not None else meter_wh,
        charging=said.charging_price or FREE,
        idle=said.idle_price,
        idle_since=idle_since,
        change_at=moment(change.at_time) if change is not None else None,
        change=change,
    )


def follow(tally: Tally, now: float, meter_wh: float) -> Tally:
    """Time went on and energy flowed. Where the prices changed meanwhile, the energy is shared out by time."""
    if now < tally.at:
        return tally
    change = tally.change
    if change is None or tally.change_at is None or now < tally.change_at:
        return _count(tally, now, meter_wh)
    if tally.change_at > tally.at:
        share = (tally.change_at - tally.at) / (now - tally.at)
        tally = _count(tally, tally.change_at, tally.meter_wh + (meter_wh - tally.meter_wh) * share)
    tally = replace(
        tally,
        cost=tally.cost + (change.charging_price.flat if tally.idle_since is None else 0),
        charging=change.charging_price,
        idle=change.idle_price,
        change=None,
        change_at=None,
    )
    return _count(tally, now, meter_wh)


def _count(tally: Tally, now: float, meter_wh: float) -> Tally:
    """Within one price."""
    hours = Decimal(str(round(now - tally.at, 6))) / HOUR_S
    if tally.idle_since is None:
        drawn = Decimal(str(round(max(0.0, meter_wh - tally.meter_wh), 6))) / KWH
        more = drawn * tally.charging.kwh + hours * tally.charging.hour
    else:
        free_until = tally.idle_since + 60.0 * (tally.idle.grace_min if tally.idle is not None else 0)
        paid = Decimal(str(round(max(0.0, now - max(tally.at, free_until)), 6))) / HOUR_S
        more = paid * (tally.idle.hour if tally.idle is not None else Decimal(0))
    return replace(tally, cost=tally.cost + more, at=now, meter_wh=max(meter_wh, tally.meter_wh))


# --- when the meter is to be told -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watch:
    """What is waited for. `above`: where the power was seen last, None = not yet; `state`: the connector's then."""

    time: float | None = None
    kwh: float | None = None
    kw: float | None = None
    states: frozenset[str] = frozenset()
    above: bool | None = None
    state: str = ""


NOTHING: Final = Watch()


def watch(said: Triggers | None, state: str) -> Watch:
    """What the central system wants, looked at from now on."""
    if said is None:
        return Watch(state=state)
    states = (said.states,) if isinstance(said.states, str) else said.states
    at = moment(said.time) if said.time is not None else None
    return Watch(at, said.kwh, said.kw, frozenset(states), state=state)


def look(waits: Watch, now: float, drawn_kwh: float, kw: float, state: str) -> tuple[Watch, str]:
    """What is waited for from here on, and what has come about ("" = nothing): a time or an energy once, a power and a
    state each time."""
    came: list[str] = []
    if waits.time is not None and now >= waits.time:
        came.append("time")
        waits = replace(waits, time=None)
    if waits.kwh is not None and drawn_kwh >= waits.kwh:
        came.append("energy")
        waits = replace(waits, kwh=None)
    if waits.kw is not None:
        above = _above(waits, kw)
        if waits.above is not None and above is not waits.above:
            came.append("power")
        waits = replace(waits, above=above)
    if state != waits.state:
        if state in waits.states:
            came.append("state")
        waits = replace(waits, state=state)
    return waits, " ".join(came)


def _above(waits: Watch, kw: float) -> bool:
    """Across the threshold only by more than it wavers."""
    at = waits.kw or 0.0
    if waits.above is None:
        return kw >= at
    return kw >= at * (1 - HYSTERESIS) if waits.above else kw > at * (1 + HYSTERESIS)
