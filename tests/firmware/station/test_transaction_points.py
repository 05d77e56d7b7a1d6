"""Where transactions begin and end (TxStartPoint, TxStopPoint), samples by the clock and for the last event, a token
that turns out to be no good."""

import uuid
from typing import Any

import pytest

from firmware.config import EvseSettings
from firmware.station.authorization import Verdict
from firmware.station.commands import Reset, StartTransaction, StopTransaction, SwipeToken
from firmware.station.facts import IdToken, MeterValues

CARD = "04A2"


def points(start: str, stop: str, **more: str) -> Any:
    def prepare(station: Any) -> None:
        station.defaults |= {"TxCtrlr.TxStartPoint": start, "TxCtrlr.TxStopPoint": stop, **more}

    return prepare


TWO = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))


@pytest.fixture
def charge(bench: Any, play: Any, parts: Any, csms_settings: Any) -> Any:
    """Run `story(bench)` at a station with a good card and these variables."""

    def run(
        story: Any,
        start: str = "PowerPathClosed",
        stop: str = "EVConnected,Authorized",
        fixed_cable: bool = False,
        evse: tuple[EvseSettings, ...] = (EvseSettings(id=1),),
        **more: str,
    ) -> None:
        async def scenario() -> None:
            office = parts.Office(answers={CARD: Verdict()})
            prepare = points(start, stop, **more)
            async with bench(office=office, prepare=prepare, lock=not fixed_cable, evse=evse, **csms_settings) as b:
                await story(b)

        play(scenario())

    return run


async def swipe(b: Any) -> None:
    b.peer.swipe(CARD)
    await b.until(lambda: b.station.evses[1].id_token is not None or b.station.evses[1].stop_wanted is not None)
    await b.settle()


