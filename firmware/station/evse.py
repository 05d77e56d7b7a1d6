"""One EVSE: what is seen of it, whose it is now, its transaction; turns the wishes of `charging` into intents.

Rules live in the pure neighbours (`charging`, `transaction`, `limits`, `connector_status`); who may charge is decided
by the station. Everything happens on an observation, a command or the station's one-second tick: no timers here.
"""

import logging
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from firmware.station import connector_status
from firmware.station.charging import Digital, Inputs, step
from firmware.station.evse_restart import EvseRestart
from firmware.station.evse_state import PhaseWish
from firmware.station.transaction import STOPS
from hal import wire
from hal.contracts import PilotMode
from hal.wire import ConnectorCapability, Fault, Observation

log = logging.getLogger(__name__)

_GUARD_AWAY_S: Final = 3.0  # a link that is gone no longer: nobody looks at the connector
_SETTLED_ROUNDS: Final = 8  # an advance may cause the next; never endlessly


class Evse(EvseRestart):
    """One EVSE, moved by the guard's words, by commands and the station's tick. Only v2g calls set_digital()."""

    def set_digital(self, wish: Digital | None) -> None:
        """What the car's protocol wants now; None gives the pilot back to basic charging."""
        if wish != self.digital:
            self.digital = wish
            if wish is not None and wish.soc_percent is not None:
                self._soc_percent = wish.soc_percent
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

    def release_lock(self) -> None:
        """Try the bolt once more; the caller made sure that nothing runs."""
        self._orders.release_lock(self.board_connector)

    def set_phases(self, phases: Literal[1, 3], by: str) -> str:
        """Let the car have one or three phases; `by` says who wants that. The guard changes them when that is safe
        (`seen.phases`, `seen.why_phases`). Returns why it cannot be, '' when it was passed on."""
        can = self.capability
        if can is None or can.dc or phases > can.phases:
            return "no AC connector with so many phases"
        if not can.phase_switch:
            return "" if phases == can.phases else "this connector cannot change its phases"
        wish = PhaseWish(phases, by)
        if wish != self.phase_wish:
            before, self.phase_wish = self.phase_wish, wish
            if before is None or before.phases != phases:
                log.info("EVSE %d: %d phase(s) wanted by %s", self.id, phases, by)
            self._advance()
        return ""

    def set_operative(self, operative: bool) -> None:
        if operative != self.operative:
            self.operative = operative
            self._advance()

    def set_reserved(self, reserved: bool) -> None:
        if reserved != self.reserved:
            self.reserved = reserved
            self._advance()

    def hello(self, capabilities: Sequence[ConnectorCapability]) -> None:
        """The guard reported what the board can do."""
        self.hardware = next((each for each in capabilities if each.connector == self.board_connector), None)
        self._lost_since = None

    def resend(self) -> None:
        """A new epoch: nothing of what was sent before counts any more."""
        self._orders.forget()
        self._signing.resend()
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
        before, self.seen = self.seen, self._through_a_bounce(self._through_our_own_dark(seen))
        self._meter = seen.meter or self._meter
        if before is not None and before.closed and not seen.closed:
            self._opened_at = seen.at
        if self._restored is not None:
            self._resume_or_close(self._restored, seen)
        elif self._sneaked_away(seen) and not self._station.waits_for_replug:
            self.stop(STOPS["EVDisconnected"])
        elif self._forgotten(before, seen):
            self.stop(STOPS["Other"])
        if before is None:
            self.changed.notify()  # who owns the pilot decides first: nothing of the dark is offered anew
        if self._asks_again(before, self.seen):
            self.ended = None
        self._reports.faults(self.faults, self.connector, self._station.moment())
        self._advance()

    def _through_our_own_dark(self, seen: Observation) -> Observation:
        """While we show E or F (v2g wakes a car up so) the line says nothing of the car: it is where it was."""
        if seen.pilot not in {PilotMode.E, PilotMode.F} or seen.level not in {"E", "F"} or not self.plugged:
            return seen
        return msgspec.structs.replace(seen, level=self.level)

    def _through_a_bounce(self, seen: Observation) -> Observation:
        """State A for a moment is a contact that bounced: the guard has opened, but car and transaction are still the
        same. It has gone once A has lasted, or the guard says so."""
        if seen.level != "A" or not self.plugged:
            self._away_since = None
            return seen
        if self._away_since is None:
            self._away_since = seen.at
        told = seen.grant is None and wire.UNPLUGGED in (seen.grant_ended or "")
        if told or seen.at - self._away_since >= wire.GONE_S:
            self._away_since = None
            return seen
        return msgspec.structs.replace(seen, level="B")

    def _asks_again(self, before: Observation | None, seen: Observation) -> bool:
        """Where nobody is asked who pays, a car that ended its session begins the next by asking for power (B to C)."""
        if self.ended is None or self._station.free_token is None or self.ended.reason != "StoppedByEV":
            return False
        return before is not None and before.level == "B" and seen.level in {"C", "D"}

    def tick(self, now: float) -> None:
        """Once a second: what is due by time."""
        if self._lost_since is not None and now - self._lost_since >= _GUARD_AWAY_S:
            self.seen = None
        self._ledger.tick(self.charging_state, now)
        self._follow_timeouts(now)
        self._follow_cable(now)
        self._advance()

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
        self._follow_energy()
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
        if self.phase_wish is not None:
            self._orders.phases(self.phase_wish.phases, self.board_connector)
        if self.level != "A" and self._away_since is None:  # an unplugged car's state goes into the last event
            if self._stops_with_energy():
                self._ledger.stop(STOPS["StoppedByEV"], now)
            self._announce_if_due(now)
            if self._ledger.follow(self.wishes.charging_state, now, self._state_trigger):
                self._state_trigger = "ChargingStateChanged"
        if not self._end_if_due(now):
            self._report()

    def _inputs(self, now: float) -> Inputs:
        stop = self._ledger.stop_decided
        waits = self.transaction is not None and self.transaction.stop_told
        return Inputs(
            level=self.level,
            closed=self.closed,
            session=self.transaction_id if self.claimed and not waits else None,
            recorded=self._ledger.vouches(now) and self._signed_start(now),
            deserted=self.transaction is not None and self.transaction.connected and self.level == "A",
            authorised=self.id_token is not None,
            stopping=stop.reason if stop is not None else "",
            at_once=stop is not None and stop.reason == "EmergencyStop",
            ended=self.ended is not None or waits,
            faulted=self._forbidden,
            operative=self.operative,
            reserved=self.reserved,
            limit_a=self.limit.amps,
            limit_w=self.power_limit.amps if self.power_limit is not None else None,
            dc=self.dc,
            outlet=self.outlet,
            failsafe_limit_a=self._station.budget_settings.failsafe_current_a,
            ride_through_s=self._station.budget_settings.ride_through_s,
            digital=self.digital,
            has_lock=self.has_lock,
            keeps_cable=self.keeps_cable or self._holds_cable,
        )

    def _concerns_us(self, seen: Observation) -> bool:
        """Follow the connector in use: the one with a car or a grant; else the first."""
        if seen.connector == self.board_connector:
            return True
        in_use = seen.level in {"B", "C", "D"} or seen.grant is not None
        if not in_use or self.transaction is not None or self.plugged:
            return False
        self.board_connector = seen.connector
        self.operative = self._station.may_begin(self.id, self.connector)  # it may be out of service by itself
        self._meter = None  # another connector's
        if self._station.guard.hello is not None:
            self.hello(self._station.guard.hello.connectors)
        self._orders.forget()
        return True

    def _report(self) -> None:
        if self._away_since is not None:
            return  # in a moment it is known whether the car has gone
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
                self.reserved,
            ),
            (self.wishes, self.ended, self.refusal, self.capability, self._modem_fault),
        )
        if view != self._view:
            self._view = view
            self.changed.notify()
