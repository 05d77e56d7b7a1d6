"""2.0.1: tokens and what is said about them, on the wire and as the station knows them (part 2, 2.40 and 2.41)."""

from typing import cast, get_args

from msgspec import UNSET

from firmware.ocpp.payload import given, moment
from firmware.ocpp.v201 import types
from firmware.station import facts
from firmware.station.authorization import Verdict


def told_token(token: facts.IdToken) -> types.IdToken:
    """C02.FR.01: who charges without authorization has no token."""
    kind = token.kind if token.kind in get_args(types.IdTokenEnum) else "Local"
    text = "" if kind == "NoAuthorization" else token.token[:36]
    return types.IdToken(id_token=text, type=cast(types.IdTokenEnum, kind))


def heard_token(said: types.IdToken) -> facts.IdToken:
    return facts.IdToken(said.id_token, said.type)


def verdict_of(info: types.IdTokenInfo) -> Verdict:
    """An expiry that is no time has passed: a token is not to stay in the cache for ever by mistake."""
    group, message, expiry = given(info.group_id_token), given(info.personal_message), None
    if info.cache_expiry_date_time is not UNSET:
        expiry = moment(info.cache_expiry_date_time) or 0.0
    return Verdict(
        status=info.status,
        group=heard_token(group) if group is not None else None,
        expiry=expiry,
        reason=message.content if message is not None else "",
        evses=given(info.evse_id) or (),
        language=given(info.language1) or "",
    )
