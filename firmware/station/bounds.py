"""What one EVSE may draw apart from others, in the units of its output, and what that costs on the grid's side.

Units: an AC EVSE's limit is A per phase. A DC EVSE's limit is A of its output, beside it one in W of its output; what
the station shares out is A per phase of the grid for both, so a DC EVSE's share becomes W.
"""

from typing import Final

from firmware.station.limits import Limit, lowest
from hal.wire import ConnectorCapability, MeterSample

DC_EFFICIENCY: Final = 0.95  # of the power modules: what the grid gives more than the output

#: Less than this is a pause: no duty cycle says less (AC); a DC car needs some current to stay (one decimal is told).
LEAST_DC_A: Final = 0.1


def current_limit(
    capability: ConnectorCapability | None, cable_a: float, site_a: float | None, bounds: dict[str, float]
) -> Limit:
    """The lowest bound in A: of the board, the cable, the station file (`site_a`), and by source of those set later."""
    hardware = capability.max_current_a if capability is not None else 0.0
    if capability is not None and capability.dc:
        hardware = min(hardware, capability.dc_max_current_a)
    known = [Limit(hardware, "hardware")]
    if cable_a > 0:
        known.append(Limit(cable_a, "cable"))
    if site_a is not None:
        known.append(Limit(site_a, "site"))
    return lowest(known + [Limit(amps, source) for source, amps in bounds.items()])


def power_limit(
    capability: ConnectorCapability | None, bounds: dict[str, float], share_a: float | None
) -> Limit | None:
    """The lowest bound in W; of a DC output with its share of the station's current. None = the board's own."""
    known = [Limit(watts, source) for source, watts in bounds.items()]
    if share_a is not None and capability is not None and capability.dc:
        known.append(Limit(share_a * watts_per_grid_amp(capability), "budget"))
    return lowest(known) if known else None


def watts_per_grid_amp(capability: ConnectorCapability) -> float:
    """W at a DC output for each A per phase drawn from the grid."""
    return capability.phases * capability.nominal_voltage_v * DC_EFFICIENCY


def grid_amps(capability: ConnectorCapability | None, limit: Limit, power: Limit | None) -> float:
    """What a limit means on the grid's side, A per phase."""
    if capability is None or not capability.dc:
        return limit.amps
    watts = capability.dc_max_power_w if power is None else min(power.amps, capability.dc_max_power_w)
    watts = min(watts, limit.amps * capability.dc_max_voltage_v)
    return watts / watts_per_grid_amp(capability)


def drawn_amps(capability: ConnectorCapability | None, meter: MeterSample) -> float:
    """What is drawn from the grid now, A of the highest phase."""
    if capability is None or not capability.dc:
        return max(meter.current_a, default=0.0)
    return meter.power_w / watts_per_grid_amp(capability)
