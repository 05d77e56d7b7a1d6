"""How long a contactor stays closed after the guard has died: measured on the board itself, by killing a process that
holds it closed. `line_release` is only believed when this says so.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from hal.bringup.trial import Step
from hal.contracts import DeviceError, Place
from hal.parts import Board

LIMIT_S: Final = 1.0
_READY_S: Final = 10.0

_HOLD = """
import sys, time
from pathlib import Path
from hal.board import load
board = load(Path(sys.argv[1]))
board.attach(Path(sys.argv[4]) if len(sys.argv) > 4 else None)
driver = next(c for c in board.connectors if c.settings.id == int(sys.argv[2])).parts[sys.argv[3]].driver
feeders = [p["watchdog"].driver for p in (board.parts, *(c.parts for c in board.connectors)) if "watchdog" in p]
driver.close()
until = time.monotonic() + 0.6
while not driver.closed() and time.monotonic() < until:
    [feeder.feed() for feeder in feeders]
    time.sleep(0.01)
print("closed" if driver.closed() else "not closed", flush=True)
while True:
    [feeder.feed() for feeder in feeders]
    time.sleep(0.01)
"""


def measure(path: Path, board: Board, connector: int, name: str, registers: Path | None = None) -> Step:
    """Close by another process, SIGKILL it, and time the mirror contact. `name`: the contactor's section; `board` must
    not be attached."""
    part = next(each for each in board.connectors if each.settings.id == connector).parts[name]
    arguments = [str(path), str(connector), name, *([str(registers)] if registers else [])]
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, *arguments], stdout=subprocess.PIPE, text=True)  # noqa: S603
    what = f"opens after the guard is killed ({board.settings.on_guard_death})"
    limit = f"{LIMIT_S * 1000:.0f} ms"

    def step(result: str, measured: str = "") -> Step:
        return Step(connector, name, what, result, measured, limit)

    try:
        said = _first_line(holder)
        if said != "closed":
            return step("failed", said or "the holding process did not start")
        os.kill(holder.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        holder.wait()
        linux = board.linux
        place = Place(connector, name, registers or board.registers, Path(linux.sysfs), Path(linux.dev))
        look = getattr(part.driver, "watch_mirror", None)
        if look is None:
            return step("skipped: its mirror contact cannot be read without its coil")
        with look(place) as closed:  # the mirror contact only: attaching the coil's line would open it
            while time.monotonic() - killed_at < LIMIT_S:
                if not closed():
                    return step("ok", f"{(time.monotonic() - killed_at) * 1000:.0f} ms")
                time.sleep(0.002)
        return step("failed", "still closed")
    except DeviceError as error:
        return step("failed", str(error))
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
        _open_again(board, registers)


def _open_again(board: Board, registers: Path | None) -> None:
    """A board that did not open by itself is opened now: taking it puts every part into its safe state."""
    try:
        board.attach(registers)
    except DeviceError:
        return  # said already: the trial before this took it
    board.detach()


def _first_line(process: "subprocess.Popen[str]") -> str:
    import select  # noqa: PLC0415

    if process.stdout is None or not select.select([process.stdout], [], [], _READY_S)[0]:
        return ""
    return process.stdout.readline().strip()
