"""Signatures by EXI fragments: recorded ones hold, ours hold in every reading, nothing else does."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware.v2g import exi
from firmware.v2g.contract.signatures import BadSignature, Part, sign, verify
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.xmldsig import DigestMethod, Signature, SignatureMethod, SignatureValue

SESSIONS: Final = Path(__file__).parents[3] / "samples" / "sessions"
SIGNED: Final = (
    "iso2-ac-everest-car-tls",
    "iso2-certinstall-everest-station",
    "iso2-certupdate-everest-station",
    "iso2-pnc-everest-station",
    "iso2-pnc-josev-car",
    "iso2-pnc-josev-station",
)


def read(session: str) -> list[dict[str, str]]:
    with gzip.open(SESSIONS / f"{session}.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in list(lines)[1:]]
    return [record | {"session": session} for record in records if record["schema"] == "iso2"]


RECORDED: Final = [record for session in SIGNED for record in read(session)]


def message(record: dict[str, str]) -> iso2.V2gMessage:
    decoded = exi.decode(bytes.fromhex(record["exi"]), "iso2")
    assert isinstance(decoded, iso2.V2gMessage)
    return decoded


def signer_of(session: str) -> Any:
    """The key of the contract (or of the car's maker) that the recorded car used."""
    for record in RECORDED:
        body = message(record).body if record["session"] == session else None
        if isinstance(body, iso2.PaymentDetailsReq | iso2.CertificateUpdateReq):
            return x509.load_der_x509_certificate(body.contract_signature_cert_chain.certificate).public_key()
        if isinstance(body, iso2.CertificateInstallationReq):
            return x509.load_der_x509_certificate(body.oem_provisioning_cert).public_key()
    return None


BY_CARS: Final = [
    record
    for record in RECORDED
    if record["message"]
    in {"AuthorizationReq", "MeteringReceiptReq", "CertificateInstallationReq", "CertificateUpdateReq"}
]
BY_OFFICES: Final = [record for record in RECORDED if record["message"] == "CertificateInstallationRes"]


def ids(records: list[dict[str, str]]) -> list[str]:
    return [f"{record['session']}-{record['message']}" for record in records]


@pytest.mark.parametrize("record", BY_CARS, ids=ids(BY_CARS))
def test_a_recorded_cars_signature_holds_with_its_chain_and_with_no_other(record: dict[str, str], pki: Any) -> None:
    recorded = message(record)
    body: Any = recorded.body
    verify(recorded.header.signature, [Part(body, body.id)], signer_of(record["session"]))
    with pytest.raises(BadSignature):
        verify(recorded.header.signature, [Part(body, body.id)], pki.contract.key.public_key())


def test_all_recorded_kinds_are_here() -> None:
    assert {record["message"] for record in BY_CARS} == {
        "AuthorizationReq",
        "MeteringReceiptReq",
        "CertificateInstallationReq",
        "CertificateUpdateReq",
    }
    assert len(BY_CARS) >= 7


def test_a_recorded_office_signed_by_the_other_schema() -> None:
    """SignedInfo as a fragment of the message's schema, by a C codec. Of its four elements the eMAID has 18 characters,
    which no fragment of the schema can say: exactly that one is found wanting."""
    [record] = BY_OFFICES
    recorded = message(record)
    body: Any = recorded.body
    assert recorded.header.signature is not None
    service = x509.load_der_x509_certificate(body.sa_provisioning_certificate_chain.certificate)
    parts = [
        Part(body.contract_signature_cert_chain, body.contract_signature_cert_chain.id, "ContractSignatureCertChain"),
        Part(body.contract_signature_encrypted_private_key, body.contract_signature_encrypted_private_key.id),
        Part(body.dh_publickey, body.dh_publickey.id),
        Part(body.emaid, body.emaid.id),
    ]
    with pytest.raises(BadSignature, match="Emaid"):
        verify(recorded.header.signature, parts, service.public_key())
    info = recorded.header.signature.signed_info
    value = recorded.header.signature.signature_value.value
    form = exi.encode(info, "iso2", fragment=True)
    der = _der(value)
    key: Any = service.public_key()
    key.verify(der, form, ec.ECDSA(hashes.SHA256()))


def _der(value: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415

    return encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))


