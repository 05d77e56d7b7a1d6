"""What a meter's reading must be before it is published: finite, within range, the right way round, and going on from
the last one. Every driver of a real meter hands its readings through `Belief`.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from hal.contracts import DeviceError, MeterReading
from hal.meters.energy_counter import Counter, Limits, step

_BACKWARDS_W = 50.0  # a charger that only consumes may show that much the other way: noise, filters


@dataclass
class MeterKeys:
    """Keys that every meter has. `inputs`: which of the meter's inputs measures the connector's L1 (L2, L3), for
    rotated phases or one phase of a three-phase meter. `reversed`: current transformers sit the other way round.
    `bidirectional`: energy may come back from the car. `max_power_w`: beyond it a reading is wrong."""

    inputs: tuple[Literal[1, 2, 3], ...] = ()
    reversed: bool = False
    bidirectional: bool = False
    max_power_w: Annotated[float, Meta(gt=0, le=5e6)] = 0.0  # 0: by the meter's range

    def __post_init__(self) -> None:
        if len(self.inputs) not in (0, 1, 3) or len(set(self.inputs)) != len(self.inputs):
            raise ValueError("inputs names one or three different inputs, e.g. [1] or [2, 3, 1]")


@dataclass
class Belief:
    """`name` is what the errors call the meter."""

    name: str
    keys: MeterKeys
    max_voltage_v: float
    max_current_a: float
    limits: Limits
    clock: Callable[[], float] = time.monotonic
    _imported: Counter = field(init=False, default=Counter())
    _exported: Counter = field(init=False, default=Counter())

    def check(self, reading: MeterReading) -> MeterReading:
        """The reading as it is to be published. Raises DeviceError, and then nothing of it counts."""
        reading = self._turned(reading)
        self._in_range(reading)
        now = self.clock()
        self._imported = step(self._imported, reading.import_wh, reading.power_w, now, self.limits)
        self._exported = step(self._exported, reading.export_wh, -reading.power_w, now, self.limits)
        for counter in (self._imported, self._exported):
            if counter.fault:
                raise DeviceError(f"{self.name}: {counter.fault}")
        return reading._replace(import_wh=self._imported.wh, export_wh=self._exported.wh)

    def _turned(self, r: MeterReading) -> MeterReading:
        """As the connector sees it: its phases, its sign."""
        if self.keys.reversed:
            r = r._replace(import_wh=r.export_wh, export_wh=r.import_wh, power_w=-r.power_w)
        if self.keys.inputs and len(r.voltage_v) == 3:
            r = r._replace(voltage_v=tuple(r.voltage_v[number - 1] for number in self.keys.inputs))
        if self.keys.inputs and len(r.current_a) == 3:
            r = r._replace(current_a=tuple(r.current_a[number - 1] for number in self.keys.inputs))
        return r._replace(current_a=tuple(abs(amps) for amps in r.current_a))

    def _in_range(self, r: MeterReading) -> None:
        for what, values, most in (
            ("V", r.voltage_v, self.max_voltage_v),
            ("A", r.current_a, self.max_current_a),
            ("W", (abs(r.power_w),), self.limits.max_power_w),
            ("Hz", () if r.frequency_hz is None else (r.frequency_hz,), 70.0),
        ):
            for value in values:
                if not math.isfinite(value) or not -1e-6 <= value <= most:
                    raise DeviceError(f"{self.name}: reads {value:g} {what}, possible are 0 to {most:g}")
        if r.power_w < -_BACKWARDS_W and not self.keys.bidirectional:
            raise DeviceError(
                f"{self.name}: power flows backwards ({r.power_w:.0f} W): current transformers turned round?"
                " then set reversed = true; a car that feeds back needs bidirectional = true"
            )
