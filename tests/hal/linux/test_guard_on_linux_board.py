"""The real guard process with every driver of the Charge Control C, on the board made of files: a session, and what a
dead guard leaves behind. The controller is a thread that answers beats; the car sits behind the converter's files.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from hal.contracts import PilotMode
from hal.guard import TICK_S
from hal.wire import (
    Beat,
    FromController,
    GrantIntent,
    Hello,
    Lease,
    Observation,
    SetPilot,
    WireError,
    decode_from_guard,
    encode,
)
from hil.linux_board import LinuxBoard

SYSTEMD = Path(__file__).parents[3] / "systemd"
COARSE_S = 0.01  # of the times of files
OPEN_S = 0.1  # IEC 61851-1 Table A.6 sequence 8.1: contactor open after the car left C


class Controller:
    """Keeps the lease, knows the latest observation, tells its wish again in each new epoch (a busy machine may lose
    the lease for a moment)."""

    def __init__(self, path: Path) -> None:
        self.hello: Hello | None = None
        self.seen: Observation | None = None
        self._wish: tuple[float, float] | None = None
        self._epoch = 0
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.connect(str(path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def offer(self, amps: float, duty_percent: float) -> None:
        """Grant one session and show its duty, from the next beat on."""
        self._epoch, self._wish = 0, (amps, duty_percent)

    def send(self, message: FromController) -> None:
        self._link.send(encode(message))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._thread.join(2)
        self._link.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, WireError):
            while packet := self._link.recv(65_536):
                message = decode_from_guard(packet)
                if isinstance(message, Beat):
                    self.send(Lease(message.tick, message.epoch))
                    if self._wish is not None and message.epoch != self._epoch:
                        self._epoch = message.epoch
                        self.send(GrantIntent(message.epoch, 1, "s1", self._wish[0]))
                        self.send(SetPilot(message.epoch, 1, PilotMode.DUTY, self._wish[1]))
                elif isinstance(message, Observation):
                    self.seen = message
                elif isinstance(message, Hello):
                    self.hello = message


class Bench:
    """World, guard process, controller."""

    def __init__(self, world: LinuxBoard, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.socket = folder / "guard.sock"
        (folder / "board.toml").write_text(world.board_text())
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(30)
        self.controller: Controller | None = None
        self.guard = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """As systemd does: WatchdogSec=500ms, and ready when it says so."""
        command = [
            sys.executable,
            "-m",
            "hal",
            "--board",
            str(self.folder / "board.toml"),
            "--socket",
            str(self.socket),
        ]
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "500000"}
        environment.pop("WATCHDOG_PID", None)
        self.guard = subprocess.Popen(command, env=environment)
        # as its unit does (CPUSchedulingPolicy=fifo); its threads inherit it
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(self.guard.pid, os.SCHED_FIFO, os.sched_param(20))
        while self.manager.recv(256) != b"READY=1":
            assert self.guard.poll() is None
        return self.guard

    def connect(self) -> Controller:
        """A guard that was faster than copper has seen a short at its start: no grant before that is over."""
        link = self.controller = Controller(self.socket)
        self.until(lambda: link.seen is not None and not link.seen.faults)
        return link

    def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        until = time.monotonic() + within_s
        while not condition():
            assert self.guard.poll() is None, "the guard ended"
            assert time.monotonic() < until, (
                f"not within {within_s} s; last seen: {self.controller and self.controller.seen}"
            )
            time.sleep(0.005)

    def charging(self) -> Controller:
        """Plug, grant, lock, self test, closed: at 16 A."""
        self.world.cable, self.world.car = 32, "B"
        link = self.connect()
        self.until(lambda: link.seen is not None and link.seen.level == "B" and link.seen.cable_rating_a == 32)
        link.offer(16.0, 26.67)
        self.until(lambda: abs(self.world.duty_percent - 26.67) < 0.01)
        self.world.car = "C"
        self.until(lambda: self.world.line("RELAY_1_ENABLE"))
        self.until(lambda: link.seen is not None and link.seen.closed)
        return link

    def end(self) -> None:
        if self.controller is not None:
            self.controller.close()
        if self.guard.poll() is None:
            self.guard.kill()
        self.guard.wait(10)
        self.manager.close()


@pytest.fixture
def bench(running_world: LinuxBoard, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(running_world, tmp_path)
    yield made
    made.end()


def test_a_session_from_plug_to_unplug(bench: Bench) -> None:
    world = bench.world
    assert (world.duty_percent, world.line("RELAY_1_ENABLE")) == (100, False)
    link = bench.charging()
    assert link.hello is not None
    capability = link.hello.connectors[0]
    assert (capability.socket, capability.lock, capability.meter) == (True, True, False)
    assert world.bolt_locked
    seen = link.seen
    assert seen is not None
    assert (seen.level, seen.limit_a, seen.faults, seen.temperature_c) == ("C", 16.0, (), 41.25)

    world.car = "B"
    world.step()  # the line shows it, however late the thread that steps else comes
    left = time.time()
    bench.until(lambda: not world.line("RELAY_1_ENABLE"))
    assert world.written_at("RELAY_1_ENABLE") - left <= OPEN_S
    world.car, world.cable = "A", 0
    bench.until(lambda: not world.bolt_locked)
    bench.until(lambda: link.seen is not None and link.seen.level == "A" and link.seen.plug == "none")
    assert link.seen is not None
    assert link.seen.faults == ()


@pytest.mark.parametrize("line", ["DIGITAL_IN_1", "DIGITAL_IN_3", "DIGITAL_IN_4"])
def test_each_safety_input_opens_within_100_ms(bench: Bench, line: str) -> None:
    """Emergency stop, PE monitor, mains-fail; with them a wire that comes off."""
    bench.charging()
    bench.world.set_line(line, False)
    bench.until(lambda: not bench.world.line("RELAY_1_ENABLE"))
    assert bench.world.written_at("RELAY_1_ENABLE") - bench.world.written_at(line) <= OPEN_S


def test_a_residual_current_opens_within_100_ms_and_latches(bench: Bench) -> None:
    link = bench.charging()
    bench.world.rcm_tripped = True
    bench.world.step()
    tripped = time.time()
    bench.until(lambda: not bench.world.line("RELAY_1_ENABLE"))
    assert bench.world.written_at("RELAY_1_ENABLE") - tripped <= OPEN_S
    bench.until(lambda: link.seen is not None and "rcd_tripped" in {fault.code for fault in link.seen.faults})


def test_a_monitor_that_fails_its_self_test_keeps_the_contactor_open(bench: Bench) -> None:
    world = bench.world
    world.rcm_works, world.cable, world.car = False, 32, "B"
    link = bench.connect()
    bench.until(lambda: link.seen is not None and link.seen.level == "B")
    link.offer(16.0, 26.67)
    bench.until(lambda: world.duty_percent < 30)
    world.car = "C"
    bench.until(lambda: link.seen is not None and "rcd_self_test" in {fault.code for fault in link.seen.faults})
    assert not world.line("RELAY_1_ENABLE")
    bench.until(lambda: not world.line("DIGITAL_OUT_4"))  # no test current while the fault is latched


def test_empty_capacitors_keep_plug_and_contactor_open(bench: Bench) -> None:
    world = bench.world
    world.capacitor_mv, world.cable, world.car = 8_000.0, 32, "B"
    link = bench.connect()
    bench.until(lambda: link.seen is not None and link.seen.level == "B")
    link.offer(16.0, 26.67)
    bench.until(lambda: world.duty_percent < 30)
    world.car = "C"
    bench.until(lambda: link.seen is not None and link.seen.why_open == "waiting for the plug lock")
    assert not world.line("RELAY_1_ENABLE")
    assert not world.bolt_locked
    world.capacitor_mv = 12_000.0
    bench.until(lambda: world.line("RELAY_1_ENABLE"))
    assert world.bolt_locked


def test_a_killed_guard_leaves_its_pins_and_each_way_back_opens_them(bench: Bench) -> None:
    """kill -9 under load: lines and PWM stay as on the real chip, the watchdog stays armed. The next guard opens at its
    start; it never closes again without a grant."""
    bench.charging()
    bench.guard.send_signal(signal.SIGKILL)
    killed_at = time.time()
    bench.guard.wait(20)
    world = bench.world
    assert world.fed_at - killed_at <= TICK_S + COARSE_S
    assert world.line("RELAY_1_ENABLE")
    assert abs(world.duty_percent - 26.67) < 0.01
    assert not (world.dev / "watchdog0").read_bytes().endswith(b"V")
    bench.start()
    assert not world.line("RELAY_1_ENABLE")
    assert world.duty_percent == 100
    ticks = len((world.dev / "watchdog0").read_bytes())
    bench.until(lambda: len((world.dev / "watchdog0").read_bytes()) >= ticks + 5)  # half a second of ticks
    assert not world.line("RELAY_1_ENABLE")


def test_an_orderly_end_opens_shows_x1_and_disarms_the_watchdog(bench: Bench) -> None:
    bench.charging()
    bench.guard.send_signal(signal.SIGTERM)
    bench.world.car = "B"  # it is asked to let go, and does
    assert bench.guard.wait(20) == 0
    assert not bench.world.line("RELAY_1_ENABLE")
    assert bench.world.duty_percent == 100
    assert (bench.world.dev / "watchdog0").read_bytes().endswith(b"V")


def test_a_guard_that_stands_still_feeds_nothing_and_is_killed_and_cleaned_up_after_without_python(
    bench: Bench,
) -> None:
    """The unit's way: WATCHDOG=1 comes while the tick runs (READY=1 was awaited by the fixture); without it for
    WatchdogSec= SIGKILL, then ExecStopPost=."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.read(SYSTEMD / "pilotline-hal.service")
    assert (unit["Service"]["WatchdogSec"], unit["Service"]["WatchdogSignal"]) == ("500ms", "SIGKILL")
    heard = [bench.manager.recv(256) for _ in range(4)]
    assert set(heard) == {b"WATCHDOG=1"}
    bench.charging()
    world = bench.world
    bench.guard.send_signal(signal.SIGSTOP)
    stopped_at = time.time()
    bench.manager.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while bench.manager.recv(256):  # what was on its way
            continue
    assert world.fed_at - stopped_at <= TICK_S + COARSE_S
    assert world.line("RELAY_1_ENABLE")  # the pins themselves do nothing about it
    bench.guard.kill()
    bench.guard.wait(20)
    shell, script, _ = unit["Service"]["ExecStopPost"].split()
    outputs = SYSTEMD / "safe-state.d" / "chargebyte-charge-control-c"
    command = [shell, str(SYSTEMD / Path(script).name), str(outputs)]
    subprocess.run(command, check=True, timeout=30, env=world.environment())
    assert not any(world.line(name) for name in ("RELAY_1_ENABLE", "RELAY_2_ENABLE", "DIGITAL_OUT_4"))
    assert world.duty_percent == 100
    assert (world.dev / "watchdog0").read_bytes().endswith(b"V")
