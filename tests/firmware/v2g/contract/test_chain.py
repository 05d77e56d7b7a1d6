"""Contract chains: orders and roots, path lengths and usages, sizes and dates; whatever else is sent is refused."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from firmware.v2g.contract.chain import ContractRefused, examine
from firmware.v2g.contract.emaid import compact, same_emaid
from firmware.v2g.messages import iso2
from firmware.v2g.pki.authority import Authority, subject
from firmware.v2g.pki.certificates import Curve, der

EMAID = "DEPLTC0000012X"


def sent(*certificates: x509.Certificate) -> iso2.CertificateChain:
    first, *rest = (der(each) for each in certificates)
    return iso2.CertificateChain(certificate=first, sub_certificates=tuple(rest) or None)


def refusal(chain: iso2.CertificateChain, roots: Any, now: datetime, emaid: str = EMAID) -> tuple[str, str]:
    with pytest.raises(ContractRefused) as refused:
        examine(emaid, chain, roots, now)
    return str(refused.value.code), str(refused.value)


def test_any_order_and_with_the_root(pki: Any, noon: datetime) -> None:
    root = pki.mo.root.certificate
    leaf, sub2, sub1 = pki.contract.chain.certificates
    for order in ([leaf, sub2, sub1], [leaf, sub1, sub2], [leaf, root, sub1, sub2]):
        contract = examine(EMAID, sent(*order), [root], noon)
        assert contract.valid
        assert contract.chain.certificates == (leaf, sub2, sub1)


def test_the_right_one_of_many_roots(pki: Any, noon: datetime) -> None:
    others = [Authority.root(f"MO {n}", "MO", Curve.P256, now=noon).certificate for n in range(5)]
    roots = [*others, pki.mo.root.certificate]
    assert examine(EMAID, sent(*pki.contract.chain.certificates), roots, noon).root == roots[-1]
    assert examine(EMAID, sent(*pki.contract.chain.certificates), others, noon).root is None


def test_a_missing_sub_ca_leaves_the_chain_without_root(pki: Any, noon: datetime) -> None:
    contract = examine(EMAID, sent(pki.contract.certificate), [pki.mo.root.certificate], noon)
    assert contract.root is None


def test_what_is_asked_of_ocsp(pki: Any, noon: datetime) -> None:
    contract = examine(EMAID, sent(*pki.contract.chain.certificates), [pki.mo.root.certificate], noon)
    asked = contract.ocsp_requests()
    assert [each.serial_number for each in asked] == [
        f"{each.serial_number:x}" for each in pki.contract.chain.certificates
    ]
    issuer = pki.mo.sub2.certificate
    name_hash = hashes.Hash(hashes.SHA256())
    name_hash.update(issuer.subject.public_bytes())
    assert asked[0].issuer_name_hash == name_hash.finalize().hex()


def test_expiry_of_every_certificate_counts(pki: Any, noon: datetime) -> None:
    for certificate, authority in ((pki.mo.sub2.certificate, "sub CA 2"), (pki.mo.sub1.certificate, "sub CA 1")):
        after = certificate.not_valid_after_utc + timedelta(days=1)
        leaf = pki.mo.sub2.leaf("contract", EMAID, "MO", days=3650)
        code, why = refusal(sent(*leaf.chain.certificates), [pki.mo.root.certificate], after)
        assert code == "FAILED_CertificateExpired"
        assert "sub CA" in why, authority


def test_an_expired_root(noon: datetime) -> None:
    root = Authority.root("old MO", "MO", Curve.P256, now=noon - timedelta(days=400), days=300)
    leaf = root.sub("s1", "MO", 1).sub("s2", "MO", 0).leaf("contract", EMAID, "MO", days=900)
    assert refusal(sent(*leaf.chain.certificates), [root.certificate], noon)[0] == "FAILED_CertificateExpired"


def test_a_clock_that_is_not_trusted_judges_no_dates(pki: Any, noon: datetime) -> None:
    chain = sent(*pki.contract.chain.certificates)
    contract = examine(EMAID, chain, [pki.mo.root.certificate], noon + timedelta(days=4000), clock_trusted=False)
    assert not contract.judged
    assert not contract.valid
    assert not contract.expires_soon


def test_a_sub_ca_below_one_that_allows_none(pki: Any, noon: datetime) -> None:
    below = pki.mo.sub2.sub("too deep", "MO", 0)
    leaf = below.leaf("contract", EMAID, "MO")
    assert (
        refusal(sent(leaf.certificate, *below.path[:2]), [pki.mo.root.certificate], noon)[0] == "FAILED_CertChainError"
    )


def test_a_root_that_allows_fewer_cas(pki: Any, noon: datetime) -> None:
    narrow = Authority.root("narrow", "MO", Curve.P256, now=noon - timedelta(days=1)).sub("root-like", "MO", 0)
    leaf = narrow.sub("s1", "MO", 0).leaf("contract", EMAID, "MO")
    code, why = refusal(sent(leaf.certificate, *leaf.chain.sub_cas[:1]), [narrow.certificate], noon)
    assert code == "FAILED_CertChainError"
    assert "allows 0 CAs" in why


def test_a_leaf_that_may_not_sign(pki: Any, noon: datetime) -> None:
    certificate = custom(pki, noon, x509.KeyUsage(*[bit == 4 for bit in range(9)]))
    code, why = refusal(sent(certificate, *pki.mo.sub2.path), [pki.mo.root.certificate], noon)
    assert (code, "key usage" in why) == ("FAILED_CertChainError", True)


def test_a_critical_extension_that_nobody_knows(pki: Any, noon: datetime) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    certificate = custom(pki, noon, unknown)
    assert "critical" in refusal(sent(certificate, *pki.mo.sub2.path), [pki.mo.root.certificate], noon)[1]


def custom(pki: Any, noon: datetime, extension: Any, key: Any = None) -> x509.Certificate:
    """A contract certificate of the MO with one extension of its own."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(EMAID, "MO"))
        .issuer_name(pki.mo.sub2.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(noon - timedelta(days=1))
        .not_valid_after(noon + timedelta(days=100))
        .add_extension(extension, critical=True)
    )
    signer: Any = pki.mo.sub2.key
    return builder.sign(signer, hashes.SHA256())


