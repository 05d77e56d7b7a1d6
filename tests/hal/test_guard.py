"""The guard over simulated parts, in virtual time: sequences and limits of IEC 61851-1, lease and grants."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from hal import wire
from hal.contracts import DeviceError, LockState, PilotMode, PilotSample
from hal.guard import TICK_S
from hal.mailbox import Event
from hal.ticker import RESTING_TICK_S, Ticker

if TYPE_CHECKING:
    from tests.hal.conftest import Bench, BenchMaker

NOMINAL_16A = 100 * 16 / 60


def test_a_car_that_is_granted_gets_energy_within_3_s(bench: Bench) -> None:
    bench.connect()
    bench.wiring.car = "B"
    bench.show(PilotMode.DUTY, NOMINAL_16A)
    bench.grant()
    bench.run(1.0)
    assert bench.observation.why_open == "car is not ready (state B)"
    assert not bench.closed
    bench.wiring.car = "C"
    assert bench.until(lambda: bench.closed, within_s=3.0) < 3.0
    bench.run(0.1)
    assert bench.observation.closed and bench.observation.energised
    assert bench.observation.limit_a == 16.0
    assert bench.observation.lock is LockState.LOCKED


def test_without_a_grant_nominal_duty_is_not_shown_and_nothing_closes(bench: Bench) -> None:
    bench.connect()
    bench.wiring.car = "C"
    bench.show(PilotMode.DUTY, NOMINAL_16A)
    bench.run(5.0)
    assert bench.shown == "x1"
    assert not bench.closed
    assert bench.observation.why_open == "no grant"


def test_the_car_lets_go_and_the_contactor_is_open_within_100_ms(bench: Bench) -> None:
    bench.charge()
    bench.wiring.car = "B"
    assert bench.until(lambda: not bench.slots["contactor_closed"], within_s=0.2) <= 0.1


def test_the_same_grant_serves_again_when_the_car_returns_but_not_within_10_s_of_the_last_closing(bench: Bench) -> None:
    bench.charge()
    closed_at = bench.now
    bench.wiring.car = "B"
    bench.run(1.0)
    bench.wiring.car = "C"
    bench.until(lambda: bench.closed, within_s=15.0)
    assert bench.now - closed_at >= 9.9


def test_a_revoke_shows_x1_and_opens_when_the_car_lets_go(bench: Bench) -> None:
    bench.charge()
    bench.draw(16.0)
    bench.send(wire.Revoke(bench.epoch, 1, "stopped by user"))
    bench.run(3.0)
    assert bench.shown == "x1"
    assert bench.closed
    bench.wiring.car = "B"
    bench.run(0.1)
    assert not bench.closed
    assert bench.observation.grant_ended == "stopped by user"


def test_a_car_that_keeps_drawing_after_a_revoke_is_cut_off_after_6_s(bench: Bench) -> None:
    bench.charge()
    bench.draw(16.0)
    bench.send(wire.Revoke(bench.epoch, 1, "stopped by user"))
    assert 5.98 <= bench.until(lambda: not bench.closed, within_s=7.0) <= 6.1
    assert not bench.observation.faults


def test_a_car_that_ramped_down_but_does_not_let_go_is_not_waited_for(bench: Bench) -> None:
    bench.charge()
    bench.draw(16.0)
    bench.send(wire.Revoke(bench.epoch, 1, "the car asked to stop"))
    bench.run(2.0)
    assert bench.closed
    bench.draw(0.1)
    assert bench.until(lambda: not bench.closed, within_s=2.0) <= 1.0


def test_a_revoke_with_now_opens_at_once(bench: Bench) -> None:
    bench.charge()
    bench.send(wire.Revoke(bench.epoch, 1, "short circuit", now=True))
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.02


def test_an_order_to_open_is_carried_out_even_if_a_grant_follows_at_once(bench: Bench) -> None:
    bench.charge()
    bench.send(wire.Revoke(bench.epoch, 1, "short circuit", now=True))
    bench.grant("s2")
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.02
    bench.until(lambda: bench.closed, within_s=12.0)
    assert bench.session == "s2"


def test_a_lower_limit_lowers_the_duty(bench: Bench) -> None:
    bench.charge()
    bench.grant(limit_a=8.0)
    bench.run(0.3)
    assert bench.observation.duty_percent == pytest.approx(8 / 0.6)
    bench.grant(limit_a=5.0)
    bench.run(0.3)
    assert bench.shown == "x1"


@pytest.mark.parametrize("cable", [13, 20])
def test_the_cable_caps_duty_and_limit(bench: Bench, cable: int) -> None:
    bench.slots["plug_rating_a"] = cable
    bench.charge(duty_percent=100 * 32 / 60, limit_a=32.0)
    assert bench.observation.limit_a == cable
    assert bench.observation.duty_percent == pytest.approx(cable / 0.6)


def test_e_and_f_are_shown_only_without_load(bench: Bench) -> None:
    bench.charge()
    bench.show(PilotMode.F)
    bench.run(1.0)
    assert bench.shown == "x1"
    bench.wiring.car = "B"
    bench.run(0.3)
    assert bench.shown == "f"
    assert bench.observation.level == "F"
    assert not bench.observation.faults


# --- lease ----------------------------------------------------------------------------------------------------------


def test_a_nominal_the_car_charges_on_at_the_failsafe_limit_then_x1_then_open(bench: Bench) -> None:
    bench.charge(failsafe_limit_a=8.0, ride_through_s=20.0)
    bench.alive = False
    bench.run(0.5)
    assert bench.riding
    assert bench.observation.limit_a == 8.0
    assert bench.observation.duty_percent == pytest.approx(8 / 0.6)
    bench.run(19.0)
    assert bench.closed and bench.shown == "duty"
    bench.run(1.0)
    assert bench.closed and bench.shown == "x1"
    assert bench.until(lambda: not bench.closed, within_s=6.1)
    assert bench.observation.grant is None


def test_a_the_lease_is_lost_300_ms_after_the_echoed_beat(bench: Bench) -> None:
    bench.charge()
    epoch = bench.epoch
    bench.until(lambda: bench.beats[-1].tick == bench.guard.ticks, within_s=0.2)
    bench.alive = False  # the beat of this tick was answered
    assert 0.29 <= bench.until(lambda: bench.epoch != epoch, within_s=1.0) <= 0.32


def test_a_failsafe_of_0_a_stops_at_once_with_6_s_for_the_car(bench: Bench) -> None:
    bench.charge(failsafe_limit_a=0.0)
    bench.alive = False
    bench.run(0.5)
    assert bench.shown == "x1"
    assert bench.closed
    bench.run(6.0)
    assert not bench.closed


def test_b_under_digital_communication_x1_at_once_then_open(bench: Bench) -> None:
    bench.charge(duty_percent=5.0)
    bench.draw(16.0)
    bench.alive = False
    bench.run(0.4)
    assert bench.shown == "x1"
    assert bench.closed
    assert bench.until(lambda: not bench.closed, within_s=6.5) >= 5.5
    assert bench.observation.grant_ended == "controller lost under digital communication"


def test_while_riding_interlocks_are_alive(bench: Bench) -> None:
    bench.charge()
    bench.alive = False
    bench.run(1.0)
    bench.slots["emergency_stop"] = 1.0
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.03


def test_while_riding_a_car_that_lets_go_is_not_closed_again(bench: Bench) -> None:
    bench.charge()
    bench.alive = False
    bench.run(1.0)
    bench.wiring.car = "B"
    bench.run(0.2)
    bench.wiring.car = "C"
    bench.run(15.0)
    assert not bench.closed


def test_a_returning_controller_adopts_by_a_fresh_grant(bench: Bench) -> None:
    bench.charge(failsafe_limit_a=8.0)
    bench.alive = False
    bench.run(2.0)
    bench.alive = True
    bench.connect()
    assert bench.riding  # being alive is not yet an adoption
    bench.grant("s1", 16.0)
    bench.show(PilotMode.DUTY, NOMINAL_16A)
    bench.run(0.3)
    assert bench.closed
    assert not bench.riding
    assert bench.observation.limit_a == 16.0


def test_without_adoption_the_ride_ends_though_a_controller_is_there(bench: Bench) -> None:
    bench.charge(ride_through_s=5.0)
    bench.alive = False
    bench.run(1.0)
    bench.alive = True
    bench.run(5.0 + 6.1)
    assert not bench.closed


def test_the_departure_of_the_car_is_told_even_when_its_grant_had_ended_before(bench: Bench) -> None:
    bench.charge(ride_through_s=0.0)
    bench.alive = False
    bench.run(7.0)
    assert bench.session == ""
    bench.wiring.car = "A"
    bench.run(0.5)
    bench.wiring.car = "B"  # another one
    bench.alive = True
    bench.run(0.5)
    assert wire.UNPLUGGED in (bench.observation.grant_ended or "")


def test_intents_of_an_older_epoch_are_dropped_and_counted(bench: Bench) -> None:
    bench.charge()
    old = bench.epoch
    bench.alive = False
    bench.run(0.5)
    bench.alive = True
    bench.run(0.3)
    assert bench.epoch == old + 1
    bench.send(wire.Revoke(old, 1, "late", now=True))
    bench.send(wire.GrantIntent(old, 1, "late", 32.0))
    bench.run(0.1)
    assert bench.closed
    assert bench.session == "s1"
    assert bench.guard.counters.old_frames == 2


def test_replayed_echoes_prove_nothing(bench: Bench) -> None:
    bench.charge()
    epoch = bench.epoch
    bench.alive = False
    replayed = bench.beats[-1]
    for _ in range(50):
        bench.answer(replayed)
        bench.tick()
    assert bench.epoch == epoch + 1


def test_three_bad_frames_in_a_row_are_a_lost_lease_two_are_not(bench: Bench) -> None:
    bench.charge()
    epoch = bench.epoch
    for _ in range(5):
        bench.guard.receive(Event.BAD_FRAME)
        bench.guard.receive(Event.BAD_FRAME)
        bench.answer(bench.beats[-1])
        bench.tick()
    assert bench.epoch == epoch
    for _ in range(3):
        bench.guard.receive(Event.BAD_FRAME)
    bench.tick()
    assert bench.epoch == epoch + 1
    assert bench.guard.counters.bad_frames == 13


def test_a_closed_link_is_a_lost_lease_at_once(bench: Bench) -> None:
    bench.charge()
    bench.guard.receive(Event.DISCONNECTED)
    bench.run(0.02)
    assert bench.riding


def test_a_guard_that_stood_still_goes_on_where_the_contactor_did(bench: Bench) -> None:
    bench.charge()
    bench.now += 0.15
    bench.run(1.0)
    assert bench.closed and bench.session == "s1"
    assert bench.guard.counters.late_ticks == 1


def test_a_guard_that_stood_still_does_not_close_again_what_the_watchdog_opened(bench: Bench) -> None:
    bench.charge()
    bench.now += 0.15
    bench.slots["contactor_closed"] = 0.0
    bench.guard.tick(bench.now)
    assert not bench.closed
    bench.run(0.3)
    assert not bench.closed and not bench.faults
    assert str(bench.observation.grant_ended).startswith("guard stood still for 150 ms")


def test_what_the_watchdog_lets_fall_after_a_pause_did_not_move_by_itself(bench: Bench) -> None:
    bench.charge()
    bench.now += 0.15
    bench.guard.tick(bench.now)
    bench.slots["contactor_closed"] = 0.0  # the armature takes its time
    bench.run(0.3)
    assert not bench.closed and not bench.faults
    assert str(bench.observation.grant_ended).startswith("guard stood still for 150 ms")
    bench.run(15.0)  # the pause that a contactor needs
    bench.grant()
    bench.run(3.0)
    assert bench.closed and not bench.faults


def test_a_contactor_that_opens_long_after_a_pause_moved_by_itself(bench: Bench) -> None:
    bench.charge()
    bench.now += 0.15
    bench.run(0.5)
    assert bench.closed
    bench.slots["contactor_closed"], bench.wiring.stuck = 0.0, True
    bench.run(0.1)
    assert bench.faults == {"unexpected_edge"}


def test_a_guard_that_is_asked_to_end_lets_the_car_go(bench: Bench) -> None:
    bench.charge()
    bench.guard.receive(Event.STOP)
    bench.run(1.0)
    assert bench.closed and bench.shown == "x1"
    bench.wiring.car = "B"
    bench.run(0.2)
    assert bench.guard.idle


def test_the_guard_rests_while_the_car_is_away_or_not_ready_and_nothing_is_under_way(bench: Bench) -> None:
    bench.connect()
    bench.run(2.0)
    assert bench.guard.resting
    bench.wiring.car = "B"
    bench.run(0.01)
    assert not bench.guard.resting  # with the first raw sample
    bench.run(0.1)
    assert bench.guard.resting
    bench.show(PilotMode.DUTY, NOMINAL_16A)
    bench.grant()
    bench.run(1.0)
    assert bench.shown == "duty"
    assert bench.guard.resting
    bench.wiring.car = "C"
    for _ in range(round(3.0 / TICK_S)):
        bench.tick()
        assert not bench.guard.resting  # self test, lock, closing; then closed
    assert bench.closed
    bench.wiring.car = "B"
    bench.run(1.0)
    assert bench.guard.resting
    bench.slots["emergency_stop"] = 1.0
    bench.run(0.05)
    assert not bench.guard.resting


@pytest.mark.parametrize(("failing", "fault"), [(2, False), (5, True)])
def test_a_reading_that_fails_after_a_rest_is_a_fault_only_when_the_next_ones_fail_too(
    make_bench: BenchMaker, failing: int, fault: bool
) -> None:
    made: list[Unread] = []

    def around(part: Any) -> Unread:
        made.append(Unread(part))
        return made[-1]

    bench = make_bench(wrap={"pilot": around})
    bench.connect()
    bench.wiring.car = "B"
    bench.show(PilotMode.DUTY, NOMINAL_16A)
    bench.grant()
    bench.run(1.0)
    assert bench.guard.resting
    made[0].failing = failing
    bench.now += RESTING_TICK_S - TICK_S
    for _ in range(failing):
        bench.tick()
        assert not bench.guard.resting
    assert ("pilot_stale" in bench.faults) is fault
    assert bench.session == ("" if fault else "s1")


class Unread:
    """A pilot whose next readings fail."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.failing = 0

    def read(self) -> PilotSample:
        if self.failing:
            self.failing -= 1
            raise DeviceError("converter does not answer")
        return cast("PilotSample", self._part.read())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


