"""Certificates as OCPP means them: read, judged by A00.FR.501 to FR.512, named by hashes. What is on disk is `store`'s.

Nothing here touches a file; all of it may take milliseconds of big-number arithmetic: not for the event loop.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from firmware.station.certificates import HashData

MIN_RSA_BITS: Final = 2048  # A00.FR.502
MIN_CURVE_BITS: Final = 224  # A00.FR.503
WEAK_HASHES: Final = {"md5", "sha1"}  # A00.FR.504, FR.506
MAX_CHAIN: Final = 6
ALGORITHMS: Final = {"SHA256": hashlib.sha256, "SHA384": hashlib.sha384, "SHA512": hashlib.sha512}
KEYS: Final = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
#: what `cryptography` raises for a certificate that is none; parts are parsed only when they are looked at
UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class CertificateError(Exception):
    """A certificate or chain that cannot be used; the text says why, for people."""


def read(pem: str | bytes) -> list[x509.Certificate]:
    """Every certificate of a PEM text. Raises CertificateError."""
    data = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    try:
        found = x509.load_pem_x509_certificates(data)
        for each in found:
            _ = each.extensions, each.subject, each.issuer, each.public_key(), each.signature_hash_algorithm
    except UNREADABLE as error:
        raise CertificateError(f"is no certificate in PEM form ({error})"[:200]) from error
    if len(found) > MAX_CHAIN:
        raise CertificateError(f"has {len(found)} certificates; {MAX_CHAIN} are enough")
    return found


def name_of(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:120]


def attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Does the name match and the signature hold?"""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject and issued(certificate, certificate)


def check_strength(certificate: x509.Certificate) -> None:
    """Keys and signatures that are good enough (A00.FR.501 to FR.506). Raises CertificateError."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise CertificateError(f"{name_of(certificate)} has a key of {key.key_size} bits; {MIN_RSA_BITS} are needed")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < MIN_CURVE_BITS:
        raise CertificateError(
            f"{name_of(certificate)} has a key of {key.curve.key_size} bits; {MIN_CURVE_BITS} are needed"
        )
    if not isinstance(key, KEYS):
        raise CertificateError(f"{name_of(certificate)} has a key of an unknown kind")
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name.lower() in WEAK_HASHES:
        raise CertificateError(f"{name_of(certificate)} is signed with {algorithm.name}")


def check_time(certificate: x509.Certificate, now: datetime) -> None:
    """Is it valid now? Raises CertificateError."""
    if now > certificate.not_valid_after_utc:
        raise CertificateError(
            f"{name_of(certificate)} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        )
    if now < certificate.not_valid_before_utc:
        begins = certificate.not_valid_before_utc
        raise CertificateError(f"{name_of(certificate)} is valid from {begins:%Y-%m-%d %H:%M} UTC on")


def check_root(certificate: x509.Certificate, now: datetime) -> None:
    """May it be trusted as a root? A successor that its predecessor signed is one too. Raises CertificateError."""
    check_time(certificate, now)
    check_strength(certificate)
    if not is_ca(certificate):
        raise CertificateError(f"{name_of(certificate)} is no CA")
    if certificate.issuer == certificate.subject and not issued(certificate, certificate):
        raise CertificateError(f"the signature of {name_of(certificate)} does not hold")


@dataclass(frozen=True)
class Chain:
    """A leaf and the CAs above it, the root not among them."""

    leaf: x509.Certificate
    sub_cas: tuple[x509.Certificate, ...]
    root: x509.Certificate | None  # None: it is none of those we know

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        return (self.leaf, *self.sub_cas)


def chain_of(certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> Chain:
    """Put certificates in order, from the one end-entity certificate upwards; a root among them is left out, for only
    those we know count. Raises CertificateError."""
    leaves = [each for each in certificates if not is_ca(each)]
    if len(leaves) != 1:
        raise CertificateError(f"has {len(leaves)} end-entity certificates where a chain has one")
    waiting = [each for each in certificates if is_ca(each) and not self_signed(each) and each not in roots]
    top, above = leaves[0], []
    while waiting:
        issuer = next((each for each in waiting if issued(each, top)), None)
        if issuer is None:
            raise CertificateError(f"{name_of(waiting[0])} did not issue {name_of(top)}")
        waiting.remove(issuer)
        above.append(issuer)
        top = issuer
    return Chain(leaves[0], tuple(above), next((root for root in roots if issued(root, top)), None))


def check_station(chain: Chain, now: datetime, *, serial: str, organisation: str) -> None:
    """Is this a certificate of ours for the back office (A02.FR.06, A00.FR.501 to FR.511)? Raises CertificateError."""
    for each in chain.certificates:
        check_time(each, now)  # also the leaf: none for later on (errata 2025-09 to A02.FR.06)
        check_strength(each)
    if chain.root is None:
        raise CertificateError(f"{name_of(chain.leaf)} was issued below no CSMS root of ours")
    found = attribute(chain.leaf, NameOID.COMMON_NAME)
    if serial and found != serial:
        raise CertificateError(f"the common name is {found[:60]!r}, our serial number is {serial!r}")
    if "://" in found or _is_address(found):
        raise CertificateError(f"the common name {found[:60]!r} looks like a server's")  # A00.FR.511
    owner = attribute(chain.leaf, NameOID.ORGANIZATION_NAME)
    if not owner or (organisation and owner != organisation):
        raise CertificateError(f"the organisation is {owner[:60]!r}, ours is {organisation!r}")  # A00.FR.509


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256") -> HashData:
    """The certificate's name in OCPP: hashes of the issuer's DER name and of its key's bits, without tag and length
    (part 2, CertificateHashDataType). Raises KeyError for an unknown algorithm, CertificateError for an unknown key."""
    digest = ALGORITHMS[algorithm]
    return HashData(
        algorithm,
        digest(certificate.issuer.public_bytes()).hexdigest(),
        digest(_key_bits(issuer)).hexdigest(),
        f"{certificate.serial_number:x}",
    )


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The subjectPublicKey BIT STRING's content (RFC 6960, 4.1.1)."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    raise CertificateError(f"{name_of(certificate)} has a key of an unknown kind")
