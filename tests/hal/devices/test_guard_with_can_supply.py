"""The guard with power modules on CAN: a whole cable check, pre-charge and delivery over them, and a stop when they
fall silent. The guard's time is virtual; modules are asked over a pty where the guard would wait for its thread.
"""

from typing import TYPE_CHECKING

import pytest

from hal import wire
from hal.contracts import PilotMode
from hil.devices.can_line import CanLine
from hil.devices.dc_output import BenchOutput, PlantOutput
from hil.devices.plant_values import Trouble
from hil.devices.power_modules import InfyModules, Rack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hal.conftest import Bench, BenchMaker

KEYS = 'driver = "infypower"\ncan = "power"\nmodules = [1, 2, 3, 4, 5]\nmodule_max_power_w = 40000'


@pytest.fixture
def rack() -> Rack:
    return InfyModules(BenchOutput(), (1, 2, 3, 4, 5), max_amps=100.0, max_watts=40_000.0)


@pytest.fixture
def bench(make_bench: "BenchMaker", rack: Rack, tmp_path: "Path") -> "Iterator[Bench]":
    with CanLine(tmp_path / "can0", rack) as line:
        replace = {
            'driver = "sim_dc_supply"': KEYS,
            "[[connector]]": line.board_toml() + "\n[[connector]]",
            'driver = "sim_meter"\noutput = "dc"': 'driver = "sim_meter"\noutput = "dc"\nstale_s = 60',
        }
        made = make_bench("sim-dc-ccs2", replace=replace)
        rack.output = PlantOutput(made.slots)
        yield made
        dc = made.guard.connectors[1].dc
        assert dc is not None
        dc._supply.detach()  # type: ignore[attr-defined]  # a driver has more than its contract


def sample(bench: "Bench") -> wire.DcSample:
    assert bench.observation.dc is not None
    return bench.observation.dc


def ask(bench: "Bench", phase: str, voltage_v: float = 0.0, current_a: float = 0.0) -> None:
    bench.send(wire.DcIntent(bench.epoch, 1, phase, voltage_v, current_a, 500.0))  # type: ignore[arg-type]


def deliver(bench: "Bench") -> None:
    """Reach: 400 V and 100 A through the modules."""
    bench.connect()
    bench.wiring.car = "C"
    bench.run(0.1)
    bench.show(PilotMode.DUTY, 5.0)
    bench.grant(limit_a=200.0)
    ask(bench, "cable_check")
    bench.until(lambda: sample(bench).cable_check == "passed", within_s=30.0)
    ask(bench, "precharge", 400.0, 2.0)
    bench.until(lambda: abs(sample(bench).voltage_v - 400.0) < 1.0, within_s=5.0)
    ask(bench, "deliver", 400.0, 100.0)
    bench.until(lambda: abs(sample(bench).current_a - 100.0) < 1.0, within_s=5.0)


def test_a_session_runs_over_five_modules(bench: "Bench", rack: Rack) -> None:
    deliver(bench)
    assert [module.amps for module in rack.modules.values()] == pytest.approx([20.0] * 5, abs=0.01)
    assert sample(bench).max_current_a == pytest.approx(500.0) and sample(bench).max_power_w == pytest.approx(200_000.0)
    assert not bench.faults
    ask(bench, "ramp_down")
    bench.until(lambda: sample(bench).current_a < 1.0, within_s=2.0)
    bench.send(wire.Revoke(bench.epoch, 1, "done"))
    bench.until(lambda: not bench.closed, within_s=7.0)
    bench.until(lambda: not any(module.on for module in rack.modules.values()), within_s=5.0)


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.NAN])
def test_modules_that_fall_silent_end_the_charge(bench: "Bench", rack: Rack, trouble: Trouble) -> None:
    deliver(bench)
    rack.trouble = trouble
    bench.until(lambda: "supply_stale" in bench.faults, within_s=1.0)
    bench.until(lambda: not bench.closed, within_s=1.1)


def test_swapped_poles_end_the_charge(bench: "Bench", rack: Rack) -> None:
    deliver(bench)
    rack.trouble = Trouble.SIGN
    bench.until(lambda: "dc_polarity" in bench.faults, within_s=1.0)
    bench.until(lambda: not bench.closed, within_s=1.1)
