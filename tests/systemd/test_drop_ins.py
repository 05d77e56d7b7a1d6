"""Drop-ins of the controller's unit: what SLAC and TLS need is allowed there, little else, and nobody else has it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "pilotline.service"
DROP_INS = SYSTEMD / "pilotline.service.d"

RAW_SOCKET = """
import asyncio, sys
from firmware.v2g.slac.port import PacketPort

async def main():
    PacketPort(sys.argv[1], print).close()
    print("open")

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize(("drop_in", "most"), [("plc.conf", 25), ("tls.conf", 20)])
def test_exposure_with_a_drop_in(tmp_path: Path, drop_in: str, most: int) -> None:
    """`most` in tenths, as systemd-analyze counts."""
    merged = tmp_path / "pilotline.service"
    merged.write_text(UNIT.read_text().replace("[Install]", (DROP_INS / drop_in).read_text() + "\n[Install]"))
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", "--no-pager", str(merged)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_every_drop_in_is_tried() -> None:
    assert {path.name for path in DROP_INS.iterdir()} == {"plc.conf", "tls.conf"}


def test_without_the_drop_in_there_are_no_raw_sockets() -> None:
    lines = UNIT.read_text().splitlines()
    assert "CapabilityBoundingSet=" in lines
    assert "AmbientCapabilities=" in lines
    assert not any("AF_PACKET" in line for line in lines if not line.startswith("#"))


@pytest.mark.privileged
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize("capabilities", ["", "+net_raw"])
def test_an_ordinary_user_needs_just_these_capabilities(tmp_path: Path, capabilities: str) -> None:
    """The raw socket opens with CAP_NET_RAW alone, and says what is missing without it."""
    name = f"d{os.getpid() % 100_000}a"
    subprocess.run(["ip", "link", "add", name, "type", "veth"], check=True, timeout=10)
    try:
        subprocess.run(["ip", "link", "set", name, "up"], check=True, timeout=10)
        grant = ["--inh-caps", f"-all{',' * bool(capabilities)}{capabilities}"]
        grant += ["--ambient-caps", capabilities] if capabilities else []
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *grant]
        done = subprocess.run(
            [*command, sys.executable, "-c", RAW_SOCKET, name], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.stdout == ("open\n" if capabilities else ""), done.stderr
        assert capabilities or "Operation not permitted" in done.stderr
    finally:
        subprocess.run(["ip", "link", "delete", name], check=True, timeout=10)
