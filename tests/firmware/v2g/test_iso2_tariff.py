"""Sales tariffs of a back office as the car gets them: prices in its words, within what the schema has room for."""

import json
from typing import Any

import pytest

from firmware.station import sales_tariff
from firmware.station.schedule import Plan, Span
from firmware.v2g import exi
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import replace
from firmware.v2g.sessions.iso2_schedule import make
from firmware.v2g.sessions.iso2_tariff import offered_tariffs
from firmware.v2g.sessions.iso2_terms import Terms

TO_PARAMETERS = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "PaymentServiceSelection",
    "Authorization",
    "ChargeParameterDiscovery",
)
COST = {"costKind": "RelativePricePercentage", "amount": 120, "amountMultiplier": -1}
NIGHT = {
    "id": 17,
    "salesTariffDescription": "cheap at night",
    "numEPriceLevels": 2,
    "salesTariffEntry": [
        {
            "relativeTimeInterval": {"start": 0},
            "ePriceLevel": 2,
            "consumptionCost": [{"startValue": 0.0, "cost": [COST]}, {"startValue": 7400.0, "cost": [COST]}],
        },
        {"relativeTimeInterval": {"start": 3600}, "ePriceLevel": 1},
    ],
}


def heard(tariff: dict[str, Any]) -> sales_tariff.SalesTariff:
    found = sales_tariff.read(json.dumps(tariff))
    assert found is not None
    return found


def offered(tariff: dict[str, Any], most: int | None = None, number: int = 3) -> iso2.SalesTariff | None:
    """As a plan's tariff for the car; it goes through the codec, which checks every facet."""
    plan = Plan(number, (Span(0, 11_000, "W"),), heard(tariff))
    schedule = make((plan,), 0.0, 7200, voltage_v=230, phases=3, most_entries=most)
    tariffs = offered_tariffs(schedule)
    if tariffs is None:
        return None
    assert tariffs.signature is None
    header = iso2.MessageHeader(session_id=bytes(8))
    parameter = iso2.AcEvseChargeParameter(
        ac_evse_status=iso2.AcEvseStatus(
            notification_max_delay=0, evse_notification=iso2.EvseNotification.None_, rcd=False
        ),
        evse_nominal_voltage=iso2.PhysicalValue.of(230, "V"),
        evse_max_current=iso2.PhysicalValue.of(16, "A"),
    )
    pmax = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0), p_max=iso2.PhysicalValue.of(1000, "W")
    )
    body = iso2.ChargeParameterDiscoveryRes(
        response_code=iso2.ResponseCode.OK,
        evse_processing=iso2.EvseProcessing.Finished,
        sa_schedules=iso2.SaScheduleList(
            sa_schedule_tuple=(
                iso2.SaScheduleTuple(
                    sa_schedule_tuple_id=number, p_max_schedule=(pmax,), sales_tariff=tariffs.by_tuple[number]
                ),
            )
        ),
        evse_charge_parameter=parameter,
    )
    message: Any = exi.decode(exi.encode(iso2.V2gMessage(header=header, body=body)), "iso2")
    return message.body.sa_schedules.sa_schedule_tuple[0].sales_tariff  # type: ignore[no-any-return]


def many(count: int, **changes: Any) -> dict[str, Any]:
    entries = [{"relativeTimeInterval": {"start": n}, "ePriceLevel": 1} for n in range(count)]
    return {"id": 1, "salesTariffEntry": entries, **changes}


def with_entry(**entry: Any) -> dict[str, Any]:
    return {"id": 1, "salesTariffEntry": [{"relativeTimeInterval": {"start": 0}, **entry}]}


def test_a_tariff_is_told_in_the_words_of_the_car() -> None:
    tariff = offered(NIGHT)
    assert tariff is not None
    assert (tariff.id, tariff.sales_tariff_id, tariff.num_e_price_levels) == (None, 17, 2)
    assert tariff.sales_tariff_description == "cheap at night"
    day, night = tariff.sales_tariff_entry
    assert day.time_interval == iso2.RelativeTimeInterval(start=0)
    assert night.time_interval == iso2.RelativeTimeInterval(start=3600, duration=3600)  # to the schedule's end
    assert (day.e_price_level, night.e_price_level) == (2, 1)
    assert [(float(each.start_value), str(each.start_value.unit)) for each in day.consumption_cost] == [
        (0, "W"),
        (7400, "W"),
    ]
    assert day.consumption_cost[0].cost == (
        iso2.Cost(cost_kind=iso2.CostKind.relativePricePercentage, amount=120, amount_multiplier=-1),
    )


