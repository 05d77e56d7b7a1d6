"""Commands on a running station, and what they answer: availability, unlock, reset, faults."""

import threading
from typing import Any

import pytest

from firmware.config import EvseSettings
from firmware.station.commands import (
    ClearFault,
    Reset,
    SetAvailability,
    SetLimit,
    StartTransaction,
    StopTransaction,
    SwipeToken,
    Unlock,
)
from firmware.station.facts import Booted, IdToken
from hal import wire
from hal.contracts import LockState
from hal.wire import Fault

CARD = IdToken("04A2")


@pytest.mark.parametrize(
    "command",
    [
        StartTransaction(id_token=CARD, evse=9),
        StopTransaction(transaction_id="none"),
        Unlock(evse=9),
        Unlock(evse=1, connector=2),
        SetAvailability(operative=True, evse=9),
        SetAvailability(operative=True, connector=1),
        SetLimit(source="csms", limit_a=10.0, evse=9),
        SetLimit(source="csms", limit_a=float("nan")),
        Reset(immediate=True, evse=9),
        SwipeToken(id_token=CARD, evse=9),
        ClearFault(evse=9, code="weld"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(bench: Any, play: Any, command: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            outcome = await b.station.do(command)
            assert not outcome.accepted
            assert outcome.reason

    play(scenario())


def test_out_of_service_survives_a_restart(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            assert (await b.station.do(SetAvailability(operative=False))).status == "Accepted"
            assert b.statuses()[-1] == "Unavailable"
        async with bench() as b:
            assert b.statuses() == ["Unavailable"]
            await b.station.do(SetAvailability(operative=False, evse=1))
            await b.station.do(SetAvailability(operative=True))
            assert b.statuses()[-1] == "Unavailable"  # the EVSE's own level still says so
            await b.station.do(SetAvailability(operative=True, evse=1))
            assert b.statuses()[-1] == "Available"

    play(scenario())


def test_out_of_service_waits_for_the_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            assert (await b.station.do(SetAvailability(operative=False, evse=1))).status == "Scheduled"
            assert b.peer.connectors[1].closed
            await b.move(level="A")
            assert b.statuses()[-1] == "Unavailable"

    play(scenario())


def test_unlock_answers_with_the_bolts_own_word(bench: Any, play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.station.carrying_out._UNLOCK_S", 0.05)

    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            running = b.station.evses[1].transaction_id
            assert (await b.station.do(Unlock(evse=1))).status == "OngoingAuthorizedTransaction"
            b.peer.connectors[1].bolt_jammed = True
            await b.station.do(StopTransaction(transaction_id=running))
            failed = await b.station.do(Unlock(evse=1))
            assert (failed.status, failed.reason) == ("UnlockFailed", "the bolt is locked after 0.05 s")
            b.peer.connectors[1].bolt_jammed = False
            assert (await b.station.do(Unlock(evse=1))).status == "Unlocked"
            assert b.peer.connectors[1].lock is LockState.UNLOCKED

    play(scenario())


def test_no_lock_is_said(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(lock=False) as b:
            assert (await b.station.do(Unlock(evse=1))).status == "NotSupported"

    play(scenario())


def test_clear_fault_answers_when_the_guard_did(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            assert (await b.station.do(ClearFault(evse=1, code="weld"))).accepted
            await b.move(faults=(Fault("weld", "contactor does not open", 1.0, True),))
            assert (await b.station.do(ClearFault(evse=1, code="weld"))).accepted
            assert b.statuses()[-1] == "Available"

    play(scenario())


def test_immediate_reset_ends_transactions_then_the_station(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            assert (await b.station.do(Reset(immediate=True))).status == "Accepted"
            await b.pass_time(0.5)
            ended = b.transactions()[-1]
            assert (ended.kind, ended.trigger, ended.stopped_reason) == ("Ended", "ResetCommand", "ImmediateReset")
            assert b.station.resets.wanted is None  # the answer goes out first
            b.clock.now += 1.0
            b.station.tick()
            assert b.station.resets.wanted == "Immediate"
        async with bench() as b:
            assert [each.reason for each in b.facts if isinstance(each, Booted)] == ["RemoteReset"]
        async with bench() as b:
            assert [each.reason for each in b.facts if isinstance(each, Booted)] == ["ApplicationReset"]

    play(scenario())


def test_reset_on_idle_waits_and_lets_nobody_else_start(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        evses = (EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,)))
        async with bench(evse=evses) as b:
            await b.move(1, level="B")
            assert (await b.station.do(Reset(immediate=False))).status == "Scheduled"
            await b.move(2, level="B")
            await b.pass_time(5)
            assert len({each.transaction_id for each in b.transactions()}) == 1
            assert b.station.resets.wanted is None
            await b.move(1, level="A")
            b.station.tick()
            await b.settle()
            b.station.tick()
            assert b.station.resets.wanted == "OnIdle"

    play(scenario())


@pytest.mark.ocpp("2.0.1:B12.FR.04")
def test_a_reset_does_not_overtake_the_last_event(bench: Any, play: Any) -> None:
    """Told is what is on disk: a card that takes long for it must not make the reset come first."""

    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            disk = threading.Event()
            b.station.journal.execute_in_writer(lambda connection: disk.wait(20))
            assert (await b.station.do(Reset(immediate=True))).status == "Accepted"
            await b.until(lambda: b.station.evses[1].transaction_id is None)
            for _ in range(5):
                b.clock.now += 1.0
                b.station.tick()
            assert b.station.resets.wanted is None
            disk.set()
            await b.settle()
            assert b.transactions()[-1].kind == "Ended"
            b.station.tick()
            assert b.station.resets.wanted == "Immediate"

    play(scenario())


def test_reset_of_one_evse(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            assert (await b.station.do(Reset(immediate=False, evse=1))).status == "Scheduled"
            assert (await b.station.do(Reset(immediate=True, evse=1))).status == "Accepted"
            await b.settle()
            assert b.transactions()[-1].stopped_reason == "ImmediateReset"
            b.station.tick()
            assert b.station.resets.wanted is None

    play(scenario())


def test_statuses_of_all_connectors(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(evse=(EvseSettings(id=1, connectors=(1, 2)),)) as b:
            assert [(each.connector, each.state) for each in b.station.statuses()] == [
                (1, "Available"),
                (2, "Available"),
            ]
            await b.move(2, level="B")  # the EVSE follows the connector in use
            assert [(each.connector, each.state) for each in b.station.statuses()] == [
                (1, "Available"),  # G01.FR.08: that its EVSE serves the other is not told
                (2, "Occupied"),
            ]
            assert {each.connector for each in b.peer.intents(wire.GrantIntent)} == {2}

    play(scenario())


def test_variables_survive_restarts(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            assert b.station.variable("OCPPCommCtrlr.HeartbeatInterval", "300") == "300"
            b.station.set_variable("OCPPCommCtrlr.HeartbeatInterval", "60")
        async with bench() as b:
            assert b.station.variable("OCPPCommCtrlr.HeartbeatInterval", "300") == "60"

    play(scenario())


def test_a_guard_that_goes_away_is_a_fault_after_three_seconds(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            b.peer.close()
            await b.until(lambda: not b.station.guard.connected)
            b.clock.now += 1.0
            b.station.tick()
            assert b.statuses()[-1] == "Available"
            b.clock.now += 3.0
            b.station.tick()
            assert b.statuses()[-1] == "Faulted"
            assert "no connection to the guard" in evse.why()
            b.peer.listen()
            await b.until(lambda: b.statuses()[-1] == "Available")

    play(scenario())
