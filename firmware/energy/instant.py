"""What may be drawn at one instant, and by whose word (OCPP 2.1 part 2, K 3.6 and SC.01; 1.6 section 3.13.3).

Pure: profiles, circumstances and time go in. The highest stack level that has a period leads within a purpose, the
purposes are combined to the lowest, and the board has the last word. Schedules are made of instants in `composite`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from firmware.energy.timeline import NEVER, Circumstances, at, schedule_of
from firmware.station.charging_profile import (
    EXTERNAL,
    GENERATION,
    MAX_PROFILE,
    PRIORITY,
    TX,
    TX_DEFAULT,
    Installed,
    Period,
    RateUnit,
)

NOMINAL_DC_V: Final = 400.0  # for saying W in A and back where no car has told its voltage


@dataclass(frozen=True)
class Electrics:
    """What an EVSE is, for conversions and as the last bound: A per phase (DC: A of the output), V per phase."""

    max_a: float
    phases: int = 3
    voltage_v: float = 230.0
    dc: bool = False
    max_w: float = math.inf
    source: str = "hardware"

    def watts(self, amps: float, phases: int) -> float:
        return amps * self.voltage_v * (1 if self.dc else phases)


class Instant(NamedTuple):
    """What may be drawn at one instant: `amps` per phase and `watts` in all; `by` the profile that says so (None: the
    board, or the site), `leading` the transaction's own profile with its period, for what it says beside the limit.
    `until`: when this may change, NEVER = not by time. `said_a`, `said_w`: the lowest limits in the unit in which they
    were said, inf = none: on DC both hold, whatever the voltage is."""

    amps: float
    watts: float
    phases: int
    otherwise: str  # who limits where no profile does
    until: float
    by: Installed | None = None
    phase_to_use: int | None = None
    leading: Installed | None = None
    period: Period | None = None
    unit: RateUnit = "A"  # of the profile that says so: the other value follows from a nominal voltage
    said_a: float = math.inf
    said_w: float = math.inf

    @property
    def source(self) -> str:
        """Who limits, in words."""
        return str(self.by) if self.by is not None else self.otherwise


Layer = tuple[Installed, ...]  # profiles among which one leads: highest stack level first


@dataclass(frozen=True)
class Layers:
    """The profiles that concern one EVSE (or, 0, the station), sorted for evaluation."""

    priority: Layer = ()
    tx: Layer = ()
    default: Layer = ()
    limits: tuple[Layer, ...] = ()  # each limits by itself
    generation: tuple[Layer, ...] = ()  # each is added


def layers(installed: Iterable[Installed], evse: int) -> Layers:
    """Sort what is installed. An EVSE's own TxDefaultProfile takes the place of the station's of the same level
    (1.6 section 3.13.1; 2.x never has both, K01.FR.52/53)."""
    known = list(installed)

    def of(purpose: str, *evses: int) -> Layer:
        found = [each for each in known if each.profile.purpose == purpose and each.evse in evses]
        own = {each.profile.stack_level for each in found if each.evse == evse}
        found = [each for each in found if each.evse == evse or each.profile.stack_level not in own]
        return tuple(sorted(found, key=lambda each: (-each.profile.stack_level, each.profile.id)))

    limits = [of(MAX_PROFILE, 0)]
    for owner in {0, evse}:  # each outside source holds for itself, whatever another says
        outside = of(EXTERNAL, owner)
        sources = dict.fromkeys(each.source for each in outside)
        limits += [tuple(each for each in outside if each.source == source) for source in sources]
    generation = [of(GENERATION, 0)] + ([of(GENERATION, evse)] if evse else [])
    return Layers(
        priority=of(PRIORITY, 0, evse) if evse else (),
        tx=of(TX, evse) if evse else (),
        default=of(TX_DEFAULT, 0, evse) if evse else (),
        limits=tuple(layer for layer in limits if layer),
        generation=tuple(layer for layer in generation if layer),
    )


class _Lead(NamedTuple):
    installed: Installed | None
    period: Period | None
    until: float


def _lead(layer: Layer, when: float, around: Circumstances) -> _Lead:
    """K01.FR.17: the highest stack level that has a period now."""
    until = NEVER
    for installed in layer:
        answer = at(installed, when, around)
        until = min(until, answer.until)
        if answer.period is not None:
            return _Lead(installed, answer.period, until)
    return _Lead(None, None, until)


def instant(
    stack: Layers, when: float, around: Circumstances, electrics: Electrics, *, priority: bool = False
) -> Instant:
    """What one EVSE, or the station as a whole, may draw at `when`. `priority`: priority charging is on (K21, K22)."""
    own = _transactions_lead(stack, when, around, priority=priority)
    leads = [own, *(_lead(layer, when, around) for layer in stack.limits)]
    phases, phase_to_use, until = 1 if electrics.dc else electrics.phases, None, NEVER
    for lead in leads:
        until = lead.until if lead.until < until else until
        if lead.period is not None and lead.period.phases is not None and not electrics.dc:
            phases = min(phases, lead.period.phases)  # 2.1 part 2 K 3.8: the lowest counts
            phase_to_use = phase_to_use or lead.period.phase_to_use
    amps = watts = said_a = said_w = math.inf
    by: Installed | None = None
    unit: RateUnit = "A"
    for lead in leads:
        if lead.installed is None:
            continue
        limit_a, limit_w = _limit(lead, electrics, phases, around)
        said_in = schedule_of(lead.installed, around.chosen).unit
        if said_in == "A":
            said_a = min(said_a, limit_a)
        else:
            said_w = min(said_w, limit_w)
        if limit_a < amps:
            amps, watts, by, unit = limit_a, limit_w, lead.installed, said_in
    for layer in stack.generation:  # SC.01: what is generated on site comes on top
        lead = _lead(layer, when, around)
        until = min(until, lead.until)
        if lead.period is not None and math.isfinite(amps):
            extra_a, extra_w = _limit(lead, electrics, phases, around)
            if math.isfinite(extra_a):
                amps, watts = amps + extra_a, watts + extra_w
                said_a, said_w = said_a + extra_a, said_w + extra_w
    most_a = electrics.max_a
    most_w = min(electrics.max_w, electrics.watts(most_a, phases))
    if amps > most_a or (
        electrics.dc and watts > most_w
    ):  # the board has the last word, and is all where nobody else is
        if electrics.dc:  # volts vary: either bound may be the tighter one
            most_a, most_w = min(amps, most_a), min(watts, most_w)
        amps, watts, by, unit = most_a, most_w, None, "A"
    found = (amps, watts, phases, electrics.source, until, by, phase_to_use, own.installed, own.period, unit)
    return Instant(*found, said_a, said_w)


def _transactions_lead(stack: Layers, when: float, around: Circumstances, *, priority: bool) -> _Lead:
    """Priority charging, else the transaction's profile, else the default (2.1 part 2 K 3.6)."""
    until = NEVER
    for layer in (stack.priority, stack.tx, stack.default) if priority else (stack.tx, stack.default):
        lead = _lead(layer, when, around)
        until = min(until, lead.until)
        if lead.period is not None:
            return _Lead(lead.installed, lead.period, until)
    return _Lead(None, None, until)


