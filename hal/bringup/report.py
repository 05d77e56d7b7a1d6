"""The report of a bring-up: JSON signed with the board's own Ed25519 key (made on first use), and a text for people.

The page that reads better is hal/bringup/page.py.
"""

import hashlib
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hal import __version__
from hal.bringup.trial import Step

KEY_FILE: Final = "bringup-key.pem"


class Report(msgspec.Struct, frozen=True):
    """What was tried on which board. `board_sha256`: of the board file as it was."""

    board: str
    board_sha256: str
    software: str
    machine: str
    at: str  # UTC, RFC 3339
    technician: str
    steps: tuple[Step, ...]

    @property
    def passed(self) -> bool:
        return all(step.result != "failed" for step in self.steps)


def make(board: str, digest: str, technician: str, steps: Sequence[Step]) -> Report:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Report(
        board, digest, __version__, f"{platform.machine()} {platform.release()}", at, technician, tuple(steps)
    )


def own_key(folder: Path) -> Ed25519PrivateKey:
    """The key of this station, made on first use; readable by its owner only."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    path = folder / KEY_FILE
    if path.exists():
        key = load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path}: no Ed25519 key")
        return key
    folder.mkdir(parents=True, exist_ok=True)
    made = Ed25519PrivateKey.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def sign(report: Report, key: Ed25519PrivateKey) -> bytes:
    """{"report": ..., "public_key": hex, "signature": hex over the report's JSON}."""
    body = msgspec.json.encode(report, order="sorted")
    signed = {"report": msgspec.Raw(body), "public_key": public_key(key), "signature": key.sign(body).hex()}
    return msgspec.json.encode(signed)


class _Signed(msgspec.Struct):
    report: msgspec.Raw
    public_key: str
    signature: str


def public_key(key: Ed25519PrivateKey) -> str:
    """Hex, as the report names it."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def fingerprint(public: str) -> str:
    """What people compare: the first half of SHA-256 over the raw key, in groups of four."""
    digest = hashlib.sha256(bytes.fromhex(public)).hexdigest()[:32]
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def signer(signed: bytes) -> str:
    """The public key that a signed report names, in hex. Raises ValueError."""
    try:
        return msgspec.json.decode(signed, type=_Signed).public_key
    except msgspec.DecodeError as error:
        raise ValueError(f"no bring-up report: {error}") from error


def verify(signed: bytes, known: str = "") -> Report:
    """The report, if its signature is right, and made with the `known` public key (hex) where one is given: without
    it anybody may have signed anew. Raises ValueError."""
    if known and signer(signed) != known.strip().lower():
        raise ValueError("the report was signed with another key")
    try:
        found = msgspec.json.decode(signed, type=_Signed)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.public_key))
        public.verify(bytes.fromhex(found.signature), bytes(found.report))
        return msgspec.json.decode(bytes(found.report), type=Report)
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"no bring-up report: {error}") from error
    except InvalidSignature:
        raise ValueError("the report was changed after it was signed") from None


def text(report: Report) -> str:
    """For people."""
    lines = [
        f"Bring-up of {report.board}: {'PASSED' if report.passed else 'FAILED'}",
        f"{report.at}, {report.technician or 'no name given'}, software {report.software}, {report.machine}",
        f"board file SHA-256 {report.board_sha256}",
        "",
    ]
    for step in report.steps:
        where = f"connector {step.connector}" if step.connector else "station"
        value = f"  {step.measured}" if step.measured else ""
        limit = f" (limit {step.limit})" if step.limit else ""
        lines.append(f"{step.result.upper():8.60} {where} {step.part}: {step.what}{value}{limit}")
    return "\n".join(lines) + "\n"


def as_json(value: Any) -> str:
    """Indented, for a file that people look into."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
