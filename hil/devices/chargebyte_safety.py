"""chargebyte's safety controller on a UART, as bytes: ChargeState and PT1000 every 100 ms, safe state when the host's
ChargeControl stays away. Frames are built and checked anew here, bit by bit.
"""

from typing import Final

from hil.devices.copper import Copper
from hil.devices.framing import crc
from hil.devices.plant_values import Trouble
from hil.devices.serial_board import SimulatedController

TIMEOUT_S: Final = 0.3
_TEST_S: Final = 0.15
_PP: Final = {0: 0, 13: 1, 20: 2, 32: 3, 63: 4, -1: 7}
_COM_TIMEOUT: Final = 2


def frame(identity: int, word: int) -> bytes:
    body = bytes((identity,)) + word.to_bytes(8, "big")
    return b"\xa5" + body + bytes((crc(body, 8, 0x1D, 0xFF) ^ 0xFF, 3))


class SafetyController(SimulatedController):
    """Contactors 0 and (on DC boards) 1 move together. `reason` != 0 is the safe state."""

    def __init__(self, copper: Copper | None = None) -> None:
        super().__init__(copper or Copper())
        self.temperatures: list[float | None] = [25.0, None, None, None]
        self.reason = 0
        self.start(0.0)

    def start(self, now: float) -> None:
        self.started += 1
        self._rest = b""
        self._control = 0
        self._heard_at: float | None = None
        self._sent_at = float("-inf")
        self._test_until = 0.0
        self._said = b""
        self.reason = 0
        self.lease_ended_at = 0.0

    def receive(self, data: bytes, now: float) -> bytes:
        self._rest, out = (self._rest + data)[-256:], b""
        while len(self._rest) >= 12:
            head = self._rest[:12]
            good = head[0] == 0xA5 and head[11] == 3 and crc(head[1:10], 8, 0x1D, 0xFF) ^ 0xFF == head[10]
            self._rest = self._rest[12 if good else 1 :]
            if not good:
                continue
            if head[1] == 0x06:
                self._control, self._heard_at = int.from_bytes(head[2:10], "big"), now
                if self.reason == _COM_TIMEOUT and not self._control >> 40 & 7:
                    self.reason = 0
            elif head[1:3] == b"\xff\x0a":
                out += frame(0x0A, 0x0102_0381 << 32)
            elif head[1:4] == b"\xfe\xfe\x01":
                self._test_until = now + _TEST_S
        return out

    def due(self, now: float) -> bytes:
        copper = self.copper
        if self._heard_at is not None and now - self._heard_at > TIMEOUT_S and not self.reason:
            self.reason, self.lease_ended_at = _COM_TIMEOUT, now
        if self._test_until and now >= self._test_until and not copper.rcd_works:
            self.reason = 21
        active, duty = self._control >> 63 and not self.reason, self._control >> 48 & 0x3FF
        copper.mode = "x1" if not active or duty == 1000 else "f" if duty == 0 else "duty"
        copper.duty_percent = duty / 10 if copper.mode == "duty" else 100.0
        copper.rcd_test = now < self._test_until
        letting = copper.state in "CD" and not copper.emergency_stop and not copper.leak
        copper.coil = bool(self._control >> 40 & 1) and not self.reason and letting
        copper.step(now)
        if now - self._sent_at < 0.1:
            return b""
        self._sent_at = now
        state = frame(0x07, self._state(now))
        if self.trouble is Trouble.STUCK and self._said:
            state = self._said
        self._said = state
        return state + frame(0x08, self._pt1000())

    def _state(self, now: float) -> int:
        copper = self.copper
        pilot = "ABCDEF".index(copper.state) + 1
        if self.trouble in (Trouble.NAN, Trouble.OUT_OF_RANGE):
            pilot = 7 if self.trouble is Trouble.NAN else 0
        duty = {"x1": 1000, "f": 0}.get(copper.mode, round(copper.duty_percent * 10))
        no_diode = not copper.diode and copper.mode == "duty" and copper.car != "A"
        rcm = 3 if copper.leak else 2 if now < self._test_until else 1
        word = 1 << 63 | bool(self.reason) << 58 | duty << 48 | no_diode << 44 | pilot << 40
        word |= _PP.get(copper.cable, 7) << 32 | (2 if copper.closed else 1) << 24 | 3 << 26 | 3 << 28
        return word | rcm << 22 | int(copper.emergency_stop) << 16 | 3 << 18 | 3 << 20 | self.reason << 8

    def _pt1000(self) -> int:
        word = 0
        self.temperatures[0] = self.copper.temperature_c
        for value in self.temperatures:
            raw = 0x1FFF if value is None else round(value * 10) & 0x3FFF
            word = word << 16 | raw << 2
        return word
