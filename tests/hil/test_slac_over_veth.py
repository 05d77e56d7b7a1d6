"""SLAC over real interfaces: station, power line and car each in a network namespace of its own, joined by veth pairs.

    station  evse0 --- line0 [hil.plc: two modems, one power line] line1 --- car0  car

Needs root. Times asserted here are only safety limits and patience.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from firmware.v2g.ladder import ladder_of_file
from hil.plc.packets import finish_frames
from hil.rig import JsonObject
from hil.stack import Stack, station_toml

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=10, capture_output=True)


class Line:
    """Three namespaces and the wires between them; `name(part)` is a namespace."""

    def __init__(self) -> None:
        self.tag = f"plc{os.getpid()}"
        self.processes: list[subprocess.Popen[str]] = []

    def name(self, part: str) -> str:
        return self.tag + part

    def prefix(self, part: str) -> list[str]:
        return ["ip", "netns", "exec", self.name(part)]

    def lay(self) -> None:
        for part in ("s", "l", "c"):
            ip("netns", "add", self.name(part))
            ip("-n", self.name(part), "link", "set", "lo", "up")
        for end, other, number in (("evse0", "s", 0), ("car0", "c", 1)):
            here, there = f"{self.tag}a", f"{self.tag}b"
            ip("link", "add", here, "type", "veth", "peer", "name", there)
            finish_frames(here)
            finish_frames(there)
            ip("link", "set", here, "netns", self.name("l"), "name", f"line{number}")
            ip("link", "set", there, "netns", self.name(other), "name", end)
            ip("-n", self.name("l"), "link", "set", f"line{number}", "addrgenmode", "none", "up")
        ip("-n", self.name("c"), "link", "set", "car0", "up")  # evse0 is the station's to bring up

    def start(self, part: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [*self.prefix(part), sys.executable, "-m", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def clear(self) -> None:
        for process in self.processes:
            process.terminate()
            process.wait(timeout=20)
        for part in ("s", "l", "c"):
            subprocess.run(["ip", "netns", "delete", self.name(part)], check=False, timeout=10, capture_output=True)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    try:
        line.lay()
        yield line
    finally:
        line.clear()


def power_line(line: Line, make: str) -> None:
    plc = line.start("l", "hil.plc", "--station", "line0", "--car", "line1", "--make", make)
    assert plc.stdout is not None
    assert json.loads(plc.stdout.readline())["event"] == "ready"


def station(line: Line, folder: Path, make: str, keys: str = "") -> Stack:
    v2g = f'interface = "evse0"\nmodem = "{make}"\n{keys}'
    return Stack(folder, station_toml(folder, v2g=v2g), prefix=line.prefix("s"))


def told(stack: Stack, text: str, within: float = 40.0) -> None:
    until = time.monotonic() + within
    while text not in stack.log("station"):
        assert time.monotonic() < until, f"{text!r} is not in the log:\n{stack.tail('station', 40)}"
        stack.rig.link.pass_time(0.05)


def drive(line: Line, stack: Stack, *arguments: str) -> list[JsonObject]:
    """One car, from arrival to departure; what it told."""
    control = ("--control", str(stack.folder / "rig.sock"), "--patience", "8")
    car = line.start("c", "hil.car", "--interface", "car0", "--slac", *control, *arguments)
    out, _ = car.communicate(timeout=110)
    return [json.loads(text) for text in out.splitlines()]


def facts(stack: Stack) -> list[Any]:
    return [
        json.loads(text)
        for path in sorted((stack.folder / "storage" / "sessions").glob("*.jsonl"))
        for text in path.read_text().splitlines()
    ]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("make", ["simulated", "qca7000"])
def test_a_car_finds_its_plug_and_charges(line: Line, tmp_path: Path, make: str) -> None:
    power_line(line, make)
    with station(line, tmp_path / "station", make, keys="capture = true\n") as stack:
        told(stack, "waiting for the car's SLAC")
        said = drive(line, stack, "--energy-wh", "10", "--pace", "0.2")
        by_event = {each["event"]: each for each in said}
        assert "failed" not in by_event, (by_event["failed"], stack.tail("station", 60))
        assert by_event["matched"]["attempts"] <= 3, "a machine that is late costs one now and then"
        assert by_event["matched"]["attenuation_db"] == pytest.approx(8.0, abs=0.5)
        assert by_event["ended"]["reason"] == "energy reached"
        told(stack, "the PLC modem gets its key")  # the network is left with the session
        told(stack, "waiting for the car's SLAC")
        firmware = {"simulated": "rig 1.0", "qca7000": "MAC-QCA7005-1.1.0.730-04-20140815-FINAL"}[make]
        assert firmware in stack.log("station")
        (capture,) = (stack.folder / "storage" / "captures").iterdir()
        recorded_from_slac_to_tcp([Ether(raw) for raw, _ in RawPcapNgReader(str(capture))])
        assert "SessionStopRes" in ladder_of_file(capture)


def recorded_from_slac_to_tcp(packets: list[Any]) -> None:
    """One car did all of it, in this order; scapy needs no names for SLAC here: tests of frames have them."""
    slac = [bytes(each) for each in packets if each.type == 0x88E1]
    kinds = [int.from_bytes(each[15:17], "little") for each in slac]
    matching = {0x6064, 0x6065, 0x607C, 0x607D}
    assert [each for each in kinds if each in matching] == sorted(matching)
    talk = [each for each in packets if each.type == 0x86DD]
    assert packets.index(talk[0]) > 20
    assert [UDP in each for each in talk[:2]] == [True, True]
    opening = next(each for each in talk if TCP in each)
    assert opening[TCP].flags == "S"
    assert talk[0].src == opening.src == next(Ether(each).src for each in slac if each[15:17] == b"\x64\x60")


@pytest.mark.timeout(150)
def test_the_interface_comes_late_is_brought_up_and_flaps(line: Line, tmp_path: Path) -> None:
    ip("-n", line.name("s"), "link", "set", "evse0", "name", "elsewhere")
    power_line(line, "simulated")
    with station(line, tmp_path / "station", "simulated") as stack:
        told(stack, "no SLAC: interface evse0 does not exist")
        ip("-n", line.name("s"), "link", "set", "elsewhere", "name", "evse0")
        told(stack, "modem 02:50:4C:00:00:01 rig 1.0")  # nobody but the station has set it up
        listed = subprocess.run(
            ["ip", "-n", line.name("s"), "-j", "addr", "show", "evse0"], capture_output=True, text=True, check=True
        )
        addresses = json.loads(listed.stdout)[0]["addr_info"]
        assert {each["scope"] for each in addresses} == {"link"}
        ip("-n", line.name("l"), "link", "set", "line0", "down")  # the carrier goes
        told(stack, "the modem does not answer")
        ip("-n", line.name("l"), "link", "set", "line0", "up")
        before = stack.log("station").count("modem 02:50:4C:00:00:01")
        until = time.monotonic() + 40
        while stack.log("station").count("modem 02:50:4C:00:00:01") == before:
            assert time.monotonic() < until
            stack.rig.link.pass_time(0.05)
        stack.check_alive()


@pytest.mark.timeout(180)
def test_a_power_line_that_dies_opens_the_contactor_and_the_next_try_is_matched(line: Line, tmp_path: Path) -> None:
    power_line(line, "qca7000")
    with station(line, tmp_path / "station", "qca7000") as stack:
        told(stack, "waiting for the car's SLAC")
        control = ("--control", str(stack.folder / "rig.sock"), "--patience", "8", "--pace", "0.2")
        car = line.start("c", "hil.car", "--interface", "car0", "--slac", "--stay", *control)
        stack.rig.wait("charging", within=40)
        line.processes[0].terminate()
        line.processes[0].wait(timeout=20)
        stack.rig.wait(lambda seen: not seen["closed"], 20)
        told(stack, "SLAC failed: the modem does not answer")
        told(stack, "car shall let go")
        assert "digital session" in stack.log("station")
        car.communicate(timeout=60)  # it has found out by itself
        power_line(line, "qca7000")
        told(stack, "waking the car up")
        said = drive(line, stack, "--energy-wh", "5", "--pace", "0.2", "--digital-within", "40")
        events = {each["event"]: each for each in said}
        assert "matched" in events, (said, stack.tail("station", 60))
        assert events["ended"]["reason"] == "energy reached"
