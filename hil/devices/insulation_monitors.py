"""Insulation monitors as Modbus devices: registers as their papers describe them, with a self test that takes its time.
What they measure is in `Earth`; served by `modbus_slave.Slaves`."""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hil.devices.modbus_slave import Device
from hil.devices.plant_values import PlantValues, Trouble


@dataclass
class Earth:
    """The cable's insulation and the monitor's own health. `delay_s`: until a test that was asked for begins."""

    ohm: float = 1_500_000.0
    broken: bool = False
    fails_test: bool = False
    ignores_test: bool = False
    delay_s: float = 0.05
    test_s: float = 0.2
    plant: PlantValues = field(default_factory=PlantValues)
    clock: Callable[[], float] = time.monotonic
    asked_at: float | None = None
    written: dict[int, int] = field(default_factory=dict)
    tests: int = 0

    def ask_test(self) -> None:
        self.tests += 1
        if not self.ignores_test:
            self.asked_at = self.clock()

    @property
    def testing(self) -> bool:
        since = self.clock() - self.asked_at - self.delay_s if self.asked_at is not None else -1.0
        return 0.0 <= since < self.test_s

    @property
    def tested(self) -> bool:
        return self.asked_at is not None and self.clock() - self.asked_at >= self.delay_s + self.test_s

    @property
    def faulty(self) -> bool:
        return self.broken or (self.fails_test and self.tested)


def bender(address: int, earth: Earth) -> Device:
    """isoCHA425: four registers each value; the status' high byte has alarm and test, the low one validity and unit."""

    def read(function: int) -> dict[int, int]:
        if function != 3:
            return {}
        ohm, unit, validity = earth.ohm, 2, 0
        if earth.plant.trouble is Trouble.OUT_OF_RANGE:
            ohm = -5.0
        if ohm > 10e6:
            ohm, validity = 10e6, 2
        raw = b"\x7f\xc0\0\0" if earth.plant.trouble is Trouble.NAN else struct.pack(">f", ohm)
        high, low = struct.unpack(">HH", raw)
        alarm = 2 if earth.faulty else 5 if ohm < 100e3 else 1 if ohm < 500e3 else 0
        test = 2 if earth.testing else 0
        status = (test << 6 | alarm) << 8 | validity << 6 | unit
        return {1000: high, 1001: low, 1002: status, 1003: 115 if earth.faulty else 1}

    def write(register: int, values: list[int]) -> bool:
        if len(values) != 1 or register not in (3005, 3007, 3021, 3025, 3026, 8005):
            return False
        earth.written[register] = values[0]
        if register == 8005:
            if values[0] != 0x5445:
                return False
            earth.ask_test()
        return True

    return Device(address, read, write, earth.plant)


def dold(address: int, earth: Earth) -> Device:
    """RN5893: fault and state as input registers, resistance in steps of 100 Ohm; bits of a control word."""

    def read(function: int) -> dict[int, int]:
        if function != 4:
            return {}
        hundreds = 0xFFFF if earth.ohm > 2e6 else round(earth.ohm / 100)
        if earth.plant.trouble is Trouble.OUT_OF_RANGE:
            hundreds = 40_000
        alarm = 6 if earth.ohm < 100e3 else 7 if earth.ohm < 500e3 else 1
        state = 2 if earth.faulty else 3 if earth.testing else alarm
        fault = 3 if earth.faulty else 0
        return {0: 0xEEEE if earth.plant.trouble is Trouble.NAN else fault, 1: state, 2000: hundreds}

    def write(register: int, values: list[int]) -> bool:
        before, earth.written[register] = earth.written.get(register, 0), values[0]
        if register == 0 and values[0] & ~before & 1 << 4:
            earth.ask_test()
        return register in (0, 1, 2)

    return Device(address, read, write, earth.plant)
