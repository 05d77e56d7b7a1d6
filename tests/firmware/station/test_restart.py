"""A controller that comes back: it resumes what the guard still holds and closes the rest honestly; also after -9."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.config import AuthorizationSettings
from firmware.station.authorization import Verdict
from firmware.station.commands import Reset, StartTransaction, StopTransaction
from firmware.station.facts import Booted, IdToken, Transaction
from hal import wire

ROOT = Path(__file__).resolve().parents[3]
ASKED = {"authorization": AuthorizationSettings(mode="csms")}


async def charge(b: Any) -> str:
    """Bring the bench to a running charge, started from remote."""
    await b.move(level="B")
    await b.station.do(StartTransaction(id_token=IdToken("04A2"), evse=1))
    await b.move(level="C", current_a=16.0, energy_wh=12_400.0)
    await b.pass_time(6)  # the meter is stored every 5 s
    found: str = b.station.evses[1].transaction_id
    return found


def test_a_transaction_goes_on_when_the_guard_still_holds_its_grant(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            running = await charge(b)
            seq = b.transactions()[-1].seq_no
        peer = b.peer
        peer.epoch += 1  # the guard lost our lease
        peer.received.clear()
        async with bench(peer=peer, **ASKED) as again:
            await again.settle()
            assert again.station.evses[1].transaction_id == running
            assert peer.connectors[1].closed
            assert peer.intents(wire.Revoke) == []
            assert {each.session for each in peer.intents(wire.GrantIntent)} == {running}
            assert again.station.evses[1].charging_state == "Charging"
            assert again.transactions() == []  # nothing happened
            await again.move(level="A", energy_wh=12_900.0)
            ended = again.transactions()[-1]
            assert (ended.seq_no, ended.transaction_id) == (seq + 1, running)
            assert ended.meter_start_wh == 12_000.0
            assert ended.samples[-1].energy_wh == 12_900.0
            assert ended.time_spent_charging_s is not None and ended.time_spent_charging_s >= 5.0

    play(scenario())


def test_the_same_token_still_stops_a_resumed_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
        b.peer.epoch += 1
        async with bench(peer=b.peer, **ASKED) as again:
            await again.settle()
            b.peer.swipe("04A2")
            await again.until(again.transactions)
            assert again.transactions()[-1].stopped_reason == "Local"

    play(scenario())


@pytest.mark.ocpp("2.0.1:E05.FR.02", "2.0.1:E05.FR.03")
@pytest.mark.parametrize("granted_wh", [0.0, 500.0])
def test_a_token_that_turned_out_bad_gets_no_more_by_a_restart(bench: Any, play: Any, granted_wh: float) -> None:
    def prepare(station: Any) -> None:
        station.defaults |= {"TxCtrlr.StopTxOnInvalidId": "false", "TxCtrlr.MaxEnergyOnInvalidId": str(granted_wh)}

    async def scenario() -> None:
        async with bench(prepare=prepare, **ASKED) as b:
            running = await charge(b)
            b.station.token_verdict(IdToken("04A2"), Verdict("Invalid"), running)
            await b.settle()
            assert (b.station.evses[1].limit.amps == 0) is (granted_wh == 0)
        b.peer.epoch += 1
        async with bench(peer=b.peer, prepare=prepare, **ASKED) as again:
            await again.settle()
            evse = again.station.evses[1]
            assert evse.transaction_id == running
            assert (evse.limit.amps == 0) is (granted_wh == 0)
            await again.move(energy_wh=12_901.0)
            assert evse.limit.amps == 0
            await again.move(level="A")
            assert again.transactions()[-1].stopped_reason == "EVDisconnected"
            await again.move(level="B")  # the next driver
            assert evse.limit.amps == 32

    play(scenario())


def test_without_its_grant_it_is_closed_with_reason_and_the_meter_of_now(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            running = await charge(b)
        peer = b.peer
        peer.move(grant=None, grant_ended="controller did not adopt the grant in time", energy_wh=12_450.0)
        async with bench(peer=peer, **ASKED) as again:
            await again.settle()
            (ended,) = again.transactions()
            assert (ended.transaction_id, ended.kind, ended.trigger) == (running, "Ended", "AbnormalCondition")
            assert ended.stopped_reason == "Reboot"
            assert ended.samples[-1].energy_wh == 12_450.0
            assert "finished: the station restarted" in again.station.evses[1].why()
            assert not peer.connectors[1].closed

    play(scenario())


def test_a_paused_transaction_needs_no_grant_to_go_on(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            running = await charge(b)
            b.station.evses[1].pause("what the car needs to go on")
            await b.settle()
        b.peer.move(grant=None, level="B", grant_ended="the car's session needs no current now")
        async with bench(peer=b.peer, **ASKED) as again:
            await again.settle()
            evse = again.station.evses[1]
            assert (evse.transaction_id, evse.paused) == (running, "what the car needs to go on")
            assert evse.id_token == IdToken("04A2")
            assert [each.kind for each in again.transactions()] == ["Updated"]  # it charges no longer
            await again.move(level="A")
            assert again.transactions()[-1].stopped_reason == "EVDisconnected"
            assert evse.paused == ""

    play(scenario())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"level": "A"}, "EVDisconnected"),
        ({"grant_ended": wire.UNPLUGGED}, "Reboot"),  # somebody else is plugged in
        ({"power": "off"}, "PowerLoss"),
    ],
)
def test_a_paused_transaction_ends_where_the_car_may_be_another(
    bench: Any, play: Any, change: dict[str, str], reason: str
) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
            b.station.evses[1].pause("context")
            await b.settle()
        if change.pop("power", ""):
            edit_record(b.station.journal.path, boot_id="another boot of the machine")
        b.peer.move(**{"grant": None, "level": "B", **change})
        async with bench(peer=b.peer, **ASKED) as again:
            await again.until(again.transactions)
            assert again.transactions()[-1].stopped_reason == reason

    play(scenario())


@pytest.mark.parametrize(
    ("gone", "reason"), [("unplugged", "EVDisconnected"), ("power", "PowerLoss"), ("reset", "ImmediateReset")]
)
def test_the_reason_is_the_true_one(bench: Any, play: Any, gone: str, reason: str) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
            if gone == "reset":
                b.station.set_variable("boot/reason", "RemoteReset")
        b.peer.move(grant=None, level="A" if gone == "unplugged" else "B")
        if gone == "power":
            edit_record(b.station.journal.path, boot_id="another boot of the machine")
        async with bench(peer=b.peer, **ASKED) as again:
            await again.until(again.transactions)
            assert again.transactions()[-1].stopped_reason == reason

    play(scenario())


def edit_record(path: Path, **values: Any) -> None:
    connection = sqlite3.connect(path)
    key, body = connection.execute("SELECT key, body FROM state WHERE kind = 'transaction'").fetchone()
    changed = msgspec.json.encode({**msgspec.json.decode(body), **values}).decode()
    connection.execute("UPDATE state SET body = ? WHERE key = ?", (changed, key))
    connection.commit()
    connection.close()


def test_a_meter_that_went_back_is_not_believed(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
        b.peer.move(grant=None, level="B", energy_wh=3.0)
        async with bench(peer=b.peer, **ASKED) as again:
            await again.until(again.transactions)
            assert again.transactions()[-1].samples[-1].energy_wh == 12_400.0

    play(scenario())


def test_a_stop_that_was_decided_before_the_crash_is_carried_out(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            running = await charge(b)
            b.peer.connectors[1].stuck = True
            await b.station.do(StopTransaction(transaction_id=running))
            await b.settle()
        b.peer.move(stuck=False)
        async with bench(peer=b.peer, **ASKED) as again:
            await again.until(again.transactions)
            assert again.transactions()[-1].stopped_reason == "Remote"

    play(scenario())


def test_a_grant_of_an_unknown_session_is_revoked_with_a_reason(bench: Any, play: Any, parts: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
        b.station.journal.path.unlink()
        b.peer.epoch += 1
        async with bench(peer=b.peer, **ASKED) as again:
            await again.settle()
            (revoke,) = again.peer.intents(wire.Revoke)
            assert "is not known here" in revoke.reason
            assert not again.peer.connectors[1].closed

    play(scenario())


def test_free_charging_begins_anew_without_unplugging(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
        b.peer.move(grant=None)
        async with bench(peer=b.peer) as again:
            await again.until(lambda: len(again.transactions()) >= 2)
            assert [each.kind for each in again.transactions()][:2] == ["Ended", "Started"]

    play(scenario())


def test_a_transaction_of_an_evse_that_is_gone_is_closed(bench: Any, play: Any, parts: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
        edit_record(b.station.journal.path, evse=7)
        async with bench(peer=b.peer) as again:
            await again.until(again.transactions)
            assert (again.transactions()[0].kind, again.transactions()[0].evse) == ("Ended", 7)

    play(scenario())


def test_an_epoch_lost_in_between_sends_everything_again(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            b.peer.received.clear()
            b.peer.lose_lease()
            await b.settle()
            kinds = {type(each).__name__ for each in b.peer.received}
            assert kinds >= {"GrantIntent", "SetPilot", "LockIntent", "IndicatorIntent"}
            assert b.peer.stale == 0
            assert b.peer.connectors[1].closed

    play(scenario())


def test_a_car_swapped_while_nobody_listened_is_not_the_old_one(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
            b.peer.close()
            await b.until(lambda: not b.station.guard.connected)
            c = b.peer.connectors[1]
            c.grant, c.grant_ended, c.closed, c.level = None, "car unplugged", False, "B"
            b.peer.listen()
            await b.until(lambda: b.transactions()[-1].kind == "Ended")
            assert b.transactions()[-1].stopped_reason == "EVDisconnected"
            assert not b.peer.connectors[1].grant

    play(scenario())


def test_a_guard_that_was_away_for_long_and_forgot_everything_may_have_another_car(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
            b.peer.close()
            await b.until(lambda: not b.station.guard.connected)
            b.clock.now += 4.0
            b.station.tick()
            c = b.peer.connectors[1]
            c.grant, c.grant_ended, c.closed, c.level = None, None, False, "B"
            b.peer.listen()
            await b.until(lambda: b.transactions()[-1].kind == "Ended")
            assert b.transactions()[-1].stopped_reason == "Other"
            assert not b.peer.connectors[1].grant

    play(scenario())


def test_a_guard_that_restarts_at_once_goes_on_with_the_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await charge(b)
            b.peer.close()
            await b.until(lambda: not b.station.guard.connected)
            b.clock.now += 1.0
            b.station.tick()
            c = b.peer.connectors[1]
            c.grant, c.grant_ended, c.closed = None, None, False
            b.peer.listen()
            await b.until(lambda: b.peer.connectors[1].closed)
            assert b.transactions()[-1].kind != "Ended"

    play(scenario())


def test_reset_in_the_middle_keeps_the_order(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.move(level="B")
            await b.station.do(Reset(immediate=True))
            await b.settle()
            b.clock.now += 2.0
            b.station.tick()
        async with bench(peer=b.peer) as again:
            await again.settle()
            kinds = [fact.kind for fact in again.facts if isinstance(fact, Transaction)]
            assert kinds == ["Started"]  # the old one had its end before the reset

    play(scenario())


def test_after_a_reset_the_same_station_runs_again_in_place(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench() as b:
            await b.station.do(Reset(immediate=True))
            b.clock.now += 2.0
            b.station.tick()
            await b.until(lambda: not b.station.ready.is_set())
            second = asyncio.create_task(b.station.run())
            await b.until(lambda: len([each for each in b.facts if isinstance(each, Booted)]) == 2)
            await b.until(lambda: b.station.ready.is_set() and b.station.guard.connected)
            assert [each.reason for each in b.facts if isinstance(each, Booted)] == ["PowerUp", "RemoteReset"]
            await b.move(level="B")
            await b.move(level="C", current_a=10.0)
            assert b.peer.connectors[1].closed
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)

    play(scenario())


def test_a_run_that_failed_goes_on_with_its_transaction(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            running = await charge(b)
            b.station.shutdown()
            await b.until(lambda: not b.station.ready.is_set() and not b.station.guard.connected)
            b.peer.epoch += 1
            second = asyncio.create_task(b.station.run())
            await b.until(lambda: b.station.guard.connected)
            await b.settle()
            assert b.station.evses[1].transaction_id == running
            assert b.peer.connectors[1].closed
            assert b.transactions()[-1].kind == "Updated"
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)

    play(scenario())


STATION = """
import asyncio, sys
from pathlib import Path
from firmware.config import AuthorizationSettings, EvseSettings, Settings, StationSettings
from firmware.station.station import build_station

