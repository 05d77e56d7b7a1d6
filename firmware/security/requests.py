"""Keys made on the station and the requests for their certificates (A02, A03): a key is born in `csr/`, moves into
service only together with the chain that belongs to it, and leaves the station never.

Generating and signing take milliseconds to tens of them: not for the event loop.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from firmware.security.files import write_private
from firmware.station.certificates import OwnUse

#: ISO 15118-2 clause 7.9 knows P-256 only, -20 P-521; P-256 is what every back office's TLS can do
CURVES: Final[dict[OwnUse, ec.EllipticCurve]] = {
    "ChargingStation": ec.SECP256R1(),
    "V2G": ec.SECP256R1(),
    "V2G20": ec.SECP521R1(),
}


@dataclass(frozen=True)
class Subject:
    """Who the certificate is for: A00.FR.509, FR.511; for cars ISO 15118-2 annex F (domain component CPO)."""

    common_name: str
    organisation: str
    country: str = ""

    def name(self, use: OwnUse) -> x509.Name:
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, _cut(self.common_name))]
        if self.organisation:
            parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(self.organisation)))
        if len(self.country) == 2 and self.country.isascii() and self.country.isalpha():
            parts.append(x509.NameAttribute(NameOID.COUNTRY_NAME, self.country.upper()))
        if use != "ChargingStation":
            parts.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "CPO"))
        return x509.Name(parts)


def _cut(text: str) -> str:
    """64 octets of UTF-8, the most that a name may have; a back office sets some of them."""
    return text.encode()[:64].decode(errors="ignore")


def key_file(folder: Path, use: OwnUse) -> Path:
    return folder / "csr" / f"{use}.key"


def make_request(folder: Path, use: OwnUse, subject: Subject) -> str:
    """A fresh key in `csr/` in place of one that still waited, and its request (PEM). Raises OSError."""
    key = ec.generate_private_key(CURVES[use])
    algorithm = SHA512() if use == "V2G20" else SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(subject.name(use)).sign(key, algorithm)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(key_file(folder, use), pem)
    return request.public_bytes(Encoding.PEM).decode("ascii")


def waiting(folder: Path) -> list[tuple[OwnUse, Path]]:
    """The keys that wait for their certificates."""
    return [(use, path) for use in CURVES if (path := key_file(folder, use)).exists()]
