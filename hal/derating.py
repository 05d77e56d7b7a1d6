"""Less current when it gets warm: curves of the board file (°C -> A), one per sensor; the lowest counts.

A limit falls at once and rises only when the sensor has cooled by the curve's hysteresis: no duty that swings.
`Heat` keeps the state; the functions are pure.
"""

import math
from collections.abc import Mapping, Sequence

from hal.board_settings import Derating
from hal.polling import Poller


def allowed_a(curve: Derating, temperature_c: float) -> float:
    """What the curve allows at a temperature, A: straight lines between its points, whole A, so that a sensor's last
    digit moves no duty. Unlimited below the first point; the last point's value above it."""
    before_c, before_a = curve.points[0]
    if temperature_c < before_c:
        return math.inf
    for at_c, at_a in curve.points[1:]:
        if temperature_c < at_c:
            return float(math.floor(before_a + (at_a - before_a) * (temperature_c - before_c) / (at_c - before_c)))
        before_c, before_a = at_c, at_a
    return before_a


def limits(
    before: Sequence[float], curves: Sequence[Derating], temperatures: Mapping[str, float | None]
) -> tuple[float, ...]:
    """The limit of each curve now, A, from those before; a sensor without a value keeps its last word (that it is
    silent is a fault of its own)."""
    now = []
    for last, curve in zip(before, curves, strict=True):
        value = temperatures.get(curve.sensor)
        if value is None:
            now.append(last)
            continue
        lower = allowed_a(curve, value)
        cooled = allowed_a(curve, value + curve.hysteresis_k)
        now.append(min(lower, max(last, cooled)))
    return tuple(now)


def too_hot(was: bool, curve: Derating, temperature_c: float | None) -> bool:
    """Above `stop_c`, and until the sensor has cooled by the hysteresis."""
    if temperature_c is None or curve.stop_c is None:
        return was
    return temperature_c >= (curve.stop_c - curve.hysteresis_k if was else curve.stop_c)


class Heat:
    """All curves of one connector with what they said last."""

    def __init__(self, curves: tuple[Derating, ...], thermometers: Mapping[str, Poller[float]]) -> None:
        self._curves = curves
        self._thermometers = thermometers
        self._limits = (math.inf,) * len(curves)
        self._hot = (False,) * len(curves)

    def follow(self) -> float:
        """What the sensors leave now, A; call once a tick."""
        if not self._curves:
            return math.inf
        values = {name: poller.latest.value for name, poller in self._thermometers.items()}
        self._limits = limits(self._limits, self._curves, values)
        pairs = zip(self._hot, self._curves, strict=True)
        self._hot = tuple(too_hot(was, curve, values.get(curve.sensor)) for was, curve in pairs)
        return min(self._limits)

    @property
    def too_hot(self) -> str:
        """The first sensor above its curve's end, for people; '' = none."""
        for hot, curve in zip(self._hot, self._curves, strict=True):
            if hot:
                value = self._thermometers[curve.sensor].latest.value
                return f"{curve.sensor}: {value:.0f} °C" if value is not None else curve.sensor
        return ""
