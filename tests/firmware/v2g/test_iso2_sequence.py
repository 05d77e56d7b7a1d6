"""The -2 AC message order: what the script really accepts, found by trying, against the standard's table by hand.

Every prefix of good sessions is followed by every request, by silence and by a disconnect; what is accepted after
which answer gives a table, compared with the one of ISO 15118-2 for a station that offers AC and no contracts.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2

EVERY_REQUEST: Final = (
    "SessionSetup",
    "ServiceDiscovery",
    "ServiceDetail",
    "PaymentServiceSelection",
    "PaymentDetails",
    "Authorization",
    "ChargeParameterDiscovery",
    "PowerDelivery Start",
    "PowerDelivery Stop",
    "PowerDelivery Renegotiate",
    "ChargingStatus",
    "MeteringReceipt",
    "SessionStop Terminate",
    "SessionStop Pause",
    "CertificateInstallation",
    "CertificateUpdate",
    "CableCheck",
    "PreCharge",
    "CurrentDemand",
    "WeldingDetection",
)
STOP: Final = {"SessionStop Terminate", "SessionStop Pause"}

# ISO 15118-2 clause 8.8 and the state tables of its Annex, restricted to what is offered here (AC, external payment;
# contracts, certificates and receipts are refused by order). "X" = after our answer to X.
TABLE: Final[dict[str, set[str]]] = {
    "SupportedAppProtocol": {"SessionSetup"},
    "SessionSetup": {"ServiceDiscovery"} | STOP,
    "ServiceDiscovery": {"ServiceDetail", "PaymentServiceSelection"} | STOP,
    "ServiceDetail": {"ServiceDetail", "PaymentServiceSelection"} | STOP,
    "PaymentServiceSelection": {"Authorization"} | STOP,
    "Authorization Ongoing": {"Authorization"} | STOP,
    "Authorization": {"ChargeParameterDiscovery"} | STOP,
    "ChargeParameterDiscovery Ongoing": {"ChargeParameterDiscovery"} | STOP,
    "ChargeParameterDiscovery": {"PowerDelivery Start", "PowerDelivery Stop"} | STOP,
    "PowerDelivery Start": {"ChargingStatus"},
    "ChargingStatus": {"ChargingStatus", "PowerDelivery Stop", "PowerDelivery Renegotiate"},
    "PowerDelivery Renegotiate": {"ChargeParameterDiscovery"},
    "ChargeParameterDiscovery renegotiated": {"PowerDelivery Start", "PowerDelivery Stop"} | STOP,
    "PowerDelivery Start again": {"ChargingStatus"},
    "PowerDelivery Stop": STOP,
}

# What is accepted beyond the standard, and why.
LENIENT: Final[dict[str, set[str]]] = {
    # A recorded VW stops before its first ChargingStatusReq. Refusing it protects nobody: it opens the contactor.
    "PowerDelivery Start": STOP,
    "PowerDelivery Start again": STOP,
}

# One good session each that visits the states; a pair is (state after the answer, request). "Ongoing" waits on us.
SESSIONS: Final = (
    (
        ("SupportedAppProtocol", "SupportedAppProtocol"),
        ("SessionSetup", "SessionSetup"),
        ("ServiceDiscovery", "ServiceDiscovery"),
        ("ServiceDetail", "ServiceDetail"),
        ("PaymentServiceSelection", "PaymentServiceSelection"),
        ("Authorization Ongoing", "Authorization"),
        ("Authorization", "Authorization"),
        ("ChargeParameterDiscovery Ongoing", "ChargeParameterDiscovery"),
        ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
        ("PowerDelivery Start", "PowerDelivery Start"),
        ("ChargingStatus", "ChargingStatus"),
        ("PowerDelivery Renegotiate", "PowerDelivery Renegotiate"),
        ("ChargeParameterDiscovery renegotiated", "ChargeParameterDiscovery"),
        ("PowerDelivery Start again", "PowerDelivery Start"),
        ("ChargingStatus", "ChargingStatus"),
        ("PowerDelivery Stop", "PowerDelivery Stop"),
    ),
    (
        ("SupportedAppProtocol", "SupportedAppProtocol"),
        ("SessionSetup", "SessionSetup"),
        ("ServiceDiscovery", "ServiceDiscovery"),
        ("PaymentServiceSelection", "PaymentServiceSelection"),
        ("Authorization", "Authorization"),
        ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
        ("PowerDelivery Stop", "PowerDelivery Stop"),
    ),
)

Prefix = tuple[tuple[str, str], ...]


PREFIXES: Final[list[Prefix]] = [each[:length] for each in SESSIONS for length in range(1, len(each) + 1)]


def describe(prefix: Prefix) -> str:
    return f"{len(prefix)} {prefix[-1][0]}"


@pytest.fixture
def at(make_rig: Any, make_bay: Any, request_named: Any) -> Callable[[Prefix], Any]:
    """A rig brought to the state after a prefix."""

    def reach(prefix: Prefix) -> Any:
        rig = make_rig(make_bay(level="C"))
        for state, name in prefix:
            ongoing = state.endswith("Ongoing")
            rig.see(id_token=None if ongoing and name == "Authorization" else IdToken("04A1B2C3"))
            rig.see(limit=Limit(0.0 if ongoing and name == "ChargeParameterDiscovery" else 16.0, "hardware"))
            [answer] = rig.ask(request_named(name))
            assert str(answer.response_code).startswith("OK"), (state, answer)
        rig.see(id_token=IdToken("04A1B2C3"), limit=Limit(16.0, "hardware"))
        return rig

    return reach


def accepted_after(prefix: Prefix, at: Any, request_named: Any) -> set[str]:
    """The requests that are not answered with a sequence error; every other one must end the session safely."""
    accepted = set()
    for name in EVERY_REQUEST:
        rig = at(prefix)
        [answer] = rig.ask(request_named(name))
        request = request_named(name)
        assert type(answer) is type(request).answered_by
        if answer.response_code != iso2.ResponseCode.FAILED_SequenceError:
            accepted.add(name)
            continue
        assert rig.ended is not None, name
        assert rig.ended.outcome is Session.FAILED
        assert not rig.car.wish.energise
    return accepted


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_the_script_accepts_what_the_table_says(prefix: Prefix, at: Any, request_named: Any) -> None:
    assert accepted_after(prefix, at, request_named) == TABLE[prefix[-1][0]] | LENIENT.get(prefix[-1][0], set())


def test_the_sessions_visit_every_row_of_the_table() -> None:
    assert {state for prefix in PREFIXES for state, _ in prefix} == set(TABLE)


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_silence_ends_the_session_after_60_seconds_without_a_word(prefix: Prefix, at: Any) -> None:
    rig = at(prefix)
    assert rig.wait(59.9) == []
    assert not rig.ended
    assert rig.wait(0.2) == []  # [V2G2-443]: closed, nothing said
    assert rig.ended.outcome is Session.FAILED
    assert "sent nothing" in rig.ended.reason
    assert not rig.car.wish.energise


@pytest.mark.parametrize("prefix", PREFIXES, ids=describe)
def test_a_disconnect_ends_the_session_at_once(prefix: Prefix, at: Any) -> None:
    rig = at(prefix)
    rig.talk.lost("cable cut", rig.now)
    assert rig.ended.outcome is Session.FAILED
    assert "cable cut" in rig.ended.reason
    assert not rig.car.wish.energise
    assert rig.heard() == []


def test_what_is_sent_while_an_answer_waits_is_heard_after_it(at: Any, request_named: Any) -> None:
    rig = at(SESSIONS[0][:9])
    rig.bay.obedient = False
    assert rig.ask(request_named("PowerDelivery Start")) == []
    assert rig.ask(request_named("ChargingStatus")) == []  # the car does not wait for its answer
    first, second = rig.see(closed=True)
    assert isinstance(first, iso2.PowerDeliveryRes)
    assert isinstance(second, iso2.ChargingStatusRes)


def test_silence_before_the_first_word_ends_with_communication_setup(rig: Any) -> None:
    rig.wait(17.9)
    assert not rig.ended
    rig.wait(0.2)
    assert rig.ended.outcome is Session.FAILED
