"""Carlo Gavazzi EM580: a three-phase meter that signs."""

from dataclasses import dataclass
from typing import ClassVar

from hal.drivers.modbus_meter import MappedMeter


@dataclass
class Driver(MappedMeter):
    map_name: ClassVar[str] = "carlo_gavazzi_em580"
