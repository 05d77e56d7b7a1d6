"""Reservations on a running station (H01-H04): who may charge, what looks reserved, and how a reservation ends."""

from typing import Any

import pytest

from firmware.config import EvseSettings
from firmware.station.authorization import Verdict
from firmware.station.commands import CancelReservation, Reserve, SetAvailability, StartTransaction, SwipeToken
from firmware.station.facts import IdToken, ReservationEnded
from hal.wire import Fault

MINE, OTHER, FRIEND = IdToken("AA"), IdToken("BB"), IdToken("CC")
FAMILY = IdToken("FAMILY", "Central")
TWO = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))


@pytest.fixture
def site(bench: Any, csms_settings: Any, parts: Any) -> Any:
    """A station with two EVSEs whose back office knows everybody."""

    def make(**more: Any) -> Any:
        answers = {"AA": Verdict(), "BB": Verdict(), "CC": Verdict(group=FAMILY)}
        return bench(office=parts.Office(answers=answers), **{"evse": TWO, **csms_settings, **more})

    return make


def reserve(b: Any, number: int = 1, evse: int | None = 1, **more: Any) -> Reserve:
    return Reserve(**{"reservation_id": number, "id_token": MINE, "evse": evse, "expiry": b.clock.utc() + 600, **more})


def states(b: Any) -> list[str]:
    return [b.station.evses[number].present_status().state for number in (1, 2)]


def ended(b: Any) -> list[tuple[int, str]]:
    return [(fact.reservation_id, fact.outcome) for fact in b.facts if isinstance(fact, ReservationEnded)]


async def swipe(b: Any, token: IdToken, evse: int) -> bool:
    accepted: bool = (await b.station.do(SwipeToken(id_token=token, evse=evse))).accepted
    return accepted


def test_a_reserved_evse_is_for_its_driver(site: Any, play: Any) -> None:  # H01.FR.23, H03.FR.01, 09, 10
    async def scenario() -> None:
        async with site() as b:
            assert (await b.station.do(reserve(b, 7))).status == "Accepted"
            assert states(b) == ["Reserved", "Available"]
            assert b.statuses()[-1] == "Reserved"
            assert not await swipe(b, OTHER, 1)
            assert await swipe(b, OTHER, 2)
            assert not (await b.station.do(StartTransaction(id_token=OTHER, evse=1))).accepted
            assert await swipe(b, MINE, 1)
            assert states(b)[0] == "Available"  # no plug yet
            assert b.station.reservations.all == ()
            await b.move(1, level="B")
            (started,) = b.transactions()
            assert started.reservation_id == 7  # H01.FR.15
            await b.pass_time(2)
            assert ended(b) == []

    play(scenario())


def test_a_plug_without_the_token_leaves_it_reserved(site: Any, play: Any) -> None:
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b))
            await b.move(1, level="B")
            assert states(b)[0] == "Reserved" and "reserved" in b.station.evses[1].why()
            assert not await swipe(b, OTHER, 1)
            assert await swipe(b, MINE, 1)
            await b.settle()
            assert len(b.transactions()) == 1

    play(scenario())


def test_a_group_may_use_it_too(site: Any, play: Any) -> None:  # H03.FR.04, 08
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, group=FAMILY))
            assert not await swipe(b, OTHER, 1)
            assert await swipe(b, FRIEND, 1)

    play(scenario())


def test_it_expires_and_everybody_may_charge_again(site: Any, play: Any) -> None:  # H04
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, 3))
            await b.pass_time(601, step=200)
            assert ended(b) == [(3, "Expired")]
            assert states(b)[0] == "Available"
            assert await swipe(b, OTHER, 1)

    play(scenario())


def test_a_failing_evse_loses_its_reservation(site: Any, play: Any) -> None:  # H01.FR.16, 17
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, 3))
            await b.station.do(reserve(b, 4, evse=2))
            await b.move(1, faults=(Fault("weld", "welded", 0.0, latched=True),))
            await b.station.do(SetAvailability(operative=False, evse=2))
            await b.pass_time(1)
            assert ended(b) == [(3, "Removed"), (4, "Removed")]
            assert (await b.station.do(reserve(b, 5))).status == "Faulted"  # H01.FR.12
            assert (await b.station.do(reserve(b, 5, evse=2))).status == "Unavailable"  # H01.FR.14

    play(scenario())


