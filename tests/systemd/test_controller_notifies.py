"""pilotline.service is Type=notify with a watchdog: the real command says READY, pings while its loop turns, and says
when it stops. (The guard's half is in tests/hal/linux.) No guard runs here: a controller must be ready without one.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


class Manager:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def hear(self, within_s: float) -> str:
        self._socket.settimeout(within_s)
        return self._socket.recv(256).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path)
    yield made
    made.close()


@pytest.fixture
def controller(tmp_path: Path, manager: Manager) -> Iterator["subprocess.Popen[bytes]"]:
    station = tmp_path / "station.toml"
    station.write_text(
        f'[station]\nstorage = "{tmp_path}"\nguard_socket = "{tmp_path}/guard.sock"\n'
        f'control_socket = "{tmp_path}/control.sock"\n'
    )
    command = [str(Path(sys.executable).with_name("pilotline")), "run", "--station", str(station), "--guard", "attach"]
    environment = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
    environment.pop("WATCHDOG_PID", None)
    process = subprocess.Popen(command, env=environment)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(10)


def test_ready_then_alive_then_stopping(manager: Manager, controller: "subprocess.Popen[bytes]") -> None:
    assert manager.hear(30) == "READY=1"
    assert [manager.hear(2) for _ in range(3)] == ["WATCHDOG=1"] * 3
    controller.send_signal(signal.SIGTERM)
    while (said := manager.hear(5)) == "WATCHDOG=1":
        pass
    assert said == "STOPPING=1"
    assert controller.wait(15) == 0


def test_a_loop_that_stands_still_pings_no_more(manager: Manager, controller: "subprocess.Popen[bytes]") -> None:
    assert manager.hear(30) == "READY=1"
    controller.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        for _ in range(4):  # what was on its way
            manager.hear(1.5)
    controller.send_signal(signal.SIGCONT)
    assert manager.hear(5) == "WATCHDOG=1"
