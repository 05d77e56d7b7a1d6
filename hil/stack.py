"""A whole station on this machine as real processes: plant, guard, controller, and on request a back office.

Tests and the demo start one in a folder of its own; logs, sockets, journal and reports live there. Who plugs in and
charges is the business of the rig (`stack.rig`) and of the cars.
"""

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGTERM, Signals
from types import TracebackType
from typing import Any, Final, Self

from firmware.panel.status import NotRunning, ask
from hil.rig import Rig, SocketLink

BOARDS = Path(__file__).parents[1] / "board-configs"
START_S = 30.0
STOP_S = 10.0

FIFO: Final = 20  # of guard and plant: what the guard's unit gives it; hardware waits for no other process either
NICE: Final = -5  # of the station: it answers the guard's beats within 300 ms


def die_with_parent() -> None:
    """In a child before it runs: the kernel ends it when we are gone, however we went (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def begin(name: str) -> None:
    """In a child before it runs. A machine that is busy with other things makes neither guard nor plant late where
    that may be asked for; else they are ordinary processes."""
    die_with_parent()
    with contextlib.suppress(OSError):
        if name in {"guard", "plant"}:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO))
        elif name == "station":
            os.setpriority(os.PRIO_PROCESS, 0, NICE)


class StackError(RuntimeError):
    """A process did not start or ended; the text has its last log lines."""


def station_toml(
    folder: Path,
    *,
    authorization: str = 'mode = "free"',
    v2g: str | Sequence[str] = "",
    ocpp: str = "",
    update: str = "",
    storage: Path | None = None,
) -> str:
    """A station file with everything it keeps in `folder` (or in `storage`); `v2g`, `ocpp` and `update` are the keys
    of a section. Several `v2g` make several EVSEs, one connector each."""
    sections = [v2g] if isinstance(v2g, str) else v2g
    text = f"""
[station]
vendor = "Pilotline"
model = "Rig"
serial = "RIG-1"
storage = "{storage or folder / "storage"}"
guard_socket = "{folder}/guard.sock"
control_socket = "{folder}/control.sock"

