"""Profiles on a running station: what they do to limit, budget and transactions, and what survives a restart."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from firmware.config import BudgetSettings, EvseSettings
from firmware.energy.engine import Engine
from firmware.station.charging import Digital
from firmware.station.charging_facts import ChargingLimit, EvChargingNeeds, EvChargingSchedule, PriorityCharging
from firmware.station.charging_profile import Period, Profile, Schedule
from firmware.station.commands import StartTransaction
from firmware.station.facts import BackOfficeLink, IdToken
from firmware.station.schedule import Needs, Span
from firmware.station.smart_charging import CompositeSchedule, Criteria, Refusal
from hal.contracts import PilotMode, PilotOutput

CARD = IdToken("04A2")
DEFAULT = Profile(5, "TxDefaultProfile", "Relative", 0, (Schedule("A", (Period(0, 10.0),)),))
TX = Profile(12, "TxProfile", "Relative", 3, (Schedule("A", (Period(0, 8.0), Period(60, 20.0))),))
MAXIMUM = Profile(9, "ChargingStationMaxProfile", "Absolute", 0, (Schedule("A", (Period(0, 20.0),), start=0.0),))
TWO = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))


class Smart:
    """Makes the engine of the bench's station, before it runs."""

    engine: Engine

    def __call__(self, station: Any) -> None:
        self.engine = Engine(station)
        station.smart_charging = self.engine


def told(b: Any, kind: type, at_least: int = 0) -> list[Any]:
    """The facts of a kind, none while there are fewer than asked for: they are told after their commit."""
    found = [fact for fact in b.facts if isinstance(fact, kind)]
    return found if len(found) >= at_least else []


