"""Whose an EVSE is and what follows from it: tokens, the beginning and end of its transaction, and what becomes of one
that an earlier run of the controller left.

Between `evse_state`, what is known, and `evse`, which brings in what happens. Events and records are the ledger's.
"""

import logging
from dataclasses import replace
from typing import Final

import msgspec

from firmware.station import connector_status, transaction
from firmware.station.authorization import Verdict, same_token
from firmware.station.charging import Grant
from firmware.station.evse_state import EvseState
from firmware.station.facts import IdToken, Sample
from firmware.station.transaction import STOPS, Open, Stop, replace_trigger
from hal import wire
from hal.wire import Observation

log = logging.getLogger(__name__)

_OPENED_BY_S: Final = 15.0  # a transaction ends at the latest this long after its stop, whatever the contactor says
_METER_BY_S: Final = 3.0  # a start waits this long for the first reading: OCPP 1.6 has no word for "not known"
#: Stops by somebody's word: they end the transaction only where one of its stop points is about that (E06, F03, F04).
_BY_WORD: Final = frozenset({"Local", "Remote", "MasterPass", "DeAuthorized", "StoppedByEV", "SOCLimitReached"})
_WORD_ENDS: Final = frozenset({"Authorized", "PowerPathClosed", "EnergyTransfer"})
_READ_BY_S: Final = 2.0  # the end waits this long for a reading from after the opening: half a second is 3 Wh at 22 kW


