"""Plug & Charge with real processes on ::1: plant, guard, controller, back office and a car that nobody shows a card
for. The contract, old or fresh from the contract office, is the transaction's token."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firmware.v2g.pki.make_test import EMAID, make_test
from hil.stack import Stack, station_toml


def free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port: int = probe.getsockname()[1]
        return port


def drive(stack: Stack, port: int, pki: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the car to its end."""
    command = [sys.executable, "-m", "hil.car", "--sdp-port", str(port), "--unicast", "::1"]
    command += ["--control", str(stack.folder / "rig.sock"), "--patience", "4", "--seconds", "3", "--pace", "0.3"]
    command += ["--tls", "--ca", str(pki / "roots/v2g/iso2.pem"), "--wallet", str(pki / "others/iso2")]
    done = subprocess.run(
        [*command, "--payment", "contract", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("version", "install"), [("2.0.1", ("--install", "install")), ("1.6", ())], ids=["2.0.1 install", "1.6"]
)
def test_a_contract_pays(tmp_path: Path, version: str, install: tuple[str, ...]) -> None:
    pki, port = tmp_path / "pki", free_port()
    make_test(pki)
    v2g = f'interface = "lo"\nsdp_port = {port}\npki = "{pki}"\ntls = "force"'
    stack = Stack(tmp_path / "stack", "")
    try:
        url = stack.start_office(version, "--contracts", str(pki / "others/iso2"), "--tokens", "none")
        csms = 'mode = "csms"'
        ocpp = f'url = "{url}"\nidentity = "CS-1"\nversions = ["{version}"]\nmeter_interval_s = 5'
        stack.station_file.write_text(station_toml(tmp_path / "stack", authorization=csms, v2g=v2g, ocpp=ocpp))
        stack.start_plant()
        stack.start_guard()
        stack.start_controller()
        stack.wait("csms", lambda: '"StatusNotification"' in stack.log("csms"))  # registered
        code, events = drive(stack, port, pki, *install)
        assert code == 0, json.dumps(events[-3:]) + stack.tail("station")
        stack.wait("csms", lambda: stack.ask_office(do="status")["transactions"][0]["ended_at"] is not None)
        [transaction] = stack.ask_office(do="status")["transactions"]
        calls = stack.log("csms")
    finally:
        stack.close()
    assert transaction["id_token"] == EMAID
    assert transaction["energy_wh"] > 0
    assert transaction["faults"] == []
    assert '"invalid"' not in calls  # every payload fits the official schemas
    assert ("iso15118CertificateHashData" in calls) == (version == "2.0.1") or "iso15118pnc" in calls
    assert ("Get15118EVCertificate" in calls) == bool(install)