def test_a_default_profile_limits_at_once_and_its_going_frees(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            await b.move(level="C", current_a=10.0)
            evse = b.station.evses[1]
            assert evse.limit.amps == 32.0
            assert smart.engine.install(1, DEFAULT, "2.0.1") is None  # K01.FR.32
            assert (evse.limit.amps, evse.limit.source) == (10.0, "csms: profile 5 TxDefaultProfile stack 0")
            assert smart.engine.clear(Criteria(purpose="TxDefaultProfile")) == 1  # K10.FR.05, 07
            assert evse.limit.amps == 32.0
            assert smart.engine.clear(Criteria()) == 0  # K10.FR.01

    play(scenario())


def test_a_tx_profile_follows_time_and_ends_with_its_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            await b.move(level="C", current_a=8.0)
            evse = b.station.evses[1]
            profile = replace(TX, transaction_id=evse.transaction_id)
            assert smart.engine.install(1, profile, "2.0.1") is None
            assert (evse.limit.amps, evse.limit.source) == (8.0, "csms: profile 12 TxProfile stack 3")
            b.clock.now += 61
            smart.engine.follow()
            assert evse.limit.amps == 20.0
            await b.move(level="A")
            assert smart.engine.installed(Criteria()) == []
            assert evse.limit.amps == 32.0

    play(scenario())


def test_the_timer_follows_what_a_schedule_says_next(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            now = b.clock.utc()
            steps = Schedule("A", (Period(0, 8.0), Period(0.2, 16.0)), start=now)
            assert smart.engine.install(1, replace(DEFAULT, kind="Absolute", schedules=(steps,)), "1.6") is None
            assert b.station.evses[1].limit.amps == 8.0
            running = asyncio.create_task(smart.engine.run())
            b.clock.now += 1.0  # the hand clock is past the step when the timer looks
            await b.until(lambda: b.station.evses[1].limit.amps == 16.0)
            running.cancel()

    play(scenario())


def test_profiles_survive_a_restart_and_those_of_gone_transactions_do_not(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            await b.move(level="C", current_a=8.0)
            assert smart.engine.install(0, MAXIMUM, "2.0.1") is None
            assert smart.engine.install(1, replace(TX, transaction_id=b.station.evses[1].transaction_id), "2.1") is None
            smart.engine.set_external("EMS", [Period(0, 13.0)], "A")
            await b.settle()
            peer = b.peer
        again = Smart()
        peer.move(level="A")
        async with bench(prepare=again) as b:
            await b.move(level="A")
            assert [each.profile.id for each in again.engine.installed(Criteria())] == [9]
            assert b.station.evses[1].limit.amps == 20.0

    play(scenario())


@pytest.mark.ocpp("2.0.1:K04.FR.01", "2.0.1:K04.FR.05")
def test_a_maximum_is_shared_by_all_evses(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart, evse=TWO) as b:
            assert smart.engine.install(0, MAXIMUM, "2.0.1") is None  # K04.FR.05
            await b.move(1, level="C", current_a=10.0)
            await b.move(2, level="C", current_a=10.0)
            await b.pass_time(10)
            assert sum(each.limit.amps for each in b.station.evses.values()) <= 20.0
            assert b.station.budget.limit.source == "csms: profile 9 ChargingStationMaxProfile stack 0"
            smart.engine.clear(Criteria(ids=(9,)))
            assert b.station.budget.limit is None

    play(scenario())


def test_a_composite_schedule_is_told_in_whole_seconds(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            smart.engine.install(1, replace(TX, purpose="TxDefaultProfile"), "2.0.1")
            found = smart.engine.composite(1, 300, "A")
            assert isinstance(found, CompositeSchedule)
            assert [(row.start_s, row.limit) for row in found.rows] == [(0, 8.0), (60, 20.0)]
            assert found.duration_s == 300 and found.start == int(b.clock.utc())
            for refused in (smart.engine.composite(7, 300, "A"), smart.engine.composite(1, 300, "V")):  # type: ignore[arg-type]
                assert isinstance(refused, Refusal)  # K08.FR.05, 07

    play(scenario())


def test_an_outside_limit_becomes_a_fact_and_an_event_of_the_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            await b.move(level="C", current_a=8.0)
            assert smart.engine.set_external("EMS", [Period(0, 16.0)], "A") is None
            assert smart.engine.set_external("EMS", [Period(0, 15.99)], "A") is None  # less than 1 %: SC.03
            assert b.station.evses[1].limit.amps == 15.99
            assert smart.engine.clear(Criteria()) == 0  # K10.FR.08
            assert smart.engine.clear_external("EMS")
            assert not smart.engine.clear_external("EMS")
            await b.until(lambda: told(b, ChargingLimit, 2))
            await b.settle()
            assert [(each.source, each.cleared) for each in told(b, ChargingLimit)] == [
                ("EMS", False),
                ("EMS", True),
            ]  # K11.FR.02, K13
            triggers = [each.trigger for each in b.transactions()]
            assert triggers.count("ChargingRateChanged") == 2  # K11.FR.04, K13.FR.03
            assert smart.engine.set_external("CSO", [Period(0, 16.0)], "A") is not None  # K11.FR.05

    play(scenario())


def test_a_remote_start_brings_its_profile(bench: Any, play: Any, csms_settings: Any, parts: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart, office=parts.Office(), **csms_settings) as b:
            profile = replace(TX, schedules=TX.schedules)
            assert smart.engine.check_for_start(1, profile, "2.0.1") is None
            smart.engine.begin_with(77, profile)
            await b.station.do(StartTransaction(id_token=CARD, evse=1, remote_start_id=77))
            await b.move(level="B")
            evse = b.station.evses[1]
            assert evse.limit.amps == 8.0  # K05.FR.03
            (found,) = smart.engine.installed(Criteria(evse=1))
            assert found.profile.transaction_id == evse.transaction_id

    play(scenario())


def test_priority_charging_overrules_until_it_is_switched_off(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            await b.move(level="C", current_a=8.0)
            evse = b.station.evses[1]
            smart.engine.install(1, DEFAULT, "2.1")
            assert smart.engine.use_priority(evse.transaction_id, True) == "NoProfile"  # K21.FR.01
            boost = replace(DEFAULT, id=6, purpose="PriorityCharging", schedules=(Schedule("A", (Period(0, 30.0),)),))
            assert smart.engine.install(0, boost, "2.1") is None
            assert smart.engine.use_priority("unknown", True) == "Rejected"
            assert smart.engine.use_priority(evse.transaction_id, True) == "Accepted"
            assert evse.limit.amps == 30.0
            assert smart.engine.use_priority(evse.transaction_id, False) == "Accepted"
            assert evse.limit.amps == 10.0
            await b.until(lambda: told(b, PriorityCharging, 2))
            assert [fact.activated for fact in told(b, PriorityCharging)] == [True, False]

    play(scenario())


def test_a_profile_that_outlived_its_offline_time_stays_out(
    bench: Any, play: Any, csms_settings: Any, parts: Any
) -> None:
    async def scenario() -> None:
        smart, office = Smart(), parts.Office()
        async with bench(prepare=smart, office=office, **csms_settings) as b:
            smart.engine.install(1, replace(DEFAULT, max_offline_s=60.0, invalid_after_offline=True), "2.1")
            evse = b.station.evses[1]
            office.connected = False
            b.station.emit(BackOfficeLink(at=b.clock.utc(), connected=False))
            assert evse.limit.amps == 10.0
            b.clock.now += 61
            smart.engine.follow()
            assert evse.limit.amps == 32.0  # K01.FR.101
            office.connected = True
            b.station.emit(BackOfficeLink(at=b.clock.utc(), connected=True))
            assert evse.limit.amps == 32.0  # K01.FR.102

    play(scenario())


def test_a_dynamic_profile_is_updated_in_place(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            smart.engine.install(1, replace(DEFAULT, kind="Dynamic"), "2.1")
            assert smart.engine.update_dynamic(5, Period(0, 14.0)) is None  # K28.FR.06
            assert b.station.evses[1].limit.amps == 14.0
            assert smart.engine.update_dynamic(99, Period(0, 14.0)) is not None  # K28.FR.11

    play(scenario())


def test_switched_off_nothing_of_it_limits(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            smart.engine.install(1, DEFAULT, "2.0.1")
            b.station.set_variable("SmartChargingCtrlr.Enabled", "false")
            await b.move(level="B")
            assert b.station.evses[1].limit.amps == 32.0

    play(scenario())


@pytest.mark.ocpp("2.0.1:K15.FR.09", "2.0.1:K16.FR.04", "2.0.1:K17.FR.09")
def test_a_car_that_plans_waits_for_the_plan_the_back_office_promised(
    bench: Any, play: Any, csms_settings: Any, parts: Any
) -> None:
    async def scenario() -> None:
        smart, office = Smart(), parts.Office()
        async with bench(prepare=smart, office=office, **csms_settings) as b:
            await b.station.do(StartTransaction(id_token=CARD, evse=1))
            await b.move(level="B")
            evse, planner = b.station.evses[1], smart.engine.planner(1)
            b.station.smart_charging_by_needs = True
            planner.needs(Needs(departure_s=3600.0, energy_wh=9000.0))  # K15.FR.01
            await b.until(lambda: told(b, EvChargingNeeds))
            (needs,) = told(b, EvChargingNeeds)
            assert needs.energy_wh == 9000.0 and needs.transfer == "AC_three_phase"
            assert planner.plans(3600.0) == ()
            smart.engine.needs_answered(1, "Accepted")
            b.clock.now += 30
            assert planner.plans(3600.0) == ()
            evse.digital = None
            smart.engine.install(1, replace(TX, transaction_id=evse.transaction_id), "2.0.1")
            (plan,) = planner.plans(3600.0)
            assert [(span.limit, span.unit) for span in plan.spans] == [(8.0, "A"), (20.0, "A")]
            planner.chosen(plan.id, [Span(0.0, 5000.0, "W"), Span(60.0, 11_000.0, "W")])
            planner.chosen(plan.id, [Span(0.0, 7000.0, "W")])
            await b.until(lambda: told(b, EvChargingSchedule, 2))
            choices = told(b, EvChargingSchedule)
            assert [each.within for each in choices] == [True, False]  # K15.FR.09, 10

    play(scenario())


def test_a_plan_brings_the_tariff_of_its_schedule_as_far_as_it_is_to_come(bench: Any, play: Any) -> None:
    entries = ",".join(f'{{"relativeTimeInterval":{{"start":{n}}},"ePriceLevel":1}}' for n in (0, 60, 120))
    tariff = f'{{"id":4,"salesTariffEntry":[{entries}]}}'
    priced = replace(TX.schedules[0], tariff=tariff, id=7)

    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart) as b:
            await b.move(level="C", current_a=8.0)
            evse, planner = b.station.evses[1], smart.engine.planner(1)
            two = (priced, replace(TX.schedules[0], id=8))
            profile = replace(TX, transaction_id=evse.transaction_id, schedules=two)
            evse.digital = Digital(PilotOutput(PilotMode.X1), energise=True)
            assert smart.engine.install(1, profile, "2.0.1") is None
            b.clock.now += 70
            first, second = planner.plans(3600.0)
            assert (first.id, second.id, second.tariff) == (7, 8, None)
            assert first.tariff is not None
            starts = [entry.start_s for entry in first.tariff.sales_tariff_entry]
            assert starts[0] == 0
            assert len(starts) == 2
            assert 45 <= starts[1] <= 50

    play(scenario())


def test_without_an_answer_a_car_gets_the_plan_there_is(bench: Any, play: Any, csms_settings: Any, parts: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart, office=parts.Office(), **csms_settings) as b:
            b.station.smart_charging_by_needs = True
            planner = smart.engine.planner(1)
            planner.needs(Needs())
            assert planner.plans(600.0) == ()
            b.clock.now += 10.1
            assert [span.limit for span in planner.plans(600.0)[0].spans] == [32.0]
            planner.needs(Needs())
            smart.engine.needs_answered(1, "Rejected")  # K15.FR.04
            assert planner.plans(600.0) != ()

    play(scenario())


def test_a_budget_of_the_site_stays_beside_a_maximum(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        smart = Smart()
        async with bench(prepare=smart, evse=TWO, budget=BudgetSettings(max_current_a=16.0)) as b:
            smart.engine.install(0, MAXIMUM, "2.0.1")
            assert b.station.budget.limit.amps == 16.0
            found = smart.engine.composite(0, 60, "A")
            assert isinstance(found, CompositeSchedule) and found.rows[0].limit == 16.0

    play(scenario())
