"""The times the drivers ship with: a controller that falls silent is a fault after two of its own sample periods, and
one that speaks as it should never is. Dialect and simulated controller in virtual time, without a port.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from hal.contracts import DeviceError, PilotMode, PilotOutput
from hal.controllers import controller
from hal.controllers.controller import SerialController
from hal.controllers.outlet import X1, Wish
from hal.controllers.simple_evse import SimpleEvse
from hal.drivers import chargebyte_safety, cobs_protobuf, openevse_rapi, pilotline_mcu, simple_evse
from hil.devices.chargebyte_safety import SafetyController
from hil.devices.mcu import Mcu
from hil.devices.openevse import OpenEvse
from hil.devices.protobuf_board import ProtobufBoard
from hil.devices.serial_board import SimulatedController
from hil.devices.simple_evse import SimpleEvse as SimulatedEvse

STEP_S = 0.005
LATE = 0.5  # of a sample period: how late a word may be before it counts as missing
#: how often each tells its state, s, by its maker (ours: by hal/mcu/SPEC.md; OpenEVSE: by our asking)
PERIOD_S = {"mcu": 0.1, "chargebyte": 0.1, "yeti": 1.0, "openevse": 0.2}


MADE: dict[str, tuple[Callable[[], SerialController], Callable[[], SimulatedController]]] = {
    "mcu": (lambda: pilotline_mcu.Driver("tty"), Mcu),
    "chargebyte": (lambda: chargebyte_safety.Driver("tty"), SafetyController),
    "yeti": (lambda: cobs_protobuf.Driver("tty"), ProtobufBoard),
    "openevse": (lambda: openevse_rapi.Driver("tty"), OpenEvse),
}


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Link:
    """A driver with its shipped times and its board, joined by a line that can be cut."""

    def __init__(self, name: str, clock: Clock) -> None:
        driver, board = MADE[name]
        self.driver, self.board = driver(), board()
        self.clock, self.period_s = clock, PERIOD_S[name]
        self.dialect = self.driver.make_dialect()
        self.driver._dialect = self.dialect  # `attach` without its port and its thread
        self.board.copper.car = "B"
        self.board.start(clock.now)
        self.dialect.opened(clock.now)
        self.heard_at: list[float] = []  # when the pilot was said, each time anew

    def step(self, *, cut: bool = False) -> None:
        self.clock.now += STEP_S
        now = self.clock.now
        self.driver.feed()
        told = self.dialect.due(now)
        if not cut:
            said = self.board.receive(told, now) if told else b""
            said += self.board.due(now)
            if said:
                self.dialect.receive(said, now)
        pilot = self.dialect.outlets[1].pilot
        if pilot is not None and (not self.heard_at or pilot.at > self.heard_at[-1]):
            self.heard_at.append(pilot.at)

    def read(self) -> None:
        self.driver.fresh(self.dialect.outlets[1].pilot, "pilot")


@pytest.fixture(params=MADE)
def link(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Link:
    clock = Clock()
    monkeypatch.setattr(controller, "time", clock)
    made = Link(request.param, clock)
    until = clock.now + 10.0
    while not made.heard_at and clock.now < until:
        made.step()
    return made


def test_a_controller_that_speaks_is_never_stale_and_one_that_falls_silent_soon_is(link: Link) -> None:
    for _ in range(round(10.0 / STEP_S)):
        link.step()
        link.read()
    last, until = link.heard_at[-1], link.clock.now + 10.0
    assert link.clock.now - last <= link.period_s
    with pytest.raises(DeviceError, match="pilot not said for"):
        while link.clock.now < until:
            link.step(cut=True)
            link.read()
    assert link.clock.now - last <= (2 + LATE) * link.period_s + 2 * STEP_S


def test_the_shipped_times_are_what_is_tested() -> None:
    for make, _ in MADE.values():
        driver = make()
        (field,) = [each for each in dataclasses.fields(driver) if each.name == "silence_s"]
        assert driver.silence == field.default


# --- one that is asked over a Modbus bus ----------------------------------------------------------------------------


class AskedEvse:
    """A SimpleEVSE with its driver's shipped times; each request takes the pause it wants and 40 ms on the wire."""

    def __init__(self, clock: Clock) -> None:
        self.driver = simple_evse.Driver(bus="line", address=1)
        self.dialect = SimpleEvse()
        self.driver._dialect = self.dialect
        self.board = SimulatedEvse()
        self.board.copper.car = "B"
        self.clock = clock
        self.cut = False
        self.watching = False
        self._asked_at = 0.0

    def read(self, function: int, register: int, count: int) -> tuple[int, ...]:
        pdu = self._request(bytes((function, register >> 8, register & 0xFF, 0, count)))
        return tuple(int.from_bytes(pdu[at : at + 2], "big") for at in range(2, len(pdu), 2))

    def write(self, register: int, value: int) -> None:
        self._request(bytes((6, register >> 8, register & 0xFF, value >> 8, value & 0xFF)))

    def _request(self, pdu: bytes) -> bytes:
        self.pass_time(max(0.0, self._asked_at + self.driver.pause_s - self.clock.now) + 0.04)
        self._asked_at = self.clock.now
        if self.cut:
            raise DeviceError("no answer")
        return self.board.device.answer(pdu)

    def pass_time(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now += STEP_S
            self.driver.feed()
            if self.watching:
                self.driver.fresh(self.dialect.outlets[1].pilot, "pilot")

    def turn(self) -> None:
        """As the driver's thread does."""
        began = self.clock.now
        try:
            self.dialect.turn(self, self.clock.now)  # type: ignore[arg-type]
        except DeviceError:
            assert self.cut
        self.pass_time(began + self.driver.poll_s - self.clock.now)


def test_an_asked_controller_is_never_stale_while_it_is_told_new_things_and_is_when_it_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(controller, "time", clock)
    evse = AskedEvse(clock)
    evse.turn()
    evse.watching = True
    wishes = [PilotOutput(PilotMode.DUTY, amps / 0.6) for amps in (6, 16)] + [PilotOutput(PilotMode.F), X1]
    for number in range(40):  # each turn may have to write the current and the command
        evse.dialect.wishes[1] = Wish(wishes[number % len(wishes)])
        evse.turn()
    assert evse.board.current == 0 and evse.board.command == 0
    evse.watching, evse.cut = False, True
    said = evse.dialect.outlets[1].pilot
    assert said is not None
    stale_at = None
    for _ in range(10):
        evse.turn()
    clock.now = said.at
    while stale_at is None:
        clock.now += STEP_S
        try:
            evse.driver.fresh(said, "pilot")
        except DeviceError:
            stale_at = clock.now
    period_s = evse.driver.poll_s + evse.driver.pause_s
    assert stale_at - said.at <= 2 * period_s + 2 * STEP_S
