"""Simulated DC power modules: set points and measured output are slots; the plant does ramps and limits."""

from dataclasses import dataclass

from hal.contracts import DcReading
from hal.sim.part import SimPart


@dataclass
class Driver(SimPart):
    def set(self, voltage_v: float, current_a: float, *, on: bool) -> None:
        if self.slots["dc_supply_silent"]:
            raise self.fail("DC supply does not answer")
        self.slots["dc_voltage_v"] = voltage_v
        self.slots["dc_current_a"] = current_a
        self.slots["dc_on"] = float(on)

    def read(self) -> DcReading:
        slots = self.slots
        if slots["dc_supply_silent"]:
            raise self.fail("DC supply does not answer")
        failed = slots["dc_supply_failed"]
        return DcReading(
            voltage_v=slots["dc_present_voltage_v"],
            current_a=slots["dc_present_current_a"],
            max_voltage_v=slots["dc_max_voltage_v"],
            max_current_a=slots["dc_max_current_a"],
            max_power_w=slots["dc_max_power_w"],
            plug_voltage_v=slots["dc_plug_voltage_v"],
            fault="no power module works" if failed else "",
        )

    def make_safe(self) -> None:
        if not self.slots["dc_supply_silent"]:
            self.set(0.0, 0.0, on=False)
