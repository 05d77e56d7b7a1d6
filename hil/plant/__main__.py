"""`python -m hil.plant`: the plant in real time with rig control, as a process of its own.

One process and one loop for both, no threads: a fault put in and the step that shows it cannot race. 200 steps a second
cost 1-3 % of a core.
"""

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final, get_args

from hal import realtime
from hal.sim.registers import Registers
from hil.devices.can_line import CanLine
from hil.devices.dc_output import PlantOutput
from hil.devices.power_modules import RACKS
from hil.places import PlaceError, control_socket, held, register_file
from hil.plant.connector import Kind
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


def power_modules(plant: Plant, can_line: Path | None, maker: str) -> contextlib.AbstractContextManager[object]:
    """Five modules for each connector, with addresses from 1 on, in place of the supply that registers command."""
    if can_line is None:
        return contextlib.nullcontext()
    racks = [
        RACKS[maker](PlantOutput(part.registers), tuple(range(5 * number - 4, 5 * number + 1)), max_watts=40_000.0)
        for number, part in plant.connectors.items()
    ]
    return CanLine(can_line, *racks)


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 1 when another plant has the files or they cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m hil.plant", description=__doc__)
    parser.add_argument("--registers", type=Path, help="register file to create (default: the rig's folder)")
    parser.add_argument("--control", type=Path, help="rig-control socket (default: the rig's folder)")
    parser.add_argument("--connectors", type=int, default=1, choices=range(1, 17), metavar="N")
    parser.add_argument("--board", choices=get_args(Kind), default="ac")
    parser.add_argument("--can-line", type=Path, help="make a serial CAN adapter here, with power modules on it")
    parser.add_argument("--power-modules", choices=RACKS, default="infypower", help="whose they are")
    options = parser.parse_args(argv)
    try:
        path = options.registers or register_file()
        control = options.control or control_socket()
        with held(control, path):
            return _serve(
                path, control, options.connectors, options.can_line, options.power_modules, kind=options.board
            )
    except (OSError, PlaceError) as error:
        print(f"plant: {error}", file=sys.stderr)
        return 1


def _serve(path: Path, control: Path, connectors: int, can_line: Path | None, maker: str, *, kind: Kind) -> int:
    """The plant's life; its files are this process' own. Raises OSError when they cannot be made."""
    realtime.raise_process()  # copper waits for nobody: with less than the guard has, a busy machine would make it slow
    plant = Plant(Registers.create(path, connectors), kind=kind)
    try:
        server = RigServer(plant, control)
        try:
            with power_modules(plant, can_line, maker):
                run(plant, server, f"plant ready: {connectors} x {kind}, registers {path}, control {control}")
        finally:
            plant.stutter.aim(None)
            server.close()
    finally:
        path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
