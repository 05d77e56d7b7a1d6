"""Two network namespaces joined by a veth pair, the cable between a station and a car we did not write; and Josev's
EVCC (josev_car.py) at the far end of it, with certificates of our test PKI in its own places."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from firmware.panel.status import ask
from firmware.v2g.pki.certificates import read_certificates
from firmware.v2g.pki.make_test import make_test
from firmware.v2g.pki.store import read_key
from hil.stack import Stack, station_toml

PASSWORD = b"12345"  # what Josev expects where no password file is named
CAR = Path(__file__).with_name("josev_car.py")
# our name: theirs
CERTIFICATES = {
    "v2g-root": "v2gRootCA",
    "oem-root": "oemRootCA",
    "oem-sub1": "oemSubCA1",
    "oem-sub2": "oemSubCA2",
    "mo-root": "moRootCA",
    "mo-sub1": "moSubCA1",
    "mo-sub2": "moSubCA2",
    "cps-sub1": "cpsSubCA1",
    "cps-sub2": "cpsSubCA2",
    "provisioning": "oemLeaf",
    "contract": "contractLeaf",
    "cps": "cpsLeaf",
}
KEYS = {"provisioning": "oemLeaf", "contract": "contractLeaf"}


@dataclass(frozen=True)
class Cable:
    """Station side and car side: how to run a command there, and the interface it finds."""

    station: list[str]
    car: list[str]
    station_interface: str = "plc0"
    car_interface: str = "car0"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    """Needs root; CI has it. Both ends are up with IPv6 link-local addresses that are usable at once."""
    if os.getuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs this test as root; network namespaces need it")
        pytest.skip("network namespaces need root")
    tag = f"{os.getpid():x}"
    ends = {"station": (f"plt-s-{tag}", "plc0"), "car": (f"plt-c-{tag}", "car0")}
    try:
        for space, _ in ends.values():
            ip("netns", "add", space)
            # no duplicate address detection: the link-local address can be used at once
            for scope in ("all", "default"):
                ip("netns", "exec", space, "sysctl", "-qw", f"net.ipv6.conf.{scope}.accept_dad=0")
        (station, plc), (car, other) = ends.values()
        ip("link", "add", plc, "netns", station, "type", "veth", "peer", "name", other, "netns", car)
        for space, interface in ends.values():
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", interface, "up")
        yield Cable(["ip", "netns", "exec", station], ["ip", "netns", "exec", car])
    finally:
        for space, _ in ends.values():
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


@dataclass(frozen=True)
class Site:
    """A station in its namespace, its back office there too, which knows cards and contracts."""

    stack: Stack

    def leave(self) -> None:
        """The plug comes out, and the station has seen it."""
        self.stack.rig.do("unplug", force=True)
        self.stack.rig.wait("idle", within=20)
        self.seen("A")

    def arrive(self) -> None:
        """The plug goes in, and the station has seen it."""
        self.stack.rig.do("plug")
        self.seen("B")

    def seen(self, level: str) -> None:
        """Wait until the station has seen this state of the car. Raises RigError."""
        self.stack.rig.wait(lambda _: self._evse()["level"] == level, within=20, what=f"seen in state {level}")

    def _evse(self) -> dict[str, Any]:
        (evse,) = ask(self.stack.control)["evses"]
        found: dict[str, Any] = evse
        return found

    def last_transaction(self, within: float = 20.0) -> dict[str, Any]:
        """As the back office has it, once it has ended. Raises RigError."""
        self.stack.rig.wait(lambda _: self._ended() is not None, within, "told the end of the transaction")
        found = self._ended()
        assert found is not None
        return found

    def _ended(self) -> dict[str, Any] | None:
        transactions = self.stack.ask_office(do="status")["transactions"]
        return transactions[-1] if transactions and transactions[-1]["ended_at"] is not None else None


@pytest.fixture(scope="module")
def site_of(cable: Cable, pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """Start a station with a board; it serves cars in clear and over TLS, and is ended with the module."""
    stacks: list[Stack] = []

    def start(board: str) -> Site:
        folder = tmp_path_factory.mktemp("site")
        stack = Stack(folder, "", board=board, policy="min_close_interval_s = 1", prefix=cable.station)
        stacks.append(stack)
        stack.start_plant()
        stack.start_guard()
        url = stack.start_office("2.0.1", "--contracts", str(pki / "ours/others/iso2"))
        v2g = f'interface = "{cable.station_interface}"\ntls = "allow"\npki = "{pki / "ours"}"'
        ocpp = f'url = "{url}"\nidentity = "JOSEV"\nversions = ["2.0.1"]'
        stack.station_file.write_text(station_toml(folder, authorization='mode = "csms"', v2g=v2g, ocpp=ocpp))
        stack.start_controller()
        stack.until_served()
        return Site(stack)

    yield start
    for stack in stacks:
        stack.close()


# --- Josev --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ours/: a whole test PKI; josev/: what its EVCC reads of it."""
    folder = tmp_path_factory.mktemp("pki")
    make_test(folder / "ours")
    _write_josevs(folder / "ours", folder / "josev/iso15118_2")
    return folder


def _write_josevs(ours: Path, theirs: Path) -> None:
    certs, keys = theirs / "certs", theirs / "private_keys"
    for place in (certs, keys):
        place.mkdir(parents=True)
    car = ours / "others/iso2"
    for name, other in CERTIFICATES.items():
        leaf = read_certificates(car / f"{name}.pem")[0]
        (certs / f"{other}Cert.der").write_bytes(leaf.public_bytes(Encoding.DER))
        (certs / f"{other}Cert.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (certs / "oemCertChain.pem").write_bytes((car / "provisioning.pem").read_bytes())
    for name, other in KEYS.items():
        key = read_key(car / f"{name}.key")
        sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD))
        (keys / f"{other}.key").write_bytes(sealed)
        (keys / f"{other}Password.txt").write_bytes(PASSWORD)


class Josev:
    """The process of josev_car.py at one station."""

    def __init__(self, cable: Cable, stack: Stack, pki: Path, log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [*cable.car, sys.executable, str(CAR), cable.car_interface, str(stack.folder / "rig.sock")],
            cwd=CAR.parents[2],
            stdin=subprocess.PIPE,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PKI_PATH": f"{pki / 'josev'}/", "PYTHONUNBUFFERED": "1"},
        )
        self._stack = stack
        self._done = 0

    def charge(self, within: float = 90.0, **job: object) -> dict[str, Any]:
        """One session to its end; the keys of `job` are `Job`'s. The answer is josev_car.drive's."""
        self.begin(**job)
        return self.finish(within)

    def begin(self, **job: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def finish(self, within: float = 90.0) -> dict[str, Any]:
        self._done += 1
        self._stack.rig.wait(lambda _: len(self._answers()) > self._done, within, f"answered {self._done} times")
        answer: dict[str, Any] = json.loads(self._answers()[self._done])
        return answer

    def _answers(self) -> list[str]:
        """The first is "ready"."""
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.removeprefix("JOSEV ") for line in lines if line.startswith("JOSEV ")]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture(scope="module")
def josev_at(cable: Cable, pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Stack], Josev]]:
    """Start Josev's EVCC for a station; ended with the module."""
    cars: list[Josev] = []

    def start(stack: Stack) -> Josev:
        cars.append(Josev(cable, stack, pki, tmp_path_factory.mktemp("josev") / "car.log"))
        return cars[-1]

    yield start
    for car in cars:
        car.close()
