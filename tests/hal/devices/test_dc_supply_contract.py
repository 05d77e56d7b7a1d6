"""One suite for every supply of power modules on CAN: it gives what it is told over the real transport (a serial CAN
adapter on a pty), and whatever goes wrong there is a DeviceError at once, never a wrong value, never a module left on.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hal.board import load
from hal.can.supply import CanSupply
from hal.contracts import DcReading, DeviceError, Place
from hal.parts import Board
from hil.devices.can_line import CanLine
from hil.devices.dc_output import BenchOutput
from hil.devices.plant_values import Trouble
from hil.devices.power_modules import RACKS, Rack, UuModules
from hil.plant.dc_side import DcSupply, Load

BOARDS = Path(__file__).parents[3] / "board-configs"
KEYS = {
    "infypower": 'driver = "infypower"',
    "infypower-system": 'driver = "infypower"\ndialect = "system"',
    "uugreenpower": 'driver = "uugreenpower"\nsettle_s = 0.05\noutput_mode = "high"',
    "winline": 'driver = "winline"',
    "dpm1000": 'driver = "winline"\ndialect = "dpm1000"',
    "huawei_r100040gx": 'driver = "huawei_r100040gx"\nmodule_max_current_a = 100\nmodule_max_power_w = 30000',
    "huawei_r48xx": 'driver = "huawei_r48xx"',
}
LOW = "huawei_r48xx"  # a rectifier for 48 V
ASKED = ("infypower", "winline")  # of the line all notice the same
TELL_FAILURE = ("infypower", "infypower-system", "winline", "dpm1000")  # whose status bits are published


def board_with(path: Path, buses: str, keys: str) -> Board:
    text = (BOARDS / "sim-dc-ccs2.toml").read_text()
    text = text.replace("[[connector]]", buses + "\n[[connector]]", 1).replace('driver = "sim_dc_supply"', keys)
    path.write_text(text)
    return load(path)


@dataclass
class Bench:
    """An attached supply with two modules, a battery behind them, and a clock that can be moved on."""

    supply: CanSupply
    rack: Rack
    output: BenchOutput
    volts: float
    place: Place
    skew_s: float = 0.0

    def attach(self) -> None:
        self.supply._clock = lambda: time.monotonic() + self.skew_s
        self.supply.attach(self.place)

    def read(self) -> DcReading | DeviceError:
        try:
            return self.supply.read()
        except DeviceError as error:
            return error

    def until(self, found: Callable[[DcReading], bool], within_s: float = 20.0) -> DcReading:
        """Read until a reading shows it."""
        until, pause = time.monotonic() + within_s, threading.Event()
        while True:
            got = self.read()
            if isinstance(got, DcReading) and found(got):
                return got
            assert time.monotonic() < until, got
            pause.wait(0.02)

    def set(self, voltage_v: float, current_a: float, *, on: bool) -> None:
        """As the guard does: until it is taken. On a busy machine the adapter may take no more for a moment."""
        for _ in range(100):
            with contextlib.suppress(DeviceError):
                return self.supply.set(voltage_v, current_a, on=on)
        raise AssertionError("not taken")

    def good(self) -> DcReading:
        return self.until(lambda reading: True)

    def deliver(self, amps: float = 60.0) -> DcReading:
        self.set(self.volts + 20.0, amps, on=True)
        return self.until(lambda reading: abs(reading.current_a - amps) < 0.5)

    def bad(self, tries: int = 3) -> DeviceError:
        """A fault no later than the third sample: what was asked for before the trouble is 0.1 s old by then."""
        before = self.read()
        for _ in range(tries):
            got = self.read()
            if isinstance(got, DeviceError):
                return got
        raise AssertionError((before, got))


def serve(request: pytest.FixtureRequest, folder: Path) -> Iterator[Bench]:
    name = request.param
    volts = 48.0 if name == LOW else 400.0
    physics = DcSupply(max_voltage_v=60.0 if name == LOW else 1000.0)
    output = BenchOutput(Load(volts, 0.05 if name == LOW else 0.1), physics)
    most: dict[str, Any] = {"max_volts": 58.5, "max_amps": 50.0, "max_watts": 3000.0} if name == LOW else {}
    rack = RACKS[name](output, **most)
    with CanLine(folder / "can0", rack, every_step=output.step) as line:
        board = board_with(folder / "board.toml", line.board_toml(), f'{KEYS[name]}\ncan = "power"\nmodules = [1, 2]')
        driver = board.connectors[0].parts["dc_supply"].driver
        bench = Bench(driver, rack, output, volts, Place(1, "dc_supply", cans=board.make_cans()))
        bench.attach()
        yield bench
        bench.supply.detach()


@pytest.fixture(params=KEYS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from serve(request, tmp_path)


def test_it_gives_what_it_is_told_and_shares_it_out(bench: Bench) -> None:
    got = bench.deliver()
    assert got.voltage_v == pytest.approx(bench.output.voltage_v, abs=0.2)
    bench.until(lambda reading: all(abs(module.amps - 30.0) < 0.1 for module in bench.rack.modules.values()))
    assert all(module.volts == pytest.approx(bench.volts + 20.0, abs=0.1) or bench.volts == 48.0
               for module in bench.rack.modules.values())  # fmt: skip
    module = bench.rack.modules[1]
    assert got.max_current_a == pytest.approx(2 * module.max_amps)
    assert got.max_power_w == pytest.approx(2 * module.max_watts)
    assert got.max_voltage_v == pytest.approx(bench.rack.max_volts)
    assert not got.fault


def test_off_is_off_and_the_set_point_is_said_again_when_it_goes_on(bench: Bench) -> None:
    bench.deliver()
    bench.set(0.0, 0.0, on=False)
    bench.until(lambda reading: abs(reading.current_a) < 1.0)
    assert not any(module.on for module in bench.rack.modules.values())
    for module in bench.rack.modules.values():  # it was off: who knows what it remembers
        module.volts = module.amps = 0.0
    assert bench.deliver().current_a == pytest.approx(60.0, abs=0.5)


def test_everything_is_said_again_each_second(bench: Bench) -> None:
    bench.deliver()
    for module in bench.rack.modules.values():
        module.on, module.amps = False, 0.0  # a module that was restarted
    bench.skew_s += 1.1
    bench.until(lambda reading: all(module.on for module in bench.rack.modules.values()))
    bench.until(lambda reading: abs(reading.current_a - 60.0) < 0.5)


def test_detached_the_modules_are_off_and_it_says_that_it_is_not_attached(bench: Bench) -> None:
    bench.deliver()
    bench.supply.detach()
    until = time.monotonic() + 10.0
    while any(module.on for module in bench.rack.modules.values()):
        assert time.monotonic() < until
    bench.supply.detach()
    error = bench.read()
    assert isinstance(error, DeviceError) and "not attached" in str(error)
    bench.attach()
    assert bench.deliver().current_a == pytest.approx(60.0, abs=0.5)


OF_MODULES = [Trouble.SILENCE, Trouble.REFUSE, Trouble.NAN, Trouble.OUT_OF_RANGE]
OF_THE_LINE = [Trouble.GARBAGE, Trouble.CORRUPT, Trouble.SLOW, Trouble.DISCONNECT]


@pytest.mark.parametrize(
    ("bench", "trouble"),
    [(name, trouble) for name in KEYS for trouble in OF_MODULES + (OF_THE_LINE if name in ASKED else [])],
    indirect=["bench"],
)
def test_trouble_is_a_fault_at_once_and_is_over_when_it_is_over(bench: Bench, trouble: Trouble) -> None:
    bench.deliver()
    bench.rack.slow_s, bench.rack.trouble = 0.6, trouble
    assert "power" in str(bench.bad())
    bench.rack.trouble = Trouble.NONE
    assert bench.deliver().current_a == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("bench", ASKED, indirect=True)
def test_a_late_answer_is_never_taken_for_a_fresh_one(bench: Bench) -> None:
    bench.deliver()
    bench.rack.slow_s, bench.rack.trouble = 0.5, Trouble.SLOW
    bench.bad()
    bench.set(bench.volts + 20.0, 20.0, on=True)
    seen = [bench.read() for _ in range(20)]
    assert not [got for got in seen if isinstance(got, DcReading)]
    bench.rack.trouble = Trouble.NONE
    bench.until(lambda reading: abs(reading.current_a - 20.0) < 0.5)


def test_poles_the_other_way_round_are_told_or_not_believed(bench: Bench) -> None:
    bench.deliver()
    bench.rack.trouble = Trouble.SIGN
    until = time.monotonic() + 10.0
    while isinstance(got := bench.read(), DcReading) and got.voltage_v > 0.0:
        assert time.monotonic() < until
    assert isinstance(got, DeviceError) or got.voltage_v == pytest.approx(-bench.output.voltage_v, abs=0.5)


def test_current_that_does_not_end_is_a_fault(bench: Bench) -> None:
    bench.deliver()
    bench.rack.trouble = Trouble.STUCK
    bench.good()
    bench.set(0.0, 0.0, on=False)
    bench.skew_s += 2.5
    until = time.monotonic() + 10.0
    while "switched off" not in str(bench.read()):
        assert time.monotonic() < until


@pytest.mark.parametrize("bench", (*ASKED, LOW), indirect=True)
def test_one_module_that_says_the_same_for_ever_is_taken_out(bench: Bench) -> None:
    bench.deliver()
    bench.rack.modules[2].stuck = True
    for amps in (58.0, 60.0):
        bench.set(bench.volts + 20.0, amps, on=True)
        bench.good()
    bench.skew_s += 5.0
    bench.good()
    assert bench.supply._members[2].lost_at is None, "nothing has moved that it should have followed"
    bench.set(bench.volts + 20.0, 20.0, on=True)
    bench.until(lambda _: bench.supply._members[2].lost_at is not None)
    assert str(bench.supply._members[2]) == "module 2 (its values stand still)"
    bench.until(lambda _: not bench.rack.modules[2].on)
    bench.skew_s += bench.supply.gone_s
    bench.until(lambda reading: reading.max_current_a < 1.5 * bench.rack.max_amps)
    bench.until(lambda reading: abs(reading.current_a - 20.0) < 0.5 and abs(bench.output.current_a - 20.0) < 0.5)
    bench.rack.modules[2].stuck = False  # it says something else: it is one of them again
    bench.until(lambda reading: bench.rack.modules[2].on and reading.max_current_a > 1.5 * bench.rack.max_amps)


def test_a_lost_module_lowers_what_can_be_given_once_it_is_surely_off(bench: Bench) -> None:
    bench.deliver()
    bench.rack.modules[2].silent = True
    got = bench.until(lambda reading: bench.supply._members[2].lost_at is not None)
    assert got.current_a == pytest.approx(60.0, abs=1.0)  # it may go on as it was told
    assert got.max_current_a == pytest.approx(2 * bench.rack.max_amps)
    bench.skew_s += bench.supply.gone_s
    got = bench.until(lambda reading: reading.max_current_a < 1.5 * bench.rack.max_amps)
    bench.until(lambda reading: bench.rack.modules[1].amps > 49.0)  # the rest takes over what it can
    bench.rack.modules[2].silent = False
    got = bench.until(lambda reading: reading.max_current_a > 1.5 * bench.rack.max_amps)
    bench.set(bench.volts + 20.0, 60.0, on=True)
    bench.until(lambda reading: abs(bench.rack.modules[2].amps - 30.0) < 0.1 and abs(reading.current_a - 60.0) < 0.5)


@pytest.mark.parametrize("bench", TELL_FAILURE, indirect=True)
def test_a_failed_module_is_counted_out_and_none_left_is_a_fault(bench: Bench) -> None:
    bench.deliver()
    bench.rack.modules[1].failed = True
    bench.skew_s += 1.1
    bench.until(lambda reading: reading.max_current_a == pytest.approx(bench.rack.max_amps) and not reading.fault)
    bench.until(lambda reading: abs(reading.current_a - 60.0) < 0.5)
    bench.rack.modules[2].failed = True
    bench.skew_s += 1.1
    got = bench.until(lambda reading: bool(reading.fault))
    assert "module 1 (" in got.fault and "module 2 (" in got.fault and got.max_power_w == 0.0


@pytest.mark.parametrize("bench", ("infypower", "winline", "uugreenpower"), indirect=True)
def test_modules_that_derate_lower_what_can_be_given(bench: Bench) -> None:
    bench.deliver()
    bench.rack.modules[1].max_amps = 20.0
    bench.skew_s += 1.1
    got = bench.until(lambda reading: reading.max_current_a < 150.0)
    assert got.max_current_a == pytest.approx(120.0)
    first, second = bench.rack.modules.values()
    bench.until(lambda reading: abs(first.amps - 10.0) < 0.1 and abs(second.amps - 50.0) < 0.1)


def test_below_its_lowest_voltage_it_is_off(bench: Bench) -> None:
    bench.deliver()
    bench.set(30.0, 2.0, on=True)
    bench.until(lambda reading: not any(module.on for module in bench.rack.modules.values()))


@pytest.mark.parametrize("bench", ["uugreenpower"], indirect=True)
def test_the_output_mode_is_set_while_the_module_is_off(bench: Bench) -> None:
    bench.deliver()
    assert isinstance(bench.rack, UuModules)
    assert all(modes and not any(modes) for modes in bench.rack.modes.values())
    assert (0x02204000, bytes.fromhex("105F000000000001")) in bench.rack.heard


def test_a_read_ends_whatever_the_line_does(bench: Bench) -> None:
    bench.rack.trouble = Trouble.SILENCE
    done = threading.Event()

    def run() -> None:
        bench.read()
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(20.0)
