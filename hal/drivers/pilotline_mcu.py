"""A safety microcontroller that speaks our own wire (hal/mcu/SPEC.md): pilot, contactor, residual current, lock and
whatever else it reports. It opens by itself 300 ms after the last lease.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from hal.controllers.controller import SerialController
from hal.controllers.dialect import Dialect


@dataclass
class Driver(SerialController):
    """[controller.<name>] driver = "pilotline_mcu". `outlets`: how many of its outlets this board uses."""

    outlets: Annotated[int, Meta(ge=1, le=4)] = 1
    silence_s: Annotated[float, Meta(ge=0.2, le=2)] = 0.25  # two beats and a little

    on_guard_death: ClassVar[str] = "mcu_lease"
    digital: ClassVar[bool] = True

    @property
    def outlet_count(self) -> int:
        return self.outlets

    @property
    def silence(self) -> float:
        return self.silence_s

    def make_dialect(self) -> Dialect:
        from hal.mcu.dialect import McuDialect  # noqa: PLC0415 - with the thread, not with every check of a board file

        return McuDialect(self.outlets)
