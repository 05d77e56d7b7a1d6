"""A sales tariff as data, in the words of OCPP 2.0.1 (part 2, 2.44 SalesTariffType): prices over time, for the car.

Read from what a charging profile keeps as text. How a car's protocol says it, and what of it fits there, is v2g's.
"""

import logging
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec.structs import replace

log = logging.getLogger(__name__)

CostKind = Literal["CarbonDioxideEmission", "RelativePricePercentage", "RenewableGenerationPercentage"]


class Cost(msgspec.Struct, frozen=True, rename="camel"):
    """`amount` times ten to the power of `amount_multiplier`."""

    cost_kind: CostKind
    amount: int
    amount_multiplier: int | None = None


class ConsumptionCost(msgspec.Struct, frozen=True, rename="camel"):
    """What it costs from a power of `start_value` W on."""

    start_value: float
    cost: tuple[Cost, ...]


class Interval(msgspec.Struct, frozen=True, rename="camel"):
    """s from the start of the schedule; `duration` None: until the next entry."""

    start: int
    duration: int | None = None


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One stretch of time. `e_price_level`: 1 is the cheapest."""

    relative_time_interval: Interval
    e_price_level: int | None = None
    consumption_cost: tuple[ConsumptionCost, ...] = ()

    @property
    def start_s(self) -> int:
        return self.relative_time_interval.start

    def moved(self, start_s: int, duration_s: int | None) -> "Entry":
        return replace(self, relative_time_interval=Interval(start_s, duration_s))


class SalesTariff(msgspec.Struct, frozen=True, rename="camel"):
    """One schedule's tariff. `id` is the back office's own."""

    id: int
    sales_tariff_entry: tuple[Entry, ...]
    sales_tariff_description: str | None = None
    num_e_price_levels: int | None = None

    def after(self, passed_s: float) -> "SalesTariff":
        """As it is that long after the start of its schedule: what has ended is left out, what runs starts now."""
        entries = sorted(self.sales_tariff_entry, key=lambda entry: entry.start_s)
        passed, left = int(passed_s), []
        for entry, following in zip(entries, [*entries[1:], None], strict=True):
            duration = entry.relative_time_interval.duration
            ends = entry.start_s + duration if duration is not None else following.start_s if following else None
            if ends is not None and ends <= passed:
                continue
            begins = max(passed, entry.start_s)
            told = ends - begins if duration is not None and ends is not None else None
            left.append(entry.moved(begins - passed, told))
        return replace(self, sales_tariff_entry=tuple(left))


_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_tariff = msgspec.json.Decoder(SalesTariff)


@lru_cache(maxsize=64)  # asked again and again while a car charges
def read(text: str) -> SalesTariff | None:
    """`Schedule.tariff` of a charging profile: a sales tariff alone (OCPP 2.0.1), or as `sales` among prices of other
    kinds (2.1). None where there is none; what cannot be read is logged."""
    if not text:
        return None
    try:
        parts = _parts.decode(text)
        alone = "salesTariffEntry" in parts
        return _tariff.decode(text if alone else parts["sales"]) if alone or "sales" in parts else None
    except msgspec.DecodeError as error:
        log.warning("a charging profile's tariff cannot be read: %s", error)
        return None
