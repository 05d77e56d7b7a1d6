"""The whole plant: all connectors, and the board's hardware watchdog that lets no coil be energised without a guard."""

from typing import Final

from hal.sim.registers import Registers
from hil.plant.connector import Connector, Kind
from hil.plant.stutter import Stutter

WATCHDOG_S: Final = 0.1  # the simulated board's watchdog: on_guard_death = "hardware_watchdog"
LONGEST_STEP_S: Final = 0.01


class Plant:
    """Steps the physics in whatever time the caller has: real, or as fast as a test can go."""

    def __init__(self, registers: Registers, *, kind: Kind = "ac", seed: int = 1) -> None:
        self.registers = registers
        self.connectors = {
            number: Connector(registers.connector(number), kind, seed=seed + number)
            for number in range(1, registers.connectors + 1)
        }
        self.stutter = Stutter()
        self.time_s = 0.0
        self._fed = 0.0
        self._unfed_s = WATCHDOG_S * 2  # not one feed yet: no power

    @property
    def guard_alive(self) -> bool:
        """The watchdog register moved within the last 100 ms."""
        return self._unfed_s <= WATCHDOG_S

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass, in steps of at most 10 ms."""
        fed = sum(connector.registers["watchdog"] for connector in self.connectors.values())
        self._unfed_s = 0.0 if fed != self._fed else self._unfed_s + dt
        self._fed = fed
        self.time_s += dt
        self.stutter.step(dt)
        while dt > 1e-9:
            for connector in self.connectors.values():
                connector.step(min(dt, LONGEST_STEP_S), self.guard_alive)
            dt -= LONGEST_STEP_S
        self.registers.plant_beat += 1.0

    def status(self) -> dict[str, object]:
        """What `pilotline rig status` shows."""
        return {
            "time_s": round(self.time_s, 3),
            "guard_alive": self.guard_alive,
            "connectors": {str(number): part.status() for number, part in self.connectors.items()},
        }
