"""The local authorization list (OCPP 2.1 part 2, D01 and D02; 1.6 section 3.5.2): tokens the back office lets us know
for sure, with a version. Kept across restarts; an update is taken whole or not at all.

What a listed token may do is `authorization`'s.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from firmware.station.facts import IdToken
from firmware.station.journal import Change, Contents

log = logging.getLogger(__name__)

KIND: Final = "local_list"
MAX_ENTRIES: Final = 2_000  # LocalAuthListCtrlr.Entries maxLimit: 0.5 MB of memory, one commit of 0.2 s
_VERSION: Final = ""  # the key of the list's version; no token has it

CARDS: Final = frozenset({"ISO14443", "ISO15693"})

UpdateType = Literal["Full", "Differential"]


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the list says of a token. `expiry`: UTC s; `evses`: where it may charge, () = everywhere."""

    status: str = "Accepted"
    group: IdToken | None = None
    expiry: float | None = None
    evses: tuple[int, ...] = ()


class Entry(NamedTuple):
    """One item of an update; without `says` (Differential only) the token is taken out (D01.FR.17)."""

    id_token: IdToken
    says: Listed | None


class Update(NamedTuple):
    """What became of an update; `reason` tells people why it was not accepted."""

    status: Literal["Accepted", "Failed", "VersionMismatch"]
    reason: str = ""


def key_of(id_token: IdToken) -> str:
    """Tokens are told apart by kind too, never by case."""
    return f"{id_token.kind}:{id_token.token.upper()}"


class LocalList:
    """`keep` writes lasting values in one commit; `enabled`: LocalAuthListCtrlr.Enabled; `taken`: told which tokens are
    in the list now."""

    def __init__(
        self,
        keep: Callable[[Sequence[Change]], None],
        enabled: Callable[[], bool],
        taken: Callable[[Sequence[IdToken]], None] = lambda tokens: None,
    ) -> None:
        self._keep = keep
        self._enabled = enabled
        self._taken = taken
        self._version = 0
        self._entries: dict[str, Listed] = {}

    @property
    def enabled(self) -> bool:
        return self._enabled()

    @property
    def version(self) -> int:
        """0 = none was ever sent, or the list is switched off (D02.FR.02, 03)."""
        return self._version if self.enabled else 0

    def __len__(self) -> int:
        """LocalAuthListCtrlr.Entries."""
        return len(self._entries)

    def get(self, id_token: IdToken) -> Listed | None:
        """What the list says of a token, None = nothing. A card reader cannot know the kind a back office gave it."""
        if not self.enabled:
            return None
        found = self._entries.get(key_of(id_token))
        if found is None and id_token.kind in CARDS:
            others = (self._entries.get(key_of(IdToken(id_token.token, kind))) for kind in CARDS)
            found = next((each for each in others if each is not None), None)
        return found

    def update(self, version: int, kind: UpdateType, entries: Sequence[Entry]) -> Update:
        """SendLocalList. Nothing changes unless it is accepted."""
        refused = self._refusal(version, kind, entries)
        if refused is not None:
            log.info("local list version %d refused: %s", version, refused.reason)
            return refused
        after = {} if kind == "Full" else dict(self._entries)
        for entry in entries:
            if entry.says is None:
                after.pop(key_of(entry.id_token), None)
            else:
                after[key_of(entry.id_token)] = entry.says
        if len(after) > MAX_ENTRIES:
            return Update("Failed", f"the list would have {len(after)} tokens, at most {MAX_ENTRIES} fit")
        changes = [Change(KIND, key, None) for key in self._entries if key not in after]
        changes += [Change(KIND, key, _text(each)) for key, each in after.items() if self._entries.get(key) != each]
        self._entries, self._version = after, version
        self._keep([*changes, Change(KIND, _VERSION, str(version))])
        self._taken([entry.id_token for entry in entries if entry.says is not None])
        return Update("Accepted")

    def load(self, contents: Contents) -> None:
        """Take over what the last run left behind. Where a part cannot be read the whole list is none: the back office
        sees version 0 and sends it anew."""
        try:
            for (kind, key), body in contents.items():
                if kind == KIND and key == _VERSION:
                    self._version = int(body)
                elif kind == KIND:
                    self._entries[key] = msgspec.json.decode(body, type=Listed)
        except (msgspec.MsgspecError, ValueError) as error:
            log.error("the local list in the journal cannot be read, it is dropped: %s", error)
            self._keep([Change(KIND, key, None) for (kind, key) in contents if kind == KIND])
            self._version, self._entries = 0, {}

    def _refusal(self, version: int, kind: UpdateType, entries: Sequence[Entry]) -> Update | None:
        if not self.enabled:
            return Update("Failed", "the local list is switched off")
        if version <= 0:  # D01.FR.18
            return Update("Failed", "versions begin at 1")
        if kind == "Differential" and version <= self._version:  # D01.FR.19
            return Update("VersionMismatch", f"the list has version {self._version} already")
        keys = [key_of(entry.id_token) for entry in entries]
        if len(set(keys)) < len(keys):  # D01.FR.06
            return Update("Failed", "a token is named twice")
        if kind == "Full" and any(entry.says is None for entry in entries):
            return Update("Failed", "a token of a full list has no authorization")
        return None


def _text(listed: Listed) -> str:
    return msgspec.json.encode(listed).decode()
