"""What any session script sees of its EVSE and tells it: the part that AC and DC have in common.

The script never touches the EVSE itself: what it wants is kept here as a `Wish`, `car_link` merges it with the pilot
that `evse_link` chooses and hands both to the station as one `Digital` wish.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from firmware.config import EvseSettings
from firmware.station.charging import DcWish
from firmware.station.connector_status import forbidding
from firmware.station.facts import IdToken, Sample
from firmware.station.limits import Limit
from firmware.v2g.meter_reading import MeterReading, reading_of
from firmware.v2g.quirks import Quirk, QuirkName, known
from hal.wire import ConnectorCapability, Observation


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
    def power_limit(self) -> Limit | None: ...
    @property
    def stop_wanted(self) -> str | None: ...
    def sample(self) -> Sample | None: ...


@dataclass(frozen=True)
class Wish:
    """What the session wants now, and what it has learned of the car."""

    energise: bool = False
    protocol: str = ""
    evccid: str = ""
    soc_percent: float | None = None
    status: str = ""
    dc: DcWish | None = None  # None = an AC session
    quirks: tuple[str, ...] = ()  # what of the car's ways we had to put up with


class EvStation:
    """The EVSE of one session. `changed` is called after every change of the wish."""

    def __init__(self, evse: EvseView, changed: Callable[[], None], wish: Wish) -> None:
        self._evse = evse
        self._changed = changed
        self.wish = wish
        self.power_lost = False  # the guard opened the contactor although nobody had asked to

    # --- what the script asks for and tells --------------------------------------------------------------------------

    def release(self) -> None:
        """No more energy: the guard takes it down and opens. Harmless when nothing was closed."""
        self._set(replace(self.wish, energise=False))

    def tell(
        self,
        status: str | None = None,
        *,
        protocol: str | None = None,
        evccid: str | None = None,
        soc_percent: float | None = None,
    ) -> None:
        """One line for people about where the session stands, and what is known of the car; None = as before."""
        self._set(
            replace(
                self.wish,
                status=self.wish.status if status is None else status,
                protocol=self.wish.protocol if protocol is None else protocol,
                evccid=self.wish.evccid if evccid is None else evccid,
                soc_percent=self.wish.soc_percent if soc_percent is None else soc_percent,
            )
        )

    def quirk(self, name: QuirkName) -> Quirk | None:
        """The car shows this quirk: None where it is not one that we put up with from this car."""
        quirk = known()[name]
        if not quirk.concerns(self.wish.evccid):
            return None
        if name not in self.wish.quirks:
            self._set(replace(self.wish, quirks=(*self.wish.quirks, str(name))))
        return quirk

    def _set(self, wish: Wish) -> None:
        if wish != self.wish:
            self.wish = wish
            self._changed()

    # --- what it reads -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """The EVSE changed."""

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
    def unfit(self) -> bool:
        """The session ends because of us, whoever says the last word."""
        return self.power_lost or self.faulted

    @property
    def faulted(self) -> bool:
        """Something forbids energy at this connector."""
        return self._evse.seen is not None and bool(forbidding(self._evse.seen.faults))

    def contactor_closed(self) -> bool:
        return self._evse.closed

    def contactor_open(self) -> bool:
        return not self._evse.closed

    @property
    def meter(self) -> MeterReading | None:
        """What the meter says now; None without one, or while it is silent."""
        sample = self._evse.sample()
        return reading_of(sample) if sample is not None else None
