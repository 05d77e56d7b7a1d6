"""A lamp of three colours on kernel LEDs with brightness (PWM), and a buzzer on a fourth: /sys/class/leds/NAME.

Colours are steady; the buzzer sounds once, briefly, when something needs a person (a fault) or has been accepted.
Linux: Documentation/leds/leds-class.rst.
"""

import time
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, Light, Place
from hal.linux.sysfs import Attribute, read_once

#: red, green, blue as shares of full brightness
_COLOURS: Final[dict[Light, tuple[float, float, float]]] = {
    Light.OFF: (0, 0, 0),
    Light.AVAILABLE: (0, 1, 0),
    Light.PREPARING: (0, 0.6, 0.6),
    Light.CHARGING: (0, 0, 1),
    Light.SUSPENDED: (0.5, 0.5, 0.5),
    Light.FINISHING: (0, 0.6, 0.6),
    Light.RESERVED: (0.5, 0, 0.7),
    Light.UNAVAILABLE: (0.8, 0.3, 0),
    Light.FAULTED: (1, 0, 0),
}
_BEEPS: Final = {Light.FAULTED: 0.4, Light.PREPARING: 0.08}  # s


@dataclass
class Driver:
    """[connector.indicator] driver = "led_rgb". `red`, `green`, `blue`, `buzzer`: names of kernel LEDs; at least one
    colour. `percent`: of full brightness."""

    red: str = ""
    green: str = ""
    blue: str = ""
    buzzer: str = ""
    percent: Annotated[float, Meta(gt=0, le=100)] = 100.0
    _leds: "dict[str, tuple[Attribute, int]]" = field(init=False, default_factory=dict, repr=False)
    _shown: Light = field(init=False, default=Light.OFF, repr=False)

    def __post_init__(self) -> None:
        if not (self.red or self.green or self.blue):
            raise ValueError("no lamp: give at least one of red, green, blue")

    def attach(self, place: Place) -> None:
        names = {"red": self.red, "green": self.green, "blue": self.blue, "buzzer": self.buzzer}
        try:
            for part, name in names.items():
                if name:
                    folder = place.sysfs / "class/leds" / name
                    most = int(read_once(folder / "max_brightness"))
                    self._leds[part] = (Attribute(folder / "brightness", writable=True), most)
            self._put({})
        except ValueError as error:
            self.detach()
            raise DeviceError(f"indicator: max_brightness: {error}") from error
        except DeviceError:
            self.detach()
            raise
        self._shown = Light.OFF

    def detach(self) -> None:
        try:
            self._put({})
        finally:
            for attribute, _ in self._leds.values():
                attribute.close()
            self._leds = {}

    def show(self, light: Light) -> None:
        """Slow where the buzzer sounds: it is called from the indicator's own thread."""
        if not self._leds:
            raise DeviceError("indicator: not attached")
        colour = dict(zip(("red", "green", "blue"), _COLOURS[light], strict=True))
        changed, self._shown = light is not self._shown, light
        beep_s = _BEEPS.get(light, 0.0) if changed and "buzzer" in self._leds else 0.0
        if beep_s:
            self._put({**colour, "buzzer": 1.0})
            time.sleep(beep_s)
        self._put(colour)

    def _put(self, shares: dict[str, float]) -> None:
        for part, (attribute, most) in self._leds.items():
            dimmed = 1.0 if part == "buzzer" else self.percent / 100
            attribute.write(round(most * shares.get(part, 0.0) * dimmed))
