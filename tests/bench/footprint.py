"""What the station costs a board: start to SDP ready, memory of both processes, idle CPU.

    python tests/bench/footprint.py [--idle SECONDS]

Runs the simulated AC board with ISO 15118-2 and one OCPP dialect connected, as real processes on this machine. PSS is
read from /proc/PID/smaps_rollup, CPU from /proc/PID/stat. The limits are those of the project for a desktop core.
"""

import argparse
import os
import socket
import struct
import tempfile
import time
from pathlib import Path

from hil.stack import Stack, station_toml

SDP_REQUEST = struct.pack("!BBHI", 0x01, 0xFE, 0x9000, 2) + bytes([0x10, 0x00])  # no TLS, TCP
TICKS = os.sysconf("SC_CLK_TCK")


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET6, kind) as probe:
        probe.bind(("::1", 0))
        port: int = probe.getsockname()[1]
        return port


def sdp_answers(port: int, within: float) -> float:
    """Seconds until the first SDP answer; asks every 5 ms."""
    began = time.monotonic()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.005)
        while time.monotonic() - began < within:
            try:
                asking.sendto(SDP_REQUEST, ("::1", port))
                asking.recvfrom(64)
            except OSError:
                continue
            return time.monotonic() - began
    raise SystemExit(f"no SDP answer within {within} s")


def pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--idle", type=float, default=20.0, metavar="SECONDS", help="how long idle CPU is measured")
    idle_s: float = options.parse_args().idle
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdp, csms = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        station = station_toml(
            folder,
            v2g=f'interface = "lo"\nsdp_port = {sdp}',
            ocpp=f'url = "ws://[::1]:{csms}"\nidentity = "BENCH"\nversions = ["2.0.1"]',
        )
        stack = Stack(folder, station)
        try:
            stack.start("csms", ["-m", "hil.csms", "--port", str(csms), "--version", "2.0.1"])
            stack.start_plant()
            stack.start_guard()
            stack.rig.do("plug")  # SDP answers only a plugged-in car
            began = time.monotonic()
            command = ["-m", "firmware", "run", "--guard", "attach", "--station", str(stack.station_file)]
            stack.start("station", command)
            sdp_answers(sdp, within=10)
            ready_s = time.monotonic() - began
            stack.rig.do("unplug", force=True)
            time.sleep(10)  # boot notification, status, first heartbeat are over
            pids = {name: stack.processes[name].pid for name in ("guard", "station")}
            before = {name: cpu_s(pid) for name, pid in pids.items()}
            time.sleep(idle_s)
            cpu = {name: 100 * (cpu_s(pid) - before[name]) / idle_s for name, pid in pids.items()}
            pss = {name: pss_mb(pid) for name, pid in pids.items()}
        finally:
            stack.close()
    rows = [
        ("start to SDP answer, s", f"{ready_s:.2f}", "0.70"),
        ("PSS guard, MB", f"{pss['guard']:.1f}", ""),
        ("PSS controller, MB", f"{pss['station']:.1f}", ""),
        ("PSS both, MB", f"{sum(pss.values()):.1f}", "70"),
        ("idle CPU guard, % of a core", f"{cpu['guard']:.2f}", ""),
        ("idle CPU controller, % of a core", f"{cpu['station']:.2f}", ""),
        ("idle CPU both, % of a core", f"{sum(cpu.values()):.2f}", "2"),
    ]
    print(f"{'figure':34} {'measured':>9} {'limit':>7}")
    for row in rows:
        print(f"{row[0]:34} {row[1]:>9} {row[2]:>7}")


if __name__ == "__main__":
    main()
