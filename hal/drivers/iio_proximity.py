"""Proximity contact of a Type 2 socket: a converter reads the divider made with the cable's resistor.

IEC 61851-1 Annex B: 1500, 680, 220, 100 Ohm for 13, 20, 32, 63 A. Between plug and socket the voltage wanders; the
middle one of a few conversions is taken.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, Place, Plug
from hal.linux.iio import AdcChannel, Scale

Millivolts = Annotated[float, Meta(ge=0, le=20_000)]
_FALLING: Final = (Plug.NONE, Plug.A13, Plug.A20, Plug.A32, Plug.A63)


@dataclass
class Driver:
    """[connector.proximity] driver = "iio_proximity". A rating holds from its threshold (mV) up to the next one;
    below the last one the circuit is broken or shorted."""

    adc_device: str
    channel: str
    none_from_mv: Millivolts
    a13_from_mv: Millivolts
    a20_from_mv: Millivolts
    a32_from_mv: Millivolts
    a63_from_mv: Millivolts
    button_mv: tuple[Millivolts, Millivolts] | None = None  # Type 1: while the release button is pressed
    full_scale_raw: Annotated[int, Meta(ge=1)] = 4095
    full_scale_mv: Annotated[float, Meta(gt=0)] = 3300.0
    conversions: Annotated[int, Meta(ge=1, le=9)] = 3  # an odd number has a middle one
    _adc: AdcChannel | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self._thresholds = tuple(getattr(self, f"{name}_from_mv") for name in ("none", "a13", "a20", "a32", "a63"))
        if any(high <= low for high, low in zip(self._thresholds, self._thresholds[1:], strict=False)):
            raise ValueError("thresholds must fall from none_from_mv to a63_from_mv: less resistance, less voltage")

    def attach(self, place: Place) -> None:
        scale = Scale(self.full_scale_raw, self.full_scale_mv)
        self._adc = AdcChannel(place.sysfs, self.adc_device, self.channel, scale)

    def detach(self) -> None:
        if self._adc is not None:
            self._adc.close()
            self._adc = None

    def read(self) -> Plug:
        if self._adc is None:
            raise DeviceError("proximity: not attached")
        seen = sorted([self._adc.millivolts() for _ in range(self.conversions)])
        level = seen[self.conversions // 2]
        if self.button_mv is not None and self.button_mv[0] <= level <= self.button_mv[1]:
            return Plug.BUTTON
        for plug, threshold in zip(_FALLING, self._thresholds, strict=True):
            if level >= threshold:
                return plug
        return Plug.INVALID
