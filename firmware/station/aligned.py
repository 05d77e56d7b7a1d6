"""Clock-aligned meter values: every EVSE is sampled when the clock strikes a multiple of the interval since midnight
(UTC; OCPP 2.0.1 part 2, J01; 1.6 ClockAlignedDataInterval). Looks at the clock when asked; the station's tick asks.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from firmware.station.evse import Evse
from firmware.station.facts import Sample


class Values(Protocol):
    """Where the intervals are configured."""

    def number(self, name: str, default: float) -> float: ...

    def flag(self, name: str, default: bool) -> bool: ...


class AlignedSamples:
    """`tell` gets the samples of EVSEs without a transaction; those of a transaction go into its own events."""

    def __init__(self, values: Values, tell: Callable[[int, Sample], None]) -> None:
        self._values = values
        self._tell = tell
        self._seen: dict[str, tuple[float, int]] = {}  # which interval it was, and how many of them since 1970

    def tick(self, evses: Iterable[Evse], utc: float) -> None:
        """Sample what is due now."""
        told = self._struck("AlignedDataCtrlr.Interval", utc)
        kept = self._struck("AlignedDataCtrlr.TxEndedInterval", utc)
        if told is None and kept is None:
            return
        evses = list(evses)
        busy = any(evse.transaction_id is not None for evse in evses)
        if busy and self._values.flag("AlignedDataCtrlr.SendDuringIdle", False):  # J01.FR.19, FR.20
            told = None
        for evse in evses:
            at = told if told is not None else kept
            if at is None:
                return
            sample = evse.sample_aligned(at, told=told is not None, kept=kept is not None)
            if sample is not None:
                self._tell(evse.id, sample)

    def _struck(self, name: str, utc: float) -> float | None:
        """The instant (UTC s) that the clock struck since the last look; None when it did not, or just began."""
        interval = self._values.number(name, 0.0) if self._values.flag("AlignedDataCtrlr.Enabled", True) else 0.0
        if interval < 1:
            self._seen.pop(name, None)
            return None
        before, now = self._seen.get(name), int(utc // interval)
        self._seen[name] = (interval, now)
        if before is None or before[0] != interval or now <= before[1]:  # a clock set back strikes nothing twice
            return None
        return now * interval
