"""May this token charge? Free mode, back office, local list, cache, and the rules while the back office is away.

Says yes or no with a reason; what follows from it (starting, stopping) is the station's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import msgspec

from firmware.config import AuthorizationSettings
from firmware.station.clock import Clock
from firmware.station.facts import IdToken
from firmware.station.journal import Change, Contents

CACHE_KIND: Final = "token"
CACHE_SIZE: Final = 500
CACHE_LIFETIME_S: Final = 30 * 86_400.0  # since the token's last use (AuthCacheCtrlr.LifeTime)
#: C10: the cache is not for these; the back office vouches for them itself (C05), or nobody asks at all.
NEVER_ASKED: Final = frozenset({"Central", "NoAuthorization"})


class Unreachable(Exception):
    """The back office did not answer: the offline rules apply."""


@dataclass(frozen=True)
class Verdict:
    """Answer to "may this token charge?". `status`: AuthorizationStatusEnumType; `expiry`: UTC seconds."""

    status: str = "Accepted"
    group: IdToken | None = None
    expiry: float | None = None
    reason: str = ""
    source: str = "csms"

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


class BackOffice(Protocol):
    """What the station needs of a back office, whatever protocol it speaks."""

    @property
    def connected(self) -> bool: ...

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        """Ask whether the token may charge at this EVSE. Raises Unreachable."""
        ...


class CachedToken(msgspec.Struct, frozen=True):
    """What the back office last said of a token, and when (UTC seconds) it was last used."""

    status: str
    used: float
    group: IdToken | None = None
    expiry: float | None = None


def same_token(one: IdToken | None, other: IdToken | None) -> bool:
    """Tokens are compared without case (OCPP 2.0.1 part 2, C 1.1); a kind of a reader is no reason to differ."""
    return one is not None and other is not None and one.token.upper() == other.token.upper()


class Authorizer:
    """The rules of one station. The cache lives here and in the journal; list and mode come from the settings."""

    def __init__(
        self,
        settings: AuthorizationSettings,
        clock: Clock,
        keep: Callable[[Change], None],
        flag: Callable[[str, bool], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keep = keep
        self._flag = flag  # what the back office may switch: OCPP 2.0.1 name, default
        self._list = {token.upper() for token in settings.local_list}
        self._cache: dict[str, CachedToken] = {}

    @property
    def has_cache(self) -> bool:
        return self._settings.mode == "csms" and self._flag("AuthCacheCtrlr.Enabled", self._settings.cache)

    def load(self, contents: Contents) -> None:
        """Take over the cache from the journal."""
        entries = [(key, body) for (kind, key), body in contents.items() if kind == CACHE_KIND]
        for key, body in entries:
            try:
                self._cache[key] = msgspec.json.decode(body, type=CachedToken)
            except msgspec.MsgspecError:
                self._keep(Change(CACHE_KIND, key, None))  # of another version: the back office knows it anew

    async def check(self, id_token: IdToken, evse: int, back_office: BackOffice | None) -> Verdict:
        """The verdict on a token that was presented. Never raises: what cannot be asked is decided offline."""
        mode = self._settings.mode
        if mode == "free":
            return Verdict(source="free")
        if mode == "local":
            return self._listed(id_token) or _no("Invalid", "local_list", "it is not in the local list")
        if self._flag("AuthCtrlr.LocalPreAuthorize", False):  # C14, C12: known here, nobody needs to be asked
            known = self.known(id_token)
            if known is not None and known.accepted:
                return known
        if back_office is not None and back_office.connected:
            try:
                verdict = await back_office.authorize(id_token, evse)
            except Unreachable:
                return self._offline(id_token)
            self.learn(id_token, verdict)
            if verdict.accepted or verdict.reason:
                return verdict
            return replace(verdict, reason=f"the back office says {verdict.status}")
        return self._offline(id_token)

    def known(self, id_token: IdToken) -> Verdict | None:
        """What list or cache say now, without asking anybody; None = nothing."""
        listed = self._listed(id_token)
        if listed is not None or not self.has_cache:
            return listed
        entry = self._cache.get(_key(id_token))
        now = self._clock.utc()
        if entry is None or now - entry.used > CACHE_LIFETIME_S:
            return None
        if entry.expiry is not None and entry.expiry <= now:
            return _no("Expired", "cache", "its authorization in the cache has expired")
        if entry.status != "Accepted":
            return _no(entry.status, "cache", f"the back office last said {entry.status}")
        return Verdict(group=entry.group, expiry=entry.expiry, source="cache")

    def learn(self, id_token: IdToken, verdict: Verdict) -> None:
        """C10.FR.01/04/05: keep what the back office says, whatever it says; a listed token is not cached (C13)."""
        if not self.has_cache or id_token.kind in NEVER_ASKED or id_token.token.upper() in self._list:
            return
        key = _key(id_token)
        entry = CachedToken(verdict.status, round(self._clock.utc()), verdict.group, verdict.expiry)
        self._cache.pop(key, None)
        while len(self._cache) >= CACHE_SIZE:
            self._forget(self._least_useful())
        self._cache[key] = entry
        self._keep(Change(CACHE_KIND, key, msgspec.json.encode(entry).decode()))

    def clear(self) -> bool:
        """C11: forget every cached token. False where there is no cache."""
        if not self.has_cache:
            return False
        for key in list(self._cache):
            self._forget(key)
        return True

    def _listed(self, id_token: IdToken) -> Verdict | None:
        return Verdict(source="local_list") if id_token.token.upper() in self._list else None

    def _offline(self, id_token: IdToken) -> Verdict:
        """C13, C12, C15: list, then cache, then the rule for unknown tokens."""
        if self._flag("AuthCtrlr.LocalAuthorizeOffline", True):
            known = self.known(id_token)
            if known is not None:
                return known
        if self._flag("AuthCtrlr.OfflineTxForUnknownIdEnabled", self._settings.offline_unknown):
            return Verdict(source="offline")
        return _no("Unknown", "offline", "the back office is out of reach and the token is not known here")

    def _least_useful(self) -> str:
        """Who goes first: what would be refused anyway, then the least recently used."""
        return min(self._cache, key=lambda key: (self._cache[key].status == "Accepted", self._cache[key].used))

    def _forget(self, key: str) -> None:
        del self._cache[key]
        self._keep(Change(CACHE_KIND, key, None))


def _key(id_token: IdToken) -> str:
    return f"{id_token.kind}:{id_token.token.upper()}"


def _no(status: str, source: str, reason: str) -> Verdict:
    return Verdict(status=status, source=source, reason=reason)
