"""1.6 local authorization list (3.5.2, 5.10, 5.15)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.payload import Payload, given
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v16.id_tag import verdict_of
from firmware.station.facts import IdToken
from firmware.station.local_list import Entry, Listed

NOT_SUPPORTED: Final = -1  # 5.10


async def send_local_list(request: v16.SendLocalList, office: Office) -> Answer:
    """Taken whole or not at all. A list longer than SendLocalListMaxLength failed."""
    listed = office.station.authorizer.local_list
    if not listed.enabled:
        return Answer(v16.SendLocalListResponse(status="NotSupported"))
    said = given(request.local_authorization_list) or ()
    if len(said) > office.model.number("LocalAuthListCtrlr.ItemsPerMessage"):
        return Answer(v16.SendLocalListResponse(status="Failed"))
    outcome = listed.update(request.list_version, request.update_type, [_entry(each) for each in said])
    return Answer(v16.SendLocalListResponse(status=outcome.status))


def _entry(said: v16.AuthorizationData) -> Entry:
    info = given(said.id_tag_info)
    if info is None:
        return Entry(IdToken(said.id_tag), None)
    verdict = verdict_of(info)
    return Entry(IdToken(said.id_tag), Listed(verdict.status, verdict.group, verdict.expiry))


async def get_local_list_version(request: v16.GetLocalListVersion, office: Office) -> Answer:
    """5.10: 0 says that the list is empty, whatever its version was."""
    listed = office.station.authorizer.local_list
    version = NOT_SUPPORTED if not listed.enabled else listed.version if len(listed) else 0
    return Answer(v16.GetLocalListVersionResponse(list_version=version))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.SendLocalList: send_local_list,
    v16.GetLocalListVersion: get_local_list_version,
}
