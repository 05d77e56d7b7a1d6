"""Whose an EVSE is: the token that may charge here, taken back or given up, and what is left of it.

Between `evse_state`, what is known, and `evse_transaction`. Who is accepted is decided elsewhere (`authorization`).
"""

import logging
from dataclasses import replace

from firmware.station.authorization import Verdict, same_token
from firmware.station.evse_state import EvseState
from firmware.station.facts import IdToken
from firmware.station.transaction import STOPS, Stop

log = logging.getLogger(__name__)


class EvseTokens(EvseState):
    """The token of one EVSE."""

    def authorise(self, id_token: IdToken, verdict: Verdict, remote_start_id: int | None = None) -> None:
        """This token may charge here, from plug-in on or from now on."""
        self.id_token = id_token
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
        self._advance()

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
        """The back office takes its word back: at once or, where it grants some energy, after that much (E05, C12)."""
        sample = self.sample()
        if energy_wh > 0 and sample is not None and self.transaction is not None:
            self._energy_left_wh, self._energy_from_wh = energy_wh, sample.energy_wh
            self._ledger.tell("Deauthorized", self.charging_state)
        elif stop:
            self.stop(STOPS["DeAuthorized"])
        else:
            self.set_bound("authorization", 0.0)  # E05.FR.02: energy stops, the transaction stays

    def _follow_energy(self) -> None:
        """MaxEnergyOnInvalidId: has it been drawn?"""
        sample = self.sample()
        if self._energy_left_wh is None or sample is None or self.transaction is None:
            return
        if sample.energy_wh - self._energy_from_wh >= self._energy_left_wh:
            self._energy_left_wh = None
            if self._station.stops_invalid:
                self._ledger.stop(STOPS["DeAuthorized"], self._station.clock.mono())
            else:
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

    def _drop_token(self) -> None:
        self.id_token = self.authorised_at = self._remote_start_id = None
        self._verdict = Verdict()
