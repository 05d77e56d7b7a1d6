"""What the guard costs on real kinds of boards, and how late its tick is while every device on them fails slowly.

    python tests/bench/guard_hardware.py [--seconds N]

GPIO board: a Charge Control C made of files. Modbus board: one RS-485 bus with a meter. HTTP board: a DC meter. CAN
board: five power modules that are asked 20 times a second.
Each guard is a process of its own; PSS from smaps_rollup, CPU from /proc/PID/stat. Lateness: a guard of this process
with four connectors whose meters are, one each, silent, seconds late, sending garbage, and gone; the devices are
served by another process.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hal.board import load
from hal.guard import Guard
from hal.sim.registers import Registers
from hal.ticker import Ticker
from hil.devices.can_line import CanLine
from hil.devices.dc_output import BenchOutput
from hil.devices.http_meters import LemDcbm
from hil.devices.modbus_meters import MeterRegisters
from hil.devices.modbus_slave import Device, Slaves
from hil.devices.plant_values import PlantValues, Trouble
from hil.devices.power_modules import InfyModules
from hil.linux_board import LinuxBoard

HEAD = """
[board]
name = "bench"
on_guard_death = "hardware_watchdog"
on_guard_death_source = "bench"
[sim]
registers = "{registers}"
[watchdog]
driver = "sim_watchdog"
{buses}
"""
CONNECTOR = """
[[connector]]
id = {id}
kind = "cType2"
max_current_a = 32
cable_rating_a = 32
[connector.pilot]
driver = "sim_pilot"
[connector.contactor]
driver = "sim_contactor"
[connector.meter]
{meter}
"""


def can_board(folder: Path, line: Path) -> Path:
    registers = folder / "registers"
    slots = Registers.create(registers).connector(1)
    slots["cp_high_mv"] = slots["cp_low_mv"] = 12_000.0
    text = (Path(__file__).parents[2] / "board-configs" / "sim-dc-can.toml").read_text()
    path = folder / "can.toml"
    path.write_text(
        text.replace("/run/pilotline/power.can", str(line)).replace("/run/pilotline/sim.registers", str(registers))
    )
    return path


def serve(troubles: list[Trouble]) -> None:
    """Devices with a trouble each until standard input ends; prints their [bus] sections and meter sections."""
    with contextlib.ExitStack() as stack:
        for number, trouble in enumerate(troubles, 1):
            plant = PlantValues(trouble=trouble)
            if trouble is Trouble.SLOW:
                plant = PlantValues(voltage_v=[400.0], current_a=[10.0], trouble=trouble)
                lem = LemDcbm(plant)
                stack.enter_context(lem)
                print(f"|driver = 'lem_dcbm'~host = '{lem.host}'~timeout_s = 5")
                continue
            registers = MeterRegisters("eastron_sdm630", plant)
            device = Device(1, lambda function, registers=registers: registers.now(), plant=plant)  # type: ignore[misc]
            line = stack.enter_context(Slaves(device))
            bus = line.board_toml(f"bus{number}").replace("\n", "~")
            print(f"{bus}|driver = 'modbus_meter'~model = 'eastron_sdm630'~bus = 'bus{number}'~address = 1")
        sys.stdout.flush()
        sys.stdin.read()


@contextlib.contextmanager
def devices(troubles: list[Trouble]) -> Iterator[list[tuple[str, str]]]:
    """(bus section, meter keys) of each."""
    command = [sys.executable, __file__, "--serve", *(trouble.name for trouble in troubles)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    lines = [child.stdout.readline().strip().replace("~", "\n").split("|") for _ in troubles]
    try:
        yield [(line[0], line[1]) for line in lines]
    finally:
        child.stdin.close()
        child.wait(10)


def sim_board(folder: Path, sections: list[tuple[str, str]]) -> Path:
    registers = folder / "registers"
    made = Registers.create(registers, len(sections))
    for number in range(1, len(sections) + 1):
        slots = made.connector(number)
        slots["cp_high_mv"] = slots["cp_low_mv"] = 12_000.0
    text = HEAD.format(registers=registers, buses="".join(bus for bus, _ in sections))
    text += "".join(CONNECTOR.format(id=number, meter=keys) for number, (_, keys) in enumerate(sections, 1))
    path = folder / "board.toml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def acting(linux: LinuxBoard) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=linux.run, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure(name: str, board: Path, folder: Path, seconds: float, limit_mb: int) -> None:
    starts = []
    for _ in range(5):
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "hal", "--board", str(board), "--socket", str(folder / "sock")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        if not process.stdout.readline().startswith("guard ready"):
            raise SystemExit(f"{name}: the guard did not start")
        starts.append(time.monotonic() - began)
        if len(starts) < 5:
            process.terminate()
            process.wait(20)
    time.sleep(2.0)

    def used() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(seconds)
    cpu = 100 * (used() - before) / seconds
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    process.terminate()
    process.wait(20)
    start = statistics.median(starts)
    print(f"{name:22} PSS {pss:5.1f} MB (limit {limit_mb})  idle CPU {cpu:4.2f} % (1.5)  start {start:4.2f} s (0.3)")


def lateness(board_file: Path, seconds: float) -> None:
    board = load(board_file)
    board.attach()
    guard = Guard(board, time.monotonic())
    late: list[float] = []
    guard.start_workers()
    ticker = Ticker(guard, late=late.append)
    ticker.start()
    time.sleep(seconds)
    ticker.stop()
    guard.stop_workers()
    board.detach()
    late = sorted(late[10:])
    picks = [late[min(len(late) - 1, int(len(late) * share))] * 1000 for share in (0.5, 0.99, 0.999)]
    print(f"all devices failing: late p50 {picks[0]:.2f}  p99 {picks[1]:.2f}  p99.9 {picks[2]:.2f} ms (limit 5)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="per figure")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve([Trouble[name] for name in options.serve])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        linux = LinuxBoard(folder / "linux")
        gpio = folder / "gpio.toml"
        gpio.write_text(linux.board_text())
        with acting(linux):  # what copper does, in this process: the guard shows X1 and must see a car, or none
            measure("GPIO, no car", gpio, folder, options.seconds, 25)
            linux.car, linux.cable = "B", 32
            measure("GPIO, car waiting", gpio, folder, options.seconds, 25)
        with devices([Trouble.NONE]) as sections:
            measure("Modbus", sim_board(folder, sections), folder, options.seconds, 35)
        with CanLine(folder / "line", InfyModules(BenchOutput(), (1, 2, 3, 4, 5))) as line:
            measure("CAN, 5 modules", can_board(folder, line.channel), folder, options.seconds, 35)
        with LemDcbm(PlantValues(voltage_v=[231.0], current_a=[0.0])) as lem:
            keys = [("", f'driver = "lem_dcbm"\nhost = "{lem.host}"')]
            measure("HTTP", sim_board(folder, keys), folder, options.seconds, 35)
        with devices([Trouble.SILENCE, Trouble.SLOW, Trouble.GARBAGE, Trouble.DISCONNECT]) as sections:
            lateness(sim_board(folder, sections), options.seconds)


if __name__ == "__main__":
    main()
