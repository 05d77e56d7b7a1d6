"""What one EVSE offers a car that plans (ISO 15118): its needs told to the back office, up to three schedules, its
choice (OCPP 2.1 part 2, K15-K17).

The car's protocol asks through `firmware.station.schedule.Planner`; how schedules are found is `composite`'s.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from firmware.energy.composite import Composite, View
from firmware.energy.store import ProfileStore
from firmware.energy.timeline import Circumstances, schedule_of, start_of
from firmware.station import sales_tariff
from firmware.station.charging_facts import EvChargingNeeds, EvChargingSchedule, LimitPeriod, LimitSchedule
from firmware.station.charging_profile import TX, Installed
from firmware.station.evse import Evse
from firmware.station.schedule import Needs, Plan, Span
from firmware.station.station import Station

_ANSWER_S: Final = 10.0  # the back office's word on the needs; a car gives up after 60 s in all
_PLAN_S: Final = 45.0  # from there to the profile it promised (K15.FR.08)
_MOST_ID: Final = 255
_TOLERANCE: Final = 1.01  # a car rounds its power to its own units


class Profiles(Protocol):
    """What the station's engine lets its planners see, and have done."""

    store: ProfileStore

    def view(self) -> View: ...  # all that bounds the station now
    def follow(self) -> None: ...  # work everything out anew


class EvsePlanner:
    """Implements Planner for one EVSE. `index`: which of several schedules the car chose."""

    def __init__(self, evse: Evse, station: Station, engine: Profiles) -> None:
        self.index = 0
        self._evse = evse
        self._station = station
        self._engine = engine
        self._waits_until = 0.0  # monotonic: no plans before, unless they come

    def begin(self) -> None:
        """A new transaction: nobody has chosen anything."""
        self.index = 0
        self._waits_until = 0.0

    # --- asked by the car's protocol ----------------------------------------------------------------------------

    def needs(self, needs: Needs) -> None:
        """K15.FR.01, K17.FR.01: tell the back office, and give it time for a plan where it is known to make some."""
        moment, can = self._station.moment(), self._evse.capability
        dc = can is not None and can.dc
        three = can is None or can.phases == 3
        self._station.emit(
            EvChargingNeeds(
                at=moment.at,
                mono=moment.mono,
                clock_synced=moment.synced,
                evse=self._evse.id,
                transfer="DC" if dc else "AC_three_phase" if three else "AC_single_phase",
                transaction_id=self._evse.transaction_id,
                departure=moment.at + needs.departure_s if needs.departure_s is not None else None,
                energy_wh=needs.energy_wh,
                max_current_a=needs.max_current_a,
                max_power_w=needs.max_power_w,
                soc_percent=needs.soc_percent,
                min_current_a=needs.min_current_a,
                max_voltage_v=needs.max_voltage_v,
                max_periods=needs.max_periods,
                capacity_wh=needs.capacity_wh,
                full_soc_percent=needs.full_soc_percent,
                bulk_soc_percent=needs.bulk_soc_percent,
            )
        )
        asked = self._station.smart_charging_by_needs and not self._station.offline  # K15.FR.15
        self._waits_until = moment.mono + _ANSWER_S if asked and not self._profiles() else 0.0

    def plans(self, horizon_s: float) -> Sequence[Plan]:
        """Schedules of the profiles in force, combined with all other limits; none while the back office makes one. Of
        several profiles the first schedules belong together, the second ones, and the third (K15.FR.22)."""
        if self._station.clock.mono() < self._waits_until:
            return ()
        profiles = self._profiles()
        count = max((len(each.profile.schedules) for each in profiles), default=1)
        view, now = self._engine.view(), self._station.clock.utc()
        found = []
        for index in range(count):
            having = (each.profile.schedules for each in profiles if index < len(each.profile.schedules))
            number = next((schedules[index].id for schedules in having), 1)
            composite = view.composite(self._evse.id, now, horizon_s, chosen=index)
            around = replace(view.evses[self._evse.id][1], chosen=index)
            tariff = _tariff(profiles[0], now, around) if profiles else None
            found.append(Plan(number if 1 <= number <= _MOST_ID else index + 1, _spans(composite), tariff))
        return found if len({plan.id for plan in found}) == count else [_renumbered(n, p) for n, p in enumerate(found)]

    def chosen(self, plan_id: int, intended: Sequence[Span]) -> None:
        """K15.FR.09/10/19: what the car will do, or, where it did not say, the schedule it chose."""
        horizon_s = max([3600.0, *(span.start_s + 1 for span in intended)])
        plans = list(self.plans(horizon_s))
        ids = [plan.id for plan in plans]
        self.index = ids.index(plan_id) if plan_id in ids else 0
        offered = plans[self.index].spans if plans else ()
        moment = self._station.moment()
        self._station.emit(
            EvChargingSchedule(
                at=moment.at,
                mono=moment.mono,
                clock_synced=moment.synced,
                evse=self._evse.id,
                schedule=_told(plan_id, intended or offered, moment.at),
                selected=plan_id,
                within=self._within(intended, offered),
                transaction_id=self._evse.transaction_id,
            )
        )
        self._engine.follow()

    # --- told by the back office's dialect ----------------------------------------------------------------------

    def answered(self, status: str) -> None:
        """The answer to the needs: only a promise is waited for (K15.FR.03-05); Processing comes by renegotiation."""
        if self._waits_until:
            self._waits_until = self._station.clock.mono() + _PLAN_S if status == "Accepted" else 0.0

    def planned(self) -> None:
        """A profile for this transaction came."""
        self._waits_until = 0.0

    # --- details ------------------------------------------------------------------------------------------------

    def _profiles(self) -> list[Installed]:
        """The transaction's own profiles, that with the highest stack level first."""
        mine = self._evse.transaction_id
        found = [e for e in self._engine.store.all if e.profile.purpose == TX and e.profile.transaction_id == mine]
        found = [each for each in found if each.evse == self._evse.id and mine is not None]
        return sorted(found, key=lambda each: each.profile.stack_level, reverse=True)

    def _within(self, intended: Sequence[Span], offered: Sequence[Span]) -> bool:
        """Never more than offered at the beginning of any of the car's, or our, spans."""
        can = self._evse.capability
        voltage = can.nominal_voltage_v if can is not None else 230.0
        phases = can.phases if can is not None else 3
        if not intended or not offered:
            return True
        moments = {span.start_s for span in (*intended, *offered)}
        return all(
            _at(intended, when).watts(voltage, phases) <= _at(offered, when).watts(voltage, phases) * _TOLERANCE
            for when in moments
        )


