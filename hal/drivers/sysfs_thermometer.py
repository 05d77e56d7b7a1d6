"""A temperature that the kernel shows: a 1-Wire sensor or a thermal zone. Both give thousandths of a degree Celsius."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from hal.contracts import DeviceError, Place
from hal.linux.sysfs import Attribute, read_once

_COLDEST_MDEG: Final = -60_000  # no such sensor measures below, or above
_HOTTEST_MDEG: Final = 200_000
_POWER_ON_MDEG: Final = 85_000  # a DS18B20 that has not converted yet says exactly this


@dataclass
class Driver:
    """[connector.thermometer] driver = "sysfs_thermometer". `name`: id of the 1-Wire sensor (28-…), or the type of the
    thermal zone; a 1-Wire name may end in * where only one sensor hangs on the bus."""

    source: Literal["w1", "thermal"]
    name: str
    _path: Path | None = field(init=False, default=None, repr=False)

    def attach(self, place: Place) -> None:
        self._path = self._find(place.sysfs)

    def detach(self) -> None:
        self._path = None

    def read(self) -> float:
        """Opened anew each time: the file of a sensor that was unplugged is dead, also when it is back."""
        if self._path is None:
            raise DeviceError("thermometer: not attached")
        attribute = Attribute(self._path)
        try:
            value = attribute.read_int()
        finally:
            attribute.close()
        if self.source == "w1" and value == _POWER_ON_MDEG:
            raise DeviceError(f"{self._path}: the sensor lost its supply (power-on value)")
        if not _COLDEST_MDEG <= value <= _HOTTEST_MDEG:
            raise DeviceError(f"{self._path}: {value / 1000:g} °C cannot be")
        return value / 1000

    def _find(self, sysfs: Path) -> Path:
        if self.source == "w1":
            found = [sensor / "temperature" for sensor in sorted((sysfs / "bus/w1/devices").glob(self.name))]
        else:
            zones = sorted((sysfs / "class/thermal").glob("thermal_zone*"))
            found = [zone / "temp" for zone in zones if read_once(zone / "type") == self.name]
        if len(found) != 1:
            raise DeviceError(f"thermometer {self.name}: {len(found)} of that name below {sysfs}")
        return found[0]
