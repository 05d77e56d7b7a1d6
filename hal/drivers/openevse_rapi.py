"""OpenEVSE on a serial port: a charging station of its own, told when and how much. No 5 %, no duty, no raw voltages.

When the guard dies it goes on by itself, under its own protection, with the current of its heartbeat supervision.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from hal.controllers.controller import SerialController
from hal.controllers.dialect import Dialect


@dataclass
class Driver(SerialController):
    """[controller.<name>] driver = "openevse_rapi". `heartbeat_s`: without the guard for so long it lowers the current
    to `heartbeat_a`; 0 = no supervision (firmware before 7.1)."""

    heartbeat_s: Annotated[int, Meta(ge=0, le=600)] = 5
    heartbeat_a: Annotated[int, Meta(ge=0, le=80)] = 6
    silence_s: Annotated[float, Meta(ge=0.3, le=5)] = 0.4  # asked every 0.2 s, and it tells every change

    on_guard_death: ClassVar[str] = "own_protection"
    digital: ClassVar[bool] = False
    outlet_count: ClassVar[int] = 1

    @property
    def silence(self) -> float:
        return self.silence_s

    def make_dialect(self) -> Dialect:
        from hal.controllers.rapi import RapiDialect  # noqa: PLC0415

        return RapiDialect(self.heartbeat_s, self.heartbeat_a)
