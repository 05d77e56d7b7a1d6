"""1.6: what is said about an idTag (7.27, 7.28), as the station knows it."""

from firmware.ocpp.payload import given, moment
from firmware.ocpp.v16 import messages as v16
from firmware.station.authorization import Verdict
from firmware.station.facts import IdToken


def id_tag(token: str) -> str:
    """idTag is CiString20; a longer token (eMAID, 2.x) is cut, the same way every time."""
    return token[:20]


def verdict_of(info: v16.IdTagInfo) -> Verdict:
    """An expiry that is no time has passed: a token is not to stay in the cache for ever by mistake."""
    parent, expiry = given(info.parent_id_tag), given(info.expiry_date)
    return Verdict(
        status=info.status,
        group=IdToken(parent) if parent is not None else None,
        expiry=(moment(expiry) or 0.0) if expiry is not None else None,
    )
