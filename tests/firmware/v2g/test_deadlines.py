"""What a session keeps of its answers' times: bounded, honest about the longest, within 10 % elsewhere."""

from typing import Any

import pytest

from firmware.v2g.deadlines import Deadlines
from firmware.v2g.messages import iso2
from firmware.v2g.peer import Exchanged

STOP = iso2.SessionStopRes()


def answer(took_s: float, allowed_s: float = 1.5) -> Exchanged:
    return Exchanged(100.0 + took_s, "to_car", "iso2", STOP, 14, 100.0, allowed_s)


def test_nothing_said_nothing_told() -> None:
    assert Deadlines().summary() == ()


def test_what_the_car_says_is_no_answer() -> None:
    deadlines = Deadlines()
    deadlines.note(Exchanged(1.0, "from_car", "iso2", iso2.ChargingStatusReq(), 10))
    assert deadlines.summary() == ()


def test_median_p99_and_the_longest_with_the_time_allowed() -> None:
    deadlines = Deadlines()
    for _ in range(150):
        deadlines.note(answer(0.001))
    for _ in range(49):
        deadlines.note(answer(0.004))
    deadlines.note(answer(1.75))
    [times] = deadlines.summary()
    assert (times.name, times.count, times.allowed_s, times.late) == ("SessionStopRes", 200, 1.5, 1)
    assert times.median_s == pytest.approx(0.001, rel=0.1)
    assert times.p99_s == pytest.approx(0.004, rel=0.1)
    assert times.max_s == pytest.approx(1.75)


def test_a_day_of_answers_takes_no_more_room_than_a_minute() -> None:
    deadlines = Deadlines()
    for number in range(20_000):
        deadlines.note(answer(0.0001 + (number % 997) * 0.001))
    [times] = deadlines.summary()
    assert times.count == 20_000
    assert len(deadlines._by_name["SessionStopRes"].classes) < 150


def test_an_answer_knows_how_long_it_took_of_what_is_allowed(rig: Any, request_named: Any) -> None:
    rig.bay.obedient = False
    names = ["SupportedAppProtocol", "SessionSetup", "ServiceDiscovery", "PaymentServiceSelection"]
    for name in [*names, "Authorization", "ChargeParameterDiscovery", "PowerDelivery Start"]:
        rig.ask(request_named(name))
    rig.wait(2.5)
    rig.see(closed=True, level="C")
    said = [each for each in rig.talk.take_messages() if each.direction == "to_car"]
    assert [each.allowed_s for each in said] == [1.5] * 6 + [4.5]
    assert [each.took_s for each in said] == [0.0] * 6 + [2.5]
