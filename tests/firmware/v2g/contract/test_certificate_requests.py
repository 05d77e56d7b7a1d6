"""A car gets or renews its contract certificate on the way: what is forwarded, relayed, refused, and what is too late.

The other end is the rig's contract office, which makes real certificates of the test PKI.
"""

import base64
import random
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from firmware.station.contracts import CertificateAnswer
from firmware.v2g import exi
from firmware.v2g.contract.chain import ContractRefused
from firmware.v2g.contract.installation import check_request
from firmware.v2g.contract.signatures import verify
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from firmware.v2g.pki.authority import Leaf
from firmware.v2g.pki.certificates import Chain, common_name, der
from hil.contract_keys import decrypt
from hil.contract_office import ContractOffice, signed_parts

Rig = Any


@pytest.fixture
def office(pki: Any) -> ContractOffice:
    return ContractOffice(pki.mo.sub2, pki.cps_leaf, (pki.mo.root.certificate,))


def code(answer: Any) -> str:
    return str(answer.response_code)


@pytest.fixture
def install(contract_rig: Rig, pki: Any, root_ids: Any) -> iso2.CertificateInstallationReq:
    return iso2.CertificateInstallationReq(
        id="id1", oem_provisioning_cert=der(pki.provisioning.certificate), list_of_root_certificate_ids=root_ids
    )


@pytest.fixture
def update(contract_rig: Rig, pki: Any, root_ids: Any, to_chain: Any) -> iso2.CertificateUpdateReq:
    return iso2.CertificateUpdateReq(
        id="id1",
        contract_signature_cert_chain=to_chain(pki.contract.chain, "c1"),
        emaid="DEPLTC0000012X",
        list_of_root_certificate_ids=root_ids,
    )


def answered(rig: Rig, office: ContractOffice) -> Any:
    """The office works on what was forwarded last; what the car gets."""
    rig.go_on()
    action, exi_request, _ = rig.clerk.forwarded[-1]
    rig.clerk.answer = CertificateAnswer(True, office.provide(action, base64.b64encode(exi_request).decode()))
    return rig.go_on()


def unpack(answer: Any, raw: bytes, key: Any) -> Leaf:
    """As a car does: check the signature of the provisioning service, decrypt the key, try it."""
    message = exi.decode(raw, "iso2")
    assert isinstance(message, iso2.V2gMessage)
    service = x509.load_der_x509_certificate(answer.sa_provisioning_certificate_chain.certificate)
    verify(message.header.signature, signed_parts(answer), service.public_key())
    private = decrypt(answer.contract_signature_encrypted_private_key.value, answer.dh_publickey.value, key)
    sent = answer.contract_signature_cert_chain
    certificates = [x509.load_der_x509_certificate(each) for each in (sent.certificate, *sent.sub_certificates)]
    assert certificates[0].public_key() == private.public_key()
    return Leaf(Chain(certificates[0], tuple(certificates[1:])), private)


def test_install_then_charge_with_what_was_installed(
    contract_rig: Rig, install: Any, office: ContractOffice, pki: Any
) -> None:
    rig = contract_rig
    rig.choose_contract()
    assert rig.ask(install, rig.signed(install, pki.provisioning)) is None
    answer = answered(rig, office)
    assert isinstance(answer, iso2.CertificateInstallationRes)
    assert code(answer) == "OK"
    [(action, payload, schema)] = rig.clerk.forwarded
    assert (action, schema) == ("Install", "urn:iso:15118:2:2013:MsgDef")
    assert isinstance(exi.decode(payload, "iso2"), iso2.V2gMessage)
    assert rig.raw == base64.b64decode(rig.clerk.answer.exi_response), "relayed as it came"
    leaf = unpack(answer, rig.raw, pki.provisioning.key)
    assert common_name(leaf.certificate) == answer.emaid.value
    rig.clerk.now = leaf.certificate.not_valid_before_utc + timedelta(hours=1)
    assert code(rig.details(leaf)) == "OK"
    assert rig.authorize(leaf).evse_processing == "Ongoing"
    rig.go_on()
    assert rig.authorize(leaf).evse_processing == "Finished"


def test_update_with_the_old_contract(contract_rig: Rig, update: Any, office: ContractOffice, pki: Any) -> None:
    rig = contract_rig
    rig.choose_contract()
    assert rig.ask(update, rig.signed(update)) is None
    answer = answered(rig, office)
    assert isinstance(answer, iso2.CertificateUpdateRes)
    assert rig.clerk.forwarded[0][0] == "Update"
    assert unpack(answer, rig.raw, pki.contract.key).certificate.serial_number != pki.contract.certificate.serial_number


def test_an_answer_with_another_session_id_gets_ours_and_stays_signed(
    contract_rig: Rig, install: Any, office: ContractOffice, pki: Any
) -> None:
    rig = contract_rig
    rig.choose_contract()
    rig.ask(install, rig.signed(install, pki.provisioning))
    rig.go_on()
    action, exi_request, _ = rig.clerk.forwarded[-1]
    made = exi.decode(base64.b64decode(office.provide(action, base64.b64encode(exi_request).decode())), "iso2")
    assert isinstance(made, iso2.V2gMessage)
    foreign = replace(made, header=replace(made.header, session_id=bytes(8)))
    rig.clerk.answer = CertificateAnswer(True, base64.b64encode(exi.encode(foreign, "iso2")).decode())
    answer = rig.go_on()
    message = exi.decode(rig.raw, "iso2")
    assert isinstance(message, iso2.V2gMessage)
    assert message.header.session_id == rig.session_id
    unpack(answer, rig.raw, pki.provisioning.key)


