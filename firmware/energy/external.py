"""Limits from outside the back office: energy manager, grid operator (OCPP 2.1 part 2, K11-K14, K29).

Each is a ChargingStationExternalConstraints profile of its own among the others; here they are set and lifted, and
what the back office must be told of that becomes a fact.
"""

from collections.abc import Callable, Sequence
from typing import Final

from firmware.energy import rules
from firmware.energy.store import ProfileStore
from firmware.station.charging_facts import ChargingLimit, LimitPeriod, LimitSchedule
from firmware.station.charging_profile import EXTERNAL, Installed, LimitSource, Period, Profile, RateUnit, Schedule
from firmware.station.evse import Evse
from firmware.station.smart_charging import Refusal
from firmware.station.station import Station

_ORDER: Final[tuple[LimitSource, ...]] = ("EMS", "SO", "Other")


class ExternalLimits:
    """One limit per source and EVSE (0 = the station). `follow`: work out anew what may be drawn."""

    def __init__(self, station: Station, store: ProfileStore, follow: Callable[[], None]) -> None:
        self._station = station
        self._store = store
        self._follow = follow
        self._told: dict[int, float] = {}  # profile id -> limit the back office knows of

    def set(
        self,
        source: LimitSource,
        periods: Sequence[Period],
        unit: RateUnit,
        *,
        evse: int,
        duration_s: float | None,
        grid_critical: bool | None,
    ) -> Refusal | None:
        """From now on. A single limit is a dynamic profile (K29.FR.04), a schedule an absolute one (K11.FR.06)."""
        wrong = self._refusal(source, periods, evse)
        if wrong is not None:
            return wrong
        now = self._station.clock.utc()
        single = len(periods) == 1 and duration_s is None
        schedule = Schedule(unit, tuple(periods), start=None if single else now, duration_s=duration_s)
        profile = Profile(
            _id(source, evse, self._station),
            EXTERNAL,
            "Dynamic" if single else "Absolute",
            _ORDER.index(source),
            (schedule,),
            dyn_update_time=now if single else None,
        )
        before = self._rates()
        self._store.put(Installed(evse, profile, now, source), "2.1")
        self._follow()
        self._tell(profile, source, evse, grid_critical)
        self._tell_rates(before)
        return None

    def clear(self, source: LimitSource, *, evse: int) -> bool:
        """K13."""
        number = _id(source, evse, self._station)
        if self._store.get(number) is None:
            return False
        before = self._rates()
        self._store.remove(number)
        self._told.pop(number, None)
        self._follow()
        self._emit(source, evse, cleared=True)
        self._tell_rates(before)
        return True

    def _refusal(self, source: LimitSource, periods: Sequence[Period], evse: int) -> Refusal | None:
        if source not in _ORDER:  # K11.FR.05
            return Refusal("InvalidValue", f"{source} is no outside source")
        if evse != 0 and evse not in self._station.evses:
            return Refusal("UnknownEvse", f"there is no EVSE {evse}")
        forbidden = self._station.flag("SmartChargingCtrlr.ExternalConstraintsProfileDisallowed", False)
        if forbidden or not self._station.flag("SmartChargingCtrlr.ExternalControlSignalsEnabled", True):  # K11.FR.07
            return Refusal("NotEnabled", "the operator allows no limits from outside")
        return rules.external_refusal(periods)

    def _tell(self, profile: Profile, source: LimitSource, evse: int, grid_critical: bool | None) -> None:
        """K11.FR.02/03, K12.FR.02/03: only what is worth a message (SC.03)."""
        limit = profile.schedules[0].periods[0].limit or 0.0
        if profile.kind == "Dynamic" and not self._significant(self._told.get(profile.id), limit):
            return
        self._told[profile.id] = limit
        schedule = None
        if self._station.flag("SmartChargingCtrlr.NotifyChargingLimitWithSchedules", False):
            schedule = _told(profile.schedules[0])
        self._emit(source, evse, grid_critical=grid_critical, schedule=schedule)

    def _emit(
        self,
        source: LimitSource,
        evse: int,
        *,
        cleared: bool = False,
        grid_critical: bool | None = None,
        schedule: LimitSchedule | None = None,
    ) -> None:
        moment = self._station.moment()
        self._station.emit(
            ChargingLimit(
                at=moment.at,
                mono=moment.mono,
                clock_synced=moment.synced,
                evse=evse,
                source=source,
                cleared=cleared,
                grid_critical=grid_critical,
                schedule=schedule,
            )
        )

    def _rates(self) -> dict[Evse, float]:
        return {evse: evse.limit.amps for evse in self._station.evses.values()}

    def _tell_rates(self, before: dict[Evse, float]) -> None:
        """K11.FR.04, K13.FR.03."""
        for evse, amps in before.items():
            if self._significant(amps, evse.limit.amps):
                evse.charging_rate_changed()

    def _significant(self, old: float | None, new: float) -> bool:
        if old is None or old == new:
            return old is None
        percent = self._station.number("SmartChargingCtrlr.LimitChangeSignificance", 1.0)
        return abs(new - old) >= percent / 100 * max(old, new)


def _id(source: LimitSource, evse: int, station: Station) -> int:
    """Negative, so that no back office chooses the same (K11.FR.06), or up to MaxExternalConstraintsId (K01.FR.82)."""
    highest = int(station.number("SmartChargingCtrlr.MaxExternalConstraintsId", -1))
    return highest - (evse * len(_ORDER) + _ORDER.index(source))


def _told(schedule: Schedule) -> LimitSchedule:
    periods = tuple(LimitPeriod(each.start_s, each.limit or 0.0, each.phases) for each in schedule.periods)
    return LimitSchedule(schedule.unit, periods, schedule.id, schedule.start, schedule.duration_s)
