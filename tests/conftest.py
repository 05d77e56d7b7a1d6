"""Which tests must not run beside each other, and what is begun first.

Each group keeps one worker, since its tests share ports, plug and times; the groups mostly wait for real processes and
come first, then the workers share everything else. (xdist's own marks for this are lost on pytest 9.2.)
"""

from typing import Any, Final

import pytest
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
