"""What happens once in years: two threads at the same moment, a failure in the very tick of a permission, the wrong
word of a controller. Each was found by reading, and each would close or bill what it must not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import pytest

from hal.board import load
from hal.contracts import DcReading, DeviceError, MeterReading, PilotMode, PilotSample
from hal.guard import TICK_S
from hal.plug_meters import PlugMeters
from hal.polling import Poller, Reading
from hal.sim.registers import Registers
from hal.ticker import RESTING_TICK_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hal.conftest import BenchMaker

T = TypeVar("T")
BOARDS = Path(__file__).parents[2] / "board-configs"
RCD = '[connector.rcd]\ndriver = "sim_rcd"\n'
LOCK = '[connector.lock]\ndriver = "sim_lock"\nreach_s = 0\n'


class Hasty(Generic[T]):
    """A poller whose thread is at work between any two looks: no two find the same reading."""

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self.looks = 0

    @property
    def latest(self) -> Reading[T]:
        self.looks += 1
        return Reading(self._make(self.looks), float(self.looks))

    def fresh(self, _now: float) -> bool:
        return True


def as_poller(hasty: Hasty[T]) -> Poller[T]:
    return cast("Poller[T]", hasty)


class Unread:
    """A pilot that fails while it is told to."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.fails = False

    def read(self) -> PilotSample:
        if self.fails:
            raise DeviceError("converter does not answer")
        return cast("PilotSample", self._part.read())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def test_nothing_closes_in_a_tick_that_could_not_read_the_pilot(make_bench: BenchMaker) -> None:
    """A rest, two failing readings, and the permission between them: the last sample is 60 ms old."""
    pilots: list[Unread] = []

    def around(part: Any) -> Unread:
        pilots.append(Unread(part))
        return pilots[-1]

    bench = make_bench(replace={RCD: "", LOCK: ""}, wrap={"pilot": around})
    bench.connect()
    bench.wiring.car = "C"
    bench.show(PilotMode.DUTY, 5.0)
    bench.run(2.0)
    assert bench.guard.resting
    bench.now += RESTING_TICK_S - TICK_S
    pilots[0].fails = True
    bench.tick()
    bench.grant()
    for _ in range(3):
        bench.tick()
        assert not bench.closed
    pilots[0].fails = False
    bench.run(2.0)
    bench.grant("s2")
    bench.until(lambda: bench.closed, within_s=12.0)


def test_a_reading_that_comes_between_two_looks_invents_no_energy() -> None:
    ac = Hasty(lambda look: MeterReading(1000.0 + look, 0.0, (230.0,), (0.0,)))
    dc = Hasty(lambda look: MeterReading(70_000.0 + look, 0.0, (400.0,), (0.0,)))
    both = PlugMeters(as_poller(ac), as_poller(dc))
    for outlet, volts in (("ac", 230.0), ("dc", 400.0)):
        both.outlet = outlet  # type: ignore[assignment]
        told = both.latest.value
        assert told is not None and told.voltage_v == (volts,)
        assert 71_000.0 < told.import_wh < 71_100.0


def test_what_is_reported_of_the_meter_was_measured_when_it_says(make_bench: BenchMaker) -> None:
    bench = make_bench()
    bench.guard.connectors[1].meter = as_poller(Hasty(lambda look: MeterReading(float(look), 0.0, (230.0,), (0.0,))))
    bench.run(1.0)
    meter = bench.observation.meter
    assert meter is not None
    assert meter.import_wh == meter.at


def test_what_is_reported_of_a_dc_output_was_measured_when_it_says(make_bench: BenchMaker) -> None:
    output = make_bench("sim-dc-ccs2").guard.connectors[1].dc
    assert output is not None
    output.supply = as_poller(Hasty(lambda look: DcReading(float(look), 0.0, 1000.0, 500.0, 2e5)))
    told = output.sample(welded=False)
    assert told is not None
    assert told.voltage_v == told.at


def test_a_refresh_is_as_old_as_its_beginning() -> None:
    """Else what was measured before an order counts as measured after it."""
    times = iter((1.0, 2.0))
    slow: Poller[float] = Poller("slow", lambda: next(times), 1.0, 3.0, 0.0)
    slow._clock = lambda: next(times)
    slow.refresh()
    assert (slow.latest.at, slow.latest.value) == (1.0, 2.0)


class Broken:
    """A contactor whose driver has a bug."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.broken = False

    def open(self) -> None:
        if self.broken:
            raise ValueError("a bug in the driver")
        self._part.open()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


@pytest.mark.parametrize(("broken", "other"), [("ac_contactor", "dc_coil"), ("contactor", "coil")])
def test_a_contactor_of_a_plug_that_cannot_be_opened_keeps_the_other_not_closed(
    make_bench: BenchMaker, broken: str, other: str
) -> None:
    contactors: list[Broken] = []

    def around(part: Any) -> Broken:
        contactors.append(Broken(part))
        return contactors[-1]

    bench = make_bench("sim-nacs", wrap={broken: around})
    contactors[0].broken = True
    bench.slots[other] = 1.0
    bench.guard.open_all()
    assert bench.slots[other] == 0.0


@pytest.mark.parametrize("part", ["meter", "token_reader", "indicator", "pilot"])
def test_a_part_that_cannot_be_left_keeps_no_other_part_from_it(tmp_path: Path, part: str) -> None:
    class Clinging:
        def detach(self) -> None:
            raise DeviceError(f"{part}: gone")

    board = load(BOARDS / "sim-ac-type2.toml")
    slots = Registers.create(tmp_path / "registers").connector(1)
    board.attach(tmp_path / "registers")
    board.connectors[0].parts["contactor"].driver.close()
    board.connectors[0].parts[part] = board.connectors[0].parts[part]._replace(driver=Clinging())
    assert slots["coil"] == 1.0
    board.detach()
    assert slots["coil"] == 0.0


def test_a_dc_enable_line_that_fails_keeps_no_contactor_closed(make_bench: BenchMaker) -> None:
    class BrokenEnable:
        def enable(self, _on: bool) -> None:
            raise ValueError("a bug in the driver")

    bench = make_bench("sim-dc-ccs2")
    connector = bench.guard.connectors[1]
    assert connector.dc is not None
    connector.dc._enable = BrokenEnable()
    connector.dc._enabled = True
    bench.slots["dc_coil"] = 1.0
    bench.guard.open_all()
    assert bench.slots["dc_coil"] == 0.0
