"""Which tests must not run beside each other, and what is begun first.

`pytest -n 3 --dist loadgroup`: one worker runs what looks at times, one what starts real processes and mostly waits for
them, the third everything else; both groups come first, since each is longer than its share of the rest.
"""

from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
GROUPS: Final = {
    "whole stations": (
        "hal/devices/",
        "hal/controllers/test_with_guard.py",
        "hal/bringup/",
        "hil/test_car_",
        "hil/test_demo",
        "hil/test_slac_over_veth.py",
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = [*GROUPS, None]
    items.sort(key=lambda item: order.index(_group(item)))
    for item in items:
        group = _group(item)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))
