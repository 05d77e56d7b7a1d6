"""`python -m hil.plant`: the plant in real time with rig control, as a process of its own."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from hal.sim.registers import Registers
from hil.places import PlaceError, control_socket, held, register_file
from hil.plant.plant import Plant
from hil.plant.rig_server import RigServer

STEP_S: Final = 0.005
LONGEST_GAP_S: Final = 0.5  # after a stop of the machine, time is not made up beyond this


def run(plant: Plant, server: RigServer, ready: str) -> None:
    """Step the plant with the monotonic clock until SIGTERM or SIGINT; `ready` is said once both are heard."""
    running = True

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(ready, flush=True)
    stepped = time.monotonic()
    while running:
        server.serve(stepped + STEP_S - time.monotonic())
        now = time.monotonic()
        if now - stepped >= STEP_S * 0.9:
            plant.step(min(now - stepped, LONGEST_GAP_S))
            stepped = now


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 1 when another plant has the files or they cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m hil.plant", description=__doc__)
    parser.add_argument("--registers", type=Path, help="register file to create (default: the rig's folder)")
    parser.add_argument("--control", type=Path, help="rig-control socket (default: the rig's folder)")
    parser.add_argument("--connectors", type=int, default=1, choices=range(1, 17), metavar="N")
    parser.add_argument("--board", choices=("ac", "dc"), default="ac")
    options = parser.parse_args(argv)
    try:
        path = options.registers or register_file()
        control = options.control or control_socket()
        with held(control, path):
            return _serve(path, control, options.connectors, dc=options.board == "dc")
    except (OSError, PlaceError) as error:
        print(f"plant: {error}", file=sys.stderr)
        return 1


def _serve(path: Path, control: Path, connectors: int, *, dc: bool) -> int:
    """The plant's life; both files are this process' own. Raises OSError when they cannot be made."""
    plant = Plant(Registers.create(path, connectors), dc=dc)
    try:
        server = RigServer(plant, control)
        try:
            kind = "dc" if dc else "ac"
            run(plant, server, f"plant ready: {connectors} x {kind}, registers {path}, control {control}")
        finally:
            server.close()
    finally:
        path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