# --- ours -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def request_() -> iso2.AuthorizationReq:
    return iso2.AuthorizationReq(id="ID1", gen_challenge=bytes(range(16)))


@pytest.fixture
def good(request_: Any, pki: Any) -> Signature:
    return sign([Part(request_, "ID1")], pki.contract.key)


def test_it_holds(good: Signature, request_: Any, pki: Any) -> None:
    verify(good, [Part(request_, "ID1")], pki.contract.key.public_key())


def test_it_holds_after_a_journey(good: Signature, request_: Any, pki: Any) -> None:
    whole = iso2.V2gMessage(header=iso2.MessageHeader(session_id=bytes(8), signature=good), body=request_)
    came = exi.decode(exi.encode(whole), "iso2")
    assert isinstance(came, iso2.V2gMessage)
    body: Any = came.body
    verify(came.header.signature, [Part(body, body.id)], pki.contract.key.public_key())


@pytest.mark.parametrize("relaxed", [True, False])
def test_both_emaid_forms_are_accepted(pki: Any, relaxed: bool) -> None:
    emaid = iso2.Emaid(id="id4", value="DEPLTC0000012X")
    signature = sign([Part(emaid, "id4")], pki.cps_leaf.key, relaxed=relaxed)
    verify(signature, [Part(emaid, "id4")], pki.cps_leaf.key.public_key())
    forms = {exi.encode(emaid, "iso2", fragment=True, relaxed=each) for each in (True, False)}
    assert len(forms) == 2, "the two are really different"


@pytest.mark.parametrize("schema", ["xmldsig", "iso2"])
def test_signed_info_of_either_schema_is_accepted(good: Signature, request_: Any, pki: Any, schema: str) -> None:
    der = pki.contract.key.sign(exi.encode(good.signed_info, schema, fragment=True), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for value in (raw, der):
        signature = replace(good, signature_value=SignatureValue(value=value))
        verify(signature, [Part(request_, "ID1")], pki.contract.key.public_key())


def test_sales_tariffs_keep_their_signature_on_the_way_to_the_car(pki: Any) -> None:
    """The back office signs each tariff; our offer around them is not what is signed."""
    entry = iso2.SalesTariffEntry(time_interval=iso2.RelativeTimeInterval(start=0), e_price_level=1)
    tariffs = [
        iso2.SalesTariff(id=f"tariff{n}", sales_tariff_id=n, num_e_price_levels=1, sales_tariff_entry=(entry,))
        for n in (1, 2)
    ]
    signature = sign([Part(each, each.id or "") for each in tariffs], pki.mo.sub2.key)
    power = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0), p_max=iso2.PhysicalValue.of(11_000, "W")
    )
    offer = iso2.ChargeParameterDiscoveryRes(
        evse_processing=iso2.EvseProcessing.Finished,
        sa_schedules=iso2.SaScheduleList(
            sa_schedule_tuple=tuple(
                iso2.SaScheduleTuple(
                    sa_schedule_tuple_id=each.sales_tariff_id, p_max_schedule=(power,), sales_tariff=each
                )
                for each in tariffs
            )
        ),
        evse_charge_parameter=iso2.AcEvseChargeParameter(
            ac_evse_status=iso2.AcEvseStatus(
                notification_max_delay=0, evse_notification=iso2.EvseNotification.None_, rcd=False
            ),
            evse_nominal_voltage=iso2.PhysicalValue.of(230, "V"),
            evse_max_current=iso2.PhysicalValue.of(16, "A"),
        ),
    )
    whole = iso2.V2gMessage(header=iso2.MessageHeader(session_id=bytes(8), signature=signature), body=offer)
    came: Any = exi.decode(exi.encode(whole), "iso2")
    sent = [each.sales_tariff for each in came.body.sa_schedules.sa_schedule_tuple]
    verify(came.header.signature, [Part(each, each.id) for each in sent], pki.mo.sub2.key.public_key())


