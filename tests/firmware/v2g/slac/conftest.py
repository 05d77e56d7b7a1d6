"""Stations, cars and modems on one power line, in virtual time: the real `Slac`, the rig's medium and cars.

`spoil` sees every frame on its way to a host and says what becomes of it: nothing changes (None), or a list of
(delay in s, frame) instead: empty = lost, two = duplicated, one with a delay = late.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest

from firmware.v2g.slac import cg5317, qca7000, simulated
from firmware.v2g.slac.matching import Rules
from firmware.v2g.slac.modem import Modem as SomeModem
from firmware.v2g.slac.slac import Options, Slac, State
from hil.plc.car import Manners, SlacCar
from hil.plc.medium import Medium, Modem

Spoil = Callable[[str, bytes], list[tuple[float, bytes]] | None]
DRIVERS: dict[str, Callable[[], SomeModem]] = {
    "simulated": simulated.Driver,
    "qca7000": qca7000.Driver,
    "cg5317": cg5317.Driver,
}


class World:
    """Everything on the line; `now` moves only in `run`."""

    def __init__(self, **medium: Any) -> None:
        self.now = 1000.0
        self.medium = Medium(**medium)
        self.stations: dict[str, Slac] = {}
        self.cars: dict[str, SlacCar] = {}
        self.spoil: Spoil = lambda port, frame: None
        self.plugs: dict[str, str] = {}  # car -> the station whose pilot it shows itself on
        self.sent: list[tuple[float, str, bytes]] = []  # by any host
        self.states: list[tuple[float, str, State]] = []
        self._late: list[tuple[float, str, bytes]] = []

    def station(self, port: str = "station", make: str = "simulated", **changes: Any) -> Slac:
        modem = Modem(bytes([2, 0xAA, 0, 0, 0, len(self.medium.modems)]), make, **changes.pop("modem", {}))  # type: ignore[arg-type]
        self.medium.attach(port, modem)
        reset = changes.pop("reset_after_session", False)
        host = bytes([2, 0, 0, 0, 0, len(self.medium.modems)])
        self.stations[port] = Slac(DRIVERS[make](), host, Options(Rules(**changes), reset), self.now)
        return self.stations[port]

    def ready(self, port: str = "station") -> None:
        """Until its modem has its key; then it listens, as when 5 % is shown."""
        self.run(0.1)
        assert self.stations[port].state is State.WAITING
        self.stations[port].listen(True, self.now)

    def car(self, port: str = "car", **manners: Any) -> SlacCar:
        if port not in self.medium.modems:
            self.medium.attach(port, Modem(bytes([2, 0xBB, 0, 0, 0, len(self.medium.modems)]), measures=False))
        mac = bytes([2, 0xC0, 0xFF, 0xEE, 0, sum(port.encode()) % 251])
        self.cars[port] = SlacCar(mac, self.medium.modems[port].local, Manners(**manners), self.now)
        return self.cars[port]

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass, from event to event; True when `until` held."""
        end = self.now + seconds
        for _ in range(200_000):
            self._exchange()
            if until():
                return True
            when = min(self._times(), default=math.inf)
            if when > end:
                self.now = end
                self._poke()
                self._exchange()
                return until()
            self.now = max(self.now, when)
            self._poke()
        raise AssertionError("time does not pass")

    def _hosts(self) -> dict[str, Slac | SlacCar]:
        return {**self.stations, **self.cars}

    def _times(self) -> list[float]:
        times = [host.deadline for host in self._hosts().values()]
        times += [self.medium.deadline, *(at for at, _, _ in self._late)]
        return [time for time in times if time is not None]

    def _poke(self) -> None:
        for host in self._hosts().values():
            host.poke(self.now)
        due = [each for each in self._late if each[0] <= self.now]
        self._late = [each for each in self._late if each[0] > self.now]
        for _, port, frame in due:
            self._hosts()[port].receive(frame, self.now)
        for port, frame in self.medium.take(self.now):
            if port not in self._hosts():
                continue
            for delay, copy in [(0.0, frame)] if (bent := self.spoil(port, frame)) is None else bent:
                if delay:
                    self._late.append((self.now + delay, port, copy))
                else:
                    self._hosts()[port].receive(copy, self.now)

    def _exchange(self) -> None:
        for car, station in self.plugs.items():
            self.stations[station].pilot(self.cars[car].level, self.now)
        for port, host in self._hosts().items():
            for frame in host.take():
                self.sent.append((self.now, port, frame))
                self.medium.send(port, frame, self.now)
            if isinstance(host, Slac):
                last = next((state for _, name, state in reversed(self.states) if name == port), None)
                if host.state is not last:
                    self.states.append((round(self.now, 3), port, host.state))

    def kinds(self, port: str) -> list[int]:
        """MMTYPE of everything this host sent."""
        return [int.from_bytes(frame[15:17], "little") for _, name, frame in self.sent if name == port]

    def state(self, port: str = "station") -> State:
        return self.stations[port].state

    def went_through(self, port: str = "station") -> list[State]:
        return [state for _, name, state in self.states if name == port]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World
