"""Three lamps on GPIO outputs as the driver's traffic light. Steady colours only: nothing here runs by itself."""

from dataclasses import dataclass, field
from typing import Final

from hal.contracts import DeviceError, Light, Place
from hal.linux.gpio import Gpio, Output

#: What shines when. Red alone is always "do not use"; blue is "a session is running".
_SHOWN: Final[dict[Light, tuple[str, ...]]] = {
    Light.OFF: (),
    Light.AVAILABLE: ("green",),
    Light.PREPARING: ("green", "blue"),
    Light.CHARGING: ("blue",),
    Light.SUSPENDED: ("green", "blue"),
    Light.FINISHING: ("green", "blue"),
    Light.RESERVED: ("blue", "red"),
    Light.UNAVAILABLE: ("red",),
    Light.FAULTED: ("red",),
}


@dataclass
class Driver:
    """[connector.indicator] driver = "gpio_indicator". Leave a line out where there is no lamp."""

    green_line: str = ""
    blue_line: str = ""
    red_line: str = ""
    active_low: bool = False
    _lamps: dict[str, Output] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not (self.green_line or self.blue_line or self.red_line):
            raise ValueError("no lamp: give at least one of green_line, blue_line, red_line")

    def attach(self, place: Place) -> None:
        gpio = Gpio(place.dev)
        lines = {"green": self.green_line, "blue": self.blue_line, "red": self.red_line}
        try:
            for colour, line in lines.items():
                if line:
                    self._lamps[colour] = gpio.output(line, active_low=self.active_low)
        except DeviceError:
            self.detach()
            raise

    def detach(self) -> None:
        for lamp in self._lamps.values():
            lamp.set(False)
            lamp.close()
        self._lamps = {}

    def show(self, light: Light) -> None:
        if not self._lamps:
            raise DeviceError("indicator: not attached")
        for colour, lamp in self._lamps.items():
            lamp.set(colour in _SHOWN[light])
