"""The control pilot of a board whose own controller makes and measures it. Its reading is the guard's pulse: a tick
that no longer reads lets the controller's lease run out.
"""

from dataclasses import dataclass

from hal.contracts import DeviceError, PilotMode, PilotOutput, PilotSample
from hal.controllers.outlet import X1
from hal.controllers.part import ControllerPart


@dataclass
class Driver(ControllerPart):
    """[connector.pilot] driver = "controller_pilot"."""

    def make_safe(self) -> None:
        self.want(pilot=X1)

    def read(self) -> PilotSample:
        self.shared.feed()
        return self.fresh(self.seen.pilot)

    def drive(self, output: PilotOutput) -> None:
        """A controller that cannot pull the line to 0 V shows F for E: both tell the car to start over."""
        if output.mode is PilotMode.DUTY:
            if not 0 < output.duty_percent < 100:
                raise DeviceError(f"{self._place}: {output.duty_percent} % is no duty of a running PWM")
            if not self.shared.dialect.digital and output.duty_percent < 8:
                raise DeviceError(f"{self._place}: this board cannot show {output.duty_percent} %")
        self.want(pilot=output, duty_void=False)
