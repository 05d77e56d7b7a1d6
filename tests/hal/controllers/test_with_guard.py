"""The guard as a process over boards with a controller of their own: what happens on the other end of the line when it
dies or stands still, and that a board which closes by itself is only let to when the guard would close.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.devices.copper import Copper
from hil.devices.mcu import LEASE_S, Mcu
from hil.devices.openevse import OpenEvse
from hil.devices.serial_board import STEP_S, SerialBoard

HERE = Path(__file__).parent
BOARDS = HERE.parents[2] / "board-configs"


class Rig:
    """A guard process, the simulated board in this process, a controller that holds the lease."""

    def __init__(self, folder: Path, board: str, controller: Any) -> None:
        self.controller, self.copper = controller, controller.copper
        self.line = SerialBoard(controller, folder / "tty")
        self.line.__enter__()
        text = (BOARDS / f"{board}.toml").read_text()
        for port in ("/run/pilotline/tty-mcu", "/dev/ttyAMA0"):
            text = text.replace(port, str(folder / "tty"))
        # a busy machine is no silent board
        text = text.replace("heartbeat_s = 5 ", "silence_s = 3.0\nheartbeat_s = 5 ")
        text = text.replace('"pilotline_mcu"', '"pilotline_mcu"\nsilence_s = 2.0')
        (folder / "board.toml").write_text(text)
        self.socket = folder / "guard.sock"
        self.processes: list[subprocess.Popen[str]] = []
        self.guard = self.start("-m", "hal", "--board", folder / "board.toml", "--socket", self.socket)
        with contextlib.suppress(PermissionError):  # as its unit does
            os.sched_setscheduler(self.guard.pid, os.SCHED_FIFO, os.sched_param(20))
        self.hear(self.guard, "guard ready")

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, *map(str, arguments)]
        self.processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return self.processes[-1]

    def hear(self, process: subprocess.Popen[str], text: str) -> None:
        assert process.stdout is not None
        assert text in process.stdout.readline()

    def charge(self) -> subprocess.Popen[str]:
        self.copper.car = "C"
        holder = self.start(HERE.parent / "lease_holder.py", self.socket)
        self.hear(holder, "asked")
        self.until(lambda: self.copper.closed)
        self.copper.meter.current_a = [5.0, 5.0, 5.0]
        return holder

    def until(self, condition: Callable[[], object], within_s: float = 20.0) -> float:
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within_s, f"never; {self.copper}"
            time.sleep(0.001)
        return time.monotonic() - began

    def close(self) -> None:
        self.copper.car = "A"
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.line.__exit__(None, None, None)


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[[str, Any], Rig]]:
    rigs: list[Rig] = []

    def make(board: str, controller: Any) -> Rig:
        rigs.append(Rig(tmp_path, board, controller))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_the_microcontroller_opens_when_the_guard_is_no_more(
    make_rig: Callable[[str, Any], Rig], killed_by: signal.Signals
) -> None:
    """At the latest 300 ms after the last beat that was answered, plus the contactor; ours needs 20 ms."""
    mcu = Mcu()
    rig = make_rig("sim-mcu", mcu)
    rig.charge()
    rig.guard.send_signal(killed_by)
    dead_at, mcu.longest_pause_s = time.monotonic(), 0.0
    rig.until(lambda: not rig.copper.closed)
    machine_s = 3 * (mcu.longest_pause_s + STEP_S)  # the simulator's own: to see the end, to move, to be seen
    assert rig.copper.opened_at - dead_at < LEASE_S + rig.copper.contactor_s + machine_s
    assert not mcu.held and rig.copper.mode == "x1"


def test_a_guard_that_comes_back_closes_nothing_by_itself(make_rig: Callable[[str, Any], Rig]) -> None:
    mcu = Mcu()
    rig = make_rig("sim-mcu", mcu)
    holder = rig.charge()
    holder.send_signal(signal.SIGSTOP)  # nobody asks for anything from here on
    rig.guard.send_signal(signal.SIGSTOP)
    rig.until(lambda: not rig.copper.closed)
    rig.guard.send_signal(signal.SIGCONT)
    rig.until(lambda: mcu.held)
    heard = len(rig.line.heard)
    rig.until(lambda: len(rig.line.heard) > heard + 20)  # two seconds of beats answered
    assert not rig.copper.closed and not rig.copper.coil


def test_a_guard_that_ends_opens(make_rig: Callable[[str, Any], Rig]) -> None:
    rig = make_rig("sim-mcu", Mcu())
    rig.charge()
    rig.guard.terminate()
    rig.until(lambda: rig.copper.mode == "x1")
    rig.copper.car = "B"
    rig.until(lambda: not rig.copper.closed)
    assert rig.guard.wait(20) == 0


def test_openevse_charges_only_when_the_guard_would_close(make_rig: Callable[[str, Any], Rig]) -> None:
    """The duty is the permission: what keeps a contactor open keeps the duty away, also from a ready car."""
    evse = OpenEvse(Copper())
    evse.self_test_on = False  # its sensor is not tested: the guard's self test before closing fails
    rig = make_rig("raspberry-pi-openevse", evse)
    rig.copper.car = "C"
    holder = rig.start(HERE.parent / "lease_holder.py", rig.socket)
    rig.hear(holder, "asked")
    asked = len(evse.commands)
    rig.until(lambda: len(evse.commands) > asked + 20)
    assert not any(command.startswith("FE") for command in evse.commands) and not rig.copper.closed


def test_openevse_charges_with_what_is_granted(make_rig: Callable[[str, Any], Rig]) -> None:
    evse = OpenEvse(Copper())
    rig = make_rig("raspberry-pi-openevse", evse)
    rig.charge()
    assert evse.amps == 16
    answered = len(evse.commands)
    rig.until(lambda: len(evse.commands) > answered + 20)
    assert rig.copper.closed  # nothing takes it for a contact that moved by itself
    rig.guard.kill()
    rig.until(lambda: evse.amps == 6)  # its heartbeat supervision
    assert rig.copper.closed
