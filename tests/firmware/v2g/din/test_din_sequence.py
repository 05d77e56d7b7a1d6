"""The DIN message order: what the script really accepts, found by trying, against the standard's table by hand.

Every prefix of good sessions is followed by every request, by silence and by a disconnect; what is accepted after
which answer gives a table, compared with the one of DIN SPEC 70121 (clause 9.6) for external payment.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g.evse_link import Session
from firmware.v2g.messages.din import ResponseCode
from firmware.v2g.messages.replies import failure_reply

EVERY_REQUEST: Final = (
    "SessionSetup",
    "ServiceDiscovery",
    "ServiceDetail",
    "ServicePaymentSelection",
    "PaymentDetails",
    "ContractAuthentication",
    "ChargeParameterDiscovery",
    "CableCheck",
    "PreCharge",
    "PowerDelivery true",
    "PowerDelivery false",
    "CurrentDemand",
    "WeldingDetection",
    "SessionStop",
    "ChargingStatus",
    "MeteringReceipt",
    "CertificateInstallation",
    "CertificateUpdate",
)

# "X" = after our answer to X. SessionStop may come while we wait for anything but in the charging loop.
TABLE: Final[dict[str, set[str]]] = {
    "SupportedAppProtocol": {"SessionSetup"},
    "SessionSetup": {"ServiceDiscovery", "SessionStop"},
    "ServiceDiscovery": {"ServicePaymentSelection", "SessionStop"},
    "ServicePaymentSelection": {"ContractAuthentication", "SessionStop"},
    "ContractAuthentication Ongoing": {"ContractAuthentication", "SessionStop"},
    "ContractAuthentication": {"ChargeParameterDiscovery", "SessionStop"},
    "ChargeParameterDiscovery Ongoing": {"ChargeParameterDiscovery", "SessionStop"},
    "ChargeParameterDiscovery": {"CableCheck", "SessionStop"},
    "CableCheck Ongoing": {"CableCheck", "SessionStop"},
    "CableCheck": {"PreCharge", "SessionStop"},
    "PreCharge": {"PreCharge", "PowerDelivery true", "PowerDelivery false", "SessionStop"},
    "PowerDelivery true": {"CurrentDemand", "PowerDelivery false"},
    "CurrentDemand": {"CurrentDemand", "PowerDelivery false"},
    "PowerDelivery false": {"WeldingDetection", "SessionStop"},
    "WeldingDetection": {"WeldingDetection", "SessionStop"},
}

# What is accepted beyond the standard, and why.
LENIENT: Final[dict[str, set[str]]] = {
    # A recorded Audi Q4 gives up so after the cable check. It only makes us stop.
    "CableCheck": {"PowerDelivery false"},
}

# One good session each that visits the states; a pair is (state after the answer, request). "Ongoing" waits on us.
SETUP: Final = (
    ("SupportedAppProtocol", "SupportedAppProtocol"),
    ("SessionSetup", "SessionSetup"),
    ("ServiceDiscovery", "ServiceDiscovery"),
    ("ServicePaymentSelection", "ServicePaymentSelection"),
)
SESSIONS: Final = (
    (
        *SETUP,
        ("ContractAuthentication Ongoing", "ContractAuthentication"),
        ("ContractAuthentication", "ContractAuthentication"),
        ("ChargeParameterDiscovery Ongoing", "ChargeParameterDiscovery"),
        ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
        ("CableCheck Ongoing", "CableCheck"),
        ("CableCheck", "CableCheck"),
        ("PreCharge", "PreCharge"),
        ("PreCharge", "PreCharge"),
        ("PowerDelivery true", "PowerDelivery true"),
        ("CurrentDemand", "CurrentDemand"),
        ("CurrentDemand", "CurrentDemand"),
        ("PowerDelivery false", "PowerDelivery false"),
        ("WeldingDetection", "WeldingDetection"),
        ("WeldingDetection", "WeldingDetection"),
    ),
    (
        *SETUP,
        ("ContractAuthentication", "ContractAuthentication"),
        ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
        ("CableCheck", "CableCheck"),
        ("PreCharge", "PreCharge"),
        ("PowerDelivery false", "PowerDelivery false"),
    ),
    (
        *SETUP,
        ("ContractAuthentication", "ContractAuthentication"),
        ("ChargeParameterDiscovery", "ChargeParameterDiscovery"),
        ("CableCheck", "CableCheck"),
        ("PreCharge", "PreCharge"),
        ("PowerDelivery true", "PowerDelivery true"),
        ("PowerDelivery false", "PowerDelivery false"),
    ),
)

Prefix = tuple[tuple[str, str], ...]

PREFIXES: Final[list[Prefix]] = list(
    dict.fromkeys(each[:length] for each in SESSIONS for length in range(1, len(each) + 1))
)


def describe(prefix: Prefix) -> str:
    return f"{len(prefix)} {prefix[-1][0]}"


@pytest.fixture
def at(make_rig: Any, make_bay: Any, request_named: Any) -> Callable[[Prefix], Any]:
    """A rig brought to the state after a prefix."""

    def reach(prefix: Prefix) -> Any:
        rig = make_rig(make_bay())
        for state, name in prefix:
            ongoing = state.removesuffix(" Ongoing") if state.endswith("Ongoing") else ""
            rig.see(
                id_token=None if ongoing == "ContractAuthentication" else IdToken("04A1B2C3"),
                limit=Limit(0.0 if ongoing == "ChargeParameterDiscovery" else 500.0, "hardware"),
                level="B" if ongoing == "CableCheck" else "C",
            )
            rig.bay.follow(rig.car.wish)
            [answer] = rig.ask(request_named(name))
            assert str(answer.response_code).startswith("OK"), (state, answer)
            processing = getattr(answer, "evse_processing", None)
            assert processing in (None, "Ongoing" if ongoing else "Finished"), (state, answer)
        rig.see(id_token=IdToken("04A1B2C3"), limit=Limit(500.0, "hardware"), level="C")
        return rig

    return reach


def accepted_after(prefix: Prefix, at: Any, request_named: Any) -> set[str]:
    """The requests that are not answered with a sequence error; every other one gets the least answer there is, and
    ends the session safely."""
    accepted = set()
    for name in EVERY_REQUEST:
        rig, request = at(prefix), request_named(name)
        [answer] = rig.ask(request)
        answered_by = type(request).answered_by
        assert type(answer) is answered_by
        if answer.response_code != ResponseCode.FAILED_SequenceError:
            accepted.add(name)
            continue
        assert answer == failure_reply(answered_by, ResponseCode.FAILED_SequenceError)
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
    assert rig.wait(0.2) == []
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


@pytest.mark.parametrize("prefix", [each for each in PREFIXES if len(each) > 1], ids=describe)
def test_a_foreign_session_id_ends_the_session_in_every_state(prefix: Prefix, at: Any, request_named: Any) -> None:
    rig = at(prefix)
    request = request_named("SessionStop")
    [answer] = rig.ask(request, session_id=b"\xde\xad\xbe\xef\xde\xad\xbe\xef")
    assert answer == failure_reply(type(request).answered_by, ResponseCode.FAILED_UnknownSession)
    assert rig.ended.outcome is Session.FAILED
    assert not rig.car.wish.energise
