"""Simulated control pilot: generator and converter are slots of the register file; the plant does the circuit."""

from dataclasses import dataclass

from hal.contracts import PilotMode, PilotOutput, PilotSample
from hal.sim.part import SimPart
from hal.sim.registers import PILOT_MODES

_INDEX = {PilotMode(mode): float(index) for index, mode in enumerate(PILOT_MODES)}


@dataclass
class Driver(SimPart):
    def read(self) -> PilotSample:
        if self.slots["adc_fault"]:
            raise self.fail("the converter does not answer")
        return PilotSample(round(self.slots["cp_high_mv"]), round(self.slots["cp_low_mv"]))

    def drive(self, output: PilotOutput) -> None:
        # duty first: a plant that looks in between never sees PWM with the duty of an earlier one
        self.slots["pilot_duty_percent"] = output.duty_percent
        self.slots["pilot_mode"] = _INDEX[output.mode]

    def make_safe(self) -> None:
        self.drive(PilotOutput(PilotMode.X1))
