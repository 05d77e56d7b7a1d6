"""The guard with a real meter driver on a line: it charges by its readings, and stops when they stop. The guard's time
is virtual; the meter is read over a pty where the guard would wait for its thread.
"""

from typing import TYPE_CHECKING

import pytest

from hil.devices.modbus_meters import MeterRegisters
from hil.devices.modbus_slave import Device, Slaves
from hil.devices.plant_values import PlantValues, Trouble

if TYPE_CHECKING:
    from tests.hal.conftest import BenchMaker

POLL_S = 0.5


@pytest.mark.parametrize(
    "trouble", [Trouble.SILENCE, Trouble.GARBAGE, Trouble.REFUSE, Trouble.NAN, Trouble.OUT_OF_RANGE, Trouble.SIGN]
)
def test_the_guard_opens_within_two_samples_and_tells_no_wrong_energy(
    make_bench: "BenchMaker", trouble: Trouble
) -> None:
    plant = PlantValues(current_a=[5.0, 5.0, 5.0])
    registers = MeterRegisters("eastron_sdm630", plant)
    with Slaves(Device(1, lambda function: registers.now(), plant=plant)) as line:
        meter = f'driver = "modbus_meter"\nmodel = "eastron_sdm630"\nbus = "line"\naddress = 1\nstale_s = {2 * POLL_S}'
        bench = make_bench(
            replace={
                "[board]": line.board_toml(timeout_s=1.0, baud=115200, retry_s=0.25) + "\n[board]",
                'driver = "sim_meter"\nphases = 3': meter,
                "stale_s = 3.0\n": "",
            }
        )
        bench.charge()
        bench.run(1.0)
        assert bench.closed and not bench.faults
        before = bench.observation.meter
        assert before is not None and before.import_wh == pytest.approx(plant.import_wh, abs=10.0)
        plant.trouble = trouble
        plant.import_wh += 500_000.0  # were it believed, it would be seen
        bench.until(lambda: "meter_stale" in bench.faults, within_s=2 * POLL_S + 0.1)
        bench.run(0.1)
        assert not bench.closed
        last = bench.observation.meter
        assert last is not None and last.quality == "stale" and last.import_wh == before.import_wh