class Surprising:
    """A driver with a bug: what it raises is no DeviceError, from the moment it is told to."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.broken: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name in self.broken:
            raise ValueError(f"{name}: a bug in the driver")
        return getattr(self._part, name)


@pytest.fixture
def ticking() -> Iterator[None]:
    """The tick's thread tunes the whole process; afterwards it is as it was."""
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()


@pytest.mark.usefixtures("ticking")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_tick_that_fails_leaves_no_contactor_closed(make_bench: BenchMaker) -> None:
    made: list[Surprising] = []

    def around(part: Any) -> Surprising:
        made.append(Surprising(part))
        return made[-1]

    bench = make_bench(wrap={"pilot": around})
    bench.charge()
    made[0].broken.add("read")
    ticker = Ticker(bench.guard)
    ticker.start()
    until = time.monotonic() + 20.0
    while ticker.alive and time.monotonic() < until:
        time.sleep(0.001)
    assert not ticker.alive
    assert not bench.closed


def test_a_contactor_that_cannot_be_opened_does_not_keep_the_others_closed(make_bench: BenchMaker) -> None:
    made: list[Surprising] = []

    def around(part: Any) -> Surprising:
        made.append(Surprising(part))
        return made[-1]

    stuck, other = make_bench(wrap={"contactor": around}), make_bench()
    other.charge()
    made[0].broken.add("open")
    stuck.guard.connectors[2] = other.guard.connectors[1]
    stuck.guard.open_all()
    assert not other.closed


