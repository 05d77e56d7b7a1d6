"""What the guard costs on real kinds of boards, and how late its tick is while every device on them fails slowly.

    python tests/bench/guard_hardware.py [--seconds N]

GPIO board: a Charge Control C made of files, without a car, with one that waits under PWM, and charging. Modbus board:
one RS-485 bus with a meter. HTTP board: a DC meter. CAN board: five power modules.
Each guard is a process of its own with a controller that keeps the lease; PSS from smaps_rollup, CPU from the
scheduler's own nanoseconds, ticks from its beats. The floor, in the same run, is a process that only sleeps 100 times a
second. A guard ticks every 10 ms while anything is under way and every 50 while nothing is: idle is the latter.
Lateness: a guard with four connectors whose meters are, one each, silent, seconds late, sending garbage, and gone,
served by another process; alone, and beside two threads that only compute; each as an ordinary process and, where it
may, with SCHED_FIFO as in its unit. `decided`: until the tick's end, when contactors have been commanded.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hal import realtime, wire
from hal.board import load
from hal.contracts import PilotMode
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

Waiting = Callable[["Controller"], None]

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
            plant = PlantValues(current_a=[0.0, 0.0, 0.0], trouble=trouble)  # else energy that does not grow is a fault
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


class Controller:
    """Keeps the lease; offers `duty_percent` to the first connector, 0 = nothing."""

    def __init__(self, path: Path, duty_percent: float) -> None:
        self.tick, self.ready, self.closed, self.offers = 0, False, False, False
        self._asked_in, self._duty = 0, duty_percent
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.connect(str(path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while packet := self._hear():
            message = wire.decode_from_guard(packet)
            if isinstance(message, wire.Observation):
                self.ready, self.closed = message.level == "B" and not message.faults, message.closed
                self.offers = message.pilot is PilotMode.DUTY
            elif isinstance(message, wire.Beat):
                self.tick = message.tick
                self._link.send(wire.encode(wire.Lease(message.tick, message.epoch)))
                if message.held and self._asked_in != message.epoch and self._duty and self.ready:
                    self._asked_in = message.epoch
                    self._link.send(wire.encode(wire.SetPilot(message.epoch, 1, PilotMode.DUTY, self._duty)))
                    self._link.send(wire.encode(wire.GrantIntent(message.epoch, 1, "s1", 16.0)))

    def _hear(self) -> bytes:
        try:
            return self._link.recv(wire.MAX_PACKET)
        except OSError:  # the guard ended
            return b""

    def close(self) -> None:
        self._thread.join()
        self._link.close()


def cpu_s(pid: int) -> float:
    """Of all threads together."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def cpu_percent(pid: int, seconds: float) -> float:
    before = cpu_s(pid)
    time.sleep(seconds)
    return 100 * (cpu_s(pid) - before) / seconds


def floor(seconds: float) -> float:
    """CPU of a process that wakes up 100 times a second and does nothing, percent of a core."""
    code = "import time\nwhile True: time.sleep(0.01)"
    sleeper = subprocess.Popen([sys.executable, "-c", code])
    time.sleep(0.5)
    found = cpu_percent(sleeper.pid, seconds)
    sleeper.kill()
    sleeper.wait()
    return found


def verdict(value: float, limit: float, unit: str) -> str:
    return f"{value:5.2f} {unit} ({'OK' if value < limit else 'OVER'}, limit {limit:g})"


