"""What an EVSE may draw over time, as a car's protocol asks for it: the seam between energy management and v2g.

Who plans (profiles, budget, tariffs) fills it; a station without a planner offers its present limit as a constant.
Starts are s from now, limits A per phase or W over all phases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from firmware.station.sales_tariff import SalesTariff


@dataclass(frozen=True)
class Span:
    """From `start_s` until the next span. `source`: who set the limit, as in `limits.Limit`."""

    start_s: float
    limit: float
    unit: Literal["A", "W"] = "A"
    phases: int = 3
    source: str = "hardware"

    def watts(self, voltage_v: float, phases: int) -> float:
        """Over all phases in use, with this voltage between line and neutral."""
        return self.limit if self.unit == "W" else self.limit * voltage_v * min(self.phases, phases)


@dataclass(frozen=True)
class Plan:
    """One schedule for the car to choose; `id` 1..255 is what it names when it has chosen. `tariff`: prices over the
    same time, as far as it is to come."""

    id: int
    spans: tuple[Span, ...]
    tariff: SalesTariff | None = None


@dataclass(frozen=True)
class Needs:
    """What the car told of what it wants: departure in s from now, energy in Wh, its own limits. None = not told."""

    departure_s: float | None = None
    energy_wh: float | None = None
    max_current_a: float | None = None
    max_power_w: float | None = None
    soc_percent: float | None = None
    min_current_a: float | None = None
    max_voltage_v: float | None = None
    max_periods: int | None = None  # of a schedule, that it can take
    capacity_wh: float | None = None
    full_soc_percent: float | None = None
    bulk_soc_percent: float | None = None


class Planner(Protocol):
    """One EVSE's energy over time. Everything returns at once: a car waits."""

    def needs(self, needs: Needs) -> None:
        """The car told what it wants; plans made from now on may follow it."""

    def plans(self, horizon_s: float) -> Sequence[Plan]:
        """One to three plans that cover the horizon; none = nothing can be said yet, ask again."""

    def chosen(self, plan_id: int, intended: Sequence[Span]) -> None:
        """The car took this plan, and means to draw so much (empty: it did not say)."""
