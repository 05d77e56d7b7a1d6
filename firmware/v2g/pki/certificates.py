"""Certificates as ISO 15118 means them: whose key, which place in a chain, in which order a chain goes.

Sources: ISO 15118-2 clause 7.9 and annex F, ISO 15118-20 clause 7.9 and annex B. What is on disk is `store`'s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

MAX_FILE: Final = 262_144  # bytes of one PEM file; a chain has some 6,000
MAX_SUB_CAS: Final = 3  # -20; -2 has two


#: what `cryptography` raises for a certificate of somebody else's making that is none; parts of it are parsed only when
#: they are looked at, so any look may raise
UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class Curve(StrEnum):
    """Keys that ISO 15118 knows. P-256 belongs to -2, the others to -20."""

    P256 = "P-256"
    P521 = "P-521"
    ED448 = "Ed448"


class PkiError(Exception):
    """A file, chain or key that cannot be used; the text says which and why, for people."""


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Every certificate of a PEM file, or the one of a DER file. Raises PkiError."""
    try:
        data = path.read_bytes()[: MAX_FILE + 1]
    except OSError as error:
        raise PkiError(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise PkiError(f"is larger than {MAX_FILE} bytes")
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise PkiError("is no certificate in PEM or DER form") from error


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _attribute(name: x509.Name, kind: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(kind)
    return str(found[0].value) if found else ""


def common_name(certificate: x509.Certificate) -> str:
    return _attribute(certificate.subject, NameOID.COMMON_NAME)


def domain(certificate: x509.Certificate) -> str:
    """The domain component that says which part of the PKI this is: V2G, CPO, MO, OEM, CPS; "" when there is none."""
    return _attribute(certificate.subject, NameOID.DOMAIN_COMPONENT)


def curve(certificate: x509.Certificate) -> Curve | None:
    """The kind of its key; None for a key that ISO 15118 does not know."""
    return key_curve(certificate.public_key())


def key_curve(key: object) -> Curve | None:
    if isinstance(key, ed448.Ed448PublicKey):
        return Curve.ED448
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": Curve.P256, "secp521r1": Curve.P521}.get(key.curve.name)
    return None


def key_text(certificate: x509.Certificate) -> str:
    """The kind of its key, for people."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    known = key_curve(key)
    return str(known) if known else getattr(getattr(key, "curve", key), "name", type(key).__name__)


def constraints(certificate: x509.Certificate) -> x509.BasicConstraints:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):  # ValueError: an extension that does not parse
        return x509.BasicConstraints(ca=False, path_length=None)


def is_ca(certificate: x509.Certificate) -> bool:
    return constraints(certificate).ca


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Does the name match and the signature hold?"""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_root(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject and is_ca(certificate) and issued(certificate, certificate)


@dataclass(frozen=True)
class Chain:
    """Leaf, then the sub CAs from its issuer upwards. The root is not part of it: who trusts us has it."""

    leaf: x509.Certificate
    sub_cas: tuple[x509.Certificate, ...]

    @property
    def top(self) -> x509.Certificate:
        """The certificate that a root has issued."""
        return self.certificates[-1]

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        return (self.leaf, *self.sub_cas)


def in_order(certificates: Sequence[x509.Certificate]) -> Chain:
    """A chain of certificates that may come in any order, with or without the root. Raises PkiError.

    The order of sub CAs in files and messages varies between makers: issuer and path length decide, not position.
    """
    leaves = [each for each in certificates if not is_ca(each)]
    if len(leaves) != 1:
        raise PkiError(f"has {len(leaves)} end-entity certificates where a chain has one")
    sub_cas: list[x509.Certificate] = []
    waiting = [each for each in certificates if is_ca(each) and not is_root(each)]
    below = leaves[0]
    while waiting:
        above = next((each for each in waiting if issued(each, below)), None)
        if above is None:
            names = ", ".join(repr(common_name(each)) for each in waiting)
            raise PkiError(f"{names} did not issue {common_name(below)!r} nor anything above it")
        allowed = constraints(above).path_length
        if allowed is not None and allowed < len(sub_cas):
            raise PkiError(f"{common_name(above)!r} allows {allowed} CAs below it, and {len(sub_cas)} are there")
        waiting.remove(above)
        sub_cas.append(above)
        below = above
    if len(sub_cas) > MAX_SUB_CAS:
        raise PkiError(f"has {len(sub_cas)} sub CAs; ISO 15118 allows {MAX_SUB_CAS}")
    return Chain(leaves[0], tuple(sub_cas))


def root_of(chain: Chain, roots: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """The root among these that issued the chain."""
    return next((root for root in roots if issued(root, chain.top)), None)


def sha1_of_key(certificate: x509.Certificate) -> bytes:
    """SHA-1 of the public key's bits, as trusted_ca_keys names a CA (RFC 6066 section 6)."""
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def sha1_of_certificate(certificate: x509.Certificate) -> bytes:
    return certificate.fingerprint(SHA1())  # noqa: S303 - the name RFC 6066 gives it, nothing rests on its strength
