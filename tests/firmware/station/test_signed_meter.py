"""A meter that signs: its session begins before the grant and ends after the contactor opened, its record is in the
last sample; and a meter that does not answer keeps nobody from charging."""

from typing import Any

from firmware.station.facts import Transaction
from hal import wire


def asked(b: Any) -> list[wire.MeterSession]:
    return [each for each in b.peer.received if isinstance(each, wire.MeterSession)]


def last(b: Any) -> Transaction:
    found: Transaction = b.transactions()[-1]
    return found


def signing(parts: Any, tmp_path: Any, *, at_once: bool = True) -> Any:
    peer = parts.GuardPeer(tmp_path / "guard.sock", parts.HandClock())
    peer.signs, peer.signs_at_once = True, at_once
    return peer


def test_the_record_of_the_session_is_in_the_last_sample(bench: Any, play: Any, parts: Any, tmp_path: Any) -> None:
    async def scenario() -> None:
        async with bench(peer=signing(parts, tmp_path)) as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.pass_time(3)
            await b.move(level="A")
            await b.until(lambda: last(b).kind == "Ended")
            session = last(b).transaction_id
            assert [(each.session, each.begin, each.evse_id) for each in asked(b)] == [
                (session, True, "DE*PLT*E000001"),
                (session, False, ""),
            ]
            assert (last(b).samples[-1].signed, last(b).samples[-1].public_key) == (f"OCMF|{session}", "3059")
            assert not any(sample.signed for each in b.transactions()[:-1] for sample in each.samples)

    play(scenario())


def test_no_grant_before_the_meter_has_begun(bench: Any, play: Any, parts: Any, tmp_path: Any) -> None:
    async def scenario() -> None:
        async with bench(peer=signing(parts, tmp_path, at_once=False)) as b:
            await b.move(level="B")
            await b.pass_time(5)
            assert not b.peer.intents(wire.GrantIntent)
            b.peer.signed(asked(b)[0])
            await b.pass_time(1)
            assert b.peer.intents(wire.GrantIntent)

    play(scenario())


def test_a_meter_that_cannot_sign_or_says_nothing_keeps_nobody_waiting_for_ever(
    bench: Any, play: Any, parts: Any, tmp_path: Any
) -> None:
    async def scenario() -> None:
        async with bench(peer=signing(parts, tmp_path, at_once=False)) as b:
            await b.move(level="B")
            await b.pass_time(17)
            assert b.peer.intents(wire.GrantIntent)
            await b.move(level="C", current_a=16.0)
            await b.move(level="A")
            await b.until(lambda: not asked(b)[-1].begin)
            assert last(b).kind != "Ended"
            b.peer.signed(asked(b)[-1], "no session runs in the meter")
            await b.pass_time(1)
            await b.until(lambda: last(b).kind == "Ended")
            assert last(b).samples[-1].signed is None
            assert last(b).samples[-1].energy_wh == 12_000.0

    play(scenario())


def test_what_was_not_answered_is_asked_again_in_a_new_epoch(bench: Any, play: Any, parts: Any, tmp_path: Any) -> None:
    async def scenario() -> None:
        async with bench(peer=signing(parts, tmp_path, at_once=False)) as b:
            await b.move(level="B")
            b.peer.lose_lease()
            await b.until(lambda: len(asked(b)) == 2)
            assert asked(b)[0].session == asked(b)[1].session and asked(b)[1].begin

    play(scenario())


def test_a_meter_that_does_not_sign_is_asked_nothing(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=16.0)
            await b.move(level="A")
            assert not asked(b) and last(b).kind == "Ended"

    play(scenario())
