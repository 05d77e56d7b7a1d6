"""Certificates on disk: what is trusted, in whose place, by which name, and what stays."""

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp

from firmware.security import requests
from firmware.security.certificates import CertificateError, chain_of, hash_data
from firmware.security.store import CAPACITY, Full, Store, key_belongs
from firmware.station.certificates import HashData


@pytest.mark.ocpp("2.0.1:M05.FR.01", "2.0.1:M05.FR.02", "2.0.1:M03.FR.04", "1.6:InstallCertificate")
def test_an_installed_root_is_found_by_its_use(store: Store, party: Any, now: datetime) -> None:
    root = party("CSMS root")
    store.install("CSMS", root.pem, now)
    store.install("MO", party("MO root").pem, now)
    assert [each.use for each in store.installed(())] == ["CSMS", "MO"]
    assert [each.use for each in store.installed(("CSMS",))] == ["CSMS"]
    assert (store.pki / "roots" / "mo").is_dir()  # where the car's side looks
    assert [each.certificate for each in store.roots("CSMS")] == [root.certificate]


@pytest.mark.ocpp("2.0.1:M05.FR.17")
def test_a_root_that_is_there_already_is_replaced(store: Store, party: Any, now: datetime) -> None:
    root = party("CSMS root")
    store.install("CSMS", root.pem, now)
    store.install("CSMS", root.pem, now)
    assert len(store.roots("CSMS")) == 1


@pytest.mark.ocpp("2.0.1:M05.FR.07", "2.0.1:TC_M_07")
@pytest.mark.ocpp("2.0.1:A00.FR.501", "2.0.1:A00.FR.502", "2.0.1:A00.FR.503", "2.0.1:A00.FR.504", "2.0.1:A00.FR.507")
@pytest.mark.parametrize(
    "what", ["leaf", "expired", "future", "weak", "weak curve", "garbage", "not PEM", "two", "forged"]
)
def test_what_is_no_root_is_refused(store: Store, party: Any, now: datetime, what: str) -> None:
    root = party("root")
    makers: dict[str, Callable[[], str]] = {
        "leaf": lambda: party("leaf", root, ca=False).pem,
        "expired": lambda: party("old", days=(-100, -1)).pem,
        "future": lambda: party("new", days=(1, 100)).pem,
        "weak": lambda: party("weak", key=rsa.generate_private_key(65537, 1024)).pem,  # noqa: S505 - to be refused
        "weak curve": lambda: party("weak", key=ec.generate_private_key(ec.SECP192R1())).pem,
        "not PEM": lambda: base64.b64encode(root.certificate.public_bytes(Encoding.DER)).decode(),
        "garbage": lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "two": lambda: root.pem + party("second").pem,
        "forged": lambda: party("forged", public=ec.generate_private_key(ec.SECP256R1()).public_key()).pem,
    }
    with pytest.raises(CertificateError):
        store.install("CSMS", makers[what](), now)
    assert store.roots("CSMS") == []


@pytest.mark.ocpp("2.0.1:M05.FR.06")
def test_a_full_store_takes_no_more(store: Store, party: Any, now: datetime) -> None:
    for number in range(CAPACITY):
        store.install("MO", party(f"root {number}").pem, now)
    with pytest.raises(Full):
        store.install("CSMS", party("one too many").pem, now)


@pytest.mark.ocpp("2.0.1:M05.FR.09", "2.0.1:M05.FR.10", "2.0.1:M05.FR.11", "2.0.1:M05.FR.12", "2.0.1:M05.FR.13")
def test_a_successor_must_be_signed_by_the_root_it_replaces(store: Store, party: Any, now: datetime) -> None:
    old = party("old root")
    store.install("CSMS", old.pem, now, succession=True)
    with pytest.raises(CertificateError, match="not signed by the root"):
        store.install("CSMS", party("stranger").pem, now, succession=True)
    new = party("new root", old)
    store.install("CSMS", new.pem, now, succession=True)
    assert [(root.certificate, root.fallback) for root in store.roots("CSMS")] == [
        (new.certificate, False),
        (old.certificate, True),
    ]
    named = store.installed(("CSMS",))[0].hash_data
    assert store.drop_fallback()
    assert store.installed(("CSMS",)) == [store.installed(("CSMS",))[0]]
    assert store.installed(("CSMS",))[0].hash_data == named  # its issuer is gone, its name stays


@pytest.mark.ocpp("2.0.1:M03.FR.04")
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_hashes_are_those_of_ocsp(party: Any, algorithm: str, kind: str) -> None:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else None
    root = party("root", key=key)
    leaf = party("leaf", root, ca=False)
    used = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}[algorithm]
    oracle = ocsp.OCSPRequestBuilder().add_certificate(leaf.certificate, root.certificate, used).build()
    ours = hash_data(leaf.certificate, root.certificate, algorithm)
    assert bytes.fromhex(ours.issuer_name_hash) == oracle.issuer_name_hash
    assert bytes.fromhex(ours.issuer_key_hash) == oracle.issuer_key_hash
    assert int(ours.serial_number, 16) == oracle.serial_number


