"""The grid at the station's terminals: three phases with a little source impedance, lost phases, wrong voltage, and
the upstream breaker that a shunt trip opens."""

from dataclasses import dataclass, field
from typing import Final

SOURCE_OHM: Final = 0.15  # per phase: 32 A cost 4.8 V


@dataclass
class Grid:
    """Phase-to-neutral voltages in V, frequency in Hz."""

    nominal_v: float = 230.0
    frequency_hz: float = 50.0
    lost: set[int] = field(default_factory=set)  # phases 1..3
    breaker_tripped: bool = False

    def voltages(self, current_a: tuple[float, float, float]) -> tuple[float, float, float]:
        """What the terminals see while `current_a` flows."""
        first, second, third = (
            0.0 if self.breaker_tripped or phase in self.lost else max(0.0, self.nominal_v - SOURCE_OHM * amps)
            for phase, amps in enumerate(current_a, start=1)
        )
        return first, second, third

    @property
    def failed(self) -> bool:
        """The mains-fail input: no phase left."""
        return self.breaker_tripped or len(self.lost) == 3 or self.nominal_v < 100.0
