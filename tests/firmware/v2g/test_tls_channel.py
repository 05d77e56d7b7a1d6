"""Two TLS ends in memory: a car on OpenSSL that we configure at will, and our channel with a test PKI on disk."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

from firmware.v2g.pki.authority import Leaf, key_pem
from firmware.v2g.pki.certificates import sha1_of_key
from firmware.v2g.pki.make_test import TestPki, build
from firmware.v2g.pki.requests import write_private
from firmware.v2g.pki.staples import Staples
from firmware.v2g.pki.store import load
from firmware.v2g.tls.channel import TlsChannel, TlsFailed
from firmware.v2g.tls.choice import Profile
from firmware.v2g.tls.contexts import Contexts, not_a_vehicle

TLS12, TLS13 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION


@pytest.fixture(scope="module")
def pkis() -> dict[str, TestPki]:
    return {profile: build(profile) for profile in ("iso2", "iso20", "iso20-ed448")}


@pytest.fixture
def folder(tmp_path: Path, pkis: dict[str, TestPki]) -> Path:
    """A station's PKI folder with all three chains and a staple for each."""
    for place in ("roots/v2g", "roots/oem", "secc"):
        (tmp_path / place).mkdir(parents=True)
    for name, pki in pkis.items():
        (tmp_path / f"roots/v2g/{name}.pem").write_bytes(pki.v2g.root.certificate.public_bytes(Encoding.PEM))
        (tmp_path / f"roots/oem/{name}.pem").write_bytes(pki.oem.root.certificate.public_bytes(Encoding.PEM))
        (tmp_path / f"secc/{name}.pem").write_bytes(pki.secc.pem())
        write_private(tmp_path / f"secc/{name}.key", key_pem(pki.secc.key))
        Staples(tmp_path).put(pki.secc.certificate, pki.v2g.sub2.ocsp_good(pki.secc.certificate), datetime.now(UTC))
    return tmp_path


@dataclass
class Car:
    """The client end. `trusts`: its V2G roots; `shows`: its vehicle certificate."""

    trusts: list[TestPki]
    lowest: int = TLS12
    highest: int = TLS13
    shows: Leaf | None = None
    ciphers: bytes = b"ECDHE-ECDSA-AES128-SHA256"
    asks_for_staple: bool = True
    staple: bytes | None = None
    connection: Any = None
    hears: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(self.lowest)
        context.set_max_proto_version(self.highest)
        context.set_cipher_list(self.ciphers)
        store = context.get_cert_store()
        assert store is not None
        for pki in self.trusts:
            store.add_cert(crypto.X509.from_cryptography(pki.v2g.root.certificate))
        context.set_verify(SSL.VERIFY_PEER)
        if self.shows is not None:
            context.use_certificate(self.shows.certificate)
            for above in self.shows.chain.sub_cas:
                context.add_extra_chain_cert(above)
            context.use_privatekey(self.shows.key)
        context.set_ocsp_client_callback(self._stapled)
        self.connection = SSL.Connection(context, None)
        self.connection.set_connect_state()
        if self.asks_for_staple:
            self.connection.request_ocsp()

    def _stapled(self, _: SSL.Connection, response: bytes, __: object) -> bool:
        self.staple = response
        return True

    def step(self) -> bytes:
        """One step of its handshake; what it sends."""
        with contextlib.suppress(SSL.WantReadError):
            self.connection.do_handshake()
        return self.out()

    def out(self) -> bytes:
        try:
            return bytes(self.connection.bio_read(65536))
        except SSL.WantReadError:
            return b""


@pytest.fixture
def channel(folder: Path) -> Callable[..., TlsChannel]:
    def make(
        only: str | None = None, *, conformance: bool = False, at: float | None = None, key_log: Any = None
    ) -> TlsChannel:
        def utc() -> float:
            return time.time() if at is None else at

        installed = load(folder, datetime.fromtimestamp(utc(), UTC))
        chains = tuple(each for each in installed.chains if only in {None, each.name})
        installed = replace(installed, chains=chains)
        staples = Staples(folder)
        staples.load([each.chain.leaf for each in installed.chains])
        contexts = Contexts(installed, staples, utc, conformance=conformance, key_log=key_log)
        return TlsChannel(contexts, utc, conformance=conformance)

    return make


