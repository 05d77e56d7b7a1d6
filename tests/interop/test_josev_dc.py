"""Josev's EVCC charges DC at `pilotline run`, across a veth pair between two namespaces: DIN SPEC 70121 and
ISO 15118-2, against the plant's battery. One JVM serves all sessions.

The energy of the transaction at the back office must be that of the plant's meter.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware.v2g.pki.make_test import EMAID

pytestmark = [pytest.mark.interop, pytest.mark.privileged, pytest.mark.timeout(180)]

ENERGY = 0.005  # relative


@pytest.fixture(scope="module")
def site(site_of: Callable[[str], Any]) -> Any:
    return site_of("sim-dc-ccs2")


@pytest.fixture(scope="module")
def josev(josev_at: Callable[[Any], Any], site: Any) -> Any:
    return josev_at(site.stack)


@pytest.fixture
def plugged(site: Any) -> Iterator[Any]:
    """The rig of a car that has just come, and leaves at the end."""
    site.arrive()
    yield site.stack.rig
    site.leave()


@pytest.mark.parametrize(
    ("protocol", "energy"),
    [("DIN_SPEC_70121", "DC_extended"), ("ISO_15118_2", "DC_core")],
)
def test_paid_on_the_spot(site: Any, josev: Any, plugged: Any, protocol: str, energy: str) -> None:
    plugged.do("swipe", token=plugged.token)
    before = plugged.status()["energy_wh"]
    over = josev.charge(protocol=protocol, energy=energy)
    assert over["ok"], (over, site.stack.tail("station"))
    transaction = site.last_transaction()
    seen = plugged.status()
    charged = seen["energy_wh"] - before
    assert charged > 20.0
    assert transaction["energy_wh"] == pytest.approx(charged, rel=ENERGY)
    assert seen["soc_percent"] > 20.0
    assert seen["dc_voltage_v"] < 60.0
    assert "FAILED" not in josev.log.read_text()


def test_by_contract(site: Any, josev: Any, plugged: Any) -> None:
    """Plug & Charge: nobody holds a card."""
    before = plugged.status()["energy_wh"]
    over = josev.charge(energy="DC_extended", tls=True)
    assert over["ok"], (over, site.stack.tail("station"))
    assert "PNC" in over["paid"]
    transaction = site.last_transaction()
    assert transaction["energy_wh"] == pytest.approx(plugged.status()["energy_wh"] - before, rel=ENERGY)
    assert transaction["id_token"] == EMAID