def _at(spans: Sequence[Span], when: float) -> Span:
    return next((span for span in reversed(spans) if span.start_s <= when), spans[0])


def _renumbered(index: int, plan: Plan) -> Plan:
    return replace(plan, id=index + 1)


def _tariff(installed: Installed, now: float, around: Circumstances) -> sales_tariff.SalesTariff | None:
    """Of the schedule that `around` has chosen, from now on; K15.FR.08: the car gets it with the schedule."""
    tariff = sales_tariff.read(schedule_of(installed, around.chosen).tariff)
    return None if tariff is None else tariff.after(max(0.0, now - start_of(installed, now, around)))


def _spans(composite: Composite) -> tuple[Span, ...]:
    """AC that is limited in A stays in A: a car on fewer phases may use them fully."""
    return tuple(
        Span(each.start_s, each.limit.watts, "W", each.limit.phases, each.limit.source)
        if each.limit.unit == "W"
        else Span(each.start_s, each.limit.amps, "A", each.limit.phases, each.limit.source)
        for each in composite.periods
    )


def _told(plan_id: int, spans: Sequence[Span], start: float) -> LimitSchedule:
    unit = spans[0].unit if spans else "W"
    periods = tuple(LimitPeriod(span.start_s, span.limit, span.phases if unit == "A" else None) for span in spans)
    return LimitSchedule(unit, periods or (LimitPeriod(0.0, 0.0),), plan_id, start)
