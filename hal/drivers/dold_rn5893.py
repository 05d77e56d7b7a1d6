"""Dold RN5893 insulation monitor (Modbus RTU). It measures all the time, its self test works only while it does: what
`stop` ends is that its values count."""

from dataclasses import dataclass
from typing import Final

from hal.contracts import DeviceError
from hal.modbus.frames import READ_INPUT
from hal.modbus.insulation_monitor import InsulationMonitor, Look

_FAULT, _OHM = 0, 2000  # input registers; the state follows the fault
_CONTROL, _TIMEOUT_ON = 0, 1  # holding registers
_RESET, _SELF_TEST = 1 << 0, 1 << 4
_MEASURING: Final = (1, 6, 7)  # without, with alarm, with pre-alarm
_TESTING: Final = (3, 4)
_FAULTS: Final = {
    1: "wire to L+ or L- broken", 2: "wire to PE broken", 3: "failed its test", 4: "potentiometers are set wrong",
    9: "Modbus fault", 10: "checksum of its settings", 11: "communication inside", 12: "error inside",
}  # fmt: skip
_STEP_OHM: Final = 100.0
_BEYOND: Final = 0xFFFF
_BEYOND_OHM: Final = 2e6


@dataclass
class Driver(InsulationMonitor):
    """[connector.isolation_monitor] driver = "dold_rn5893\""""

    def enable(self, on: bool) -> None:
        """Faults of before are reset when it begins to count."""
        if on:
            self.unit.write(_TIMEOUT_ON, 0, single=True)  # its own watch on the bus; ours is the guard's
            self.unit.write(_CONTROL, _RESET, single=True)
            self.unit.write(_CONTROL, 0, single=True)

    def begin_test(self) -> None:
        self.unit.write(_CONTROL, 0, single=True)  # it acts on the edge
        self.unit.write(_CONTROL, _SELF_TEST, single=True)

    def look(self) -> Look:
        fault, state = self.unit.read(READ_INPUT, _FAULT, 2)
        testing = state in _TESTING
        if fault or testing or state not in _MEASURING:
            broken = _FAULTS.get(fault, f"fault {fault}") if fault else ""
            return Look(None, testing and not fault, broken)
        (hundreds,) = self.unit.read(READ_INPUT, _OHM, 1)
        if hundreds > 20_000 and hundreds != _BEYOND:  # its range ends at 2 MOhm
            raise DeviceError(f"{self.unit}: {hundreds * _STEP_OHM:g} Ohm is beyond its range")
        return Look(_BEYOND_OHM if hundreds == _BEYOND else hundreds * _STEP_OHM, testing)
