"""Bender isoCHA425HV / isoEV425 insulation monitor (Modbus RTU, 19200 8E1, unit 3 from the factory)."""

import struct
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError
from hal.modbus.frames import READ_HOLDING
from hal.modbus.insulation_monitor import InsulationMonitor, Look

_RESISTANCE: Final = 1000  # value (a float), status, description
_PREALARM, _ALARM, _FAST, _SELF_TEST_AT_START, _ENABLE = 3005, 3007, 3021, 3025, 3026
_TEST, _TEST_NOW = 8005, 0x5445  # "TE"
_OHM, _DEVICE_ERROR, _EXTERNAL_TEST, _INVALID = 2, 2, 2, 3


@dataclass
class Driver(InsulationMonitor):
    """[connector.isolation_monitor] driver = "bender_isocha425". `alarm_kohm` and `prealarm_kohm` are for its relays
    and lamps; what is too low decides the guard. `fast_cable_check`: firmware above 5.00."""

    pause_s: Annotated[float, Meta(ge=0, le=0.5)] = 0.02
    alarm_kohm: Annotated[int, Meta(ge=10, le=590)] = 100
    prealarm_kohm: Annotated[int, Meta(ge=15, le=600)] = 500
    fast_cable_check: bool = False

    def __post_init__(self) -> None:
        if self.alarm_kohm >= self.prealarm_kohm:
            raise ValueError("alarm_kohm must lie below prealarm_kohm")

    def enable(self, on: bool) -> None:
        if on:
            self.unit.write(_PREALARM, self.prealarm_kohm)
            self.unit.write(_ALARM, self.alarm_kohm)
            self.unit.write(_FAST, 3 if self.fast_cable_check else 0)
            self.unit.write(_SELF_TEST_AT_START, 0)  # the guard asks for one in each cable check
        self.unit.write(_ENABLE, int(on))

    def begin_test(self) -> None:
        self.unit.write(_TEST, _TEST_NOW)

    def look(self) -> Look:
        """Where it can only say that the true value is bigger or smaller, its value is the end of its range."""
        high, low, status, description = self.unit.read(READ_HOLDING, _RESISTANCE, 4)
        testing = status >> 14 == _EXTERNAL_TEST
        broken = status >> 8 & 7 == _DEVICE_ERROR
        if broken or testing or status >> 6 & 3 == _INVALID:
            return Look(None, testing, f"device error ({description})" if broken else "")
        (ohm,) = struct.unpack(">f", struct.pack(">HH", high, low))
        if status & 0x1F != _OHM:
            raise DeviceError(f"{self.unit}: a value with unit {status & 0x1F} is no resistance")
        return Look(ohm, testing)
