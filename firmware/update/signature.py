"""Who signed an image, and whether the signature holds (L01.FR.04, FR.12, FR.21). Not for the event loop.

The certificate must be issued by a manufacturer root of ours directly: no CA stands between (L01, remarks). RSA-PSS or
ECDSA with SHA-256 over the whole file; RSA's older padding too, which signing tools still use by default.
"""

import base64
import binascii
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from firmware.security.certificates import CertificateError, check_strength, check_time, issued, name_of, read
from firmware.security.store import Store

BLOCK: Final = 1_048_576


class Signer(NamedTuple):
    """A certificate that signs, and the root it was issued by."""

    certificate: x509.Certificate
    root: x509.Certificate


def check_signer(pem: str, store: Store, now: datetime) -> Signer:
    """The certificate that signs, judged. Raises CertificateError."""
    found = read(pem)
    if not found:
        raise CertificateError("no certificate")
    signer = found[0]
    check_time(signer, now)
    check_strength(signer)
    roots = [root.certificate for root in store.roots("Manufacturer")]
    root = next((each for each in roots if issued(each, signer)), None)
    if root is None:
        raise CertificateError(f"{name_of(signer)} was issued by no manufacturer root of ours")
    check_time(root, now)
    try:
        usage = signer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return Signer(signer, root)
    if not usage.digital_signature:
        raise CertificateError(f"{name_of(signer)} may not sign (key usage)")
    return Signer(signer, root)


def holds(image: Path, signature: str, pem: str) -> bool:
    """Is this base64 text the signer's signature over the file? Raises CertificateError, OSError."""
    digest = hashlib.sha256()
    with image.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    try:
        value = base64.b64decode(signature, validate=False)
    except (binascii.Error, ValueError):
        return False
    key = read(pem)[0].public_key()
    hashed = digest.digest()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _ecdsa(key, value, hashed)
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa(key, value, hashed)
    return False


def _ecdsa(key: ec.EllipticCurvePublicKey, value: bytes, hashed: bytes) -> bool:
    try:
        key.verify(value, hashed, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def _rsa(key: rsa.RSAPublicKey, value: bytes, hashed: bytes) -> bool:
    pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.AUTO)
    for form in (pss, padding.PKCS1v15()):
        try:
            key.verify(value, hashed, form, Prehashed(SHA256()))
        except InvalidSignature:
            continue
        return True
    return False
