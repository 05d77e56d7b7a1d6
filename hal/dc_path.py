"""Set points of a DC output as a pure step: what the supply gets for the controller's intent, and how it ramps down.

Cable check, precharge and delivery are the car script's; over-voltage within 9 ms and the 30 ms emergency ramp are
hardware's (named in the board file). Contactor and grace are the pilot step's: it opens below 5 A or after 1 s.
"""

from typing import Final, NamedTuple

from hal.board import ConnectorSettings
from hal.contracts import DcReading

PHASES: Final = ("idle", "cable_check", "precharge", "deliver", "ramp_down")
TEST_CURRENT_A: Final = 2.0  # cable check and precharge (hal reference 7)
UNLOADED_A: Final = 5.0
ISOLATION_OHM_PER_V: Final = 100.0  # IEC 61851-23: below is a fault


class Wish(NamedTuple):
    """What the controller asks of the DC output, V and A."""

    phase: str = "idle"
    voltage_v: float = 0.0
    current_a: float = 0.0


class SetPoint(NamedTuple):
    voltage_v: float = 0.0
    current_a: float = 0.0
    on: bool = False


OFF: Final = SetPoint()


def step(wish: Wish, board: ConnectorSettings, limit_a: float, reading: DcReading | None, *, closed: bool) -> SetPoint:
    """The set point of this tick. Without closed contactor the output is off; a limit of 0 (no grant) ramps down."""
    if not closed or reading is None:
        return OFF
    voltage = min(wish.voltage_v, board.dc_max_voltage_v)
    if wish.phase in ("idle", "ramp_down") or limit_a <= 0.0:
        return SetPoint(voltage, 0.0, on=True)
    most = TEST_CURRENT_A if wish.phase in ("cable_check", "precharge") else min(limit_a, board.dc_max_current_a)
    if voltage > 0:
        most = min(most, board.dc_max_power_w / voltage)
    return SetPoint(voltage, min(wish.current_a, most), on=True)


def unloaded(reading: DcReading | None) -> bool:
    """Whether the contactor may open without drawing an arc; unknown counts as loaded."""
    return reading is not None and abs(reading.current_a) < UNLOADED_A


def isolation_fault(wish: Wish, reading: DcReading | None, ohm: float | None) -> str:
    """Text of a too low insulation resistance while energy flows, else ''."""
    if wish.phase not in ("precharge", "deliver") or reading is None or ohm is None:
        return ""
    least = ISOLATION_OHM_PER_V * max(reading.voltage_v, 500.0)
    return f"{ohm / 1000:.0f} kOhm, at least {least / 1000:.0f} kOhm" if ohm < least else ""
