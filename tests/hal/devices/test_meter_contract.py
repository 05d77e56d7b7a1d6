"""One suite for every meter driver: it reads its simulated device over the real transport, and whatever goes wrong
there is a DeviceError within two samples, never a wrong value, never a call without an end.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from hal.contracts import DeviceError, Meter, MeterReading, Place
from hil.devices.http_meters import HttpMeter, IemDcr, LemDcbm
from hil.devices.modbus_meters import MeterRegisters
from hil.devices.modbus_slave import Device, Slaves
from hil.devices.optical_port import OpticalPort, d0_telegram
from hil.devices.plant_values import PlantValues, Trouble

if TYPE_CHECKING:
    from tests.hal.devices.conftest import LoadMeter

ENDS_S = 20.0  # a call that takes longer has no end; how long they take is the bench's business


class Peer(Protocol):
    """A simulated meter that is being served."""

    def __enter__(self) -> object: ...
    def __exit__(self, kind: Any, error: Any, trace: Any) -> object: ...


@dataclass
class Specimen:
    """`keys` of [connector.meter]; `serve` makes the peer; `board` the buses that lead to it."""

    keys: str
    plant: Callable[[], PlantValues]
    serve: Callable[[PlantValues], Any]
    buses: Callable[[Any], str]
    fill: Callable[[str, Any], str] = lambda keys, peer: keys
    resolution_wh: float = 1.0
    settle: Callable[[Any], None] = lambda peer: None


def three_phases() -> PlantValues:
    return PlantValues()


def one_phase() -> PlantValues:
    return PlantValues(voltage_v=[231.0], current_a=[16.0])


def direct_current() -> PlantValues:
    return PlantValues(voltage_v=[398.5], current_a=[120.4])


def modbus(
    model: str, plant: Callable[[], PlantValues] = three_phases, *, transport: Any = "pty", resolution_wh: float = 10.0
) -> Specimen:
    def serve(values: PlantValues) -> Slaves:
        registers = MeterRegisters(model, values)

        def read(function: int) -> dict[int, int]:
            return registers.now() if function == registers.function else {}

        return Slaves(Device(7, read, plant=values), transport=transport)

    own = model in ("carlo_gavazzi_em580", "iskra_wm3m4c")
    driver = f'driver = "{model}"' if own else f'driver = "modbus_meter"\nmodel = "{model}"'
    return Specimen(
        keys=f'{driver}\nbus = "line"\naddress = 7\n',
        plant=plant,
        serve=serve,
        buses=lambda peer: peer.board_toml(timeout_s=0.05, baud=115200, retry_s=0.25),
        resolution_wh=resolution_wh,
    )


def over_http(driver: str, meter: type[HttpMeter]) -> Specimen:
    return Specimen(
        keys=f'driver = "{driver}"\ntimeout_s = 0.3\n',
        plant=direct_current,
        serve=meter,
        buses=lambda peer: "",
        fill=lambda keys, peer: keys + f'host = "{peer.host}"\n',
        resolution_wh=10.0,
    )


def two_telegrams_on(port: OpticalPort) -> None:
    """What is on its way was made after now."""
    before, pause = port.cycles, threading.Event()
    while port.cycles < before + 2:
        pause.wait(0.01)


HOUSEHOLD = Specimen(
    keys='driver = "household_meter"\nwait_s = 0.4\n',
    plant=three_phases,
    serve=OpticalPort,
    buses=lambda peer: "",
    fill=lambda keys, peer: keys + f'port = "{peer.port}"\n',
    settle=two_telegrams_on,
)
SPECIMENS: dict[str, Specimen] = {
    "household": HOUSEHOLD,
    "household-d0": replace(
        HOUSEHOLD,
        keys='driver = "household_meter"\nprotocol = "d0"\nwait_s = 0.4\n',
        serve=lambda plant: OpticalPort(plant, make=d0_telegram),
    ),
    "lem": over_http("lem_dcbm", LemDcbm),
    "iem": over_http("isabellenhuette_iem_dcr", IemDcr),
    "sdm630": modbus("eastron_sdm630"),
    "sdm630-tcp": modbus("eastron_sdm630", transport="tcp"),
    "sdm630-mbap": modbus("eastron_sdm630", transport="mbap"),
    "sdm72": modbus("eastron_sdm72"),
    "sdm72_v2": modbus("eastron_sdm72_v2"),
    "sdm230": modbus("eastron_sdm230", one_phase),
    "em24": modbus("carlo_gavazzi_em24", resolution_wh=100.0),
    "em340": modbus("carlo_gavazzi_em340"),
    "em580": modbus("carlo_gavazzi_em580"),
    "klefr": modbus("klefr_693x"),
    "iskra": modbus("iskra_wm3m4c"),
    "djsf1352": modbus("acrel_djsf1352", direct_current),
}


@dataclass
class Bench:
    """An attached meter and the world it measures."""

    meter: Meter
    plant: PlantValues
    resolution_wh: float
    place: Place
    settle: Callable[[], None]
    now: float = 1000.0  # the time in which energy is judged; that of the line is real

    def attach(self) -> None:
        self.meter.attach(self.place)  # type: ignore[attr-defined]
        self.meter._belief.clock = lambda: self.now  # type: ignore[attr-defined]

    def detach(self) -> None:
        self.meter.detach()  # type: ignore[attr-defined]

    def read(self) -> MeterReading | DeviceError:
        """One sample, as the poller takes it: in a thread, with an end."""
        result: list[MeterReading | DeviceError] = []

        def run() -> None:
            try:
                result.append(self.meter.read())
            except DeviceError as error:
                result.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(ENDS_S)
        assert result, "read() neither returned nor raised DeviceError"
        return result[0]

    @property
    def step_wh(self) -> float:
        """The smallest step of the energy register."""
        step: float = self.meter._belief.limits.resolution_wh  # type: ignore[attr-defined]
        return step

    def good(self, tries: int = 100) -> MeterReading:
        """A reading. After trouble, or on a busy machine, some tries may go by."""
        pause = threading.Event()
        for _ in range(tries):
            got = self.read()
            if isinstance(got, MeterReading):
                return got
            pause.wait(0.1)
        raise AssertionError(got)


#: one of each driver and transport; other models differ in their tables only, which are read below
EACH_DRIVER = (
    "sdm630", "sdm630-tcp", "sdm630-mbap", "em24", "em580", "iskra", "djsf1352", "lem", "iem", "household",
    "household-d0",
)  # fmt: skip
ASKED = ("sdm630", "sdm630-mbap", "em24", "lem")  # those where an answer can be late, one of each kind


@pytest.fixture(params=EACH_DRIVER)
def bench(request: pytest.FixtureRequest, load_meter: "LoadMeter") -> Iterator[Bench]:
    specimen = SPECIMENS[request.param]
    plant = specimen.plant()
    with specimen.serve(plant) as peer:
        board = load_meter(specimen.buses(peer), specimen.fill(specimen.keys, peer))
        driver = board.connectors[0].parts["meter"].driver
        made = Bench(
            driver,
            plant,
            specimen.resolution_wh,
            Place(1, "meter", buses=board.make_buses()),
            lambda: specimen.settle(peer),
        )
        made.attach()
        yield made
        made.detach()


@pytest.mark.parametrize("bench", SPECIMENS, indirect=True)
def test_it_reads_what_flows(bench: Bench) -> None:
    got, plant = bench.good(), bench.plant
    assert got.import_wh == pytest.approx(plant.import_wh, abs=bench.resolution_wh)
    assert got.export_wh == pytest.approx(plant.export_wh, abs=bench.resolution_wh)
    assert got.power_w == pytest.approx(plant.watts(), rel=0.002)
    if got.voltage_v:
        assert got.voltage_v == pytest.approx(plant.voltage_v, abs=0.06)
        assert got.current_a == pytest.approx(plant.current_a, abs=0.06)


def test_it_can_be_left_and_taken_again_and_says_when_it_is_not_attached(bench: Bench) -> None:
    before = bench.good()
    bench.detach()
    bench.detach()
    error = bench.read()
    assert isinstance(error, DeviceError) and "not attached" in str(error)
    bench.attach()
    assert bench.good().import_wh == pytest.approx(before.import_wh, abs=bench.resolution_wh)


ANSWERS_WRONG = [Trouble.OUT_OF_RANGE, Trouble.SIGN]
ANSWERS_NOT = [
    Trouble.SILENCE,
    Trouble.GARBAGE,
    Trouble.CORRUPT,
    Trouble.SLOW,
    Trouble.DISCONNECT,
    Trouble.REFUSE,
    Trouble.NAN,
]


@pytest.mark.parametrize("trouble", ANSWERS_NOT + ANSWERS_WRONG)
def test_trouble_is_a_fault_within_two_samples_and_is_over_when_it_is_over(bench: Bench, trouble: Trouble) -> None:
    before = bench.good()
    bench.plant.trouble = trouble
    if trouble is not Trouble.SLOW:
        bench.settle()
    first, second = bench.read(), bench.read()
    assert isinstance(second, DeviceError), f"{trouble}: {second}"
    if isinstance(first, MeterReading):  # it was on its way before the trouble began
        assert first == before
    bench.plant.trouble = Trouble.NONE
    after = bench.good()
    assert after.import_wh == pytest.approx(before.import_wh, abs=bench.resolution_wh)
    assert after.power_w == pytest.approx(before.power_w)


def test_every_error_names_the_device(bench: Bench) -> None:
    bench.plant.trouble = Trouble.SILENCE
    bench.settle()
    _, error = bench.read(), bench.read()  # one may have been on its way
    assert isinstance(error, DeviceError)
    assert "bus line unit 7" in str(error) or "127.0.0.1" in str(error) or "/dev/pts" in str(error)


@pytest.mark.parametrize("bench", ASKED, indirect=True)
def test_a_late_answer_is_never_taken_for_a_fresh_one(bench: Bench) -> None:
    bench.good()
    bench.plant.trouble, bench.plant.slow_s = Trouble.SLOW, 0.6
    old = bench.plant.watts()
    for _ in range(3):
        assert isinstance(bench.read(), DeviceError)
    bench.plant.power_w = old / 2
    bench.plant.trouble = Trouble.NONE
    assert bench.good().power_w == pytest.approx(old / 2, rel=0.002)


def test_a_stuck_meter_is_a_fault_before_much_energy_is_missing(bench: Bench) -> None:
    """Energy that stands still while power flows; what is missing by then is a few steps of its register."""
    bench.good()
    bench.plant.trouble = Trouble.STUCK
    missing_wh = 0.0
    while "stands still" not in str(got := bench.read()):
        if isinstance(got, MeterReading):
            bench.now += 1.0
            missing_wh += bench.plant.watts() / 3600
        assert missing_wh <= 4 * bench.step_wh + bench.plant.watts() / 3600


def test_a_register_that_begins_anew_neither_loses_nor_invents_energy(bench: Bench) -> None:
    before = bench.good().import_wh
    bench.plant.import_wh = 0.0
    bench.settle()
    assert isinstance(bench.read(), DeviceError)
    got = bench.good()
    assert got.import_wh == pytest.approx(before, abs=bench.resolution_wh)
    bench.plant.import_wh += bench.step_wh
    bench.settle()
    assert bench.good().import_wh == pytest.approx(before + bench.step_wh, abs=bench.step_wh * 0.01)


def test_energy_goes_on_while_it_flows(bench: Bench) -> None:
    before = bench.good().import_wh
    for _ in range(3):
        bench.now += 10.0
        bench.plant.flow(10.0)
        bench.settle()
        got = bench.good()
    assert got.import_wh - before == pytest.approx(bench.plant.watts() * 30 / 3600, abs=2 * bench.resolution_wh)
