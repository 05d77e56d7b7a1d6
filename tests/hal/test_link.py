"""The guard's end of the socket: who may connect, what is said first, and that nothing said to it hurts."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.contracts import Light
from hal.guard import TICK_S
from hal.link import Allowed, Link, Peer, peer_of
from hal.mailbox import Event

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

US = Allowed(frozenset({os.getuid()}), frozenset())


class Joined:
    """Guard and link turned by hand."""

    def __init__(self, bench: Bench, path: Path, allowed: Allowed) -> None:
        self.bench, self.path = bench, path
        self.link = Link(path, allowed)
        self.link.serve(bench.guard)

    def connect(self) -> socket.socket:
        controller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        controller.connect(str(self.path))
        controller.settimeout(1)
        return controller

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.link.run_once(0)
            self.bench.now += TICK_S
            self.bench.guard.tick(self.bench.now)
            self.link.wake()
            self.link.run_once(0)


@pytest.fixture
def joined(bench: Bench, tmp_path: Path) -> Iterator[Joined]:
    made = Joined(bench, tmp_path / "guard.sock", US)
    yield made
    made.link.close()


def heard(controller: socket.socket) -> list[wire.FromGuard]:
    controller.setblocking(False)
    messages: list[wire.FromGuard] = []
    try:
        while packet := controller.recv(wire.MAX_PACKET):
            messages.append(wire.decode_from_guard(packet))
    except BlockingIOError:
        pass
    return messages


def test_the_capability_report_comes_first_then_everything_known(joined: Joined) -> None:
    with joined.connect() as controller:
        joined.run(0.05)
        first, *others = heard(controller)
        assert isinstance(first, wire.Hello)
        assert first.version == wire.VERSION
        assert first.connectors[0].max_current_a == 32.0 and first.connectors[0].socket
        assert {type(message) for message in others} == {wire.Observation, wire.Beat}


def test_the_kernel_says_who_connects() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        assert peer_of(ours) == Peer(os.getpid(), os.getuid(), os.getgid())


@pytest.mark.parametrize(
    ("allowed", "let_in"),
    [
        (Allowed(frozenset({1000}), frozenset()), True),
        (Allowed(frozenset(), frozenset({50})), True),
        (Allowed(frozenset({0}), frozenset({51})), False),
        (Allowed(frozenset(), frozenset()), False),
    ],
)
def test_user_or_group_must_be_named(allowed: Allowed, let_in: bool) -> None:
    assert allowed.lets_in(Peer(pid=1, uid=1000, gid=50)) is let_in


def test_a_stranger_is_turned_away(bench: Bench, tmp_path: Path) -> None:
    joined = Joined(bench, tmp_path / "guard.sock", Allowed(frozenset(), frozenset()))
    with joined.connect() as stranger:
        joined.run(0.05)
        assert stranger.recv(100) == b""
    assert joined.link.rejected == 1
    joined.link.close()


def test_the_socket_is_closed_to_others_and_removed_at_the_end(bench: Bench, tmp_path: Path) -> None:
    joined = Joined(bench, tmp_path / "guard.sock", US)
    assert joined.path.stat().st_mode & 0o777 == 0o660
    joined.link.close()
    assert not joined.path.exists()


def test_bad_packets_are_counted_and_cost_the_lease(joined: Joined) -> None:
    generator = random.Random(15118)
    with joined.connect() as controller:
        joined.run(0.2)
        for message in heard(controller):
            if isinstance(message, wire.Beat):
                controller.send(wire.encode(wire.Lease(message.tick, message.epoch)))
        joined.run(0.02)
        assert joined.bench.guard.lease.held
        for size in range(1, 60):
            controller.send(generator.randbytes(size))
        joined.run(0.05)
        assert not joined.bench.guard.lease.held
        assert joined.bench.guard.counters.bad_frames == 59
        controller.send(b"\0" * (wire.MAX_PACKET + 500))  # cut off by the kernel, refused by us
        joined.run(0.05)
        assert joined.bench.guard.counters.bad_frames == 60


def test_what_is_asked_for_ends_a_rest_and_an_echo_does_not(bench: Bench) -> None:
    rung: list[str] = []
    bench.connect()
    bench.guard.mailbox.wake_tick = lambda: rung.append("")
    bench.run(1.0)  # ten beats were answered
    assert not rung
    bench.grant()
    bench.guard.receive(Event.STOP)
    assert len(rung) == 2


def test_a_flood_of_intents_is_dropped_and_delays_no_tick(bench: Bench) -> None:
    bench.connect()
    for _ in range(100_000):
        bench.guard.receive(wire.LockIntent(bench.epoch, 1, True))
    assert bench.guard.mailbox.flooded > 90_000
    bench.run(0.2)
    assert bench.guard.ticks > 0 and bench.guard.lease.epoch == 1


def test_a_flood_of_bad_packets_is_bounded_and_delays_no_order_to_end(bench: Bench) -> None:
    bench.charge()
    for _ in range(100_000):
        bench.guard.receive(Event.BAD_FRAME)
    bench.guard.receive(Event.STOP)
    assert bench.guard.mailbox.flooded > 90_000
    bench.run(0.2)
    assert not bench.guard.lease.held
    bench.wiring.car = "B"
    bench.until(lambda: not bench.closed, within_s=0.1)


def test_an_indicator_shows_the_newest_light_and_does_not_catch_up(make_bench: BenchMaker) -> None:
    shown: list[Light] = []

    class Lamp:
        def __init__(self, part: object) -> None:
            self.show = shown.append

    bench = make_bench(wrap={"indicator": Lamp})
    bench.connect()
    for _ in range(20):
        bench.send(wire.IndicatorIntent(bench.epoch, 1, Light.CHARGING))
        bench.send(wire.IndicatorIntent(bench.epoch, 1, Light.FAULTED))
    bench.run(0.05)
    assert shown == [Light.FAULTED]


def test_a_controller_that_does_not_read_delays_nobody(joined: Joined) -> None:
    with joined.connect():
        joined.run(60.0)
        assert joined.link.unsent > 0


def test_intents_for_what_the_board_has_not_are_counted(joined: Joined) -> None:
    with joined.connect() as controller:
        joined.run(0.2)
        for message in heard(controller):
            if isinstance(message, wire.Beat):
                controller.send(wire.encode(wire.Lease(message.tick, message.epoch)))
                epoch = message.epoch
        controller.send(wire.encode(wire.GrantIntent(epoch, 7, "s1", 16.0)))
        joined.run(0.02)
        assert joined.bench.guard.counters.refused == 1


def test_a_controller_that_hangs_up_has_lost_its_lease(joined: Joined) -> None:
    epoch = joined.bench.epoch
    with joined.connect():
        joined.run(0.05)
    joined.run(0.05)
    assert joined.bench.epoch == epoch + 1


def test_observations_do_not_flood_the_link_when_an_input_chatters(bench: Bench) -> None:
    bench.connect()
    bench.seen.clear()
    for tick in range(1000):
        bench.wiring.car = "B" if tick // 2 % 2 else "A"  # a new state every 20 ms for 10 s
        bench.tick()
    observations = [message for message in bench.seen if isinstance(message, wire.Observation)]
    assert 200 <= len(observations) <= 220
    assert {message.level for message in observations} == {"A", "B"}


def test_noise_is_no_change(bench: Bench) -> None:
    bench.charge()
    bench.seen.clear()
    generator = random.Random(4)
    for _ in range(1000):
        bench.draw(5.0 + generator.random())
        bench.tick()
    observations = [message for message in bench.seen if isinstance(message, wire.Observation)]
    assert len(observations) == 40  # 4 Hz
