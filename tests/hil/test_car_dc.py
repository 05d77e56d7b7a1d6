"""DC cars at a whole station of two EVSEs, as real processes: DIN SPEC 70121 and Plug & Charge side by side, and a car
that vanishes under load. Energy is compared between back office and plant."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.v2g.pki.make_test import EMAID, make_test
from hil.rig import CARD, JsonObject
from hil.stack import Stack, station_toml

pytestmark = pytest.mark.timeout(150)

ENERGY = 0.005  # relative


def free_ports(count: int) -> list[int]:
    """For SDP on ::1; all open at once, so that they differ."""
    probes = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("::1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Scene:
    """A DC station with two EVSEs, its back office, and cars that come to it."""

    def __init__(self, folder: Path) -> None:
        self.pki = folder / "pki"
        make_test(self.pki)
        self.ports = free_ports(2)
        self.stack = Stack(folder / "station", "", board="sim-dc-ccs2", connectors=2, policy="min_close_interval_s = 1")
        self.cars: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        stack = self.stack
        stack.start_plant()
        stack.start_guard()
        url = stack.start_office("2.0.1", "--contracts", str(self.pki / "others/iso2"))
        v2g = [f'interface = "lo"\nsdp_port = {port}\ntls = "allow"\npki = "{self.pki}"' for port in self.ports]
        ocpp = f'url = "{url}"\nidentity = "DC"\nversions = ["2.0.1"]'
        stack.station_file.write_text(station_toml(stack.folder, authorization='mode = "csms"', v2g=v2g, ocpp=ocpp))
        stack.start_controller()
        stack.until_served()

    def drive_up(self, connector: int, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "hil.car", "--unicast", "::1", "--sdp-port", str(self.ports[connector - 1])]
        command += ["--connector", str(connector), "--control", str(self.stack.folder / "rig.sock"), "--energy", "dc"]
        command += ["--patience", "20", *arguments]
        self.cars.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return self.cars[-1]

    def close(self) -> None:
        for car in self.cars:
            car.kill()
            car.communicate(timeout=20)
        self.stack.close()

    def transactions(self, holds: Callable[[JsonObject], bool]) -> list[JsonObject]:
        told: list[JsonObject] = self.stack.ask_office(do="status")["transactions"]
        return [each for each in told if holds(each)]

    def until_told(self, holds: Callable[[JsonObject], bool]) -> JsonObject:
        """The transaction of which it holds at the back office."""
        self.stack.rig.wait(lambda _: bool(self.transactions(holds)), within=20, what="told to the back office")
        return self.transactions(holds)[-1]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("dc"))
    try:
        scene.start()
        yield scene
    finally:
        scene.close()


def events_of(car: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    output, _ = car.communicate(timeout=90)
    return [json.loads(line) for line in output.splitlines()]


def ended_at(evse: int) -> Callable[[JsonObject], bool]:
    return lambda told: told["evse"] == evse and told["ended_at"] is not None


def test_two_cars_at_once(scene: Scene) -> None:
    """One with a card and DIN SPEC 70121, the other gets a contract and pays by it, over TLS."""
    roots = str(scene.pki / "roots/v2g/iso2.pem")
    wallet = ["--payment", "contract", "--install", "install", "--wallet", str(scene.pki / "others/iso2")]
    first = scene.drive_up(1, "--protocols", "din", "--energy-wh", "100", "--soc", "30")
    second = scene.drive_up(2, "--energy-wh", "150", "--max-current", "200", "--tls", "--ca", roots, *wallet)
    scene.stack.rig.wait("plugged", within=30)
    scene.stack.rig.do("swipe", token=CARD)
    for connector, car, protocol, token in ((1, first, "din", CARD), (2, second, "iso2", EMAID)):
        events = events_of(car)
        assert car.returncode == 0, f"{events[-3:]}\n{scene.stack.tail('guard')}\n{scene.stack.tail('station')}"
        (ended,) = [each for each in events if each["event"] == "ended"]
        assert (ended["reason"], ended["protocol"]) == ("energy reached", protocol)
        told = scene.until_told(ended_at(connector))
        assert told["id_token"] == token
        assert told["faults"] == []
        plant = scene.stack.rig_of(connector).status()
        assert told["energy_wh"] == pytest.approx(plant["energy_wh"], rel=ENERGY)
        assert plant["energy_wh"] == pytest.approx(plant["charged_wh"], rel=0.02)


def test_a_car_that_vanishes_under_load(scene: Scene) -> None:
    """Its modem dies; plug, S2 and relay stay. The guard ramps down and opens, the plug can be pulled."""
    rig = scene.stack.rig_of(1)
    before = rig.status()["energy_wh"]
    car = scene.drive_up(1, "--protocols", "iso2,din", "--energy-wh", "1e6")
    rig.wait("plugged", within=30)
    rig.do("swipe", token=CARD)
    rig.wait(lambda seen: seen["dc_current_a"] > 100.0, within=60, what="with 100 A")
    car.send_signal(signal.SIGKILL)
    rig.wait("de-energised", within=20)  # its limits are asserted in virtual time (test_car_sessions, test_dc_faults)
    rig.do("unplug", force=True)
    told = scene.until_told(lambda each: each["evse"] == 1 and each["stopped_reason"] == "EVDisconnected")
    assert told["energy_wh"] == pytest.approx(rig.status()["energy_wh"] - before, rel=ENERGY)
