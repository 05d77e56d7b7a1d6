"""A certificate authority and TLS back offices, for the tests of who may talk to whom."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Ca:
    """A root and what it signs, valid both by the station's clock (2027) and by that of the TLS library."""

    def __init__(self, folder: Path, name: str, above: "Ca | None" = None) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = above or self
        self.certificate = self._sign(issuer, self.name, self.key.public_key(), ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_text(self.pem)

    def stranger(self, name: str = "stranger") -> "Ca":
        """Another root, that nobody vouches for."""
        return Ca(self.folder, name)

    def successor(self, name: str) -> "Ca":
        """Another root, that this one vouches for."""
        return Ca(self.folder, name, self)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def _sign(
        self, issuer: "Ca", subject: x509.Name, public: Any, *, ca: bool = False, ip: str = "", days: int = 3650
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=4000))
            .not_valid_after(datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        )
        if ip:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(ip))]), critical=False
            )
        return builder.sign(issuer.key, hashes.SHA256())

    def server(self, ip: str = "127.0.0.1", days: int = 3650) -> Path:
        """A server's certificate with its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(
            self, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ip)]), key.public_key(), ip=ip, days=days
        )
        path = self.folder / f"server-{made.serial_number:x}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + made.public_bytes(Encoding.PEM))
        return path

    def answer(self, csr: str, days: int = 3650) -> str:
        """The certificate that a request asks for (PEM)."""
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        return self._sign(self, request.subject, request.public_key(), days=days).public_bytes(Encoding.PEM).decode()


def serving(server: Path, ca: Ca | None = None, **limits: Any) -> Callable[[Any], None]:
    """A TLS back office; with `ca` it wants our certificate."""

    def opening(csms: Any) -> None:
        csms.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        csms.tls.load_cert_chain(server)
        if ca is not None:
            csms.tls.verify_mode = ssl.CERT_REQUIRED
            csms.tls.load_verify_locations(ca.file)
        for name, value in limits.items():
            if name == "ciphers":
                csms.tls.set_ciphers(value)
            else:
                setattr(csms.tls, name, value)

    return opening


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path, "root")


@pytest.fixture(name="serving")
def _serving() -> Callable[..., Callable[[Any], None]]:
    return serving
