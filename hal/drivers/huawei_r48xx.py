"""Huawei R4850/R4875 rectifiers (48 V telecom), as benches and small stations use them. A module that hears nothing
for a minute falls back to its stored values: `gone_s` is longer than that of others."""

import struct
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from hal.can.frame import Frame
from hal.can.protocol import Heard, ModuleProtocol
from hal.can.supply import Amps, CanSupply, Volts, Watts
from hal.drivers.huawei_r100040gx import can_id

_PROTOCOL: Final = 0x21
_CONTROL, _REALTIME, _INFORMATION = 0x80, 0x40, 0x50
_SET_VOLTS, _SET_AMPS, _SWITCH = 0x100, 0x103, 0x132
_VOLTS, _AMPS = 0x75, 0x81
_OK: Final = 0x01


@dataclass
class Modules:
    """`rated_current_a`: what 1024 means as a current."""

    rated_current_a: float
    measured: ClassVar[tuple[str, ...]] = ("volts", "amps")
    state: ClassVar[str] = "information"
    settle_s: float = 0.0

    def heard(self, frame: Frame) -> Heard | None:
        address = frame.can_id >> 16 & 0x7F
        if frame.can_id == can_id(_PROTOCOL, address, _INFORMATION, 0x7E):  # the last frame of its data
            return Heard(address, "information")
        if frame.can_id | 1 != can_id(_PROTOCOL, address, _REALTIME, 0x7F) or len(frame.data) != 8:
            return None
        if frame.data[0] != _OK:
            return None
        value = int.from_bytes(frame.data[4:], "big", signed=True) / 1024
        if frame.data[1] == _VOLTS:
            return Heard(address, "volts", voltage_v=value)
        return Heard(address, "amps", current_a=value) if frame.data[1] == _AMPS else None

    def _frame(self, address: int, message: int, data: bytes) -> Frame:
        return Frame(can_id(_PROTOCOL, address, message, 0xFE), data)

    def measure(self, address: int) -> tuple[Frame, ...]:
        return (self._frame(address, _REALTIME, bytes(8)),)

    def inquire(self, address: int) -> tuple[Frame, ...]:
        return (self._frame(address, _INFORMATION, bytes(8)),)

    def prepare(self, address: int) -> tuple[Frame, ...]:
        return ()

    def set_point(self, address: int, voltage_v: float, current_a: float, sharing: int) -> tuple[Frame, ...]:
        wanted = ((_SET_VOLTS, voltage_v * 1024), (_SET_AMPS, current_a / self.rated_current_a * 1024))
        return tuple(self._frame(address, _CONTROL, struct.pack(">H4xH", item, round(v))) for item, v in wanted)

    def switch(self, address: int, *, on: bool) -> tuple[Frame, ...]:
        return (self._frame(address, _CONTROL, struct.pack(">HxB4x", _SWITCH, not on)),)


@dataclass
class Driver(CanSupply):
    """[connector.dc_supply] driver = "huawei_r48xx". `rated_current_a`: 50 of an R4850, 75 of an R4875."""

    module_max_voltage_v: Volts = 58.5
    module_min_voltage_v: Annotated[float, Meta(ge=0, le=1000)] = 41.5
    module_max_current_a: Amps = 50.0
    module_max_power_w: Watts = 3000.0
    gone_s: Annotated[float, Meta(ge=1, le=60)] = 60.0
    rated_current_a: Amps = 50.0

    def make_protocol(self) -> ModuleProtocol:
        return Modules(self.rated_current_a)
