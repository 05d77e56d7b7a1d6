"""A plant in virtual time, with a stand-in for the guard that only feeds the watchdog."""

from collections.abc import Callable

import pytest

from hal.sim.registers import ConnectorRegisters, Registers
from hil.plant.connector import Connector
from hil.plant.plant import Plant

STEP_S = 0.005


class Bench:
    """Plant, its only connector, and the registers that a board would drive."""

    def __init__(self, dc: bool = False) -> None:
        self.plant = Plant(Registers.create(None, 1), dc=dc)
        self.connector: Connector = self.plant.connectors[1]
        self.registers: ConnectorRegisters = self.plant.registers.connector(1)

    def run(self, seconds: float, *, feed: bool = True) -> None:
        for _ in range(round(seconds / STEP_S)):
            if feed:
                self.registers["watchdog"] += 1.0
            self.plant.step(STEP_S)

    def time_until(self, condition: Callable[[], bool], within: float = 10.0) -> float:
        waited = 0.0
        while not condition():
            assert waited < within, f"not within {within} s: {self.connector.status()}"
            self.run(STEP_S)
            waited += STEP_S
        return waited

    def duty(self, percent: float) -> None:
        self.registers["pilot_mode"] = 1.0
        self.registers["pilot_duty_percent"] = percent


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def dc_bench() -> Bench:
    return Bench(dc=True)
