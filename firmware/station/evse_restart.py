"""What becomes of a transaction that an earlier run of the controller left: it goes on where guard, journal and car
agree, else it is closed honestly.

Between `evse_transaction` and `evse`.
"""

from dataclasses import replace

from firmware.station import transaction
from firmware.station.authorization import Verdict
from firmware.station.charging import Grant
from firmware.station.evse_transaction import EvseTransaction
from firmware.station.transaction import Open
from hal import wire
from hal.wire import Observation


class EvseRestart(EvseTransaction):
    """One EVSE's way back into what it was doing."""

    def restore(self, kept: Open, *, after_reset: bool) -> None:
        """The journal knows this transaction as open: whether it runs on is decided by the guard's first word."""
        self._restored = kept
        self._after_reset = after_reset
        if kept.connector <= len(self.settings.connectors):
            self.board_connector = self.settings.connectors[kept.connector - 1]

    def _sneaked_away(self, seen: Observation) -> bool:
        """The guard saw the car leave while nobody listened; who is plugged in now is somebody else."""
        if seen.grant is not None and seen.grant.session == self.transaction_id:
            self._held = True
        return self._held and seen.grant is None and wire.UNPLUGGED in (seen.grant_ended or "")

    def _forgotten(self, before: Observation | None, seen: Observation) -> bool:
        """A guard that began anew knows nothing of our grant; where it was away for long, nobody saw whether the car
        is still the same, and another one must not charge on this account."""
        away_long = before is None and self._station.free_token is None
        return away_long and self._held and seen.grant is None and not seen.grant_ended

    def _resume_or_close(self, kept: Open, seen: Observation) -> None:
        """design.md: adopt the grant of a transaction that the journal knows, else close it honestly."""
        self._restored = None
        self._ledger.resume(kept)
        grant = seen.grant
        if self._idles(kept, seen):
            self.id_token = kept.id_token if kept.stop is None else None
            self.authorised_at = self._station.clock.mono() if not kept.connected else None
            self._verdict = Verdict(group=kept.group)
            return
        if self._sleeps(kept, seen):
            self.id_token = kept.id_token
            self._verdict = Verdict(group=kept.group)
            self.wishes = replace(self.wishes, charged=True)
            self._station.share_out()
            return
        if grant is not None and grant.session == kept.transaction_id:
            self.id_token = kept.id_token
            self._verdict = Verdict(group=kept.group)
            self._held = True
            held = Grant(grant.session, grant.limit_a, grant.failsafe_limit_a, grant.ride_through_s)
            charged = kept.charging_state in {"Charging", "SuspendedEV"} or kept.charged_s > 0
            self.wishes = replace(self.wishes, grant=held, charged=charged)
            self._station.share_out()
            return
        stop = transaction.interrupted(
            kept, boot_id=self._station.boot_id, unplugged=seen.level == "A", reset=self._after_reset
        )
        sample = self._last_sample()
        if sample is not None and kept.last is not None and sample.energy_wh < kept.last.energy_wh:
            sample = None  # another meter, or one that starts anew: the last known value is the honest one
        self._end(stop, sample)
        if self._station.free_token is not None:
            self.ended = None  # who charges for free need not unplug because we were away

    def _idles(self, kept: Open, seen: Observation) -> bool:
        """No energy could flow for it: it waits for a token, for its plug, or for the plug to go. The car must be as it
        was left."""
        waits = kept.id_token is None or not kept.connected or kept.stop_told
        plugged = seen.level in {"B", "C", "D"}
        return waits and seen.grant is None and plugged == kept.connected and kept.boot_id == self._station.boot_id

    def _sleeps(self, kept: Open, seen: Observation) -> bool:
        """A paused car has no grant that could tell us that it is the same: v2g makes it prove that. A machine that was
        off may have lost anything."""
        left = wire.UNPLUGGED in (seen.grant_ended or "") or seen.level not in {"B", "C", "D"}
        awake = not kept.paused or kept.stop is not None or seen.grant is not None
        return not awake and not left and kept.boot_id == self._station.boot_id
