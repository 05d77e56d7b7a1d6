"""What black box and counters of wear keep of each tick. Reads the connector only; the files are hal/records.py."""

from typing import TYPE_CHECKING, Final

from hal.black_box import Sample
from hal.contracts import LockState
from hal.wire import Fault

if TYPE_CHECKING:
    from hal.connector import ConnectorGuard

_LOCKED: Final = {LockState.LOCKED: True, LockState.UNLOCKED: False}


class Recorder:
    """Follows one connector."""

    def __init__(self) -> None:
        self._faults: tuple[Fault, ...] = ()  # those the black box knows of

    def follow(self, c: "ConnectorGuard", now: float, *, was_closed: bool) -> None:
        """At the end of a tick; `was_closed`: the command before it, for what flowed when the contactor opened."""
        p, reading = c.pilot, c.meter.latest.value if c.meter else None
        c.wear.note(
            now,
            closed=p.closed,
            current_a=max(reading.current_a, default=0.0) if reading and was_closed else 0.0,
            phases=c.phase.phases,
            locked=_LOCKED.get(c.lock.state) if c.lock else None,
        )
        output, sample = p.output, c.sample
        c.black_box.note(
            Sample(
                now,
                sample.high_mv,
                sample.low_mv,
                p.level.value,
                output.mode,
                output.duty_percent,
                p.closed,
                c.feedback,
                c.policed_a,
            )
        )
        if c.interlocks.faults is not self._faults:
            self._note_faults(c, now)

    def _note_faults(self, c: "ConnectorGuard", now: float) -> None:
        before, self._faults = self._faults, c.interlocks.faults
        known = {fault.code for fault in before}
        present = {fault.code for fault in self._faults}
        for fault in self._faults:
            if fault.code not in known:
                c.black_box.event(now, f"fault {fault.code}: {fault.text}")
                if fault.latched:
                    c.black_box.alarm(now, fault.text)
        for code in sorted(known - present):
            c.black_box.event(now, f"fault {code} gone")
