"""ISO 15118-2 over TLS 1.2 with real processes on ::1: plant, guard, controller and the car; what the facts tell."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from firmware.panel.status import ask
from firmware.v2g.pki.authority import Authority, Leaf, key_pem
from firmware.v2g.pki.certificates import Chain
from firmware.v2g.pki.make_test import build, make_test
from firmware.v2g.pki.store import read_key
from hil.cars.discovery import TLS, find_station
from hil.stack import Stack, station_toml

QUICK = "min_close_interval_s = 1"  # one car after the other


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    make_test(folder)
    return folder


def free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port: int = probe.getsockname()[1]
        return port


def v2g(pki: Path, port: int, more: str = "") -> str:
    return f'interface = "lo"\nsdp_port = {port}\npki = "{pki}"\n{more}'


def drive(stack: Stack, port: int, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the car to its end; the station has seen it go when this returns. A transaction that goes on keeps the plug
    of a car that failed locked: such a car is pulled out by force."""
    command = [sys.executable, "-m", "hil.car", "--sdp-port", str(port), "--unicast", "::1"]
    command += ["--control", str(stack.folder / "rig.sock"), "--patience", "10", "--seconds", "4", "--pace", "0.3"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if "--stay" in arguments:
        stack.rig.do("unplug", force=True)
    if "--stay" in arguments or events[-1]["event"] == "unplugged":
        # a contact that opens for a moment is no departure
        stack.rig.wait(lambda _: not ask(stack.control)["evses"][0]["plugged"], within=20, what="seen as gone")
    return done.returncode, events


def facts(stack: Stack, kind: str) -> list[dict[str, Any]]:
    """Facts of a kind in the recordings, which are written within a second or two."""
    lines: list[str] = []
    for path in sorted((stack.folder / "storage" / "sessions").glob("*.jsonl")):
        lines += path.read_text().splitlines()
    found = [each for each in map(json.loads, lines) if each["fact"] == kind]
    return sorted(found, key=lambda each: float(each["at"]))


@pytest.mark.timeout(150)
def test_a_car_charges_over_tls_and_a_stranger_does_not(pki: Path, tmp_path: Path) -> None:
    port, secrets = free_port(), tmp_path / "secrets.log"
    keys = v2g(pki, port, f'tls = "force"\ntls_key_log = "{secrets}"')
    root = str(pki / "roots/v2g/iso2.pem")
    with Stack(tmp_path, station_toml(tmp_path, v2g=keys), policy=QUICK) as stack:
        code, events = drive(stack, port, "--tls", "--ca", root)
        assert code == 0, (events[-3:], stack.tail("station"))
        assert [each["tls"] for each in events if each["event"] == "secured"] == ["TLSv1.2 ECDHE-ECDSA-AES128-SHA256"]
        assert next(each for each in events if each["event"] == "ended")["charged_wh"] > 0
        assert secrets.stat().st_mode & 0o777 == 0o600
        assert secrets.read_text().startswith("CLIENT_RANDOM ")

        code, events = drive(stack, port, "--tls", "--ca", str(pki / "roots/v2g/iso20.pem"), "--stay")
        assert code == 1
        assert "certificate verify failed" in events[-1]["reason"], events

        code, events = drive(
            stack, port, "--stay"
        )  # asks without TLS, is offered TLS, and speaks in clear all the same
        assert code == 1
        stack.wait("station", lambda: "the car speaks without TLS" in stack.log("station"), within=20)
        stack.close()  # flushes the recordings
        told = facts(stack, "car_tls")
    agreed, stranger, plain = told
    assert (agreed["agreed"], agreed["version"], agreed["suite"]) == (True, "TLSv1.2", "ECDHE-ECDSA-AES128-SHA256")
    assert (agreed["chain"], agreed["offered"]) == ("iso2", "TLS 1.2: ECDHE-ECDSA-AES128-CBC-SHA256")
    assert not stranger["agreed"]
    assert "the car" in stranger["reason"]  # asyncio's cars hang up without sending their alert
    assert not plain["agreed"]


@pytest.mark.timeout(120)
def test_openssl_sees_the_stapled_response_and_certificates_are_replaced_without_restart(
    pki: Path, tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "pki"
    shutil.copytree(pki, folder)
    with Stack(tmp_path, station_toml(tmp_path, v2g=v2g(folder, port, 'tls = "allow"'))) as stack:
        stack.rig.do("plug")
        first = asyncio.run(find_station("lo", port, "::1", security=TLS))
        assert first.security == TLS
        seen = s_client(first.port, "-tls1_2", "-CAfile", str(folder / "roots/v2g/iso2.pem"))
        assert "OCSP Response Status: successful (0x0)" in seen, seen
        assert "Cert Status: good" in seen
        assert "Verify return code: 0 (ok)" in seen
        serial = next(line for line in seen.splitlines() if "Serial Number:" in line)

        make_test(tmp_path / "fresh")
        for name in ("secc/iso2.pem", "secc/iso2.key", "roots/v2g/iso2.pem"):
            shutil.copy2(tmp_path / "fresh" / name, folder / name)
        loaded = stack.log("station").count("TLS: chains")
        stack.wait("station", lambda: stack.log("station").count("TLS: chains") > loaded, within=30)
        second = asyncio.run(find_station("lo", port, "::1", security=TLS))
        seen = s_client(second.port, "-tls1_2", "-CAfile", str(folder / "roots/v2g/iso2.pem"))
        assert "Verify return code: 0 (ok)" in seen, seen
        assert serial not in seen
        assert "no response sent" in seen  # the old response is about the old certificate


def s_client(port: int, *arguments: str) -> str:
    """What OpenSSL's own client says of the station; it hangs up at once."""
    command = ["openssl", "s_client", "-connect", f"[::1]:{port}", "-status", *arguments]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


def vehicles(folder: Path) -> dict[str, Leaf]:
    """Vehicle certificates of the station's own OEM root, each with one thing wrong; and one of a foreign root."""
    place = folder / "others/iso20"
    certificates, keys = {}, {}
    for name in ("oem-root", "oem-sub1", "oem-sub2", "v2g-sub2"):
        certificates[name] = x509.load_pem_x509_certificate((place / f"{name}.pem").read_bytes())
        keys[name] = read_key(place / f"{name}.key")
    path = (certificates["oem-sub2"], certificates["oem-sub1"])
    leaf = Authority(certificates["oem-sub2"], keys["oem-sub2"], path).leaf
    contract = Authority(certificates["v2g-sub2"], keys["v2g-sub2"], (certificates["v2g-sub2"],)).leaf
    now, day = datetime.now(UTC), timedelta(days=1)
    alone = leaf("vehicle", "ALONE", "OEM")
    return {
        "expired": leaf("vehicle", "EXPIRED", "OEM", not_before=now - 10 * day, days=9),
        "early": leaf("vehicle", "EARLY", "OEM", not_before=now + day, days=9),
        "server": leaf("vehicle", "SERVER", "OEM", purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        "foreign": build("iso20").oem.sub2.leaf("vehicle", "FOREIGN", "OEM"),
        "contract": contract("contract", "DEPLTC0000012X", "MO"),
        "alone": Leaf(Chain(alone.certificate, ()), alone.key),
    }


SHOWN = {
    "expired": "vehicle certificate 'EXPIRED': has expired",
    "early": "vehicle certificate 'EARLY': is not valid yet",
    "server": "vehicle certificate 'SERVER': may not be used by a TLS client",
    "foreign": "CA certificate 'OEM sub CA 1 iso20': its issuer is not installed here",
    "contract": "its issuer is not installed here|is a contract certificate",
    "alone": "vehicle certificate 'ALONE': its issuer is not installed here",
}
TLS_1_0 = ("-tls1", "-cipher", "ALL:@SECLEVEL=0")
WEAK = ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0")
OFFERED = {
    "a weaker suite": (WEAK, "no cipher suite of ISO 15118, but 0xc00a"),
    "an old version": (TLS_1_0, "the car offers TLS 1.0 only"),
}


@pytest.mark.timeout(150)
def test_whoever_is_refused_finds_the_reason_in_the_facts(pki: Path, tmp_path: Path) -> None:
    """OpenSSL's own client at a running station: bad vehicle certificates, weak offers, a car that does not know us."""
    port, refused = free_port(), 0
    foreign_root = ("-verify_return_error", "-CAfile", str(pki / "roots/v2g/iso2.pem"))
    cases: dict[str, tuple[tuple[str, ...], str]] = {
        "a car that does not know our root": (
            ("-tls1_3", *foreign_root),
            "unknown ca: it does not know the root of our chain",
        ),
        **OFFERED,
    }
    for name, leaf in vehicles(pki).items():
        chain, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        chain.write_bytes(leaf.pem())
        key.write_bytes(key_pem(leaf.key))
        shown = ("-tls1_3", "-cert", str(chain), "-cert_chain", str(chain), "-key", str(key))
        cases[name] = (shown, SHOWN[name])
    with Stack(tmp_path, station_toml(tmp_path, v2g=v2g(pki, port, 'tls = "allow"')), policy=QUICK) as stack:
        for arguments, _ in cases.values():
            stack.rig.do("plug")
            found = asyncio.run(find_station("lo", port, "::1", security=TLS))
            s_client(found.port, *arguments)
            refused += 1
            stack.wait("station", lambda: stack.log("station").count("TLS failed: ") == refused, within=30)  # noqa: B023
            stack.rig.do("unplug", force=True)
            stack.wait("station", lambda: stack.log("station").count("EVSE 1: no car") == refused, within=30)  # noqa: B023
        stack.close()
        told = facts(stack, "car_tls")
    assert [each["agreed"] for each in told] == [False] * len(cases)
    for (name, (_, reason)), fact in zip(cases.items(), told, strict=True):
        assert re.search(reason, fact["reason"]), (name, fact)
        assert fact["offered"], (name, fact)


@pytest.mark.timeout(100)
def test_allow_serves_both_kinds_of_car(pki: Path, tmp_path: Path) -> None:
    port = free_port()
    with Stack(tmp_path, station_toml(tmp_path, v2g=v2g(pki, port, 'tls = "allow"')), policy=QUICK) as stack:
        for extra in (("--tls", "--ca", str(pki / "roots/v2g/iso2.pem")), ()):
            _, events = drive(stack, port, *extra)
            names = [each.get("name") for each in events if each["event"] == "received"]
            assert "ChargeParameterDiscoveryRes" in names, (extra, events[-3:], stack.tail("station"))
            assert any(each["event"] == "secured" for each in events) == bool(extra)
