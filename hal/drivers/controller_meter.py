"""The meter that a board's own controller reads: good for limits, no legal measurement."""

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from hal.contracts import DeviceError, MeterReading, Place
from hal.controllers.part import ControllerPart
from hal.meters.belief import Belief, MeterKeys
from hal.meters.energy_counter import Limits


@dataclass
class Driver(MeterKeys, ControllerPart):
    """[connector.meter] driver = "controller_meter"."""

    max_current_a: Annotated[float, Meta(gt=0, le=1000)] = 100.0
    _belief: Belief | None = field(default=None, init=False, repr=False)

    def attach(self, place: Place) -> None:
        super().attach(place)
        most = self.max_power_w or self.max_current_a * 277.0 * 3
        self._belief = Belief(str(place), self, 300.0, self.max_current_a, Limits(most))

    def detach(self) -> None:
        super().detach()
        self._belief = None

    def read(self) -> MeterReading:
        if self._belief is None:
            raise DeviceError(f"{self._place}: not attached")
        return self._belief.check(self.fresh(self.seen.meter))
