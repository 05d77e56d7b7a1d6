"""Infypower rectifiers. Two dialects: `modules` (REG/LRG series, protocol V1.13) talks to each module, `system` (BEG
series, V1.04) to a group that shares out by itself; there `modules` has the group's number and the ratings are its."""

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from hal.can.frame import Frame
from hal.can.protocol import Heard, ModuleProtocol, Rating, named
from hal.can.supply import CanSupply

_US: Final = 0xF0
_ONE, _GROUP = 0xA, 0xB
_READ_OUTPUT, _READ_STATE, _READ_RATING, _SWITCH, _SET = 0x03, 0x04, 0x0A, 0x1A, 0x1C
_READ_ITEM, _WRITE_ITEM = 0x23, 0x24
_SYSTEM_V, _SYSTEM_A, _STATE, _MODE = 0x1001, 0x1002, 0x1110, 0x2110
_MAX_V, _MIN_V, _MAX_A, _MAX_W = 0x1130, 0x1131, 0x1132, 0x1133
_ON, _OFF, _EXPORT = 0xA0, 0xA1, 0xA0
#: bits of the three status bytes as one number, the last byte lowest
_NAMES: Final = {
    0: "output short circuit", 5: "discharge abnormal",
    9: "module fault", 10: "protection", 11: "fan fault", 12: "over-temperature", 13: "output over-voltage",
    15: "communication lost",
    16: "power limited", 17: "address twice", 18: "current unbalanced", 19: "input phase lost",
    20: "input unbalanced", 21: "input under-voltage", 22: "input over-voltage", 23: "PFC off",
}  # fmt: skip
_STOPPED: Final = sum(1 << bit for bit in (0, 9, 10, 12, 13, 17, 19, 21, 22))  # it gives nothing while one is set


def can_id(device: int, command: int, to: int, sender: int = _US) -> int:
    return device << 22 | command << 16 | to << 8 | sender


def _state(address: int, data: bytes) -> Heard:
    bits = int.from_bytes(data[5:8], "big")
    return Heard(address, "state", alarms=named(bits, _NAMES), failed=bool(bits & _STOPPED))


class Modules:
    """Each module by its address."""

    measured: ClassVar[tuple[str, ...]] = ("output",)
    state: ClassVar[str] = "state"
    settle_s = 0.0

    def heard(self, frame: Frame) -> Heard | None:
        address = frame.can_id & 0xFF
        command = frame.can_id >> 16 & 0x3F
        if frame.can_id != can_id(_ONE, command, _US, address) or len(frame.data) != 8:  # an error code is no answer
            return None
        if command == _READ_OUTPUT:
            volts, amps = struct.unpack(">ff", frame.data)
            return Heard(address, "output", volts, amps)
        if command == _READ_STATE:
            return _state(address, frame.data)
        if command == _READ_RATING:
            most_v, least_v, deci_amps, deka_watts = struct.unpack(">HHHH", frame.data)
            return Heard(address, "rating", rating=Rating(most_v, least_v, deci_amps / 10, deka_watts * 10.0))
        return None

    def measure(self, address: int) -> tuple[Frame, ...]:
        return (Frame(can_id(_ONE, _READ_OUTPUT, address), bytes(8)),)

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return tuple(Frame(can_id(_ONE, command, address), bytes(8)) for command in (_READ_RATING, _READ_STATE))

    def prepare(self, address: int) -> tuple[Frame, ...]:
        return ()

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        data = struct.pack(">II", round(voltage_v * 1000), round(current_a * 1000))
        return (Frame(can_id(_ONE, _SET, address), data),)

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        return (Frame(can_id(_ONE, _SWITCH, address), bytes((not on, 0, 0, 0, 0, 0, 0, 0))),)


class System:
    """A group of bidirectional modules as one: numbered items that are read and written."""

    measured: ClassVar[tuple[str, ...]] = ("volts", "amps")
    state: ClassVar[str] = "state"
    settle_s = 0.0

    def heard(self, frame: Frame) -> Heard | None:
        address = frame.can_id & 0xFF
        if frame.can_id != can_id(_GROUP, _READ_ITEM, _US, address) or len(frame.data) != 8:
            return None
        item, value = struct.unpack(">H2xi", frame.data)
        if item == _SYSTEM_V:
            return Heard(address, "volts", voltage_v=value / 1000)
        if item == _SYSTEM_A:
            return Heard(address, "amps", current_a=value / 1000)
        if item == _STATE:
            return _state(address, frame.data)
        if item in (_MAX_V, _MIN_V, _MAX_A, _MAX_W):
            place = (_MAX_V, _MIN_V, _MAX_A, _MAX_W).index(item)
            return Heard(address, "rating", rating=Rating(*(value / 1000 if n == place else None for n in range(4))))
        return None

    def _item(self, command: int, address: int, item: int, value: int = 0) -> Frame:
        return Frame(can_id(_GROUP, command, address), struct.pack(">H2xI", item, value))

    def measure(self, address: int) -> tuple[Frame, ...]:
        return tuple(self._item(_READ_ITEM, address, item) for item in (_SYSTEM_V, _SYSTEM_A))

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return tuple(self._item(_READ_ITEM, address, item) for item in (_MAX_V, _MIN_V, _MAX_A, _MAX_W, _STATE))

    def prepare(self, address: int) -> tuple[Frame, ...]:
        return (self._item(_WRITE_ITEM, address, _MODE, _EXPORT),)

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        wanted = ((_SYSTEM_V, voltage_v), (_SYSTEM_A, current_a))
        return tuple(self._item(_WRITE_ITEM, address, item, round(value * 1000)) for item, value in wanted)

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        return (self._item(_WRITE_ITEM, address, _STATE, _ON if on else _OFF),)


@dataclass
class Driver(CanSupply):
    """[connector.dc_supply] driver = "infypower\""""

    dialect: Literal["modules", "system"] = "modules"

    def make_protocol(self) -> ModuleProtocol:
        return Modules() if self.dialect == "modules" else System()
