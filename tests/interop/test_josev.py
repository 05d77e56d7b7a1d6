"""Josev's EVCC charges AC over ISO 15118-2 (EIM) at `pilotline run`, across a veth pair between two namespaces."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hil.stack import Stack, station_toml

pytestmark = [pytest.mark.interop, pytest.mark.privileged]

CAR = Path(__file__).with_name("josev_car.py")


@pytest.mark.timeout(120)
def test_josev_charges_ac_over_iso_15118_2(cable: Any, tmp_path: Path) -> None:
    config = tmp_path / "evcc.json"
    config.write_text(
        json.dumps(
            {
                "supportedProtocols": ["ISO_15118_2"],
                "energyTransferMode": "AC_three_phase_core",
                "useTls": False,
                "enforceTls": False,
                "chargeLoopCycle": 8,
                "chargeLoopDelay": 1,
            }
        )
    )
    v2g = f'interface = "{cable.station_interface}"'
    with Stack(tmp_path / "station", station_toml(tmp_path / "station", v2g=v2g), prefix=cable.station) as stack:
        stack.rig.do("plug")
        car = subprocess.Popen(
            [*cable.car, sys.executable, str(CAR), cable.car_interface, str(stack.folder / "rig.sock"), str(config)],
            cwd=CAR.parents[2],
            stdout=(tmp_path / "car.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        try:
            stack.rig.wait("charging", within=60)
            stack.rig.wait(lambda seen: not seen["closed"] and seen["car"] == "C", within=60)  # it opens S2 later
            stack.rig.wait(lambda _: "SessionStopRes received" in (tmp_path / "car.log").read_text(), within=20)
        finally:
            car.terminate()
            car.wait(10)
        log = (tmp_path / "car.log").read_text()
        assert "SessionStopRes" in log, log[-3000:]
        assert "FAILED" not in log
        status = stack.rig.status()
        assert status["energy_wh"] > 0
        stack.rig.do("unplug", force=True)
        stack.rig.wait("de-energised", within=5)