def shake_hands(car: Car, station: TlsChannel) -> None:
    """Until both are through. Raises TlsFailed of the station, SSL.Error of the car."""
    for _ in range(8):
        sent = car.step()
        station.receive(sent)
        if answer := station.take():
            car.connection.bio_write(answer)
        elif not sent:
            break
    assert station.secured is not None


def test_a_car_of_iso_15118_2_gets_tls_1_2_its_suite_and_a_staple(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso2"]], highest=TLS12), channel()
    shake_hands(car, station)
    assert station.secured.profile is Profile.ISO2
    assert (station.secured.version, station.secured.suite) == ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA256")
    assert (station.secured.chain, station.secured.vehicle) == ("iso2", None)
    assert station.secured.stapled
    assert car.staple
    assert station.offered == "TLS 1.2: ECDHE-ECDSA-AES128-CBC-SHA256"


@pytest.mark.parametrize("profile", ["iso20", "iso20-ed448"])
def test_a_car_of_iso_15118_20_and_we_know_each_other(channel: Any, pkis: Any, profile: str) -> None:
    key_log: list[bytes] = []
    car = Car([pkis[profile]], lowest=TLS13, shows=pkis[profile].vehicle)
    station = channel(profile, key_log=key_log.append)
    shake_hands(car, station)
    assert station.secured.profile is Profile.ISO20
    assert (station.secured.version, station.secured.suite) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert station.secured.vehicle.evccid == "PLTTESTCAR0001"
    assert station.secured.stapled
    assert any(line.startswith(b"CLIENT_TRAFFIC_SECRET_0 ") for line in key_log)
    names = [name.CN for name in car.connection.get_client_ca_list()]  # [V2G20-2401]
    assert f"OEM root {profile}" in names
    assert f"V2G root {profile}" in names
    assert not any(name.startswith("MO") for name in names)


def test_text_goes_both_ways_in_pieces_and_close_notify_is_seen(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso2"]], highest=TLS12), channel()
    shake_hands(car, station)
    text = bytes(range(256)) * 200
    car.connection.send(text[:16000])
    car.connection.send(text[16000:32000])
    sent = car.out()
    assert b"".join(station.receive(sent[at : at + 7]) for at in range(0, len(sent), 7)) == text[:32000]
    station.send(text)
    car.connection.bio_write(station.take())
    heard = b""
    while len(heard) < len(text):
        heard += car.connection.recv(65536)
    assert heard == text
    assert not station.peer_closed
    car.connection.shutdown()
    assert station.receive(car.out()) == b""
    assert station.peer_closed
    station.close()
    car.connection.bio_write(station.take())
    with pytest.raises(SSL.ZeroReturnError):
        car.connection.recv(1)


def test_a_car_of_iso_15118_20_without_a_certificate_is_served_but_not_known(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso20"]], lowest=TLS13), channel("iso20")
    shake_hands(car, station)
    assert station.secured.vehicle is None


def test_conformance_wants_a_vehicle_certificate(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso20"]], lowest=TLS13), channel("iso20", conformance=True)
    # OpenSSL cars offer P-521 among their groups: the hello is served, then the certificate is missing
    with pytest.raises(TlsFailed, match="peer did not return a certificate"):
        shake_hands(car, station)


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def bad_vehicle(pki: TestPki, others: TestPki, which: str) -> Leaf:
    """A vehicle certificate with one thing wrong."""
    leaf = pki.oem.sub2.leaf
    if which == "expired":
        return leaf("vehicle", "CAR", "OEM", not_before=later(-10), days=9)
    if which == "not yet valid":
        return leaf("vehicle", "CAR", "OEM", not_before=later(1), days=9)
    if which == "wrong purpose":
        return leaf("vehicle", "CAR", "OEM", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    if which == "foreign root":
        return others.mo.sub2.leaf("vehicle", "CAR", "OEM")
    if which == "contract of an MO root":
        return pki.contract
    if which == "contract below the V2G root":
        return pki.v2g.sub2.leaf("contract", "DEPLTC0000012X", "MO")
    without_sub_ca = leaf("vehicle", "CAR", "OEM")
    return Leaf(type(without_sub_ca.chain)(without_sub_ca.certificate, ()), without_sub_ca.key)


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("expired", "vehicle certificate 'CAR': has expired"),
        ("not yet valid", "vehicle certificate 'CAR': is not valid yet"),
        ("wrong purpose", "vehicle certificate 'CAR': may not be used by a TLS client"),
        ("foreign root", "issuer is not installed here|root that is not installed here"),
        ("contract of an MO root", "issuer is not installed here|root that is not installed here"),
        ("contract below the V2G root", "is a contract certificate"),
        ("chain without sub CAs", "vehicle certificate 'CAR': its issuer is not installed here"),
    ],
)
def test_a_bad_vehicle_certificate_is_refused_and_said(channel: Any, pkis: Any, which: str, reason: str) -> None:
    pki = pkis["iso20"]
    car, station = Car([pki], lowest=TLS13, shows=bad_vehicle(pki, pkis["iso2"], which)), channel("iso20")
    with pytest.raises(TlsFailed, match=reason):
        shake_hands(car, station)
    assert station.take()  # the car is told too: an alert, or close_notify
    assert station.secured is None


@pytest.mark.parametrize(
    ("purpose", "strictly"),
    [
        (ExtendedKeyUsageOID.CLIENT_AUTH, ""),
        (None, "has no extended key usage"),  # as in a provisioning certificate, which cars of the field show
    ],
)
def test_conformance_wants_the_purpose_of_a_tls_client(
    channel: Any, pkis: Any, purpose: x509.ObjectIdentifier | None, strictly: str
) -> None:
    pki = pkis["iso20"]
    shown = pki.oem.sub2.leaf("vehicle" if purpose is not None else "oem", "CAR", "OEM", purpose=purpose)
    lenient = channel("iso20")
    shake_hands(Car([pki], lowest=TLS13, shows=shown), lenient)
    assert lenient.secured.mutual
    station = channel("iso20", conformance=True)
    if not strictly:
        shake_hands(Car([pki], lowest=TLS13, shows=shown), station)
        assert station.secured.mutual
        return
    with pytest.raises(TlsFailed, match=f"vehicle certificate 'CAR': {strictly}"):
        shake_hands(Car([pki], lowest=TLS13, shows=shown), station)
    assert station.secured is None


def test_conformance_accepts_no_other_purpose(pkis: Any) -> None:
    """OpenSSL refuses these before we are asked; where it may make no callbacks, or once it is more lenient, we do."""
    leaf = pkis["iso20"].oem.sub2.leaf
    for purpose in (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.SERVER_AUTH):
        shown = leaf("vehicle", "CAR", "OEM", purpose=purpose).certificate
        assert not_a_vehicle(shown, "OEM", conformance=True) == "is not for TLS clients"
        assert not_a_vehicle(shown, "OEM", conformance=False) == ""


def test_vehicle_certificates_are_judged_by_the_stations_own_time(channel: Any, pkis: Any) -> None:
    """The back office corrects a clock that the system does not: what counts is what the station thinks."""
    pki = pkis["iso20"]
    shown = pki.oem.sub2.leaf("vehicle", "CAR", "OEM", not_before=later(100), days=9)
    car, station = Car([pki], lowest=TLS13, shows=shown), channel("iso20", at=later(105).timestamp())
    shake_hands(car, station)
    assert station.secured.vehicle.evccid == "CAR"


def test_a_car_that_does_not_trust_us_says_so(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso20"]], highest=TLS12), channel("iso2")
    with pytest.raises(SSL.Error):
        shake_hands(car, station)
    with pytest.raises(TlsFailed, match="the car refused: unknown ca: it does not know the root of our chain"):
        station.receive(car.out())


def hand_made_hello(*extensions: tuple[int, bytes]) -> bytes:
    """A ClientHello of an ISO 15118-2 car, written byte by byte, in one record."""

    def vector(octets: int, data: bytes) -> bytes:
        return len(data).to_bytes(octets, "big") + data

    usual = ((10, vector(2, b"\x00\x17")), (11, b"\x01\x00"), (13, vector(2, b"\x04\x03")))
    inside = b"".join(kind.to_bytes(2, "big") + vector(2, data) for kind, data in (*usual, *extensions))
    hello = b"\x03\x03" + bytes(32) + b"\x00" + vector(2, b"\xc0\x23") + b"\x01\x00" + vector(2, inside)
    return b"\x16\x03\x01" + vector(2, b"\x01" + vector(3, hello))


def test_a_hand_made_hello_gets_the_chain_of_the_root_it_names(channel: Any, folder: Path, pkis: Any) -> None:
    second = build("iso2")
    (folder / "roots/v2g/second.pem").write_bytes(second.v2g.root.certificate.public_bytes(Encoding.PEM))
    (folder / "secc/second.pem").write_bytes(second.secc.pem())
    write_private(folder / "secc/second.key", key_pem(second.secc.key))
    for pki, other in ((pkis["iso2"], second), (second, pkis["iso2"])):
        named = b"\x00\x15\x01" + sha1_of_key(pki.v2g.root.certificate)  # trusted_ca_keys, key_sha1_hash
        station = channel()
        station.receive(hand_made_hello((3, named), (5, b"\x01\x00\x00\x00\x00")))
        said = station.take()  # TLS 1.2 shows certificates in clear
        for certificate in pki.secc.chain.certificates:
            assert certificate.public_bytes(Encoding.DER) in said
        assert other.secc.certificate.public_bytes(Encoding.DER) not in said
        assert station.choice.root_known


def test_a_weaker_suite_is_refused_with_an_alert(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso2"]], highest=TLS12, ciphers=b"ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"), channel()
    with pytest.raises(TlsFailed, match="no cipher suite of ISO 15118, but 0xc00a"):
        shake_hands(car, station)
    assert station.take() == bytes.fromhex("15030300020228")
    assert station.offered.startswith("TLS 1.2: 0xc00a")


def test_tls_1_1_is_refused_with_an_alert(channel: Any, pkis: Any) -> None:
    car = Car([pkis["iso2"]], lowest=SSL.TLS1_1_VERSION, highest=SSL.TLS1_1_VERSION, ciphers=b"ALL:@SECLEVEL=0")
    station = channel()
    with pytest.raises(TlsFailed, match=r"the car offers TLS 1\.1 only"):
        shake_hands(car, station)
    assert station.take() == bytes.fromhex("15030300020246")


def test_a_car_that_talks_for_ever_is_cut_off(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso2"]], highest=TLS12), channel()
    station.receive(car.step())
    with pytest.raises(TlsFailed):
        for _ in range(100):
            station.receive(b"\x16\x03\x03\x40\x00" + b"\x0b\x00\xff\xff" + bytes(16380))


def test_renegotiation_is_not_done(channel: Any, pkis: Any) -> None:
    car, station = Car([pkis["iso2"]], highest=TLS12), channel()
    shake_hands(car, station)
    car.connection.renegotiate()
    asked = car.step()
    assert asked
    assert station.receive(asked) == b""
    refusal = station.take()
    assert len(refusal) > 0
    car.connection.bio_write(refusal)
    with pytest.raises(SSL.Error, match="no renegotiation"):
        car.connection.do_handshake()
