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

    def moment(self) -> Moment: ...

    def record(
        self,
        event: Transaction | None,
        kept: Open | None,
        transaction_id: str,
        then: Callable[[], None] | None = None,
    ) -> None: ...


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
        self._sample_due = 0.0
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
        id_token: IdToken,
        group: IdToken | None,
        trigger: str,
        *,
        remote_start_id: int | None,
        cable_a: float,
    ) -> None:
        """A new transaction, told and kept in one commit."""
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
        )
        self.open, started = transaction.begin(fresh, now, trigger, self._sample(), cable_a)
        self._begin_counting(now.mono)
        self._on_disk = False
        log.info("EVSE %d: transaction %s started (%s)", self._evse, fresh.transaction_id, trigger)

        def on_disk() -> None:
            if self.open is not None and self.open.transaction_id == fresh.transaction_id:
                self._on_disk = True
                self._written()

        self._office.record(started, self.open, fresh.transaction_id, on_disk)

    def resume(self, kept: Open) -> None:
        """The transaction of an earlier run goes on."""
        now = self._office.moment()
        self.open = kept
        self._on_disk = True
        self._begin_counting(now.mono)
        self._charging_since = now.mono if kept.charging_state == "Charging" else None
        self._stop_since = now.mono if kept.stop is not None else None
        log.info("EVSE %d: transaction %s goes on", self._evse, kept.transaction_id)

    def stop(self, stop: Stop, now: float) -> None:
        """It shall end, for this reason; the first reason stands."""
        if self.open is not None and self.open.stop is None:
            self._stop_since = now
            self._keep(msgspec.structs.replace(self.open, stop=stop))

    def join_group(self, group: IdToken | None) -> None:
        """The back office told the group of its token."""
        if self.open is not None and group is not None and group != self.open.group:
            self._keep(msgspec.structs.replace(self.open, group=group))

    def follow(self, state: ChargingState, now: float) -> None:
        """Tell a change of the charging state; one that belongs to the stop is told with the end."""
        if self.open is None or self.open.charging_state == state:
            return
        self._count(state, now)
        if self.open.stop is None or state != "SuspendedEVSE":
            self._update("ChargingStateChanged", state, self._sample())

    def tell(self, trigger: str, state: ChargingState) -> None:
        """An event of its own, with the meter as it is now."""
        if self.open is not None and self.open.stop is None:
            self._update(trigger, state, self._sample())

    def pause(self, context: str) -> None:
        """Keep what the car's protocol needs to go on after a pause; "" = it goes on."""
        if self.open is not None and self.open.paused != context:
            self.open = msgspec.structs.replace(self.open, paused=context)
            self._office.record(None, self.open, self.open.transaction_id)

    def tick(self, state: ChargingState, now: float) -> None:
        """Periodic sample, or at least what a power cut must not take."""
        if self.open is None:
            return
        if now >= self._sample_due:
            interval = self._interval_s
            self._sample_due = max(self._sample_due + interval, now + interval / 2)  # one, however late
            sample = self._sample()
            if sample is not None and self.open.stop is None:
                self._count(state, now)
                self._checkpoint_due = now + _CHECKPOINT_S
                self._update("MeterValuePeriodic", state, sample)
        elif now >= self._checkpoint_due:
            self._checkpoint(state, now)

    def end(self, stop: Stop, state: ChargingState, sample: Sample | None) -> None:
        """The last event; from now on there is no transaction."""
        if self.open is None:
            return
        now = self._office.moment()
        self._count("Idle", now.mono)
        last = transaction.end(self.open, now, stop, state, sample)
        log.info("EVSE %d: transaction %s ended (%s)", self._evse, last.transaction_id, stop.reason)
        self.open = self._stop_since = self._charging_since = None
        self._office.record(last, None, last.transaction_id)

    @property
    def _interval_s(self) -> float:
        return self._office.sample_interval_s or float("inf")  # 0 = no periodic samples

    def _begin_counting(self, now: float) -> None:
        self._began = now
        self._sample_due = now + self._interval_s
        self._checkpoint_due = now + _CHECKPOINT_S
        self._charging_since = self._stop_since = None

    def _count(self, state: ChargingState, now: float) -> None:
        """Time spent charging (transactionInfo.timeSpentCharging)."""
        if self.open is not None and self._charging_since is not None:
            spent = self.open.charged_s + now - self._charging_since
            self.open = msgspec.structs.replace(self.open, charged_s=spent)
        self._charging_since = now if state == "Charging" else None

    def _update(self, trigger: str, state: ChargingState, sample: Sample | None) -> None:
        if self.open is not None:
            self.open, updated = transaction.update(self.open, self._office.moment(), trigger, state, sample)
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
