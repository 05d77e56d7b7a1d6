"""Clock-aligned meter values: every EVSE is sampled when the clock strikes a multiple of the interval since midnight
(UTC; OCPP 2.0.1 part 2, J01; 1.6 ClockAlignedDataInterval). Looks at the clock when asked; the station's tick asks.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from firmware.station.evse import Evse
from firmware.station.facts import Sample

_IDLE_ONLY: Final = "AlignedDataCtrlr.SendDuringIdle"


class Values(Protocol):
    """Where the intervals are configured."""

    def number(self, name: str, default: float) -> float: ...

    def flag(self, name: str, default: bool) -> bool: ...


class AlignedSamples:
    """`tell` gets the samples of EVSEs without a transaction, and of the main meter as those of EVSE 0; those of a
    transaction go into its own events."""

    def __init__(self, values: Values, tell: Callable[[int, Sample], None]) -> None:
        self._values = values
        self._tell = tell
        self._seen: dict[str, tuple[float, int]] = {}  # which interval it was, and how many of them since 1970

    def tick(self, evses: Iterable[Evse], utc: float, main: Sample | None = None) -> None:
        """Sample what is due now. `main`: what the main meter says, where there is one."""
        told = self._struck("AlignedDataCtrlr.Interval", utc)
        kept = self._struck("AlignedDataCtrlr.TxEndedInterval", utc)
        if told is None and kept is None:
            return
        evses = list(evses)
        busy = any(evse.transaction_id is not None for evse in evses)
        silent = busy and self._values.flag(_IDLE_ONLY, False)  # J01.FR.20
        if told is not None and not silent and main is not None:
            self._tell(0, msgspec.structs.replace(main, at=told))
        for evse in evses:
            is_told = told is not None and not silent and not self._only_idle(evse)
            at = told if told is not None else kept
            sample = evse.sample_aligned(at, told=is_told, kept=kept is not None) if at is not None else None
            if sample is not None:
                self._tell(evse.id, sample)

    def _only_idle(self, evse: Evse) -> bool:
        """This EVSE is to be silent during its own transactions (J01.FR.19)."""
        name = _IDLE_ONLY.replace(".", f"@{evse.id}.")
        return evse.transaction_id is not None and self._values.flag(name, False)

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
