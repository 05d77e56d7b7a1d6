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

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)  # the station's clock
NO_CHECK_TIME = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME


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
        self,
        issuer: "Ca",
        subject: x509.Name,
        public: Any,
        *,
        ca: bool = False,
        ip: str = "",
        days: int = 3650,
        valid: tuple[datetime, datetime] | None = None,
    ) -> x509.Certificate:
        """`days` from today on; or `valid` from and until."""
        now = datetime.now(UTC)
        begins, ends = valid or (now - timedelta(days=4000), now + timedelta(days=days))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
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
        made = self._sign(self, named(ip), key.public_key(), ip=ip, days=days)
        path = self.folder / f"server-{made.serial_number:x}.pem"
        path.write_bytes(plain(key) + made.public_bytes(Encoding.PEM))
        return path

    def client(self, *, ends_in_days: float) -> dict[str, str]:
        """The station's certificate and key as [ocpp] names them; the days count by the station's clock."""
        key = ec.generate_private_key(ec.SECP256R1())
        valid = (NOON - timedelta(days=4000), NOON + timedelta(days=ends_in_days))
        made = self._sign(self, named("S-1", "Pilotline"), key.public_key(), valid=valid)
        chain, secret = self.folder / "client.pem", self.folder / "client.key"
        chain.write_bytes(made.public_bytes(Encoding.PEM))
        secret.write_bytes(plain(key))
        return {"client_certificate": str(chain), "client_key": str(secret)}

    def answer(self, csr: str, days: int = 3650, **more: Any) -> str:
        """The certificate that a request asks for (PEM); `subject`: for somebody else, `valid`: at other times."""
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        subject = more.pop("subject", request.subject)
        return self._sign(self, subject, request.public_key(), days=days, **more).public_bytes(Encoding.PEM).decode()


def named(common_name: str, organisation: str = "") -> x509.Name:
    owner = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*owner, x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def plain(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def serving(server: Path, ca: Ca | None = None, **limits: Any) -> Callable[[Any], None]:
    """A TLS back office; with `ca` it wants our certificate, however old (what a test asks of times it asks by the
    station's clock)."""

    def opening(csms: Any) -> None:
        csms.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        csms.tls.load_cert_chain(server)
        if ca is not None:
            csms.tls.verify_mode = ssl.CERT_REQUIRED
            csms.tls.verify_flags |= NO_CHECK_TIME
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
