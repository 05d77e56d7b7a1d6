"""Cars at a whole NACS station, as real processes: one EVSE, one pilot, and the car's choice decides what flows."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hil.stack import Stack, station_toml

pytestmark = pytest.mark.timeout(150)


def free_port() -> int:
    """For SDP on ::1."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        return int(probe.getsockname()[1])


def test_basic_ac_then_dc_by_iso_15118_at_the_same_plug(tmp_path: Path) -> None:
    port = free_port()
    stack = Stack(tmp_path, "", board="sim-nacs", policy="min_close_interval_s = 1")
    section = f'interface = "lo"\nsdp_port = {port}\ntls = "prohibit"\nnominal_after_s = 1'
    stack.station_file.write_text(station_toml(tmp_path, authorization='mode = "free"', v2g=[section]))
    with stack:
        rig = stack.rig
        rig.do("plug")  # a car that knows nothing but the duty cycle
        rig.wait(lambda seen: seen["power_w"] > 2000.0, within=40, what="AC flows")
        assert rig.status()["dc_voltage_v"] < 60.0
        rig.do("car", wants_power=False)
        rig.wait("open", within=20)
        rig.do("unplug", force=True)
        rig.wait(lambda seen: seen["pilot"] == "x1", within=20, what="the guard takes the car for gone")
        ac_wh = float(rig.status()["energy_wh"])
        assert ac_wh > 0.0
        command = [sys.executable, "-m", "hil.car", "--unicast", "::1", "--sdp-port", str(port), "--energy", "dc"]
        command += ["--control", str(tmp_path / "rig.sock"), "--patience", "20", "--energy-wh", "60"]
        car = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=100, check=False)
        told = [json.loads(line) for line in car.stdout.splitlines()]
        assert told[-2]["event"] == "ended", told[-3:]
        assert any(each.get("name") == "CableCheckRes" for each in told)
        rig.wait("de-energised", within=20)
        assert float(rig.status()["energy_wh"]) - ac_wh == pytest.approx(60.0, rel=0.4)
        assert rig.status()["joined"] == ""
