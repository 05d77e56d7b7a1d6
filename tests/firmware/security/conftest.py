"""A small CA for the tests of this folder."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.security.store import Store

NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Party:
    """Somebody with a key and a certificate."""

    def __init__(
        self,
        name: str,
        issuer: "Party | None" = None,
        *,
        ca: bool = True,
        key: Key | None = None,
        days: tuple[int, int] = (-10, 3650),
        organisation: str = "Pilotline",
        public: Any = None,
    ) -> None:
        self.key: Key = key or ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
        if organisation:
            parts.append(x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation))
        subject = x509.Name(parts)
        above = issuer or self
        self.certificate: x509.Certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer is not None else subject)
            .public_key(public or self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(above.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def party() -> type[Party]:
    return Party


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "certificates", tmp_path / "pki")


Make = Callable[..., Party]
