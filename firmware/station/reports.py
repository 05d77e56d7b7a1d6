"""The facts of one EVSE that follow from what is seen: connector status, faults, pilot, limit; told on change only.

Transactions are not told here: their facts belong together with what the journal keeps (`transaction`, `evse`).
"""

import logging
from collections.abc import Callable, Sequence

import msgspec

from firmware.station import connector_status
from firmware.station.charging_facts import LimitChanged
from firmware.station.facts import AnyFact, ConnectorStatus, FaultCleared, FaultRaised, PilotChanged, SecurityEvent
from firmware.station.limits import Limit
from firmware.station.transaction import Moment
from hal.wire import Fault, Observation

log = logging.getLogger(__name__)


class Reports:
    """Remembers what was told of one EVSE and tells what is new."""

    def __init__(self, evse: int, emit: Callable[[AnyFact], None]) -> None:
        self._evse = evse
        self._emit = emit
        self._status: ConnectorStatus | None = None
        self._pilot: PilotChanged | None = None
        self._faults: dict[str, Fault] = {}

    def limit(self, limit: Limit, power: Limit | None, now: Moment) -> None:
        """A, and W where something bounds them."""
        self._emit(
            LimitChanged(
                at=now.at,
                mono=now.mono,
                clock_synced=now.synced,
                evse=self._evse,
                limit_a=limit.amps,
                source=limit.source,
                limit_w=power.amps if power is not None else None,
            )
        )

    def faults(self, faults: Sequence[Fault], connector: int, now: Moment) -> None:
        """Raised and cleared, by code."""
        present = {fault.code: fault for fault in faults}
        where = {"evse": self._evse, "connector": connector}
        for code, fault in present.items():
            if code not in self._faults:
                self._raise(fault, connector, now)
        for code in self._faults:
            if code not in present:
                self._emit(FaultCleared(at=now.at, mono=now.mono, clock_synced=now.synced, code=code, **where))
        self._faults = present

    def _raise(self, fault: Fault, connector: int, now: Moment) -> None:
        log.warning("EVSE %d: %s: %s", self._evse, fault.code, fault.text)
        self._emit(
            FaultRaised(
                at=now.at,
                mono=now.mono,
                clock_synced=now.synced,
                evse=self._evse,
                connector=connector,
                code=fault.code,
                text=fault.text,
            )
        )
        if fault.code == "tamper":
            self._emit(
                SecurityEvent(
                    at=now.at,
                    mono=now.mono,
                    clock_synced=now.synced,
                    kind="TamperDetectionActivated",
                    tech_info=fault.text,
                    critical=True,
                )
            )

    def status(self, status: ConnectorStatus) -> ConnectorStatus:
        """Tell it if it is new; returns what was told last."""
        told = self._status
        if told is None or _told_of(status) != _told_of(told):
            self._status = told = status
            self._emit(status)
        return told

    def pilot(self, seen: Observation, connector: int, now: Moment) -> None:
        fact = PilotChanged(
            at=now.at,
            mono=now.mono,
            clock_synced=now.synced,
            evse=self._evse,
            connector=connector,
            level=seen.level,
            mode=seen.pilot,
            duty_percent=seen.duty_percent,
            closed=seen.closed,
            limit_a=seen.limit_a,
            why_open=seen.why_open,
        )
        told = self._pilot
        if (
            told is None
            or msgspec.structs.replace(fact, at=told.at, mono=told.mono, clock_synced=told.clock_synced) != told
        ):
            self._pilot = fact
            self._emit(fact)


def present_status(
    evse: int,
    connector: int,
    detail: str,
    seen: Observation | None,
    *,
    faults: Sequence[Fault],
    guard_problem: str,
    now: Moment,
) -> ConnectorStatus:
    """A connector's status as OCPP wants it; without a guard nobody can say that it is well."""
    foremost = connector_status.foremost(faults)
    error, info, code = "NoError", "", ""
    if seen is None:
        detail, error, info = "Faulted", "InternalError", guard_problem
    elif foremost is not None:
        error, info = connector_status.ERROR_CODES.get(foremost.code, "OtherError"), foremost.text
        code = foremost.code
    plugged = seen is not None and seen.level in {"B", "C", "D"}
    if detail == "SuspendedEV" and not plugged and not info:
        info = "EV side disconnected"  # 1.6 4.9
    return ConnectorStatus(
        at=now.at,
        mono=now.mono,
        clock_synced=now.synced,
        evse=evse,
        connector=connector,
        state=connector_status.state_of(detail, plugged=plugged),
        detail=detail,
        error_code=error,
        info=info[:50],  # CiString50 in 1.6 StatusNotification
        vendor_code=code,
    )


def _told_of(status: ConnectorStatus) -> tuple[str, str, str, int]:
    return status.state, status.detail, status.error_code, status.connector