class EvseTransaction(EvseState):
    """Tokens and the transaction of one EVSE."""

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

    def stop(self, stop: Stop) -> None:
        """End the transaction: no more current; the fact follows when the contactor is confirmed open."""
        if self.transaction is None:
            self._drop_token()
        self._ledger.stop(stop, self._station.clock.mono())
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

    def tell_now(self, trigger: str = "Trigger") -> bool:
        """An event of the running transaction because somebody asks (F06.FR.07). False: there is none."""
        if self.transaction is None or not self.transaction.told:
            return False
        self._ledger.tell(trigger, self.charging_state, self.sample("Trigger"))
        return True

    def sample_aligned(self, at: float, *, told: bool, kept: bool) -> Sample | None:
        """The clock strikes: the sample of this instant, told by the transaction if one runs, or else returned. `kept`:
        it is (also) one for the last event."""
        sample = self.sample("Sample.Clock")
        if sample is None:
            return None
        sample = msgspec.structs.replace(sample, at=at)
        running = self.transaction is not None and self.transaction.told
        if running and kept:
            self._ledger.collect(sample)
        if running and told:
            self._ledger.aligned(self.charging_state, sample)
        return sample if told and not running else None

    def join_group(self, group: IdToken | None) -> None:
        """The back office told the group of the running transaction's token."""
        self._ledger.join_group(group)

    def owns(self, id_token: IdToken, group: IdToken | None) -> bool:
        """May this token (of this group) end what runs here (E07.FR.01, C09.FR.03)?"""
        mine = self.transaction
        if mine is None:
            return same_token(self.id_token, id_token)
        return same_token(mine.id_token, id_token) or (group is not None and same_token(mine.group, group))

    def restore(self, kept: Open, *, after_reset: bool) -> None:
        """The journal knows this transaction as open: whether it runs on is decided by the guard's first word."""
        self._restored = kept
        self._after_reset = after_reset
        if kept.connector <= len(self.settings.connectors):
            self.board_connector = self.settings.connectors[kept.connector - 1]

    def pause(self, context: str) -> None:
        """The car sleeps and will go on, with its transaction if it has one, also after a restart of ours; "" = it is
        awake."""
        self._ledger.pause(context)
        self._pause_without_transaction(context if self.transaction is None else "")

    def _pause_without_transaction(self, context: str) -> None:
        if self._station.variable(self._paused_key) != context:
            self._station.set_variable(self._paused_key, context)

    def charging_rate_changed(self) -> None:
        """Somebody outside changed what may be drawn: the transaction tells (K11.FR.04, K13.FR.03)."""
        self._ledger.tell("ChargingRateChanged", self.wishes.charging_state)

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

    def _begin_if_due(self) -> None:
        """A transaction begins with the first of its start points (E01.FR.01-06). One that starts with energy or signed
        values is there, untold, before: the guard grants current to transactions only."""
        if self.transaction is not None or self.ended is not None or not (self.plugged or self.id_token is not None):
            return
        if not self.operative or self._forbidden or not self._station.guard.connected:
            return
        ready = self.plugged and self.id_token is not None
        points = self._station.start_points
        met = {"EVConnected": self.plugged, "Authorized": self.id_token is not None, "PowerPathClosed": ready}
        told = any(met.get(point, False) for point in points)
        if not (told or ready) or self._waits_for_meter():
            return
        remote, self._remote_start_id = self._remote_start_id, None
        by_token = self.id_token is not None and (self._token_last or not self.plugged)
        trigger = "RemoteStart" if remote is not None else "Authorized" if by_token else "CablePluggedIn"
        self.wishes = replace(self.wishes, charged=False, offered_since=None)
        self._ledger.begin(
            self.connector,
            self.id_token,
            self._verdict.group,
            trigger,
            remote_start_id=remote,
            cable_a=self.seen.cable_rating_a if self.seen is not None else 0.0,
            told=told,
            connected=self.plugged,
            last=self._last_sample(),
        )
        self._station.share_out()

    def _announce_if_due(self, now: float) -> None:
        """EnergyTransfer: energy flows; DataSigned: the meter has signed (E01.FR.04, FR.06)."""
        if self.transaction is None or self.transaction.told or self.wishes.charging_state != "Charging":
            return
        sample = self.sample()
        signed = sample is not None and sample.signed is not None
        points = self._station.start_points
        if "EnergyTransfer" in points:
            self._ledger.announce("ChargingStateChanged", self.wishes.charging_state, now)
        elif signed or "DataSigned" not in points:
            self._ledger.announce("SignedDataReceived", self.wishes.charging_state, now)

    def _stops_with_energy(self) -> bool:
        """TxStopPoint EnergyTransfer: the car takes no more (E06.FR.07)."""
        taken = self.wishes.charged and self.wishes.charging_state == "SuspendedEV"
        return self.claimed and taken and "EnergyTransfer" in self._station.stop_points

    def _waits_for_meter(self) -> bool:
        """Just started, the guard may not have read its meter yet; one that stays silent keeps nobody waiting."""
        if self.capability is None or not self.capability.meter or self.sample() is not None:
            self._unread_since = None
            return False
        now = self._station.clock.mono()
        self._unread_since = self._unread_since if self._unread_since is not None else now
        return now - self._unread_since < _METER_BY_S

    def _end_if_due(self, now: float) -> bool:
        """The last event, once no current can flow: confirmed open, or nobody confirmed it for too long. Where no stop
        point has come with the stop, the transaction goes on without energy until the plug is taken."""
        stop = self._ledger.stop_decided
        if stop is None or self.transaction is None:
            return False
        if self.transaction.stop_told:
            if self.level == "A":
                self._end(replace_trigger(stop, STOPS["EVDisconnected"].trigger), self._last_sample())
                return True
            return False
        may_flow = self.seen is None or self.closed or self.wishes.grant is not None
        if (may_flow or self._unread(now)) and self._ledger.stopping_s(now) < _OPENED_BY_S:
            return False
        if stop.reason in _BY_WORD and not _WORD_ENDS & self._station.stop_points and self.plugged:
            self._ledger.tell_stop("EVConnected")
            self._drop_token()
            self._again = True
            return False
        if self._signs and not self._signing.ended(now):
            return False
        self._end(stop, self._last_sample())
        return True

    @property
    def _signs(self) -> bool:
        return self.capability is not None and self.capability.signs

    def _signed_start(self, now: float) -> bool:
        """A meter that signs has begun its session, which it must before energy flows; without one: yes."""
        mine = self.transaction_id
        if not self._signs or mine is None or not self.claimed:
            return True
        if self._signing.session != mine:
            running = self.seen is not None and self.seen.grant is not None and self.seen.grant.session == mine
            if running or self.closed:
                self._signing.adopt(self.board_connector, mine)
            else:
                self._signing.begin(self.board_connector, mine, self.settings.evse_id, self.id_token, now)
        return self._signing.begun(now)

    def _unread(self, now: float) -> bool:
        """Did energy flow since the meter, which answers, was read last?"""
        if self._opened_at is None or self._meter is None or self.sample() is None:
            return False
        return self._meter.at < self._opened_at and now - self._opened_at < _READ_BY_S

    def _end(self, stop: Stop, sample: Sample | None) -> None:
        self._ledger.end(stop, "EVConnected" if self.plugged else "Idle", self._signing.sign(sample))
        self._held = False
        self._opened_at = None
        self._drop_token()
        self.bounds.pop("transaction", None)
        self.bounds.pop("authorization", None)
        self._energy_left_wh = None
        self._state_trigger = "ChargingStateChanged"
        self.ended = stop if self.level != "A" else None
        self.wishes = replace(self.wishes, charged=False, offered_since=None, stopping_since=None)
        self._station.share_out()
        self._again = True

    def _drop_token(self) -> None:
        self.id_token = self.authorised_at = self._remote_start_id = None
        self._verdict = Verdict()

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

    def _follow_plug(self, now: float) -> None:
        free = self._station.free_token
        if self.plugged and self._plugged_at is None:
            self._plugged_at = now
        if self.plugged:
            self._unplugged_since = None
        if self.plugged and self.transaction is not None and not self.transaction.connected:
            self._ledger.connect(
                self.connector, self.charging_state if self.charging_state != "Idle" else "EVConnected"
            )
        if self.level == "A":
            self.ended = self._plugged_at = None
            self._pause_without_transaction("")
            if self.transaction is None:
                self._soc_percent = None
            if self.transaction is not None and self.transaction.connected:
                self._unplugged(now)
            elif free is not None:
                self.id_token = None
        elif self.plugged and free is not None and self.id_token is None and self.ended is None and self.operative:
            self.id_token, self._verdict, self._token_last = free, Verdict(source="free"), False

    def _unplugged(self, now: float) -> None:
        """The car is gone: the end, or only a pause where the operator trusts that the same one comes back (E09, E10).
        It is not waited for longer than for a first plug (E10.FR.02)."""
        if not self._station.waits_for_replug or self.stop_wanted is not None:
            self._ledger.stop(STOPS["EVDisconnected"], now)
            return
        if self._unplugged_since is None:
            self._unplugged_since = now
            self._held = False
            self._ledger.follow("Idle", now, "EVCommunicationLost")
            self._state_trigger = "CablePluggedIn"
        elif now - self._unplugged_since >= self._station.connection_timeout_s:
            self._ledger.stop(STOPS["EVDisconnected"], now)

    def _follow_faults(self, now: float) -> None:
        reason = connector_status.stop_reason(self.faults)
        if reason is not None:
            self._ledger.stop(STOPS[reason], now)

    def _follow_timeouts(self, now: float) -> None:
        """A token waits for its plug only so long; so does a plug for its token where the next driver's token at a
        shared reader would start somebody else's car (OCPP 1.6 errata 3.20)."""
        timeout = self._station.connection_timeout_s
        if self.transaction is not None:
            late = self.authorised_at is not None and now - self.authorised_at >= timeout
            if late and not self.transaction.connected:  # E03.FR.05
                self.stop(STOPS["Timeout"])
            return
        if not self.plugged:
            if self.authorised_at is not None and now - self.authorised_at >= timeout:
                log.info("EVSE %d: no plug in time, authorization dropped", self.id)
                self._drop_token()
            return
        unclaimed_s = now - (self._plugged_at or now) if self.id_token is None and self.ended is None else 0.0
        if self._station.shared_reader and unclaimed_s >= timeout:
            self.ended = STOPS["Timeout"]
