"""How facts reach their readers: the lasting ones after their commit, the others at once.

The base of `station.Station`, between it and its values. What a reader missed it finds in the journal.
"""

import logging
from collections.abc import Callable
from typing import Final

from firmware.config import Settings
from firmware.station.charging_facts import ChargingLimit, EvChargingNeeds, EvChargingSchedule, PriorityCharging
from firmware.station.facts import (
    AnyFact,
    Booted,
    FirmwareStatus,
    LogStatus,
    MeterValues,
    MonitorEvents,
    ReservationEnded,
    SecurityEvent,
    Transaction,
    VendorMessage,
)
from firmware.station.journal import Journal
from firmware.station.values import Values

log = logging.getLogger(__name__)

#: What is told after its commit, and reaches a back office that was away meanwhile.
DURABLE: Final = (
    Transaction,
    SecurityEvent,
    MeterValues,
    VendorMessage,
    MonitorEvents,
    Booted,
    FirmwareStatus,
    LogStatus,
    ReservationEnded,
    ChargingLimit,
    EvChargingNeeds,
    EvChargingSchedule,
    PriorityCharging,
)


class Telling(Values):
    """Facts out."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        super().__init__(settings, journal)
        self._readers: dict[object, Callable[[AnyFact], None]] = {}

    def subscribe(self, reader: Callable[[AnyFact], None]) -> Callable[[], None]:
        """Hand every fact to `reader`, durable ones after their commit; returns the function that ends it."""
        key = object()
        self._readers[key] = reader

        def unsubscribe() -> None:
            self._readers.pop(key, None)

        return unsubscribe

    def emit(self, fact: AnyFact) -> None:
        """Something happened. Transactions, security events, meter values and boots are told once they are on disk,
        in order; everything else at once."""
        if isinstance(fact, DURABLE):
            self.journal.append([fact], then=lambda: self._tell(fact))
        else:
            self._tell(fact)

    def _tell(self, fact: AnyFact) -> None:
        for key in tuple(self._readers):
            reader = self._readers.get(key)
            if reader is None:
                continue
            try:
                reader(fact)
            except Exception:  # a task runner: a reader that fails must not stop the others, nor charging
                log.exception("a reader failed on %s", type(fact).__name__)
