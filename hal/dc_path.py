"""Set points of a DC output as a pure step: what the supply gets for the controller's intent and the cable check.

Limits are in `dc_limits`; how fast a set point is reached is the supply's. Contactor and grace are the pilot step's.
A DC contactor breaks no current: whatever is wrong, the enable line blocks the output first, the contactor follows
below 5 A, at the latest 50 ms later. One odd sample of the pilot blocks until the next decides.
"""

from typing import Final, NamedTuple

from hal import dc_limits
from hal.board_settings import ConnectorSettings
from hal.cable_check import CableCheck
from hal.contracts import DcReading

ENERGISED: Final = ("cable_check", "precharge", "deliver")


class Wish(NamedTuple):
    """What the controller asks of the DC output, V and A. `max_voltage_v`: the car's maximum, 0 = not told."""

    phase: str = "idle"
    voltage_v: float = 0.0
    current_a: float = 0.0
    max_voltage_v: float = 0.0


class SetPoint(NamedTuple):
    voltage_v: float = 0.0
    current_a: float = 0.0
    on: bool = False


class Bounds(NamedTuple):
    """What the grant leaves, A and W; 0 A ramps down."""

    limit_a: float
    limit_w: float | None = None


OFF: Final = SetPoint()


def step(
    wish: Wish, check: CableCheck, board: ConnectorSettings, bounds: Bounds, reading: DcReading | None, *, closed: bool
) -> SetPoint:
    """The set point of this tick. Without closed contactor the output is off."""
    if not closed or reading is None:
        return OFF
    if wish.phase == "cable_check":
        volts = check.voltage_v
        return SetPoint(volts, dc_limits.TEST_A, on=True) if volts > 0.0 else OFF
    voltage = min(wish.voltage_v, board.dc_max_voltage_v, wish.max_voltage_v or board.dc_max_voltage_v)
    if wish.phase not in ENERGISED or bounds.limit_a <= 0.0:
        return SetPoint(voltage or reading.voltage_v, 0.0, on=True)
    most = dc_limits.TEST_A if wish.phase == "precharge" else min(bounds.limit_a, board.dc_max_current_a)
    most = min(most, reading.max_current_a)
    if voltage > 0.0:
        watts = min(board.dc_max_power_w, reading.max_power_w)
        watts = watts if bounds.limit_w is None else min(watts, bounds.limit_w)
        most = min(most, watts / voltage)
    return SetPoint(voltage, min(wish.current_a, most), on=True)


def testing_v(wish: Wish, board: ConnectorSettings) -> float:
    """Voltage of the cable check for this wish, V."""
    return dc_limits.cable_check_voltage(wish.max_voltage_v or wish.voltage_v, board.dc_max_voltage_v)


def unloaded(reading: DcReading | None) -> bool:
    """Whether the contactor may open without drawing an arc; unknown counts as loaded."""
    return reading is not None and abs(reading.current_a) < dc_limits.UNLOADED_A