def _limit(lead: _Lead, electrics: Electrics, phases: int, around: Circumstances) -> tuple[float, float]:
    """A period's limit as A per phase and as W over `phases`."""
    installed, period = lead.installed, lead.period
    if installed is None or period is None or period.limit is None:
        return math.inf, math.inf
    schedule = schedule_of(installed, around.chosen)
    limit, each_phase = period.limit, False
    for other in (period.limit_l2, period.limit_l3):
        if other is not None:
            limit, each_phase = min(limit, other), True  # a pilot says one current for all phases
    cap = schedule.limit_at_soc
    if cap is not None and around.soc_percent is not None and around.soc_percent >= cap.soc_percent:
        limit = min(limit, cap.limit)
    if schedule.unit == "A":  # K01.FR.51
        return limit, electrics.watts(limit, phases)
    if electrics.dc:
        return limit / electrics.voltage_v, limit
    spread = 1 if each_phase else period.phases or electrics.phases  # with L2 and L3 said, each value is one phase's
    amps = limit / (electrics.voltage_v * spread)  # K01.FR.50
    return amps, limit if spread == phases else electrics.watts(amps, phases)


def total(station: Instant, evses: Sequence[Instant]) -> Instant:
    """K08.FR.03: what all EVSEs may draw together, the station's own limit on the sum included."""
    amps, watts = sum(each.amps for each in evses), sum(each.watts for each in evses)
    until = min([station.until, *(each.until for each in evses)])
    if station.amps <= amps:
        return station._replace(until=until)
    source = evses[0].source if len(evses) == 1 else "the EVSEs' own limits"
    phases = max(each.phases for each in evses)
    return Instant(amps, watts, phases, source, until, evses[0].by if len(evses) == 1 else None)
