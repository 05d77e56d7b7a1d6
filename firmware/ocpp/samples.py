"""A meter sample as the list of readings that the configuration asks for; how they are written is the dialect's."""

from typing import NamedTuple

from firmware.ocpp.dialect import Shape
from firmware.ocpp.meter_key import printed
from firmware.station.facts import Sample, Transaction

CLOCK = "Sample.Clock"
BEGIN = "Transaction.Begin"
END = "Transaction.End"


class Reading(NamedTuple):
    measurand: str
    value: float
    unit: str
    phase: str = ""
    location: str = ""  # "" = Outlet, the default
    signed: str = ""  # what the meter signed (OCMF), where that is wanted
    public_key: str = ""  # to check it with, as OCPP carries it, where that is wanted too


class Wanted(NamedTuple):
    """Measurands of sampled and of clock-aligned values, and whether signed ones go along."""

    sampled: tuple[str, ...]
    aligned: tuple[str, ...]
    signed: bool = False
    aligned_signed: bool = False
    begun: tuple[str, ...] = ()  # of values taken where the transaction began, in an event that is not its first
    public_key: str = "Never"
    location: str = ""

    @classmethod
    def of(cls, fact: Transaction, shape: Shape) -> "Wanted":
        """What an event of a transaction carries (2.0.1 part 2, 2.6)."""
        if fact.kind == "Ended":
            signed = (shape.signed, shape.aligned_signed)
            return cls(shape.ended, shape.aligned_ended, *signed, public_key=shape.public_key)
        sampled = shape.started if fact.kind == "Started" else shape.updated
        begun = shape.started  # E01.FR.17
        return cls(sampled, shape.aligned, shape.signed, shape.aligned_signed, begun, shape.public_key)

    @classmethod
    def outside(cls, shape: Shape, evse: int) -> "Wanted":
        """What is told of an EVSE without a transaction, and of the main meter (evse 0, J01.FR.03, FR.04)."""
        signed = shape.aligned_signed
        location = "" if evse else "Inlet"
        return cls(shape.aligned, shape.aligned, signed, signed, public_key=shape.public_key, location=location)

    def key_of(self, sample: Sample) -> str:
        """The public key that goes along: with the last value where once in a transaction is enough."""
        is_due = self.public_key == "EveryMeterValue" or (
            self.public_key == "OncePerTransaction" and sample.context == END
        )
        return printed(sample.public_key or "") if is_due else ""


def wanted_readings(sample: Sample, wanted: Wanted) -> list[Reading]:
    """The readings of this sample that the configuration asks for."""
    aligned = sample.context == CLOCK
    sampled = wanted.begun if wanted.begun and sample.context == BEGIN else wanted.sampled
    found = readings(sample, wanted.aligned if aligned else sampled)
    if wanted.location:
        found = [each._replace(location=wanted.location) for each in found]
    if sample.signed is None or not (wanted.aligned_signed if aligned else wanted.signed):
        return found
    key = wanted.key_of(sample)
    return [
        each._replace(signed=sample.signed, public_key=key) if each.measurand.startswith("Energy.") else each
        for each in found
    ]


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
            case "Power.Offered" if sample.offered_w is not None:
                out.append(Reading(measurand, sample.offered_w, "W"))
            case "Power.Offered" if sample.offered_a is not None:
                out.append(Reading(measurand, sample.offered_a * sum(sample.voltage_v), "W"))
            case "SoC" if sample.soc_percent is not None:
                out.append(Reading(measurand, sample.soc_percent, "Percent", location="EV"))
            case _ if ".L" in measurand:  # 1.6 9.1.17: of one phase
                whole, _, number = measurand.rpartition(".L")
                out += [each for each in readings(sample, (whole,)) if each.phase[1:2] == number[:1]]
    return out
