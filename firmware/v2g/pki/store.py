"""The PKI folder of a station: which roots it trusts, with which chains and keys it answers cars, and what is wrong.

    roots/v2g roots/mo roots/oem roots/cps     PEM files, any number, any name
    secc/NAME.pem  secc/NAME.key               our chain (leaf and sub CAs, any order) and its key, mode 0600
    ocsp/*.der                                 the last OCSP responses for our chains (see `staples`)

Reading never fails as a whole: what cannot be used is left out and becomes a finding with its remedy.
"""

import stat
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firmware.v2g.pki.authority import Key
from firmware.v2g.pki.certificates import (
    Chain,
    Curve,
    PkiError,
    common_name,
    constraints,
    curve,
    der,
    in_order,
    is_root,
    key_curve,
    key_text,
    read_certificates,
    root_of,
)

RootKind = Literal["v2g", "mo", "oem", "cps"]
ROOT_KINDS: Final[tuple[RootKind, ...]] = ("v2g", "mo", "oem", "cps")
CERTIFICATE_SUFFIXES: Final = {".pem", ".crt", ".cer", ".der"}
MAX_KEY: Final = 16_384
SOON: Final = timedelta(days=14)  # SECC leaves live two to three months
MAX_DER: Final = {Curve.P256: 800, Curve.P521: 1600, Curve.ED448: 1600}  # -2 clause 7.9.2 (V2G2), -20 likewise


@dataclass(frozen=True)
class Finding:
    """Something a technician should know. fault: not usable; warning: soon or partly; note: just so."""

    severity: Literal["fault", "warning", "note"]
    where: str  # path below the PKI folder
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class SeccChain:
    """A chain we can answer cars with."""

    name: str
    chain: Chain
    key: Key
    curve: Curve
    root: x509.Certificate | None  # None: its V2G root is not installed here, the cars may still have it

    def valid_at(self, now: datetime) -> bool:
        return all(each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in self.chain.certificates)


@dataclass(frozen=True)
class Installed:
    """What a PKI folder holds."""

    folder: Path
    roots: dict[RootKind, tuple[x509.Certificate, ...]] = field(default_factory=dict)
    chains: tuple[SeccChain, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity == "fault")


def load(folder: Path, now: datetime) -> Installed:
    """Everything in the folder as of `now` (UTC). Does file I/O and big-number arithmetic: not for the event loop."""
    findings: list[Finding] = []
    if not folder.is_dir():
        missing = Finding(
            "fault", str(folder), "there is no PKI folder", "`pilotline pki make-test DIR` makes one to try"
        )
        return Installed(folder, findings=(missing,))
    roots = {kind: _roots(folder, kind, now, findings) for kind in ROOT_KINDS}
    chains = []
    for path in _files(folder / "secc"):
        where = str(path.relative_to(folder))
        try:
            chains.append(_secc(path, roots["v2g"], now, findings, where))
        except PkiError as error:
            findings.append(Finding("fault", where, str(error)))
    if not chains:
        text = "no usable SECC chain: no car gets TLS"
        findings.append(Finding("fault", "secc", text, "install NAME.pem with its NAME.key (mode 0600)"))
    if not roots["v2g"]:
        findings.append(Finding("warning", "roots/v2g", "no V2G root", "chains cannot be matched to what cars trust"))
    findings += clock_findings(chains, now)
    return Installed(folder, roots, tuple(chains), tuple(findings))


def state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """A value that changes when anything in the folder does; cheap enough to ask every few seconds."""
    places = (folder / "secc", folder / "ocsp", *(folder / "roots" / kind for kind in ROOT_KINDS))
    seen = []
    for place in places:
        try:
            entries = sorted(place.iterdir())
        except OSError:
            continue
        for path in entries:
            try:
                status = path.stat()
            except OSError:  # it went between listing and looking
                continue
            seen.append((str(path), status.st_mtime_ns, status.st_mode))
    return tuple(seen)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in CERTIFICATE_SUFFIXES and path.is_file())


def _roots(folder: Path, kind: RootKind, now: datetime, findings: list[Finding]) -> tuple[x509.Certificate, ...]:
    found = []
    for path in _files(folder / "roots" / kind):
        where = str(path.relative_to(folder))
        try:
            for certificate in read_certificates(path):
                if not is_root(certificate):
                    raise PkiError(f"{common_name(certificate)!r} is no self-signed CA, so no root")
                findings += _age(certificate, where, now)
                found.append(certificate)
        except PkiError as error:
            findings.append(Finding("fault", where, str(error), "a root file holds roots only"))
    return tuple(found)