@pytest.mark.ocpp("2.0.1:E01.FR.02", "2.0.1:E02.FR.06", "2.0.1:E02.FR.20", "2.0.1:TC_E_09_CS")
def test_ev_connected_begins_with_the_plug_and_the_token_comes_later(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        assert b.station.evses[1].wishes.grant is None
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        await b.move(level="A")
        assert b.story() == [
            "Started 0 CablePluggedIn EVConnected",
            "Updated 1 Authorized EVConnected",
            "Updated 2 ChargingStateChanged Charging",
            "Ended 3 EVCommunicationLost Idle EVDisconnected",
        ]
        tokens = [fact.id_token for fact in b.transactions()]
        assert [token.token if token else None for token in tokens] == [None, CARD, None, None]
        assert [fact.unclaimed for fact in b.transactions()] == [True, False, False, False]

    charge(story, "EVConnected")


@pytest.mark.ocpp("2.0.1:F01.FR.13", "2.0.1:F01.FR.19", "2.0.1:F01.FR.25")
def test_a_remote_start_takes_the_transaction_that_waits_for_a_token(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        waiting = b.station.evses[1].transaction_id
        outcome = await b.station.do(StartTransaction(id_token=IdToken(CARD), evse=1, remote_start_id=77))
        assert outcome.transaction_id == waiting
        await b.settle()
        last = b.transactions()[-1]
        assert (last.trigger, last.remote_start_id, last.id_token) == ("RemoteStart", 77, IdToken(CARD))
        again = await b.station.do(StartTransaction(id_token=IdToken("OTHER"), evse=1, remote_start_id=78))
        assert again.status == "Rejected"  # F01.FR.24

    charge(story, "EVConnected")


@pytest.mark.ocpp("2.0.1:E01.FR.02", "2.0.1:E06.FR.02")
def test_a_plug_that_nobody_pays_for_is_a_transaction_of_nobody(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await b.move(level="A")
        assert b.story() == [
            "Started 0 CablePluggedIn EVConnected",
            "Ended 1 EVCommunicationLost Idle EVDisconnected",
        ]
        assert all(fact.unclaimed for fact in b.transactions())

    charge(story, "EVConnected")


@pytest.mark.ocpp("2.0.1:E01.FR.03", "2.0.1:TC_E_10_CS")
def test_authorized_begins_with_the_token_and_the_plug_comes_later(charge: Any) -> None:
    async def story(b: Any) -> None:
        await swipe(b)
        assert b.story() == ["Started 0 Authorized Idle"]
        await b.move(level="B")
        await b.move(level="C", current_a=16.0)
        assert b.story()[1:] == ["Updated 1 CablePluggedIn EVConnected", "Updated 2 ChargingStateChanged Charging"]

    charge(story, "Authorized")


@pytest.mark.ocpp("2.0.1:E01.FR.17", "2.0.1:E02.FR.21", "2.0.1:E03.FR.11", "2.0.1:E04.FR.11", "2.0.1:E05.FR.08")
def test_a_token_at_the_reader_of_all_counts_where_the_plug_comes(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.station.do(SwipeToken(id_token=IdToken(CARD)))
        await b.settle()
        await b.pass_time(70, step=10.0)
        (begun,) = b.transactions()
        assert (begun.kind, begun.placed, begun.samples) == ("Started", False, ())
        await b.move(2, level="B", energy_wh=700.0)
        plugged = b.transactions()[1]
        assert (plugged.trigger, plugged.evse, plugged.transaction_id) == ("CablePluggedIn", 2, begun.transaction_id)
        (first,) = plugged.samples
        assert (first.context, first.energy_wh) == ("Transaction.Begin", 700.0)
        await b.move(2, level="C", current_a=16.0, energy_wh=900.0)
        assert b.station.evses[1].id_token is None and b.station.evses[2].closed
        await b.move(2, level="A")
        ended = b.transactions()[-1]
        assert (ended.kind, ended.seq_no, ended.evse) == ("Ended", 3, 2)
        assert [each.energy_wh for each in ended.samples] == [700.0, 900.0]

    charge(story, "Authorized", evse=TWO, **{"TxCtrlr.EVConnectionTimeOut": "100"})


def test_a_token_at_the_reader_of_all_waits_for_the_first_plug(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.station.do(SwipeToken(id_token=IdToken(CARD)))
        await b.move(2, level="B")
        assert b.story() == ["Started 0 CablePluggedIn EVConnected"]
        assert (b.transactions()[0].evse, b.transactions()[0].id_token) == (2, IdToken(CARD))
        await b.move(1, level="B")
        await b.pass_time(3)
        assert b.station.evses[1].transaction is None

    charge(story, evse=TWO)


@pytest.mark.ocpp("2.0.1:E03.FR.05", "2.0.1:F02.FR.07")
def test_a_token_without_a_plug_in_time_ends_its_transaction(charge: Any) -> None:
    async def story(b: Any) -> None:
        await swipe(b)
        await b.pass_time(12)
        ended = b.transactions()[-1]
        assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", "EVConnectTimeout", "Timeout")
        assert b.station.evses[1].id_token is None

    charge(story, "Authorized", **{"TxCtrlr.EVConnectionTimeOut": "10"})


@pytest.mark.ocpp("2.0.1:E01.FR.06", "2.0.1:TC_E_02_CS")
def test_energy_transfer_begins_when_the_car_takes_current(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        assert b.transactions() == []
        await b.move(level="C", current_a=16.0)
        assert b.story() == ["Started 0 ChargingStateChanged Charging"]
        assert b.transactions()[0].id_token == IdToken(CARD)

    charge(story, "EnergyTransfer")


@pytest.mark.ocpp("2.0.1:E01.FR.06")
def test_no_energy_no_transaction(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="A")
        assert b.transactions() == []
        assert b.station.evses[1].transaction is None

    charge(story, "EnergyTransfer")


@pytest.mark.ocpp("2.0.1:F03.FR.02", "2.0.1:F04.FR.02", "2.0.1:F04.FR.03", "2.0.1:TC_E_14_CS")
def test_ev_connected_alone_ends_only_with_the_plug(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        running = b.station.evses[1].transaction_id
        await b.station.do(StopTransaction(transaction_id=running))
        await b.move(level="B", current_a=0.0)
        await b.pass_time(8)
        assert b.station.evses[1].wishes.grant is None
        assert b.story()[-1].split()[:3] == ["Updated", str(len(b.story()) - 1), "RemoteStop"]
        assert b.station.evses[1].transaction_id == running
        await b.move(level="A")
        ended = b.transactions()[-1]
        assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", "EVCommunicationLost", "Remote")

    charge(story, stop="EVConnected")


@pytest.mark.ocpp("2.0.1:E01.FR.08", "2.0.1:E02.FR.08", "2.1:E01.FR.08", "2.1:E02.FR.08")
def test_no_two_transactions_have_one_name_whatever_was_between(bench: Any, play: Any, tmp_path: Any) -> None:
    async def scenario() -> None:
        names = []
        for _ in range(2):  # a fresh start; the same disk
            async with bench() as b:
                for _ in range(3):
                    await b.move(level="B")
                    await b.move(level="A")
                names += [fact.transaction_id for fact in b.transactions() if fact.kind == "Started"]
            (tmp_path / "journal.sqlite").unlink()  # repaired, with nothing known of what was before
        assert len(set(names)) == 6
        assert all(uuid.UUID(name).version == 4 for name in names)

    play(scenario())


@pytest.mark.ocpp("2.0.1:E01.FR.14", "2.1:E01.FR.14")
def test_one_evse_has_one_transaction_whichever_of_its_connectors_is_used(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(2, level="B")
        await swipe(b)
        running = b.transactions()[0]
        assert (running.evse, running.connector) == (1, 2)
        await b.move(1, level="C")
        await b.pass_time(3)
        assert {fact.transaction_id for fact in b.transactions()} == {running.transaction_id}
        assert b.peer.connectors[1].grant is None
        await b.move(2, level="A")
        assert b.transactions()[-1].kind == "Ended"
        await b.move(1, level="B")
        await swipe(b)
        assert (b.transactions()[-1].kind, b.transactions()[-1].connector) == ("Started", 1)

    charge(story, evse=(EvseSettings(id=1, connectors=(1, 2)),))


@pytest.mark.ocpp("2.0.1:J02.FR.16", "2.1:J02.FR.16")
def test_a_register_never_falls_within_a_transaction(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0, energy_wh=12_030.0)
        for register in (12_050.0, 12_020.0, 12_060.0, 11_000.0):
            await b.move(energy_wh=register)
            await b.pass_time(10)
        await b.move(level="A")
        told = [sample for fact in b.transactions() for sample in fact.samples]
        readings = [sample.energy_wh for sample in sorted(told, key=lambda sample: float(sample.at))]
        assert readings == sorted(readings)
        assert readings[-1] == 12_060.0

    charge(story, **{"SampledDataCtrlr.TxUpdatedInterval": "5", "SampledDataCtrlr.TxEndedInterval": "5"})


@pytest.mark.ocpp("2.0.1:E06.FR.07", "2.0.1:TC_E_22_CS")
def test_energy_transfer_ends_when_the_car_takes_no_more(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        await b.move(level="B", current_a=0.0)
        await b.pass_time(8)
        ended = b.transactions()[-1]
        assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", "ChargingStateChanged", "StoppedByEV")

    charge(story, stop="EnergyTransfer")


@pytest.mark.ocpp("2.0.1:E05.FR.03", "2.0.1:C15.FR.07")
def test_a_refused_token_may_draw_a_little_and_no_more(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        b.station.token_verdict(IdToken(CARD), Verdict("Invalid"), b.station.evses[1].transaction_id)
        await b.settle()
        await b.move(energy_wh=12_499.0)
        assert b.story()[-1].endswith("ChargingStateChanged Charging")
        assert b.peer.connectors[1].closed
        await b.move(energy_wh=12_501.0)
        await b.move(level="B", current_a=0.0)
        assert b.story()[-1].endswith("ChargingStateChanged SuspendedEVSE")
        assert b.station.evses[1].transaction is not None

    charge(story, **{"TxCtrlr.MaxEnergyOnInvalidId": "500", "TxCtrlr.StopTxOnInvalidId": "false"})


@pytest.mark.ocpp("2.0.1:E05.FR.10", "2.0.1:TC_C_18_CS")
def test_where_a_refused_token_ends_its_transaction_no_energy_is_left(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        b.station.token_verdict(IdToken(CARD), Verdict("Invalid"), b.station.evses[1].transaction_id)
        await b.settle()
        await b.move(level="B", current_a=0.0)
        ended = b.transactions()[-1]
        assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", "Deauthorized", "DeAuthorized")

    charge(story, **{"TxCtrlr.MaxEnergyOnInvalidId": "500"})


@pytest.mark.ocpp("2.0.1:E05.FR.02", "2.0.1:TC_C_17_CS")
def test_a_refused_token_keeps_its_transaction_without_energy(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        b.station.token_verdict(IdToken(CARD), Verdict("Invalid"), b.station.evses[1].transaction_id)
        await b.until(lambda: b.peer.connectors[1].duty in (None, 100.0) or b.station.evses[1].limit.amps == 0)
        await b.move(level="B", current_a=0.0)
        await b.until(lambda: b.story()[-1].endswith("ChargingStateChanged SuspendedEVSE"))
        assert b.station.evses[1].transaction is not None

    charge(story, **{"TxCtrlr.StopTxOnInvalidId": "false"})


@pytest.mark.ocpp("2.0.1:B12.FR.02", "2.0.1:B12.FR.04")
def test_an_immediate_reset_waits_for_no_plug(charge: Any) -> None:
    """The driver has stopped, the transaction waits for the plug to go: it ends now, for the reason it had."""

    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        await swipe(b)
        await b.move(level="B", current_a=0.0)
        await b.settle()
        assert b.story()[-1].endswith("StopAuthorized EVConnected")
        assert b.station.evses[1].transaction is not None
        assert (await b.station.do(Reset(immediate=True))).status == "Accepted"
        await b.settle()
        assert b.story()[-1].endswith("ResetCommand EVConnected Local")
        await b.pass_time(0.5)
        b.clock.now += 1.0
        b.station.tick()
        assert b.station.resets.wanted == "Immediate"

    charge(story, "PowerPathClosed", "EVConnected")


@pytest.mark.ocpp("2.0.1:J01.FR.14", "2.0.1:J01.FR.22", "2.0.1:TC_J_01_CS", "2.0.1:TC_J_02_CS", "1.6:TC_071_CS")
def test_the_clock_strikes_for_idle_and_charging_connectors(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.pass_time(65)
        idle = [fact for fact in b.facts if isinstance(fact, MeterValues)]
        assert len(idle) == 1
        assert (idle[0].samples[0].at % 60, idle[0].samples[0].context) == (0, "Sample.Clock")
        await b.move(level="B")
        await swipe(b)
        await b.pass_time(60)
        struck = [fact for fact in b.transactions() if fact.trigger == "MeterValueClock"]
        assert [fact.samples[0].at % 60 for fact in struck] == [0]
        assert len([fact for fact in b.facts if isinstance(fact, MeterValues)]) == 1

    charge(story, **{"AlignedDataCtrlr.Interval": "60"})


@pytest.mark.ocpp("2.0.1:J01.FR.19", "2.0.1:J01.FR.20", "2.0.1:TC_J_06_CS")
def test_during_a_transaction_the_clock_may_be_told_to_be_silent(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.pass_time(125)
        assert not [fact for fact in b.transactions() if fact.trigger == "MeterValueClock"]
        assert not [fact for fact in b.facts if isinstance(fact, MeterValues)]

    charge(story, **{"AlignedDataCtrlr.Interval": "60", "AlignedDataCtrlr.SendDuringIdle": "true"})


@pytest.mark.ocpp("2.0.1:E06.FR.11", "2.0.1:TC_J_03_CS", "2.0.1:TC_J_10_CS")
def test_the_last_event_has_the_samples_collected_for_it(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.pass_time(65)
        await b.move(level="A")
        contexts = [sample.context for sample in b.transactions()[-1].samples]
        assert contexts.count("Sample.Periodic") == 3
        assert contexts.count("Sample.Clock") == 1
        assert contexts[-1] == "Transaction.End"

    charge(story, **{"SampledDataCtrlr.TxEndedInterval": "20", "AlignedDataCtrlr.TxEndedInterval": "60"})


@pytest.mark.ocpp("2.0.1:E10.FR.01", "2.0.1:TC_E_26_CS")
def test_a_transaction_may_outlive_its_plug_and_its_cable_stays_locked(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        running = b.station.evses[1].transaction_id
        await b.move(level="A")
        assert b.story()[-1].endswith("EVCommunicationLost Idle")
        assert b.station.evses[1].wishes.grant is None
        await b.pass_time(100, step=10.0)  # the timeout is for cables that nobody must come for
        assert b.peer.connectors[1].lock.value == "locked"
        await b.move(level="B")
        assert b.story()[-1].endswith("CablePluggedIn EVConnected")
        await b.move(level="C", current_a=16.0)
        assert b.station.evses[1].transaction_id == running
        assert b.story()[-1].endswith("ChargingStateChanged Charging")
        await b.move(level="A")
        await swipe(b)
        assert b.story()[-1].endswith("StopAuthorized Idle Local")
        await b.until(lambda: b.peer.connectors[1].lock.value == "unlocked")

    charge(story, stop="Authorized", **{"TxCtrlr.StopTxOnEVSideDisconnect": "false"})


@pytest.mark.ocpp("2.0.1:E10.FR.02", "2.0.1:TC_E_27_CS")
def test_a_car_that_does_not_come_back_ends_its_transaction(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="C", current_a=16.0)
        await b.move(level="A")
        assert b.story()[-1].endswith("EVCommunicationLost Idle")
        await b.pass_time(12)
        assert b.story()[-1].endswith("EVConnectTimeout Idle Timeout")

    variables = {"TxCtrlr.StopTxOnEVSideDisconnect": "false", "TxCtrlr.EVConnectionTimeOut": "10"}
    charge(story, stop="Authorized", fixed_cable=True, **variables)


@pytest.mark.ocpp("2.0.1:E09.FR.01", "2.0.1:E06.FR.02")
def test_a_stop_point_about_the_plug_goes_before_the_wish_to_wait(charge: Any) -> None:
    async def story(b: Any) -> None:
        await b.move(level="B")
        await swipe(b)
        await b.move(level="A")
        assert b.transactions()[-1].kind == "Ended"

    charge(story, **{"TxCtrlr.StopTxOnEVSideDisconnect": "false"})
