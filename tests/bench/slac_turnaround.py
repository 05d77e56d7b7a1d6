"""How fast the station answers a car's SLAC: `python tests/bench/slac_turnaround.py [matchings]` (root: a veth pair).

From the last frame that an answer needs, as it leaves one end of a veth pair, to the answer back there: kernel, event
loop and protocol. ISO 15118-3 allows 100 ms; ours are to be 5 ms (CM_ATTEN_CHAR.IND) and 2 ms (CM_SLAC_MATCH.CNF).
"""

import asyncio
import logging
import os
import socket
import statistics
import subprocess
import sys
import time

from firmware.config import V2gSettings
from firmware.station.clock import SystemClock
from firmware.station.facts import AnyFact
from firmware.v2g.data_link import DataLink
from firmware.v2g.evse_link import Link, Matching, Phase
from hil.plc import mme

CAR, MODEM = bytes.fromhex("02c0ffee0001"), bytes.fromhex("02504c0000aa")


class Desk:
    """A station that only counts what it is told."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.told = 0

    def emit(self, fact: AnyFact) -> None:
        self.told += 1


async def answer(wire: socket.socket, frame: bytes, kind: int) -> tuple[bytes, float]:
    """Send, and wait for the answer of this kind; it and the milliseconds it took."""
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    wire.send(frame)
    while True:
        data = await loop.sock_recv(wire, 2000)
        if mme.kind_of(data) == kind:
            return data, (time.perf_counter() - begin) * 1e3


async def modem(wire: socket.socket, host: bytes) -> None:
    """Answer what a new data link asks its modem."""
    loop = asyncio.get_running_loop()
    while True:
        data = await loop.sock_recv(wire, 2000)
        if mme.kind_of(data) == mme.SET_KEY_REQ:
            wire.send(mme.set_key_cnf(host, MODEM))
            return
        if mme.kind_of(data) == 0xA000:
            wire.send(mme.build(host, MODEM, 0xA001, bytes.fromhex("02504c01") + b"bench\0", mmv=0))


async def measure(here: str, there: str, matchings: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"CM_SLAC_PARM.CNF": [], "CM_ATTEN_CHAR.IND": [], "CM_SLAC_MATCH.CNF": []}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK) as wire:
        wire.bind((there, 0x88E1))
        link = DataLink(Desk(), 1, V2gSettings(evse=1, interface=here, modem="simulated"), lambda: None)
        link.look()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as own:
            own.bind((here, 0))
            host: bytes = own.getsockname()[4]
        for number in range(matchings):
            run = number.to_bytes(8, "big")
            await modem(wire, host)
            while link.matching is not Matching.WAITING:  # noqa: ASYNC110 - outside what is measured
                await asyncio.sleep(0.001)
            link.follow(Link(Phase.OFFER), "B")
            _, ms = await answer(wire, mme.slac_parm_req(CAR, run), mme.SLAC_PARM_CNF)
            took["CM_SLAC_PARM.CNF"].append(ms)
            wire.send(mme.start_atten_char_ind(CAR, run, 10, 6))
            for sound in range(10):
                wire.send(mme.mnbc_sound_ind(CAR, run, 9 - sound, bytes(16)))
                profile = mme.atten_profile_ind(host, MODEM, CAR, bytes([12]) * 58)
                if sound < 9:
                    wire.send(profile)
                    await asyncio.sleep(0.002)
            _, ms = await answer(wire, profile, mme.ATTEN_CHAR_IND)
            took["CM_ATTEN_CHAR.IND"].append(ms)
            wire.send(mme.atten_char_rsp(host, CAR, run))
            await asyncio.sleep(0.005)
            _, ms = await answer(wire, mme.slac_match_req(host, CAR, run), mme.SLAC_MATCH_CNF)
            took["CM_SLAC_MATCH.CNF"].append(ms)
            link.follow(Link(Phase.UNPLUGGED), "A")
        link.close("done")
    return took


def main() -> None:
    logging.disable()
    here, there = f"b{os.getpid() % 100_000}a", f"b{os.getpid() % 100_000}b"
    subprocess.run(["ip", "link", "add", here, "type", "veth", "peer", "name", there], check=True, timeout=10)
    try:
        for end in (here, there):
            subprocess.run(["ip", "link", "set", end, "addrgenmode", "none", "up"], check=True, timeout=10)
        took = asyncio.run(measure(here, there, int(sys.argv[1]) if len(sys.argv) > 1 else 200))
    finally:
        subprocess.run(["ip", "link", "delete", here], check=True, timeout=10)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, times in took.items():
        times.sort()
        p99 = times[int(len(times) * 0.99) - 1]
        print(f"{name:20} n={len(times)} median {statistics.median(times):.2f} p99 {p99:.2f} max {times[-1]:.2f} ms")


if __name__ == "__main__":
    main()
