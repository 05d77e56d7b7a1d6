"""Transactions on a running station with its guard peer: what is told, when, and in which OCPP words."""

from dataclasses import replace
from typing import Any

import pytest

from firmware.station.authorization import Verdict
from firmware.station.charging import Digital
from firmware.station.commands import SetLimit, StartTransaction, StopTransaction
from firmware.station.facts import FaultRaised, IdToken, SecurityEvent, Transaction
from hal import wire
from hal.contracts import PilotMode, PilotOutput
from hal.wire import Fault

CARD = IdToken("04A2")


def test_free_charging_from_plug_to_unplug(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.pass_time(5)
            await b.move(level="A")
            assert b.story() == [
                "Started 0 CablePluggedIn EVConnected",
                "Updated 1 ChargingStateChanged Charging",
                "Ended 2 EVCommunicationLost Idle EVDisconnected",
            ]
            assert b.statuses() == ["Available", "Preparing", "Charging", "Available"]

    play(scenario())


def test_the_guard_gets_the_lock_then_the_grant_then_the_duty(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.peer.received.clear()
            await b.move(level="B")
            kinds = [type(each).__name__ for each in b.peer.received]
            assert kinds == ["LockIntent", "IndicatorIntent", "GrantIntent", "SetPilot"]
            (grant,) = b.peer.intents(wire.GrantIntent)
            assert grant.session == b.station.evses[1].transaction_id
            assert (grant.limit_a, grant.failsafe_limit_a, grant.ride_through_s) == (32.0, 6.0, 120.0)

    play(scenario())


def test_start_and_end_carry_the_meter(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.move(energy_wh=12_500.0)
            await b.move(level="A")
            first, last = b.transactions()[0], b.transactions()[-1]
            assert (first.meter_start_wh, first.samples[0].context) == (12_000.0, "Transaction.Begin")
            assert first.cable_max_current_a == 32.0
            assert (last.samples[-1].energy_wh, last.samples[-1].context) == (12_500.0, "Transaction.End")
            assert last.meter_start_wh == 12_000.0

    play(scenario())


def test_periodic_samples_at_the_interval_and_time_spent_charging(bench: Any, play: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.station.set_variable("SampledDataCtrlr.TxUpdatedInterval", "20")
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            await b.pass_time(61, step=2.0)
            samples = [each for each in b.transactions() if each.trigger == "MeterValuePeriodic"]
            assert len(samples) == 3
            assert all(len(each.samples) == 1 and each.samples[0].current_a == (10.0,) * 3 for each in samples)
            await b.move(level="A")
            assert b.transactions()[-1].time_spent_charging_s == pytest.approx(61, abs=1.0)
            assert [each.seq_no for each in b.transactions()] == list(range(len(b.transactions())))

    play(scenario())


def test_a_meter_that_fails_soon_after_the_start_costs_nothing_that_was_read_before(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.move(energy_wh=12_000.8)  # read by the guard, not yet due for the journal
            read_at = b.clock.utc()
            await b.move(meter_answers=False, energy_wh=12_010.0)
            await b.move(faults=(Fault("meter_stale", "meter does not answer", 1.0),))
            await b.pass_time(3)
            await b.move(level="A")
            last = b.transactions()[-1].samples[-1]
            assert last.energy_wh == 12_000.8
            assert last.at <= read_at

    play(scenario())


def test_a_meter_that_answers_again_before_the_end_tells_its_register(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.move(meter_answers=False, energy_wh=12_010.0)
            await b.pass_time(3)
            await b.move(meter_answers=True)
            await b.move(level="A")
            assert b.transactions()[-1].samples[-1].energy_wh == 12_010.0

    play(scenario())


def test_the_end_waits_for_a_reading_from_after_the_opening_but_not_for_long(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=32.0)
            await b.move(meter_busy=True, energy_wh=12_003.0)
            await b.move(level="A")
            assert b.transactions()[-1].kind != "Ended"
            await b.move(meter_busy=False)
            assert b.transactions()[-1].samples[-1].energy_wh == 12_003.0
            assert b.transactions()[-1].kind == "Ended"
            await b.move(level="B")
            await b.move(level="C", current_a=32.0)
            await b.move(meter_busy=True)
            await b.move(level="A")
            await b.pass_time(2)
            assert [each.kind for each in b.transactions()].count("Ended") == 2

    play(scenario())


def test_a_reading_that_only_the_guard_had_survives_its_loss(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.move(energy_wh=12_000.8)
            b.peer.close()
            await b.settle()
            b.clock.now += 4.0
            b.station.tick()
            await b.station.do(StopTransaction(by="local", transaction_id=b.station.evses[1].transaction_id))
            b.clock.now += 16.0
            b.station.tick()
            await b.settle()
            assert b.transactions()[-1].kind == "Ended"
            assert b.transactions()[-1].samples[-1].energy_wh == 12_000.8

    play(scenario())


def test_nothing_begins_before_the_meter_was_read(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(meter=False)  # a guard that has just started
            await b.move(level="B")
            assert not b.transactions()
            await b.move(meter=True)
            assert b.transactions()[0].meter_start_wh == 12_000.0

    play(scenario())


def test_a_meter_that_fell_silent_delays_the_start_by_3_s_only_and_what_it_said_last_counts(
    bench: Any, play: Any
) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(meter=False)
            await b.move(level="B")
            await b.pass_time(4)
            assert b.transactions()[0].meter_start_wh == 12_000.0

    play(scenario())


def test_a_meter_that_does_not_answer_gives_no_samples_but_an_honest_end(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.station.set_variable("SampledDataCtrlr.TxUpdatedInterval", "10")
            await b.move(level="B")
            await b.move(level="C", energy_wh=12_100.0)
            await b.pass_time(6)
            known_at = b.clock.utc()
            await b.move(meter=False)
            await b.pass_time(30, step=2.0)
            assert not [each for each in b.transactions() if each.trigger == "MeterValuePeriodic"]
            await b.move(level="A")
            last = b.transactions()[-1].samples[-1]
            assert last.energy_wh == 12_100.0
            assert last.at <= known_at

    play(scenario())


def test_token_first_then_plug(bench: Any, play: Any, parts: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        office = parts.Office(answers={"04A2": Verdict(group=IdToken("G1", "Central"))})
        async with bench(office=office, **csms_settings) as b:
            b.peer.swipe("04A2")
            await b.until(lambda: b.station.evses[1].id_token == CARD)
            await b.pass_time(5)
            await b.move(level="B")
            assert b.story() == ["Started 0 CablePluggedIn EVConnected"]
            assert b.transactions()[0].id_token == CARD
            assert not b.transactions()[0].offline

    play(scenario())


def test_second_swipe_stops_when_the_contactor_is_open_and_then_unlocks(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        office = parts.Office(answers={"04A2": Verdict()})
        async with bench(office=office, **csms_settings) as b:
            await b.move(level="B")
            b.peer.swipe("04A2")
            await b.until(b.transactions)
            await b.move(level="C", current_a=16.0, stuck=True, closed=True)
            assert b.peer.connectors[1].lock.value == "locked"
            b.peer.swipe("04a2")  # case is no difference
            await b.until(lambda: b.station.evses[1].stop_wanted == "Local")
            await b.settle()
            assert b.transactions()[-1].kind == "Updated"  # still closed: not over
            assert b.peer.connectors[1].lock.value == "locked"
            await b.move(stuck=False)
            assert b.story()[-1] == "Ended 2 StopAuthorized EVConnected Local"
            assert b.transactions()[-1].id_token == IdToken("04a2")
            assert b.peer.connectors[1].lock.value == "unlocked"
            assert b.station.evses[1].why() == "finished: it was stopped at the station; unplug to start again"
            assert office.asked == ["04A2"]  # the second swipe needs no question (E07.FR.01)

    play(scenario())


def test_a_transaction_ends_at_the_latest_15_s_after_its_stop(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", stuck=True, closed=True)
            await b.station.do(StopTransaction(transaction_id=b.station.evses[1].transaction_id))
            await b.pass_time(14)
            assert b.transactions()[-1].kind != "Ended"
            await b.pass_time(2)
            assert b.story()[-1].startswith("Ended")

    play(scenario())


STOPS = [
    # command reason, trigger, stopped reason
    ("Remote", "RemoteStop", "Remote"),
    ("Local", "StopAuthorized", "Local"),
    ("StoppedByEV", "ChargingStateChanged", "StoppedByEV"),
    ("UnlockCommand", "UnlockCommand", "Other"),
    ("SoftReset", "ResetCommand", "Reboot"),
    ("HardReset", "ResetCommand", "ImmediateReset"),
    ("EnergyLimitReached", "EnergyLimitReached", "EnergyLimitReached"),
    ("no such word", "AbnormalCondition", "Other"),
]


@pytest.mark.parametrize(("reason", "trigger", "stopped"), STOPS)
def test_stop_commands_in_ocpp_words(bench: Any, play: Any, reason: str, trigger: str, stopped: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            found = b.station.evses[1].transaction_id
            assert (await b.station.do(StopTransaction(transaction_id=found, reason=reason))).accepted
            await b.settle()
            ended = b.transactions()[-1]
            assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", trigger, stopped)
            assert ended.id_token is None

    play(scenario())


FAULTS = [
    # code, latched -> stopped reason, None = the transaction waits
    ("emergency_stop", False, "EmergencyStop"),
    ("rcd_tripped", True, "GroundFault"),
    ("over_current", True, "OvercurrentFault"),
    ("isolation", True, "GroundFault"),
    ("dc_over_current", True, "OvercurrentFault"),
    ("dc_over_voltage", True, "Other"),
    ("cable_check", True, "Other"),
    ("isolation_monitor", True, "Other"),
    ("dc_polarity", True, "Other"),
    ("dc_weld", True, "Other"),
    ("stuck_open", True, "Other"),
    ("supply_stale", False, "Other"),
    ("supply_fault", False, "Other"),
    ("weld", True, "Other"),
    ("tick_overrun", True, "Other"),
    ("mains_fail", False, "PowerLoss"),
    ("over_temperature", False, None),
    ("under_voltage", False, None),
]


@pytest.mark.parametrize(("code", "latched", "stopped"), FAULTS)
def test_faults_end_a_transaction_or_let_it_wait(
    bench: Any, play: Any, code: str, latched: bool, stopped: str | None
) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            await b.move(faults=(Fault(code, f"the text of {code}", b.clock.mono(), latched),))
            assert b.statuses()[-1] == "Faulted"
            why = b.station.evses[1].why()
            assert why.startswith(f"fault: the text of {code}")
            assert why.endswith("; charging resumes by itself when this is over") == (stopped is None)
            last = b.transactions()[-1]
            assert (last.kind, last.stopped_reason) == (("Ended", stopped) if stopped else ("Updated", None))
            if stopped is not None:
                assert last.trigger == "AbnormalCondition"
                return
            assert last.charging_state == "SuspendedEVSE"
            await b.move(faults=())
            assert b.peer.connectors[1].closed  # a fresh grant, same transaction
            assert b.transactions()[-1].charging_state == "Charging"

    play(scenario())


def test_tamper_is_a_security_event_and_no_reason_to_stop(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            # the peer opens on every fault it is given; the real guard does not on this one (tests/hal)
            b.peer.connectors[1].stuck = True
            b.station.evses[1].observe(
                replace_faults(b.station.evses[1].seen, (Fault("tamper", "housing opened", 1.0),))
            )
            await b.settle()
            kinds = [type(each).__name__ for each in b.facts]
            assert "SecurityEvent" in kinds
            assert b.station.evses[1].charging_state == "Charging"

    play(scenario())


def replace_faults(seen: Any, faults: tuple[Fault, ...]) -> Any:
    import msgspec  # noqa: PLC0415

    return msgspec.structs.replace(seen, faults=faults)


def test_limit_below_six_ampere_pauses_and_higher_goes_on(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            await b.station.do(SetLimit(source="csms", limit_a=0.0, evse=1))
            await b.settle()
            await b.move(level="B")
            assert b.story()[-1] == "Updated 2 ChargingStateChanged SuspendedEVSE"
            assert "set by the back office" in b.station.evses[1].why()
            await b.station.do(SetLimit(source="csms", limit_a=None, evse=1))
            await b.settle()
            await b.move(level="C")
            assert b.story()[-1].endswith("Charging")
            assert len({each.transaction_id for each in b.transactions()}) == 1

    play(scenario())


def test_a_digital_session_stops_by_itself_before_its_grant_is_taken(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            wish = Digital(PilotOutput(PilotMode.DUTY, 5.0), energise=False, protocol="iso2", soc_percent=55.0)
            evse.set_digital(wish)
            await b.move(level="B")
            evse.set_digital(replace(wish, energise=True))
            await b.move(level="C", current_a=12.0)
            assert b.peer.connectors[1].closed
            assert b.transactions()[-1].samples[-1].soc_percent == 55.0
            await b.station.do(StopTransaction(transaction_id=evse.transaction_id))
            await b.pass_time(5)
            assert evse.stop_wanted == "Remote"
            assert b.peer.connectors[1].closed
            evse.set_digital(wish)  # the car said PowerDelivery(Stop)
            await b.settle()
            assert not b.peer.connectors[1].closed
            assert b.transactions()[-1].stopped_reason == "Remote"

    play(scenario())


def test_remote_start_before_and_after_the_plug(bench: Any, play: Any, parts: Any, csms_settings: Any) -> None:
    async def scenario() -> None:
        async with bench(office=parts.Office(), **csms_settings) as b:
            outcome = await b.station.do(StartTransaction(id_token=CARD, evse=1, remote_start_id=42))
            assert outcome.accepted and outcome.transaction_id is None
            assert b.statuses()[-1] == "Preparing"
            await b.move(level="B")
            started = b.transactions()[0]
            assert (started.trigger, started.remote_start_id) == ("RemoteStart", 42)
            again = await b.station.do(StartTransaction(id_token=CARD, evse=1))
            assert (again.status, again.reason) == ("Rejected", "EVSE 1 has a transaction")
            await b.station.do(StopTransaction(transaction_id=started.transaction_id))
            await b.settle()
            # finished and still plugged: a tap must unplug first, the back office may start anew
            assert (await b.station.do(StartTransaction(id_token=CARD, remote_start_id=43))).accepted
            await b.settle()
            assert b.transactions()[-1].remote_start_id == 43

    play(scenario())


def test_offline_is_told_with_the_events_that_happened_offline(
    bench: Any, play: Any, parts: Any, csms_settings: Any
) -> None:
    async def scenario() -> None:
        office = parts.Office()
        async with bench(office=office, **csms_settings) as b:
            await b.move(level="B")
            await b.station.do(StartTransaction(id_token=CARD, evse=1))
            office.connected = False
            await b.move(level="C", current_a=8.0)
            await b.until(lambda: len(b.transactions()) == 2)
            assert [each.offline for each in b.transactions()] == [False, True]

    play(scenario())


def test_readers_hear_of_a_transaction_only_after_it_is_on_disk(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            seen: list[bool] = []

            def reader(fact: Any) -> None:
                if isinstance(fact, Transaction):
                    import sqlite3  # noqa: PLC0415

                    other = sqlite3.connect(b.station.journal.path)
                    rows = other.execute("SELECT body FROM fact").fetchall()
                    other.close()
                    seen.append(any(fact.transaction_id in row[0] for row in rows))

            b.station.subscribe(reader)
            await b.move(level="B")
            await b.move(level="A")
            await b.until(lambda: len(seen) == 2)
            assert all(seen)

    play(scenario())


def test_a_grant_waits_for_the_disk_but_not_for_a_broken_one(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            pages = await b.station.journal.execute_in_writer(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
            await b.station.journal.execute_in_writer(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())
            b.station.journal.append([SecurityEvent(at=1.0, kind="x", tech_info="y" * 9000)])  # now it is full
            await b.until(lambda: not b.station.journal.healthy)
            b.peer.move(level="B")
            await b.until(lambda: b.station.evses[1].transaction_id)
            assert not b.peer.connectors[1].grant
            b.clock.now += 1.0
            b.station.tick()
            await b.until(lambda: b.peer.connectors[1].grant)
            assert b.transactions() == []  # nobody is told what no restart would remember
            raised = [each for each in b.facts if isinstance(each, FaultRaised)]
            assert (raised[0].code, raised[0].evse) == ("journal", 0)
            assert "full" in raised[0].text

    play(scenario())


def test_a_reader_that_fails_harms_nobody(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:

            def broken(fact: Any) -> None:
                raise RuntimeError("a dialect with a bug")

            b.station.subscribe(broken)
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            assert b.peer.connectors[1].closed
            assert len(b.transactions()) == 2

    play(scenario())


def test_the_next_car_may_come_before_the_last_one_is_told_off(bench: Any, play: Any) -> None:
    """The last reading is waited for; whoever plugs in meanwhile is another driver and need not unplug first."""

    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="C", current_a=10.0)
            await b.until(lambda: b.station.evses[1].closed)
            await b.pass_time(2.0)
            await b.move(meter_busy=True)
            await b.move(level="A")
            first = b.station.evses[1].transaction_id
            assert first is not None  # its end is not told yet
            await b.move(level="B")
            await b.move(meter_busy=False)
            await b.pass_time(2.0)
            await b.until(lambda: [each.kind for each in b.transactions()].count("Started") == 2)
            (over,) = [each for each in b.transactions() if each.kind == "Ended"]
            assert (over.transaction_id, over.stopped_reason, over.charging_state) == (first, "EVDisconnected", "Idle")
            await b.move(level="C")
            await b.until(lambda: b.station.evses[1].closed)

    play(scenario())
