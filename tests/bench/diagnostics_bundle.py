"""How long the event loop waits while a diagnostics bundle is made beside it (limit: 20 ms).

    python tests/bench/diagnostics_bundle.py [--whole]     --whole: without the rests, for comparison
A full bundle: 5,000 events, a security log of 10,000 lines, 20 MB of sessions and 10 MB of frame logs. The loop does
what a station's does: a little work and a few system calls every 5 ms.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

from firmware.diagnostics import bundle
from firmware.diagnostics.slices import Slices
from firmware.security.log import Entry
from firmware.station.facts import MeterValues, Sample

TURN_S = 0.005
FRAME = '[2,"0c1e","TransactionEvent",{"eventType":"Updated","timestamp":"2027-01-15T12:00:00Z","seqNo":%d}]'


class Whole(Slices):
    """No rests."""

    def rest(self) -> None:
        pass


def fill(folder: Path) -> bundle.Contents:
    for name, count in (("sessions", 10), ("ocpp", 20)):
        (folder / name).mkdir()
        for number in range(count):
            lines = (json.dumps({"at": n, "frame": FRAME % n, "noise": os.urandom(20).hex()}) for n in range(12_000))
            text = "\n".join(lines)[: 2_000_000 if name == "sessions" else 512 * 1024]
            (folder / name / f"{number}.jsonl").write_text(text)
    sample = Sample(1.8e9, 1000.0, 11_000.0, (230.0,) * 3, (16.0,) * 3)
    events = [MeterValues(at=1.8e9 + n, evse=1, samples=(sample,)) for n in range(5000)]
    security = [Entry(1.8e9 + n, "InvalidMessages", "a frame that is none", False, True) for n in range(10_000)]
    return bundle.Contents({"made": "now"}, events, security, folder / "sessions", folder / "ocpp")


async def turn(gaps: list[float]) -> None:
    """What the loop does, and by how much each turn comes too late."""
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    loop = asyncio.get_running_loop()
    while True:
        due = time.perf_counter() + TURN_S
        await asyncio.sleep(TURN_S)
        for _ in range(4):
            await loop.sock_sendall(one, b"x" * 200)
            await loop.sock_recv(other, 4096)
        json.loads(json.dumps({"a": list(range(100))}))
        gaps.append(time.perf_counter() - due)


async def measure(whole: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        contents = fill(Path(name))
        gaps: list[float] = []
        turning = asyncio.create_task(turn(gaps))
        await asyncio.sleep(1.0)
        idle = max(gaps)
        gaps.clear()
        began = time.perf_counter()
        file = Path(name) / "bundle.tar.gz"
        await asyncio.to_thread(bundle.write, file, contents, Whole() if whole else Slices())
        took = time.perf_counter() - began
        turning.cancel()
        size = file.stat().st_size
    worst, median = max(gaps) * 1e3, statistics.median(gaps) * 1e3
    print(f"bundle of {size / 1e6:.1f} MB in {took:.1f} s: the loop was late by at most {worst:.1f} ms", end=" ")
    print(f"(median {median:.2f} ms; without a bundle at most {idle * 1e3:.1f} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", action="store_true", help="without the rests")
    asyncio.run(measure(parser.parse_args().whole))


if __name__ == "__main__":
    main()
