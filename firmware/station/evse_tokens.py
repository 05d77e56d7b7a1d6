"""Whose an EVSE is: the token that may charge here, taken back or given up, and what is left of it.

Between `evse_state`, what is known, and `evse_transaction`. Who is accepted is decided elsewhere (`authorization`).
"""

import logging
from dataclasses import replace
from typing import NamedTuple

import msgspec

from firmware.station.authorization import Verdict, same_token
from firmware.station.evse_state import EvseState
from firmware.station.facts import IdToken
from firmware.station.transaction import STOPS, Open, Stop

log = logging.getLogger(__name__)


class Owner(msgspec.Struct, frozen=True):
    """Whose a cable is that stays locked."""

    id_token: IdToken
    group: IdToken | None = None


class Roaming(NamedTuple):
    """Somebody authorised who has not plugged in yet, and the transaction that began with it, if one did."""

    id_token: IdToken
    verdict: Verdict
    authorised_at: float | None
    transaction: Open | None


class EvseTokens(EvseState):
    """The token of one EVSE."""

    def authorise(
        self, id_token: IdToken, verdict: Verdict, remote_start_id: int | None = None, *, anywhere: bool = False
    ) -> None:
        """This token may charge here, from plug-in on or from now on; `anywhere`: or where the next plug comes."""
        self.id_token = id_token
        self._anywhere = anywhere
        self.refusal = ""
        self.ended = None  # a remote start may begin anew with the plug still in
        self.authorised_at = self._station.clock.mono()
        self._token_last = self.plugged
        self._verdict = verdict
        if self.transaction is not None and not self.claimed:
            self._ledger.claim(id_token, verdict.group, remote_start_id, self.charging_state)
            self.wishes = replace(self.wishes, charged=False, offered_since=None)
            self._station.share_out()
        else:
            self._remote_start_id = remote_start_id
        self.free_cable()
        self._advance()

    @property
    def roams(self) -> bool:
        """Somebody is authorised who may plug in at another EVSE as well."""
        stays = self.transaction is not None and (self.transaction.connected or self.transaction.stop is not None)
        return self._anywhere and self.id_token is not None and not self.plugged and not stays

    @property
    def group(self) -> IdToken | None:
        return self._verdict.group

    def hand_over(self) -> Roaming | None:
        """They plugged in elsewhere."""
        if self.id_token is None:
            return None
        found = Roaming(self.id_token, self._verdict, self.authorised_at, self._ledger.release())
        self._drop_token()
        self._advance()
        return found

    def take_over(self, roaming: Roaming) -> None:
        """They plugged in here."""
        self.id_token, self._verdict, self.authorised_at, opened = roaming
        self._token_last = self._anywhere = False
        self.ended, self.refusal = None, ""
        if opened is not None:
            self._ledger.resume(msgspec.structs.replace(opened, evse=self.id, connector=self.connector))

    def refuse(self, reason: str) -> None:
        """A token was refused here: the answer to "why is it not charging?" until another one is accepted."""
        self.refusal = reason
        self._advance()

    def withdraw(self) -> None:
        """The token that was authorised before the plug came is taken back."""
        if self.transaction is None:
            self._drop_token()
            self._advance()

    def deauthorise(self, *, stop: bool, energy_wh: float) -> None:
        """The back office takes its word back. The transaction ends (E05.FR.09, FR.10), or it stays without energy: at
        once, or when what is granted is drawn (E05.FR.02, FR.03)."""
        sample = self.sample()
        if stop:
            self.stop(STOPS["DeAuthorized"])
            return
        self._ledger.allow(sample.energy_wh + energy_wh if sample is not None and energy_wh > 0 else 0.0)
        self._advance()

    def _follow_energy(self) -> None:
        """MaxEnergyOnInvalidId: has it been drawn? Kept with the transaction: a restart grants nothing more."""
        until_wh = self.transaction.energy_until_wh if self.transaction is not None else None
        if until_wh is None:
            return
        sample = self.sample()
        if until_wh <= 0 or (sample is not None and sample.energy_wh >= until_wh):
            self.bounds["authorization"] = 0.0

    def stop(self, stop: Stop) -> None:
        """End the transaction: no more current; the fact follows when the contactor is confirmed open."""
        if self.transaction is None:
            self._drop_token()
        self._ledger.stop(stop, self._station.clock.mono())
        self._advance()

    def join_group(self, group: IdToken | None) -> None:
        """The back office told the group of the running transaction's token."""
        self._ledger.join_group(group)

    def owns(self, id_token: IdToken, group: IdToken | None) -> bool:
        """May this token (of this group) end what runs here (E07.FR.01, C09.FR.03)?"""
        mine = self.transaction
        if mine is None:
            return same_token(self.id_token, id_token)
        return same_token(mine.id_token, id_token) or (group is not None and same_token(mine.group, group))

    def may_take_cable(self, id_token: IdToken, group: IdToken | None) -> bool:
        """Is it this token's (or group's) cable that is kept here?"""
        kept = self._station.variable(self._cable_key)
        if not kept:
            return False
        try:
            owner = msgspec.json.decode(kept, type=Owner)
        except msgspec.MsgspecError:
            return True  # nobody knows any more whose it is
        return same_token(owner.id_token, id_token) or (group is not None and same_token(owner.group, group))

    def free_cable(self) -> None:
        """Whoever may have the cable is here: no lock holds it any more."""
        if self._station.variable(self._cable_key):
            self._station.set_variable(self._cable_key, "")
            self._advance()

    def _keep_cable(self, id_token: IdToken, group: IdToken | None) -> None:
        self._station.set_variable(self._cable_key, msgspec.json.encode(Owner(id_token, group)).decode())

    def _drop_token(self) -> None:
        self.id_token = self.authorised_at = self._remote_start_id = None
        self._anywhere = False
        self._verdict = Verdict()