def test_what_is_in_use_or_reserved_cannot_be_reserved(site: Any, play: Any) -> None:  # H01.FR.01, 02, 11
    async def scenario() -> None:
        async with site() as b:
            assert (await b.station.do(reserve(b, 1))).accepted
            assert (await b.station.do(reserve(b, 2, id_token=OTHER))).status == "Occupied"
            assert (await b.station.do(reserve(b, 1, id_token=OTHER))).accepted  # the same id replaces
            await b.move(2, level="B")
            assert (await b.station.do(reserve(b, 2, evse=2))).status == "Occupied"
            assert (await b.station.do(reserve(b, 2, evse=9))).status == "Rejected"
            assert (await b.station.do(reserve(b, 2, expiry=b.clock.utc() - 1))).status == "Rejected"
            b.station.set_variable("ReservationCtrlr.Enabled", "false")
            assert (await b.station.do(reserve(b, 1))).status == "Rejected"

    play(scenario())


def test_cancelling(site: Any, play: Any) -> None:  # H02
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, 1))
            assert (await b.station.do(CancelReservation(reservation_id=9))).status == "Rejected"
            assert (await b.station.do(CancelReservation(reservation_id=1))).status == "Accepted"
            assert states(b)[0] == "Available" and ended(b) == []

    play(scenario())


def test_one_evse_stays_free_for_who_reserved_any(site: Any, play: Any) -> None:  # H01.FR.04, 07, 20
    async def scenario() -> None:
        async with site() as b:
            assert (await b.station.do(reserve(b, 1, evse=None))).accepted
            assert states(b) == ["Available", "Available"]
            assert await swipe(b, OTHER, 1)
            await b.move(1, level="B")
            await b.pass_time(1)
            assert states(b)[1] == "Reserved"  # the last free one
            assert not await swipe(b, FRIEND, 2)
            assert (await b.station.do(reserve(b, 2, evse=None, id_token=FRIEND))).status == "Occupied"
            assert await swipe(b, MINE, 2)
            await b.move(2, level="B")
            assert b.transactions()[-1].reservation_id == 1

    play(scenario())


def test_any_evse_needs_a_station_that_allows_it_and_has_the_plug(site: Any, play: Any) -> None:  # H01.FR.06, 19
    async def scenario() -> None:
        async with site() as b:
            assert (await b.station.do(reserve(b, 1, evse=None, connector_type="cCCS2"))).status == "Rejected"
            assert (await b.station.do(reserve(b, 1, evse=None, connector_type="sType2"))).accepted
            b.station.set_variable("ReservationCtrlr.NonEvseSpecific", "false")
            assert (await b.station.do(reserve(b, 2, evse=None))).status == "Rejected"

    play(scenario())


def test_two_for_any_take_both(site: Any, play: Any) -> None:
    async def scenario() -> None:
        async with site() as b:
            assert (await b.station.do(reserve(b, 1, evse=None))).accepted
            assert (await b.station.do(reserve(b, 2, evse=None, id_token=FRIEND))).accepted
            assert states(b) == ["Reserved", "Reserved"]
            assert not await swipe(b, OTHER, 1)
            assert (await b.station.do(reserve(b, 3, id_token=OTHER))).status == "Occupied"

    play(scenario())


def test_a_remote_start_for_any_evse_takes_the_reserved_one(site: Any, play: Any) -> None:
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, 1, evse=2))
            assert (await b.station.do(StartTransaction(id_token=MINE, remote_start_id=5))).accepted
            assert b.station.evses[2].id_token == MINE
            assert b.station.reservations.all == ()

    play(scenario())


def test_used_but_no_plug_came(site: Any, play: Any) -> None:
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, 4))
            await swipe(b, MINE, 1)
            await b.pass_time(70, step=10)
            assert ended(b) == [(4, "NoTransaction")]

    play(scenario())


def test_a_reservation_survives_a_restart(site: Any, play: Any) -> None:
    async def scenario() -> None:
        async with site() as b:
            await b.station.do(reserve(b, 4))
            await b.station.do(reserve(b, 5, evse=2, expiry=b.clock.utc() + 5))
            await b.settle()
            peer = b.peer
        peer.clock.now += 10
        async with site(peer=peer) as b:
            await b.pass_time(1)
            assert [each.id for each in b.station.reservations.all] == [4]
            assert ended(b) == [(5, "Expired")]
            assert states(b) == ["Reserved", "Available"]

    play(scenario())
