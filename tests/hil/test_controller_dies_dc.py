"""kill -9 of the controller of a DC station at each step of a session, with real processes, a back office and a car.

The guard ramps down by itself (DC has no ride-through), and after the restart the back office is told how the
transaction ended and what it had counted. What the guard does at each step is measured in test_dc_faults.
"""

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hil.rig import CARD, JsonObject
from hil.stack import Stack, station_toml

pytestmark = pytest.mark.timeout(150)

LEASE_S = 0.3
SAFE_V = 60.0
UNLOADED_A = 5.0
RAMP_S = 1.0
MARGIN_S = 6.0  # real processes on a machine with other work; the limits themselves are asserted in test_dc_faults


class Site:
    """A DC station with its back office. One car after the other; the controller dies under each."""

    def __init__(self, folder: Path) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            self.sdp_port: int = probe.getsockname()[1]
        self.stack = Stack(folder, "", board="sim-dc-ccs2", policy="min_close_interval_s = 1")
        self.car: subprocess.Popen[str] | None = None

    def start(self) -> None:
        stack = self.stack
        stack.start_plant()
        stack.start_guard()
        url = stack.start_office("2.0.1")
        v2g = f'interface = "lo"\nsdp_port = {self.sdp_port}'
        ocpp = f'url = "{url}"\nidentity = "DIES-DC"\nversions = ["2.0.1"]'
        stack.station_file.write_text(station_toml(stack.folder, authorization='mode = "csms"', v2g=v2g, ocpp=ocpp))
        stack.start_controller()
        stack.until_served()

    def charge_until(self, holds: Callable[[JsonObject], bool], what: str) -> None:
        """A car arrives, its driver shows a card, and the session goes on until this is seen in the plant."""
        command = [sys.executable, "-m", "hil.car", "--unicast", "::1", "--sdp-port", str(self.sdp_port)]
        command += ["--control", str(self.stack.folder / "rig.sock"), "--energy", "dc", "--soc", "30"]
        command += ["--patience", "20", "--stay"]
        self.car = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True)
        rig = self.stack.rig
        rig.wait("plugged", within=30)
        rig.do("swipe", token=CARD)
        rig.wait(holds, within=60, what=what)

    def kill(self) -> JsonObject:
        """The controller dies; the output falls by itself. The plant's state then."""
        rig = self.stack.rig
        self.stack.signal("station", signal.SIGKILL)
        rig.wait(
            lambda seen: seen["dc_current_a"] < UNLOADED_A and not seen["closed"],
            within=LEASE_S + RAMP_S + MARGIN_S,
            what="without current, contactor open",
        )
        rig.wait(
            lambda seen: seen["dc_voltage_v"] < SAFE_V, within=3.0 + MARGIN_S, what="without voltage"
        )  # passive discharge
        return rig.status()

    def come_back(self) -> JsonObject:
        """The controller starts again and tells the end of the transaction; then the car leaves."""
        before = len(self.ended())
        self.stack.start_controller()
        self.stack.until_served()
        self.stack.rig.wait(lambda _: len(self.ended()) > before, within=30, what="told to the back office")
        if self.car is not None:
            self.car.kill()
            self.car.wait(20)
        self.stack.rig.do("unplug", force=True)
        self.stack.rig.wait("idle", within=20)
        return self.ended()[-1]

    def ended(self) -> list[JsonObject]:
        told: list[JsonObject] = self.stack.ask_office(do="status")["transactions"]
        return [each for each in told if each["ended_at"] is not None]

    def close(self) -> None:
        if self.car is not None:
            self.car.kill()
            self.car.wait(20)
        self.stack.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("dies") / "site")
    try:
        made.start()
        yield made
    finally:
        made.close()


def under_test_voltage(seen: JsonObject) -> bool:
    return bool(seen["closed"]) and not seen["dc_relay"] and float(seen["dc_voltage_v"]) > 400.0


def with_current(seen: JsonObject) -> bool:
    return float(seen["dc_current_a"]) > 100.0


def test_in_the_cable_check(site: Site) -> None:
    site.charge_until(under_test_voltage, "the cable check's voltage")
    site.kill()
    told = site.come_back()
    assert (told["stopped_reason"], told["energy_wh"]) == ("Reboot", pytest.approx(0.0, abs=1.0))


def test_while_current_flows(site: Site) -> None:
    before = float(site.stack.rig.status()["energy_wh"])
    site.charge_until(with_current, "100 A")
    flowed = float(site.kill()["energy_wh"]) - before
    told = site.come_back()
    assert told["stopped_reason"] == "Reboot"
    assert told["energy_wh"] == pytest.approx(flowed, rel=0.005, abs=0.5)


def test_while_it_stops(site: Site) -> None:
    """The driver ended it and that is on disk: the restart changes nothing of the reason."""
    site.charge_until(with_current, "100 A")
    if site.car is not None:
        site.car.send_signal(signal.SIGSTOP)  # it does not follow: the station waits for it
    site.stack.rig.do("swipe", token=CARD)
    site.stack.rig.wait(lambda _: stop_is_on_disk(site), within=20, what="asked to stop")
    site.kill()
    assert site.come_back()["stopped_reason"] == "Local"


def stop_is_on_disk(site: Site) -> bool:
    """The journal's row of the open transaction knows why it shall end."""
    with closing(sqlite3.connect(site.stack.folder / "storage" / "journal.sqlite", timeout=5.0)) as journal:
        rows = journal.execute("SELECT body FROM state WHERE kind = 'transaction'").fetchall()
    return any("StopAuthorized" in body for (body,) in rows)
