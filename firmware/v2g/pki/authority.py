"""A certificate authority in memory, for the test PKI: issues what a V2G, OEM, MO or CPS authority would.

No product key is made here: those are made by `requests.py`, in the station.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.v2g.pki.certificates import Chain, Curve

Key = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey

#: leaf kinds -> bits of the (critical) key usage, ISO 15118-2 annex F
LEAF_USAGE = {
    "secc": ("digital_signature", "key_agreement"),
    "contract": ("digital_signature", "content_commitment", "key_encipherment", "key_agreement"),
    "oem": ("digital_signature", "key_agreement"),
    "vehicle": ("digital_signature", "key_agreement"),
    "cps": ("digital_signature",),
}
#: -20 asks for an extended key usage in these two; -2 cars ignore it
LEAF_PURPOSE = {"secc": ExtendedKeyUsageOID.SERVER_AUTH, "vehicle": ExtendedKeyUsageOID.CLIENT_AUTH}
_BITS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def new_key(curve: Curve) -> Key:
    """A fresh key of the operating system's randomness."""
    if curve is Curve.ED448:
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if curve is Curve.P256 else ec.SECP521R1())


def signature_hash(key: Key) -> hashes.SHA256 | hashes.SHA512 | None:
    """The hash that goes with the key; Ed448 brings its own."""
    if isinstance(key, ed448.Ed448PrivateKey):
        return None
    return hashes.SHA256() if key.key_size == 256 else hashes.SHA512()


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def subject(common_name: str, domain: str, organization: str = "Pilotline test", country: str = "") -> x509.Name:
    """A subject as ISO 15118 writes it: CN, O, C and the domain component of the PKI part. Raises ValueError."""
    name = [
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain),
    ]
    if country:
        name.append(x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    return x509.Name(name)


@dataclass(frozen=True)
class Leaf:
    """An end-entity certificate with its key and the sub CAs above it."""

    chain: Chain
    key: Key

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain.leaf

    def pem(self) -> bytes:
        return b"".join(each.public_bytes(Encoding.PEM) for each in self.chain.certificates)


@dataclass(frozen=True)
class Authority:
    """One CA: its certificate, its key, and the sub CAs from it up to the root (none for a root)."""

    certificate: x509.Certificate
    key: Key
    path: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(
        cls, name: str, domain: str, curve: Curve, *, now: datetime | None = None, days: int = 14_600
    ) -> "Authority":
        """A new root; 40 years unless told otherwise."""
        key = new_key(curve)
        named = subject(name, domain)
        start = now or datetime.now(UTC)
        return cls(_signed(named, key, (named, key), _ca(None), (start - timedelta(hours=1), days)), key)

    def sub(self, name: str, domain: str, path_length: int, *, days: int = 1461) -> "Authority":
        """A CA below this one with a key of the same kind."""
        key = _same_kind(self.key)
        start = self.certificate.not_valid_before_utc
        certificate = _signed(
            subject(name, domain), key, (self.certificate.subject, self.key), _ca(path_length), (start, days)
        )
        return Authority(certificate, key, (certificate, *self.path))

    def leaf(
        self,
        kind: str,
        name: str,
        domain: str,
        *,
        not_before: datetime | None = None,
        days: float = 60,
        purpose: x509.ObjectIdentifier | None = None,
        key: Key | None = None,
    ) -> Leaf:
        """An end entity of LEAF_USAGE. `purpose` overrides the extended key usage that its kind has."""
        key = key or _same_kind(self.key)
        usage = x509.KeyUsage(**{bit: bit in LEAF_USAGE[kind] for bit in _BITS})
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (usage, True),
        ]
        if wanted := purpose or LEAF_PURPOSE.get(kind):
            extensions.append((x509.ExtendedKeyUsage([wanted]), False))
        start = not_before or self.certificate.not_valid_before_utc
        certificate = _signed(
            subject(name, domain), key, (self.certificate.subject, self.key), extensions, (start, days)
        )
        return Leaf(Chain(certificate, self.path), key)

    def ocsp_good(self, leaf: x509.Certificate, *, now: datetime | None = None, days: float = 7) -> bytes:
        """An OCSP response (DER) that says good for a certificate of ours."""
        at = now or datetime.now(UTC)
        digest = hashes.SHA256()
        builder = ocsp.OCSPResponseBuilder().add_response(
            leaf, self.certificate, digest, ocsp.OCSPCertStatus.GOOD, at, at + timedelta(days=days), None, None
        )
        by_key = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
        return by_key.sign(self.key, signature_hash(self.key)).public_bytes(Encoding.DER)


def _same_kind(key: Key) -> Key:
    return (
        ed448.Ed448PrivateKey.generate()
        if isinstance(key, ed448.Ed448PrivateKey)
        else ec.generate_private_key(key.curve)
    )


def _ca(path_length: int | None) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(**{bit: bit in {"key_cert_sign", "crl_sign"} for bit in _BITS})
    return [(x509.BasicConstraints(ca=True, path_length=path_length), True), (usage, True)]


def _signed(
    name: x509.Name,
    key: Key,
    by: tuple[x509.Name, Key],
    extensions: list[tuple[x509.ExtensionType, bool]],
    life: tuple[datetime, float],
) -> x509.Certificate:
    """A certificate `by` issuer and its key; `life`: from when, for how many days."""
    (issuer, issuer_key), (start, days) = by, life
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, signature_hash(issuer_key))
