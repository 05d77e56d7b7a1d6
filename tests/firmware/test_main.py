"""`pilotline run` as a process: what it refuses, and the guard it starts: watched, started again, taken over, ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from firmware.own_guard import OwnGuard, began, listener
from hal.sim.registers import Registers
from hil.stack import station_toml

BOARD = Path(__file__).parents[2] / "board-configs" / "sim-ac-type2.toml"
WITHIN_S = 30.0  # processes start on a loaded machine


class Site:
    """A folder with a station file, a simulated board and the runs of `pilotline run` on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.station = folder / "station.toml"
        self.station.write_text(station_toml(folder))
        self.registers = folder / "registers"
        Registers.create(self.registers, 1)
        self.socket = str(folder / "guard.sock")
        self.log = folder / "run.log"
        self.log.touch()
        self.runs: list[subprocess.Popen[bytes]] = []

    def run(self, *options: str, prefix: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        command = [*prefix, sys.executable, "-m", "firmware", "run", "--station", str(self.station), *options]
        with self.log.open("ab") as log:
            self.runs.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))
        return self.runs[-1]

    def with_board(self) -> subprocess.Popen[bytes]:
        before = self.said("controller ready")
        run = self.run("--board", str(BOARD), "--sim", str(self.registers))
        self.until(lambda: self.said("controller ready") > before)
        return run

    def said(self, text: str) -> int:
        return self.log.read_text().count(text)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def guard(self) -> int:
        pid = listener(self.socket)
        assert pid is not None
        return pid

    def stop(self, run: subprocess.Popen[bytes]) -> int:
        run.terminate()
        return run.wait(timeout=WITHIN_S)

    def guard_of_others(self) -> int:
        command = OwnGuard(self.socket, BOARD, self.registers).command
        self.runs.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        self.until(lambda: listener(self.socket) == self.runs[-1].pid)
        return self.runs[-1].pid

    def clear(self) -> None:
        for run in self.runs:
            run.kill()
            run.wait()
        if (pid := listener(self.socket)) is not None:
            os.kill(pid, signal.SIGTERM)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.clear()


def test_without_board_and_without_guard_it_says_what_to_give(site: Site) -> None:
    assert site.run().wait(timeout=WITHIN_S) == 2
    assert site.log.read_text().splitlines() == [
        f"no guard listens at {site.socket}; give --board FILE to start one here, or use --guard attach"
    ]


def test_a_storage_that_cannot_be_made_is_one_line_and_leaves_nothing(site: Site) -> None:
    (site.folder / "storage").write_text("in the way")
    before = {path.name for path in site.folder.iterdir()} | {"run.log"}
    assert site.run("--board", str(BOARD), "--sim", str(site.registers)).wait(timeout=WITHIN_S) == 2
    assert site.log.read_text() == (
        f"cannot write storage {site.folder}/storage: file exists; change [station] storage\n"
    )
    assert {path.name for path in site.folder.iterdir()} == before


def test_a_storage_of_another_user_says_as_whom_to_run(site: Site) -> None:
    (site.folder / "storage").mkdir(mode=0o500)
    mortal = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []  # root without the right to write anywhere
    assert site.run("--board", str(BOARD), prefix=mortal).wait(timeout=WITHIN_S) == 2
    assert "permission denied; change [station] storage or run as user pilotline" in site.log.read_text()


def test_a_board_that_cannot_be_used_ends_the_run_with_the_guards_words(site: Site) -> None:
    assert site.run("--board", str(site.folder / "none.toml")).wait(timeout=WITHIN_S) == 2
    assert "none.toml: cannot be read" in site.log.read_text()
    assert not list(site.folder.glob("guard.sock*"))


def test_an_orderly_stop_ends_the_guard_it_started(site: Site) -> None:
    run = site.with_board()
    assert site.guard()
    assert site.stop(run) == 0
    assert listener(site.socket) is None
    assert not list(site.folder.glob("*.started-by-pilotline"))


def test_a_guard_that_ends_by_itself_is_started_again(site: Site) -> None:
    run = site.with_board()
    first = site.guard()
    os.kill(first, signal.SIGKILL)
    site.until(lambda: site.said("guard started again") == 1 and listener(site.socket) not in (None, first))
    assert site.said(f"the guard started here ended with code {-signal.SIGKILL}") == 1
    assert site.stop(run) == 0
    assert listener(site.socket) is None


def test_the_guard_of_a_crashed_run_is_taken_over_and_ends_with_the_next(site: Site) -> None:
    crashed = site.with_board()
    guard = site.guard()
    crashed.kill()
    crashed.wait()
    assert site.guard() == guard  # it outlives the controller
    run = site.with_board()
    assert site.said(f"the guard of an earlier run (pid {guard}) goes on with this run") == 1
    assert site.stop(run) == 0
    assert listener(site.socket) is None


def test_a_guard_that_others_started_is_left_alone(site: Site) -> None:
    theirs = site.guard_of_others()
    assert site.stop(site.with_board()) == 0
    assert f"a guard (pid {theirs}) runs already: --board is not used" in site.log.read_text()
    assert site.guard() == theirs


def test_a_process_that_has_the_pid_of_a_former_guard_is_not_taken_for_it(site: Site) -> None:
    theirs = site.guard_of_others()
    guard = OwnGuard(site.socket, BOARD, site.registers)
    guard.note.write_text(f'{{"pid": {theirs}, "began": {(began(theirs) or 0) - 1}}}')
    assert guard.begin() is None
    guard.end()
    assert site.guard() == theirs
