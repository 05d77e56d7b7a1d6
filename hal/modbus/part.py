"""What every driver of a Modbus device shares: the keys `bus` and `address`, and its unit while attached."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from msgspec import Meta

from hal.contracts import DeviceError, Place
from hal.modbus.bus import Bus, Priority, Unit


@dataclass
class ModbusPart:
    """`bus` names a [bus.<name>] of the board file, `address` the device's unit on it. `pause_s`: silence it needs
    between two requests."""

    bus: str
    address: Annotated[int, Meta(ge=1, le=247)]
    pause_s: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    _bus: Bus | None = field(init=False, default=None, repr=False)
    _unit: Unit | None = field(init=False, default=None, repr=False)

    priority: ClassVar[Priority] = Priority.METER

    def attach(self, place: Place) -> None:
        """Join the bus. A device that does not answer is a fault later, not now."""
        bus = place.buses.get(self.bus)
        if not isinstance(bus, Bus):
            raise DeviceError(f"{place}: no bus {self.bus!r}")
        bus.join()
        self._bus, self._unit = bus, bus.unit(self.address, self.priority, self.pause_s)

    def detach(self) -> None:
        if self._bus is not None:
            self._bus.leave()
        self._bus = self._unit = None

    @property
    def unit(self) -> Unit:
        """The device. Raises DeviceError while not attached."""
        if self._unit is None:
            raise DeviceError(f"bus {self.bus} unit {self.address}: not attached")
        return self._unit
