"""May the certificate of an order sign software for us (L01): is it our manufacturer's, and was it not revoked? How
signatures are checked is `signature`'s, what revocation is `revocation`'s.
"""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from firmware.station.authorization import Unreachable
from firmware.station.contracts import OcspRequestData
from firmware.station.firmware_update import UpdateAnswer, UpdateOrder
from firmware.station.station import Station

log = logging.getLogger(__name__)

ASK_S: Final = 5.0  # so long the order waits for word on its signer's certificate


async def refuses_signer(station: Station, certificates: Path, order: UpdateOrder) -> UpdateAnswer | None:
    """The answer when it cannot sign for us, None when it can. `certificates`: the folder of our roots."""
    if order.certificate is None or order.signature is None:
        return UpdateAnswer("InvalidCertificate", "a signature needs its certificate, a certificate its signature")
    found = await asyncio.to_thread(_look, order.certificate, certificates, station.clock.utc())
    if isinstance(found, str):
        return UpdateAnswer("InvalidCertificate", found)
    serial, request = found
    if request is not None and await _is_revoked(station, serial, request):
        return UpdateAnswer("RevokedCertificate", f"the certificate that signs ({serial:x}) was revoked")
    return None


def _look(pem: str, certificates: Path, utc: float) -> tuple[int, OcspRequestData | None] | str:
    """Its serial number and what to ask about it, or what is wrong with it. Not for the event loop."""
    from firmware.security.certificates import CertificateError  # noqa: PLC0415 - needed for updates only
    from firmware.security.store import Store  # noqa: PLC0415
    from firmware.update.revocation import question  # noqa: PLC0415
    from firmware.update.signature import check_signer  # noqa: PLC0415

    try:
        signer = check_signer(pem, Store(certificates, certificates), datetime.fromtimestamp(utc, UTC))
        return signer.certificate.serial_number, question(*signer)
    except CertificateError as error:
        return str(error)


async def _is_revoked(station: Station, serial: int, request: OcspRequestData) -> bool:
    """As far as can be learnt quickly: who cannot be asked does not keep software away."""
    from firmware.update.revocation import says_revoked  # noqa: PLC0415

    source = station.certificate_status
    if source is None:
        return False
    try:
        async with asyncio.timeout(ASK_S):
            response = await source.get_certificate_status(request)
    except (Unreachable, TimeoutError) as error:
        log.info("firmware update: nobody says whether its certificate was revoked: %s", error or "no answer")
        return False
    return await asyncio.to_thread(says_revoked, response, serial)
