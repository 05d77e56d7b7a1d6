"""A -2 AC session by contract, whole and with everything that can be wrong with it: codes, order, time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from firmware.station.authorization import Verdict
from firmware.station.contracts import ContractVerdict
from firmware.v2g.contract.signatures import Part, sign
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace

Rig = Any


def code(answer: Any) -> str:
    return str(answer.response_code)


def stop(rig: Rig) -> Any:
    return rig.ask(iso2.SessionStopReq(charging_session=iso2.ChargingSession.Terminate))


def test_a_whole_session_by_contract(contract_rig: Rig, request_named: Callable[[str], Any]) -> None:
    rig = contract_rig
    assert code(rig.choose_contract()) == "OK"
    assert rig.discovered.payment_option_list[0] is iso2.PaymentOption.Contract
    details = rig.details()
    assert code(details) == "OK"
    assert len(details.gen_challenge) == 16
    assert details.evse_time_stamp == int(rig.clerk.utc)
    assert rig.authorize().evse_processing == "Ongoing"
    rig.go_on()
    [asked] = rig.clerk.asked
    assert asked.id_token.token == "DEPLTC0000012X"
    assert asked.id_token.kind == "eMAID"
    assert asked.valid
    assert asked.chain_pem is None
    assert len(asked.ocsp) == 3
    assert rig.authorize().evse_processing == "Finished"
    assert rig.bay.id_token.token == "DEPLTC0000012X"
    assert code(rig.ask(request_named("ChargeParameterDiscovery"))) == "OK"
    rig.bay.level = "C"
    assert code(rig.ask(request_named("PowerDelivery Start"))) == "OK"
    assert rig.car.wish.energise
    assert code(rig.ask(request_named("ChargingStatus"))) == "OK"
    assert code(rig.ask(request_named("PowerDelivery Stop"))) == "OK"
    assert code(stop(rig)) == "OK"
    assert rig.talk.ended.outcome is Session.TERMINATED


def test_without_a_desk_that_is_open_contract_is_not_offered(contract_rig: Rig) -> None:
    contract_rig.clerk.open = False
    contract_rig.connect()
    assert code(contract_rig.choose_contract()) == "FAILED_PaymentSelectionInvalid"
    assert contract_rig.discovered.payment_option_list == (iso2.PaymentOption.ExternalPayment,)


def test_a_challenge_is_never_used_twice(contract_rig: Rig) -> None:
    seen = set()
    for _ in range(20):
        contract_rig.connect()
        contract_rig.choose_contract()
        contract_rig.details()
        seen.add(contract_rig.challenge)
    assert len(seen) == 20


def test_the_back_offices_verdict_is_awaited_as_ongoing(contract_rig: Rig) -> None:
    rig = contract_rig
    rig.clerk.verdict = None
    assert rig.to_verdict().evse_processing == "Ongoing"
    for _ in range(10):
        rig.wait(4)
        assert rig.authorize().evse_processing == "Ongoing"
    assert len(rig.clerk.asked) == 1
    rig.clerk.verdict = ContractVerdict(Verdict(), "Accepted")
    rig.go_on()
    assert rig.authorize().evse_processing == "Finished"


def test_a_back_office_that_never_answers_ends_in_time(contract_rig: Rig) -> None:
    rig = contract_rig
    rig.clerk.verdict = None
    rig.to_verdict()
    rig.wait(56)
    assert code(rig.authorize()) == "FAILED"
    assert code(stop(rig)) == "OK"
    assert rig.talk.ended.outcome is Session.FAILED
    assert rig.work[0].over, "a verdict that comes now starts nothing"


def test_repeats_while_ongoing_may_leave_out_what_was_proven(contract_rig: Rig) -> None:
    rig = contract_rig
    rig.clerk.verdict = None
    rig.to_verdict()
    assert rig.ask(iso2.AuthorizationReq()).evse_processing == "Ongoing"
    assert code(rig.authorize(challenge=bytes(16))) == "FAILED_ChallengeInvalid"


@pytest.mark.parametrize(
    ("status", "token", "expected"),
    [
        ("CertificateExpired", "Expired", "FAILED_CertificateExpired"),
        ("CertificateRevoked", "Invalid", "FAILED_CertificateRevoked"),
        ("CertChainError", "Invalid", "FAILED_CertChainError"),
        ("SignatureError", "Invalid", "FAILED_SignatureError"),
        ("NoCertificateAvailable", "Invalid", "FAILED_NoCertificateAvailable"),
        ("ContractCancelled", "Blocked", "FAILED_ContractCanceled"),
        ("Accepted", "NotAtThisLocation", "FAILED_CertificateNotAllowedAtThisEVSE"),
        ("", "Unknown", "FAILED_CertificateNotAllowedAtThisEVSE"),
    ],
)
def test_what_the_back_office_says_becomes_the_cars_code(
    contract_rig: Rig, status: str, token: str, expected: str
) -> None:
    rig = contract_rig
    rig.clerk.verdict = ContractVerdict(Verdict(token), status)
    rig.to_verdict()
    assert code(rig.authorize()) == expected
    assert rig.bay.id_token is None
    assert code(stop(rig)) == "OK"
    assert rig.talk.ended.outcome is Session.FAILED


def test_a_revoked_contract_is_refused_at_once_for_an_hour(contract_rig: Rig) -> None:
    rig = contract_rig
    rig.clerk.verdict = ContractVerdict(Verdict("Invalid"), "CertificateRevoked")
    rig.to_verdict()
    rig.authorize()
    rig.connect()
    rig.choose_contract()
    assert code(rig.details()) == "FAILED_CertificateRevoked"
    rig.clerk.now += timedelta(hours=1, seconds=1)
    rig.connect()
    rig.choose_contract()
    assert code(rig.details()) == "OK"


def test_a_yes_for_a_bad_certificate_is_no(contract_rig: Rig) -> None:
    contract_rig.clerk.verdict = ContractVerdict(Verdict("Accepted"), "CertificateExpired")
    contract_rig.to_verdict()
    assert code(contract_rig.authorize()) == "FAILED_CertificateExpired"


# --- PaymentDetails -----------------------------------------------------------------------------------------------


def refused(rig: Rig, expected: str, **details: Any) -> str:
    rig.choose_contract()
    assert code(rig.details(**details)) == expected
    assert code(stop(rig)) == "OK"
    assert rig.talk.ended.outcome is Session.FAILED
    assert rig.clerk.asked == []
    return str(rig.clerk.refusals[-1])


def test_an_expired_contract(contract_rig: Rig) -> None:
    contract_rig.clerk.now += timedelta(days=400)
    assert "expired on" in refused(contract_rig, "FAILED_CertificateExpired")


def test_a_contract_that_is_not_valid_yet(contract_rig: Rig) -> None:
    contract_rig.clerk.now -= timedelta(days=100)
    assert "is valid from" in refused(contract_rig, "FAILED_CertChainError")


def test_a_contract_that_expires_soon(contract_rig: Rig, pki: Any, noon: datetime) -> None:
    leaf = pki.mo.sub2.leaf("contract", "DEPLTC0000012X", "MO", not_before=noon - timedelta(days=1), days=14.9)
    contract_rig.choose_contract()
    assert code(contract_rig.details(leaf)) == "OK_CertificateExpiresSoon"
    assert contract_rig.authorize(leaf).evse_processing == "Ongoing"


def test_another_contracts_name(contract_rig: Rig) -> None:
    reason = refused(contract_rig, "FAILED_CertificateNotAllowedAtThisEVSE", emaid="DEPLTC0000099X")
    assert "DEPLTC0000099X" in reason


@pytest.mark.parametrize("emaid", ["depltc0000012x", "DEPLTC0000012X", "DEPLTC0000012XK"])
def test_one_name_in_many_spellings(contract_rig: Rig, emaid: str) -> None:
    contract_rig.choose_contract()
    assert code(contract_rig.details(emaid=emaid)) == "OK"


def test_an_unknown_root_is_the_back_offices_to_judge(contract_rig: Rig) -> None:
    rig = contract_rig
    rig.roots = ()
    rig.to_verdict()
    [asked] = rig.clerk.asked
    assert not asked.valid
    assert asked.chain_pem.count("BEGIN CERTIFICATE") == 3
    assert len(asked.chain_pem) <= 5500
    assert len(asked.ocsp) == 2  # nobody here knows who issued the topmost
    assert rig.authorize().evse_processing == "Finished"


def test_an_unknown_root_and_nobody_to_ask(contract_rig: Rig) -> None:
    contract_rig.roots, contract_rig.clerk.central = (), False
    refused(contract_rig, "FAILED_NoCertificateAvailable")


def test_a_root_of_another_kind_vouches_only_when_it_is_asked_to(contract_rig: Rig, pki: Any) -> None:
    leaf = pki.v2g.sub2.leaf("contract", "DEPLTC0000012X", "MO")
    contract_rig.clerk.central = False
    contract_rig.choose_contract()
    assert code(contract_rig.details(leaf)) == "FAILED_NoCertificateAvailable"
    contract_rig.roots = (*contract_rig.roots, pki.v2g.root.certificate)
    contract_rig.connect()
    contract_rig.choose_contract()
    assert code(contract_rig.details(leaf)) == "OK"


def test_without_a_clock_the_back_office_must_judge_the_dates(contract_rig: Rig) -> None:
    rig = contract_rig
    rig.clerk.clock_trusted = False
    rig.clerk.now = datetime.fromtimestamp(0, rig.clerk.now.tzinfo)
    rig.to_verdict()
    assert not rig.clerk.asked[0].valid
    assert rig.clerk.asked[0].chain_pem is not None


def test_without_a_clock_and_without_a_back_office_nobody_can_judge(contract_rig: Rig) -> None:
    contract_rig.clerk.clock_trusted = contract_rig.clerk.connected = False
    assert "clock" in refused(contract_rig, "FAILED")


# --- the proof ----------------------------------------------------------------------------------------------------


def at_authorization(rig: Rig) -> iso2.AuthorizationReq:
    rig.choose_contract()
    rig.details()
    return iso2.AuthorizationReq(id="ID1", gen_challenge=rig.challenge)


def ends(rig: Rig, answer: Any, expected: str) -> None:
    assert code(answer) == expected
    assert rig.clerk.asked == []
    assert code(stop(rig)) == "OK"


def test_another_challenge(contract_rig: Rig) -> None:
    at_authorization(contract_rig)
    ends(contract_rig, contract_rig.authorize(challenge=bytes(16)), "FAILED_ChallengeInvalid")


def test_no_challenge(contract_rig: Rig) -> None:
    request = replace(at_authorization(contract_rig), gen_challenge=None)
    ends(contract_rig, contract_rig.ask(request, contract_rig.signed(request)), "FAILED_ChallengeInvalid")


def test_no_signature(contract_rig: Rig) -> None:
    ends(contract_rig, contract_rig.ask(at_authorization(contract_rig)), "FAILED_SignatureError")


def test_somebody_elses_key(contract_rig: Rig, pki: Any) -> None:
    at_authorization(contract_rig)
    ends(contract_rig, contract_rig.authorize(pki.provisioning), "FAILED_SignatureError")


def test_a_signature_over_another_element(contract_rig: Rig, pki: Any) -> None:
    request = at_authorization(contract_rig)
    other = iso2.AuthorizationReq(id="ID1", gen_challenge=bytes(16))
    ends(contract_rig, contract_rig.ask(request, sign([Part(other, "ID1")], pki.contract.key)), "FAILED_SignatureError")


# --- receipts -----------------------------------------------------------------------------------------------------


def test_a_receipt_is_verified_with_the_contracts_key(contract_rig: Rig, pki: Any) -> None:
    rig = contract_rig
    rig.to_verdict()
    receipt = iso2.MeteringReceiptReq(
        id="ID1", session_id=rig.session_id, meter_info=iso2.MeterInfo(meter_id="1", meter_reading=10)
    )
    good = sign([Part(receipt, "ID1")], pki.contract.key)
    assert rig.desk.receipt_refusal(receipt, good) is None
    invalid = iso2.ResponseCode.FAILED_MeteringSignatureNotValid
    assert rig.desk.receipt_refusal(receipt, None) is invalid
    assert rig.desk.receipt_refusal(receipt, sign([Part(receipt, "ID1")], pki.provisioning.key)) is invalid
    more = replace(receipt, meter_info=iso2.MeterInfo(meter_id="1", meter_reading=9))
    assert rig.desk.receipt_refusal(more, good) is invalid
