"""Which tests must not run beside each other: those that start real processes and look at their times."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# run one after the other by one worker of `pytest -n 2 --dist loadgroup`, while the other does the rest
REAL_TIME = (
    "hil/",
    "interop/",
    "systemd/",
    "hal/test_process.py",
    "hal/linux/",
    "hal/devices/",
    "firmware/station/test_with_guard.py",
    "firmware/test_main.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(TESTS).as_posix().startswith(REAL_TIME):
            item.add_marker(pytest.mark.xdist_group("real time"))