class Shy:
    """A thermometer that does not answer until it is told to."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.speaks = False

    def read(self) -> float:
        if not self.speaks:
            raise DeviceError("thermometer: no answer yet")
        value: float = self.driver.read()
        return value


def test_nothing_closes_before_the_thermometer_has_been_heard(make_bench: BenchMaker) -> None:
    shy: list[Shy] = []

    def wrap(driver: Any) -> Shy:
        shy.append(Shy(driver))
        return shy[0]

    bench = make_bench(wrap={"thermometer": wrap})
    bench.connect()
    bench.wiring.car = "C"
    bench.show(PilotMode.DUTY, NOMINAL_16A)
    bench.grant()
    bench.run(2.0)
    assert not bench.closed
    assert bench.observation.why_open == "waiting for the first reading of the thermometer"
    shy[0].speaks = True
    assert bench.until(lambda: bench.closed, within_s=5.0) < 5.0


def test_a_contact_that_bounces_opens_at_once_but_ends_no_grant(bench: Bench) -> None:
    bench.charge()
    bench.wiring.car = "A"
    assert bench.until(lambda: not bench.closed, within_s=0.1) <= 0.05
    bench.run(0.2)
    bench.wiring.car = "C"
    bench.run(0.1)
    assert bench.session == "s1"
    bench.until(lambda: bench.closed, within_s=11.0)  # the contactor has had its rest
    bench.wiring.car = "A"
    assert 0.3 <= bench.until(lambda: not bench.session, within_s=0.5) <= 0.35
    assert bench.observation.grant_ended == wire.UNPLUGGED
