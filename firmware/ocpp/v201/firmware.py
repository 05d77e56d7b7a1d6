"""2.0.1 block L: firmware updates, as `station.firmware_update` does them. L03 and L04 are a local controller's."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.status_info import because
from firmware.station.fact import Fact
from firmware.station.facts import FirmwareStatus
from firmware.station.firmware_update import UpdateOrder


async def update(request: messages.UpdateFirmwareRequest, office: Office) -> Answer:
    process = office.station.firmware_update
    if process is None:
        info = because("this station has no installer for software")
        return Answer(messages.UpdateFirmwareResponse(status="Rejected", status_info=info))
    wanted = request.firmware
    now = office.station.clock.utc()
    order = UpdateOrder(
        request_id=request.request_id,
        location=wanted.location,
        retrieve_at=moment(wanted.retrieve_date_time) or now,
        install_at=moment(wanted.install_date_time) if wanted.install_date_time is not UNSET else None,
        certificate=wanted.signing_certificate if wanted.signing_certificate is not UNSET else None,
        signature=wanted.signature if wanted.signature is not UNSET else None,
        tries=1 + max(0, request.retries if request.retries is not UNSET else 0),
        pause_s=float(max(0, request.retry_interval)) if request.retry_interval is not UNSET else 60.0,
    )
    answer = await process.begin(order)
    return Answer(messages.UpdateFirmwareResponse(status=answer.status, status_info=because(answer.reason)))


def status_notification(status: str, request_id: int | None) -> Outgoing:
    payload = messages.FirmwareStatusNotificationRequest(
        status=cast(messages.FirmwareStatusEnum, status),
        request_id=request_id if request_id is not None else UNSET,
    )
    return Outgoing("FirmwareStatusNotification", payload, messages.FirmwareStatusNotificationResponse)


def told(fact: FirmwareStatus, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    return (status_notification(fact.status, fact.request_id),)


def triggered(office: Office) -> list[Outgoing]:
    process = office.station.firmware_update
    return [status_notification(*(process.last_status() if process is not None else ("Idle", None)))]


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.UpdateFirmwareRequest: update,
}
CALLS: Final[dict[type[Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {FirmwareStatus: told}
