"""SimpleEVSE, EVSE-WB and EVSE-DIN (evracing) by their Modbus registers: what is read, what is written for a wish.

They make the pilot and close by themselves as soon as a car is ready; 0 A is X1. They report no mirror contact.
Source: the makers' register list as used by evcc (charger/evsedin.go) and SimpleEVSE-WiFi.
"""

from typing import Final, NamedTuple

from hal.contracts import DeviceError, PilotMode
from hal.controllers.dialect import Dialect
from hal.controllers.outlet import Said, sample_of
from hal.controllers.rapi import whole_amps
from hal.modbus.bus import Unit
from hal.modbus.frames import READ_HOLDING

FIRST, COUNT = 1000, 8
CURRENT, COMMAND, CONFIG = 1000, 1004, 2005
OFF_NOW: Final = 1  # bit of COMMAND
FINE: Final = 0x80  # bit of CONFIG, from firmware 17 on: CURRENT in 0.01 A
_LETTERS: Final = {1: "A", 2: "B", 3: "C", 4: "D", 5: "A"}
_PWM: Final = 2
_FAILED: Final = 5


class Registers(NamedTuple):
    """1000 to 1007."""

    configured: int
    actual_a: int
    vehicle: int  # 1 ready, 2 car there, 3 charging, 4 charging with ventilation, 5 failure
    cable_a: int
    command: int
    firmware: int
    output: int  # 1 steady +12 V, 2 PWM, 3 off
    failure: int


class SimpleEvse(Dialect):
    """`turn` is one round on the bus; the driver's thread calls it."""

    closes_itself = True
    digital = False

    def __init__(self) -> None:
        super().__init__()
        self._scale: int | None = None  # units of CURRENT per A

    def turn(self, unit: Unit, now: float) -> None:
        """Read the state, write what differs from the wish. Raises DeviceError."""
        seen = Registers(*unit.read(READ_HOLDING, FIRST, COUNT))
        if self._scale is None:
            fine = seen.firmware >= 17 and unit.read(READ_HOLDING, CONFIG, 1)[0] & FINE
            self._scale = 100 if fine else 1
        self._publish(seen, now)
        wish = self.wishes[1]
        amps = 0
        if wish.pilot.mode is PilotMode.DUTY and self.alive(now) and not wish.duty_void:
            amps = whole_amps(wish.pilot.duty_percent)
        off = (
            OFF_NOW
            if (wish.duty_void and seen.vehicle in (3, 4)) or wish.pilot.mode in (PilotMode.E, PilotMode.F)
            else 0
        )
        if seen.configured != amps * self._scale:
            unit.write(CURRENT, amps * self._scale)
        if seen.command & OFF_NOW != off:
            unit.write(COMMAND, seen.command & ~OFF_NOW | off)

    def _publish(self, seen: Registers, now: float) -> None:
        outlet = self.outlets[1]
        letter = _LETTERS.get(seen.vehicle)
        if letter is None or seen.output not in (1, 2, 3):
            raise DeviceError(f"reads vehicle state {seen.vehicle}, pilot {seen.output}")
        off_as_asked = seen.output == 3 and self.wishes[1].pilot.mode in (PilotMode.E, PilotMode.F)
        outlet.pilot = Said(sample_of("F" if off_as_asked else letter, pwm=seen.output == _PWM and letter != "A"), now)
        outlet.closed = Said(None, now)
        outlet.fault = f"SimpleEVSE: failure, register 1007 = {seen.failure:#06x}" if seen.vehicle == _FAILED else ""
