"""Which tests must not run beside each other, and what is begun first.

`pytest -n 3 --dist loadgroup`: each group keeps one worker, since its tests share ports, plug and times; the groups mostly
wait for real processes and come first, then the workers share everything else.
"""

from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
GROUPS: Final = {
    "whole stations": (
        "hil/test_car_",
        "hil/test_demo",
        "hil/test_slac_over_veth.py",
    ),
    "peers": (
        "hal/bringup/",
        "hal/controllers/test_with_guard.py",
        "hal/devices/",
        "hil/test_workbench.py",
        "interop/",
    ),
    "real time": (
        "hil/",
        "systemd/",
        "hal/test_process.py",
        "hal/linux/",
        "firmware/station/test_with_guard.py",
        "firmware/test_main.py",
    ),
}


def _group(item: pytest.Item) -> str | None:
    """The first that names the test's file."""
    place = item.path.relative_to(TESTS).as_posix()
    return next((name for name, places in GROUPS.items() if place.startswith(places)), None)


@pytest.hookimpl(tryfirst=True)  # before the workers read the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = [*GROUPS, None]
    items.sort(key=lambda item: order.index(_group(item)))
    for item in items:
        group = _group(item)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
