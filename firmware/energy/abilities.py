"""What this station can do, as smart charging looks at it: from the board, the settings and SmartChargingCtrlr."""

import math

from firmware.energy.instant import NOMINAL_DC_V, Electrics
from firmware.energy.rules import Abilities
from firmware.station.evse import Evse
from firmware.station.station import Station

_UNKNOWN_A = 32.0  # the guard has not said yet what the board can do: a usual EVSE


def abilities(station: Station) -> Abilities:
    """The variables of SmartChargingCtrlr, read at use."""
    usual = Abilities()
    purposes = station.variable("SmartChargingCtrlr.SupportedAdditionalPurposes", "PriorityCharging,LocalGeneration")
    highest = station.number("SmartChargingCtrlr.MaxExternalConstraintsId", math.nan)
    return Abilities(
        max_stack_level=int(station.number("SmartChargingCtrlr.ProfileStackLevel", usual.max_stack_level)),
        units=_members(station.variable("SmartChargingCtrlr.RateUnit", "A,W")),
        max_periods=int(station.number("SmartChargingCtrlr.PeriodsPerSchedule", usual.max_periods)),
        max_profiles=int(station.number("SmartChargingCtrlr.Entries[ChargingProfiles].maxLimit", usual.max_profiles)),
        purposes=_members(purposes),
        dynamic=station.flag("SmartChargingCtrlr.SupportsDynamicProfiles", True),
        phase_switching=station.flag("SmartChargingCtrlr.ACPhaseSwitchingSupported", False),
        phases_3to1=station.switches_phases,
        max_external_id=None if math.isnan(highest) else int(highest),
    )


def electrics(evse: Evse) -> Electrics:
    """The EVSE with its cable and its place in the installation."""
    can = evse.capability
    most = math.inf if evse.settings.max_current_a is None else evse.settings.max_current_a
    if can is None:
        return Electrics(min(_UNKNOWN_A, most))
    if can.dc:
        most_w = can.dc_max_power_w or math.inf
        return Electrics(min(can.dc_max_current_a, most), 1, NOMINAL_DC_V, dc=True, max_w=most_w)
    cable = evse.seen.cable_rating_a if evse.seen is not None else 0.0
    if 0 < cable < min(can.max_current_a, most):
        return Electrics(cable, can.phases, can.nominal_voltage_v, source="cable")
    source = "hardware" if can.max_current_a <= most else "site"
    return Electrics(min(can.max_current_a, most), can.phases, can.nominal_voltage_v, source=source)


def site(station: Station) -> Electrics:
    """What limits the sum of all EVSEs without any profile."""
    budget = station.settings.budget
    most = min((amps for amps in (budget.max_current_a, budget.grid_current_a) if amps is not None), default=None)
    first = next(iter(station.evses.values()), None)
    usual = electrics(first) if first is not None else Electrics(_UNKNOWN_A)
    return Electrics(math.inf if most is None else most, usual.phases, usual.voltage_v, source="site")


def _members(text: str) -> frozenset[str]:
    return frozenset(each.strip() for each in text.split(",") if each.strip())
