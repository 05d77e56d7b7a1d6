"""The controller's end of the link, over a real SEQPACKET socket against the guard peer of this folder."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from firmware.station import guard_client
from firmware.station.guard_client import GuardClient
from hal import wire
from hal.contracts import PilotMode


@contextlib.asynccontextmanager
async def connected(peer: Any) -> AsyncIterator[GuardClient]:
    client = GuardClient(peer.path)
    peer.listen()
    running = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        peer.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - attributes without a signal
            await asyncio.sleep(0.002)


@pytest.fixture
def peer(parts: Any, tmp_path: Path) -> Any:
    return parts.GuardPeer(tmp_path / "guard.sock", parts.HandClock(), 2)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_client, "_FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(guard_client, "_LAST_RETRY_S", 0.05)


def test_hello_observations_and_an_answer_to_every_beat(peer: Any, play: Any) -> None:
    async def scenario() -> None:
        async with connected(peer) as client:
            await until(lambda: client.connected)
            assert client.hello is not None and client.hello.board == "bench"
            assert set(client.observations) == {1, 2}
            before = len(peer.intents(wire.Lease))
            for _ in range(5):
                peer.beat()
            await until(lambda: len(peer.intents(wire.Lease)) >= before + 5)
            assert [each.tick for each in peer.intents(wire.Lease)][-1] == peer.tick

    play(scenario())


def test_ticks_that_came_late_are_logged_as_their_number_grows(
    peer: Any, play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with connected(peer) as client:
            await until(lambda: client.connected)
            for overruns in (1, 1, 3):
                peer.beat(overruns)
            await until(lambda: client.overruns == 3)
            said = [record.getMessage() for record in caplog.records if "too late" in record.getMessage()]
            assert said == [f"the guard's tick came too late, {n} times since its start" for n in (1, 3)]

    play(scenario())


def test_intents_carry_the_epoch_that_was_answered_last(peer: Any, play: Any) -> None:
    async def scenario() -> None:
        async with connected(peer) as client:
            await until(lambda: client.connected)
            epochs: list[int | None] = []
            client.on_epoch.append(lambda: epochs.append(client.epoch))
            peer.lose_lease()
            await until(lambda: epochs)
            client.send(wire.SetPilot(0, 1, PilotMode.DUTY, 5.0))
            await until(lambda: peer.intents(wire.SetPilot))
            assert peer.intents(wire.SetPilot)[0].epoch == peer.epoch == epochs[0]
            assert peer.stale == 0

    play(scenario())


def test_before_the_guard_listens_intents_are_counted_and_dropped(tmp_path: Path) -> None:
    client = GuardClient(tmp_path / "none.sock")
    client.send(wire.SetPilot(0, 1, PilotMode.X1))
    assert client.dropped == 1


def test_it_reconnects_when_the_guard_comes_back(peer: Any, play: Any, quick: None) -> None:
    async def scenario() -> None:
        async with connected(peer) as client:
            lost: list[bool] = []
            client.on_lost.append(lambda: lost.append(client.connected))
            await until(lambda: client.connected)
            peer.close()
            await until(lambda: lost)
            assert lost == [False]
            await until(lambda: "no connection to the guard" in client.problem)
            peer.listen()
            await until(lambda: client.connected)
            assert client.problem == ""
            assert client.reconnects == 1

    play(scenario())


@pytest.mark.parametrize("readable", [True, False])
def test_another_version_is_said_clearly(
    peer: Any, play: Any, readable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        peer.version = wire.VERSION + 1
        if not readable:  # a later version may have any fields
            packet = cbor2.dumps({"t": "hello", "version": wire.VERSION + 1, "colour": "green"})
            peer.send = lambda message: peer.send_raw(packet)
        async with connected(peer) as client:
            await until(lambda: "version" in client.problem)
            assert client.problem == (
                "the guard speaks version 2 of the link, this controller version 1: update both together"
            )
            assert not client.connected

    play(scenario())
    assert "update both together" in caplog.text


@pytest.mark.parametrize("packet", [b"\xff", b"\x00" * 100, cbor2.dumps({"t": "beat"}), cbor2.dumps([1, 2])])
def test_bad_frames_are_counted_and_three_in_a_row_end_the_connection(
    peer: Any, play: Any, quick: None, packet: bytes
) -> None:
    async def scenario() -> None:
        async with connected(peer) as client:
            await until(lambda: client.connected)
            peer.send_raw(packet)
            peer.send_raw(packet)
            peer.beat()
            peer.send_raw(packet)
            peer.send_raw(packet)
            await until(lambda: client.bad_frames == 4)
            assert client.reconnects == 0
            peer.send_raw(packet)
            await until(lambda: client.reconnects == 1)
            await until(lambda: client.connected)

    play(scenario())


def test_a_listener_that_says_nothing_is_no_guard(tmp_path: Path, play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_client, "_HELLO_S", 0.02)

    async def scenario() -> None:
        silent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen(1)
        client = GuardClient(tmp_path / "silent.sock")
        running = asyncio.create_task(client.run())
        await until(lambda: "said nothing" in client.problem)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        silent.close()

    play(scenario())


def test_a_guard_that_reads_nothing_is_given_up(peer: Any, play: Any, quick: None) -> None:
    async def scenario() -> None:
        async with connected(peer) as client:
            await until(lambda: client.connected)
            asyncio.get_running_loop().remove_reader(peer._peer.fileno())
            for _ in range(5000):
                client.send(wire.SetPilot(0, 1, PilotMode.X1))
            await until(lambda: client.reconnects == 1)
            assert client.dropped > 0

    play(scenario())
