"""Contracts of cars in OCPP 1.6: the payloads of 2.0.1 as JSON text inside DataTransfer (OCA application note "Using
ISO 15118 Plug & Charge with OCPP 1.6")."""

from typing import Final, TypeVar, cast

import msgspec
from msgspec import UNSET

from firmware.ocpp.checking import Violation, check
from firmware.ocpp.dialect import Outgoing
from firmware.ocpp.payload import Payload
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v201 import certificates
from firmware.ocpp.v201 import messages as v201
from firmware.ocpp.v201.contracts import Contracts201
from firmware.ocpp.v201.id_token import verdict_of
from firmware.station.contracts import Action, CertificateAnswer, ContractVerdict, OcspRequestData, PresentedContract

VENDOR: Final = "org.openchargealliance.iso15118pnc"

P = TypeVar("P", bound=Payload)


class Contracts16:
    """As `Contracts201`, wrapped."""

    def __init__(self) -> None:
        self._inside = Contracts201(verdict_of)

    def authorize(self, contract: PresentedContract) -> Outgoing:
        return _wrapped(self._inside.authorize(contract))

    def authorized(self, response: Payload) -> ContractVerdict | None:
        """None: this back office does not know contracts; it may know the eMAID as a plain token."""
        answer = _unwrapped(response, v201.AuthorizeResponse)
        return self._inside.authorized(answer) if answer is not None else None

    def exchange(self, action: Action, exi_request: str, schema: str) -> Outgoing:
        return _wrapped(self._inside.exchange(action, exi_request, schema))

    def exchanged(self, response: Payload) -> CertificateAnswer:
        answer = _unwrapped(response, v201.Get15118EVCertificateResponse)
        if answer is None:
            status = cast(v16.DataTransferResponse, response).status
            return CertificateAnswer(False, reason=f"the back office answered DataTransfer with {status}")
        return self._inside.exchanged(answer)

    def status(self, request: OcspRequestData) -> Outgoing:
        return _wrapped(self._inside.status(request))

    def status_of(self, response: Payload) -> bytes | None:
        answer = _unwrapped(response, v201.GetCertificateStatusResponse)
        return self._inside.status_of(answer) if answer is not None else None


def sign_certificate(csr: str) -> Outgoing:
    """Our certificate for cars (-2)."""
    return _wrapped(certificates.sign_certificate(csr, "V2G"))


def will_sign(response: Payload) -> bool:
    """The answer to it, or to the same request for our own link, which is 1.6's own message."""
    if isinstance(response, v16.DataTransferResponse):
        inside = _unwrapped(response, v201.SignCertificateResponse)
        return inside is not None and certificates.will_sign(inside)
    return certificates.will_sign(response)


def _wrapped(call: Outgoing) -> Outgoing:
    data = msgspec.json.encode(call.payload).decode()
    payload = v16.DataTransfer(vendor_id=VENDOR, message_id=call.action, data=data)
    return Outgoing("DataTransfer", payload, v16.DataTransferResponse)


def _unwrapped(response: Payload, kind: type[P]) -> P | None:
    """The payload inside; None where there is none that can be read."""
    answer = cast(v16.DataTransferResponse, response)
    if answer.status != "Accepted" or answer.data is UNSET:
        return None
    try:
        return cast(P, check(answer.data.encode(), kind))
    except Violation:
        return None
