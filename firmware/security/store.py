"""The certificates on disk. For the back office, below storage/certificates:

    csms/*.pem  csms/fallback/*.pem    roots that may vouch for the back office; the one before the present one
    manufacturer/*.pem                 roots of those who sign software for us
    station/NAME.pem NAME.key          our chains to show the back office; NAME.new while not proven
    csr/USE.key                        keys whose certificates we wait for

For cars, in the PKI folder that [[v2g]] names (its layout is firmware/v2g/pki/store.py's): roots/v2g, roots/mo,
roots/oem and secc/NAME.pem with NAME.key. A root file holds the root first; one that its
predecessor signed has that one behind it, so that its name in OCPP can still be told when the predecessor is gone.

All of it is file I/O and big-number arithmetic: not for the event loop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from firmware.security.certificates import (
    UNREADABLE,
    CertificateError,
    Chain,
    chain_of,
    check_root,
    hash_data,
    issued,
    name_of,
    read,
    self_signed,
)
from firmware.security.files import sync_folder, write_private
from firmware.station.certificates import HashData, InstalledCertificate, RootUse

CAPACITY: Final = 32  # root certificates (CertificateEntries.maxLimit, CertificateStoreMaxLength)
USES: Final[tuple[RootUse, ...]] = ("CSMS", "Manufacturer", "V2G", "MO", "OEM")


class Full(Exception):
    """There is no room for another certificate."""


@dataclass(frozen=True)
class Root:
    use: RootUse
    path: Path
    certificate: x509.Certificate
    issuer: x509.Certificate  # itself, or its predecessor
    fallback: bool = False


@dataclass(frozen=True)
class OwnChain:
    """One of our chains with the file of its key."""

    chain: Chain
    path: Path
    proven: bool = True

    @property
    def key(self) -> Path:
        return self.path.with_suffix(".key")

    def valid(self, now: datetime) -> bool:
        return self.chain.leaf.not_valid_before_utc <= now <= self.chain.leaf.not_valid_after_utc


class Store:
    """`folder` is ours; `pki` the one of the cars."""

    def __init__(self, folder: Path, pki: Path) -> None:
        self.folder = folder
        self.pki = pki

    # --- roots ------------------------------------------------------------------------------------------------------

    def roots(self, *uses: RootUse) -> list[Root]:
        """Those of these uses that can be read, the present ones before fallbacks."""
        return [root for use in uses for place in self._places(use) for root in self._read_roots(use, place)]

    def _places(self, use: RootUse) -> tuple[Path, ...]:
        match use:
            case "CSMS":
                return self.folder / "csms", self.folder / "csms" / "fallback"
            case "Manufacturer":
                return (self.folder / "manufacturer",)
        return (self.pki / "roots" / use.lower(),)

    def _read_roots(self, use: RootUse, place: Path) -> Iterator[Root]:
        for path, found in _certificates_in(place):
            with_issuer = len(found) == 2 and not self_signed(found[0]) and issued(found[1], found[0])
            members = found[:1] if with_issuer else found
            for each in members:
                yield Root(use, path, each, found[1] if with_issuer else each, place.name == "fallback")

    def install(self, use: RootUse, pem: str, now: datetime, *, succession: bool = False) -> x509.Certificate:
        """Trust a root. `succession`: it must be signed by the present one and takes its place (M05.FR.10 to FR.12).
        Raises CertificateError, Full, OSError."""
        found = read(pem)
        if len(found) != 1:
            raise CertificateError(f"{len(found)} certificates where one is expected")
        new = found[0]
        check_root(new, now)
        known = [root for root in self.roots(use) if not root.fallback]
        issuer = next((root for root in known if issued(root.certificate, new)), None)
        present = next((root for root in known if root.certificate == new), None)
        if present is None:
            if succession and use == "CSMS" and known and (issuer is None or self_signed(new)):
                raise CertificateError(f"{name_of(new)} is not signed by the root it is to replace")
            if len(self.roots(*USES)) >= CAPACITY:
                raise Full(f"{CAPACITY} certificates are installed already")
        if not self_signed(new) and issuer is None:
            raise CertificateError(f"{name_of(new)} is no root, and none of ours signed it")
        chain = [new] if issuer is None or self_signed(new) else [new, issuer.certificate]
        place = self._places(use)[0]
        write_private(present.path if present else place / f"{_file_name(new)}.pem", _pem(*chain))
        if succession and use == "CSMS" and present is None:
            for old in known:
                self._set_aside(old)
        return new

    def _set_aside(self, root: Root) -> None:
        """It stays as a fallback; an older fallback goes."""
        fallback = self._places("CSMS")[1]
        fallback.mkdir(mode=0o700, exist_ok=True)
        for path in fallback.glob("*.pem"):
            path.unlink()
        root.path.replace(fallback / root.path.name)
        sync_folder(fallback)
        sync_folder(root.path.parent)

    def drop_fallback(self) -> bool:
        """The present root is proven: the one before it is no longer trusted (M05.FR.13)."""
        gone = [root.path for root in self.roots("CSMS") if root.fallback]
        for path in gone:
            path.unlink(missing_ok=True)
        return bool(gone)

    # --- our own chains ---------------------------------------------------------------------------------------------

    def station_chains(self) -> list[OwnChain]:
        """Our chains for the back office with a key beside them: what came last and is not proven yet, then the newest
        (by start of validity)."""
        roots = [root.certificate for root in self.roots("CSMS")]
        return sorted(self._own_chains(self.folder / "station", roots), key=lambda own: own.proven)

    def v2g_chains(self) -> list[OwnChain]:
        return self._own_chains(self.pki / "secc", [root.certificate for root in self.roots("V2G")])

    def _own_chains(self, place: Path, roots: list[x509.Certificate]) -> list[OwnChain]:
        found = []
        for path, certificates in _certificates_in(place):
            try:
                own = OwnChain(chain_of(certificates, roots), path, proven=not path.with_suffix(".new").exists())
            except CertificateError:
                continue
            if own.key.exists():
                found.append(own)
        return sorted(found, key=lambda own: own.chain.leaf.not_valid_before_utc, reverse=True)

    def install_own(self, place: str, name: str, chain: Chain, key: Path) -> None:
        """Put a chain and its key into service in `station` or `secc`; in `station` instead of one that still has to
        prove itself. Raises OSError."""
        folder = (self.pki if place == "secc" else self.folder) / place
        before = [own for own in self.station_chains() if not own.proven] if place == "station" else []
        write_private(folder / f"{name}.key", key.read_bytes())
        if place == "station":
            write_private(folder / f"{name}.new", b"")
        write_private(folder / f"{name}.pem", _pem(*chain.certificates))
        key.unlink()
        for own in before:
            self.discard(own)

    def take_over(self, chain: Path, key: Path) -> None:
        """A chain and key that a technician gave. Raises CertificateError, OSError."""
        read(chain.read_bytes())
        write_private(self.folder / "station" / "given.key", key.read_bytes())
        write_private(self.folder / "station" / "given.pem", chain.read_bytes())

    def prove(self, used: OwnChain) -> None:
        """A connection with it came about: it is the only one from now on (A02.FR.10)."""
        used.path.with_suffix(".new").unlink(missing_ok=True)
        for own in self.station_chains():
            if own.path != used.path:
                self.discard(own)

    def discard(self, own: OwnChain) -> None:
        for suffix in (".pem", ".key", ".new"):
            own.path.with_suffix(suffix).unlink(missing_ok=True)

    # --- names ------------------------------------------------------------------------------------------------------

    def installed(self, uses: tuple[str, ...]) -> list[InstalledCertificate]:
        """Roots and our V2G chains of these uses, () = all, by their hashes (M03)."""
        wanted = uses or (*USES, "V2GChain")
        found = [
            InstalledCertificate(root.use, hash_data(root.certificate, root.issuer))
            for root in self.roots(*(use for use in USES if use in wanted))
        ]
        if "V2GChain" in wanted:
            found += [named for own in self.v2g_chains() if (named := _named(own)) is not None]
        return found

    def delete(self, wanted: HashData, in_use: bytes = b"") -> None:
        """Remove what has this name. `in_use`: the root (DER) that the connection to the back office rests on. Raises
        KeyError when there is no such, CertificateError when it must stay (M04), OSError."""
        algorithm = wanted.algorithm
        for own in self.station_chains():
            issuer = _issuer(own)
            if issuer is not None and hash_data(own.chain.leaf, issuer, algorithm).same_as(wanted):
                raise CertificateError("our own certificate is not deleted from outside")  # M04.FR.06
        for root in self.roots(*USES):
            if hash_data(root.certificate, root.issuer, algorithm).same_as(wanted):
                self._delete_root(root, in_use)
                return
        for own in self.v2g_chains():
            named = _named(own, algorithm)
            if named is not None and any(each.same_as(wanted) for each in (named.hash_data, *named.children)):
                self.discard(own)  # M04.FR.08: what is below a deleted CA is of no use either
                return
        raise KeyError(wanted.serial_number)

    def _delete_root(self, root: Root, in_use: bytes) -> None:
        if root.certificate.public_bytes(Encoding.DER) == in_use:
            raise CertificateError("the connection to the back office rests on it")
        if root.use == "CSMS" and len([each for each in self.roots("CSMS") if not each.fallback]) == 1:
            raise CertificateError("it is the last root for the back office")
        others = [each for each in self._read_roots(root.use, root.path.parent) if each.path == root.path]
        kept = [each.certificate for each in others if each.certificate != root.certificate]
        if kept:
            write_private(root.path, _pem(*kept))
        else:
            root.path.unlink()
            sync_folder(root.path.parent)


def _named(own: OwnChain, algorithm: str = "SHA256") -> InstalledCertificate | None:
    """None: its issuer is not here, so it cannot be named."""
    members = [*own.chain.certificates, *([own.chain.root] if own.chain.root is not None else [])]
    names = [hash_data(below, above, algorithm) for below, above in pairwise(members)]
    return InstalledCertificate("V2GChain", names[0], tuple(names[1:5])) if names else None


def _issuer(own: OwnChain) -> x509.Certificate | None:
    above = [*own.chain.sub_cas, *([own.chain.root] if own.chain.root is not None else [])]
    return above[0] if above else None


def _certificates_in(place: Path) -> Iterator[tuple[Path, list[x509.Certificate]]]:
    """What can be read there; the rest is somebody else's finding."""
    for path in sorted(place.glob("*.pem")) if place.is_dir() else ():
        try:
            found = read(path.read_bytes())
        except (OSError, CertificateError):
            continue
        if found:
            yield path, found


def key_belongs(key_file: Path, certificate: x509.Certificate) -> bool:
    """Is this the private key of that certificate?"""
    try:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        return key.public_key() == certificate.public_key()
    except (OSError, *UNREADABLE):
        return False


def _file_name(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex()[:24]


def pem_of(certificate: x509.Certificate) -> str:
    return _pem(certificate).decode("ascii")


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