@pytest.mark.ocpp("2.0.1:M04.FR.02", "2.0.1:M04.FR.03", "2.0.1:M04.FR.04", "2.0.1:TC_M_20", "2.0.1:TC_M_22")
def test_a_root_is_deleted_by_its_name_unless_the_link_rests_on_it(store: Store, party: Any, now: datetime) -> None:
    first, second = party("first"), party("second")
    for each in (first, second):
        store.install("CSMS", each.pem, now)
    name = hash_data(first.certificate, first.certificate, "SHA384")
    with pytest.raises(CertificateError, match="rests on it"):
        store.delete(name, first.certificate.public_bytes(Encoding.DER))
    loud = HashData("SHA384", name.issuer_name_hash.upper(), name.issuer_key_hash, "00" + name.serial_number)
    store.delete(loud)
    with pytest.raises(KeyError):
        store.delete(name)
    with pytest.raises(CertificateError, match="last root"):
        store.delete(hash_data(second.certificate, second.certificate))


def give_chain(store: Store, leaf: Any, root: Any, name: str) -> None:
    key = store.folder / "csr" / "given.key"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    store.install_own("station", name, chain_of([leaf.certificate], [root.certificate]), key)


@pytest.mark.ocpp("2.0.1:M04.FR.06", "2.0.1:TC_M_23", "1.6:M04.FR.05")
def test_our_own_certificate_is_not_deleted(store: Store, party: Any, now: datetime) -> None:
    root = party("root")
    store.install("CSMS", root.pem, now)
    ours = party("S-1", root, ca=False)
    give_chain(store, ours, root, "a")
    with pytest.raises(CertificateError, match="our own"):
        store.delete(hash_data(ours.certificate, root.certificate))
    assert len(store.station_chains()) == 1


@pytest.mark.ocpp("2.0.1:M03.FR.05", "2.0.1:M04.FR.08")
def test_a_v2g_chain_is_listed_with_its_cas_and_deleted_whole(store: Store, party: Any, now: datetime) -> None:
    root = party("V2G root")
    sub = party("sub", root)
    leaf = party("secc", sub, ca=False)
    store.install("V2G", root.pem, now)
    key = store.folder / "csr" / "given.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    store.install_own("secc", "V2G", chain_of([sub.certificate, leaf.certificate], [root.certificate]), key)
    (found,) = store.installed(("V2GChain",))
    assert found.hash_data == hash_data(leaf.certificate, sub.certificate)
    assert found.children == (hash_data(sub.certificate, root.certificate),)
    store.delete(found.children[0])
    assert store.installed(("V2GChain",)) == []
    assert not (store.pki / "secc" / "V2G.key").exists()


@pytest.mark.ocpp("2.0.1:A02.FR.09", "2.0.1:A02.FR.10", "2.0.1:A03.FR.09")
def test_the_newest_chain_leads_and_is_the_only_one_when_it_is_proven(store: Store, party: Any, now: datetime) -> None:
    root = party("root")
    store.install("CSMS", root.pem, now)
    for name, begins in (("a", -9), ("c", -1), ("b", -5)):
        give_chain(store, party("S-1", root, ca=False, days=(begins, 300)), root, name)
        (store.folder / "station" / f"{name}.new").unlink()
    assert [own.path.stem for own in store.station_chains()] == ["c", "b", "a"]
    store.prove(store.station_chains()[0])
    assert [own.path.stem for own in store.station_chains()] == ["c"]
    assert [path.name for path in (store.folder / "station").iterdir() if path.stem != "c"] == []


def test_what_came_last_is_tried_first_and_takes_the_place_of_what_was_never_proven(
    store: Store, party: Any, now: datetime
) -> None:
    root = party("root")
    store.install("CSMS", root.pem, now)
    give_chain(store, party("S-1", root, ca=False, days=(-1, 300)), root, "old")
    store.prove(store.station_chains()[0])
    for name, begins in (("x", -5), ("y", -7)):  # a CA may let a certificate begin before the one it replaces
        give_chain(store, party("S-1", root, ca=False, days=(begins, 300)), root, name)
    assert [(own.path.stem, own.proven) for own in store.station_chains()] == [("y", False), ("old", True)]


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (requests.Subject("S" * 80, "ä" * 64, "DE"), f"C=DE,O={'ä' * 32},CN={'S' * 64}"),
        (requests.Subject("S-1", "Operator", "ÄÖ"), "O=Operator,CN=S-1"),
        (requests.Subject("S-1", "", "1 "), "CN=S-1"),
    ],
)
def test_whatever_a_back_office_sets_as_names_makes_a_request(
    tmp_path: Path, subject: requests.Subject, name: str
) -> None:
    pem = requests.make_request(tmp_path, "ChargingStation", subject)
    assert x509.load_pem_x509_csr(pem.encode()).subject.rfc4514_string() == name


@pytest.mark.ocpp("2.0.1:A02.FR.02", "2.0.1:A02.FR.05", "2.0.1:A00.FR.511")
def test_a_key_is_born_here_and_readable_by_nobody_else(tmp_path: Path, party: Any) -> None:
    pem = requests.make_request(tmp_path, "ChargingStation", requests.Subject("S-1", "Operator"))
    request = x509.load_pem_x509_csr(pem.encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "O=Operator,CN=S-1"
    ((use, key),) = requests.waiting(tmp_path)
    assert use == "ChargingStation"
    assert key.stat().st_mode & 0o777 == 0o600
    root = party("root")
    assert key_belongs(key, party("S-1", root, ca=False, public=request.public_key()).certificate)
    assert not key_belongs(key, root.certificate)
