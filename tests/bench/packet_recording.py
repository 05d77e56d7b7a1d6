"""Bench: what recording packets costs the station's loop, and whether Wireshark likes the files.

`python tests/bench/packet_recording.py [--seconds 5] [--folder DIR] [FILE.pcapng ...]`: a ticker in the loop says how
late it wakes, without recording, with a busy session being recorded to DIR (a disk of your choice), and with a disk
that takes nothing. Then tshark, where it is installed (apt-get install tshark), reads the file made here, or those
named: checksums, sequence numbers, dissection; one line each. Target: nothing holds the loop longer than 2 ms.
"""

import argparse
import asyncio
import gc
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from firmware.station.clock import SystemClock
from firmware.v2g.recording.file import Bounds
from firmware.v2g.recording.recorder import PacketRecorder
from firmware.v2g.recording.stream import Stream
from firmware.v2g.recording.tap import NO_STREAM, Place, StreamTap
from firmware.v2g.recording.writer import Told

TARGET_MS: Final = 2.0
TICK_S: Final = 0.002
CAR, STATION = Place("fe80::211:22ff:fe33:4455", 50000), Place("fe80::2", 60000)
MESSAGE: Final = bytes(range(256)) * 2  # a request or answer of the loop under TLS
CERTIFICATES: Final = bytes(6000)  # the largest there are
BOUNDS: Final = Bounds(file_bytes=1_000_000_000, total_bytes=1_000_000_000)  # no hole in the file for tshark to find
TSHARK: Final = ("-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")


def milliseconds(samples: list[float]) -> str:
    ordered = sorted(samples)
    at = (len(ordered) // 2, len(ordered) * 99 // 100, len(ordered) - 1)
    return "  ".join(f"{1000 * ordered[index]:8.3f}" for index in at)


async def busy(stream: StreamTap, seconds: float) -> tuple[list[float], list[float]]:
    """Ten messages each 2 ms, 50 times what the fastest car says; how late the loop woke, what a call took."""
    late, calls = [], []
    gc.collect()
    gc.freeze()
    due = time.monotonic() + TICK_S
    end = due + seconds
    number = 0
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late.append(time.monotonic() - due)
        for _ in range(5):
            number += 1
            data = CERTIFICATES if number % 100 == 0 else MESSAGE
            before = time.perf_counter()
            stream.received(data, time.monotonic())
            middle = time.perf_counter()
            stream.sent(data)
            calls += [middle - before, time.perf_counter() - middle]
        due = max(due + TICK_S, time.monotonic())
    return late, calls


async def measure(folder: Path, seconds: float) -> Path | None:
    told: list[Told] = []
    print(f"{'':34} {'median':>8}  {'p99':>8}  {'worst':>8}  ms")
    late, _ = await busy(NO_STREAM, seconds)
    print(f"{'loop wakes late, not recording':34} {milliseconds(late)}")
    for name, prepare in (("recording", PacketRecorder.start), ("disk takes nothing", lambda recorder: None)):
        recorder = PacketRecorder(folder, 1, "lo", clock=SystemClock(), told=told.append, bounds=BOUNDS)
        await record(name, recorder, prepare, seconds)
    ended = [each for each in told if each.kind == "Ended"]
    for each in ended:
        print(f"{each.file}: {each.packets} packets, {each.size} bytes, {each.left_out} left out {each.reason}")
    return folder / ended[0].file if ended and ended[0].file else None


async def record(
    name: str, recorder: PacketRecorder, prepare: Callable[[PacketRecorder], None], seconds: float
) -> None:
    prepare(recorder)
    recorder.begin()
    stream: Stream = recorder.stream()
    stream.opened(CAR, STATION)
    late, calls = await busy(stream, seconds)
    stream.lost(None)
    print(f"{'loop wakes late, ' + name:34} {milliseconds(late)}")
    print(f"{'one call of the tap, ' + name:34} {milliseconds(calls)}")
    print(f"{'':34} {'within' if max(calls) * 1000 < TARGET_MS else 'ABOVE'} {TARGET_MS} ms in a call")
    await recorder.stop()


def read_by_tshark(path: Path) -> bool:
    """One line: what Wireshark's engine finds wrong, or nothing."""
    command = ["tshark", *TSHARK, "-r", str(path), "-q", "-z", "expert,warn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    complaints = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    good = done.returncode == 0 and not complaints
    print(f"tshark, {path.name}: {'nothing to complain' if good else '; '.join(complaints) or done.stderr.strip()}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.pcapng")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, help="where to record; default: a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        files: list[Path] = arguments.files
        if not files:
            made = asyncio.run(measure(Path(folder), arguments.seconds))
            files = [made] if made is not None else []
        if shutil.which("tshark") is None:
            print("tshark is not installed: the files were not read")
            return 0
        return 0 if {read_by_tshark(path) for path in files} <= {True} else 1


if __name__ == "__main__":
    sys.exit(main())
