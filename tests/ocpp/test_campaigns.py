"""The campaigns, small: their own commands with few kills, few transactions, few ways to misbehave. Their figures come
from the long runs."""

import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGNS = Path(__file__).parents[1] / "campaigns"


@pytest.mark.timeout(220)
@pytest.mark.ocpp("2.0.1:E04.FR.01", "2.0.1:E01.FR.07")
def test_kills_at_any_moment_lose_nothing_and_double_nothing() -> None:
    command = [sys.executable, str(CAMPAIGNS / "crash_matrix.py"), "--version", "2.0.1", "--kills", "11"]
    done = subprocess.run([*command, "--transactions", "4"], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all rules hold" in done.stdout


@pytest.mark.timeout(120)
def test_a_backlog_is_delivered_whole() -> None:
    command = [sys.executable, str(CAMPAIGNS / "week_offline.py"), "--transactions", "3", "--samples", "60"]
    done = subprocess.run([*command, "--version", "1.6"], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'StopTransaction': 3" in done.stdout


@pytest.mark.timeout(220)
def test_a_misbehaving_back_office_stops_nobody_and_fills_no_memory() -> None:
    command = [sys.executable, str(CAMPAIGNS / "bad_back_office.py"), "--together", "--seconds", "3"]
    command += ["--case", "1,000 calls/s unread", "--case", "garbage"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| holds |") == 2
