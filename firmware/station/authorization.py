"""May this token charge? Free mode, back office, local list, cache, and the rules while the back office is away.

Says yes or no with a reason; what follows from it (starting, stopping) is the station's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import msgspec

from firmware.config import AuthorizationSettings
from firmware.station.clock import Clock
from firmware.station.facts import IdToken
from firmware.station.journal import Change, Contents
from firmware.station.local_list import CARDS, Listed, LocalList, key_of

CACHE_KIND: Final = "token"
CACHE_SIZE: Final = 500
CACHE_LIFETIME_S: Final = 30 * 86_400.0  # since the token's last use (AuthCacheCtrlr.LifeTime)
_NOTED_S: Final = 3600.0
#: C10: the cache is not for these; the back office vouches for them itself (C05), or nobody asks at all.
NEVER_ASKED: Final = frozenset({"Central", "NoAuthorization"})


class Unreachable(Exception):
    """The back office did not answer: the offline rules apply."""


@dataclass(frozen=True)
class Verdict:
    """Answer to "may this token charge?". `status`: AuthorizationStatusEnumType; `expiry`: UTC seconds; `evses`: where
    it may charge, () = everywhere; `language`: of its driver (RFC 5646), "" = not told."""

    status: str = "Accepted"
    group: IdToken | None = None
    expiry: float | None = None
    reason: str = ""
    source: str = "csms"
    evses: tuple[int, ...] = ()
    language: str = ""

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
    evses: tuple[int, ...] = ()


def same_token(one: IdToken | None, other: IdToken | None) -> bool:
    """Tokens are compared without case (OCPP 2.0.1 part 2, C 1.1), and by kind (C01.FR.25); only a card reader cannot
    know which kind of card the back office takes it for."""
    if one is None or other is None or one.token.upper() != other.token.upper():
        return False
    return one.kind == other.kind or {one.kind, other.kind} <= CARDS


class Authorizer:
    """The rules of one station. The cache lives here and in the journal; list and mode come from the settings."""

    def __init__(
        self,
        settings: AuthorizationSettings,
        clock: Clock,
        keep: Callable[[Change], None],
        flag: Callable[[str, bool], bool],
        *,
        text: Callable[[str, str], str] = lambda name, default: default,
        keep_all: Callable[[Sequence[Change]], None] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keep = keep
        self._flag = flag  # what the back office may switch: OCPP 2.0.1 name, default
        self._text = text
        #: told of a token about which the back office says otherwise than the list (1.6 3.5.2): list's word, office's
        self.on_conflict: list[Callable[[IdToken, Verdict, Verdict], None]] = []
        self.local_list = LocalList(
            keep_all if keep_all is not None else self._keep_each,
            lambda: self._settings.mode == "csms" and self._flag("LocalAuthListCtrlr.Enabled", True),
            self._drop_cached,
        )
        self._list = {token.upper() for token in settings.local_list}
        self._cache: dict[str, CachedToken] = {}

    @property
    def has_cache(self) -> bool:
        return self._settings.mode == "csms" and self._flag("AuthCacheCtrlr.Enabled", self._settings.cache)

    def load(self, contents: Contents) -> None:
        """Take over list and cache from the journal."""
        self.local_list.load(contents)
        entries = [(key, body) for (kind, key), body in contents.items() if kind == CACHE_KIND]
        for key, body in entries:
            try:
                self._cache[key] = msgspec.json.decode(body, type=CachedToken)
            except msgspec.MsgspecError:
                self._keep(Change(CACHE_KIND, key, None))  # of another version: the back office knows it anew

    async def check(self, id_token: IdToken, evse: int, back_office: BackOffice | None) -> Verdict:
        """The verdict on a token that was presented. Never raises: what cannot be asked is decided offline."""
        mode = self._settings.mode
        if mode == "free" or not self._flag("AuthCtrlr.Enabled", True):
            return Verdict(source="free")
        if mode == "local":
            return self._listed(id_token) or _no("Invalid", "local_list", "it is not in the local list")
        return _at(await self._checked(id_token, evse, back_office), evse)

    async def _checked(self, id_token: IdToken, evse: int, back_office: BackOffice | None) -> Verdict:
        known = self.known(id_token)
        if known is not None and known.accepted and self._flag("AuthCtrlr.LocalPreAuthorize", False):
            self._used(id_token)
            return known  # C14.FR.02, C12: known here, nobody needs to be asked
        if back_office is None or not back_office.connected:
            return self._offline(id_token)
        if known is not None and not known.accepted and self._settled(known):
            return known
        if self._flag("AuthCtrlr.DisableRemoteAuthorization", False):
            return known or _no("Unknown", "station", "it is not known here, and the back office is not to be asked")
        try:
            verdict = await back_office.authorize(id_token, evse)
        except Unreachable:
            return self._offline(id_token)
        self.learn(id_token, verdict)
        if verdict.accepted or verdict.reason:
            return verdict
        return replace(verdict, reason=f"the back office says {verdict.status}")

    def _settled(self, known: Verdict) -> bool:
        """A refusal that the back office does not want to be asked about again (C10.FR.03, C12.FR.05, C14.FR.03)."""
        controller = "LocalAuthListCtrlr" if known.source == "local_list" else "AuthCacheCtrlr"
        return self._flag(f"{controller}.DisablePostAuthorize", False)

    def is_master(self, group: IdToken | None) -> bool:
        """C16: such tokens end every transaction and begin none."""
        master = self._text("AuthCtrlr.MasterPassGroupId", "")
        return bool(master) and group is not None and group.token.upper() == master.upper()

    @property
    def has_master(self) -> bool:
        return bool(self._text("AuthCtrlr.MasterPassGroupId", ""))

    def known(self, id_token: IdToken) -> Verdict | None:
        """What list or cache say now, without asking anybody; None = nothing."""
        listed = self._listed(id_token)
        if listed is not None or not self.has_cache:
            return listed
        entry = self._cache.get(key_of(id_token))
        now = self._clock.utc()
        if entry is None or (entry.expiry is None and now - entry.used > self._lifetime_s):  # C10.FR.08
            return None
        if entry.expiry is not None and entry.expiry <= now:
            return _no("Expired", "cache", "its authorization in the cache has expired")
        if entry.status != "Accepted":
            return _no(entry.status, "cache", f"the back office last said {entry.status}")
        return Verdict(group=entry.group, expiry=entry.expiry, source="cache", evses=entry.evses)

    def learn(self, id_token: IdToken, verdict: Verdict) -> None:
        """C10.FR.01/04/05: keep what the back office says, whatever it says; a listed token is not cached (C13)."""
        listed = self._listed(id_token)
        if listed is not None and listed.accepted is not verdict.accepted and verdict.status != "ConcurrentTx":
            for told in self.on_conflict:
                told(id_token, listed, verdict)
        if not self.has_cache or id_token.kind in NEVER_ASKED or listed is not None:
            return
        key = key_of(id_token)
        entry = CachedToken(verdict.status, round(self._clock.utc()), verdict.group, verdict.expiry, verdict.evses)
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

    @property
    def _lifetime_s(self) -> float:
        try:
            return float(self._text("AuthCacheCtrlr.LifeTime", str(CACHE_LIFETIME_S)))
        except ValueError:
            return CACHE_LIFETIME_S

    def _used(self, id_token: IdToken) -> None:
        """A cached token lives on from its last use; on disk that is noted once an hour."""
        key = key_of(id_token)
        entry = self._cache.get(key)
        now = self._clock.utc()
        if entry is not None and now - entry.used >= _NOTED_S:
            self._cache[key] = entry = msgspec.structs.replace(entry, used=round(now))
            self._keep(Change(CACHE_KIND, key, msgspec.json.encode(entry).decode()))

    def _listed(self, id_token: IdToken) -> Verdict | None:
        """The operator's own list in station.toml, then the back office's (C13.FR.01: before the cache)."""
        if id_token.token.upper() in self._list:
            return Verdict(source="local_list")
        found = self.local_list.get(id_token)
        if found is None:
            return None
        if self._outdated(found):  # C14.FR.05: as if it were not there
            return None
        if found.status != "Accepted":
            return _no(found.status, "local_list", f"the local list says {found.status}")
        return Verdict(group=found.group, expiry=found.expiry, source="local_list", evses=found.evses)

    def _outdated(self, listed: Listed) -> bool:
        expires = self._flag("LocalAuthListCtrlr.SupportsExpiryDateTime", True)
        return expires and listed.expiry is not None and listed.expiry <= self._clock.utc()

    def _offline(self, id_token: IdToken) -> Verdict:
        """C13, C12, C15: list, then cache, then the rule for unknown tokens; who is known as refused is not unknown."""
        listed = self.local_list.get(id_token)
        if listed is not None and self._outdated(listed) and id_token.token.upper() not in self._list:  # C13.FR.05, 06
            return _no("Expired", "local_list", "its authorization in the local list has expired")
        known = self.known(id_token)
        if known is not None and not known.accepted:
            return known
        if known is not None and self._flag("AuthCtrlr.LocalAuthorizeOffline", True):
            self._used(id_token)
            return known
        if self._flag("AuthCtrlr.OfflineTxForUnknownIdEnabled", self._settings.offline_unknown):
            return Verdict(source="offline")
        why = "the token is not known here" if known is None else "nobody charges without it"
        return _no("Unknown", "offline", f"the back office is out of reach and {why}")

    def forget(self, id_token: IdToken) -> None:
        """Its holder wants to be forgotten (N10); a listed token stays listed."""
        key = key_of(id_token)
        if key in self._cache:
            self._forget(key)

    def about(self, id_token: IdToken) -> list[str]:
        """What is known of a token, a line for each thing."""
        found = []
        listed, cached = self.local_list.get(id_token), self._cache.get(key_of(id_token))
        if listed is not None:
            found.append(f"local list: {listed.status}")
        if cached is not None:
            found.append(f"authorization cache: {cached.status}")
        return found

    def _drop_cached(self, tokens: Sequence[IdToken]) -> None:
        """A listed token is not in the cache."""
        for key in {key_of(each) for each in tokens} & set(self._cache):
            self._forget(key)

    def _keep_each(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._keep(change)

    def _least_useful(self) -> str:
        """Who goes first: what would be refused anyway, then the least recently used."""
        return min(self._cache, key=lambda key: (self._cache[key].status == "Accepted", self._cache[key].used))

    def _forget(self, key: str) -> None:
        del self._cache[key]
        self._keep(Change(CACHE_KIND, key, None))


def _at(verdict: Verdict, evse: int) -> Verdict:
    """Some tokens are for some EVSEs only (IdTokenInfoType.evseId)."""
    if verdict.accepted and verdict.evses and evse not in verdict.evses:
        return replace(verdict, status="NotAllowedTypeEVSE", reason=f"it is not for EVSE {evse}")
    return verdict


def _no(status: str, source: str, reason: str) -> Verdict:
    return Verdict(status=status, source=source, reason=reason)
