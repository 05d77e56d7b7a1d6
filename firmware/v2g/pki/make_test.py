"""A whole PKI to try things with: every authority, station, vehicle, contract and provisioning certificate there is.

Two profiles, ISO 15118-2 (P-256) and ISO 15118-20 (P-521, Ed448). The folder is a station's PKI folder (see `store`);
`others/` in it holds what belongs to cars and back offices, with their keys. Never for a real station.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.v2g.pki.authority import Authority, Leaf, key_pem
from firmware.v2g.pki.certificates import Curve, PkiError
from firmware.v2g.pki.requests import write_private
from firmware.v2g.pki.staples import Staples

PROFILES: Final = {"iso2": Curve.P256, "iso20": Curve.P521, "iso20-ed448": Curve.ED448}
EMAID: Final = "DEPLTC0000012X"
PCID: Final = "WPL1TEST000000001X"
EVCCID: Final = "PLTTESTCAR0001"


@dataclass(frozen=True)
class Branch:
    """One root with two sub CAs below it."""

    root: Authority
    sub1: Authority
    sub2: Authority


@dataclass(frozen=True)
class TestPki:
    """One profile: its branches and the end entities."""

    __test__ = False  # pytest: no test class

    v2g: Branch
    mo: Branch
    oem: Branch
    cps: Branch  # its root is the V2G root
    secc: Leaf
    contract: Leaf
    provisioning: Leaf
    vehicle: Leaf
    cps_leaf: Leaf


def build(profile: str, now: datetime | None = None) -> TestPki:
    """The whole PKI of one profile in memory."""
    curve, at = PROFILES[profile], now or datetime.now(UTC)

    def branch(part: str, root: Authority | None = None) -> Branch:
        top = root or Authority.root(f"{part} root {profile}", "V2G" if part == "V2G" else part, curve, now=at)
        domain = "V2G" if part == "V2G" else part
        sub1 = top.sub(f"{'CPO' if part == 'V2G' else part} sub CA 1 {profile}", domain, 1)
        return Branch(
            top, sub1, sub1.sub(f"{'CPO' if part == 'V2G' else part} sub CA 2 {profile}", domain, 0, days=730)
        )

    v2g, mo, oem = branch("V2G"), branch("MO"), branch("OEM")
    cps = branch("CPS", v2g.root)
    return TestPki(
        v2g=v2g,
        mo=mo,
        oem=oem,
        cps=cps,
        secc=v2g.sub2.leaf("secc", "DEPLTE000001", "CPO"),
        contract=mo.sub2.leaf("contract", EMAID, "MO", days=365),
        provisioning=oem.sub2.leaf("oem", PCID, "OEM", days=3650),
        vehicle=oem.sub2.leaf("vehicle", EVCCID, "OEM", days=3650),
        cps_leaf=cps.sub2.leaf("cps", "CPS test", "CPS"),
    )


def make_test(folder: Path, now: datetime | None = None) -> list[str]:
    """Write every profile into a new or empty folder. Returns the names of the chains. Raises PkiError, OSError."""
    if folder.exists() and any(folder.iterdir()):
        raise PkiError(f"{folder} is not empty: a test PKI is only made in a folder of its own")
    for place in ("roots/v2g", "roots/mo", "roots/oem", "roots/cps", "secc", "ocsp", "others"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    at = now or datetime.now(UTC)
    for profile in PROFILES:
        pki = build(profile, at)
        for kind, branch in (("v2g", pki.v2g), ("mo", pki.mo), ("oem", pki.oem), ("cps", pki.cps)):
            (folder / "roots" / kind / f"{profile}.pem").write_bytes(_pem(branch.root.certificate))
        _write_leaf(folder / "secc", profile, pki.secc)
        v2g, staples = pki.v2g, Staples(folder)
        below = (pki.secc.certificate, v2g.sub2.certificate, v2g.sub1.certificate)
        for certificate, issuer in zip(below, (v2g.sub2, v2g.sub1, v2g.root), strict=True):
            staples.put(certificate, issuer.ocsp_good(certificate, now=at), at)
        _write_others(folder / "others" / profile, pki)
    return list(PROFILES)


def _write_others(folder: Path, pki: TestPki) -> None:
    folder.mkdir(parents=True)
    leaves = {
        "contract": pki.contract,
        "provisioning": pki.provisioning,
        "vehicle": pki.vehicle,
        "cps": pki.cps_leaf,
    }
    for name, leaf in leaves.items():
        _write_leaf(folder, name, leaf)
    for name, branch in (("v2g", pki.v2g), ("mo", pki.mo), ("oem", pki.oem), ("cps", pki.cps)):
        for place, authority in (("root", branch.root), ("sub1", branch.sub1), ("sub2", branch.sub2)):
            write_private(folder / f"{name}-{place}.key", key_pem(authority.key))
            (folder / f"{name}-{place}.pem").write_bytes(_pem(authority.certificate))


def _write_leaf(folder: Path, name: str, leaf: Leaf) -> None:
    (folder / f"{name}.pem").write_bytes(leaf.pem())
    write_private(folder / f"{name}.key", key_pem(leaf.key))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
