"""The control-pilot line as a circuit: the station's 12 V source behind 1 kOhm, the car's diode and resistors to PE.

IEC 61851-1 Annex A. Knows voltages only; what a level means is the business of the guard (hal/pilot.py) and of the
car (ev.py).
"""

from dataclasses import dataclass
from random import Random
from typing import Final

SOURCE_V: Final = 12.0
SOURCE_OHM: Final = 1000.0
DIODE_V: Final = 0.7
LOAD_OHM: Final = {"B": 2740.0, "C": 882.0, "D": 246.0}  # R2 alone, R2 || 1.3 kOhm, R2 || 270 Ohm
SHORT_OHM: Final = 5.0
NOISE_V: Final = 0.02  # standard deviation of what the station's converter adds


@dataclass(frozen=True)
class Load:
    """What hangs between CP and PE: `ohm` behind a diode; None = nothing plugged in."""

    ohm: float | None = None
    diode: bool = True  # False: bridged, both half waves are loaded
    short: bool = False


def node_v(source_v: float, load: Load) -> float:
    """Voltage of the CP conductor in V when the generator gives `source_v` behind 1 kOhm."""
    if load.short:
        return source_v * SHORT_OHM / (SOURCE_OHM + SHORT_OHM)
    if load.ohm is None:
        return source_v
    drop = DIODE_V if load.diode else 0.0
    if load.diode and source_v <= DIODE_V:
        return source_v
    return (source_v * load.ohm + drop * SOURCE_OHM) / (load.ohm + SOURCE_OHM)


def half_waves_v(mode: str, duty_percent: float, load: Load) -> tuple[float, float]:
    """High and low level of the line in V; without PWM both are the steady level."""
    if mode == "duty" and 0.0 < duty_percent < 100.0:
        return node_v(SOURCE_V, load), node_v(-SOURCE_V, load)
    positive = mode == "x1" or (mode == "duty" and duty_percent >= 100.0)
    source = 0.0 if mode == "e" else SOURCE_V if positive else -SOURCE_V
    steady = node_v(source, load)
    return steady, steady


def measured_mv(high_v: float, low_v: float, noise: Random) -> tuple[int, int]:
    """What the station's converter makes of both levels, in mV."""
    return (
        round((high_v + noise.gauss(0.0, NOISE_V)) * 1000.0),
        round((low_v + noise.gauss(0.0, NOISE_V)) * 1000.0),
    )
