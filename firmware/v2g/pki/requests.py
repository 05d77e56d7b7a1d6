"""Keys and certificate requests made on the station, and the chains that come back for them.

A key is born in `csr/` with its request and moves to `secc/` only together with the chain that belongs to it: until
then the old pair is served. Nothing here exports a key.
"""

import os
import re
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.v2g.pki.authority import key_pem, new_key, signature_hash
from firmware.v2g.pki.certificates import Chain, Curve, PkiError, common_name, in_order
from firmware.v2g.pki.store import read_key

MAX_PENDING: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def create_csr(folder: Path, name: str, curve: Curve, subject: x509.Name) -> bytes:
    """A fresh key in `csr/NAME.key` and its request (PEM), also in `csr/NAME.csr`. Raises PkiError, OSError."""
    _check_name(name)
    pending = folder / "csr"
    pending.mkdir(mode=0o700, parents=True, exist_ok=True)
    if len(list(pending.glob("*.key"))) >= MAX_PENDING and not (pending / f"{name}.key").exists():
        raise PkiError(f"{MAX_PENDING} requests wait for their certificates already; remove some from {pending}")
    key = new_key(curve)
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, signature_hash(key))
    write_private(pending / f"{name}.key", key_pem(key))
    pem = request.public_bytes(Encoding.PEM)
    (pending / f"{name}.csr").write_bytes(pem)
    return pem


def install_chain(folder: Path, name: str, pem: bytes) -> Chain:
    """Put a chain that came for one of our requests into service as `secc/NAME`. Raises PkiError, OSError."""
    _check_name(name)
    try:
        chain = in_order(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise PkiError("is no certificate chain in PEM form") from error
    key_file = _key_of(folder / "csr", chain.leaf)
    target = folder / "secc"
    target.mkdir(mode=0o750, parents=True, exist_ok=True)
    key = read_key(key_file)
    # The key first: a chain without its key is a fault that says so, a stop in between heals with the next install.
    write_private(target / f"{name}.key", key_pem(key))
    part = target / f"{name}.part"
    part.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain.certificates))
    os.replace(part, target / f"{name}.pem")
    key_file.unlink()
    key_file.with_suffix(".csr").unlink(missing_ok=True)
    return chain


def _key_of(pending: Path, leaf: x509.Certificate) -> Path:
    for path in sorted(pending.glob("*.key")):
        try:
            if read_key(path).public_key() == leaf.public_key():
                return path
        except PkiError:
            continue
    raise PkiError(f"no request of ours belongs to {common_name(leaf)!r}: its key was made elsewhere")


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises OSError."""
    part = path.with_suffix(path.suffix + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PkiError(f"{name!r} is no name: letters, digits, dot, dash, underscore")
