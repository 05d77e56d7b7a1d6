"""Drop-ins of the guard's unit: serial lines, card readers, the station's own network, each little, where asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "pilotline-hal.service"
DROP_INS = sorted((SYSTEMD / "pilotline-hal.service.d").iterdir())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda path: path.name)
def test_exposure_with_a_drop_in_is_at_most_2_2(tmp_path: Path, drop_in: Path) -> None:
    merged = tmp_path / "pilotline-hal.service"
    merged.write_text(UNIT.read_text().replace("[Install]", drop_in.read_text() + "\n[Install]"))
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=22", "--no-pager", str(merged)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_without_them_the_guard_has_neither_lines_nor_network() -> None:
    lines = [line for line in UNIT.read_text().splitlines() if not line.startswith("#")]
    assert "DevicePolicy=closed" in lines and "IPAddressDeny=any" in lines
    assert not any("tty" in line or "AF_INET" in line for line in lines)


def test_card_readers_bring_their_two_kinds_of_devices_and_groups_that_exist() -> None:
    """A unit that names a group nobody has does not start: `input` is systemd's own, `i2c` is made by sysusers.d."""
    lines = (SYSTEMD / "pilotline-hal.service.d/readers.conf").read_text().splitlines()
    assert [line for line in lines if line.startswith("DeviceAllow=")] == [
        "DeviceAllow=char-input r",  # typing readers: hal/drivers/hid_reader.py opens them to read
        "DeviceAllow=char-i2c rw",
    ]
    (groups,) = [line.partition("=")[2].split() for line in lines if line.startswith("SupplementaryGroups=")]
    made = [
        line.split()[1] for line in (SYSTEMD / "sysusers.d/pilotline.conf").read_text().splitlines() if line[0] == "g"
    ]
    assert set(groups) - {"input"} <= set(made)
    assert 'SUBSYSTEM=="i2c-dev", GROUP="i2c"' in (SYSTEMD / "udev/60-pilotline.rules").read_text()
    assert "char-input" not in UNIT.read_text() and "char-i2c" not in UNIT.read_text()


def test_the_network_is_the_stations_own() -> None:
    """Nothing that a router of the internet passes on."""
    text = (SYSTEMD / "pilotline-hal.service.d/network.conf").read_text()
    (allowed,) = [line.partition("=")[2] for line in text.splitlines() if line.startswith("IPAddressAllow=")]
    own = {"localhost", "link-local", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
    assert set(allowed.split()) == own
