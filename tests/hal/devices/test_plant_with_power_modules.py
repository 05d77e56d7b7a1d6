"""The board file with modules on CAN, and the plant as its own process that has them: the output follows a set point
that goes over the bus, and falls when the inhibit line is taken away."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.board import load
from hal.contracts import DcReading, DeviceError
from hal.parts import Board
from hal.sim.registers import ConnectorRegisters, Registers

BOARDS = Path(__file__).parents[3] / "board-configs"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[tuple[Board, ConnectorRegisters]]:
    line, registers = tmp_path / "power.can", tmp_path / "registers"
    command = [sys.executable, "-m", "hil.plant", "--board", "dc", "--registers", str(registers)]
    command += ["--control", str(tmp_path / "rig.sock"), "--can-line", str(line)]
    plant = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert plant.stdout is not None and plant.stdout.readline().startswith("plant ready")
        path = tmp_path / "board.toml"
        path.write_text((BOARDS / "sim-dc-can.toml").read_text().replace("/run/pilotline/power.can", str(line)))
        board = load(path)
        board.attach(registers)
        yield board, Registers.attach(registers).connector(1)
        board.detach()
    finally:
        plant.terminate()
        plant.wait(20)


def test_the_output_follows_a_set_point_over_the_bus(station: tuple[Board, ConnectorRegisters]) -> None:
    board, slots = station
    supply = board.connectors[0].parts["dc_supply"].driver

    def until(least: float, most: float) -> DcReading:
        end = time.monotonic() + 20.0
        while True:
            slots["watchdog"] += 1.0  # as a guard that is alive
            try:
                reading: DcReading = supply.read()
            except DeviceError as error:
                assert time.monotonic() < end, error
                continue
            if least <= reading.voltage_v <= most:
                return reading
            assert time.monotonic() < end, reading

    slots["dc_enable"] = 1.0
    while True:
        with contextlib.suppress(DeviceError):
            supply.set(400.0, 10.0, on=True)
            break
    reading = until(399.0, 401.0)
    assert reading.max_current_a == pytest.approx(500.0)
    assert reading.max_power_w == pytest.approx(200_000.0)
    slots["dc_enable"] = 0.0
    until(-1.0, 60.0)
