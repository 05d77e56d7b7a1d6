"""Bender isoCHA425HV / isoEV425 insulation monitor (Modbus RTU, 19200 8E1, unit 3 from the factory)."""

import math
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from hal.contracts import DeviceError, InsulationReading, Place
from hal.modbus.bus import Priority
from hal.modbus.frames import READ_HOLDING
from hal.modbus.part import ModbusPart

_RESISTANCE: Final = 1000  # value (a float), status, description
_PREALARM, _ALARM, _FAST, _SELF_TEST_AT_START, _ENABLE = 3005, 3007, 3021, 3025, 3026
_TEST, _TEST_NOW = 8005, 0x5445  # "TE"
_OHM, _DEVICE_ERROR, _EXTERNAL_TEST = 2, 2, 2
_BIGGER, _INVALID = 2, 3
_TEST_S: Final = 30.0
_MOST_OHM: Final = 1e9


@dataclass
class Driver(ModbusPart):
    """[connector.isolation_monitor] driver = "bender_isocha425". `alarm_kohm` and `prealarm_kohm` are for its relays
    and lamps; what is too low decides the guard. `settle_s`: a value is one of this cable so long after start or test."""

    pause_s: Annotated[float, Meta(ge=0, le=0.5)] = 0.02
    alarm_kohm: Annotated[int, Meta(ge=10, le=590)] = 100
    prealarm_kohm: Annotated[int, Meta(ge=15, le=600)] = 500
    fast_cable_check: bool = False  # firmware above 5.00
    settle_s: Annotated[float, Meta(ge=0, le=10)] = 2.0
    _test: str = field(init=False, default="none", repr=False)
    _test_at: float = field(init=False, default=0.0, repr=False)
    _test_seen: bool = field(init=False, default=False, repr=False)
    _valid_from: float = field(init=False, default=math.inf, repr=False)
    _clock: Callable[[], float] = field(init=False, default=time.monotonic, repr=False)

    priority: ClassVar[Priority] = Priority.SAFETY

    def __post_init__(self) -> None:
        if self.alarm_kohm >= self.prealarm_kohm:
            raise ValueError("alarm_kohm must lie below prealarm_kohm")

    def attach(self, place: Place) -> None:
        super().attach(place)
        self._test, self._valid_from = "none", math.inf

    def start(self) -> None:
        self._write(_PREALARM, self.prealarm_kohm)
        self._write(_ALARM, self.alarm_kohm)
        self._write(_FAST, 3 if self.fast_cable_check else 0)
        self._write(_SELF_TEST_AT_START, 0)  # the guard asks for one in each cable check
        self._write(_ENABLE, 1)
        self._valid_from = self._clock() + self.settle_s

    def stop(self) -> None:
        self._valid_from = math.inf
        self._write(_ENABLE, 0)

    def self_test(self) -> None:
        self._test, self._test_at, self._test_seen = "running", self._clock(), False
        self._write(_TEST, _TEST_NOW)

    def read(self) -> InsulationReading:
        """Raises DeviceError when it says that it is broken, or what is no resistance."""
        high, low, status, description = self.unit.read(READ_HOLDING, _RESISTANCE, 4)
        now = self._clock()
        testing = status >> 14 & 3 == _EXTERNAL_TEST
        alarm = status >> 8 & 7
        self._follow_test(now, testing=testing, broken=alarm == _DEVICE_ERROR)
        if alarm == _DEVICE_ERROR and not testing and self._test != "failed":
            raise DeviceError(f"{self.unit}: insulation monitor reports a device error ({description})")
        if self._test == "running" or testing or now < self._valid_from:
            return InsulationReading(None, self._test)  # type: ignore[arg-type]  # one of its four words
        return InsulationReading(self._ohm(high, low, status), self._test)  # type: ignore[arg-type]

    def _follow_test(self, now: float, *, testing: bool, broken: bool) -> None:
        if self._test != "running":
            return
        self._test_seen = self._test_seen or testing
        if self._test_seen and not testing:
            self._test = "failed" if broken else "passed"
            self._valid_from = max(now + self.settle_s, self._valid_from)
        elif now - self._test_at > _TEST_S:
            self._test = "failed"

    def _ohm(self, high: int, low: int, status: int) -> float | None:
        validity, unit = status >> 6 & 3, status & 0x1F
        if validity == _INVALID:
            return None
        (ohm,) = struct.unpack(">f", struct.pack(">HH", high, low))
        if unit != _OHM or not 0.0 <= ohm <= _MOST_OHM:  # so that NaN is refused too
            raise DeviceError(f"{self.unit}: {ohm:g} with unit {unit} is no resistance")
        return float(ohm)

    def _write(self, register: int, value: int) -> None:
        self.unit.write(register, value)