@pytest.mark.parametrize(("most", "kept"), [(None, 1023), (12, 12), (4000, 1023)])
def test_lists_stay_below_what_the_schema_and_the_car_have_room_for(most: int | None, kept: int) -> None:
    tariff = offered(many(1024), most)
    assert tariff is not None
    assert len(tariff.sales_tariff_entry) == kept
    assert tariff.sales_tariff_entry[-1].time_interval == iso2.RelativeTimeInterval(start=kept - 1, duration=1)
    assert tariff.num_e_price_levels == 1  # the car must know it where entries name one


def test_of_three_costs_and_blocks_two_are_told() -> None:
    kinds = ("CarbonDioxideEmission", "RenewableGenerationPercentage", "RelativePricePercentage")
    costs = [{"costKind": kind, "amount": 1} for kind in kinds]
    tariff = offered(with_entry(consumptionCost=[{"startValue": float(n), "cost": costs} for n in range(3)]))
    assert tariff is not None
    blocks = tariff.sales_tariff_entry[0].consumption_cost
    assert [float(each.start_value) for each in blocks] == [0, 1]
    assert [str(each.cost_kind) for each in blocks[0].cost] == [
        "relativePricePercentage",
        "RenewableGenerationPercentage",
    ]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (with_entry(ePriceLevel=3) | {"numEPriceLevels": 2}, "price level 3 of 2"),
        (with_entry(ePriceLevel=256), "price level 256"),
        (with_entry(consumptionCost=[{"startValue": 0.0, "cost": [COST | {"amount": -5}]}]), "amount -5"),
        (with_entry(consumptionCost=[{"startValue": 0.0, "cost": [COST | {"amountMultiplier": 9}]}]), "multiplier"),
        (with_entry(consumptionCost=[{"startValue": 1e9, "cost": [COST]}]), "not offered"),
        (with_entry(consumptionCost=[{"startValue": 0.0, "cost": []}]), "without its cost"),
        (with_entry(relativeTimeInterval={"start": -1}), "start of an entry"),
        (with_entry(relativeTimeInterval={"start": 9000}), "nothing of it"),
    ],
)
def test_what_does_not_fit_is_left_out_as_a_whole(
    wrong: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert offered(wrong) is None
    assert why in caplog.text


def test_an_id_of_the_back_office_that_the_car_cannot_take_is_the_tuples() -> None:
    tariff = offered(NIGHT | {"id": 70_000})
    assert tariff is not None
    assert tariff.sales_tariff_id == 3


def test_a_car_that_asks_later_gets_what_is_to_come() -> None:
    def seen(passed_s: float) -> list[tuple[int, int | None]]:
        entries = heard(
            {
                "id": 1,
                "salesTariffEntry": [
                    {"relativeTimeInterval": {"start": 600, "duration": 300}},
                    {"relativeTimeInterval": {"start": 0}},
                    {"relativeTimeInterval": {"start": 900}},
                ],
            }
        ).after(passed_s)
        return [(e.relative_time_interval.start, e.relative_time_interval.duration) for e in entries.sales_tariff_entry]

    assert seen(0) == [(0, None), (600, 300), (900, None)]
    assert seen(599.9) == [(0, None), (1, 300), (301, None)]
    assert seen(700) == [(0, 200), (200, None)]
    assert seen(100_000) == [(0, None)]


def test_a_profile_of_another_version_and_what_is_no_tariff(caplog: pytest.LogCaptureFixture) -> None:
    assert sales_tariff.read(json.dumps({"sales": NIGHT, "signature_id": 4})) == heard(NIGHT)
    assert sales_tariff.read("") is None
    assert sales_tariff.read('{"levels": {}}') is None  # prices of -20 only
    assert caplog.text == ""
    for text in ('{"sales": 3}', '{"salesTariffEntry": []}', "[", "[]"):
        assert sales_tariff.read(text) is None
    assert caplog.text.count("cannot be read") == 4


def test_a_car_is_offered_its_plans_tariff_by_the_link(make_rig: Any, make_bay: Any, request_named: Any) -> None:
    class Planner:
        def needs(self, needs: Any) -> None:
            """Nobody asks."""

        def plans(self, horizon_s: float) -> Any:
            return (Plan(5, (Span(0, 11_000, "W"),), heard(NIGHT)), Plan(6, (Span(0, 4_000, "W"),)))

        def chosen(self, plan_id: int, intended: Any) -> None:
            """Nobody asks."""

    rig = make_rig(make_bay(level="C"), terms=Terms(planner=Planner(), tariffs=offered_tariffs))
    answer: Any = None
    for name in TO_PARAMETERS:
        request = request_named(name)
        if name == "ChargeParameterDiscovery":
            request = replace(request, max_entries_sa_schedule_tuple=12)
        [answer] = rig.ask(request)
    with_tariff, without = answer.sa_schedules.sa_schedule_tuple
    assert with_tariff.sales_tariff.sales_tariff_id == 17
    assert with_tariff.sa_schedule_tuple_id == 5
    assert without.sales_tariff is None