async def main(folder):
    station = build_station(Settings(
        station=StationSettings(storage=folder, guard_socket=folder + "/guard.sock"),
        evse=(EvseSettings(id=1, connectors=(1,)), EvseSettings(id=2, connectors=(2,))),
        authorization=AuthorizationSettings(mode="free"),
    ))
    station.subscribe(lambda fact: print(type(fact).__name__, getattr(fact, "transaction_id", ""),
                                         getattr(fact, "seq_no", ""), flush=True))
    await station.run()

asyncio.run(main(sys.argv[1]))
"""


def test_kill_9_of_the_station_at_many_points_of_a_session(parts: Any, tmp_path: Path, play: Any) -> None:
    """One guard peer lives on while the station is killed 14 times, in all phases of sessions on two connectors."""

    async def scenario() -> None:
        peer = parts.GuardPeer(tmp_path / "guard.sock", parts.WallClock(), 2)
        peer.listen()
        told: set[tuple[str, int]] = set()
        levels = ["B", "C", "C", "B", "C", "A"]
        for life in range(14):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", STATION, str(tmp_path), cwd=ROOT, stdout=subprocess.PIPE
            )
            assert child.stdout is not None
            reading = asyncio.create_task(child.stdout.read())
            async with asyncio.timeout(20):
                while not peer.leased:  # noqa: ASYNC110 - the peer has no signal
                    await asyncio.sleep(0.005)
            for step in range(2 + life % 4):  # die after another step each time, and at another moment after it
                for number in (1, 2):
                    level = levels[(life + step + number) % len(levels)]
                    energy = peer.connectors[number].energy_wh + (10.0 if level == "C" else 0.0)
                    peer.move(number, level=level, energy_wh=energy)
                await asyncio.sleep(0.004 * (life % 5) + 0.002 * step)
            child.send_signal(signal.SIGKILL)
            await child.wait()
            for line in (await reading).decode().split("\n")[:-1]:  # the last may be cut off
                kind, _, rest = line.partition(" ")
                if kind == "Transaction":
                    transaction_id, seq_no = rest.split()
                    told.add((transaction_id, int(seq_no)))
            peer.lose_lease()
            known = check_journal(tmp_path / "journal.sqlite", told)
            held = {each.grant.session for each in peer.connectors.values() if each.grant is not None}
            assert held <= known  # no current for what nobody would know of
        peer.close()
        assert len(told) > 20

    play(scenario())


def check_journal(path: Path, told: set[tuple[str, int]]) -> set[str]:
    """Gapless, nothing twice, one start and at most one end, and everything that was told is there. Returns the ids
    of all transactions."""
    connection = sqlite3.connect(path)
    events = [msgspec.json.decode(body) for (body,) in connection.execute("SELECT body FROM fact ORDER BY number")]
    state = connection.execute("SELECT key, body FROM state WHERE kind = 'transaction'").fetchall()
    connection.close()
    kept = {key: msgspec.json.decode(body) for key, body in state}
    by_id: dict[str, list[Any]] = {}
    for each in events:
        if each["fact"] == "transaction":
            by_id.setdefault(each["transaction_id"], []).append(each)
    for transaction_id, story in by_id.items():
        assert [each["seq_no"] for each in story] == list(range(len(story)))
        assert [each["kind"] for each in story].count("Started") == 1
        assert story[0]["kind"] == "Started"
        ended = [each["kind"] for each in story].count("Ended")
        assert ended == (0 if transaction_id in kept else 1)
        assert not ended or story[-1]["kind"] == "Ended"
        samples = [sample for each in story for sample in each.get("samples", [])]  # the first is told again at the end
        readings = [each["energy_wh"] for each in sorted(samples, key=lambda each: float(each["at"]))]
        assert readings == sorted(readings)
        if transaction_id in kept:
            assert kept[transaction_id].get("seq_no", 0) == len(story)
    assert set(kept) <= set(by_id)
    assert {each["evse"] for each in kept.values()} <= {1, 2}
    assert len({each["evse"] for each in kept.values()}) == len(kept)  # one at a time per EVSE
    assert told <= {(each["transaction_id"], each["seq_no"]) for story in by_id.values() for each in story}
    return set(by_id)


def test_a_car_that_paused_before_it_was_authorised_is_known_again_until_its_plug_goes(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await b.move(level="B")
            b.station.evses[1].pause("its session")
        async with bench(peer=b.peer, **ASKED) as again:
            await again.settle()
            assert again.station.evses[1].transaction_id is None
            assert again.station.evses[1].paused == "its session"
            await again.move(level="A")
            assert again.station.evses[1].paused == ""
            await again.move(level="B")
        async with bench(peer=again.peer, **ASKED) as third:
            await third.settle()
            assert third.station.evses[1].paused == ""
            third.station.evses[1].pause("another")
            third.station.evses[1].pause("")  # awake
            assert third.station.evses[1].paused == ""

    play(scenario())


def test_what_is_kept_of_a_pause_without_a_transaction_is_not_the_next_transactions(bench: Any, play: Any) -> None:
    async def scenario() -> None:
        async with bench(**ASKED) as b:
            await b.move(level="B")
            evse = b.station.evses[1]
            evse.pause("before")
            await b.station.do(StartTransaction(id_token=IdToken("04A2"), evse=1))
            await b.until(lambda: evse.transaction_id is not None)
            assert evse.paused == ""
            evse.pause("with it")
            assert evse.paused == "with it"
            await b.move(level="A")
            assert evse.paused == ""

    play(scenario())
