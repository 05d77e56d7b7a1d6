"""Guards over boards with a controller of their own: tick lateness with every board slow at once, memory, idle CPU.

    python tests/bench/guard_controllers.py [--seconds N] [--priority P]

Lateness: one guard in this process whose connectors hang on four simulated boards (our wire, chargebyte, Yeti,
OpenEVSE), all answering 5 s late; the simulators are threads of this process too, so they count against it. Then one
guard process per board file for PSS and idle CPU, its simulated board in this process.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hal import realtime
from hal.board import load
from hal.guard import Guard
from hal.ticker import Ticker
from hil.devices.chargebyte_safety import SafetyController
from hil.devices.mcu import Mcu
from hil.devices.openevse import OpenEvse
from hil.devices.plant_values import Trouble
from hil.devices.protobuf_board import ProtobufBoard
from hil.devices.serial_board import SerialBoard, SimulatedController

BOARDS = Path(__file__).parents[2] / "board-configs"
MAKERS: dict[str, tuple[Callable[[], SimulatedController], str]] = {
    "mcu": (Mcu, "pilotline_mcu"),
    "som": (SafetyController, "chargebyte_safety"),
    "yeti": (ProtobufBoard, "cobs_protobuf"),
    "openevse": (OpenEvse, "openevse_rapi"),
}
FILES = {
    "sim-mcu": ("/run/pilotline/tty-mcu", Mcu),
    "raspberry-pi-openevse": ("/dev/ttyAMA0", OpenEvse),
    "belaybox-yeti": ("/dev/ttyAMA0", ProtobufBoard),
}


def all_boards(folder: Path) -> str:
    text = '[board]\nname = "all"\non_guard_death = "mcu_lease"\non_guard_death_source = "bench"\n'
    for number, (name, (_, driver)) in enumerate(MAKERS.items(), 1):
        text += f'[controller.{name}]\ndriver = "{driver}"\nport = "{folder / name}"\n'
        text += (
            f'[[connector]]\nid = {number}\nkind = "cType2"\nmax_current_a = 32\ncable_rating_a = 32\ndigital = false\n'
        )
        for part in ("pilot", "contactor"):
            text += f'[connector.{part}]\ndriver = "controller_{part}"\ncontroller = "{name}"\n'
    return text


class Restless(Guard):
    """A tick every 10 ms, whatever the cars do."""

    @property
    def resting(self) -> bool:
        return False


def lateness(folder: Path, seconds: float, trouble: Trouble, priority: int) -> list[float]:
    lines = [SerialBoard(make(), folder / name) for name, (make, _) in MAKERS.items()]
    for line in lines:
        line.__enter__()
    (folder / "board.toml").write_text(all_boards(folder))
    board = load(folder / "board.toml")
    board.attach()
    late: list[float] = []
    ticker = Ticker(Restless(board, time.monotonic()), priority=priority, late=late.append)
    ticker.start()
    for line in lines:
        line.controller.trouble = trouble
    time.sleep(seconds)
    ticker.stop()
    board.detach()
    for line in lines:
        line.__exit__(None, None, None)
    return sorted(late[10:])


def verdict(value: float, limit: float) -> str:
    return f"{'OK' if value < limit else 'OVER'}, limit {limit:g}"


def footprint(folder: Path, name: str, seconds: float) -> str:
    port, make = FILES[name]
    text = (BOARDS / f"{name}.toml").read_text().replace(port, str(folder / "tty")).replace('reset_line = "GPIO27"', "")
    (folder / "board.toml").write_text(text)
    with SerialBoard(make(), folder / "tty"):
        began = time.monotonic()
        command = [sys.executable, "-m", "hal", "--board", str(folder / "board.toml"), "--socket", str(folder / "s")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        ready = time.monotonic() - began
        time.sleep(1.0)

        def used() -> float:
            tasks = Path(f"/proc/{process.pid}/task").iterdir()
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

        before = used()
        time.sleep(seconds)
        cpu = 100 * (used() - before) / seconds
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        pss_kb = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        process.terminate()
        process.wait(10)
    figures = (("PSS", pss_kb / 1024, 25.0, "MB"), ("idle CPU", cpu, 1.5, "%"), ("start", ready, 0.3, "s"))
    return "  ".join(f"{what} {value:.2f} {unit} ({verdict(value, limit)})" for what, value, limit, unit in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="per condition")
    parser.add_argument("--priority", type=int, default=0, help="SCHED_FIFO priority of the tick thread")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.alone:
        sys.exit(subprocess.call([sys.executable, *sys.argv, "--alone"], start_new_session=True))
    with contextlib.suppress(OSError):  # Linux shares cores out among sessions: those of others do not count here,
        Path("/proc/self/autogroup").write_text("-19")  # to come before them too is what SCHED_FIFO is for
    realtime.raise_process()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for trouble in (Trouble.NONE, Trouble.SLOW, Trouble.DISCONNECT):
            late = lateness(folder, options.seconds, trouble, options.priority)
            picks = [1000 * late[min(len(late) - 1, int(len(late) * share))] for share in (0.5, 0.99, 0.999)]
            what = f"four boards, {trouble or 'no trouble'}"
            print(
                f"{what:28} p50 {picks[0]:.2f}  p99 {picks[1]:.2f}  p99.9 {picks[2]:.2f} ms "
                f"({verdict(picks[2], 5)})  max {late[-1] * 1000:.2f} ms"
            )
        for board in FILES:
            print(f"{board:28} {footprint(folder, board, options.seconds)}")


if __name__ == "__main__":
    main()
