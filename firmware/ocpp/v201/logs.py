"""2.0.1 N01: logs fetched by the back office, as `station.log_upload` sends them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from msgspec import UNSET, UnsetType

from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.status_info import because
from firmware.station.fact import Fact
from firmware.station.facts import LogStatus
from firmware.station.log_upload import LogOrder


async def get_log(request: messages.GetLogRequest, office: Office) -> Answer:
    uploads = office.station.log_upload
    if uploads is None or request.log_type not in {"DiagnosticsLog", "SecurityLog"}:  # 2.1: DataCollectorLog
        info = because(f"there is no {request.log_type} here")
        return Answer(messages.GetLogResponse(status="Rejected", status_info=info))
    order = LogOrder(
        kind=request.log_type,
        location=request.log.remote_location,
        request_id=request.request_id,
        oldest=at(request.log.oldest_timestamp),
        latest=at(request.log.latest_timestamp),
        tries=1 + max(0, request.retries if request.retries is not UNSET else 0),
        pause_s=float(max(0, request.retry_interval)) if request.retry_interval is not UNSET else 60.0,
    )
    answer = await uploads.begin(order)
    return Answer(
        messages.GetLogResponse(
            status=answer.status, filename=answer.filename[:255] or UNSET, status_info=because(answer.reason)
        )
    )


def at(text: str | UnsetType) -> float | None:
    return moment(text) if text is not UNSET else None


def status_notification(status: str, request_id: int | None) -> Outgoing:
    payload = messages.LogStatusNotificationRequest(
        status=cast(messages.UploadLogStatusEnum, status),
        request_id=request_id if request_id is not None else UNSET,
    )
    return Outgoing("LogStatusNotification", payload, messages.LogStatusNotificationResponse)


def told(fact: LogStatus, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    return (status_notification(fact.status, fact.request_id),)


def triggered(office: Office) -> list[Outgoing]:
    uploads = office.station.log_upload
    return [status_notification(*(uploads.last_status() if uploads is not None else ("Idle", None)))]


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {messages.GetLogRequest: get_log}
CALLS: Final[dict[type[Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {LogStatus: told}
