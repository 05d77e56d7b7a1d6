"""Which tests must not run beside each other, and what is begun first; the npm back office's folder.

Each group keeps one worker, since its tests share ports, plug and times; the groups mostly wait for real processes and
come first, then the workers share everything else. (xdist's own marks for this are lost on pytest 9.2.)

A guard that gets no processor for 100 ms has lost its contactors to the hardware watchdog, and rightly so. A test in
real time that fails while this machine stood still for half of that is run once more: it has tested the machine.
"""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

GROUPS: Final = {
    "whole stations": (
        "tests/hil/test_car_",
        "tests/hil/test_demo",
        "tests/hil/test_slac_over_veth.py",
    ),
    "peers": (
        "tests/hal/bringup/",
        "tests/hal/controllers/test_with_guard.py",
        "tests/hal/devices/",
        "tests/firmware/ocpp/driver/test_strict_office.py",
        "tests/hil/test_workbench.py",
        "tests/interop/",
    ),
    "real time": (
        "tests/hil/",
        "tests/systemd/",
        "tests/hal/test_process.py",
        "tests/hal/linux/",
        "tests/firmware/station/test_with_guard.py",
        "tests/firmware/test_main.py",
    ),
}

#: Real time too, but they may run beside each other.
ALSO_REAL: Final = (
    "tests/firmware/ocpp/test_killed.py",
    "tests/firmware/v2g/slac/test_data_link.py",
    "tests/hal/controllers/",
    "tests/ocpp/test_campaigns.py",
)


def _group(place: str) -> str | None:
    """The first that names the test's file."""
    return next((name for name, places in GROUPS.items() if place.startswith(places)), None)


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # untyped package
    """One worker for all tests of a group, any for the others."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid) or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = [*GROUPS, None]
    items.sort(key=lambda item: order.index(_group(item.nodeid)))


class Stillness:
    """How long this process was kept waiting at the most, s, since `begin`."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self) -> None:
        self.longest_s = 0.0

    def _watch(self) -> None:
        while True:
            began = time.monotonic()
            time.sleep(WATCH_S)
            self.longest_s = max(self.longest_s, time.monotonic() - began - WATCH_S)


WATCH_S: Final = 0.02
STOOD_STILL_S: Final = 0.05
_stillness: list[Stillness] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Of tests in real time only; whatever else fails, fails."""
    if _group(item.nodeid) is None and not item.nodeid.startswith(ALSO_REAL):
        return None
    if not _stillness:
        _stillness.append(Stillness())
    hooks, still = item.ihook, _stillness[0]
    still.begin()
    hooks.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports) and still.longest_s >= STOOD_STILL_S:
        item.warn(pytest.PytestWarning(f"failed, and the machine stood still for {still.longest_s:.2f} s: once more"))
        item.session._setupstate.teardown_exact(None)  # what the failure has left behind is not what it began with
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        hooks.pytest_runtest_logreport(report=report)
    hooks.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session")
def ocpp_rpc() -> Path:
    """The npm server's folder with its locked packages, installed once (node_modules is not kept in git)."""
    here = Path(__file__).parent / "interop" / "ocpp_rpc"
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI needs {tool}")
            pytest.skip(f"{tool} is not installed")
    lock = here / "node_modules" / ".package-lock.json"
    if not lock.exists() or lock.stat().st_mtime < (here / "package-lock.json").stat().st_mtime:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=here, timeout=180, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return here
