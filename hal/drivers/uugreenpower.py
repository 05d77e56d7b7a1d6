"""UUGreenPower UR1000x0 rectifiers. The output stage's windings are switched in series (`high`) or parallel (`low`);
that is only allowed while the module is off, and 2 s before and after it."""

import struct
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from hal.can.frame import Frame
from hal.can.protocol import Heard, ModuleProtocol, Rating
from hal.can.supply import CanSupply

_PROTOCOL, _MONITOR = 1, 1
_SET, _READ, _ANSWER = 0x10, 0x12, 0x13  # group 1 and the type
_VOLTS, _AMPS, _SET_VOLTS, _SET_AMPS, _SHUT_DOWN, _STATE, _MODE, _ABLE_AMPS = 0, 1, 2, 3, 4, 8, 95, 104
_MODES: Final = {"auto": 0, "high": 1, "low": 2}


def can_id(address: int) -> int:
    return _PROTOCOL << 25 | _MONITOR << 21 | address << 14


@dataclass
class Modules:
    mode: str
    settle_s: float = 2.0
    measured: ClassVar[tuple[str, ...]] = ("volts", "amps")
    state: ClassVar[str] = "state"

    def heard(self, frame: Frame) -> Heard | None:
        """The id's lower bits are the module's date and serial number."""
        if frame.can_id >> 21 != can_id(0) >> 21 or len(frame.data) != 8 or frame.data[0] & 0x0F != _ANSWER & 0x0F:
            return None
        address, command, value = frame.can_id >> 14 & 0x7F, frame.data[1], int.from_bytes(frame.data[4:], "big")
        milli = struct.unpack(">i", frame.data[4:])[0] / 1000
        if command == _VOLTS:
            return Heard(address, "volts", voltage_v=milli)
        if command == _AMPS:
            return Heard(address, "amps", current_a=milli)
        if command == _STATE:  # the maker tells the meaning of its bits to customers only
            return Heard(address, "state", alarms=(f"status {value:#010x}",) if value else ())
        if command == _ABLE_AMPS and milli > 0.0:
            return Heard(address, "rating", rating=Rating(max_current_a=milli))
        return None

    def _frame(self, kind: int, address: int, command: int, value: int = 0) -> Frame:
        return Frame(can_id(address), struct.pack(">BB2xI", kind, command, value))

    def measure(self, address: int) -> tuple[Frame, ...]:
        return tuple(self._frame(_READ, address, command) for command in (_VOLTS, _AMPS))

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return tuple(self._frame(_READ, address, command) for command in (_ABLE_AMPS, _STATE))

    def prepare(self, address: int) -> tuple[Frame, ...]:
        return (self._frame(_SET, address, _MODE, _MODES[self.mode]),)

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        wanted = ((_SET_VOLTS, voltage_v), (_SET_AMPS, current_a))
        return tuple(self._frame(_SET, address, command, round(value * 1000)) for command, value in wanted)

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        return (self._frame(_SET, address, _SHUT_DOWN, not on),)


@dataclass
class Driver(CanSupply):
    """[connector.dc_supply] driver = "uugreenpower\""""

    output_mode: Literal["auto", "high", "low"] = "auto"
    settle_s: Annotated[float, Meta(ge=0, le=10)] = 2.0  # off before and after a change of the mode

    def make_protocol(self) -> ModuleProtocol:
        return Modules(self.output_mode, self.settle_s)
