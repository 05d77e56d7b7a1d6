"""Certificates for cars in OCPP 1.6: what the back office asks inside DataTransfer (OCA application note "Using ISO
15118 Plug & Charge with OCPP 1.6"). The payloads are 2.0.1's as JSON text, and so are those who answer them.

What we ask ourselves in the same way is `contracts`'s.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import UNSET

from firmware.ocpp.checking import Violation, check
from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.payload import Payload
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v201 import certificates
from firmware.ocpp.v201 import messages as v201


class Served(NamedTuple):
    """A message of 2.0.1, and who answers it."""

    request: type[Payload]
    handler: Callable[[Any, Office], Awaitable[Answer]]


async def signed(request: v201.CertificateSignedRequest, office: Office) -> Answer:
    """Here it is about the certificate for cars unless it says otherwise: ours for the link has its own message."""
    if request.certificate_type is UNSET:
        request = msgspec.structs.replace(request, certificate_type="V2GCertificate")
    return await certificates.signed(request, office)


async def trigger(request: v201.TriggerMessageRequest, office: Office) -> Answer:
    """Only certificates are triggered in here; everything else has 1.6's own words."""
    if request.requested_message not in certificates.TRIGGERS:
        return Answer(v201.TriggerMessageResponse(status="NotImplemented"))
    begun = certificates.renew(request.requested_message, office)
    return Answer(v201.TriggerMessageResponse(status="Accepted" if begun else "Rejected"))


SERVED: Final[dict[str, Served]] = {
    "CertificateSigned": Served(v201.CertificateSignedRequest, signed),
    "DeleteCertificate": Served(v201.DeleteCertificateRequest, certificates.delete),
    "GetInstalledCertificateIds": Served(v201.GetInstalledCertificateIdsRequest, certificates.installed),
    "InstallCertificate": Served(v201.InstallCertificateRequest, certificates.install),
    "TriggerMessage": Served(v201.TriggerMessageRequest, trigger),
}


async def answer(message_id: str, data: str, office: Office) -> v16.DataTransferResponse:
    """The outer status only says whether the message was understood; what became of it stands inside."""
    served = SERVED.get(message_id)
    if served is None:
        return v16.DataTransferResponse(status="UnknownMessageId")
    try:
        request = check(data.encode(), served.request)
    except Violation as wrong:
        return v16.DataTransferResponse(status="Rejected", data=str(wrong))
    done = await served.handler(cast(Any, request), office)
    return v16.DataTransferResponse(status="Accepted", data=msgspec.json.encode(done.response).decode())
