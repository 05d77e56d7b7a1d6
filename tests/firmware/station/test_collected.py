"""The samples that are kept for a transaction's last event: bounded, thinned in the middle, never cut off at an end."""

import pytest

from firmware.station.facts import Sample
from firmware.station.transaction import COLLECTED, Moment, Open, Stop, collect, end


def sample(number: int) -> Sample:
    return Sample(
        at=1.8e9 + 60 * number, energy_wh=100.0 * number, power_w=6000.0, voltage_v=(230.0,), current_a=(26.0,)
    )


@pytest.mark.ocpp("2.0.1:E06.FR.13", "2.0.1:F03.FR.06", "2.0.1:F04.FR.06")
@pytest.mark.ocpp("2.0.1:E07.FR.10", "2.0.1:E09.FR.07", "2.0.1:E10.FR.06", "2.0.1:E15.FR.03")
@pytest.mark.ocpp("2.0.1:E08.FR.11", "2.0.1:E12.FR.09")
def test_intermediate_values_go_first() -> None:
    transaction = Open("tx", evse=1, connector=1, boot_id="boot", started_at=1.8e9, first=sample(0))
    for number in range(1, COLLECTED + 1):
        transaction = collect(transaction, sample(number))
    assert [each.energy_wh / 100 for each in transaction.collected] == list(range(1, COLLECTED + 1))
    transaction = collect(transaction, sample(COLLECTED + 1))
    kept = [each.energy_wh / 100 for each in transaction.collected]
    assert kept == [*range(2, COLLECTED + 1, 2), COLLECTED + 1], "the 1st, 3rd, 5th ... are gone"
    for number in range(COLLECTED + 2, 20 * COLLECTED):
        transaction = collect(transaction, sample(number))
    assert len(transaction.collected) <= COLLECTED
    last = sample(20 * COLLECTED)
    ended = end(transaction, Moment(last.at, 0.0, True, False), Stop("Local", "StopAuthorized"), "Idle", last)
    told = [each.energy_wh / 100 for each in ended.samples]
    assert (told[0], told[-1]) == (0, 20 * COLLECTED), "first and last are always told"
    assert told == sorted(told)
