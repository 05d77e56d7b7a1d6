"""1.6: firmware updates, with a signature (security whitepaper L01) and without (Firmware Management)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing, Refusal, Shape
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.v16 import messages as v16
from firmware.station.fact import Fact
from firmware.station.facts import FirmwareStatus
from firmware.station.firmware_update import UpdateOrder

#: steps of 2.x that unsigned updates of 1.6 know, or are told by another word; the others are not told (1.6 7.25)
PLAIN: Final = {
    "Downloaded": "Downloaded",
    "DownloadFailed": "DownloadFailed",
    "Downloading": "Downloading",
    "InstallationFailed": "InstallationFailed",
    "InstallVerificationFailed": "InstallationFailed",
    "Installing": "Installing",
    "Installed": "Installed",
    "Idle": "Idle",
}


async def update(request: v16.UpdateFirmware, office: Office) -> Answer:
    process = office.station.firmware_update
    if process is None or not process.accepts_unsigned:
        raise Refusal("NotSupported", "only signed software is taken (SignedUpdateFirmware)")  # L01.FR.20
    now = office.station.clock.utc()
    order = UpdateOrder(
        request_id=None,
        location=request.location,
        retrieve_at=moment(request.retrieve_date) or now,
        tries=1 + max(0, request.retries if request.retries is not UNSET else 0),
        pause_s=float(max(0, request.retry_interval)) if request.retry_interval is not UNSET else 60.0,
    )
    await process.begin(order)  # 1.6 has no word for no
    return Answer(v16.UpdateFirmwareResponse())


async def signed_update(request: v16.SignedUpdateFirmware, office: Office) -> Answer:
    process = office.station.firmware_update
    if process is None:
        return Answer(v16.SignedUpdateFirmwareResponse(status="Rejected"))
    wanted = request.firmware
    order = UpdateOrder(
        request_id=request.request_id,
        location=wanted.location,
        retrieve_at=moment(wanted.retrieve_date_time) or office.station.clock.utc(),
        install_at=moment(wanted.install_date_time) if wanted.install_date_time is not UNSET else None,
        certificate=wanted.signing_certificate,
        signature=wanted.signature,
        tries=1 + max(0, request.retries if request.retries is not UNSET else 0),
        pause_s=float(max(0, request.retry_interval)) if request.retry_interval is not UNSET else 60.0,
    )
    return Answer(v16.SignedUpdateFirmwareResponse(status=(await process.begin(order)).status))


def signed_status(status: str, request_id: int | None) -> Outgoing:
    payload = v16.SignedFirmwareStatusNotification(
        status=cast(Any, status), request_id=request_id if request_id is not None else UNSET
    )
    return Outgoing("SignedFirmwareStatusNotification", payload, v16.SignedFirmwareStatusNotificationResponse)


def plain_status(status: str) -> Outgoing:
    payload = v16.FirmwareStatusNotification(status=cast(Any, PLAIN.get(status, "Idle")))
    return Outgoing("FirmwareStatusNotification", payload, v16.FirmwareStatusNotificationResponse)


def told(fact: FirmwareStatus, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    if fact.signed:
        return (signed_status(fact.status, fact.request_id),)
    return (plain_status(fact.status),) if fact.status in PLAIN else ()


def triggered(office: Office, *, signed: bool) -> Outgoing:
    process = office.station.firmware_update
    status, request_id = process.last_status() if process is not None else ("Idle", None)
    return signed_status(status, request_id) if signed else plain_status(status)


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.UpdateFirmware: update,
    v16.SignedUpdateFirmware: signed_update,
}
CALLS: Final[dict[type[Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {FirmwareStatus: told}
