"""One EVSE: what is seen of it, whose it is now, its transaction; turns the wishes of `charging` into intents.

Rules live in the pure neighbours (`charging`, `transaction`, `limits`, `connector_status`); who may charge is decided
by the station. Everything happens on an observation, a command or the station's one-second tick: no timers here.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import msgspec

from firmware.config import BudgetSettings, EvseSettings
from firmware.station import connector_status, transaction
from firmware.station.authorization import Verdict, same_token
from firmware.station.charging import Charging, Digital, Grant, Inputs, step
from firmware.station.clock import Clock
from firmware.station.facts import AnyFact, ChargingState, ConnectorStatus, IdToken, Sample
from firmware.station.guard_client import GuardClient
from firmware.station.ledger import Ledger, Office
from firmware.station.limits import Limit, Want, lowest
from firmware.station.orders import Orders
from firmware.station.reasons import why
from firmware.station.reports import Reports, present_status
from firmware.station.signal import Signal
from firmware.station.transaction import STOPS, Open, Stop
from hal import wire
from hal.contracts import PilotMode
from hal.duty import current_for
from hal.wire import ConnectorCapability, Fault, MeterSample, Observation

log = logging.getLogger(__name__)

_GUARD_AWAY_S: Final = 3.0  # a link that is gone no longer: nobody looks at the connector
_OPENED_BY_S: Final = 15.0  # a transaction ends at the latest this long after its stop, whatever the contactor says
_METER_BY_S: Final = 3.0  # a start waits this long for the first reading: OCPP 1.6 has no word for "not known"
_READ_BY_S: Final = 2.0  # the end waits this long for a reading from after the opening: half a second is 3 Wh at 22 kW
_SETTLED_ROUNDS: Final = 8  # an advance may cause the next; never endlessly


class Surroundings(Office, Protocol):
    """What an EVSE needs of its station."""

    clock: Clock
    guard: GuardClient

    @property
    def budget_settings(self) -> BudgetSettings: ...

    @property
    def free_token(self) -> IdToken | None: ...

    @property
    def connection_timeout_s(self) -> float: ...

    @property
    def shared_reader(self) -> bool: ...

    def emit(self, fact: AnyFact) -> None: ...

    def share_out(self) -> None: ...


class Evse:
    """State of one EVSE. Others read the attributes and subscribe to `changed`; only v2g calls set_digital().

    `connector` counts from 1 within the EVSE (as OCPP does); `board_connector` is its number on the board.
    """

    def __init__(self, settings: EvseSettings, station: Surroundings) -> None:
        self.id = settings.id
        self.settings = settings
        self.board_connector = settings.connectors[0]
        self.capability: ConnectorCapability | None = None
        self.seen: Observation | None = None
        self.id_token: IdToken | None = None
        self.limit = Limit(0.0, "hardware")
        self.operative = True
        self.status: ConnectorStatus | None = None  # as last reported
        self.digital: Digital | None = None
        self.refusal = ""  # why the last token was refused, until something better happens
        self.ended: Stop | None = None  # how the last transaction ended, while its car is still there
        self.authorised_at: float | None = None  # monotonic
        self.changed = Signal()
        self.wishes = Charging()
        self.bounds: dict[str, float] = {}  # source -> A, set by commands
        self.power_bounds: dict[str, float] = {}  # source -> W, where A follow from a voltage only the car knows (DC)
        self.share_a: float | None = None  # of the station's budget; None = there is none
        self._station = station
        self._verdict = Verdict()
        self._remote_start_id: int | None = None
        self._plugged_at: float | None = None  # monotonic
        self._meter: MeterSample | None = None  # last reading, however old; outlives the guard's own memory
        self._opened_at: float | None = None  # the running transaction's contactor, last; on the guard's clock
        self._unread_since: float | None = None  # a transaction could begin, but the meter was not read yet
        self._token_last = False  # the token came after the plug
        self._ledger = Ledger(settings.id, station, self.sample, self._advance)
        self._restored: Open | None = None
        self._after_reset = False
        self._orders = Orders(station.guard)
        self._reports = Reports(settings.id, station.emit)
        self._modem_fault: Fault | None = None
        self._lost_since: float | None = None
        self._held = False  # the guard was seen holding the grant of the running transaction
        self._view: object = None
        self._busy = self._again = False

    # --- what others read ---------------------------------------------------------------------------------------

    @property
    def connector(self) -> int:
        return self.settings.connectors.index(self.board_connector) + 1

    @property
    def plugged(self) -> bool:
        return self.level in {"B", "C", "D"}

    @property
    def level(self) -> str:
        """Debounced pilot state, "?" while nobody looks at it."""
        return self.seen.level if self.seen is not None else "?"

    @property
    def closed(self) -> bool:
        return self.seen is not None and self.seen.closed

    @property
    def nominal(self) -> bool:
        """Does the guard run this transaction under a duty cycle that says a current (IEC 61851-1 Annex A)?"""
        seen = self.seen
        if seen is None or seen.grant is None or seen.grant.session != self.transaction_id:
            return False
        return seen.pilot is PilotMode.DUTY and current_for(seen.duty_percent) > 0

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the guard says, and what the car link does."""
        seen = self.seen.faults if self.seen is not None else ()
        return seen if self._modem_fault is None else (*seen, self._modem_fault)

    @property
    def transaction_id(self) -> str | None:
        return self.transaction.transaction_id if self.transaction is not None else None

    @property
    def transaction(self) -> Open | None:
        """The running transaction as the journal has it."""
        return self._ledger.open

    @property
    def stop_wanted(self) -> str | None:
        """Reason for which the station wants the car to stop, None while it may charge."""
        stop = self._ledger.stop_decided
        return stop.reason if stop is not None else None

    @property
    def paused(self) -> str:
        """What the car's protocol left for the time after a pause; "" = the car is awake."""
        return self.transaction.paused if self.transaction is not None else ""

    @property
    def charging_state(self) -> ChargingState:
        return self.wishes.charging_state

    @property
    def has_lock(self) -> bool:
        return self.capability is not None and self.capability.lock

    @property
    def resuming(self) -> bool:
        """The journal knows a transaction here and the guard was not heard yet."""
        return self._restored is not None

    @property
    def guard_problem(self) -> str:
        return self._station.guard.problem

    def why(self) -> str:
        """Why it charges or does not: one line for people, the same everywhere."""
        return why(self, self._station.clock.mono(), self._station.connection_timeout_s)

    def sample(self, context: str = "Sample.Periodic") -> Sample | None:
        """The latest meter values, or None without a fresh reading."""
        meter = self.seen.meter if self.seen is not None else None
        return self._sample(meter, context) if meter is not None and meter.quality == "good" else None

    def _sample(self, meter: MeterSample, context: str) -> Sample:
        age = max(0.0, self._station.clock.mono() - meter.at)
        return Sample(
            at=self._station.clock.utc() - age,
            energy_wh=meter.import_wh,
            power_w=meter.power_w,
            voltage_v=meter.voltage_v,
            current_a=meter.current_a,
            soc_percent=self.digital.soc_percent if self.digital is not None else None,
            offered_a=self.wishes.grant.limit_a if self.wishes.grant is not None else 0.0,
            context=context,
        )

    def _last_sample(self) -> Sample | None:
        """The latest meter values, or the last ones that were read while the meter answered, with their time."""
        return self.sample() or (self._sample(self._meter, "Sample.Periodic") if self._meter is not None else None)

    # --- what happens to it -------------------------------------------------------------------------------------

    def set_digital(self, wish: Digital | None) -> None:
        """What the car's protocol wants now; None gives the pilot back to basic charging."""
        if wish != self.digital:
            self.digital = wish
            self._advance()

    def set_modem_fault(self, text: str) -> None:
        """The power-line modem does not answer, "" when it does; only v2g calls this. AC goes on without it."""
        code = connector_status.MODEM
        if self.capability is not None and self.capability.dc:
            code = connector_status.MODEM_NEEDED
        known = self._modem_fault
        if (known.code, known.text) == (code, text) if known is not None else not text:
            return
        since = known.since if known is not None else self._station.clock.mono()
        self._modem_fault = Fault(code, text, since) if text else None
        if self.seen is not None:  # else the next observation tells it with the guard's own
            self._reports.faults(self.faults, self.connector, self._station.moment())
        self._advance()

    def pause(self, context: str) -> None:
        """The car sleeps and will go on with this transaction, also after a restart of ours; "" = it is awake."""
        self._ledger.pause(context)

    def authorise(self, id_token: IdToken, verdict: Verdict, remote_start_id: int | None = None) -> None:
        """This token may charge here, from plug-in on or from now on."""
        self.id_token = id_token
        self.refusal = ""
        self.ended = None  # a remote start may begin anew with the plug still in
        self.authorised_at = self._station.clock.mono()
        self._token_last = self.plugged
        self._verdict = verdict
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

    def join_group(self, group: IdToken | None) -> None:
        """The back office told the group of the running transaction's token."""
        self._ledger.join_group(group)

    def release_lock(self) -> None:
        """Try the bolt once more; the caller made sure that nothing runs."""
        self._orders.release_lock(self.board_connector)

    def owns(self, id_token: IdToken, group: IdToken | None) -> bool:
        """May this token (of this group) end what runs here (E07.FR.01, C09.FR.03)?"""
        mine = self.transaction
        if mine is None:
            return same_token(self.id_token, id_token)
        return same_token(mine.id_token, id_token) or (group is not None and same_token(mine.group, group))

    def set_operative(self, operative: bool) -> None:
        if operative != self.operative:
            self.operative = operative
            self._advance()

    def set_bound(self, source: str, amps: float | None) -> None:
        """An upper bound of this EVSE's current from `source`; None lifts it."""
        if amps is None:
            self.bounds.pop(source, None)
        else:
            self.bounds[source] = amps
        self._advance()

    def set_power_bound(self, source: str, watts: float | None) -> None:
        """The same in W over all phases, or of a DC output."""
        if self.power_bounds.get(source) == watts:
            return
        if watts is None:
            self.power_bounds.pop(source, None)
        else:
            self.power_bounds[source] = watts
        self._advance()

    @property
    def power_limit(self) -> Limit | None:
        """The bound in W that counts; None = none but those in A and the board's."""
        return (
            lowest(Limit(watts, source) for source, watts in self.power_bounds.items()) if self.power_bounds else None
        )

    def charging_rate_changed(self) -> None:
        """Somebody outside changed what may be drawn: the transaction tells (K11.FR.04, K13.FR.03)."""
        self._ledger.tell("ChargingRateChanged", self.wishes.charging_state)

    def set_share(self, amps: float | None) -> None:
        """This EVSE's part of the station's budget; None = no budget."""
        if amps != self.share_a:
            self.share_a = amps
            self._advance()

    def restore(self, kept: Open, *, after_reset: bool) -> None:
        """The journal knows this transaction as open: whether it runs on is decided by the guard's first word."""
        self._restored = kept
        self._after_reset = after_reset
        if kept.connector <= len(self.settings.connectors):
            self.board_connector = self.settings.connectors[kept.connector - 1]

    def hello(self, capabilities: Sequence[ConnectorCapability]) -> None:
        """The guard reported what the board can do."""
        self.capability = next((each for each in capabilities if each.connector == self.board_connector), None)
        self._lost_since = None

    def resend(self) -> None:
        """A new epoch: nothing of what was sent before counts any more."""
        self._orders.forget()
        self._advance()

    def lost(self) -> None:
        """The link to the guard is down; what was seen counts for three seconds more."""
        self._lost_since = self._station.clock.mono()
        self._orders.forget()

    def observe(self, seen: Observation) -> None:
        """The guard's word on one of this EVSE's connectors."""
        self._lost_since = None
        if not self._concerns_us(seen):
            return
        before, self.seen = self.seen, self._through_our_own_dark(seen)
        self._meter = seen.meter or self._meter
        if before is not None and before.closed and not seen.closed:
            self._opened_at = seen.at
        if self._restored is not None:
            self._resume_or_close(self._restored, seen)
        elif self._sneaked_away(seen):
            self.stop(STOPS["EVDisconnected"])
        elif self._forgotten(before, seen):
            self.stop(STOPS["Other"])
        self._reports.faults(self.faults, self.connector, self._station.moment())
        self._advance()

    def _through_our_own_dark(self, seen: Observation) -> Observation:
        """While we show E or F (v2g wakes a car up so) the line says nothing of the car: it is where it was."""
        if seen.pilot not in {PilotMode.E, PilotMode.F} or seen.level not in {"E", "F"} or not self.plugged:
            return seen
        return msgspec.structs.replace(seen, level=self.level)

    def tick(self, now: float) -> None:
        """Once a second: what is due by time."""
        if self._lost_since is not None and now - self._lost_since >= _GUARD_AWAY_S:
            self.seen = None
        self._ledger.tick(self.charging_state, now)
        self._follow_timeouts(now)
        self._advance()

    def want(self) -> Want | None:
        """What this EVSE wants of the station's budget; None = nothing, and it cannot be drawing either."""
        mine = self.transaction
        if mine is None and not self.closed:
            return None
        meter = self.seen.meter if self.seen is not None else None
        drawing = max(meter.current_a, default=0.0) if meter is not None and meter.quality == "good" else None
        asks = self.level in {"C", "D"} or (self.digital is not None and not self.wishes.charged)
        able = mine is not None and mine.stop is None and not self._forbidden
        return Want(self.id, self._own_limit().amps if able else 0.0, drawing, asks)

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

    def _follow_timeouts(self, now: float) -> None:
        """A token waits for its plug only so long; so does a plug for its token where the next driver's token at a
        shared reader would start somebody else's car (OCPP 1.6 errata 3.20)."""
        timeout = self._station.connection_timeout_s
        if self.transaction is not None:
            return
        if not self.plugged:
            if self.authorised_at is not None and now - self.authorised_at >= timeout:
                log.info("EVSE %d: no plug in time, authorization dropped", self.id)
                self._drop_token()
            return
        unclaimed_s = now - (self._plugged_at or now) if self.id_token is None and self.ended is None else 0.0
        if self._station.shared_reader and unclaimed_s >= timeout:
            self.ended = STOPS["Timeout"]

    # --- one round ----------------------------------------------------------------------------------------------

    @property
    def _forbidden(self) -> bool:
        return bool(connector_status.forbidding(self.faults))

    def _advance(self) -> None:
        """Let everything follow what changed; what that changes in turn is followed in the next round."""
        self._again = True
        if self._busy:
            return
        self._busy = True
        try:
            for _ in range(_SETTLED_ROUNDS):
                if not self._again:
                    break
                self._again = False
                self._round()
        finally:
            self._busy = False
        self._notify()

    def _round(self) -> None:
        if self._restored is not None:
            return  # the guard goes first: it may still be charging
        now = self._station.clock.mono()
        self._follow_plug(now)
        self._follow_faults(now)
        self._begin_if_due()
        self._follow_limit()
        before = self.wishes
        self.wishes = step(before, self._inputs(now), now)
        self._orders.follow(
            self.wishes,
            self.seen,
            session=self.transaction_id,
            connector=self.board_connector,
            has_lock=self.has_lock,
            forbidden=self._forbidden,
            now=now,
        )
        if self.level != "A":  # an unplugged car's state goes into the last event
            self._ledger.follow(self.wishes.charging_state, now)
        if not self._end_if_due(now):
            self._report()

    def _inputs(self, now: float) -> Inputs:
        stop = self._ledger.stop_decided
        return Inputs(
            level=self.level,
            closed=self.closed,
            session=self.transaction_id,
            recorded=self._ledger.vouches(now),
            authorised=self.id_token is not None,
            stopping=stop.reason if stop is not None else "",
            at_once=stop is not None and stop.reason == "EmergencyStop",
            ended=self.ended is not None,
            faulted=self._forbidden,
            operative=self.operative,
            limit_a=self.limit.amps,
            failsafe_limit_a=self._station.budget_settings.failsafe_current_a,
            ride_through_s=self._station.budget_settings.ride_through_s,
            digital=self.digital,
            has_lock=self.has_lock,
        )

    def _follow_plug(self, now: float) -> None:
        free = self._station.free_token
        if self.plugged and self._plugged_at is None:
            self._plugged_at = now
        if self.level == "A":
            self.ended = self._plugged_at = None
            if self.transaction is not None:
                self._ledger.stop(STOPS["EVDisconnected"], now)
            elif free is not None:
                self.id_token = None
        elif self.plugged and free is not None and self.id_token is None and self.ended is None and self.operative:
            self.id_token, self._verdict, self._token_last = free, Verdict(source="free"), False

    def _follow_faults(self, now: float) -> None:
        reason = connector_status.stop_reason(self.faults)
        if reason is not None:
            self._ledger.stop(STOPS[reason], now)

    def _own_limit(self) -> Limit:
        """What may be drawn here, apart from the budget."""
        bounds = [Limit(self.capability.max_current_a if self.capability is not None else 0.0, "hardware")]
        if self.seen is not None and self.seen.cable_rating_a > 0:
            bounds.append(Limit(self.seen.cable_rating_a, "cable"))
        if self.settings.max_current_a is not None:
            bounds.append(Limit(self.settings.max_current_a, "site"))
        bounds += [Limit(amps, source) for source, amps in self.bounds.items()]
        return lowest(bounds)

    def _follow_limit(self) -> None:
        limit = self._own_limit()
        if self.transaction is not None and self.share_a is not None:
            limit = lowest([limit, Limit(self.share_a, "budget")])
        if limit == self.limit:
            return
        self.limit = limit
        self._reports.limit(limit, self._station.moment())

    # --- the guard ----------------------------------------------------------------------------------------------

    def _concerns_us(self, seen: Observation) -> bool:
        """Follow the connector in use: the one with a car or a grant; else the first."""
        if seen.connector == self.board_connector:
            return True
        in_use = seen.level in {"B", "C", "D"} or seen.grant is not None
        if not in_use or self.transaction is not None or self.plugged:
            return False
        self.board_connector = seen.connector
        self._meter = None  # another connector's
        if self._station.guard.hello is not None:
            self.hello(self._station.guard.hello.connectors)
        self._orders.forget()
        return True

    # --- the transaction ----------------------------------------------------------------------------------------

    def _begin_if_due(self) -> None:
        """TxStartPoint PowerPathClosed: plugged in and authorised (E01.FR.05)."""
        if self.transaction is not None or self.id_token is None or not self.plugged or self.ended is not None:
            return
        if not self.operative or self._forbidden or not self._station.guard.connected:
            return
        if self._waits_for_meter():
            return
        remote, self._remote_start_id = self._remote_start_id, None
        trigger = "RemoteStart" if remote is not None else "Authorized" if self._token_last else "CablePluggedIn"
        self.wishes = replace(self.wishes, charged=False, offered_since=None)
        self._ledger.begin(
            self.connector,
            self.id_token,
            self._verdict.group,
            trigger,
            remote_start_id=remote,
            cable_a=self.seen.cable_rating_a if self.seen is not None else 0.0,
        )
        self._station.share_out()

    def _waits_for_meter(self) -> bool:
        """Just started, the guard may not have read its meter yet; one that stays silent keeps nobody waiting."""
        if self.capability is None or not self.capability.meter or self.sample() is not None:
            self._unread_since = None
            return False
        now = self._station.clock.mono()
        self._unread_since = self._unread_since if self._unread_since is not None else now
        return now - self._unread_since < _METER_BY_S

    def _end_if_due(self, now: float) -> bool:
        """The last event, once no current can flow: confirmed open, or nobody confirmed it for too long."""
        stop = self._ledger.stop_decided
        if stop is None:
            return False
        may_flow = self.seen is None or self.closed or self.wishes.grant is not None
        if (may_flow or self._unread(now)) and self._ledger.stopping_s(now) < _OPENED_BY_S:
            return False
        self._end(stop, self._last_sample())
        return True

    def _unread(self, now: float) -> bool:
        """Did energy flow since the meter, which answers, was read last?"""
        if self._opened_at is None or self._meter is None or self.sample() is None:
            return False
        return self._meter.at < self._opened_at and now - self._opened_at < _READ_BY_S

    def _end(self, stop: Stop, sample: Sample | None) -> None:
        self._ledger.end(stop, "EVConnected" if self.plugged else "Idle", sample)
        self._held = False
        self._opened_at = None
        self._drop_token()
        self.bounds.pop("transaction", None)
        self.bounds.pop("authorization", None)
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

    def _sleeps(self, kept: Open, seen: Observation) -> bool:
        """A paused car has no grant that could tell us that it is the same: v2g makes it prove that. A machine that was
        off may have lost anything."""
        left = wire.UNPLUGGED in (seen.grant_ended or "") or seen.level not in {"B", "C", "D"}
        awake = not kept.paused or kept.stop is not None or seen.grant is not None
        return not awake and not left and kept.boot_id == self._station.boot_id

    # --- telling ------------------------------------------------------------------------------------------------

    def present_status(self) -> ConnectorStatus:
        """The connector's status as it is now, stamped now."""
        return present_status(
            self.id,
            self.connector,
            self.wishes.detail,
            self.seen,
            faults=self.faults,
            guard_problem=self.guard_problem,
            now=self._station.moment(),
        )

    def _report(self) -> None:
        now = self._station.moment()
        if self.seen is not None:
            self._reports.pilot(self.seen, self.connector, now)
        elif self._lost_since is None:
            return  # just started: the guard has not spoken yet
        self.status = self._reports.status(self.present_status())

    def _notify(self) -> None:
        """Tell subscribers, but only of what they can see: most observations repeat the one before."""
        seen = self.seen
        view = (
            None
            if seen is None
            else (seen.level, seen.closed, seen.energised, seen.pilot, seen.duty_percent, seen.meter),
            None
            if seen is None
            else (seen.faults, seen.lock, seen.dc, seen.limit_a, seen.plug, seen.grant, seen.why_open),
            (
                self.limit,
                self.power_limit,
                self.id_token,
                self.stop_wanted,
                self.transaction_id,
                self.digital,
                self.operative,
            ),
            (self.wishes, self.ended, self.refusal, self.capability, self._modem_fault),
        )
        if view != self._view:
            self._view = view
            self.changed.notify()
