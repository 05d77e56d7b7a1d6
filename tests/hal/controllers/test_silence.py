"""The times the drivers ship with: a controller that falls silent is a fault after two of its own sample periods, and
one that speaks as it should never is. Dialect and simulated controller in virtual time, without a port.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from hal.contracts import DeviceError
from hal.controllers import controller
from hal.controllers.controller import SerialController
from hal.drivers import chargebyte_safety, cobs_protobuf, openevse_rapi, pilotline_mcu
from hil.devices.chargebyte_safety import SafetyController
from hil.devices.mcu import Mcu
from hil.devices.openevse import OpenEvse
from hil.devices.protobuf_board import ProtobufBoard
from hil.devices.serial_board import SimulatedController

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
