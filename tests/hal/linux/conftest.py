"""A Charge Control C made of files for each test."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.linux_board import LinuxBoard


@pytest.fixture
def world(tmp_path: Path) -> LinuxBoard:
    """A board on the bench; nothing moves until `step` is called."""
    return LinuxBoard(tmp_path)


@pytest.fixture
def running_world(world: LinuxBoard) -> Iterator[LinuxBoard]:
    """The same with its copper alive, in a thread beside the code under test."""
    stop = threading.Event()
    thread = threading.Thread(target=world.run, args=(stop,), daemon=True)
    thread.start()
    yield world
    stop.set()
    thread.join(2)
