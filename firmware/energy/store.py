"""The installed charging profiles: what replaces what, what ends with a transaction, and all of it across restarts.

Kept as lasting values of the journal (kind "profile"); external limits are not kept: who sets them says them again.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from firmware.station.charging_profile import EXTERNAL, TX, Installed
from firmware.station.journal import Change, Contents
from firmware.station.smart_charging import Criteria, Edition

log = logging.getLogger(__name__)

KIND: Final = "profile"


class ProfileStore:
    """All installed profiles, by id. `keep` writes lasting values; `version` counts the changes."""

    def __init__(self, keep: Callable[[list[Change]], None]) -> None:
        self._keep = keep
        self._installed: dict[int, Installed] = {}
        self.version = 0

    @property
    def all(self) -> tuple[Installed, ...]:
        return tuple(self._installed.values())

    def get(self, profile_id: int) -> Installed | None:
        return self._installed.get(profile_id)

    def load(self, contents: Contents) -> None:
        """Take over what the last run left behind."""
        for (kind, key), body in contents.items():
            if kind != KIND:
                continue
            try:
                found = msgspec.json.decode(body, type=Installed)
            except msgspec.MsgspecError as error:
                log.error("charging profile %s in the journal cannot be read, it is dropped: %s", key, error)
                self._keep([Change(KIND, key, None)])
            else:
                self._installed[found.profile.id] = found
        self.version += 1

    def put(self, fresh: Installed, edition: Edition) -> None:
        """Install, in place of the profile with this id (K01.FR.05), and in 1.6 of the one with the same purpose, stack
        level and connector (3.13.2)."""
        changes = []
        if edition == "1.6":
            changes = self._remove(each for each in self.all if _same_place(each, fresh))
        self._installed[fresh.profile.id] = fresh
        if fresh.profile.purpose != EXTERNAL:
            changes.append(Change(KIND, str(fresh.profile.id), msgspec.json.encode(fresh).decode()))
        self._changed(changes)

    def find(self, criteria: Criteria) -> list[Installed]:
        found = [each for each in self._installed.values() if criteria.match(each)]
        return sorted(found, key=lambda each: (each.evse, each.profile.purpose, each.profile.stack_level))

    def clear(self, criteria: Criteria) -> int:
        """Remove what matches, external limits excepted (K10.FR.03, 04, 08, 09); returns how many."""
        found = [each for each in self.find(criteria) if each.profile.purpose != EXTERNAL]
        if found:
            self._changed(self._remove(found))
        return len(found)

    def remove(self, profile_id: int) -> bool:
        found = self._installed.get(profile_id)
        if found is not None:
            self._changed(self._remove([found]))
        return found is not None

    def end_transactions(self, running: set[str]) -> None:
        """A TxProfile lasts as long as its transaction (1.6 3.13.1, K01)."""
        over = [e for e in self.all if e.profile.purpose == TX and e.profile.transaction_id not in running]
        if over:
            self._changed(self._remove(over))

    def outlive(self, ended: Iterable[Installed]) -> None:
        """K01.FR.102: these were offline for too long, and say that they are not valid ever after."""
        for each in ended:
            self.put(msgspec.structs.replace(each, outlived=True), "2.1")

    def _remove(self, gone: Iterable[Installed]) -> list[Change]:
        changes = []
        for each in list(gone):
            del self._installed[each.profile.id]
            if each.profile.purpose != EXTERNAL:
                changes.append(Change(KIND, str(each.profile.id), None))
        return changes

    def _changed(self, changes: list[Change]) -> None:
        self.version += 1
        if changes:
            self._keep(changes)


def _same_place(one: Installed, other: Installed) -> bool:
    mine, theirs = one.profile, other.profile
    same = mine.purpose == theirs.purpose and mine.stack_level == theirs.stack_level and one.evse == other.evse
    return same and (mine.purpose != TX or mine.transaction_id == theirs.transaction_id)
