"""When it happened, for facts from before the clock was set."""

import msgspec

from firmware.station.clock import Clock
from firmware.station.facts import AnyFact, MeterValues, Transaction


def dated(fact: AnyFact, clock: Clock) -> AnyFact:
    """A fact from before the clock was set, with its time worked out from the monotonic clock.

    Not possible for one from before the machine's last start: it keeps the time it was given then.
    """
    if fact.clock_synced or not clock.synced or fact.mono > clock.mono():
        return fact
    late = clock.utc() - (clock.mono() - fact.mono) - fact.at
    if isinstance(fact, Transaction | MeterValues):
        samples = tuple(msgspec.structs.replace(sample, at=sample.at + late) for sample in fact.samples)
        return msgspec.structs.replace(fact, at=fact.at + late, clock_synced=True, samples=samples)
    return msgspec.structs.replace(fact, at=fact.at + late, clock_synced=True)
