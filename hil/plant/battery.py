"""The traction battery: state of charge, cell voltage, inner resistance, and how much it takes near the top."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

TAPER_FROM_PERCENT: Final = 80.0
EFFICIENCY: Final = 0.92  # on-board charger and battery together
CELLS: Final = 100  # in series
CELL_OHM: Final = 0.0008
#: open-circuit voltage of one cell of the usual lithium chemistry (NMC), % -> V
CELL_CURVE: Final = (
    (0.0, 3.10), (5.0, 3.40), (10.0, 3.48), (20.0, 3.56), (30.0, 3.61), (40.0, 3.65), (50.0, 3.70),
    (60.0, 3.78), (70.0, 3.88), (80.0, 3.97), (90.0, 4.07), (100.0, 4.18),
)  # fmt: skip


def cell_voltage(soc_percent: float) -> float:
    """Open-circuit voltage of one cell, V."""
    soc = min(100.0, max(0.0, soc_percent))
    for (low, low_v), (high, high_v) in pairwise(CELL_CURVE):
        if soc <= high:
            return low_v + (high_v - low_v) * (soc - low) / (high - low)
    return CELL_CURVE[-1][1]


@dataclass
class Battery:
    """Capacity in Wh."""

    capacity_wh: float = 58_000.0
    soc_percent: float = 42.0
    target_percent: float = 100.0
    charged_wh: float = 0.0  # since plug-in, at the car's inlet
    cells: int = CELLS
    cell_ohm: float = CELL_OHM

    @property
    def full(self) -> bool:
        return self.soc_percent >= self.target_percent

    @property
    def voltage_v(self) -> float:
        """Open-circuit voltage."""
        return self.cells * cell_voltage(self.soc_percent)

    @property
    def ohm(self) -> float:
        """Inner resistance."""
        return self.cells * self.cell_ohm

    def taken(self, wanted: float) -> float:
        """How much of `wanted` (W or A) it takes: all of it up to 80 %, then less and less, 5 % of it at the top."""
        room = (100.0 - self.soc_percent) / (100.0 - TAPER_FROM_PERCENT)
        return 0.0 if self.full else wanted * min(1.0, max(0.05, room))

    def store(self, inlet_wh: float) -> None:
        """Energy that arrived at the inlet."""
        self.charged_wh += inlet_wh
        self.soc_percent = min(100.0, self.soc_percent + 100.0 * EFFICIENCY * inlet_wh / self.capacity_wh)
