"""supportedAppProtocol: the car's favourite among what we can serve."""

from typing import Any, Final

import pytest

from firmware.v2g.evse_link import Session
from firmware.v2g.language import ISO2
from firmware.v2g.messages.app_protocol import AppProtocol, SupportedAppProtocolReq
from firmware.v2g.sessions.handshake import Offer, choose

ISO2_NS: Final = "urn:iso:15118:2:2013:MsgDef"
DIN_NS: Final = "urn:din:70121:2012:MsgDef"
TESLA_NS: Final = "urn:tesla:din:2018:MsgDef"


def asked(namespace: str, major: int, minor: int, schema_id: int, priority: int) -> AppProtocol:
    return AppProtocol(
        protocol_namespace=namespace,
        version_number_major=major,
        version_number_minor=minor,
        schema_id=schema_id,
        priority=priority,
    )


@pytest.fixture
def offer(rig: Any) -> Offer:
    async def never(*_: Any) -> Any:
        raise NotImplementedError

    return Offer(ISO2_NS, 2, 0, ISO2, never)


def test_the_lowest_priority_number_wins(offer: Offer) -> None:
    car = (asked(ISO2_NS, 2, 0, 10, 3), asked(ISO2_NS, 2, 0, 20, 1), asked(ISO2_NS, 2, 0, 30, 2))
    agreement = choose(car, [offer])
    assert agreement is not None
    assert agreement.answer.schema_id == 20
    assert agreement.answer.response_code == "OK_SuccessfulNegotiation"


def test_what_we_cannot_serve_does_not_count(offer: Offer) -> None:
    car = (asked(TESLA_NS, 1, 0, 0, 1), asked(DIN_NS, 2, 0, 1, 2), asked(ISO2_NS, 2, 0, 2, 3))
    agreement = choose(car, [offer])
    assert agreement is not None
    assert agreement.answer.schema_id == 2


def test_another_minor_version_is_near_enough(offer: Offer) -> None:
    agreement = choose((asked(ISO2_NS, 2, 1, 5, 1),), [offer])
    assert agreement is not None
    assert agreement.answer.response_code == "OK_SuccessfulNegotiationWithMinorDeviation"


@pytest.mark.parametrize("car", [asked(ISO2_NS, 1, 0, 5, 1), asked(ISO2_NS, 3, 0, 5, 1), asked(DIN_NS, 2, 0, 5, 1)])
def test_nothing_in_common(car: AppProtocol, offer: Offer) -> None:
    assert choose((car,), [offer]) is None
    assert choose((car,), []) is None


def test_no_negotiation_is_said_and_ends_it(rig: Any) -> None:
    [answer] = rig.ask(SupportedAppProtocolReq(app_protocol=(asked(DIN_NS, 2, 0, 1, 1),)))
    assert answer.response_code == "Failed_NoNegotiation"
    assert answer.schema_id is None
    assert rig.ended.outcome is Session.REFUSED


def test_a_minor_deviation_still_becomes_a_session(rig: Any, request_named: Any) -> None:
    [answer] = rig.ask(SupportedAppProtocolReq(app_protocol=(asked(ISO2_NS, 2, 9, 1, 1),)))
    assert answer.response_code == "OK_SuccessfulNegotiationWithMinorDeviation"
    [answer] = rig.ask(request_named("SessionSetup"))
    assert answer.response_code == "OK_NewSessionEstablished"
