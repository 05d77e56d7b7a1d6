"""Which chain and which TLS answer which hello: pure, on hellos made by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firmware.v2g.pki.certificates import Curve, sha1_of_certificate, sha1_of_key
from firmware.v2g.pki.make_test import TestPki, build
from firmware.v2g.pki.store import SeccChain
from firmware.v2g.tls.choice import Alert, Choice, Profile, Refused, choose, suites_text, versions_text
from firmware.v2g.tls.client_hello import ClientHello, TrustedCa

ISO2_CAR = ClientHello(legacy_version=0x0303, suites=(0xC023,), versions=(0x0303,), groups=(23,), signatures=(0x0403,))
ISO20_CAR = ClientHello(
    legacy_version=0x0303, suites=(0x1302, 0x1303), versions=(0x0304,), groups=(25, 30), signatures=(0x0603, 0x0808)
)
BOTH = replace(ISO20_CAR, suites=(0x1302, 0x1303, 0xC023), versions=(0x0304, 0x0303), groups=(25, 30, 23))
NOW = datetime.now(UTC)


def chain(name: str, pki: TestPki, curve: Curve) -> SeccChain:
    return SeccChain(name, pki.secc.chain, pki.secc.key, curve, pki.v2g.root.certificate)


FIRST, SECOND = chain("a", build("iso2"), Curve.P256), chain("b", build("iso2"), Curve.P256)
P521, ED448 = chain("p521", build("iso20"), Curve.P521), chain("ed448", build("iso20-ed448"), Curve.ED448)
ALL = (FIRST, SECOND, ED448, P521)


def chosen(hello: ClientHello, chains: tuple[SeccChain, ...] = ALL, *, conformance: bool = False) -> Choice:
    return choose(hello, chains, NOW, conformance=conformance)


def test_an_iso_15118_2_car_gets_tls_1_2_and_a_p256_chain() -> None:
    assert chosen(ISO2_CAR) == Choice(Profile.ISO2, FIRST, root_known=False)


def test_an_iso_15118_20_car_gets_tls_1_3_and_the_signature_it_likes_best() -> None:
    assert chosen(ISO20_CAR).chain is P521
    assert chosen(replace(ISO20_CAR, signatures=(0x0808, 0x0603))).chain is ED448
    assert chosen(BOTH).profile is Profile.ISO20


def test_trusted_ca_keys_choose_among_v2g_roots_in_every_way_there_is() -> None:
    root = SECOND.root
    assert root is not None
    ways: list[tuple[TrustedCa, bytes]] = [
        (TrustedCa.KEY_SHA1_HASH, sha1_of_key(root)),
        (TrustedCa.CERT_SHA1_HASH, sha1_of_certificate(root)),
        (TrustedCa.X509_NAME, root.subject.public_bytes()),
    ]
    for key in ways:
        named = replace(ISO2_CAR, trusted_ca_keys=((TrustedCa.KEY_SHA1_HASH, b"x" * 20), key))
        # both test roots have the same name: a name alone cannot tell them apart
        expected = FIRST if key[0] is TrustedCa.X509_NAME else SECOND
        assert chosen(named) == Choice(Profile.ISO2, expected, root_known=True)


def test_certificate_authorities_choose_among_v2g_roots() -> None:
    assert ED448.root is not None
    named = replace(ISO20_CAR, certificate_authorities=(b"other", ED448.root.subject.public_bytes()))
    assert chosen(named) == Choice(Profile.ISO20, ED448, root_known=True)


def test_a_car_that_names_only_foreign_roots_gets_some_chain() -> None:
    foreign = replace(ISO2_CAR, trusted_ca_keys=((TrustedCa.KEY_SHA1_HASH, b"x" * 20),))  # [V2G2-871]: any
    assert chosen(foreign) == Choice(Profile.ISO2, FIRST, root_known=False)


def test_a_trusted_root_weighs_more_than_tls_1_3() -> None:
    assert SECOND.root is not None
    named = replace(BOTH, trusted_ca_keys=((TrustedCa.CERT_SHA1_HASH, sha1_of_certificate(SECOND.root)),))
    assert chosen(named) == Choice(Profile.ISO2, SECOND, root_known=True)


def test_a_car_of_a_p256_pki_gets_tls_1_3_unless_conformance_is_asked() -> None:
    car = replace(BOTH, groups=(23,), signatures=(0x0403, 0x0603))
    assert chosen(car).profile is Profile.ISO20
    assert chosen(car).chain.curve is Curve.P256
    assert chosen(car, conformance=True).profile is Profile.ISO2


def test_an_expired_chain_is_used_only_when_there_is_no_other() -> None:
    then = NOW + timedelta(days=90)  # leaves live 60 days
    fresh = build("iso2", then)
    second = SeccChain("z", fresh.secc.chain, fresh.secc.key, Curve.P256, fresh.v2g.root.certificate)
    assert choose(ISO2_CAR, (FIRST, second), then, conformance=False).chain is second
    assert choose(ISO2_CAR, (FIRST,), then, conformance=False).chain is FIRST


@pytest.mark.ocpp("2.0.1:A02.FR.15", "2.0.1:A03.FR.15")
def test_of_chains_below_one_root_the_newest_is_shown() -> None:
    pki = build("iso2", NOW - timedelta(days=20))

    def made(name: str, days_ago: int) -> SeccChain:
        leaf = pki.v2g.sub2.leaf("secc", "DEPLTE000001", "CPO", not_before=NOW - timedelta(days=days_ago))
        return SeccChain(name, leaf.chain, leaf.key, Curve.P256, pki.v2g.root.certificate)

    older, newest, oldest = made("a", 9), made("b", 2), made("c", 15)
    assert choose(ISO2_CAR, (older, newest, oldest), NOW, conformance=False).chain is newest
    assert choose(ISO2_CAR, (newest, oldest, older), NOW, conformance=False).chain is newest


@pytest.mark.parametrize(
    ("hello", "chains", "reason", "alert"),
    [
        (ISO2_CAR, (), "no usable certificate chain", Alert.INTERNAL_ERROR),
        (replace(ISO2_CAR, versions=(0x0302,)), ALL, "offers TLS 1.1 only", Alert.PROTOCOL_VERSION),
        (replace(ISO2_CAR, suites=(0xC025,)), ALL, "static ECDH only", Alert.HANDSHAKE_FAILURE),
        (replace(ISO2_CAR, suites=(0x002F, 0x00FF)), ALL, "no cipher suite of ISO 15118, but 0x002f$", None),
        (replace(ISO20_CAR, suites=(0x1301,)), ALL, "no cipher suite of ISO 15118, but AES-128-GCM-SHA256", None),
        (ISO2_CAR, (P521, ED448), "nothing installed here .Ed448, P-521. fits", None),
        (replace(ISO20_CAR, signatures=(0x0804,)), ALL, "signatures 0x0804", None),
        (replace(ISO2_CAR, groups=(29,)), ALL, "groups 0x001d", None),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_reason(
    hello: ClientHello, chains: tuple[SeccChain, ...], reason: str, alert: Alert | None
) -> None:
    with pytest.raises(Refused, match=reason) as refusal:
        chosen(hello, chains)
    assert alert is None or refusal.value.alert is alert


def test_conformance_asks_for_a_group_of_the_standard() -> None:
    with pytest.raises(Refused):
        chosen(replace(ISO20_CAR, groups=(29, 23)), conformance=True)


def test_made_up_numbers_are_not_shown() -> None:
    greasy = replace(BOTH, versions=(0x3A3A, 0x0304), suites=(0x1A1A, *range(0x1301, 0x1310)))
    assert versions_text(greasy) == "TLS 1.3"
    assert suites_text(greasy).startswith("AES-128-GCM-SHA256, AES-256-GCM-SHA384")
    assert suites_text(greasy).endswith("and 7 more")
