"""A pseudo terminal as a wire: what is written at one end comes out at the other, byte for byte. A simulated device
holds the far end, the driver opens the near one by its name."""

import os
import tty
from pathlib import Path
from typing import NamedTuple


class Terminal(NamedTuple):
    """Both ends, held open so that a driver may come and go; `name` is the port."""

    far: int
    near: int
    name: str


def open_terminal(*, waits: bool = True) -> Terminal:
    """`waits` False: whoever writes at the far end is not held up by a driver that does not read. Raises OSError."""
    far, near = os.openpty()
    tty.setraw(near)
    os.set_blocking(far, waits)
    return Terminal(far, near, os.ttyname(near))


def lead_to(terminal: Terminal, link: Path) -> None:
    """Let `link` be the port's stable name, as udev gives one to an adapter: replaced whole, whatever was there."""
    fresh = link.with_suffix(f".{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(terminal.name)
    fresh.replace(link)
