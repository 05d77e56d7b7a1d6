"""The temperature of the socket contacts: ambient plus what the current's square adds, with one time constant."""

from dataclasses import dataclass
from typing import Final

RISE_K_AT_32A: Final = 25.0
TIME_CONSTANT_S: Final = 300.0


@dataclass
class Contacts:
    """Temperatures in °C; `forced_c` is the rig's hair dryer."""

    ambient_c: float = 22.0
    temperature_c: float = 22.0
    forced_c: float | None = None
    sensor_fault: bool = False

    def step(self, dt: float, current_a: float) -> None:
        if self.forced_c is not None:
            self.temperature_c = self.forced_c
            return
        settled = self.ambient_c + RISE_K_AT_32A * (current_a / 32.0) ** 2
        self.temperature_c += (settled - self.temperature_c) * min(1.0, dt / TIME_CONSTANT_S)
