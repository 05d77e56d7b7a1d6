"""XML signatures as ISO 15118 makes them: digests and the signed part are EXI fragments. Verifying and signing.

Which elements must be signed, and by whose key, is the caller's. Sources: ISO 15118-2 clause 7.9.2.4, annex J.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from firmware.v2g.exi import ExiError, encode
from firmware.v2g.messages.declare import Message
from firmware.v2g.messages.xmldsig import (
    CanonicalizationMethod,
    DigestMethod,
    Reference,
    Signature,
    SignatureMethod,
    SignatureValue,
    SignedInfo,
    Transform,
)

CANONICAL_EXI: Final = "http://www.w3.org/TR/canonical-exi/"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
P256_SIZE: Final = 32  # bytes of r, and of s
MAX_SIGNED: Final = 4  # elements; the answers to certificate requests have four [V2G2-771]


class BadSignature(Exception):
    """A signature that does not hold; the text says why, for people."""


@dataclass(frozen=True)
class Part:
    """One element that a signature must cover: its Id, and its name where the class alone does not tell it."""

    message: Message
    id: str
    element: str | None = None


def verify(signature: Signature | None, elements: Sequence[Part], key: object, schema: str = "iso2") -> None:
    """Does `key` vouch for exactly these elements? Raises BadSignature.

    Bounded work: as many references as elements, two readings of each digest, three of the signed part.
    """
    if signature is None:
        raise BadSignature("the message is not signed")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadSignature("the signer's key is no P-256 key")
    info = signature.signed_info
    _check_algorithms(info)
    _check_references(info.reference, elements, schema)
    value = _der_form(signature.signature_value.value)
    for signed in _readings_of_signed_info(info, schema):
        try:
            key.verify(value, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    raise BadSignature("the signature is not by this key, or over something else")


def sign(
    elements: Sequence[Part], key: ec.EllipticCurvePrivateKey, schema: str = "iso2", *, relaxed: bool = True
) -> Signature:
    """A signature over these elements. `relaxed` False: eMAIDs by their own type's grammar, as C codecs sign."""
    references = tuple(
        Reference(
            uri=f"#{each.id}",
            transforms=(Transform(algorithm=CANONICAL_EXI),),
            digest_method=DigestMethod(algorithm=SHA256),
            digest_value=_digest(each, schema, relaxed=relaxed),
        )
        for each in elements
    )
    info = SignedInfo(
        canonicalization_method=CanonicalizationMethod(algorithm=CANONICAL_EXI),
        signature_method=SignatureMethod(algorithm=ECDSA_SHA256),
        reference=references,
    )
    der = key.sign(encode(info, "xmldsig", fragment=True), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    value = r.to_bytes(P256_SIZE, "big") + s.to_bytes(P256_SIZE, "big")
    return Signature(signed_info=info, signature_value=SignatureValue(value=value))


def _check_algorithms(info: SignedInfo) -> None:
    """Only what the standard names [V2G2-765 ff.]: a weaker choice of the sender's is no choice."""
    named = {info.canonicalization_method.algorithm.rstrip("/#") + "/", info.signature_method.algorithm}
    if named != {CANONICAL_EXI, ECDSA_SHA256}:
        raise BadSignature(f"signed by {info.signature_method.algorithm[:80]!r}, not by ECDSA with SHA-256")
    for reference in info.reference:
        if reference.digest_method.algorithm != SHA256:
            raise BadSignature(f"digest by {reference.digest_method.algorithm[:80]!r}, not by SHA-256")


def _check_references(references: Sequence[Reference], elements: Sequence[Part], schema: str) -> None:
    if len(references) != len(elements) or len(elements) > MAX_SIGNED:
        raise BadSignature(f"{len(references)} elements are signed where {len(elements)} must be")
    by_uri = {reference.uri: reference for reference in references}
    for each in elements:
        reference = by_uri.get(f"#{each.id}")
        if reference is None or not each.id:
            raise BadSignature(f"{type(each.message).__name__} {each.id!r} is not what is signed")
        if not any(hmac.compare_digest(reference.digest_value, digest) for digest in _digests(each, schema)):
            raise BadSignature(f"{type(each.message).__name__} {each.id!r} is not as it was signed")


def _digests(part: Part, schema: str) -> Iterator[bytes]:
    """Both ways in which stacks in the field write a fragment; the standard's first. A way in which it cannot be
    written (an eMAID longer than its type allows, by the type's grammar) is none."""
    for relaxed in (True, False):
        try:
            yield _digest(part, schema, relaxed=relaxed)
        except ExiError:
            continue


def _digest(part: Part, schema: str, *, relaxed: bool) -> bytes:
    fragment = encode(part.message, schema, fragment=True, relaxed=relaxed, element=part.element)
    return hashlib.sha256(fragment).digest()


def _readings_of_signed_info(info: SignedInfo, schema: str) -> Iterator[bytes]:
    """SignedInfo as fragment of the xmldsig schema alone; then, as some stacks have it, of the message's schema."""
    for name, relaxed in (("xmldsig", True), (schema, True), (schema, False)):
        try:
            yield encode(info, name, fragment=True, relaxed=relaxed)
        except ExiError:
            continue


def _der_form(value: bytes) -> bytes:
    """r and s side by side, as the standard wants them, or the DER form of other XML signers."""
    if len(value) != 2 * P256_SIZE:
        if len(value) > 2 * P256_SIZE + 8:
            raise BadSignature(f"a signature value of {len(value)} bytes")
        return value
    r, s = int.from_bytes(value[:P256_SIZE], "big"), int.from_bytes(value[P256_SIZE:], "big")
    return encode_dss_signature(r, s)
