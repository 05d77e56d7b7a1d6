"""What an AC session script sees of its EVSE and may ask of it: energise, let go, and words for the status page.

The script never touches the EVSE itself: what it wants is kept here, `car_link` merges it with the pilot that
`evse_link` chooses and hands both to the station as one `Digital` wish.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from firmware.config import EvseSettings
from firmware.station.connector_status import forbidding
from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from hal.wire import ConnectorCapability, Observation

MIN_CURRENT_A: Final = 6.0  # IEC 61851-1: less cannot be offered


class EvseView(Protocol):
    """The part of `firmware.station.evse.Evse` that a session reads."""

    @property
    def settings(self) -> EvseSettings: ...
    @property
    def capability(self) -> ConnectorCapability | None: ...
    @property
    def seen(self) -> Observation | None: ...
    @property
    def level(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    @property
    def id_token(self) -> IdToken | None: ...
    @property
    def limit(self) -> Limit: ...
    @property
    def stop_wanted(self) -> str | None: ...


@dataclass(frozen=True)
class Wish:
    """What the session wants now, and what it has learned of the car."""

    energise: bool = False
    protocol: str = ""
    evccid: str = ""
    soc_percent: float | None = None
    status: str = ""


class AcStation:
    """The EVSE of one AC session. `changed` is called after every change of the wish."""

    def __init__(self, evse: EvseView, changed: Callable[[], None]) -> None:
        self._evse = evse
        self._changed = changed
        self._was_ready = False
        self._was_closed = False
        self.wish = Wish()
        self.let_go = False  # the car opened S2 (C -> B) although it had not asked to stop
        self.power_lost = False  # the guard opened the contactor although nobody had asked to

    # --- what the script asks for -----------------------------------------------------------------------------------

    def energise(self) -> None:
        """Close the contactor as soon as the car is in C or D; the guard decides."""
        self.let_go = self.power_lost = False
        self._was_ready = self._was_closed = False
        self._set(replace(self.wish, energise=True, status="closing the contactor"))
        self.look()

    def release(self) -> None:
        """No more energy: the car ramps down and lets go, the guard opens. Harmless when nothing was closed."""
        self._set(replace(self.wish, energise=False))

    def tell(self, status: str, *, protocol: str | None = None, evccid: str | None = None) -> None:
        """One line for people about where the session stands."""
        wish = replace(self.wish, status=status)
        if protocol is not None:
            wish = replace(wish, protocol=protocol)
        self._set(wish if evccid is None else replace(wish, evccid=evccid))

    def _set(self, wish: Wish) -> None:
        if wish != self.wish:
            self.wish = wish
            self._changed()

    # --- what it reads ------------------------------------------------------------------------------------------------

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
    def evse_id(self) -> str:
        return self._evse.settings.evse_id

    @property
    def authorised(self) -> bool:
        return self._evse.id_token is not None and self._evse.stop_wanted is None

    @property
    def stop_wanted(self) -> bool:
        """Shall the car end it? The station wants so, or no energy can flow any more."""
        return self._evse.stop_wanted is not None or self.power_lost or self.faulted

    @property
    def faulted(self) -> bool:
        """Something forbids energy at this connector."""
        return self._evse.seen is not None and bool(forbidding(self._evse.seen.faults))

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

    def contactor_closed(self) -> bool:
        return self._evse.closed

    def contactor_open(self) -> bool:
        return not self._evse.closed

    @property
    def rcd_tripped(self) -> bool:
        seen = self._evse.seen
        return seen is not None and any(fault.code.startswith("rcd") for fault in seen.faults)

    @property
    def meter_wh(self) -> int | None:
        """Reading of the meter in whole Wh; None without one."""
        seen = self._evse.seen
        return None if seen is None or seen.meter is None else max(0, int(seen.meter.import_wh))
