"""Waits between dials (2.0.1 part 4 ch. 5.3; TC_B_57)."""

from firmware.ocpp.backoff import Backoff


def test_the_wait_doubles_a_few_times_then_stays() -> None:
    backoff = Backoff(spread=lambda: 0.0)
    assert [backoff.next(minimum=10, random_range=10, repeats=3) for _ in range(6)] == [10, 20, 40, 80, 80, 80]


def test_each_wait_has_its_own_random_part_that_is_not_doubled() -> None:
    spreads = iter((1.0, 0.5, 0.25))
    backoff = Backoff(spread=lambda: next(spreads))
    assert [backoff.next(minimum=10, random_range=8, repeats=3) for _ in range(3)] == [18, 24, 42]


def test_only_a_connection_starts_anew() -> None:
    backoff = Backoff(spread=lambda: 0.0)
    for _ in range(100):
        backoff.next(minimum=10, random_range=0, repeats=3)
    backoff.connected()
    assert backoff.next(minimum=10, random_range=0, repeats=3) == 10


def test_it_never_ends() -> None:
    backoff = Backoff(spread=lambda: 0.0)
    assert max(backoff.next(minimum=86_400, random_range=0, repeats=10) for _ in range(10_000)) == 86_400 * 1024
