"""The unit files start something that exists, in a tight sandbox, with the watchdog rules of the guard."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.cli import parser

TOP = Path(__file__).parents[2]
SYSTEMD = TOP / "systemd"
UNITS = ("pilotline-hal.service", "pilotline.service")

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def settings(unit: str) -> dict[str, list[str]]:
    """Every assignment of a unit file, in order."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (SYSTEMD / unit).read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def here(command: str) -> list[str]:
    """A command of a unit with the installed interpreter replaced by the one that runs the tests."""
    first, *rest = command.split()
    assert first.startswith("/opt/pilotline/bin/")
    name = Path(first).name
    return [sys.executable if name == "python3" else str(Path(sys.executable).with_name(name)), *rest]


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_exposure_is_at_most_2_0(unit: str) -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", SYSTEMD / unit)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


@needs_systemd
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (SYSTEMD / unit).read_text()
        for command in settings(unit)["ExecStart"]:
            text = text.replace(command, " ".join(here(command)))
        (tmp_path / unit).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(tmp_path / unit for unit in UNITS))
    ours = [line for line in done.stderr.splitlines() if "pilotline" in line]
    assert done.returncode == 0, done.stderr
    assert ours == []


def test_the_controllers_command_line_is_one_it_takes() -> None:
    program, *arguments = here(settings("pilotline.service")["ExecStart"][0])
    assert Path(program).exists()
    parsed = parser({}).parse_args(arguments)
    assert (parsed.board, parsed.station) == (Path("/etc/pilotline/board.toml"), Path("/etc/pilotline/station.toml"))
    assert parsed.guard == "attach"  # never start a guard in the controller's sandbox


def test_the_guard_dies_fast_comes_back_and_is_cleaned_up_after_without_python() -> None:
    guard = settings("pilotline-hal.service")
    assert guard["Type"] == ["notify"]
    assert guard["WatchdogSec"] == ["500ms"]
    assert guard["WatchdogSignal"] == ["SIGKILL"]
    assert (guard["Restart"], guard["RestartSec"], guard["StartLimitIntervalSec"]) == (["always"], ["100ms"], ["0"])
    interpreter, script, _ = guard["ExecStopPost"][0].split()
    assert interpreter == "/bin/sh"
    assert (SYSTEMD / Path(script).name).read_text().startswith("#!/bin/sh\n")


def test_the_controller_restarts_alone() -> None:
    controller = settings("pilotline.service")
    assert not {"Requires", "Requisite", "BindsTo", "PartOf", "Upholds"} & set(controller)
    assert controller["Type"] == ["notify"]
    assert (controller["Restart"], controller["RestartSec"]) == (["always"], ["100ms"])
    assert "PartOf" not in settings("pilotline-hal.service")


@pytest.mark.parametrize("unit", UNITS)
def test_users_of_the_units_exist_and_share_the_socket_folder(unit: str) -> None:
    users = (SYSTEMD / "sysusers.d/pilotline.conf").read_text()
    user = settings(unit)["User"][0]
    assert re.search(rf"^u\s+{user}\s", users, re.MULTILINE)
    for group in settings(unit).get("SupplementaryGroups", [""])[0].split():
        assert re.search(rf"^m\s+{user}\s+{group}$", users, re.MULTILINE)
    assert "/run/pilotline" in settings(unit)["ReadWritePaths"]


@needs_systemd
@needs_root
def test_users_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc/pilotline").mkdir(parents=True)
    (tmp_path / "etc/pilotline/station.toml").write_text("")
    made = run("systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "sysusers.d/pilotline.conf")
    assert made.returncode == 0, made.stderr
    users = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    assert {"pilotline", "pilotline-hal"} <= users
    groups = {line.split(":")[0]: line for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert "pilotline-hal" in groups["gpio"]
    assert "pilotline-hal" in groups["pilotline"].rsplit(":", 1)[1]
    made = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", SYSTEMD / "tmpfiles.d/pilotline.conf")
    assert made.returncode == 0, made.stderr
    folder = (tmp_path / "run/pilotline").stat()
    assert oct(folder.st_mode & 0o7777) == "0o3770"
    assert f":{folder.st_gid}:" in groups["pilotline"]
    assert oct((tmp_path / "etc/pilotline/station.toml").stat().st_mode & 0o777) == "0o640"


def test_the_guards_command_line_is_one_it_takes() -> None:
    """The interpreter runs isolated (-I), so hal must be installed, not merely lie beside us."""
    command = here(settings("pilotline-hal.service")["ExecStart"][0])
    board = command.index("/etc/pilotline/board.toml")
    command[board] = str(TOP / "board-configs" / "chargebyte-charge-control-c.toml")
    assert command[command.index("--socket") + 1] == "/run/pilotline/guard.sock"
    assert command[command.index("--user") + 1] == settings("pilotline.service")["User"][0]
    done = run(*command, "--check")
    assert done.returncode == 0, done.stderr
    assert "chargebyte Charge Control C" in done.stdout


def test_only_what_a_restart_cannot_mend_ends_the_guard(tmp_path: Path) -> None:
    """A wrong board file is status 2, which the unit does not restart; hardware that is not there yet is another."""
    assert settings("pilotline-hal.service")["RestartPreventExitStatus"] == ["2"]
    text = (TOP / "board-configs" / "chargebyte-charge-control-c.toml").read_text()
    wrong, early = tmp_path / "wrong.toml", tmp_path / "early.toml"
    wrong.write_text(text.replace("sysfs_pwm_pilot", "sysfs_pwn_pilot"))
    early.write_text(text.replace("[linux]\n", f'[linux]\nsysfs = "{tmp_path}"\ndev = "{tmp_path}"\n', 1))
    socket = str(tmp_path / "guard.sock")
    done = run(sys.executable, "-m", "hal", "--board", wrong, "--socket", socket)
    assert (done.returncode, "did you mean sysfs_pwm_pilot?" in done.stderr) == (2, True)
    done = run(sys.executable, "-m", "hal", "--board", early, "--socket", socket)
    assert (done.returncode, "no PWM 2084000.pwm" in done.stderr) == (3, True)
