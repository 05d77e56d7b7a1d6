"""When the transaction of an EVSE begins and ends, by its start and stop points, the plug, faults and time.

Between `evse_tokens`, who may charge, and `evse_restart`. Events and records are the ledger's.
"""

import logging
from dataclasses import replace
from typing import Final

import msgspec

from firmware.station import connector_status
from firmware.station.authorization import Verdict
from firmware.station.evse_tokens import EvseTokens
from firmware.station.facts import Sample
from firmware.station.transaction import STOPS, Stop, replace_trigger
from hal.contracts import Plug

log = logging.getLogger(__name__)

_OPENED_BY_S: Final = 15.0  # a transaction ends at the latest this long after its stop, whatever the contactor says
_METER_BY_S: Final = 3.0  # a start waits this long for the first reading: OCPP 1.6 has no word for "not known"
#: Stops by somebody's word: they end the transaction only where one of its stop points is about that (E06, F03, F04).
_BY_WORD: Final = frozenset({"Local", "Remote", "MasterPass", "DeAuthorized", "StoppedByEV", "SOCLimitReached"})
_WORD_ENDS: Final = frozenset({"Authorized", "PowerPathClosed", "EnergyTransfer"})
_CABLE_GONE_S: Final = 5.0  # a socket that is empty for so long keeps no cable
_READ_BY_S: Final = 2.0  # the end waits this long for a reading from after the opening: half a second is 3 Wh at 22 kW


class EvseTransaction(EvseTokens):
    """The transaction of one EVSE."""

    def stop(self, stop: Stop) -> None:
        """One that was stopped by somebody's word and only waits for its plug to go has ended with anything else: a
        reset must not wait for a driver."""
        over = self._ledger.stop_decided if self.transaction is not None and self.transaction.stop_told else None
        if over is None or stop.reason in _BY_WORD:
            super().stop(stop)
            return
        self._end(replace_trigger(over, stop.trigger), self._last_sample())
        self._advance()

    def tell_now(self, trigger: str = "Trigger", context: str = "Trigger") -> bool:
        """An event of the running transaction because somebody asks (F06.FR.07). False: there is none. `context`: of
        its meter values (ReadingContextEnumType)."""
        if self.transaction is None or not self.transaction.told:
            return False
        self._ledger.tell(trigger, self.charging_state, self.sample(context))
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
            placed=self.plugged or not self._anywhere,
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
        over = self.transaction
        here = self.level != "A" and not self._left
        self._ledger.end(stop, "EVConnected" if self.plugged and here else "Idle", self._signing.sign(sample))
        unplugged_here = stop.reason == "EVDisconnected" and self.locks_cables and not self._station.frees_cables
        if unplugged_here and over is not None and over.id_token is not None:
            self._keep_cable(over.id_token, over.group)
        self._held = self._left = False
        self._opened_at = self._unplugged_since = None
        self._drop_token()
        self.bounds.pop("transaction", None)
        self.bounds.pop("authorization", None)
        self._state_trigger = "ChargingStateChanged"
        self.ended = stop if here else None
        self.wishes = replace(self.wishes, charged=False, offered_since=None, stopping_since=None)
        self._station.share_out()
        self._again = True

    def _follow_plug(self, now: float) -> None:
        free = self._station.free_token
        if self.plugged and self._plugged_at is None:
            self._plugged_at = now
        if self.plugged and self._unplugged_since is not None:
            self._unplugged_since = None  # the same car, it is trusted; it must ask for current anew
            self.wishes = replace(self.wishes, charged=False, offered_since=None)
        if self.plugged and self.id_token is None and self.transaction is None and self.ended is None:
            roaming = self._station.roaming(self.id) if self.operative and not self._forbidden else None
            if roaming is not None:
                self.take_over(roaming)
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
                self._left = self._ledger.stop_decided is not None  # who plugs in before its end is told, is another
            elif free is not None:
                self.id_token = None
        elif self.plugged and free is not None and self.id_token is None and self.ended is None and self.operative:
            self.id_token, self._verdict, self._token_last = free, Verdict(source="free"), False

    def _unplugged(self, now: float) -> None:
        """The car is gone: the end, or only a pause where the operator trusts that the same one comes back (E09, E10).
        It is not waited for longer than for a first plug (E10.FR.02), unless its cable is locked in here: somebody
        will come for that (E10.FR.01)."""
        if not self._station.waits_for_replug or self.stop_wanted is not None:
            self._ledger.stop(STOPS["EVDisconnected"], now)
            return
        if self._unplugged_since is None:
            self._unplugged_since = now
            self._held = False
            self._ledger.follow("Idle", now, "EVCommunicationLost")
            self._state_trigger = "CablePluggedIn"
        elif not self.locks_cables and now - self._unplugged_since >= self._station.connection_timeout_s:
            self._ledger.stop(STOPS["Timeout"], now)

    @property
    def _holds_cable(self) -> bool:
        """The car's end of a cable was pulled; ours stays locked while the transaction waits for the car (E10.FR.01),
        and where only its owner may have it (E09.FR.03)."""
        if self.transaction is None or self.plugged or not self.locks_cables:
            return False
        if self.stop_wanted is None:
            return self._unplugged_since is not None
        return self.stop_wanted == "EVDisconnected" and not self._station.frees_cables

    def _follow_faults(self, now: float) -> None:
        reason = connector_status.stop_reason(self.faults)
        if reason is not None:
            self._ledger.stop(STOPS[reason], now)

    def _follow_cable(self, now: float) -> None:
        """A cable that is kept, but has gone, keeps nobody out: a bolt may let go where the power does."""
        empty = self.keeps_cable and self.locks_cables and self.seen is not None and self.seen.plug is Plug.NONE
        if not empty:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        elif now - self._empty_since >= _CABLE_GONE_S:
            log.info("EVSE %d: the cable that was kept here has gone", self.id)
            self.free_cable()

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
