"""A car in a digital session that vanishes, is pulled out, pauses or is told to go: whole station, real processes.

What the guard and the pilot do then is measured at the plant; the times asserted are safety limits.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.panel.status import ask
from hil.rig import JsonObject, Rig
from hil.stack import Stack, station_toml

TOKEN = "04FEE1AA"
BUSY_S = 4.0  # for a machine with other work; to the tick it is in test_car_sessions
LETS_GO_S = 6.0 + BUSY_S  # ISO 15118-3 / IEC 61851-1: X1 under load, then open after 6 s at the latest


class Scene:
    """A station with free charging, and cars that come to it."""

    def __init__(self, folder: Path, nominal_after_s: float) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            self.sdp_port: int = probe.getsockname()[1]
        v2g = f'interface = "lo"\nsdp_port = {self.sdp_port}\nnominal_after_s = {nominal_after_s}'
        free = f'mode = "free"\nfree_token = "{TOKEN}"'
        station = station_toml(folder, authorization=free, v2g=v2g)
        self.stack = Stack(folder, station, policy="min_close_interval_s = 1")
        self.car: subprocess.Popen[str] | None = None

    @property
    def rig(self) -> Rig:
        return self.stack.rig

    def drive_up(self, *arguments: str) -> "subprocess.Popen[str]":
        """A car that plugs in and charges, until something ends it."""
        self.leave()
        command = [sys.executable, "-m", "hil.car", "--unicast", "::1", "--sdp-port", str(self.sdp_port)]
        command += ["--control", str(self.stack.folder / "rig.sock"), "--pace", "0.2", "--patience", "5", *arguments]
        self.car = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return self.car

    def leave(self) -> None:
        if self.car is not None:
            self.car.kill()
            self.car.communicate(timeout=20)
            self.car = None

    def why(self) -> str:
        """The station's answer to "why is it not charging?"."""
        (evse,) = ask(self.stack.folder / "control.sock")["evses"]
        return str(evse["why"])

    def watch(self, seconds: float, wanted: list[str]) -> list[JsonObject]:
        """What the plant's pilot and contactor did, each change with its time; until the pilot, once open, has shown
        what is wanted."""
        begin, seen = time.monotonic(), list[JsonObject]()
        while (at := time.monotonic() - begin) < seconds and pilots(seen)[: len(wanted)] != wanted:
            status = self.rig.status()
            now = {"pilot": status["pilot"], "closed": status["closed"], "car": status["car"]}
            if not seen or now != {key: seen[-1][key] for key in now}:
                seen.append({**now, "at": at})
            self.rig.link.pass_time(0.01)
        return seen


def pilots(seen: list[JsonObject]) -> list[str]:
    """From the opening on."""
    opened = next((number for number, each in enumerate(seen) if not each["closed"]), len(seen))
    return [each["pilot"] for each in seen[opened:]]


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A car is waited for longer than a process may take to start; a test that wants the nominal duty says so."""
    scene = Scene(tmp_path / "station", getattr(request, "param", 30.0))
    with scene.stack:
        yield scene
        scene.leave()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scene", [5.0], indirect=True, ids=[""])
def test_a_car_that_vanishes_is_let_go_and_offered_again(scene: Scene) -> None:
    car = scene.drive_up()
    scene.rig.wait("charging", within=40)
    car.send_signal(signal.SIGKILL)  # its modem dies; the plug, S2 and its load stay
    wakes_up = ["x1", "f", "x1", "duty"]  # and asks again to communicate
    seen = scene.watch(40, wakes_up)
    opened = next(each for each in seen if not each["closed"])
    assert opened["pilot"] == "x1"
    assert opened["at"] < LETS_GO_S
    assert all(not each["closed"] for each in seen if each["pilot"] == "f")  # never state F under load
    assert pilots(seen) == wakes_up
    scene.rig.wait(lambda status: status["pilot"] == "duty" and float(str(status["duty_percent"])) > 8, within=40)


@pytest.mark.timeout(120)
def test_a_car_that_opens_s2_in_its_session_may_begin_another_in_the_same_transaction(scene: Scene) -> None:
    """ISO 15118-3: the link failed, so X1, F, 5 % again; authorised, but silent, it would get a nominal duty."""
    scene.drive_up("--stay")
    scene.rig.wait("charging", within=40)
    scene.rig.do("set_state", state="B")
    scene.rig.wait("de-energised", within=BUSY_S)
    scene.leave()
    assert "car" in scene.why()
    scene.rig.wait(lambda status: status["pilot"] == "f", within=20)  # woken up
    scene.rig.wait(lambda status: status["duty_percent"] == 5.0, within=20)
    assert scene.why() == "waiting for the car's digital communication"
    scene.drive_up("--energy-wh", "5")
    scene.rig.wait("charging", within=40)


@pytest.mark.timeout(120)
def test_a_plug_pulled_out_in_the_session_leaves_room_for_the_next_car(scene: Scene) -> None:
    scene.drive_up()
    scene.rig.wait("charging", within=40)
    scene.rig.do("unplug", force=True)
    scene.rig.wait("de-energised", within=BUSY_S)
    scene.leave()
    scene.drive_up("--energy-wh", "5")
    scene.rig.wait("charging", within=40)
    assert scene.car is not None
    output, _ = scene.car.communicate(timeout=60)
    assert json.loads(output.splitlines()[-2])["event"] == "ended"


@pytest.mark.timeout(120)
def test_a_stopped_transaction_asks_the_car_to_stop(scene: Scene) -> None:
    car = scene.drive_up("--stay")
    scene.rig.wait("charging", within=40)
    scene.rig.do("swipe", token=TOKEN)  # the token that charges ends it
    scene.rig.wait("de-energised", within=20)
    output, _ = car.communicate(timeout=40)
    events = [json.loads(line) for line in output.splitlines()]
    assert events[-1]["event"] == "ended", events[-1]
    assert any("StopCharging" in event.get("text", "") for event in events)
    assert scene.rig.status()["pilot"] == "x1"


@pytest.mark.timeout(120)
def test_a_paused_session_is_resumed(scene: Scene) -> None:
    first = scene.drive_up("--energy-wh", "5", "--pause", "--stay")
    output, _ = first.communicate(timeout=60)
    ended = json.loads(output.splitlines()[-1])
    assert ended["event"] == "ended"
    assert scene.rig.status()["pilot"] == "x1"
    assert not scene.rig.status()["closed"]
    scene.rig.do("set_state", state="C")  # B-C-B: the car wakes us
    scene.rig.link.pass_time(0.3)
    scene.rig.do("set_state", state="B")
    scene.rig.wait(lambda status: status["duty_percent"] == 5.0, within=20)
    second = scene.drive_up("--session", str(ended["session"]), "--energy-wh", "12")
    scene.rig.wait("charging", within=40)
    output, _ = second.communicate(timeout=60)
    events = [json.loads(line) for line in output.splitlines()]
    assert any("OK_OldSessionJoined" in event.get("text", "") for event in events)
