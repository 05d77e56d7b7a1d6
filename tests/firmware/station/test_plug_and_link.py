"""What is no departure yet, what begins anew without unplugging, and what the dark of a lost guard may not change."""

from typing import Any

from firmware.station.charging import Digital
from firmware.station.transaction import STOPS
from hal import wire
from hal.contracts import PilotMode, PilotOutput

FIVE = PilotOutput(PilotMode.DUTY, 5.0)


def test_a_contact_that_bounces_ends_no_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="C", current_a=16.0)
            before = b.station.evses[1].transaction_id
            b.peer.move(level="A")
            await b.settle()
            b.clock.now += wire.GONE_S - 0.1
            await b.move(level="C", current_a=16.0)
            assert b.station.evses[1].transaction_id == before is not None
            assert "Ended" not in [each.kind for each in b.transactions()]
            await b.move(level="A")
            assert b.transactions()[-1].stopped_reason == "EVDisconnected"

    play(scenario())


def test_a_departure_that_the_guard_confirms_counts_at_once(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="C", current_a=16.0)
            b.peer.move(level="A", grant=None, grant_ended=wire.UNPLUGGED)
            await b.settle()
            assert b.transactions()[-1].stopped_reason == "EVDisconnected"

    play(scenario())


def test_a_free_car_that_ended_its_session_begins_the_next_by_asking(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            await b.move(level="C", current_a=16.0)
            first = evse.transaction_id
            await b.move(level="B")
            evse.stop(STOPS["StoppedByEV"])
            await b.settle()
            assert evse.transaction_id is None and evse.ended is not None
            await b.pass_time(5)
            assert evse.transaction_id is None  # nothing was asked
            await b.move(level="C")
            assert evse.transaction_id not in {None, first}

    play(scenario())


def test_a_session_that_a_person_ended_does_not_begin_anew_by_itself(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            await b.move(level="C", current_a=16.0)
            await b.move(level="B")
            evse.stop(STOPS["Local"])
            await b.settle()
            await b.move(level="C")
            assert evse.transaction_id is None

    play(scenario())


def test_a_guard_that_returns_is_not_told_to_offer_current_before_the_session_has_spoken(bench: Any, play: Any) -> None:
    """While the guard was away v2g let go of the pilot; when the plug is seen again it takes it back first."""

    async def scenario() -> None:
        async with bench() as b:
            evse = b.station.evses[1]
            session = Digital(FIVE, energise=True, protocol="iso2")
            evse.changed.subscribe(lambda: evse.set_digital(None if evse.seen is None else session))
            await b.move(level="C")
            assert b.peer.connectors[1].duty == 5.0
            b.peer.hang_up()
            b.peer.close()
            await b.until(lambda: not b.station.guard.connected)
            b.clock.now += 4.0
            b.station.tick()
            assert evse.seen is None and evse.digital is None
            b.peer.received.clear()
            b.peer.epoch += 1
            b.peer.listen()
            await b.until(lambda: b.station.guard.connected and b.peer.intents(wire.SetPilot))
            await b.settle()
            assert {each.duty_percent for each in b.peer.intents(wire.SetPilot)} <= {0.0, 5.0}

    play(scenario())
