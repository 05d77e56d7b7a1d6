"""The fuse of the grid connection, shared with the house: what the site's meter leaves is the EVSEs' budget.

Needs [site_meter] in the board file and [budget] grid_current_a. Currents are A per phase; who shares them out is
`limits`. Without a good reading the EVSEs have together what each may draw while the controller is away.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from firmware.station import bounds
from firmware.station.evse import Evse
from firmware.station.station import Station
from hal.wire import MeterSample

log = logging.getLogger(__name__)

SOURCE: Final = "grid connection"

#: The site's meter and our own are not read at the same moment: a car that begins looks like the house until both have
#: seen it. So more is believed once it has lasted, less once it has lasted longer. A fuse carries both times easily.
_MORE_S: Final = 3.0
_LESS_S: Final = 15.0
_ALL_PHASES: Final = 0.8  # of the apparent power, when it is the feed-in of all phases
_STEP_A: Final = 0.5  # smaller changes are not worth a new duty


def house_amps(site: MeterSample, own: Iterable[Sequence[float]]) -> float:
    """What the rest of the site draws on its busiest phase, never below 0. `own`: each EVSE's A by phase, in the order
    of the site's phases (where an EVSE is wired in another order, it is taken for the house: less is offered)."""
    sign = -1.0 if _feeds_in(site) else 1.0
    phases = [sign * amps for amps in site.current_a]
    for drawn in own:
        for phase, amps in enumerate(drawn if len(drawn) <= len(phases) else [max(drawn)] * len(phases)):
            phases[phase] -= amps
    return max(0.0, *phases)


class SiteBudget:
    """Follows the site's meter for one station."""

    def __init__(self, station: Station, grid_a: float) -> None:
        self._station = station
        self._grid_a = grid_a
        self._recent: deque[tuple[float, float]] = deque()  # monotonic time, A of the house
        self._believed: deque[tuple[float, float]] = deque()  # likewise, only what lasted
        self._told: float | None = None
        station.guard.on_site.append(self._metered)
        station.guard.on_lost.append(self._blind)
        self._blind()

    def _metered(self, site: MeterSample) -> None:
        if site.quality != "good" or not site.current_a:
            self._blind()
            return
        now = self._station.clock.mono()
        house = house_amps(site, (_drawn(evse) for evse in self._station.evses.values()))
        lasting = _within(self._recent, now, _MORE_S, house, min)
        left = self._grid_a - _within(self._believed, now, _LESS_S, lasting, max)
        self._set(max(0.0, left // _STEP_A * _STEP_A))

    def _blind(self) -> None:
        """Nobody knows what the house draws: as careful as the guard is without us."""
        self._recent.clear()
        self._believed.clear()
        careful = self._station.settings.budget.failsafe_current_a * len(self._station.evses)
        self._set(min(careful, self._grid_a))

    def _set(self, amps: float) -> None:
        if amps != self._told:
            log.info("the grid connection leaves %.1f A per phase", amps)
            self._told = amps
            self._station.set_budget(SOURCE, amps)


def _feeds_in(site: MeterSample) -> bool:
    """All phases feed the grid, so nothing of the fuse is used up. Meters tell the power's sign only for the sum: one
    phase may still be loaded unless the sum is nearly all that the currents could carry."""
    apparent = sum(volts * amps for volts, amps in zip(site.voltage_v, site.current_a, strict=False))
    return site.power_w < 0 and -site.power_w >= _ALL_PHASES * apparent


def _within(
    history: deque[tuple[float, float]],
    now: float,
    span_s: float,
    value: float,
    extreme: Callable[[Iterable[float]], float],
) -> float:
    """Note `value`; the least or most of the last `span_s`."""
    while history and now - history[0][0] > span_s:
        history.popleft()
    history.append((now, value))
    return extreme(each for _, each in history)


def _drawn(evse: Evse) -> Sequence[float]:
    """A of each phase of the grid; nothing where that is not known: then it counts as the house's."""
    meter = evse.seen.meter if evse.seen is not None else None
    if meter is None or meter.quality != "good" or not evse.closed:
        return ()
    if evse.capability is not None and evse.dc:
        return (bounds.drawn_amps(evse.capability, meter),) * evse.capability.phases
    return meter.current_a
