"""One EVSE at a plug that has AC and DC on the same contacts: which of them it is, and what each grant says."""

from typing import Any

import pytest

from firmware.station.charging import DC_IDLE, DcWish, Digital
from firmware.v2g.either_station import EitherStation
from firmware.v2g.quirks import QuirkName
from hal import wire
from hal.contracts import PilotMode, PilotOutput
from hal.wire import ConnectorCapability

AC = ConnectorCapability(1, "cTesla", 48.0, phases=1, nominal_voltage_v=240.0)
NACS = ConnectorCapability(
    1, "cTesla", 500.0, dc=True, dc_max_voltage_v=1000.0, dc_max_current_a=400.0, dc_max_power_w=2e5, ac=AC
)
FIVE = PilotOutput(PilotMode.DUTY, 5.0)


def grants(b: Any) -> list[tuple[str, float]]:
    return [(each.outlet, each.limit_a) for each in b.peer.intents(wire.GrantIntent)]


def test_it_is_ac_until_the_cars_session_wants_dc_and_again_after_it(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            assert evse.outlet == "", "an ordinary connector has nothing to say"
            evse.hello((NACS,))
            seen = []
            for wish in (None, Digital(FIVE, energise=False), Digital(FIVE, energise=False, dc=DC_IDLE), None):
                evse.set_digital(wish)
                seen.append((evse.outlet, evse.dc, evse.capability.max_current_a))
            assert seen == [("ac", False, 48.0), ("ac", False, 48.0), ("dc", True, 500.0), ("ac", False, 48.0)]
            assert evse.hardware is NACS

    play(scenario())


@pytest.mark.parametrize("digital", [None, Digital(FIVE, energise=True)], ids=["nominal duty", "ISO 15118-2"])
def test_a_grant_for_ac_says_so_and_is_bounded_by_the_ac_half(bench: Any, play: Any, digital: Digital | None) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.station.evses[1].hello((NACS,))
            b.station.evses[1].set_digital(digital)
            await b.move(level="B", cable_a=500.0)
            await b.until(lambda: grants(b))
            assert set(grants(b)) == {("ac", 48.0)}

    play(scenario())


def test_a_grant_for_dc_says_so_and_follows_the_choice(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            evse.hello((NACS,))
            evse.set_digital(Digital(FIVE, energise=False))
            await b.move(level="B", cable_a=500.0)
            await b.settle()
            assert grants(b) == [], "nothing before the session asks for power"
            evse.set_digital(Digital(FIVE, energise=True, dc=DcWish("cable_check", 400.0, 2.0, 400.0)))
            await b.until(lambda: b.peer.intents(wire.DcIntent))
            assert grants(b) == [("dc", 400.0)]

    play(scenario())


# --- the choice itself ------------------------------------------------------------------------------------------------


class Plug:
    """As much of an EVSE as the choice needs."""

    capability = AC
    level = "B"
    closed = False
    seen = None


def test_what_is_known_of_the_car_goes_with_the_choice_and_a_second_choice_is_none() -> None:
    chosen: list[object] = []
    either = EitherStation(Plug(), lambda: None, chosen.append)  # type: ignore[arg-type]
    assert either.wish.dc is None, "AC as far as the station is concerned"
    either.tell("negotiating", protocol="ISO 15118-2", evccid="02C0FFEE0001")
    either.quirk(QuirkName.SHORT_SESSION_ID)
    station = either.choose(dc=True)
    assert station is either.dc and chosen == [station]
    assert (station.wish.protocol, station.wish.evccid, station.wish.dc) == ("ISO 15118-2", "02C0FFEE0001", DC_IDLE)
    assert station.wish.quirks == either.wish.quirks
    assert either.choose(dc=False) is station and chosen == [station]


def test_the_end_of_the_session_takes_the_energy_of_whatever_was_chosen() -> None:
    either = EitherStation(Plug(), lambda: None, lambda _: None)  # type: ignore[arg-type]
    either.release()
    station = either.choose(dc=False)
    either.ac.energise()
    either.release()
    assert not station.wish.energise
