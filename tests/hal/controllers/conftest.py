"""Boards with a controller of their own: the drivers on a pty, the simulated controller at the other end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hal.board import load
from hal.contracts import ControlPilot, DeviceError
from hal.controllers.controller import SharedController
from hal.parts import Board
from hil.devices.chargebyte_safety import SafetyController
from hil.devices.copper import Copper
from hil.devices.mcu import Mcu
from hil.devices.modbus_slave import Slaves
from hil.devices.openevse import OpenEvse
from hil.devices.protobuf_board import ProtobufBoard
from hil.devices.serial_board import SerialBoard
from hil.devices.simple_evse import SimpleEvse

HEAD = """
[board]
name = "bench"
on_guard_death = "{death}"
on_guard_death_source = "test"

{controller}

[[connector]]
id = 1
kind = "sType2"
max_current_a = 32
digital = {digital}
{rating}
"""


class Kind(NamedTuple):
    """A simulated controller, its section in the board file, and the parts it offers beside pilot and contactor."""

    simulate: Callable[[], Any]
    keys: str
    parts: tuple[str, ...]
    death: str = "mcu_lease"
    digital: bool = True
    closes_itself: bool = False


KINDS: dict[str, Kind] = {
    "mcu": Kind(
        Mcu,
        'driver = "pilotline_mcu"\nsilence_s = 1.0',
        ("proximity", "rcd", "lock", "emergency_stop", "pe_monitor", "thermometer", "meter"),
    ),
    "chargebyte": Kind(
        SafetyController,
        'driver = "chargebyte_safety"\nsilence_s = 1.0',
        ("proximity", "rcd", "emergency_stop", "thermometer"),
    ),
    "yeti": Kind(
        ProtobufBoard,
        'driver = "cobs_protobuf"\nboard = "yeti"\nsilence_s = 1.5',
        ("proximity", "rcd", "lock", "meter"),
    ),
    "ad_acevse22": Kind(
        lambda: ProtobufBoard("ad_acevse22"),
        'driver = "cobs_protobuf"\nboard = "ad_acevse22"',
        ("rcd", "meter"),
        "own_protection",
    ),
    "tida": Kind(
        lambda: ProtobufBoard("tida_010939"),
        'driver = "cobs_protobuf"\nboard = "tida_010939"\nsilence_s = 1.5',
        ("proximity", "rcd", "lock", "thermometer"),
    ),
    "phyverso": Kind(
        lambda: ProtobufBoard("phyverso"),
        'driver = "cobs_protobuf"\nboard = "phyverso"\nhardware_revision = 1\nlocks = [1, 1]\nsilence_s = 1.5',
        ("proximity", "rcd", "lock"),
    ),
    "openevse": Kind(
        OpenEvse,
        'driver = "openevse_rapi"\nsilence_s = 1.0',
        ("rcd", "pe_monitor", "thermometer", "meter"),
        "own_protection",
        digital=False,
        closes_itself=True,
    ),
    "simple_evse": Kind(
        SimpleEvse,
        'driver = "simple_evse"\nbus = "line"\naddress = 1\npause_s = 0.05\npoll_s = 0.5',
        (),
        "own_protection",
        digital=False,
        closes_itself=True,
    ),
}  # fmt: skip
DRIVERS = {"emergency_stop": "input", "pe_monitor": "input"}


class Station:
    """A board of one kind, attached, with a thread that reads its pilot as the guard's tick does."""

    def __init__(self, name: str, folder: Path, port: str, controller: Any, bus: str = "") -> None:
        self.kind = KINDS[name]
        self.controller = controller
        self.copper: Copper = controller.copper
        self.board = self._load(folder, port, bus)
        self.board.attach()
        self.parts = {name: part.driver for name, part in self.board.connectors[0].parts.items()}
        self.pilot: ControlPilot = self.parts["pilot"]
        self.shared: SharedController = self.board.controllers["main"].driver
        self.ticking = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick)
        self._thread.start()

    def _load(self, folder: Path, port: str, bus: str) -> Board:
        kind = self.kind
        place = "" if bus else f'port = "{port}"\n'
        names = ("pilot", "contactor", *kind.parts)
        text = bus + HEAD.format(
            death=kind.death,
            controller=f"[controller.main]\n{place}{kind.keys}\n",
            digital=str(kind.digital).lower(),
            rating="" if "proximity" in kind.parts else "cable_rating_a = 32",
        )
        for name in names:
            text += f'[connector.{name}]\ndriver = "controller_{DRIVERS.get(name, name)}"\ncontroller = "main"\n'
        (folder / "board.toml").write_text(text)
        return load(folder / "board.toml")

    def _tick(self) -> None:
        while not self._stop.wait(0.01):
            if self.ticking:
                with contextlib.suppress(DeviceError):
                    self.pilot.read()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        self.board.detach()


def eventually(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for a fact. A DeviceError is "not yet"."""
    until, pause, last = time.monotonic() + within_s, threading.Event(), ""
    while True:
        try:
            if condition():
                return
        except DeviceError as error:
            last = str(error)
        if time.monotonic() > until:
            raise AssertionError(f"never; last {last!r}")
        pause.wait(0.01)


def fails(read: Callable[[], object], saying: str = "") -> Callable[[], bool]:
    """Condition: the part refuses with these words."""

    def failed() -> bool:
        try:
            read()
        except DeviceError as error:
            return saying in str(error)
        return False

    return failed


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., None]:
    return eventually


@pytest.fixture(name="fails")
def _fails() -> Callable[..., Callable[[], bool]]:
    return fails


@pytest.fixture
def make_station(tmp_path: Path) -> Iterator[Callable[[str], Station]]:
    with contextlib.ExitStack() as stack:

        def make(name: str) -> Station:
            controller = KINDS[name].simulate()
            if name == "simple_evse":
                line = stack.enter_context(Slaves(controller.device))
                station = Station(name, tmp_path, "", controller, line.board_toml(timeout_s=1.0, retry_s=0.25))
            else:
                line = stack.enter_context(SerialBoard(controller, tmp_path / "tty"))  # type: ignore[assignment]
                station = Station(name, tmp_path, str(tmp_path / "tty"), controller)
            stack.callback(station.end)
            return station

        yield make


@pytest.fixture
def station(request: pytest.FixtureRequest, make_station: Callable[[str], Station]) -> Station:
    return make_station(request.param)


@pytest.fixture
def kinds() -> dict[str, Kind]:
    return KINDS
