"""Winline rectifiers and SCU DPM1000: one family of frames (Maxwell), which differ in how current is set and on/off is
said. A DPM1000 takes its current as a share of its rated one."""

import struct
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from hal.can.frame import Frame
from hal.can.protocol import Heard, ModuleProtocol, Rating, named
from hal.can.supply import CanSupply

_US: Final = 0xF0
_SET, _READ, _READ_DPM, _SWITCH_DPM = 0x03, 0x10, 0x01, 0x00
_FLOAT, _INTEGER, _OK = 0x41, 0x42, 0xF0
_VOLTS, _AMPS, _POWER, _RATED_AMPS, _STATE = 0x0001, 0x0002, 0x0011, 0x0012, 0x0040
_SET_AMPS, _SET_VOLTS, _SET_SHARE, _SWITCH = 0x001B, 0x0021, 0x0022, 0x0030
_NAMES: Final = {
    0: "module fault", 1: "protection", 3: "communication inside", 4: "input mode wrong", 5: "input mode unfit",
    7: "DC/DC over-voltage", 8: "PFC fault", 9: "input over-voltage", 14: "input under-voltage", 16: "CAN lost",
    17: "current unbalanced", 22: "output off", 23: "power limited", 24: "derated by heat", 25: "derated by input",
    27: "fan fault", 28: "output short circuit", 30: "over-temperature", 31: "output over-voltage",
}  # fmt: skip
_STOPPED: Final = sum(1 << bit for bit in (0, 1, 3, 4, 5, 7, 8, 9, 14, 28, 30, 31))
_NO_ALARM: Final = 1 << 22  # off is what it was told


def can_id(to: int, sender: int, group: int) -> int:
    return 0x060 << 20 | 1 << 19 | to << 11 | sender << 3 | group


@dataclass
class Modules:
    group: int
    measured: ClassVar[tuple[str, ...]] = ("volts", "amps")
    state: ClassVar[str] = "state"
    settle_s: float = 0.0
    read: ClassVar[int] = _READ

    def heard(self, frame: Frame) -> Heard | None:
        address = frame.can_id >> 3 & 0xFF
        if frame.can_id & ~7 != can_id(_US, address, 0) or len(frame.data) != 8 or not self.answers(frame.data):
            return None
        register = int.from_bytes(frame.data[2:4], "big")
        (number,) = struct.unpack(">f", frame.data[4:])
        if register == _VOLTS:
            return Heard(address, "volts", voltage_v=number)
        if register == _AMPS:
            return Heard(address, "amps", current_a=number)
        if register == _STATE:
            bits = int.from_bytes(frame.data[4:], "big")
            return Heard(address, "state", alarms=named(bits & ~_NO_ALARM, _NAMES), failed=bool(bits & _STOPPED))
        if register in (_POWER, _RATED_AMPS) and number > 0.0:
            told = Rating(max_power_w=number) if register == _POWER else Rating(max_current_a=number)
            return Heard(address, "rating", rating=told)
        return None

    def answers(self, data: bytes) -> bool:
        """Whether these are contents of a register."""
        return data[0] in (_FLOAT, _INTEGER) and data[1] == _OK

    def frame(self, function: int, address: int, register: int, value: bytes = bytes(4)) -> Frame:
        return Frame(can_id(address, _US, self.group), struct.pack(">BxH4s", function, register, value))

    def measure(self, address: int) -> tuple[Frame, ...]:
        return tuple(self.frame(self.read, address, register) for register in (_VOLTS, _AMPS))

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return tuple(self.frame(self.read, address, register) for register in (_POWER, _RATED_AMPS, _STATE))

    def prepare(self, address: int) -> tuple[Frame, ...]:
        return ()

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        return (
            self.frame(_SET, address, _SET_VOLTS, struct.pack(">f", voltage_v)),
            self.frame(_SET, address, _SET_AMPS, struct.pack(">I", round(current_a * 1024))),
        )

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        return (self.frame(_SET, address, _SWITCH, struct.pack(">HH", not on, 0)),)


@dataclass
class Dpm(Modules):
    rated_current_a: float = 100.0
    read: ClassVar[int] = _READ_DPM

    def answers(self, data: bytes) -> bool:
        return not data[0] & 0x80 and data[0] not in (_SET, _SWITCH_DPM)

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return (self.frame(self.read, address, _STATE),)

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        share = struct.pack(">f", current_a / self.rated_current_a)
        return (
            self.frame(_SET, address, _SET_VOLTS, struct.pack(">f", voltage_v)),
            self.frame(_SET, address, _SET_SHARE, share),
        )

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        """Said twice: in the head of a frame (output, and the relay of its input), and as a register."""
        head = bytes((_SWITCH_DPM, 0, 0x04 if on else 0x80, 0x80, 0, 0, 0, 0))
        whole = Frame(can_id(address, _US, self.group), head)
        return (whole, self.frame(_SET, address, _SWITCH, struct.pack(">I", not on)))


@dataclass
class Driver(CanSupply):
    """[connector.dc_supply] driver = "winline". `rated_current_a`: of a DPM1000, what its 100 % are."""

    dialect: Literal["winline", "dpm1000"] = "winline"
    group: Annotated[int, Meta(ge=0, le=7)] | None = None  # None: the dialect's own, 0 or 3
    rated_current_a: Annotated[float, Meta(gt=0, le=500)] = 100.0

    def make_protocol(self) -> ModuleProtocol:
        if self.dialect == "winline":
            return Modules(0 if self.group is None else self.group)
        return Dpm(3 if self.group is None else self.group, rated_current_a=self.rated_current_a)
