"""2.0.1 block D: the local authorization list, sent and asked for."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from firmware.ocpp.dialect import Answer, Office, Refusal
from firmware.ocpp.payload import Payload, given
from firmware.ocpp.v201 import messages
from firmware.ocpp.v201.id_token import heard_token, verdict_of
from firmware.ocpp.v201.status_info import because
from firmware.station.authorization import Verdict
from firmware.station.local_list import Entry, Listed


async def send_local_list(request: messages.SendLocalListRequest, office: Office) -> Answer:
    """D01. Taken whole or not at all. Its size in bytes is limited as that of every message."""
    entries = given(request.local_authorization_list) or ()
    most = office.model.number("LocalAuthListCtrlr.ItemsPerMessage")
    if len(entries) > most:  # D01.FR.11
        raise Refusal("OccurrenceConstraintViolation", f"more than {most} tokens")
    outcome = office.station.authorizer.local_list.update(
        request.version_number, request.update_type, [_entry(each) for each in entries]
    )
    return Answer(messages.SendLocalListResponse(status=outcome.status, status_info=because(outcome.reason)))


def _entry(said: messages.AuthorizationData) -> Entry:
    """D01.FR.16, 17."""
    info = given(said.id_token_info)
    return Entry(heard_token(said.id_token), listed(verdict_of(info)) if info is not None else None)


def listed(verdict: Verdict) -> Listed:
    return Listed(verdict.status, verdict.group, verdict.expiry, verdict.evses)


async def get_local_list_version(request: messages.GetLocalListVersionRequest, office: Office) -> Answer:
    """D02: 0 where there is none."""
    version = office.station.authorizer.local_list.version
    return Answer(messages.GetLocalListVersionResponse(version_number=version))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.SendLocalListRequest: send_local_list,
    messages.GetLocalListVersionRequest: get_local_list_version,
}
