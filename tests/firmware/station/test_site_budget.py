"""The fuse of the grid connection: EVSEs share what the house leaves, and little when nobody knows what that is."""

from typing import Any

import pytest

from firmware.config import BudgetSettings
from firmware.station.limits import Limit
from firmware.station.site_budget import SOURCE, SiteBudget, house_amps
from hal import wire

GRID_A = 35.0


def metered(*amps: float, watts: float | None = None, at: float = 0.0, quality: str = "good") -> wire.MeterSample:
    power = 230.0 * sum(amps) if watts is None else watts
    return wire.MeterSample(at, 0.0, power, (230.0,) * len(amps), amps, quality=quality)


@pytest.mark.parametrize(
    ("site", "own", "house"),
    [
        (metered(10, 12, 8), [], 12),
        (metered(26, 28, 24), [(16, 16, 16)], 12),
        (metered(26, 12, 8), [(16,)], 12),  # a car on one phase leaves the house's two others as they are
        (metered(30), [(16, 0, 0)], 14),  # a site with one phase
        (metered(20, 20, 20), [(6, 6, 6), (8, 8, 8)], 6),
        (metered(10, 10, 10, watts=-6900), [], 0),  # the sun feeds all phases in
        (metered(10, 10, 10, watts=-6900), [(16, 16, 16)], 0),
        (metered(30, 25, 25, watts=-4600), [], 30),  # one phase may still be loaded
        (metered(5, 5, 5), [(16, 16, 16)], 0),  # the site's meter is behind ours
    ],
)
def test_what_the_house_draws(site: wire.MeterSample, own: list[tuple[float, ...]], house: float) -> None:
    assert house_amps(site, own) == house


class Site:
    """A bench with a site meter that tells what house and car draw."""

    def __init__(self, b: Any) -> None:
        self.b = b
        self.house = 10.0

    @property
    def limit(self) -> Limit:
        found: Limit = self.b.station.budget.limit
        return found

    async def pass_time(self, seconds: int, quality: str = "good") -> None:
        for _ in range(seconds):
            amps = self.house + self.b.peer.connectors[1].current_a
            self.b.peer.send(wire.SiteMeter(metered(amps, amps, amps, at=self.b.clock.now, quality=quality)))
            await self.b.settle()
            await self.b.pass_time(1.0)


def test_the_budget_follows_the_house(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        budget = BudgetSettings(grid_current_a=GRID_A, failsafe_current_a=6.0)
        async with bench(budget=budget, prepare=lambda station: SiteBudget(station, GRID_A)) as b:
            site = Site(b)
            assert site.limit == Limit(6.0, SOURCE)  # nothing heard yet
            await site.pass_time(1)
            assert site.limit == Limit(25.0, SOURCE)
            site.house = 30.0  # an oven: believed when it lasts ...
            await site.pass_time(2)
            assert site.limit.amps == 25.0
            await site.pass_time(4)
            assert site.limit.amps == 5.0
            site.house = 10.0  # ... and forgotten later
            await site.pass_time(10)
            assert site.limit.amps == 5.0
            await site.pass_time(10)
            assert site.limit.amps == 25.0
            await site.pass_time(1, quality="stale")
            assert site.limit.amps == 6.0
            await site.pass_time(1)
            assert site.limit.amps == 25.0
            b.peer.hang_up()
            await b.until(lambda: site.limit.amps == 6.0)

    play(scenario())


def test_a_car_that_charges_is_not_the_house(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        budget = BudgetSettings(grid_current_a=GRID_A)
        async with bench(budget=budget, prepare=lambda station: SiteBudget(station, GRID_A)) as b:
            site = Site(b)
            await site.pass_time(1)
            await b.move(level="B")
            await b.move(level="C")
            await b.until(lambda: b.station.evses[1].closed)
            await b.move(current_a=25.0)
            await site.pass_time(20)
            assert site.limit.amps == 25.0
            assert b.station.evses[1].limit == Limit(25.0, "budget")

    play(scenario())
