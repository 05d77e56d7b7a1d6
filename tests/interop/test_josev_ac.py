"""Josev's EVCC charges AC over ISO 15118-2 at `pilotline run`, across a veth pair between two namespaces: paid on the
spot, in clear and over TLS 1.2, paused and resumed; and a mutual TLS 1.3 handshake. One JVM serves all sessions.

The energy of the transaction at the back office must be that of the plant's meter.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware.v2g.pki.make_test import EMAID

pytestmark = [pytest.mark.interop, pytest.mark.privileged, pytest.mark.timeout(180)]

ENERGY = 0.005  # relative


@pytest.fixture(scope="module")
def site(site_of: Callable[[str], Any]) -> Any:
    return site_of("sim-ac-type2")


@pytest.fixture(scope="module")
def josev(josev_at: Callable[[Any], Any], site: Any) -> Any:
    return josev_at(site.stack)


@pytest.fixture
def plugged(site: Any) -> Iterator[Any]:
    """The rig of a car that has just come, and leaves at the end."""
    site.arrive()
    yield site.stack.rig
    site.leave()


def test_in_clear(site: Any, josev: Any, plugged: Any) -> None:
    plugged.do("swipe", token=plugged.token)
    before = plugged.status()["energy_wh"]
    over = josev.charge(energy="AC_three_phase_core", cycles=6)
    assert over["ok"], over
    assert "EIM" in over["paid"]
    transaction = site.last_transaction()
    charged = plugged.status()["energy_wh"] - before
    assert charged > 5.0
    assert transaction["energy_wh"] == pytest.approx(charged, rel=ENERGY)
    assert "FAILED" not in josev.log.read_text()


def test_over_tls_1_2(site: Any, josev: Any, plugged: Any) -> None:
    plugged.do("swipe", token=plugged.token)
    before = plugged.status()["energy_wh"]
    over = josev.charge(energy="AC_single_phase_core", tls=True, pay="eim")
    assert over["ok"], over
    charged = plugged.status()["energy_wh"] - before
    assert charged > 0
    assert site.last_transaction()["energy_wh"] == pytest.approx(charged, rel=ENERGY)
    assert "TLS TLSv1.2 ECDHE-ECDSA-AES128-SHA256, chain iso2" in site.stack.log("station")


def test_paused_and_resumed(site: Any, josev: Any, plugged: Any) -> None:
    plugged.do("swipe", token=plugged.token)
    before = plugged.status()["energy_wh"]
    first = josev.charge(pause=True, cycles=2)
    assert first["ok"], first
    plugged.wait(lambda seen: seen["pilot"] == "x1" and not seen["closed"], within=20)
    for state in "BCB":  # the car wakes the station
        plugged.do("set_state", state=state)
        site.seen(state)
    plugged.wait(lambda seen: seen["duty_percent"] == 5.0, within=20)
    second = josev.charge(resume=first["session"], cycles=2)
    assert second["ok"], second
    assert second["session"] == first["session"]
    assert "OK_OldSessionJoined" in josev.log.read_text()
    transaction = site.last_transaction()
    assert len(transaction["events"]) > 2  # one transaction for both
    assert transaction["energy_wh"] == pytest.approx(plugged.status()["energy_wh"] - before, rel=ENERGY)


@pytest.mark.parametrize("install", [False, True], ids=["contract", "installation"])
def test_by_contract(site: Any, josev: Any, plugged: Any, install: bool) -> None:
    """Plug & Charge: nobody holds a card. After an installation the new contract pays."""
    before = plugged.status()["energy_wh"]
    over = josev.charge(tls=True, install=install)
    assert over["ok"], (over, site.stack.tail("station"))
    assert "PNC" in over["paid"]
    transaction = site.last_transaction()
    assert transaction["energy_wh"] == pytest.approx(plugged.status()["energy_wh"] - before, rel=ENERGY)
    assert transaction["id_token"] == EMAID
    assert ("contract stored" in josev.log.read_text()) == install


def test_we_authenticate_each_other_over_tls_1_3(site: Any, josev: Any, plugged: Any) -> None:
    """Nothing but the handshake: -20 is another matter."""
    josev.begin(tls=True, tls_1_3=True, pay="eim", within=5.0)
    pattern = re.compile(r"TLS TLSv1.3 TLS_AES_256_GCM_SHA384, chain iso2.*vehicle WPL1TEST")
    plugged.wait(lambda _: pattern.search(site.stack.log("station")) is not None, within=60)
    josev.finish()