def stand_alone(pid: int) -> None:
    """Linux shares cores out among sessions: those of others do not count here. To come before them too is what
    SCHED_FIFO is for. `pid` leads its session."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-19")


def start(board: Path, folder: Path) -> "tuple[subprocess.Popen[str], float]":
    """A guard that is ready, and after how many seconds it was."""
    began = time.monotonic()
    command = [sys.executable, "-m", "hal", "--board", str(board), "--socket", str(folder / "sock")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    stand_alone(process.pid)
    assert process.stdout is not None
    if not process.stdout.readline().startswith("guard ready"):
        raise SystemExit(f"{board}: the guard did not start")
    return process, time.monotonic() - began


def measure(
    board: tuple[str, Path], folder: Path, seconds: float, limit_mb: int, waiting: Waiting | None = None
) -> None:
    """One line: a guard of its own, with a controller that offers current where `waiting` says what to wait for."""
    name, file = board
    starts = []
    for _ in range(4):
        process, ready_s = start(file, folder)
        starts.append(ready_s)
        process.terminate()
        process.wait(20)
    process, ready_s = start(file, folder)
    controller = Controller(folder / "sock", 26.67 if waiting else 0.0)
    time.sleep(3.0)
    if waiting:
        waiting(controller)
    empty = floor(min(seconds, 5.0))
    tick, began, charging = controller.tick, time.monotonic(), controller.closed
    cpu = cpu_percent(process.pid, seconds)
    ticks = (controller.tick - tick) / (time.monotonic() - began)
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    process.terminate()
    process.wait(20)
    controller.close()
    used = f"CPU {cpu:4.2f} % (not idle)" if charging else f"idle CPU {verdict(cpu, 1.5, '%')}"
    print(
        f"{name:18} {used} at {ticks:3.0f} ticks/s (floor {empty:4.2f} %)  PSS {verdict(pss, limit_mb, 'MB')}  "
        f"start {verdict(statistics.median([*starts, ready_s]), 0.3, 's')}",
        flush=True,
    )


class Restless(Guard):
    """A tick every 10 ms, whatever the cars do."""

    @property
    def resting(self) -> bool:
        return False


@contextlib.contextmanager
def two_threads() -> Iterator[None]:
    stop = threading.Event()

    def compute() -> None:
        realtime.step_back()  # as the threads of all drivers do
        while not stop.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def lateness(board_file: Path, seconds: float, *, computing: bool) -> None:
    """In this process, which is a guard for that long."""
    stand_alone(os.getpid())
    realtime.raise_process()
    board = load(board_file)
    board.attach()
    guard = Restless(board, time.monotonic())
    late: list[float] = []
    decided: list[float] = []

    def timed(now: float) -> None:
        began = time.monotonic()
        plain(now)
        decided.append(late[-1] + time.monotonic() - began)

    plain, guard.tick = guard.tick, timed  # type: ignore[method-assign]
    guard.start_workers()
    ticker = Ticker(guard, late=late.append)
    ticker.start()
    with two_threads() if computing else contextlib.nullcontext():
        time.sleep(seconds)
    ticker.stop()
    guard.stop_workers()
    begun, done = sorted(late[10:]), sorted(decided[10:])
    picks = [begun[min(len(begun) - 1, int(len(begun) * share))] * 1000 for share in (0.5, 0.99, 0.999)]
    end = done[min(len(done) - 1, int(len(done) * 0.999))] * 1000
    name = f"all devices failing{', two computing threads' if computing else ''}"
    print(
        f"{name:42} {ticker.runs_as:14} late p50 {picks[0]:5.2f}  p99 {picks[1]:5.2f}  "
        f"p99.9 {verdict(picks[2], 5, 'ms')}  decided p99.9 {end:5.2f} ms",
        flush=True,
    )


def as_a_process(board: Path, seconds: float, *, computing: bool, fifo: bool) -> None:
    command = [sys.executable, __file__, "--late", str(board), "--seconds", str(seconds)]
    with subprocess.Popen(command + ["--computing"] * computing + ["--fifo"] * fifo, start_new_session=True):
        pass


def may_be_real_time() -> bool:
    """Asked by another process: this one stays ordinary."""
    code = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="per figure")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--late", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--computing", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fifo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve([Trouble[name] for name in options.serve])
    if options.late:
        if options.fifo:  # CPUSchedulingPolicy= of the unit
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
        return lateness(options.late, options.seconds, computing=options.computing)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        linux = LinuxBoard(folder / "linux")
        gpio = folder / "gpio.toml"
        gpio.write_text(linux.board_text())
        with acting(linux):  # what copper does, in this process: the guard shows X1 and must see a car, or none
            measure(("GPIO, no car", gpio), folder, options.seconds, 25)
            linux.car, linux.cable = "B", 32

            def offer(controller: Controller) -> None:
                while not controller.offers:
                    time.sleep(0.05)

            def charge(controller: Controller) -> None:
                offer(controller)
                linux.car = "C"
                while not controller.closed:
                    time.sleep(0.05)

            measure(("GPIO, car waiting", gpio), folder, options.seconds, 25, offer)
            measure(("GPIO, charging", gpio), folder, options.seconds, 25, charge)
        with devices([Trouble.NONE]) as sections:
            measure(("Modbus", sim_board(folder, sections)), folder, options.seconds, 35)
        with CanLine(folder / "line", InfyModules(BenchOutput(), (1, 2, 3, 4, 5))) as line:
            measure(("CAN, 5 modules", can_board(folder, line.channel)), folder, options.seconds, 35)
        with LemDcbm(PlantValues(voltage_v=[231.0], current_a=[0.0])) as lem:
            keys = [("", f'driver = "lem_dcbm"\nhost = "{lem.host}"')]
            measure(("HTTP", sim_board(folder, keys)), folder, options.seconds, 35)
        with devices([Trouble.SILENCE, Trouble.SLOW, Trouble.GARBAGE, Trouble.DISCONNECT]) as sections:
            board = sim_board(folder, sections)
            for fifo in (False, True) if may_be_real_time() else (False,):
                for computing in (False, True):
                    as_a_process(board, options.seconds, computing=computing, fifo=fifo)


if __name__ == "__main__":
    main()