def _secc(
    path: Path, roots: tuple[x509.Certificate, ...], now: datetime, findings: list[Finding], where: str
) -> SeccChain:
    """One of our chains with its key. Raises PkiError for what makes it unusable."""
    chain = in_order(read_certificates(path))
    kind = curve(chain.leaf)
    if kind is None:
        raise PkiError(f"{common_name(chain.leaf)!r} has a {key_text(chain.leaf)} key; ISO 15118 knows {_curves()}")
    key = read_key(path.with_suffix(".key"))
    if key.public_key() != chain.leaf.public_key():
        raise PkiError(f"{path.with_suffix('.key').name} is not the key of {common_name(chain.leaf)!r}")
    if (owner := path.with_suffix(".key").stat().st_uid) != path.parent.stat().st_uid:
        text = f"its key belongs to user {owner}, the folder to another: the station may not be able to read it"
        findings.append(Finding("warning", where, text, "chown it; run `pilotline pki` as the station's user"))
    root = root_of(chain, roots)
    if root is None:
        issuer = chain.top.issuer.rfc4514_string()
        findings.append(Finding("warning", where, f"its root {issuer} is not in roots/v2g", "install it there"))
    for certificate in chain.certificates:
        findings += _age(certificate, where, now)
        size = len(der(certificate))
        if size > MAX_DER[kind]:
            text = f"{common_name(certificate)!r} has {size} bytes, {MAX_DER[kind]} are allowed: strict cars refuse it"
            findings.append(Finding("warning", where, text))
        if curve(certificate) is not kind:
            text = f"{common_name(certificate)!r} has a {key_text(certificate)} key in a {kind} chain"
            findings.append(Finding("warning", where, text))
    findings += _leaf_findings(chain.leaf, where)
    if not chain.sub_cas or constraints(chain.sub_cas[0]).path_length not in {0, None}:
        findings.append(Finding("note", where, "the leaf's issuer is not a sub CA of path length 0 as cars expect"))
    return SeccChain(path.stem, chain, key, kind, root)


def read_key(path: Path) -> Key:
    """A private key that nobody but its owner can read. Raises PkiError."""
    try:
        status = path.stat()
        if stat.S_IMODE(status.st_mode) & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise PkiError(f"{path.name} has mode {mode:04o}: others can read it, so it is not used; chmod 0600 it")
        data = path.read_bytes()[: MAX_KEY + 1]
    except OSError as error:
        raise PkiError(f"its key {path.name} cannot be read: {error.strerror}") from error
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is encrypted
        raise PkiError(f"{path.name} is no unencrypted private key in PEM form") from error
    if key_curve(key.public_key()) is None:
        raise PkiError(f"{path.name} is no {_curves()} key")
    return cast(Key, key)


def _leaf_findings(leaf: x509.Certificate, where: str) -> list[Finding]:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return [Finding("warning", where, "the leaf has no key usage", "cars expect digitalSignature and keyAgreement")]
    except ValueError as error:
        return [Finding("warning", where, f"an extension of the leaf does not parse: {error}")]
    if not usage.digital_signature:
        return [Finding("warning", where, "the leaf may not sign (key usage): cars refuse it")]
    return []


def _age(certificate: x509.Certificate, where: str, now: datetime) -> list[Finding]:
    name, begins, ends = common_name(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        return [Finding("fault", where, f"{name!r} expired on {ends:%Y-%m-%d %H:%M} UTC", "renew it")]
    if now < begins:
        return [
            Finding("fault", where, f"{name!r} is valid from {begins:%Y-%m-%d %H:%M} UTC on", "is the clock right?")
        ]
    if ends - now < SOON:
        days = (ends - now).total_seconds() / 86_400
        return [Finding("warning", where, f"{name!r} expires in {days:.1f} days", "renew it")]
    return []


def clock_findings(chains: list[SeccChain], now: datetime) -> list[Finding]:
    """A station whose clock is before the day its own certificates were made has no sane clock."""
    made = [each.not_valid_before_utc for chain in chains for each in chain.chain.certificates]
    if made and now < max(made):
        text = f"it is {now:%Y-%m-%d %H:%M} UTC here, but a certificate of ours was made {max(made):%Y-%m-%d %H:%M}"
        return [Finding("fault", "clock", text, "set the clock: no certificate can be judged with it")]
    return []


def _curves() -> str:
    return ", ".join(Curve)
