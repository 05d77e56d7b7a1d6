"""What ISO 15118-2 offers of energy over time, in AC and DC: the schedule made, told, chosen, and compared later.

The plans come from the station's planner; without one its limit of the moment is offered as a constant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from firmware.station.schedule import Needs, Plan, Span
from firmware.v2g.messages.iso2 import (
    ChargeParameterDiscoveryRes,
    EvseChargeParameter,
    EvseProcessing,
    PowerDeliveryReq,
)
from firmware.v2g.peer import Peer, Signed
from firmware.v2g.sessions import iso2_schedule
from firmware.v2g.sessions.iso2_schedule import A_DAY_S, Schedule, change_of_shape, sa_schedules
from firmware.v2g.sessions.iso2_terms import Deal


@dataclass(frozen=True)
class Supply:
    """What the station can give now, in W, and how plans in A become W."""

    power_w: float
    voltage_v: float
    phases: int


def make_schedule(ev: Peer, deal: Deal, horizon_s: float, supply: Supply, most_entries: int | None = None) -> Schedule:
    """The schedule as it would be offered at this moment; without any course while nothing can be given."""
    planner = deal.terms.planner
    if planner is None:
        plans: Sequence[Plan] = (Plan(deal.tuple_id, (Span(0.0, supply.power_w, "W"),)),)
    else:
        plans = _resumed(planner.plans(horizon_s), deal)
    if supply.power_w <= 0:
        plans = ()
    return iso2_schedule.make(
        plans,
        ev.now,
        horizon_s,
        voltage_v=supply.voltage_v,
        phases=supply.phases,
        most_entries=most_entries,
    )


def _resumed(plans: Sequence[Plan], deal: Deal) -> Sequence[Plan]:
    """A session that goes on finds the schedule tuple it had [V2G2-741]."""
    if not deal.joined or deal.paused is None or not plans:
        return plans
    had = deal.paused.sa_schedule_tuple_id
    if had in {plan.id for plan in plans}:
        return plans
    return (replace(plans[0], id=had), *plans[1:])


def listen_to(deal: Deal, needs: Needs) -> float:
    """Tell the planner what the car wants, once in every negotiation unless it changes; returns how far the schedule
    must reach, in s."""
    if deal.terms.planner is not None and deal.needs != replace(needs, soc_percent=None):
        deal.terms.planner.needs(needs)
    deal.needs = replace(needs, soc_percent=None)
    return needs.departure_s or A_DAY_S


def finished(deal: Deal, schedule: Schedule, parameter: EvseChargeParameter) -> ChargeParameterDiscoveryRes | Signed:
    """The offer: limits, schedules, and tariffs with their signature where the back office sent some."""
    deal.schedule, deal.needs = schedule, None
    tariffs = deal.terms.tariffs(schedule) if deal.terms.tariffs is not None else None
    offer = ChargeParameterDiscoveryRes(
        evse_processing=EvseProcessing.Finished,
        sa_schedules=sa_schedules(schedule, {} if tariffs is None else tariffs.by_tuple),
        evse_charge_parameter=parameter,
    )
    return offer if tariffs is None or tariffs.signature is None else Signed(offer, tariffs.signature)


def keep_choice(deal: Deal, start: PowerDeliveryReq) -> None:
    """The car chose a schedule and, mostly, said what it will draw of it."""
    deal.tuple_id = start.sa_schedule_tuple_id
    if deal.terms.planner is None:
        return
    intended = tuple(
        Span(
            float(entry.charging_profile_entry_start),
            float(entry.charging_profile_entry_max_power),
            "W",
            entry.charging_profile_entry_max_number_of_phases_in_use or 3,
            "EV",
        )
        for entry in start.charging_profile or ()
    )
    deal.terms.planner.chosen(deal.tuple_id, intended)


def why_anew(ev: Peer, deal: Deal, supply: Callable[[], Supply], gain_w: float) -> Callable[[], str]:
    """Asked later in the loop: why the car should plan anew, "" when it need not."""
    agreed, tuple_id = deal.schedule, deal.tuple_id

    def reason() -> str:
        left = 0.0 if agreed is None else agreed.horizon_s - (ev.now - agreed.made_at)
        if agreed is None or left <= 0:
            return "the schedule has ended"
        fresh = make_schedule(ev, deal, left, supply())
        return change_of_shape(agreed, tuple_id, fresh, gain_w) if fresh.courses else ""

    return reason
