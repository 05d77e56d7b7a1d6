"""A meter sample as the list of readings that the configuration asks for; how they are written is the dialect's."""

from typing import NamedTuple

from firmware.station.facts import Sample


class Reading(NamedTuple):
    measurand: str
    value: float
    unit: str
    phase: str = ""
    location: str = ""  # "" = Outlet, the default


def readings(sample: Sample, measurands: tuple[str, ...]) -> list[Reading]:
    """All phases of every configured measurand that this sample has, in the configured order (2.0.1 J02.FR.04)."""
    out: list[Reading] = []
    for measurand in measurands:
        match measurand:
            case "Energy.Active.Import.Register":
                out.append(Reading(measurand, sample.energy_wh, "Wh"))
            case "Power.Active.Import":
                out.append(Reading(measurand, sample.power_w, "W"))
            case "Voltage":
                out += [Reading(measurand, volts, "V", f"L{n}-N") for n, volts in enumerate(sample.voltage_v, 1)]
            case "Current.Import":
                out += [Reading(measurand, amps, "A", f"L{n}") for n, amps in enumerate(sample.current_a, 1)]
            case "Current.Offered" if sample.offered_a is not None:
                out.append(Reading(measurand, sample.offered_a, "A"))
            case "SoC" if sample.soc_percent is not None:
                out.append(Reading(measurand, sample.soc_percent, "Percent", location="EV"))
    return out