[authorization]
{authorization}
"""
    for number, section in enumerate(sections, start=1):
        text += f'\n[[evse]]\nid = {number}\nconnectors = [{number}]\nevse_id = "DE*PLT*E00000{number}"\n'
        text += f"\n[[v2g]]\nevse = {number}\n{section}\n" if section else ""
    if ocpp:
        text += f"\n[ocpp]\n{ocpp}\n"
    if update:
        text += f"\n[update]\n{update}\n"
    return text


def with_connectors(board: str, count: int) -> str:
    """A board file with its only [[connector]] so many times, numbered from 1."""
    before, _, connector = board.partition("[[connector]]")
    copies = (re.sub(r"(?m)^id = 1$", f"id = {number}", connector) for number in range(1, count + 1))
    return before + "\n".join(f"[[connector]]{copy}" for copy in copies)


def kind_of(board: Path) -> str:
    """What the plant of this board file is."""
    tables = tomllib.loads(board.read_text())["connector"]
    if any("ac" in connector for connector in tables):
        return "nacs"
    return "dc" if any(connector.get("dc", False) for connector in tables) else "ac"


class Stack:
    """The processes of one station. `prefix` runs guard and controller inside something (ip netns exec NAME);
    `connectors`: so many of the board's one connector; `policy`: lines for its [connector.policy]."""

    def __init__(
        self,
        folder: Path,
        station: str,
        *,
        board: str = "sim-ac-type2",
        connectors: int = 1,
        policy: str = "",
        prefix: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.board = BOARDS / f"{board}.toml"
        self.prefix = list(prefix)
        self.connectors = connectors
        self.kind = kind_of(self.board)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if connectors > 1 or policy:
            text = self.board.read_text().replace("[connector.policy]\n", f"[connector.policy]\n{policy}\n")
            self.board = folder / "board.toml"
            self.board.write_text(with_connectors(text, connectors))
        self.station_file = folder / "station.toml"
        self.station_file.write_text(station)
        self.control = folder / "control.sock"
        self._rigs: dict[int, Rig] = {}

    def __enter__(self) -> Self:
        try:
            self.start_plant()
            self.start_guard()
            self.start_controller()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def rig(self) -> Rig:
        """Rig control of the first connector."""
        return self.rig_of(1)

    def rig_of(self, connector: int) -> Rig:
        if connector not in self._rigs:
            self._rigs[connector] = Rig(SocketLink(self.folder / "rig.sock"), connector)
        return self._rigs[connector]

    def start_plant(self) -> None:
        registers, control = self.folder / "board.registers", self.folder / "rig.sock"
        command = ["-m", "hil.plant", "--registers", str(registers), "--control", str(control)]
        command += ["--board", self.kind, "--connectors", str(self.connectors)]
        self.start("plant", command)
        self.wait("plant", lambda: "plant ready" in self.log("plant"))

    def start_guard(self) -> None:
        link, registers = self.folder / "guard.sock", self.folder / "board.registers"
        command = ["-m", "hal", "--board", str(self.board), "--socket", str(link), "--sim", str(registers)]
        self.start("guard", command, prefix=self.prefix)
        self.wait("guard", lambda: "guard ready" in self.log("guard"))

    def start_controller(self) -> None:
        command = ["-m", "firmware", "run", "--guard", "attach", "--station", str(self.station_file)]
        self.start("station", command, prefix=self.prefix)
        self.wait("station", lambda: "controller ready" in self.log("station"))

    def until_served(self) -> None:
        """The controller takes itself for connected to its back office: a card that comes sooner is judged off line."""
        self.wait("station", self._served)

    def _served(self) -> bool:
        try:
            return bool(ask(self.control)["back_office"]["connected"])
        except NotRunning:
            return False

    def start_office(self, version: str, *options: str) -> str:
        """Start a back office on a free port; the URL that goes into the station's [ocpp] section."""
        control = str(self.folder / "csms.sock")
        command = ["-m", "hil.csms", "--port", "0", "--version", version, "--control", control, *options]
        self.start("csms", command, prefix=self.prefix)
        self.wait("csms", lambda: '"event": "ready"' in self.log("csms"))
        ready = json.loads(next(line for line in self.log("csms").splitlines() if '"event": "ready"' in line))
        return f"{ready['url']}/ocpp"

    def ask_office(self, **request: object) -> Any:
        """One request to the back office (hil.csms.control) and its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as office:
            office.settimeout(5.0)
            office.connect(str(self.folder / "csms.sock"))
            office.sendall(json.dumps(request).encode() + b"\n")
            with office.makefile("rb") as answers:
                return json.loads(answers.readline())

    def check_alive(self) -> None:
        """Raises StackError when a process of the station has ended."""
        for name in {"plant", "guard", "station", "csms"} & self.processes.keys():
            code = self.processes[name].poll()
            if code is not None:
                raise StackError(f"{name} ended with {code}:\n{self.tail(name)}")

    def start(
        self, name: str, arguments: Sequence[str], *, prefix: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start `python ARGUMENTS` under a name; its output goes to NAME.log, emptied first."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*prefix, sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                cwd=BOARDS.parent,
                start_new_session=True,  # Ctrl-C is ours: `close` ends them in the right order
                preexec_fn=lambda: begin(name),  # noqa: PLW1509 - no threads here; kill -9 of us must leave nothing behind
            )
        self.processes[name] = process
        return process

    def wait(self, name: str, holds: Callable[[], bool], within: float = START_S) -> None:
        """Wait until it holds. Raises StackError when the process ends first or time runs out."""
        until = time.monotonic() + within
        while not holds():
            code = self.processes[name].poll()
            if code is not None:
                raise StackError(f"{name} ended with {code}:\n{self.tail(name)}")
            if time.monotonic() > until:
                raise StackError(f"{name} is not there after {within:.0f} s:\n{self.tail(name)}")
            time.sleep(0.02)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self.log(name).splitlines()[-lines:])

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal; after SIGKILL wait until the process is gone."""
        self.processes[name].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[name].wait(STOP_S)

    def close(self) -> None:
        """End everything, the controller first, so that the guard sees it go and opens."""
        for name in (
            "station",
            *(name for name in reversed(self.processes) if name not in {"station", "guard", "plant"}),
        ):
            self.end(name)
        for name in ("guard", "plant"):
            self.end(name)

    def end(self, name: str, number: Signals = SIGTERM) -> None:
        """End one process and wait until it is gone; nothing where it does not run."""
        process = self.processes.pop(name, None)
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGCONT)  # a stopped process hears no SIGTERM
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
