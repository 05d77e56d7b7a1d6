"""The demo end to end: real processes, both cars, the reports. And what it leaves behind when it is killed: nothing."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "hil.demo"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("options", [["--ocpp", "2.0.1"], ["--ocpp", "1.6", "--dc"]], ids=" ".join)
def test_both_cars_charge_and_leave_reports(options: list[str], tmp_path: Path) -> None:
    demo = subprocess.run(
        [*DEMO, "--folder", str(tmp_path / "run"), *options],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    story = demo.stdout
    assert demo.returncode == 0, story[-3000:] + demo.stderr
    assert story.count("contactor closed") == 2
    assert "SessionStop Terminate  ->  OK" in story
    assert "\x1b" not in story, "no escape codes where there is no terminal"
    energies = [float(text) for text in re.findall(r"([\d.]+) Wh, card 04A2B3C4D5E680", story)]
    assert len(energies) == 2
    assert min(energies) > 10.0
    for number in (1, 2):
        report = (tmp_path / "run" / f"session-{number}.html").read_text()
        assert report.startswith("<!doctype html>") or report.startswith("<!DOCTYPE html>")
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_its_processes_die_with_the_demo(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen([*DEMO, "--folder", str(tmp_path)], cwd=TOP, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        said = ""
        while "Car 1 of 2" not in said:
            readable, _, _ = select.select([demo.stdout], [], [], 60.0)
            assert readable, said
            said += demo.stdout.readline()
        assert len(processes_of(tmp_path)) >= 4
        demo.send_signal(number)
        demo.wait(20)
    assert demo.returncode == (-number if number == signal.SIGKILL else 0)
    until = time.monotonic() + 15.0
    while processes_of(tmp_path):
        assert time.monotonic() < until, processes_of(tmp_path)
        time.sleep(0.05)  # the kernel tells a dying parent's children, not us


def test_a_part_that_does_not_start_is_shown_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "rig.sock").mkdir()  # the plant cannot make its socket
    demo = subprocess.run(
        [*DEMO, "--folder", str(tmp_path)], cwd=TOP, capture_output=True, text=True, timeout=60, check=False
    )
    assert demo.returncode == 1
    assert "plant" in demo.stderr
    assert "Is a directory" in demo.stderr


def processes_of(folder: Path) -> list[str]:
    """Command lines that name something in this folder, this process and the demo's own apart."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if str(folder) in command and "hil.demo" not in command:
            found.append(command)
    return found
