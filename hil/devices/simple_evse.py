"""A SimpleEVSE as Modbus registers over its copper: unit 1, 9600 baud, closes by itself when a car is ready."""

import time

from hil.devices.copper import Copper
from hil.devices.modbus_slave import Device
from hil.devices.plant_values import PlantValues, Trouble

_VEHICLE = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5}


class SimpleEvse:
    """`firmware` and `config` (register 2005) decide about 0.01 A steps."""

    def __init__(self, copper: Copper | None = None, *, firmware: int = 18, config: int = 672) -> None:
        self.copper = copper or Copper()
        self.plant = PlantValues()
        self.firmware, self.config = firmware, config
        self.current = 0  # register 1000, in its unit
        self.command = 0
        self.failed = 0
        self.device = Device(1, self._read, self._write, self.plant)
        self._stuck: dict[int, int] | None = None

    @property
    def trouble(self) -> Trouble:
        return self.plant.trouble

    @trouble.setter
    def trouble(self, trouble: Trouble) -> None:
        self._stuck = self._table() if trouble is Trouble.STUCK else None
        self.plant.trouble = trouble

    @property
    def amps(self) -> float:
        return self.current / (100 if self.firmware >= 17 and self.config & 0x80 else 1)

    def _step(self) -> None:
        copper = self.copper
        on = self.amps >= 6 and not self.command & 1 and not self.failed and copper.diode
        copper.mode = "duty" if on and copper.car != "A" else "x1"
        if self.command & 1:
            copper.mode = "f"
        copper.duty_percent = self.amps / 0.6 if copper.mode == "duty" else 100.0
        copper.coil = copper.mode == "duty" and copper.car in "CD"
        copper.step(time.monotonic())

    def _table(self) -> dict[int, int]:
        self._step()
        copper = self.copper
        vehicle = 5 if self.failed or not copper.diode else _VEHICLE[copper.car]
        output = {"x1": 1, "duty": 2, "f": 3}[copper.mode]
        if self.trouble is Trouble.OUT_OF_RANGE:
            vehicle = 77
        amps = round(self.amps) if copper.mode == "duty" else 0
        values = (self.current, amps, vehicle, copper.cable, self.command, self.firmware, output, self.failed)
        return {**{1000 + at: value for at, value in enumerate(values)}, 2005: self.config}

    def _read(self, function: int) -> dict[int, int]:
        if function != 3:
            return {}
        return self._stuck or self._table()

    def _write(self, register: int, values: list[int]) -> bool:
        if register == 1000 and (values[0] == 0 or 6 <= values[0] <= 8000):
            self.current = values[0]
        elif register == 1004:
            self.command = values[0]
        else:
            return False
        self._step()
        return True
