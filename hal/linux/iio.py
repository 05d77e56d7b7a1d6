"""One channel of an analogue-digital converter under /sys/bus/iio, found by the converter's name, as millivolts.

The line from counts to millivolts at the terminal is the board's; its numbers come from the board file.
"""

from pathlib import Path
from typing import NamedTuple

from hal.contracts import DeviceError
from hal.linux.sysfs import Attribute, read_once


class Scale(NamedTuple):
    """mV at the terminal = (raw · full_scale_mv / full_scale_raw) · gain + offset_mv."""

    full_scale_raw: int = 4095
    full_scale_mv: float = 3300.0
    gain: float = 1.0
    offset_mv: float = 0.0


def find_converter(sysfs: Path, name: str) -> Path:
    """The IIO device called `name`, e.g. 2198000.adc. Raises DeviceError with those that exist."""
    seen = []
    for device in sorted((sysfs / "bus/iio/devices").glob("iio:device*")):
        found = read_once(device / "name")
        if found == name:
            return device
        seen.append(found)
    raise DeviceError(f"no converter {name} below {sysfs}/bus/iio/devices (found: {', '.join(seen) or 'none'})")


class AdcChannel:
    """One open channel, e.g. voltage2."""

    def __init__(self, sysfs: Path, converter: str, channel: str, scale: Scale) -> None:
        self._raw = Attribute(find_converter(sysfs, converter) / f"in_{channel}_raw")
        self._top = scale.full_scale_raw
        self._slope = scale.full_scale_mv / scale.full_scale_raw * scale.gain
        self._offset = scale.offset_mv

    def millivolts(self) -> float:
        """One conversion. Raises DeviceError when the converter does not answer or leaves its range."""
        raw = self._raw.read_int()
        if not 0 <= raw <= self._top:
            raise DeviceError(f"{self._raw.path}: {raw} is outside 0..{self._top}")
        return raw * self._slope + self._offset

    def close(self) -> None:
        self._raw.close()
