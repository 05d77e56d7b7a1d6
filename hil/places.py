"""Where the rig keeps its sockets and register file: a folder that belongs to this user alone."""

import os
import stat
from pathlib import Path


class PlaceError(RuntimeError):
    """The folder cannot be used; the text says why."""


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
