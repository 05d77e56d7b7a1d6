"""Smart charging of one station: takes profiles in, and sees that every EVSE and the station's budget follow them.

Pure parts do the thinking (`rules`, `store`, `instant`, `composite`). What follows is worked out anew when something
it depends on changes, and at the next time a schedule says something else: one timer, no polling.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from firmware.energy import rules
from firmware.energy.abilities import abilities, electrics, site
from firmware.energy.composite import View
from firmware.energy.external import ExternalLimits
from firmware.energy.instant import Instant, Layers, layers
from firmware.energy.planner import EvsePlanner
from firmware.energy.store import ProfileStore
from firmware.energy.timeline import NEVER, Circumstances
from firmware.station.charging_facts import PriorityCharging
from firmware.station.charging_profile import PRIORITY, TX, Installed, LimitSource, Period, Profile, RateUnit
from firmware.station.evse import Evse
from firmware.station.facts import AnyFact, BackOfficeLink
from firmware.station.journal import Change, Contents
from firmware.station.schedule import Planner
from firmware.station.smart_charging import CompositeSchedule, Criteria, Edition, Refusal
from firmware.station.station import Station

log = logging.getLogger(__name__)

_OFFLINE: Final = "energy/offline_since"  # a restart must not make an offline spell shorter
_MOST_WAITING: Final = 16
_LONGEST_S: Final = 3600.0  # between two looks without any change: what a clock that is set might hide
_LONGEST_COMPOSITE_S: Final = 366 * 86_400


class Engine:
    """Implements firmware.station.smart_charging.SmartCharging. Everything runs in the event loop and at once; run()
    only waits for the next change by time."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.store = ProfileStore(self._keep)
        self.external = ExternalLimits(station, self.store, self.follow)
        self._planners = {number: EvsePlanner(evse, station, self) for number, evse in station.evses.items()}
        self._waiting: dict[int, Profile] = {}  # remote start -> the profile that came with it
        self._began: dict[int, tuple[str, float]] = {}  # EVSE -> transaction, monotonic time of its beginning
        self._priority: set[str] = set()  # transactions
        self._sources: dict[int, str] = {}  # EVSE -> what bounds it now, by our word
        self._offline_since: float | None = None
        self._layers: tuple[int, dict[int, Layers]] = (-1, {})
        self._seen: object = None
        self._next = NEVER
        self._wake = asyncio.Event()
        self._busy = False
        station.on_load.append(self._load)
        station.changed.subscribe(self._look)
        station.subscribe(self._hear)

    # --- what the back office asks: SmartCharging ---------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        return self._station.flag("SmartChargingCtrlr.Enabled", True)

    def install(self, evse: int, profile: Profile, edition: Edition) -> Refusal | None:
        """K01. A profile of 1.6 that names no transaction is for the one that runs."""
        wrong = self._refusal(evse, profile, edition)
        if wrong is not None:
            log.info("profile %d refused: %s (%s)", profile.id, wrong.text, wrong.code)
            return wrong
        if profile.purpose == TX:
            profile = msgspec.structs.replace(profile, transaction_id=self._station.evses[evse].transaction_id)
        elif profile.transaction_id is not None:
            profile = msgspec.structs.replace(profile, transaction_id=None)
        now = self._station.clock.utc()
        if profile.kind == "Dynamic" and profile.dyn_update_time is None:  # K28.FR.05
            profile = msgspec.structs.replace(profile, dyn_update_time=now)
        self.store.put(Installed(evse, profile, now), edition)
        if profile.purpose == TX:
            self._planners[evse].planned()
        self.follow()
        return None

    def check_for_start(self, evse: int | None, profile: Profile, edition: Edition) -> Refusal | None:
        if evse is not None:
            return self._refusal(evse, profile, edition, before_start=True)
        refusals = [self._refusal(each, profile, edition, before_start=True) for each in self._station.evses]
        return None if None in refusals else refusals[0]

    def begin_with(self, remote_start_id: int, profile: Profile) -> None:
        self._waiting.pop(remote_start_id, None)
        self._waiting[remote_start_id] = profile
        while len(self._waiting) > _MOST_WAITING:  # starts that came to nothing
            del self._waiting[next(iter(self._waiting))]
        for evse in self._station.evses.values():
            if evse.transaction is not None and evse.transaction.remote_start_id == remote_start_id:
                self._bring(evse, remote_start_id)
        self.follow()

    def clear(self, criteria: Criteria) -> int:
        gone = self.store.clear(criteria)
        if gone:
            self.follow()
        return gone

    def installed(self, criteria: Criteria) -> Sequence[Installed]:
        return self.store.find(criteria)

    def composite(
        self, evse: int, duration_s: int, unit: RateUnit | None, decimals: int = 1
    ) -> CompositeSchedule | Refusal:
        units = self._station.variable("SmartChargingCtrlr.RateUnit", "A,W").split(",")
        if unit is None:
            unit = "W" if units[0].strip() == "W" else "A"
        if unit not in units:  # K08.FR.07
            return Refusal("UnsupportedRateUnit", f"{unit} is not supported")
        if evse != 0 and evse not in self._station.evses:  # K08.FR.05
            return Refusal("UnknownEvse", f"there is no EVSE {evse}")
        now = self._station.clock.utc()
        start = float(math.floor(now))
        found = self.view().composite(evse, start, min(max(duration_s, 0), _LONGEST_COMPOSITE_S))
        rows = found.rows(unit, decimals=decimals, passed_s=now - start)
        return CompositeSchedule(evse, start, int(found.duration_s), unit, tuple(rows))

    def update_dynamic(self, profile_id: int, values: Period) -> Refusal | None:
        """K28.FR.06-11: what is said replaces, the rest stays."""
        known = self.store.get(profile_id)
        if known is None or known.profile.kind != "Dynamic" or known.source != "CSO":
            return Refusal("InvalidProfile", f"there is no dynamic profile {profile_id}")
        said = {name: each for name, each in msgspec.structs.asdict(values).items() if each is not None}
        said = {name: each for name, each in said.items() if each != getattr(Period(0.0), name)}
        schedule = known.profile.schedules[0]
        period = msgspec.structs.replace(schedule.periods[0], **said)
        profile = msgspec.structs.replace(
            known.profile,
            schedules=(msgspec.structs.replace(schedule, periods=(period,)),),
            dyn_update_time=self._station.clock.utc(),
        )
        self.store.put(msgspec.structs.replace(known, profile=profile), "2.1")
        self.follow()
        return None

    def use_priority(self, transaction_id: str, on: bool) -> Literal["Accepted", "Rejected", "NoProfile"]:
        """K21.FR.01-08."""
        evse = self._station.by_transaction(transaction_id)
        if evse is None:
            return "Rejected"
        if on and not any(e.profile.purpose == PRIORITY and e.evse in {0, evse.id} for e in self.store.all):
            return "NoProfile"
        if on == (transaction_id in self._priority):
            return "Accepted"
        (self._priority.add if on else self._priority.discard)(transaction_id)
        self.follow()
        moment = self._station.moment()
        self._station.emit(
            PriorityCharging(
                at=moment.at,
                mono=moment.mono,
                clock_synced=moment.synced,
                transaction_id=transaction_id,
                activated=on,
            )
        )
        return "Accepted"

    def set_external(
        self,
        source: LimitSource,
        periods: Sequence[Period],
        unit: RateUnit,
        *,
        evse: int = 0,
        duration_s: float | None = None,
        grid_critical: bool | None = None,
    ) -> Refusal | None:
        return self.external.set(source, periods, unit, evse=evse, duration_s=duration_s, grid_critical=grid_critical)

    def clear_external(self, source: LimitSource, *, evse: int = 0) -> bool:
        return self.external.clear(source, evse=evse)

    def planner(self, evse: int) -> Planner:
        return self._planners[evse]

    def needs_answered(self, evse: int, status: str) -> None:
        self._planners[evse].answered(status)

    def _refusal(self, evse: int, profile: Profile, edition: Edition, *, before_start: bool = False) -> Refusal | None:
        places = {
            number: rules.Place(electrics(each), each.transaction_id, talks=each.digital is not None)
            for number, each in self._station.evses.items()
        }
        can = abilities(self._station)
        return rules.refusal(rules.Request(evse, profile, edition, places, self.store.all, can, before_start))

    # --- what follows -------------------------------------------------------------------------------------------

    def view(self) -> View:
        """Everything that schedules follow from, as it is now."""
        if self._layers[0] != self.store.version:
            self._layers = self.store.version, {n: layers(self.store.all, n) for n in (0, *self._station.evses)}
        sorted_in = self._layers[1]
        evses = {n: (sorted_in[n], self._around(each), electrics(each)) for n, each in self._station.evses.items()}
        priority = frozenset(n for n, each in self._station.evses.items() if each.transaction_id in self._priority)
        return View(evses, sorted_in[0], site(self._station), self._offline_since, priority)

    def limit(self, evse: int) -> Instant:
        """What the EVSE (0: the station) may draw now, and until when that holds."""
        return self.view().at(evse, self._station.clock.utc())

    def _around(self, evse: Evse) -> Circumstances:
        running = self._began.get(evse.id)
        began = None
        if running is not None and running[0] == evse.transaction_id:
            clock = self._station.clock
            began = clock.utc() - (clock.mono() - running[1])  # a clock that is set meanwhile takes it along
        digital = evse.digital
        return Circumstances(
            transaction_id=evse.transaction_id,
            began=began,
            offline_since=self._offline_since,
            soc_percent=digital.soc_percent if digital is not None else None,
            chosen=self._planners[evse.id].index,
        )

    def _hear(self, fact: AnyFact) -> None:
        if isinstance(fact, BackOfficeLink):
            self._look()

    def _look(self) -> None:
        """Something changed at the station: does it concern what may be drawn?"""
        clock = self._station.clock
        seen = (
            self.enabled,
            self._station.offline,
            round(clock.utc() - clock.mono()),
            tuple(
                (e.transaction_id, e.capability, e.digital.soc_percent if e.digital is not None else None)
                for e in self._station.evses.values()
            ),
        )
        if seen != self._seen:
            self._seen = seen
            self.follow()

    def follow(self) -> None:
        """Work out what holds now, and hand it on."""
        if self._busy:
            return
        self._busy = True
        try:
            self._follow_offline()
            self._follow_transactions()
            if self.enabled:
                self._hand_on()
            else:
                self._let_go()
        finally:
            self._busy = False
        self._wake.set()

    def _follow_offline(self) -> None:
        """K01.FR.101-103: when the back office went away, and which profiles that ended for good."""
        now = self._station.clock.utc()
        matters = any(each.profile.max_offline_s is not None for each in self.store.all)
        if self._station.offline and self._offline_since is None:
            self._offline_since = now
        elif not self._station.offline and self._offline_since is not None:
            away = now - self._offline_since
            self._offline_since = None
            self.store.outlive(
                each
                for each in self.store.all
                if each.profile.invalid_after_offline and away > (each.profile.max_offline_s or math.inf)
            )
        if matters or self._station.variable(_OFFLINE):
            since = self._offline_since
            self._station.set_variable(_OFFLINE, f"{since:.0f}" if since is not None and matters else "")

    def _follow_transactions(self) -> None:
        clock = self._station.clock
        for number, evse in self._station.evses.items():
            running = evse.transaction
            if running is None:
                self._began.pop(number, None)
            elif self._began.get(number, ("", 0.0))[0] != running.transaction_id:
                age = max(0.0, clock.utc() - running.started_at)
                self._began[number] = running.transaction_id, clock.mono() - age
                self._planners[number].begin()
                self._bring(evse, running.remote_start_id)
        if not any(each.resuming for each in self._station.evses.values()):
            running_ids = {each.transaction_id for each in self._station.evses.values() if each.transaction_id}
            self._priority &= running_ids
            self.store.end_transactions(running_ids)

    def _bring(self, evse: Evse, remote_start_id: int | None) -> None:
        """K05.FR.03: the profile that came with the remote start."""
        profile = self._waiting.pop(remote_start_id, None) if remote_start_id is not None else None
        if profile is not None:
            profile = msgspec.structs.replace(profile, transaction_id=evse.transaction_id)
            self.store.put(Installed(evse.id, profile, self._station.clock.utc()), "1.6")

    def _hand_on(self) -> None:
        now = self._station.clock.utc()
        view = self.view()
        alone = view.station_at(now)
        until = alone.until
        shared = alone.by is not None and len(self._station.evses) > 1  # a single EVSE is bounded itself
        self._set_budget(str(alone.by), alone.amps if shared else None)
        for number, evse in self._station.evses.items():
            found = view.bound_at(number, now)
            until = min(until, found.until)
            self._set_bound(evse, found)
        self._next = until

    def _set_bound(self, evse: Evse, found: Instant) -> None:
        """The new bound before the old one goes: at no moment is there none."""
        source = str(found.by) if found.by is not None else ""
        old = self._sources.get(evse.id, "")
        amps, watts = _dc_bounds(found) if evse.capability is not None and evse.capability.dc else (found.amps, None)
        if source and (evse.bounds.get(source), evse.power_bounds.get(source)) != (amps, watts):
            evse.set_power_bound(source, watts)
            evse.set_bound(source, amps)
        if old and old != source:
            evse.set_power_bound(old, None)
            evse.set_bound(old, None)
        if evse.capability is not None and evse.capability.phase_switch:
            evse.set_phases(1 if found.phases == 1 else 3, source or "no profile")
        self._sources[evse.id] = source

    def _set_budget(self, source: str, amps: float | None) -> None:
        old = self._sources.get(0, "")
        if amps is not None and self._station.budget.bounds.get(source) != amps:
            self._station.set_budget(source, amps)
        if old and (amps is None or old != source):
            self._station.set_budget(old, None)
        self._sources[0] = source if amps is not None else ""

    def _let_go(self) -> None:
        """Smart charging is switched off: nothing of ours bounds anything."""
        self._set_budget("", None)
        for evse in self._station.evses.values():
            self._set_bound(evse, Instant(math.inf, math.inf, 3, "", NEVER))
        self._next = NEVER

    # --- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow what schedules say next, until cancelled."""
        while True:
            self._wake.clear()
            due = self._next - self._station.clock.utc()
            if due > 0:
                try:
                    async with asyncio.timeout(min(due, _LONGEST_S)):
                        await self._wake.wait()
                    continue  # something else changed: that was followed already
                except TimeoutError:
                    pass
            self.follow()
            await asyncio.sleep(0)

    def _load(self, contents: Contents) -> None:
        self.store.load(contents)
        since = self._station.number(_OFFLINE, -1.0)
        self._offline_since = since if since > 0 else None
        self.follow()

    def _keep(self, changes: list[Change]) -> None:
        self._station.journal.append(changes=changes)


def _dc_bounds(found: Instant) -> tuple[float | None, float | None]:
    """Limits in A and in W side by side: which is the tighter one only the battery's voltage tells. 0 W is a pause."""
    amps = 0.0 if found.said_w == 0 else found.said_a
    return amps if math.isfinite(amps) else None, found.said_w if math.isfinite(found.said_w) else None
