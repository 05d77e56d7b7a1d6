"""The contract a car shows at PaymentDetails: is its chain good, whose is it, and what must a back office be asked?

Pure and bounded: no files, no clock, at most MAX_CERTIFICATES certificates. That the car has the contract's key is
proven later, by its signature in AuthorizationReq. ISO 15118-2 clauses 7.9.2.2, 8.4.3.7; annex F (profiles).
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.station.contracts import OcspRequestData
from firmware.v2g.contract.emaid import compact, same_emaid
from firmware.v2g.messages.iso2 import CertificateChain, ResponseCode
from firmware.v2g.pki.certificates import (
    UNREADABLE,
    Chain,
    Curve,
    PkiError,
    common_name,
    constraints,
    curve,
    in_order,
    root_of,
)
from firmware.v2g.pki.staples import queries_for

MAX_CERTIFICATES: Final = 4  # leaf, two sub CAs, and the root that some cars send along
MAX_SUB_CAS: Final = 2  # [V2G2-009]
MAX_DER: Final = 800  # bytes [V2G2-010]
SOON: Final = timedelta(days=14)
HANDLED: Final = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.CertificatePolicies)


class ContractRefused(Exception):
    """This contract does not pay here: the response code for the car, and the reason for people."""

    def __init__(self, code: ResponseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Contract:
    """A contract whose chain was looked at. `root` None: nobody here knows its root, the back office must.
    `judged` False: the clock could not be trusted, so nobody looked at the dates."""

    emaid: str  # compact
    chain: Chain
    key: ec.EllipticCurvePublicKey
    root: x509.Certificate | None
    judged: bool
    expires_soon: bool = False

    @property
    def valid(self) -> bool:
        """Good by what we know ourselves, without asking anybody."""
        return self.root is not None and self.judged

    @property
    def fingerprint(self) -> bytes:
        return fingerprint(self.chain.leaf)

    def pem(self) -> str:
        """The chain, for a back office that is to validate it (OCPP 2.0.1 C07.FR.06)."""
        return "".join(each.public_bytes(Encoding.PEM).decode() for each in self.chain.certificates)

    def ocsp_requests(self) -> tuple[OcspRequestData, ...]:
        """What to ask OCSP responders about each certificate whose issuer is known (C07.FR.02), the leaf first."""
        return tuple(query.request for query in queries_for(self.chain, self.root))


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the whole certificate."""
    return certificate.fingerprint(hashes.SHA256())


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Parts of a certificate are parsed when they are first looked at: what does not parse refuses the contract."""
    try:
        yield
    except UNREADABLE:
        raise _broken("a certificate cannot be read") from None


@reading()
def read_chain(sent: CertificateChain) -> Chain:
    """The car's certificates as a chain, whatever their order. Raises ContractRefused."""
    parts = (sent.certificate, *(sent.sub_certificates or ()))
    if len(parts) > MAX_CERTIFICATES or any(len(part) > MAX_DER for part in parts):
        raise _broken(f"{len(parts)} certificates, the largest with {max(map(len, parts))} bytes")
    try:
        chain = in_order([x509.load_der_x509_certificate(part) for part in parts])
    except PkiError as error:
        raise _broken(f"the chain {error}") from None
    if len(chain.sub_cas) > MAX_SUB_CAS:
        raise _broken(f"{len(chain.sub_cas)} sub CAs where {MAX_SUB_CAS} are allowed")
    return chain


@reading()
def examine(
    emaid: str, sent: CertificateChain, roots: Sequence[x509.Certificate], now: datetime, *, clock_trusted: bool = True
) -> Contract:
    """The contract, as far as it can be judged here and `now` (UTC). Raises ContractRefused.

    An unknown root and a clock that was never set are no refusal yet: who may then vouch for it is the desk's rule.
    """
    chain = read_chain(sent)
    key = chain.leaf.public_key()
    if curve(chain.leaf) is not Curve.P256 or not isinstance(key, ec.EllipticCurvePublicKey):
        raise _broken(f"{common_name(chain.leaf)!r} has no P-256 key")
    root = root_of(chain, [each for each in roots if each.subject == chain.top.issuer])
    whole = (*chain.certificates, *([root] if root is not None else []))
    for below, certificate in enumerate(whole):
        _check_purpose(certificate, below)
        if clock_trusted:
            check_age(certificate, now)
    if not same_emaid(emaid, common_name(chain.leaf)):
        code = ResponseCode.FAILED_CertificateNotAllowedAtThisEVSE
        raise ContractRefused(code, f"the certificate is {common_name(chain.leaf)[:40]!r}'s, not {emaid[:40]!r}'s")
    soon = clock_trusted and chain.leaf.not_valid_after_utc - now <= SOON
    return Contract(compact(common_name(chain.leaf)), chain, key, root, clock_trusted, soon)


def _check_purpose(certificate: x509.Certificate, below: int) -> None:
    """May it do what it does in this chain? `below`: how many certificates of the chain are below it."""
    name = common_name(certificate)
    extensions = list(certificate.extensions)
    for extension in extensions:
        if extension.critical and not isinstance(extension.value, HANDLED):
            raise _broken(f"{name!r} has a critical extension that is not known here")
    usage = next((each.value for each in extensions if isinstance(each.value, x509.KeyUsage)), None)
    if below == 0:
        if usage is not None and not usage.digital_signature:
            raise _broken(f"{name!r} may not sign (key usage)")
        return
    if usage is not None and not usage.key_cert_sign:
        raise _broken(f"{name!r} may not issue certificates (key usage)")
    allowed = constraints(certificate).path_length
    if allowed is not None and allowed < below - 1:
        raise _broken(f"{name!r} allows {allowed} CAs below it, and {below - 1} are there")


@reading()
def check_age(certificate: x509.Certificate, now: datetime) -> None:
    """Raises ContractRefused outside its validity."""
    name, begins, ends = common_name(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > ends:
        raise ContractRefused(ResponseCode.FAILED_CertificateExpired, f"{name!r} expired on {ends:%Y-%m-%d}")
    if now < begins:
        raise _broken(f"{name!r} is valid from {begins:%Y-%m-%d %H:%M} UTC on; here it is {now:%Y-%m-%d %H:%M}")


def _broken(reason: str) -> ContractRefused:
    return ContractRefused(ResponseCode.FAILED_CertChainError, reason)
