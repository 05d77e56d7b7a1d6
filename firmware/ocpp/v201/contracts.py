"""Contracts of cars in OCPP 2.0.1: Authorize with certificate data (C07), Get15118EVCertificate (M01, M02),
GetCertificateStatus (M06)."""

import base64
import binascii
from collections.abc import Callable
from typing import cast

from msgspec import UNSET

from firmware.ocpp.dialect import Outgoing
from firmware.ocpp.payload import Payload
from firmware.ocpp.v201 import messages, types
from firmware.ocpp.v201.id_token import told_token
from firmware.station.authorization import Verdict
from firmware.station.contracts import (
    Action,
    CertificateAnswer,
    ContractVerdict,
    OcspRequestData,
    PresentedContract,
)

MAX_HASHES = 4
MAX_PEM = 5500
MAX_URL = 512


def as_it_is(call: Outgoing) -> Outgoing:
    return call


class Contracts201:
    """What is asked, and what the answers mean. `verdict` reads an idTokenInfo; `heard` adapts calls to 2.1."""

    def __init__(
        self, verdict: Callable[[types.IdTokenInfo], Verdict], heard: Callable[[Outgoing], Outgoing] = as_it_is
    ) -> None:
        self._verdict = verdict
        self._heard = heard

    def authorize(self, contract: PresentedContract) -> Outgoing:
        """C07.FR.02, C07.FR.06. A chain too long for the field is not sent in part."""
        hashes = tuple(ocsp_request(each) for each in contract.ocsp[:MAX_HASHES])
        pem = contract.chain_pem
        payload = messages.AuthorizeRequest(
            id_token=told_token(contract.id_token),
            certificate=pem if pem is not None and len(pem) <= MAX_PEM else UNSET,
            iso15118_certificate_hash_data=hashes or UNSET,
        )
        return self._heard(Outgoing("Authorize", payload, messages.AuthorizeResponse))

    def authorized(self, response: Payload) -> ContractVerdict | None:
        answer = cast(messages.AuthorizeResponse, response)
        status = answer.certificate_status
        return ContractVerdict(self._verdict(answer.id_token_info), status if status is not UNSET else "")

    def exchange(self, action: Action, exi_request: str, schema: str) -> Outgoing:
        payload = messages.Get15118EVCertificateRequest(
            iso15118_schema_version=schema, action=action, exi_request=exi_request
        )
        return self._heard(Outgoing("Get15118EVCertificate", payload, messages.Get15118EVCertificateResponse))

    def exchanged(self, response: Payload) -> CertificateAnswer:
        answer = cast(messages.Get15118EVCertificateResponse, response)
        info = answer.status_info
        reason = info.reason_code if info is not UNSET else "the back office has no certificate for this car"
        accepted = answer.status == "Accepted"
        return CertificateAnswer(accepted, answer.exi_response, "" if accepted else reason)

    def status(self, request: OcspRequestData) -> Outgoing:
        payload = messages.GetCertificateStatusRequest(ocsp_request_data=ocsp_request(request))
        return self._heard(Outgoing("GetCertificateStatus", payload, messages.GetCertificateStatusResponse))

    def status_of(self, response: Payload) -> bytes | None:
        """The OCSP response (DER, M06.FR.09; in base64 over JSON), None where there is none."""
        answer = cast(messages.GetCertificateStatusResponse, response)
        if answer.status != "Accepted" or answer.ocsp_result is UNSET:
            return None
        try:
            return base64.b64decode("".join(answer.ocsp_result.split()), validate=True)
        except binascii.Error:
            return None


def ocsp_request(request: OcspRequestData) -> types.OcspRequestData:
    return types.OcspRequestData(
        hash_algorithm="SHA256",
        issuer_name_hash=request.issuer_name_hash,
        issuer_key_hash=request.issuer_key_hash,
        serial_number=request.serial_number,
        responder_url=request.responder_url[:MAX_URL],
    )
