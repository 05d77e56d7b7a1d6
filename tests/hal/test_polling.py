"""Slow parts: values with their age, errors that stay visible, a part that hangs, a lock that needs several tries."""

import threading
from collections.abc import Callable

import pytest

from hal.contracts import DeviceError, LockState
from hal.plug_lock import TRIES, PlugLock
from hal.polling import Poller


class Part:
    """A meter that can be told to fail."""

    def __init__(self) -> None:
        self.value = 1.0
        self.broken = False

    def read(self) -> float:
        if self.broken:
            raise DeviceError("no answer on the bus")
        return self.value


def poller(read: Callable[[], float]) -> Poller[float]:
    return Poller("1.meter", read, period_s=0.5, stale_s=2.0, now=10.0)


def test_a_part_is_read_when_it_is_due() -> None:
    part = Part()
    polled = poller(part.read)
    polled.run_due(10.0)
    part.value = 2.0
    polled.run_due(10.4)
    assert polled.latest.value == 1.0
    polled.run_due(10.5)
    assert polled.latest == (2.0, 10.5, "")


def test_an_error_keeps_the_value_lets_it_age_and_says_why() -> None:
    part = Part()
    polled = poller(part.read)
    polled.run_due(10.0)
    part.broken = True
    polled.run_due(11.0)
    assert polled.latest == (1.0, 10.0, "no answer on the bus")
    assert polled.fresh(12.0) and not polled.fresh(12.1)


def test_before_the_first_value_a_part_has_the_time_of_a_stale_one() -> None:
    polled = poller(Part().read)
    assert polled.fresh(12.0) and not polled.fresh(12.1)


def test_actions_run_in_order_and_their_error_stays_until_one_works() -> None:
    done: list[int] = []
    polled = poller(Part().read)

    def fail() -> None:
        raise DeviceError("jammed")

    for action in (lambda: done.append(1), lambda: done.append(2), fail):
        polled.request(action)
    polled.run_due(10.0)
    assert (done, polled.action_error) == ([1, 2], "jammed")
    polled.request(lambda: done.append(3))
    polled.run_due(10.0)
    assert polled.action_error == ""


def test_a_part_that_hangs_delays_nobody() -> None:
    entered, release = threading.Event(), threading.Event()

    def hang() -> float:
        entered.set()
        release.wait(10)
        return 1.0

    polled = Poller("1.meter", hang, period_s=0.01, stale_s=0.5, now=0.0)
    polled.start()
    assert entered.wait(5)
    polled.request(lambda: None)
    assert polled.latest.value is None and not polled.fresh(0.6)
    polled.stop(within_s=0.01)
    release.set()


def test_a_thread_reads_acts_at_once_and_ends() -> None:
    read, acted = threading.Event(), threading.Event()

    def value() -> float:
        read.set()
        return 1.0

    polled = Poller("1.meter", value, period_s=60.0, stale_s=1.0, now=0.0)
    polled.start()
    assert read.wait(5)
    polled.request(acted.set)
    assert acted.wait(5)
    polled.stop(within_s=5)
    assert "1.meter" not in {thread.name for thread in threading.enumerate()}


class Bolt:
    """A lock whose bolt follows after some tries."""

    def __init__(self, follows_after: int) -> None:
        self.moves: list[str] = []
        self.follows_after = follows_after
        self.position = LockState.UNLOCKED

    def _move(self, to: LockState) -> None:
        self.moves.append(to.value)
        if len(self.moves) > self.follows_after:
            self.position = to

    def lock(self) -> None:
        self._move(LockState.LOCKED)

    def unlock(self) -> None:
        self._move(LockState.UNLOCKED)

    def state(self) -> LockState:
        return self.position


def keep(bolt: Bolt, *, locked: bool, seconds: float) -> PlugLock:
    polled = Poller("1.lock", bolt.state, 0.5, 5.0, 0.0)
    polled.run_due(0.0)
    lock = PlugLock(bolt, polled)
    for tick in range(round(seconds * 100)):
        lock.keep(locked=locked, now=tick / 100)
        polled.run_due(tick / 100)
    return lock


@pytest.mark.parametrize("follows_after", range(TRIES))
def test_a_bolt_gets_five_tries_a_second_apart(follows_after: int) -> None:
    bolt = Bolt(follows_after)
    lock = keep(bolt, locked=True, seconds=6.0)
    assert lock.state is LockState.LOCKED and not lock.failed
    assert len(bolt.moves) == follows_after + 1


def test_after_five_tries_it_says_so_and_moves_no_more() -> None:
    bolt = Bolt(100)
    lock = keep(bolt, locked=True, seconds=20.0)
    assert lock.failed == "still unlocked after 5 tries"
    assert len(bolt.moves) == TRIES


def test_while_it_moves_what_was_read_before_does_not_count() -> None:
    bolt = Bolt(0)
    lock = keep(bolt, locked=True, seconds=0.1)
    lock.keep(locked=False, now=1.0)
    assert lock.state is LockState.MOVING  # asked for; its thread has not run yet
    lock.keep(locked=True, now=1.01)
    lock.poller.run_due(1.02)
    assert lock.state.value == "unlocked"
    lock.keep(locked=True, now=1.03)
    lock.poller.run_due(1.04)
    assert lock.state.value == "locked"


def test_a_bolt_in_its_place_is_left_alone() -> None:
    bolt = Bolt(0)
    keep(bolt, locked=False, seconds=10.0)
    assert bolt.moves == []


def test_a_refresh_asked_for_many_times_happens_once_and_what_comes_later_is_not_lost() -> None:
    reads: list[float] = []

    def read() -> float:
        reads.append(0.0)
        return 1.0

    part = Poller("supply", read, 10.0, 30.0, 0.0)
    part.run_due(0.0)
    for _ in range(1000):
        part.request_refresh()
    part.run_due(0.1)
    assert len(reads) == 2
    part.request_refresh()
    part.run_due(0.2)
    assert len(reads) == 3
