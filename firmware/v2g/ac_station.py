"""What an AC session script sees of its EVSE and may ask of it: energise and let go. The rest is `ev_station`'s."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from firmware.v2g.ev_station import EvseView, EvStation, Wish

MIN_CURRENT_A: Final = 6.0  # IEC 61851-1: less cannot be offered


class AcStation(EvStation):
    """The EVSE of one AC session. `changed` is called after every change of the wish."""

    def __init__(self, evse: EvseView, changed: Callable[[], None]) -> None:
        super().__init__(evse, changed, Wish())
        self._was_ready = False
        self._was_closed = False
        self.let_go = False  # the car opened S2 (C -> B) although it had not asked to stop

    def energise(self) -> None:
        """Close the contactor as soon as the car is in C or D; the guard decides."""
        self.let_go = self.power_lost = False
        self._was_ready = self._was_closed = False
        self._set(replace(self.wish, energise=True, status="closing the contactor"))
        self.look()

    def look(self) -> None:
        """The EVSE changed. When the car let go (C -> B), or the guard opened for a reason of its own, the wish ends:
        the contactor does not close again in this session without a new PowerDelivery(Start)."""
        if not self.wish.energise:
            return
        ready = self._evse.level in {"C", "D"}
        self.let_go = self._was_ready and not ready
        self.power_lost = self._was_closed and ready and not self._evse.closed
        self._was_ready, self._was_closed = ready, self._evse.closed
        if self.let_go or self.power_lost:
            self.release()

    @property
    def phases(self) -> int:
        return self._evse.capability.phases if self._evse.capability is not None else 1

    @property
    def nominal_voltage_v(self) -> float:
        return self._evse.capability.nominal_voltage_v if self._evse.capability is not None else 230.0

    @property
    def max_current_a(self) -> float:
        """What may be drawn now, per phase in A, rounded down to 0.1 A; 0 where it is less than can be offered."""
        amps = self._evse.limit.amps
        return math.floor(amps * 10) / 10 if amps >= MIN_CURRENT_A else 0.0

    @property
    def rcd_tripped(self) -> bool:
        seen = self._evse.seen
        return seen is not None and any(fault.code.startswith("rcd") for fault in seen.faults)
