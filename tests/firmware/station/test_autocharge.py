"""Autocharge: a car that is its own token, where the operator wants it; never more than a token, and only once."""

from typing import Any

import msgspec
import pytest

from firmware.station.authorization import Verdict
from firmware.station.autocharge import Autocharge, token_of
from firmware.station.commands import IdentifyCar, StopTransaction, SwipeToken
from firmware.station.facts import Authorized, IdToken, TokenPresented

CAR = IdToken("0465650064C3", "MacAddress")
CARD = IdToken("04A2")


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ("0465650064C3", "0465650064C3"),
        ("04:65:65:00:64:c3", "0465650064C3"),
        ("04-65-65-00-64-C3", "0465650064C3"),
        ("", None),
        ("000000000000", None),
        ("FFFFFFFFFFFF", None),
        ("0465650064C30000", None),  # no EUI-48
        ("WMIV1234567890ABCDEX", None),
    ],
)
def test_only_an_address_of_one_car_is_a_token(address: str, token: str | None) -> None:
    assert token_of(address) == (None if token is None else IdToken(token, "MacAddress"))


def settings(known: dict[str, Any], source: str) -> dict[str, Any]:
    authorization = msgspec.structs.replace(known["authorization"], autocharge=source)
    return {**known, "authorization": authorization}


@pytest.fixture
def online(bench: Any, parts: Any, csms_settings: Any) -> Any:
    """online(source, token=verdict, ...): a station whose back office knows these tokens."""

    def make(source: str, answers: dict[str, Verdict]) -> Any:
        return bench(office=parts.Office(answers=answers), **settings(csms_settings, source))

    return make


@pytest.mark.parametrize(
    ("source", "expected"), [("off", None), ("evccid", CAR), ("mac", IdToken("98ED5CB72A40", "MacAddress"))]
)
def test_which_address_counts_is_the_operators_choice(
    online: Any, play: Any, source: str, expected: IdToken | None
) -> None:
    async def scenario() -> None:
        async with online(source, {"0465650064C3": Verdict(), "98ED5CB72A40": Verdict()}) as b:
            await b.move(level="B")
            Autocharge(b.station, b.station.evses[1]).met("0465650064C3", "98:ED:5C:B7:2A:40")
            await b.settle()
            assert b.station.evses[1].id_token == expected
            presented = [each.id_token for each in b.facts if isinstance(each, TokenPresented)]
            assert presented == ([] if expected is None else [expected])

    play(scenario())


def test_a_refused_car_says_why_is_asked_about_once_and_leaves_room_for_a_card(online: Any, play: Any) -> None:
    async def scenario() -> None:
        refused = Verdict("Invalid", reason="car not registered")
        async with online("evccid", {CAR.token: refused, "04A2": Verdict()}) as b:
            await b.move(level="B")
            autocharge = Autocharge(b.station, b.station.evses[1])
            for _ in range(3):  # the car tries its session again
                autocharge.met(CAR.token, "")
                await b.settle()
            assert [each.accepted for each in b.facts if isinstance(each, Authorized)] == [False]
            assert "car not registered" in b.station.evses[1].why()
            assert (await b.station.do(SwipeToken(id_token=CARD, evse=1))).accepted
            assert b.station.evses[1].id_token == CARD
            autocharge.forget()
            autocharge.met(CAR.token, "")
            await b.settle()
            assert b.station.evses[1].id_token == CARD  # who pays already goes on paying

    play(scenario())


def test_a_car_that_was_stopped_does_not_start_itself_again(online: Any, play: Any) -> None:
    async def scenario() -> None:
        async with online("evccid", {CAR.token: Verdict()}) as b:
            await b.move(level="B")
            assert (await b.station.do(IdentifyCar(id_token=CAR, evse=1))).accepted
            await b.settle()
            running = b.station.evses[1].transaction_id
            assert (await b.station.do(IdentifyCar(id_token=CAR, evse=1))).reason == (
                "somebody is authorised at EVSE 1 already"
            )
            await b.station.do(StopTransaction(transaction_id=running, reason="Remote"))
            await b.settle()
            again = await b.station.do(IdentifyCar(id_token=CAR, evse=1))
            assert again.reason == "EVSE 1 has finished; unplug to start again"
            await b.move(level="A")
            await b.move(level="B")
            assert (await b.station.do(IdentifyCar(id_token=CAR, evse=1))).accepted

    play(scenario())


def test_there_must_be_such_an_evse(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            assert (await b.station.do(IdentifyCar(id_token=CAR, evse=7))).reason == "there is no EVSE 7"

    play(scenario())
