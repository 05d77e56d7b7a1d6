"""Simulated meter: AC with one or three phases, or the DC output."""

from dataclasses import dataclass
from typing import Literal

from hal.contracts import MeterReading
from hal.sim.part import SimPart

_VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
_CURRENTS = ("current_l1_a", "current_l2_a", "current_l3_a")


@dataclass
class Driver(SimPart):
    phases: Literal[1, 3] = 3
    output: Literal["ac", "dc"] = "ac"

    def read(self) -> MeterReading:
        slots = self.slots
        if slots["meter_fault"]:
            raise self.fail("the meter does not answer")
        side = ""
        if self.output == "dc":
            side = "dc_"
            voltage: tuple[float, ...] = (slots["dc_present_voltage_v"],)
            current: tuple[float, ...] = (slots["dc_present_current_a"],)
        else:
            voltage = tuple(slots[name] for name in _VOLTAGES[: self.phases])
            current = tuple(slots[name] for name in _CURRENTS[: self.phases])
        return MeterReading(
            import_wh=slots[f"{side}energy_wh"],
            power_w=slots[f"{side}power_w"],
            voltage_v=voltage,
            current_a=current,
            export_wh=slots["export_wh"],
            frequency_hz=slots["frequency_hz"] if self.output == "ac" else None,
        )
