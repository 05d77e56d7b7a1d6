"""Josev's EVCC over TLS at `pilotline run`, across a veth pair: ISO 15118-2 on TLS 1.2, and a mutual TLS 1.3 handshake.

Its own PKI layout is made from our test PKI; its certificates are P-256 for both standards.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from firmware.v2g.pki.authority import Key
from firmware.v2g.pki.make_test import make_test
from firmware.v2g.pki.store import read_key
from hil.stack import Stack, station_toml

pytestmark = [pytest.mark.interop, pytest.mark.privileged]

CAR = Path(__file__).with_name("josev_car.py")
PASSWORD = b"12345"  # what Josev expects where no password file is named


def josev_pki(ours: Path, theirs: Path) -> None:
    """The files that its EVCC reads, in its places: the V2G root it trusts, the OEM chain and key that it shows."""
    certs, keys = theirs / "iso15118_2/certs", theirs / "iso15118_2/private_keys"
    for place in (certs, keys):
        place.mkdir(parents=True)
    car = ours / "others/iso2"
    (certs / "v2gRootCACert.pem").write_bytes((ours / "roots/v2g/iso2.pem").read_bytes())
    (certs / "oemRootCACert.pem").write_bytes((ours / "roots/oem/iso2.pem").read_bytes())
    (certs / "oemCertChain.pem").write_bytes((car / "provisioning.pem").read_bytes())
    (keys / "oemLeaf.key").write_bytes(encrypted(read_key(car / "provisioning.key")))
    (keys / "oemLeafPassword.txt").write_bytes(PASSWORD)


def encrypted(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    make_test(folder / "ours")
    josev_pki(folder / "ours", folder / "josev")
    return folder


@contextmanager
def car(cable: Any, stack: Stack, pki: Path, folder: Path, *, tls_1_3: bool) -> Iterator[Path]:
    """Josev's EVCC as a process; gives its log."""
    config, log = folder / "evcc.json", folder / "car.log"
    config.write_text(
        json.dumps(
            {
                "supportedProtocols": ["ISO_15118_2"],
                "energyTransferMode": "AC_three_phase_core",
                "useTls": True,
                "enforceTls": True,
                "chargeLoopCycle": 8,
                "chargeLoopDelay": 1,
            }
        )
    )
    process = subprocess.Popen(
        [*cable.car, sys.executable, str(CAR), cable.car_interface, str(stack.folder / "rig.sock"), str(config)],
        cwd=CAR.parents[2],
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        env={**os.environ, "PKI_PATH": f"{pki / 'josev'}/", "ENABLE_TLS_1_3": str(tls_1_3)},
    )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(10)


def station(cable: Any, folder: Path, pki: Path) -> Stack:
    v2g = f'interface = "{cable.station_interface}"\ntls = "force"\npki = "{pki / "ours"}"'
    return Stack(folder, station_toml(folder, v2g=v2g), prefix=cable.station)


@pytest.mark.timeout(150)
def test_josev_charges_ac_over_tls_1_2(cable: Any, pki: Path, tmp_path: Path) -> None:
    with station(cable, tmp_path / "station", pki) as stack:
        stack.rig.do("plug")
        with car(cable, stack, pki, tmp_path, tls_1_3=False) as log:
            stack.rig.wait("charging", within=60)
            stack.rig.wait(lambda seen: not seen["closed"] and seen["car"] == "C", within=60)
            stack.rig.wait(lambda _: "SessionStopRes received" in log.read_text(), within=20)
        assert "FAILED" not in log.read_text()
        assert stack.rig.status()["energy_wh"] > 0
        assert "TLS TLSv1.2 ECDHE-ECDSA-AES128-SHA256, chain iso2" in stack.log("station")
        stack.rig.do("unplug", force=True)


@pytest.mark.timeout(150)
def test_josev_and_we_authenticate_each_other_over_tls_1_3(cable: Any, pki: Path, tmp_path: Path) -> None:
    with station(cable, tmp_path / "station", pki) as stack:
        stack.rig.do("plug")
        with car(cable, stack, pki, tmp_path, tls_1_3=True) as log:
            stack.rig.wait(lambda _: "SessionSetupRes received" in log.read_text(), within=60)
        assert re.search(r"TLS TLSv1.3 TLS_AES_256_GCM_SHA384, chain iso2.*vehicle WPL1TEST", stack.log("station"))
        stack.rig.do("unplug", force=True)
