"""The rig's contract office and the back office that asks it: what it says of contracts, and to whom it gives one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from firmware.v2g import exi
from firmware.v2g.contract.signatures import Part, sign
from firmware.v2g.messages import iso2
from firmware.v2g.messages.xmldsig import X509IssuerSerial
from firmware.v2g.pki.certificates import der
from firmware.v2g.pki.make_test import TestPki, build, make_test
from hil.contract_keys import decrypt, encrypt
from hil.contract_office import ContractOffice, NoCertificate
from hil.csms import v16, v201
from hil.csms.records import Records

EMAID = "DEPLTC0000012X"


@pytest.fixture(scope="module")
def pki() -> TestPki:
    return build("iso2", datetime.now(UTC) - timedelta(days=1))


@pytest.fixture
def office(pki: TestPki) -> ContractOffice:
    return ContractOffice(pki.mo.sub2, pki.cps_leaf, (pki.mo.root.certificate,))


def pem_of(leaf: Any) -> str:
    return str(leaf.pem().decode())


def hash_data(certificate: x509.Certificate) -> dict[str, Any]:
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "aa",
        "issuerKeyHash": "bb",
        "serialNumber": f"{certificate.serial_number:x}",
        "responderURL": "",
    }


def authorize(office: ContractOffice | None, **more: Any) -> Any:
    call = {"idToken": {"idToken": EMAID, "type": "eMAID"}, **more}
    return v201.authorize(Records(contracts=office), "CP1", call)


def test_a_good_contract_by_hashes_or_by_its_chain(office: ContractOffice, pki: TestPki) -> None:
    good = {"idTokenInfo": {"status": "Accepted"}, "certificateStatus": "Accepted"}
    assert authorize(office, iso15118CertificateHashData=[hash_data(pki.contract.certificate)]) == good
    assert authorize(office, certificate=pem_of(pki.contract)) == good


@pytest.mark.parametrize(
    ("change", "token", "certificate"),
    [
        ({"contracts": {"DEPLTC0000099X"}}, "Invalid", "ContractCancelled"),
        ({"roots": ()}, "Invalid", "CertChainError"),
    ],
)
def test_what_is_wrong_with_a_contract(
    office: ContractOffice, pki: TestPki, change: dict[str, Any], token: str, certificate: str
) -> None:
    for name, value in change.items():
        setattr(office, name, value)
    answer = authorize(office, certificate=pem_of(pki.contract))
    assert answer == {"idTokenInfo": {"status": token}, "certificateStatus": certificate}


def test_a_revoked_and_an_expired_contract(office: ContractOffice, pki: TestPki) -> None:
    old = pki.mo.sub2.leaf("contract", EMAID, "MO", days=0.5)
    assert authorize(office, certificate=pem_of(old))["certificateStatus"] == "CertificateExpired"
    office.revoked.add(f"{pki.contract.certificate.serial_number:x}")
    answer = authorize(office, iso15118CertificateHashData=[hash_data(pki.contract.certificate)])
    assert answer["certificateStatus"] == "CertificateRevoked"


def test_without_an_office_an_emaid_is_a_plain_token(pki: TestPki) -> None:
    assert authorize(None, certificate=pem_of(pki.contract)) == {"idTokenInfo": {"status": "Accepted"}}


def install_request(pki: TestPki, key: Any = None) -> str:
    request = iso2.CertificateInstallationReq(
        id="id1",
        oem_provisioning_cert=der(pki.provisioning.certificate),
        list_of_root_certificate_ids=(X509IssuerSerial(x509_issuer_name="CN=V2G", x509_serial_number=1),),
    )
    signer: Any = key or pki.provisioning.key
    signature = sign([Part(request, "id1")], signer)
    header = iso2.MessageHeader(session_id=b"12345678", signature=signature)
    return base64.b64encode(exi.encode(iso2.V2gMessage(header=header, body=request))).decode()


def test_16_asks_the_same_inside_data_transfer(office: ContractOffice, pki: TestPki) -> None:
    inner = {"iso15118SchemaVersion": "x", "action": "Install", "exiRequest": install_request(pki)}
    call = {
        "vendorId": "org.openchargealliance.iso15118pnc",
        "messageId": "Get15118EVCertificate",
        "data": json.dumps(inner),
    }
    answer = v16.data_transfer(Records(contracts=office), "CP1", call)
    assert answer["status"] == "Accepted"
    assert json.loads(answer["data"])["status"] == "Accepted"
    assert v16.data_transfer(Records(), "CP1", call) == {"status": "UnknownVendorId"}


def test_a_car_that_does_not_prove_itself_gets_nothing(office: ContractOffice, pki: TestPki) -> None:
    with pytest.raises(NoCertificate):
        office.provide("Install", install_request(pki, key=pki.contract.key))
    with pytest.raises(NoCertificate):
        office.provide("Update", install_request(pki))
    for nonsense in ("", "???", base64.b64encode(b"\x80nothing").decode()):
        with pytest.raises(NoCertificate):
            office.provide("Install", nonsense)
    assert office.made == []


def test_the_key_reaches_only_the_car_it_was_made_for(pki: TestPki) -> None:
    contract: Any = pki.contract.key
    mine: Any = pki.provisioning.key
    other: Any = pki.vehicle.key
    secret, point = encrypt(contract, mine.public_key())
    assert (len(secret), len(point)) == (48, 65)
    assert decrypt(secret, point, mine).private_numbers() == contract.private_numbers()
    try:
        wrong = decrypt(secret, point, other).private_numbers()
    except ValueError:  # what came out is no key at all
        return
    assert wrong != contract.private_numbers()


def test_an_office_from_a_test_pki_knows_the_stations_certificate(tmp_path: Path) -> None:
    make_test(tmp_path / "pki")
    office = ContractOffice.from_folder(tmp_path / "pki" / "others" / "iso2")
    [(station, _)] = office.issued
    response = office.ocsp(f"{station.serial_number:x}")
    assert response is not None
    assert ocsp.load_der_ocsp_response(response).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert office.ocsp("1234") is None
