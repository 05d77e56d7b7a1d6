"""One suite for every insulation monitor: its simulated device over a pty; no value before it is one of this cable, a
self test that must be seen, and faults that never look like good insulation."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hal.board import load
from hal.contracts import DeviceError, InsulationReading, Place
from hal.modbus.insulation_monitor import SELF_TEST_S, InsulationMonitor
from hil.devices.insulation_monitors import Earth, bender, dold
from hil.devices.modbus_slave import Device, Slaves
from hil.devices.plant_values import Trouble

BOARDS = Path(__file__).parents[3] / "board-configs"
DEVICES: dict[str, Callable[[int, Earth], Device]] = {"bender_isocha425": bender, "dold_rn5893": dold}


@dataclass
class Bench:
    monitor: InsulationMonitor
    earth: Earth
    device: Device
    place: Place
    skew_s: float = 0.0

    def attach(self) -> None:
        self.monitor._clock = lambda: time.monotonic() + self.skew_s
        self.monitor.attach(self.place)

    def read(self) -> InsulationReading | DeviceError:
        try:
            return self.monitor.read()
        except DeviceError as error:
            return error

    def until(self, found: Callable[[InsulationReading], bool], within_s: float = 20.0) -> InsulationReading:
        until, pause = time.monotonic() + within_s, threading.Event()
        while True:
            got = self.read()
            if isinstance(got, InsulationReading) and found(got):
                return got
            assert time.monotonic() < until, got
            pause.wait(0.02)

    def start(self) -> None:
        self.told(self.monitor.start)

    def told(self, command: Callable[[], None]) -> None:
        """On a busy machine the device's thread may be later than the line waits: told again."""
        for _ in range(100):
            with contextlib.suppress(DeviceError):
                return command()
        raise AssertionError("never heard")

    def measure(self) -> InsulationReading:
        return self.until(lambda reading: reading.ohm is not None)

    def test(self) -> InsulationReading:
        self.told(self.monitor.self_test)
        return self.until(lambda reading: reading.self_test != "running")


@pytest.fixture(params=DEVICES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    earth = Earth()
    device = DEVICES[request.param](3, earth)
    with Slaves(device) as line:
        text = (BOARDS / "sim-dc-ccs2.toml").read_text()
        bus = line.board_toml(timeout_s=0.1, baud=19200, retry_s=0.25)
        text = text.replace("[[connector]]", bus + "\n[[connector]]", 1)
        keys = f'driver = "{request.param}"\nbus = "line"\naddress = 3\nsettle_s = 0.1'
        path = tmp_path / "board.toml"
        path.write_text(text.replace('driver = "sim_isolation_monitor"', keys))
        board = load(path)
        driver = board.connectors[0].parts["isolation_monitor"].driver
        made = Bench(driver, earth, device, Place(1, "isolation_monitor", buses=board.make_buses()))
        made.attach()
        yield made
        made.monitor.detach()


@pytest.mark.parametrize("ohm", [50_000.0, 320_000.0, 1_500_000.0])
def test_it_measures_once_it_was_started(bench: Bench, ohm: float) -> None:
    bench.earth.ohm = ohm
    assert bench.read() == InsulationReading(None, "none")
    bench.start()
    assert bench.measure().ohm == pytest.approx(ohm, rel=0.001)
    bench.monitor.stop()
    assert bench.read() == InsulationReading(None, "none")


def test_beyond_its_range_it_tells_the_end_of_the_range(bench: Bench) -> None:
    bench.earth.ohm = 50e6
    bench.start()
    ohm = bench.measure().ohm
    assert ohm is not None and 2e6 <= ohm <= 10e6


def test_a_self_test_runs_passes_and_leaves_no_value_of_before(bench: Bench) -> None:
    bench.start()
    bench.measure()
    bench.told(bench.monitor.self_test)
    assert bench.read() == InsulationReading(None, "running")
    got = bench.until(lambda reading: reading.self_test != "running")
    assert got == InsulationReading(None, "passed")
    assert bench.earth.tests == 1
    assert bench.measure() == InsulationReading(1_500_000.0, "passed")


def test_a_self_test_that_finds_something_failed(bench: Bench) -> None:
    bench.start()
    bench.measure()
    bench.earth.fails_test = True
    assert bench.test() == InsulationReading(None, "failed")


def test_a_self_test_that_is_never_seen_failed_after_its_time(bench: Bench) -> None:
    bench.earth.ignores_test = True
    bench.start()
    bench.told(bench.monitor.self_test)
    assert bench.read() == InsulationReading(None, "running")
    bench.skew_s += SELF_TEST_S + 0.1
    got = bench.read()
    assert isinstance(got, InsulationReading) and got.self_test == "failed"


def test_the_next_self_test_is_a_new_one(bench: Bench) -> None:
    bench.start()
    assert bench.test().self_test == "passed"
    assert bench.test().self_test == "passed"
    assert bench.earth.tests == 2


def test_a_broken_monitor_says_so(bench: Bench) -> None:
    bench.start()
    bench.measure()
    bench.earth.broken = True
    error = bench.read()
    assert isinstance(error, DeviceError) and "insulation monitor" in str(error)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble.SILENCE,
        Trouble.GARBAGE,
        Trouble.CORRUPT,
        Trouble.SLOW,
        Trouble.DISCONNECT,
        Trouble.REFUSE,
        Trouble.NAN,
        Trouble.OUT_OF_RANGE,
    ],
)
def test_trouble_is_a_fault_within_two_samples_and_is_over_when_it_is_over(bench: Bench, trouble: Trouble) -> None:
    bench.start()
    before = bench.measure()
    bench.earth.plant.slow_s, bench.earth.plant.trouble = 0.5, trouble
    bench.read()
    error = bench.read()
    assert isinstance(error, DeviceError) and "unit 3" in str(error)
    bench.earth.plant.trouble = Trouble.NONE
    assert bench.measure() == before


def test_a_device_that_does_not_answer_a_command_is_a_fault_there_and_then(bench: Bench) -> None:
    bench.earth.plant.trouble = Trouble.SILENCE
    for command in (bench.monitor.start, bench.monitor.self_test):
        with pytest.raises(DeviceError):
            command()


def test_it_can_be_left_and_taken_again(bench: Bench) -> None:
    bench.monitor.detach()
    bench.monitor.detach()
    assert "not attached" in str(bench.read())
    bench.attach()
    assert bench.read() == InsulationReading(None, "none")
    bench.start()
    assert bench.measure().ohm == pytest.approx(1_500_000.0)


@pytest.mark.parametrize("bench", ["bender_isocha425"], indirect=True)
def test_frames_of_the_bender_are_those_of_its_paper(bench: Bench) -> None:
    bench.start()
    bench.told(bench.monitor.self_test)
    bench.read()
    assert bytes.fromhex("03101F450001025445A057") in bench.device.asked
    assert bytes.fromhex("030303E80004C59B") in bench.device.asked