def test_a_late_answer_is_dropped_and_the_old_contract_still_pays(
    contract_rig: Rig, install: Any, office: ContractOffice, pki: Any
) -> None:
    rig = contract_rig
    rig.choose_contract()
    asked_at = rig.now
    rig.ask(install, rig.signed(install, pki.provisioning))
    rig.go_on()
    assert rig.wait(4.1) is None
    answer = rig.wait(0.2)
    assert code(answer) == "FAILED_NoCertificateAvailable"
    assert rig.now - asked_at < 4.5
    assert rig.work[0].over
    rig.clerk.answer = CertificateAnswer(True, "AAAA")
    assert rig.go_on() is None
    assert code(rig.details()) == "OK"
    rig.authorize()
    rig.go_on()
    assert rig.authorize().evse_processing == "Finished"


@pytest.mark.parametrize(
    "answer",
    [
        CertificateAnswer(False, reason="no contract for this car"),
        CertificateAnswer(True, ""),
        CertificateAnswer(True, "not base64!"),
        CertificateAnswer(True, base64.b64encode(b"\x80\x98 no EXI").decode()),
        CertificateAnswer(True, base64.b64encode(bytes(20_000)).decode()),
    ],
)
def test_an_unusable_answer(contract_rig: Rig, install: Any, pki: Any, answer: CertificateAnswer) -> None:
    rig = contract_rig
    rig.clerk.answer = answer
    rig.choose_contract()
    rig.ask(install, rig.signed(install, pki.provisioning))
    assert code(rig.go_on()) == "FAILED_NoCertificateAvailable"
    assert code(rig.details()) == "OK"


def test_the_answer_to_another_question_is_none(contract_rig: Rig, update: Any, install: Any, pki: Any) -> None:
    rig = contract_rig
    rig.choose_contract()
    rig.ask(update, rig.signed(update))
    header = iso2.MessageHeader(session_id=rig.session_id)
    other = iso2.V2gMessage(header=header, body=iso2.SessionStopRes())
    rig.clerk.answer = CertificateAnswer(True, base64.b64encode(exi.encode(other)).decode())
    assert code(rig.go_on()) == "FAILED_NoCertificateAvailable"


def test_an_unsigned_request_is_not_forwarded(contract_rig: Rig, install: Any) -> None:
    contract_rig.choose_contract()
    assert code(contract_rig.ask(install)) == "FAILED_SignatureError"
    assert contract_rig.clerk.forwarded == []
    assert code(contract_rig.details()) == "OK"


def test_a_request_signed_by_another_key_is_not_forwarded(contract_rig: Rig, install: Any, update: Any) -> None:
    contract_rig.choose_contract()
    assert code(contract_rig.ask(install, contract_rig.signed(install))) == "FAILED_SignatureError"
    assert contract_rig.clerk.forwarded == []


def test_an_expired_certificate_gets_no_new_one(contract_rig: Rig, update: Any) -> None:
    contract_rig.clerk.now += timedelta(days=400)
    contract_rig.choose_contract()
    assert code(contract_rig.ask(update, contract_rig.signed(update))) == "FAILED_CertificateExpired"


def test_a_provisioning_certificate_that_is_none(contract_rig: Rig, install: Any, pki: Any) -> None:
    request = replace(install, oem_provisioning_cert=b"certificate")
    contract_rig.choose_contract()
    assert code(contract_rig.ask(request, contract_rig.signed(request, pki.provisioning))) == "FAILED_CertChainError"


def test_only_the_contract_follows_a_certificate_request(
    contract_rig: Rig, install: Any, update: Any, office: ContractOffice, pki: Any
) -> None:
    rig = contract_rig
    rig.choose_contract()
    rig.ask(install, rig.signed(install, pki.provisioning))
    answered(rig, office)
    assert code(rig.ask(update, rig.signed(update))) == "FAILED_SequenceError"


def test_a_car_may_leave_while_its_certificate_is_made(contract_rig: Rig, install: Any, pki: Any) -> None:
    rig = contract_rig
    rig.choose_contract()
    rig.ask(install, rig.signed(install, pki.provisioning))
    rig.go_on()
    rig.talk.lost("the car is gone", rig.now)
    assert rig.work[0].over
    assert rig.talk.ended is not None


def test_damaged_provisioning_certificates_are_refused_by_name(
    contract_rig: Rig, install: Any, pki: Any, noon: Any
) -> None:
    rng = random.Random(12118)
    for _ in range(800):
        data = bytearray(install.oem_provisioning_cert)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        request = replace(install, oem_provisioning_cert=bytes(data))
        with pytest.raises(ContractRefused):
            check_request(request, contract_rig.signed(install, pki.provisioning), 1000, noon, clock_trusted=True)
