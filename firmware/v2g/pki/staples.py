"""OCSP responses for our own certificates: kept in files, checked for age, renewed in time by asking whoever can be
asked (OCPP 2.0.1 M06). Those of leaves are sent to cars; those of sub CAs tell us when one was revoked.

A station that does not reach the responder itself asks its CSMS (OCPP GetCertificateStatus), so a query carries what
OCPP wants to know. The signature of a response is the car's to check, not ours: we only do not send nonsense.
"""

import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from firmware.station.authorization import Unreachable
from firmware.station.contracts import OcspRequestData
from firmware.v2g.pki.certificates import Chain, common_name
from firmware.v2g.pki.certificates import der as der_of
from firmware.v2g.pki.store import Finding

log = logging.getLogger(__name__)

MAX_AGE: Final = timedelta(days=7)  # [V2G2-649], [V2G20-2388]
RENEW_AFTER: Final = timedelta(days=3)
MAX_RESPONSE: Final = 16_384


class StapleError(ValueError):
    """A response that must not be sent; the text says why."""


@dataclass(frozen=True)
class Query:
    """What a responder needs to know about a certificate, in the words of OCPP (OCSPRequestDataType, SHA-256)."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    responder_url: str

    @property
    def issuer_name_hash(self) -> str:
        return hashlib.sha256(self.issuer.subject.public_bytes()).hexdigest()

    @property
    def issuer_key_hash(self) -> str:
        return hashlib.sha256(key_bits(self.issuer)).hexdigest()

    @property
    def serial_number(self) -> str:
        return f"{self.certificate.serial_number:x}"

    @property
    def request(self) -> OcspRequestData:
        return OcspRequestData(
            self.issuer_name_hash, self.issuer_key_hash, self.serial_number, responder_url=self.responder_url
        )


#: asks for one response (DER). Raises Unreachable when it is not to be had now.
Fetch = Callable[[OcspRequestData], Awaitable[bytes]]


def key_bits(certificate: x509.Certificate) -> bytes:
    """The public key as OCSP hashes it: the bit string without its wrapping (RFC 6960 4.1.1)."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - only when a query is made
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def queries_for(chain: Chain, root: x509.Certificate | None) -> Iterator[Query]:
    """What to ask about each certificate whose issuer is known, the leaf first."""
    issuers = (*chain.sub_cas, root)
    for certificate, issuer in zip(chain.certificates, issuers, strict=True):
        if issuer is not None:
            yield Query(certificate, issuer, _responder(certificate))


def _responder(certificate: x509.Certificate) -> str:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    urls = [each.access_location.value for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
    return str(urls[0]) if urls else ""


@dataclass(frozen=True)
class Validity:
    """When a response was made, and until when it may be used by its own word (None: it does not say)."""

    made: datetime
    until: datetime | None

    @property
    def renew_at(self) -> datetime:
        """Early enough that a back office may be away for days: after three of the seven days that cars accept, or at
        half the time that the responder gives, whichever comes first."""
        by_age = self.made + RENEW_AFTER
        return by_age if self.until is None else min(by_age, self.made + (self.until - self.made) / 2)


def check(response: bytes, leaf: x509.Certificate, now: datetime) -> Validity:
    """May this response go out for the leaf? Raises StapleError."""
    try:
        parsed = ocsp.load_der_ocsp_response(response)
        if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise StapleError(f"the responder said {parsed.response_status.name}")
        serial, status = parsed.serial_number, parsed.certificate_status
        made, until = parsed.this_update_utc, parsed.next_update_utc
    except StapleError:
        raise
    except ValueError as error:
        raise StapleError(f"no OCSP response: {error}") from error
    if serial != leaf.serial_number:
        raise StapleError("it is about another certificate")
    if status is not ocsp.OCSPCertStatus.GOOD:
        raise StapleError(f"it says the certificate is {status.name}")
    if now - made > MAX_AGE:
        raise StapleError(f"it was made {made:%Y-%m-%d}, more than {MAX_AGE.days} days ago")
    if until is not None and now > until:
        raise StapleError(f"it was good until {until:%Y-%m-%d %H:%M} UTC")
    if made - now > timedelta(minutes=5):
        raise StapleError(f"it is from the future ({made:%Y-%m-%d %H:%M} UTC): is the clock right?")
    return Validity(made, until)


class Staples:
    """The responses in one PKI folder, by certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "ocsp"
        self._known: dict[bytes, bytes] = {}

    def file_of(self, leaf: x509.Certificate) -> Path:
        return self._folder / f"{hashlib.sha256(der_of(leaf)).hexdigest()[:32]}.der"

    def load(self, certificates: Iterable[x509.Certificate]) -> None:
        """Read what is on disk for these."""
        self._known = {}
        for each in certificates:
            try:
                data = self.file_of(each).read_bytes()[: MAX_RESPONSE + 1]
            except OSError:
                continue
            if len(data) <= MAX_RESPONSE:
                self._known[der_of(each)] = data

    def staple(self, leaf: x509.Certificate, now: datetime) -> bytes:
        """What to send with the leaf now, b"" when there is nothing that may be sent."""
        response = self._known.get(der_of(leaf), b"")
        if not response:
            return b""
        try:
            check(response, leaf, now)
        except StapleError as error:
            log.warning("OCSP response for %s not sent: %s", common_name(leaf), error)
            return b""
        return response

    def state(self, leaf: x509.Certificate, now: datetime) -> str:
        """For people: what a car that asks gets."""
        response = self._known.get(der_of(leaf), b"")
        if not response:
            return "no OCSP response"
        try:
            return f"OCSP response of {check(response, leaf, now).made:%Y-%m-%d %H:%M} UTC"
        except StapleError as error:
            return f"OCSP response not sent: {error}"

    def put(self, leaf: x509.Certificate, response: bytes, now: datetime) -> None:
        """Keep a fresh response, on disk too. Raises StapleError, OSError."""
        if len(response) > MAX_RESPONSE:
            raise StapleError(f"it has {len(response)} bytes")
        check(response, leaf, now)
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        path = self.file_of(leaf)
        part = path.with_suffix(".part")
        part.write_bytes(response)
        os.replace(part, path)
        self._known[der_of(leaf)] = response

    async def renew(self, queries: Sequence[Query], fetch: Fetch, now: datetime) -> list[Finding]:
        """Ask for every response that is missing or due; what is not to be had now, later. Returns what is wrong with
        those that came."""
        wrong = []
        for query in queries:
            if not self._due(query.certificate, now):
                continue
            name = common_name(query.certificate)
            try:
                self.put(query.certificate, await fetch(query.request), now)
            except Unreachable as reason:
                log.info("no OCSP response for %s now: %s", name, reason)
            except (StapleError, OSError) as error:
                wrong.append(Finding("warning", f"ocsp/{name}", f"a fresh OCSP response is of no use: {error}"))
            else:
                log.info("OCSP response for %s renewed", name)
        return wrong

    def _due(self, leaf: x509.Certificate, now: datetime) -> bool:
        try:
            return now >= check(self._known.get(der_of(leaf), b""), leaf, now).renew_at
        except StapleError:
            return True