def test_a_leaf_with_another_kind_of_key(pki: Any, noon: datetime) -> None:
    usage = x509.KeyUsage(*[bit == 0 for bit in range(9)])
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        certificate = custom(pki, noon, usage, key)
        assert len(der(certificate)) <= 800
        code, why = refusal(sent(certificate, *pki.mo.sub2.path), [pki.mo.root.certificate], noon)
        assert (code, "no P-256 key" in why) == ("FAILED_CertChainError", True)


def test_a_forged_leaf_has_no_root(pki: Any, noon: datetime) -> None:
    """The names are right, the signature is another's."""
    forger = Authority(pki.mo.sub2.certificate, pki.oem.sub2.key, pki.mo.sub2.path)
    leaf = forger.leaf("contract", EMAID, "MO")
    assert refusal(sent(*leaf.chain.certificates), [pki.mo.root.certificate], noon)[0] == "FAILED_CertChainError"


def test_two_leaves_or_none(pki: Any, noon: datetime) -> None:
    roots = [pki.mo.root.certificate]
    assert (
        refusal(sent(pki.contract.certificate, pki.provisioning.certificate), roots, noon)[0] == "FAILED_CertChainError"
    )
    assert refusal(sent(*pki.mo.sub2.path), roots, noon)[0] == "FAILED_CertChainError"


def test_more_than_a_chain_is_not_even_read(pki: Any, noon: datetime) -> None:
    one = der(pki.contract.certificate)
    many = iso2.CertificateChain(certificate=one, sub_certificates=(one,) * 4)
    assert "5 certificates" in refusal(many, [], noon)[1]
    large = iso2.CertificateChain(certificate=b"\x30" * 801)
    assert "801 bytes" in refusal(large, [], noon)[1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("DE-PLT-C0000012-X", "DEPLTC0000012X", True),
        ("depltc0000012x", "DEPLTC0000012X", True),
        ("DEPLTC0000012XK", "DEPLTC0000012X", True),
        ("DEPLTC0000012XK", "DEPLTC0000012XL", False),
        ("DEPLTC0000012X", "DEPLTC0000013X", False),
        ("", "", False),
        ("-", "--", False),
    ],
)
def test_emaids_are_compared_without_hyphens_case_and_a_missing_check_digit(one: str, other: str, same: bool) -> None:
    assert same_emaid(one, other) is same
    assert same_emaid(other, one) is same


def test_an_emaid_as_the_back_office_wants_it() -> None:
    assert compact("de-plt-C0000012 X") == "DEPLTC0000012X"


# --- anything at all ------------------------------------------------------------------------------------------------


def test_damaged_certificates_are_refused_by_name(pki: Any, noon: datetime) -> None:
    """Bytes changed, cut and joined: a contract or a ContractRefused, never anything else, and never without a root's
    signature a valid one."""
    rng = random.Random(15118)
    good = [der(each) for each in pki.contract.chain.certificates]
    roots = [pki.mo.root.certificate]
    for _ in range(1500):
        parts = [damage(rng, each) if rng.random() < 0.5 else each for each in good]
        rng.shuffle(parts)
        chain = iso2.CertificateChain(
            certificate=parts[0], sub_certificates=tuple(parts[1 : rng.randint(1, 3)]) or None
        )
        try:
            contract = examine(EMAID, chain, roots, noon)
        except ContractRefused as refused:
            assert str(refused.code).startswith("FAILED_")
            continue
        if contract.valid:
            assert [der(each) for each in contract.chain.certificates] == good


def damage(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed) if rng.random() < 0.7 else bytes(changed[: rng.randrange(len(changed))])


def test_names_that_are_no_text(pki: Any, noon: datetime, to_chain: Callable[..., Any]) -> None:
    chain = to_chain(pki.contract.chain)
    for emaid in ("", "\x00" * 15, "é" * 15, "A" * 60_000):
        assert refusal(chain, [], noon, emaid)[0] == "FAILED_CertificateNotAllowedAtThisEVSE"
