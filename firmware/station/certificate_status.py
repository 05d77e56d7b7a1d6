"""Is a certificate of ours revoked? Who can ask, as the station sees it: a back office, whatever protocol it speaks.

OCPP 2.0.1 use case M06 (GetCertificateStatus). What is done with the answer is the asker's affair.
"""

from typing import Protocol

from firmware.station.contracts import OcspRequestData


class StatusSource(Protocol):
    """`station.certificate_status`; None there: nobody to ask."""

    async def get_certificate_status(self, request: OcspRequestData) -> bytes:
        """The OCSP responder's answer (RFC 6960, DER). Raises firmware.station.authorization.Unreachable when it is not
        to be had now; the text says why."""
        ...
