"""Sales tariffs of the station's plans as ISO 15118-2 SalesTariff (8.5.2.16), within the limits of its schema.

A tariff that does not fit is left out as a whole: the schedule alone is right, a tariff in part might be wrong.
"""

import logging
from typing import Final

from firmware.station import sales_tariff
from firmware.v2g.messages.iso2 import (
    ConsumptionCost,
    Cost,
    CostKind,
    PhysicalValue,
    RelativeTimeInterval,
    SalesTariff,
    SalesTariffEntry,
    Unit,
)
from firmware.v2g.sessions.iso2_schedule import A_DAY_S, Schedule
from firmware.v2g.sessions.iso2_terms import Tariffs

log = logging.getLogger(__name__)

# one less than the schema has room for: at exactly that many, codecs in cars disagree on the end of a list
MOST_ENTRIES: Final = 1023
MOST_BLOCKS: Final = 2  # consumption costs of an entry
MOST_COSTS: Final = 2  # kinds of cost in one of them
_LARGEST_ID: Final = 255
_DESCRIPTION: Final = 32  # characters
_KINDS: Final[dict[sales_tariff.CostKind, CostKind]] = {
    "RelativePricePercentage": CostKind.relativePricePercentage,  # what matters most to a driver goes first
    "RenewableGenerationPercentage": CostKind.RenewableGenerationPercentage,
    "CarbonDioxideEmission": CostKind.CarbonDioxideEmission,
}


def offered_tariffs(schedule: Schedule) -> Tariffs | None:
    """Those of the plans that the schedule was made of, None where no plan has one. Unsigned: OCPP 2.0.1 gives no
    signature for them and that of 2.1 is one of -20; a car that insists on a signature charges by PMax alone."""
    by_tuple = {}
    for number, tariff in schedule.tariffs.items():
        try:
            by_tuple[number] = _tariff(number, tariff, schedule)
        except ValueError as error:
            log.warning("tariff %d of the back office is not offered to the car: %s", tariff.id, error)
    return Tariffs(by_tuple) if by_tuple else None


def _tariff(number: int, tariff: sales_tariff.SalesTariff, schedule: Schedule) -> SalesTariff:
    """Raises ValueError saying what does not fit."""
    entries = _entries(tariff, schedule)
    if not entries:
        raise ValueError("nothing of it lies within the schedule")
    levels = [entry.e_price_level for entry in entries if entry.e_price_level is not None]
    count = tariff.num_e_price_levels if tariff.num_e_price_levels is not None else max(levels, default=None)
    if levels and (count is None or max(levels) > count):
        raise ValueError(f"price level {max(levels)} of {count}")
    return SalesTariff(
        sales_tariff_id=tariff.id if 1 <= tariff.id <= _LARGEST_ID else number,
        sales_tariff_description=(tariff.sales_tariff_description or "")[:_DESCRIPTION] or None,
        num_e_price_levels=None if count is None else _within(count, 0, 255, "price levels"),
        sales_tariff_entry=entries,
    )


def _entries(tariff: sales_tariff.SalesTariff, schedule: Schedule) -> tuple[SalesTariffEntry, ...]:
    """In order of time and within the schedule; only the last one needs a duration. Too many for the car: the latest
    are left out, and the last one kept ends where the next began."""
    found = sorted(tariff.sales_tariff_entry, key=lambda entry: entry.start_s)
    found = [entry for entry in found if entry.start_s < schedule.horizon_s]
    most = min(MOST_ENTRIES, schedule.most_entries)
    end = found[most].start_s if len(found) > most else schedule.horizon_s
    found = found[:most]
    return tuple(_entry(entry, end if entry is found[-1] else None) for entry in found)


def _entry(entry: sales_tariff.Entry, end_s: int | None) -> SalesTariffEntry:
    duration = entry.relative_time_interval.duration
    if duration is None and end_s is not None:
        duration = end_s - entry.start_s
    return SalesTariffEntry(
        time_interval=RelativeTimeInterval(
            start=_within(entry.start_s, 0, 16_777_214, "start of an entry"),
            duration=None if duration is None else _within(min(duration, A_DAY_S), 0, A_DAY_S, "duration of an entry"),
        ),
        e_price_level=None if entry.e_price_level is None else _within(entry.e_price_level, 0, 255, "price level"),
        consumption_cost=tuple(_block(block) for block in entry.consumption_cost[:MOST_BLOCKS]),
    )


def _block(block: sales_tariff.ConsumptionCost) -> ConsumptionCost:
    order = list(_KINDS)
    if not block.cost:
        raise ValueError("a consumption without its cost")
    costs = sorted(block.cost, key=lambda cost: order.index(cost.cost_kind))
    return ConsumptionCost(
        start_value=PhysicalValue.of(block.start_value, Unit.W), cost=tuple(_cost(each) for each in costs[:MOST_COSTS])
    )


def _cost(cost: sales_tariff.Cost) -> Cost:
    multiplier = cost.amount_multiplier
    return Cost(
        cost_kind=_KINDS[cost.cost_kind],
        amount=_within(cost.amount, 0, 2**32 - 1, "amount"),
        amount_multiplier=None if multiplier is None else _within(multiplier, -3, 3, "multiplier of an amount"),
    )


def _within(value: int, least: int, most: int, what: str) -> int:
    if not least <= value <= most:
        raise ValueError(f"{what} {value} is not within {least} to {most}")
    return value
