"""What a transaction costs between two words of the central system, and when it wants to hear of the meter."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from firmware.ocpp import local_time, running_cost
from firmware.ocpp.payload import moment
from firmware.ocpp.running_cost import RunningCost, Tally, Triggers, begin, follow

NOON = moment("2027-01-15T12:00:00Z") or 0.0
HOUR = 3600.0


def said(**more: Any) -> RunningCost:
    """As in the note's examples."""
    usual = {
        "transactionId": 12345,
        "timestamp": "2027-01-15T12:00:00Z",
        "meterValue": 1_234_000,
        "cost": 1.00,
        "state": "Charging",
        "chargingPrice": {"kWhPrice": 0.123, "hourPrice": 0.00, "flatFee": 0.00},
        "idlePrice": {"graceMinutes": 30, "hourPrice": 1.00},
    }
    return msgspec.json.decode(msgspec.json.encode(usual | more), type=RunningCost)


def cost(tally: Tally, hours: float, drawn_wh: float, steps: int = 1) -> Decimal:
    """After this time and energy, looked at so often."""
    for step in range(1, steps + 1):
        tally = follow(tally, NOON + hours * HOUR * step / steps, 1_234_000 + drawn_wh * step / steps)
    return round(tally.cost, 4)


def test_energy_and_time_cost_what_was_told() -> None:
    assert cost(begin(said(), NOON, 0.0, None), 2.0, 10_000) == Decimal("2.23")
    by_the_hour = said(chargingPrice={"kWhPrice": 0.1, "hourPrice": 2})
    assert cost(begin(by_the_hour, NOON, 0.0, None), 0.5, 1000) == Decimal("2.1")
    assert cost(begin(by_the_hour, NOON, 0.0, None), 0.5, 1000, steps=1800) == Decimal("2.1")


def test_idle_time_costs_after_the_grace_only_and_the_grace_counts_from_its_first_word() -> None:
    tally = begin(said(state="Idle"), NOON, 0.0, None)
    assert cost(tally, 0.5, 0) == 1
    assert cost(tally, 2.5, 0) == 3
    later = begin(said(state="Idle", timestamp="2027-01-15T12:20:00Z"), NOON + 1200, 0.0, tally)
    assert cost(later, 1.5, 0) == 2
    resumed = begin(said(), NOON, 0.0, tally)
    assert cost(resumed, 1.0, 1000) == Decimal("1.123")


def test_prices_that_change_later_share_out_what_was_drawn() -> None:
    change = {"atTime": "2027-01-15T19:00:00Z", "chargingPrice": {"kWhPrice": 0.1, "flatFee": 0.5}}
    tally = begin(said(nextPeriod=change), NOON, 0.0, None)
    assert cost(tally, 7.0, 7000) == Decimal("2.361")  # the moment itself: the new fee is due
    assert cost(tally, 8.0, 8000) == Decimal("2.461")
    assert cost(tally, 8.0, 8000, steps=1000) == Decimal("2.461")
    idle = begin(said(nextPeriod={**change, "idlePrice": {"hourPrice": 3}}, state="Idle"), NOON, 0.0, None)
    assert cost(idle, 8.0, 0) == Decimal("1") + Decimal("6.5") + Decimal("3")


def test_a_word_that_comes_late_counts_from_its_own_time() -> None:
    tally = begin(said(), NOON + HOUR, 0.0, None)
    assert round(follow(tally, NOON + HOUR, 1_236_000).cost, 4) == Decimal("1.246")
    assert follow(tally, NOON - 5, 0.0) is tally, "a clock that was set back"
    ahead = begin(said(timestamp="2027-01-15T13:00:00Z"), NOON, 0.0, None)
    assert ahead.at == NOON


def test_a_word_without_prices_is_all_that_is_known() -> None:
    assert not begin(RunningCost(1, Decimal(3)), NOON, 0.0, None).counts


@pytest.mark.parametrize(
    "wrong",
    [
        {"cost": 1e12},
        {"chargingPrice": {"kWhPrice": "NaN"}},
        {"idlePrice": {"graceMinutes": -1}},
        {"state": "Lost"},
        {"meterValue": -1e30},
    ],
)
def test_what_is_no_amount_or_state_is_not_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.MsgspecError):
        said(**wrong)


def test_a_time_and_an_energy_come_once() -> None:
    waits = running_cost.watch(Triggers(time="2027-01-15T13:00:00Z", kwh=5.0), "Charging")
    waits, came = running_cost.look(waits, NOON, 4.9, 7.0, "Charging")
    assert came == ""
    waits, came = running_cost.look(waits, NOON + HOUR, 5.0, 7.0, "Charging")
    assert came == "time energy"
    assert running_cost.look(waits, NOON + 2 * HOUR, 9.0, 7.0, "Charging")[1] == ""


def test_a_power_is_crossed_up_and_down_by_more_than_it_wavers() -> None:
    waits, came = running_cost.watch(Triggers(kw=0.1), "Charging"), []
    for kw in (7.0, 0.2, 0.097, 0.103, 0.05, 0.103, 0.2, 0.2):
        waits, what = running_cost.look(waits, NOON, 0.0, kw, "Charging")
        came.append(what)
    assert came == ["", "", "", "", "power", "", "power", ""]


@pytest.mark.parametrize("states", [("SuspendedEV", "SuspendedEVSE"), "SuspendedEV"])
def test_a_state_comes_each_time_it_begins(states: Any) -> None:
    waits, came = running_cost.watch(Triggers(states=states), "Charging"), []
    for state in ("Charging", "SuspendedEV", "SuspendedEV", "Charging", "SuspendedEV"):
        waits, what = running_cost.look(waits, NOON, 0.0, 0.0, state)
        came.append(what)
    assert came == ["", "state", "", "", "state"]


class Set:
    """Lasting values."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def variable(self, name: str, default: str = "") -> str:
        return self.values.get(name.partition(".")[2].replace("[", "_").rstrip("]"), default)


def test_the_time_of_day_follows_its_offset_and_the_next_one() -> None:
    assert local_time.time_of_day(Set(), NOON) == "12:00"  # type: ignore[arg-type]  # no more is asked of it
    west = {"TimeOffset": "-05:00", "TimeOffset_NextTransition": "-04:00"}
    when = {"NextTimeOffsetTransitionDateTime": "2027-01-15T13:00:00Z"}
    station: Any = Set(**west, **when)
    assert local_time.time_of_day(station, NOON) == "07:00"
    assert local_time.time_of_day(station, NOON + HOUR) == "09:00"


@pytest.mark.parametrize(("text", "seconds"), [("Z", 0), ("02:00", 7200), ("+05:30", 19800), ("-05:00", -18000)])
def test_offsets(text: str, seconds: int) -> None:
    assert local_time.offset_s(text) == seconds


@pytest.mark.parametrize("text", ["25:00", "5", "05:61", "+5:00", "noon"])
def test_what_is_no_offset(text: str) -> None:
    assert local_time.refuses_offset(text)
