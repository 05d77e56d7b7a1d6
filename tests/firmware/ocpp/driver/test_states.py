"""B01 and B04 of 2.0.1 and 2.1: which states the back office hears after a start, and after it was away."""

from collections.abc import Callable
from typing import Any

import pytest

On = Callable[..., None]


def states(lab: Any) -> list[tuple[int, str]]:
    heard = [each for name, each in lab.csms.calls if name == "StatusNotification"]
    return [(each["evseId"], each["connectorStatus"]) for each in heard]


async def away(lab: Any, seconds: float) -> None:
    """The connection is lost for so long by the station's clock; meanwhile a car comes to EVSE 2, or goes."""
    before = lab.csms.connections
    await lab.csms.drop()
    await lab.site.connected(False)
    lab.move(2, level="B" if lab.guard.connectors[2].level == "A" else "A")
    lab.site.clock.now += seconds
    await lab.until(lambda: lab.csms.connections > before and lab.site.client.connected)


@pytest.mark.ocpp("2.0.1:B01.FR.01", "2.0.1:B01.FR.05", "2.0.1:B01.FR.08", "2.0.1:B04.FR.01", "2.0.1:B04.FR.02")
@pytest.mark.ocpp("2.0.1:TC_B_01", "2.0.1:TC_B_51", "2.0.1:TC_B_52")
def test_a_short_outage_costs_one_message_a_long_one_all(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.until(lambda: len(states(lab)) == 2)
        assert lab.csms.actions() == ["BootNotification", "StatusNotification", "StatusNotification"]
        assert states(lab) == [(1, "Available"), (2, "Available")]
        await lab.site.told("StatusNotification", 2)
        await away(lab, 10)
        await lab.until(lambda: len(states(lab)) == 3)
        assert states(lab)[2:] == [(2, "Occupied")]
        await lab.site.told("StatusNotification", 3)
        await away(lab, 61)  # OfflineThreshold is 60
        await lab.until(lambda: len(states(lab)) == 5)
        assert sorted(states(lab)[3:]) == [(1, "Available"), (2, "Available")]
        assert lab.csms.actions().count("BootNotification") == 1

    on_2x(test, first_look_s=10.0)
