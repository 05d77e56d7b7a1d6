"""The traction battery: state of charge, voltage, and how much it takes near the top."""

from dataclasses import dataclass
from typing import Final

TAPER_FROM_PERCENT: Final = 80.0
EFFICIENCY: Final = 0.92  # on-board charger and battery together
EMPTY_V: Final = 340.0
FULL_V: Final = 410.0


@dataclass
class Battery:
    """Capacity in Wh."""

    capacity_wh: float = 58_000.0
    soc_percent: float = 42.0
    target_percent: float = 100.0
    charged_wh: float = 0.0  # since plug-in, at the car's inlet

    @property
    def full(self) -> bool:
        return self.soc_percent >= self.target_percent

    @property
    def voltage_v(self) -> float:
        """Open-circuit voltage."""
        return EMPTY_V + (FULL_V - EMPTY_V) * self.soc_percent / 100.0

    def taken(self, wanted: float) -> float:
        """How much of `wanted` (W or A) it takes: all of it up to 80 %, then less and less, 5 % of it at the top."""
        room = (100.0 - self.soc_percent) / (100.0 - TAPER_FROM_PERCENT)
        return 0.0 if self.full else wanted * min(1.0, max(0.05, room))

    def store(self, inlet_wh: float) -> None:
        """Energy that arrived at the inlet."""
        self.charged_wh += inlet_wh
        self.soc_percent = min(100.0, self.soc_percent + 100.0 * EFFICIENCY * inlet_wh / self.capacity_wh)
