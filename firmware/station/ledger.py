"""The books of one EVSE: its running transaction with events, samples and what the journal keeps of it.

Knows when something is written and in which order; what a transaction's events look like is `transaction`'s, when it
begins and ends is `evse`'s.
"""

import logging
import uuid
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from firmware.station import transaction
from firmware.station.facts import ChargingState, IdToken, Sample, Transaction
from firmware.station.transaction import Moment, Open, Stop

log = logging.getLogger(__name__)

_WRITTEN_BY_S: Final = 1.0  # a disk that takes longer than this is no reason not to charge
_CHECKPOINT_S: Final = 5.0  # the meter is stored this often: what a power cut can cost of the record


class Office(Protocol):
    """Where the books are kept: the station."""

    @property
    def boot_id(self) -> str: ...

    @property
    def sample_interval_s(self) -> float: ...

    @property
    def ended_interval_s(self) -> float: ...

    def moment(self) -> Moment: ...

    def record(
        self,
        event: Transaction | None,
        kept: Open | None,
        transaction_id: str,
        then: Callable[[], None] | None = None,
    ) -> None: ...


class Every:
    """When something periodic is due: once per interval, however late; 0 = never. The interval may change meanwhile."""

    def __init__(self, now: float, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next = now + interval_s

    def due(self, now: float, interval_s: float) -> bool:
        if interval_s != self._interval_s:
            self._interval_s, self._next = interval_s, now + interval_s
        if interval_s <= 0 or now < self._next:
            return False
        self._next = max(self._next + interval_s, now + interval_s / 2)
        return True


class Ledger:
    """One EVSE's running transaction, or none. `sample`: the latest meter values, None without a fresh reading;
    `written`: called when the start of the transaction is on disk."""

    def __init__(
        self, evse: int, office: Office, sample: Callable[[], Sample | None], written: Callable[[], None]
    ) -> None:
        self.open: Open | None = None
        self._written = written
        self._on_disk = False
        self._began = 0.0
        self._evse = evse
        self._office = office
        self._sample = sample
        self._stop_since: float | None = None
        self._charging_since: float | None = None
        self._cable_a = 0.0
        self._sample_due = self._ended_due = Every(0.0, 0.0)
        self._checkpoint_due = 0.0

    @property
    def stop_decided(self) -> Stop | None:
        return self.open.stop if self.open is not None else None

    def stopping_s(self, now: float) -> float:
        """How long ago its stop was decided."""
        return now - self._stop_since if self._stop_since is not None else 0.0

    def vouches(self, now: float) -> bool:
        """May current flow for the transaction? Only what the next start would know of: its beginning is on disk, or
        the disk takes too long."""
        return self.open is not None and (self._on_disk or now - self._began >= _WRITTEN_BY_S)

    def begin(
        self,
        connector: int,
        id_token: IdToken | None,
        group: IdToken | None,
        trigger: str,
        *,
        remote_start_id: int | None,
        cable_a: float,
        told: bool = True,
        connected: bool = True,
        placed: bool = True,
        last: Sample | None = None,
    ) -> None:
        """A new transaction, told and kept in one commit; not told where its start point is still to come. `last`: what
        the meter said last, for one that is silent now."""
        now = self._office.moment()
        fresh = Open(
            transaction_id=str(uuid.uuid4()),
            evse=self._evse,
            connector=connector,
            boot_id=self._office.boot_id,
            started_at=now.at,
            id_token=id_token,
            group=group,
            remote_start_id=remote_start_id,
            told=told,
            connected=connected,
            placed=placed,
            charging_state="EVConnected" if connected else "Idle",
        )
        started: Transaction | None = None
        self._cable_a = cable_a
        self.open = fresh
        if told:
            self.open, started = transaction.begin(fresh, now, trigger, self._sample() or last, cable_a)
        self._begin_counting(now.mono)
        self._on_disk = False
        log.info("EVSE %d: transaction %s started (%s)", self._evse, fresh.transaction_id, trigger)

        def on_disk() -> None:
            if self.open is not None and self.open.transaction_id == fresh.transaction_id:
                self._on_disk = True
                self._written()

        self._office.record(started, self.open, fresh.transaction_id, on_disk)

    def announce(self, trigger: str, state: ChargingState, now: float) -> None:
        """Its start point has come: from here on it is told."""
        if self.open is None or self.open.told:
            return
        self._count(state, now)
        begun = msgspec.structs.replace(self.open, told=True, charging_state=state)
        self.open, started = transaction.begin(begun, self._office.moment(), trigger, self._sample(), self._cable_a)
        self._office.record(started, self.open, started.transaction_id)

    def claim(
        self, id_token: IdToken, group: IdToken | None, remote_start_id: int | None, state: ChargingState
    ) -> None:
        """Somebody was authorised for a transaction that began with the plug (E02.FR.20, F01.FR.19, FR.25)."""
        if self.open is not None:
            self.open = msgspec.structs.replace(
                self.open, id_token=id_token, group=group, remote_start_id=remote_start_id
            )
            trigger = "RemoteStart" if remote_start_id is not None else "Authorized"
            self._update(trigger, state, self._sample(), id_token=id_token, remote_start_id=remote_start_id)

    def connect(self, connector: int, state: ChargingState) -> None:
        """The plug came to a transaction that began without it."""
        if self.open is not None and not self.open.connected:
            if not self.open.told:
                self._keep(msgspec.structs.replace(self.open, connected=True, connector=connector))
                return
            moment = self._office.moment()
            self.open, connected = transaction.connect(self.open, moment, connector, state, self._sample())
            self._office.record(connected, self.open, connected.transaction_id)

    def tell_stop(self, state: ChargingState) -> None:
        """Energy has ended, the transaction has not: its stop point is still to come (F03.FR.02, E05.FR.09)."""
        stop = self.stop_decided
        if self.open is not None and stop is not None and not self.open.stop_told:
            self.open = msgspec.structs.replace(self.open, stop_told=True)
            self._update(stop.trigger, state, self._sample(), id_token=stop.id_token)

    def resume(self, kept: Open) -> None:
        """The transaction of an earlier run goes on."""
        now = self._office.moment()
        self.open = kept
        self._on_disk = True
        self._begin_counting(now.mono)
        self._charging_since = now.mono if kept.charging_state == "Charging" else None
        self._stop_since = now.mono if kept.stop is not None else None
        log.info("EVSE %d: transaction %s goes on", self._evse, kept.transaction_id)

    def release(self) -> Open | None:
        """The transaction goes on in the books of another EVSE."""
        released, self.open = self.open, None
        self._stop_since = self._charging_since = None
        return released

    def stop(self, stop: Stop, now: float) -> None:
        """It shall end, for this reason; the first reason stands."""
        if self.open is not None and self.open.stop is None:
            self._stop_since = now
            self._keep(msgspec.structs.replace(self.open, stop=stop))

    def join_group(self, group: IdToken | None) -> None:
        """The back office told the group of its token."""
        if self.open is not None and group is not None and group != self.open.group:
            self._keep(msgspec.structs.replace(self.open, group=group))

    def allow(self, until_wh: float) -> None:
        """Nothing is to be drawn beyond this reading of the register; 0 = nothing more."""
        if self.open is not None:
            self._keep(msgspec.structs.replace(self.open, energy_until_wh=until_wh))

    def follow(self, state: ChargingState, now: float, trigger: str = "ChargingStateChanged") -> bool:
        """Tell a change of the charging state; one that belongs to the stop is told with the end. False: no change."""
        if self.open is None or self.open.charging_state == state:
            return False
        self._count(state, now)
        if self.open.stop is None or state != "SuspendedEVSE":
            self._update(trigger, state, self._sample())
        return True

    def tell(self, trigger: str, state: ChargingState, sample: Sample | None = None) -> None:
        """An event of its own, with the meter as it is now."""
        if self.open is not None and (self.open.stop is None or trigger == "Trigger"):
            self._update(trigger, state, sample if sample is not None else self._sample())

    def pause(self, context: str) -> None:
        """Keep what the car's protocol needs to go on after a pause; "" = it goes on."""
        if self.open is not None and self.open.paused != context:
            self.open = msgspec.structs.replace(self.open, paused=context)
            self._office.record(None, self.open, self.open.transaction_id)

    def tick(self, state: ChargingState, now: float) -> None:
        """Periodic samples, or at least what a power cut must not take."""
        if self.open is None:
            return
        sample = self._sample()
        counts = self.open.told and self.open.placed
        going_on = sample is not None and self.open.stop is None and counts
        if self._ended_due.due(now, self._office.ended_interval_s) and sample is not None and going_on:
            self.open = transaction.collect(self.open, sample)
        if self._sample_due.due(now, self._office.sample_interval_s):
            if going_on:
                self._count(state, now)
                self._checkpoint_due = now + _CHECKPOINT_S
                self._update("MeterValuePeriodic", state, sample)
        elif now >= self._checkpoint_due:
            self._checkpoint(state, now)

    def aligned(self, state: ChargingState, sample: Sample) -> None:
        """A clock-aligned sample, told at once (J01.FR.22)."""
        if self.open is not None and self.open.stop is None and self.open.told:
            self._update("MeterValueClock", state, sample)

    def collect(self, sample: Sample) -> None:
        """A clock-aligned sample for the last event."""
        if self.open is not None and self.open.stop is None and self.open.told:
            self._keep(transaction.collect(self.open, sample))

    def end(self, stop: Stop, state: ChargingState, sample: Sample | None) -> None:
        """The last event; from now on there is no transaction."""
        if self.open is None:
            return
        now = self._office.moment()
        self._count("Idle", now.mono)
        transaction_id, told = self.open.transaction_id, self.open.told
        last = transaction.end(self.open, now, stop, state, sample)
        log.info("EVSE %d: transaction %s ended (%s)", self._evse, transaction_id, stop.reason)
        self.open = self._stop_since = self._charging_since = None
        self._office.record(last if told else None, None, transaction_id)

    def _begin_counting(self, now: float) -> None:
        self._began = now
        self._sample_due = Every(now, self._office.sample_interval_s)
        self._ended_due = Every(now, self._office.ended_interval_s)
        self._checkpoint_due = now + _CHECKPOINT_S
        self._charging_since = self._stop_since = None

    def _count(self, state: ChargingState, now: float) -> None:
        """Time spent charging (transactionInfo.timeSpentCharging)."""
        if self.open is not None and self._charging_since is not None:
            spent = self.open.charged_s + now - self._charging_since
            self.open = msgspec.structs.replace(self.open, charged_s=spent)
        self._charging_since = now if state == "Charging" else None

    def _update(
        self,
        trigger: str,
        state: ChargingState,
        sample: Sample | None,
        *,
        id_token: IdToken | None = None,
        remote_start_id: int | None = None,
    ) -> None:
        if self.open is None:
            return
        if not self.open.told:
            self._keep(msgspec.structs.replace(self.open, charging_state=state))
            return
        self.open, updated = transaction.update(
            self.open,
            self._office.moment(),
            trigger,
            state,
            sample,
            id_token=id_token,
            remote_start_id=remote_start_id,
        )
        self._office.record(updated, self.open, updated.transaction_id)

    def _checkpoint(self, state: ChargingState, now: float) -> None:
        self._checkpoint_due = now + _CHECKPOINT_S
        sample = self._sample()
        last = self.open.last if self.open is not None else None
        unchanged = sample is None or (last is not None and sample.energy_wh == last.energy_wh)
        if self.open is None or (unchanged and self._charging_since is None):
            return
        self._count(state, now)
        self._keep(msgspec.structs.replace(self.open, last=sample if sample is not None else last))

    def _keep(self, changed: Open) -> None:
        self.open = changed
        self._office.record(None, changed, changed.transaction_id)
