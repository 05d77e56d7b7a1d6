"""1.6: logs fetched by the central system, by GetLog (security whitepaper N01) and by GetDiagnostics (6.25)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from msgspec import UNSET, UnsetType

from firmware.ocpp.dialect import Answer, Office, Outgoing, Shape
from firmware.ocpp.payload import Payload, moment
from firmware.ocpp.v16 import messages as v16
from firmware.station.fact import Fact
from firmware.station.facts import LogStatus
from firmware.station.log_upload import LogOrder

#: steps of an upload in the words of GetDiagnostics; a cancelled one has failed
DIAGNOSTICS: Final = {"Idle": "Idle", "Uploaded": "Uploaded", "Uploading": "Uploading"}
_UNKNOWN_16: Final = {"AcceptedCanceled": "UploadFailure"}


async def get_log(request: v16.GetLog, office: Office) -> Answer:
    uploads = office.station.log_upload
    if uploads is None:
        return Answer(v16.GetLogResponse(status="Rejected"))
    order = LogOrder(
        kind=request.log_type,
        location=request.log.remote_location,
        request_id=request.request_id,
        oldest=_at(request.log.oldest_timestamp),
        latest=_at(request.log.latest_timestamp),
        tries=1 + max(0, request.retries if request.retries is not UNSET else 0),
        pause_s=float(max(0, request.retry_interval)) if request.retry_interval is not UNSET else 60.0,
    )
    answer = await uploads.begin(order)
    return Answer(v16.GetLogResponse(status=answer.status, filename=answer.filename[:255] or UNSET))


async def get_diagnostics(request: v16.GetDiagnostics, office: Office) -> Answer:
    uploads = office.station.log_upload
    if uploads is None:
        return Answer(v16.GetDiagnosticsResponse())  # no file name: nothing is uploaded
    order = LogOrder(
        kind="DiagnosticsLog",
        location=request.location,
        request_id=None,
        oldest=_at(request.start_time),
        latest=_at(request.stop_time),
        tries=1 + max(0, request.retries if request.retries is not UNSET else 0),
        pause_s=float(max(0, request.retry_interval)) if request.retry_interval is not UNSET else 60.0,
    )
    answer = await uploads.begin(order)
    return Answer(v16.GetDiagnosticsResponse(file_name=answer.filename[:255] or UNSET))


def _at(text: str | UnsetType) -> float | None:
    return moment(text) if text is not UNSET else None


def log_status(status: str, request_id: int | None) -> Outgoing:
    payload = v16.LogStatusNotification(
        status=cast(Any, _UNKNOWN_16.get(status, status)),
        request_id=request_id if request_id is not None else UNSET,
    )
    return Outgoing("LogStatusNotification", payload, v16.LogStatusNotificationResponse)


def diagnostics_status(status: str) -> Outgoing:
    payload = v16.DiagnosticsStatusNotification(status=cast(Any, DIAGNOSTICS.get(status, "UploadFailed")))
    return Outgoing("DiagnosticsStatusNotification", payload, v16.DiagnosticsStatusNotificationResponse)


def told(fact: LogStatus, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    if fact.request_id is None:
        return (diagnostics_status(fact.status),)
    return (log_status(fact.status, fact.request_id),)


def triggered(office: Office) -> Outgoing:
    uploads = office.station.log_upload
    return log_status(*(uploads.last_status() if uploads is not None else ("Idle", None)))


def diagnostics_triggered(office: Office) -> Outgoing:
    uploads = office.station.log_upload
    return diagnostics_status(uploads.last_status()[0] if uploads is not None else "Idle")


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.GetLog: get_log,
    v16.GetDiagnostics: get_diagnostics,
}
CALLS: Final[dict[type[Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {LogStatus: told}