# --- what does not hold ---------------------------------------------------------------------------------------------


def info_with(good: Signature, **changes: Any) -> Signature:
    return replace(good, signed_info=replace(good.signed_info, **changes))


def reference_with(good: Signature, **changes: Any) -> Signature:
    [reference] = good.signed_info.reference
    return info_with(good, reference=(replace(reference, **changes),))


MUTATIONS: Final[dict[str, Callable[[Signature], Signature | None]]] = {
    "none at all": lambda good: None,
    "no reference to it": lambda good: reference_with(good, uri="#ID2"),
    "no URI": lambda good: reference_with(good, uri=None),
    "another digest": lambda good: reference_with(good, digest_value=bytes(32)),
    "a short digest": lambda good: reference_with(good, digest_value=b""),
    "a weaker digest": lambda good: reference_with(
        good, digest_method=DigestMethod(algorithm="http://www.w3.org/2000/09/xmldsig#sha1")
    ),
    "two references": lambda good: info_with(good, reference=good.signed_info.reference * 2),
    "another algorithm": lambda good: info_with(
        good, signature_method=SignatureMethod(algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1")
    ),
    "an empty value": lambda good: replace(good, signature_value=SignatureValue(value=b"")),
    "zeros": lambda good: replace(good, signature_value=SignatureValue(value=bytes(64))),
    "a value too long": lambda good: replace(good, signature_value=SignatureValue(value=bytes(4000))),
    "another SignedInfo": lambda good: info_with(good, id="x"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutated_signature_does_not_hold(name: str, good: Signature, request_: Any, pki: Any) -> None:
    with pytest.raises(BadSignature):
        verify(MUTATIONS[name](good), [Part(request_, "ID1")], pki.contract.key.public_key())


def test_no_bit_of_the_value_may_change(good: Signature, request_: Any, pki: Any) -> None:
    value = good.signature_value.value
    for bit in range(0, 512, 7):
        changed = bytearray(value)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadSignature):
            mutated = replace(good, signature_value=SignatureValue(value=bytes(changed)))
            verify(mutated, [Part(request_, "ID1")], pki.contract.key.public_key())


def test_an_element_without_id_cannot_be_signed_for(good: Signature, pki: Any) -> None:
    request = iso2.AuthorizationReq(gen_challenge=bytes(range(16)))
    with pytest.raises(BadSignature):
        verify(reference_with(good, uri="#"), [Part(request, "")], pki.contract.key.public_key())


def test_a_key_of_another_kind_is_refused(good: Signature, request_: Any) -> None:
    with pytest.raises(BadSignature):
        verify(good, [Part(request_, "ID1")], ec.generate_private_key(ec.SECP521R1()).public_key())


# --- recorded cars at our desk --------------------------------------------------------------------------------------

WITH_DETAILS: Final = [session for session in SIGNED if session != "iso2-certupdate-everest-station"]


@pytest.mark.parametrize("session", WITH_DETAILS)
def test_a_recorded_contract_is_taken_and_its_old_challenge_is_not(session: str, contract_rig: Any) -> None:
    """Their root is not installed here, so the back office would be asked, had the car signed our challenge."""
    rig = contract_rig
    bodies: list[Any] = [message(record).body for record in RECORDED if record["session"] == session]
    details = next(body for body in bodies if isinstance(body, iso2.PaymentDetailsReq))
    leaf = x509.load_der_x509_certificate(details.contract_signature_cert_chain.certificate)
    rig.clerk.now = leaf.not_valid_before_utc + (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 2
    rig.choose_contract()
    assert str(rig.ask(details).response_code) == "OK"
    assert rig.desk.contract.root is None
    assert len(rig.desk.contract.chain.sub_cas) == 2
    for record in RECORDED:
        recorded = message(record)
        if record["session"] == session and isinstance(recorded.body, iso2.AuthorizationReq):
            answer = rig.ask(recorded.body, recorded.header.signature)
            assert str(answer.response_code) == "FAILED_ChallengeInvalid"
            break
