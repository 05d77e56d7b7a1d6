"""Huawei R100040Gx charging modules, 40 kW each. Its frames are also those of the maker's 48 V rectifiers
(`huawei_r48xx`), with another protocol number."""

import struct
from dataclasses import dataclass
from typing import ClassVar, Final

from hal.can.frame import Frame
from hal.can.protocol import Heard, ModuleProtocol
from hal.can.supply import Amps, CanSupply, Watts

_PROTOCOL: Final = 0x0D
_CONTROL, _CONFIGURE, _QUERY, _REALTIME = 0x80, 0x81, 0x82, 0x40
_SET_VOLTS, _SET_AMPS, _SWITCH, _OUTPUT_MODE, _ALARMS, _OUTPUT = 0x100, 0x10F, 0x132, 0x14A, 0x183, 0x191
_CHOSEN: Final = 0xAA  # the data say which signals of the real-time set are wanted
_OUTPUT_BIT: Final = 1 << 22


def can_id(protocol: int, address: int, message: int, low: int) -> int:
    """`low`: 0x80 from us, 0x7C no group, 0x02 software address, 0x01 more frames follow."""
    return protocol << 23 | address << 16 | message << 8 | low


def frame(address: int, message: int, signal: int, byte3: int = 0, value: int = 0) -> Frame:
    return Frame(can_id(_PROTOCOL, address, message, 0xFC), struct.pack(">HBBI", signal, 0, byte3, value))


class Modules:
    measured: ClassVar[tuple[str, ...]] = ("output",)
    state: ClassVar[str] = "state"
    settle_s = 0.0

    def heard(self, frame: Frame) -> Heard | None:
        address, message = frame.can_id >> 16 & 0x7F, frame.can_id >> 8 & 0xFF
        if frame.can_id >> 23 != _PROTOCOL or frame.can_id & 0x80 or len(frame.data) != 8:
            return None
        signal, value = struct.unpack(">H2xI", frame.data)  # the upper four bits are an error
        if (message, signal) == (_REALTIME, _OUTPUT):
            return Heard(address, "output", (value & 0xFFFF) / 10, (value >> 16) / 10)
        if (message, signal) == (_QUERY, _ALARMS):
            return Heard(address, "state", alarms=(f"alarm {value:#010x}",) if value else ())
        return None

    def measure(self, address: int) -> tuple[Frame, ...]:
        return (frame(address, _REALTIME, 0, _CHOSEN, _OUTPUT_BIT),)

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return (frame(address, _QUERY, _ALARMS),)

    def prepare(self, address: int) -> tuple[Frame, ...]:
        """Series or parallel output by the voltage, by itself."""
        return (frame(address, _CONFIGURE, _OUTPUT_MODE, 1),)

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        return (
            frame(address, _CONTROL, _SET_VOLTS, 0, round(voltage_v * 1024)),
            frame(address, _CONTROL, _SET_AMPS, sharing, round(current_a * 1024)),
        )

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        return (frame(address, _CONTROL, _SWITCH, not on),)


@dataclass
class Driver(CanSupply):
    """[connector.dc_supply] driver = "huawei_r100040gx\""""

    module_max_current_a: Amps = 133.0
    module_max_power_w: Watts = 40_000.0

    def make_protocol(self) -> ModuleProtocol:
        return Modules()
