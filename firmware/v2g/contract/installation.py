"""A car's request for a contract certificate: is it the car's, and what of the answer goes back to the car?

The certificate itself is made by the back office's partners; the station checks the request and relays EXI.
ISO 15118-2 clauses 8.4.3.10, 8.4.3.11; OCPP 2.0.1 M01, M02.
"""

import base64
import binascii
from datetime import datetime
from typing import Final

from cryptography import x509

from firmware.station.contracts import Action, CertificateAnswer
from firmware.v2g.contract.chain import ContractRefused, check_age, read_chain, reading
from firmware.v2g.contract.signatures import BadSignature, Part, verify
from firmware.v2g.exi import ExiError, decode, encode
from firmware.v2g.messages.declare import replace
from firmware.v2g.messages.iso2 import (
    CertificateInstallationReq,
    CertificateUpdateReq,
    ResponseCode,
    V2gMessage,
)
from firmware.v2g.messages.xmldsig import Signature
from firmware.v2g.peer import Relayed
from firmware.v2g.pki.certificates import UNREADABLE

MAX_FORWARDED: Final = 4200  # bytes: 5600 characters of base64 (OCPP Get15118EVCertificate)
MAX_ANSWER: Final = 8192  # bytes; OCPP 2.0.1 allows 5625

CertificateRequest = CertificateInstallationReq | CertificateUpdateReq


class NoAnswer(Exception):
    """The back office sent nothing that could go to the car; the text says why."""


def action_of(request: CertificateRequest) -> Action:
    return "Update" if isinstance(request, CertificateUpdateReq) else "Install"


def check_request(
    request: CertificateRequest, signature: Signature | None, size: int, now: datetime, *, clock_trusted: bool
) -> None:
    """Is it signed with the key of the certificate in it, which has not expired? `size`: bytes of the whole message.
    Raises ContractRefused. Whether that certificate is of a known maker is the back office's to say."""
    if size > MAX_FORWARDED:
        raise ContractRefused(ResponseCode.FAILED, f"a request of {size} bytes is too large to be forwarded")
    leaf = _signer(request)
    if clock_trusted:
        check_age(leaf, now)
    try:
        verify(signature, [Part(request, request.id)], leaf.public_key())
    except (BadSignature, *UNREADABLE) as bad:
        raise ContractRefused(ResponseCode.FAILED_SignatureError, str(bad)) from None


def _signer(request: CertificateRequest) -> x509.Certificate:
    if isinstance(request, CertificateUpdateReq):
        return read_chain(request.contract_signature_cert_chain).leaf
    with reading():
        return x509.load_der_x509_certificate(request.oem_provisioning_cert)


def relay(answer: CertificateAnswer, request: CertificateRequest, session_id: bytes) -> Relayed:
    """The back office's answer as it goes to the car: unchanged, but for a session id that is another's. Signatures
    are made over parts of the body, so they hold. Raises NoAnswer."""
    if not answer.accepted:
        raise NoAnswer(answer.reason or "the back office has no certificate for this car")
    try:
        payload = base64.b64decode("".join(answer.exi_response.split()), validate=True)
        if len(payload) > MAX_ANSWER:
            raise NoAnswer(f"an answer of {len(payload)} bytes")
        message = decode(payload, "iso2")
    except (binascii.Error, ExiError, ValueError) as error:
        raise NoAnswer(f"the answer of the back office is no EXI message: {error}") from None
    if not isinstance(message, V2gMessage) or not isinstance(message.body, request.answered_by):
        raise NoAnswer(f"the back office did not answer with {request.answered_by.__name__}")
    if message.header.session_id != session_id:
        payload = _readdressed(message, session_id, payload)
    return Relayed(message.body, payload)


def _readdressed(message: V2gMessage, session_id: bytes, payload: bytes) -> bytes:
    """With our session id: cars check it before anything else."""
    header = replace(message.header, session_id=session_id)
    try:
        return encode(replace(message, header=header), "iso2")
    except ExiError:  # longer values than the schema allows, as some back offices send: the car may be lenient
        return payload
