"""The safety controller (RA2) of chargebyte's Charge SOM and Charge Control Y, on its UART."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from hal.controllers.controller import SerialController
from hal.controllers.dialect import Dialect


@dataclass
class Driver(SerialController):
    """[controller.<name>] driver = "chargebyte_safety". `contactors`: outputs 0..2 that together are the connector's
    contactor. `reset_line`: nSAFETY_RESET_INT."""

    contactors: Annotated[tuple[Annotated[int, Meta(ge=0, le=2)], ...], Meta(min_length=1, max_length=3)] = (0,)
    silence_s: Annotated[float, Meta(ge=0.2, le=1)] = 0.25  # its state comes every 0.1 s

    on_guard_death: ClassVar[str] = "mcu_lease"
    digital: ClassVar[bool] = True
    outlet_count: ClassVar[int] = 1
    boot_s = 0.3

    @property
    def silence(self) -> float:
        return self.silence_s

    def make_dialect(self) -> Dialect:
        from hal.controllers.chargebyte_safety import SafetyDialect  # noqa: PLC0415

        return SafetyDialect(self.contactors)
