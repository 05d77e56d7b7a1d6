"""Where the rig keeps its sockets and register file: a folder that belongs to this user alone, and one plant to each
socket and register file."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path


class PlaceError(RuntimeError):
    """The folder or a file in it cannot be used; the text says why."""


def runtime_folder() -> Path:
    """Make (mode 0700) and return the rig's folder: in XDG_RUNTIME_DIR, else /run for root, else /tmp.

    Raises PlaceError when somebody else owns the folder: in /tmp anybody could have made it first.
    """
    user = os.getuid()
    xdg = os.environ.get("XDG_RUNTIME_DIR")
    if xdg and os.access(xdg, os.W_OK):
        folder = Path(xdg) / "pilotline"
    elif user == 0 and os.access("/run", os.W_OK):
        folder = Path("/run/pilotline-rig")
    else:
        folder = Path(f"/tmp/pilotline-{user}")  # noqa: S108 - owner and mode are checked below
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o077:
        raise PlaceError(f"{folder} is not a folder of this user alone; remove it or set XDG_RUNTIME_DIR")
    return folder


def control_socket() -> Path:
    """Default place of the rig-control socket."""
    return runtime_folder() / "rig.sock"


def register_file() -> Path:
    """Default place of the simulated board's registers."""
    return runtime_folder() / "board.registers"


@contextlib.contextmanager
def held(*paths: Path) -> Iterator[None]:
    """Keep other plants from these files for as long as the block runs: a lock beside each, which ends with its
    process however that dies. Raises PlaceError where a plant holds one, OSError."""
    with contextlib.ExitStack() as locks:
        for path in paths:
            lock = locks.enter_context(path.with_name(path.name + ".lock").open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PlaceError(f"a plant already runs on {path}; stop it, or choose other files") from None
        yield
