"""Control pilot made of a kernel PWM and a converter: two peak detectors read slowly, or the line itself read often
(IEC 61851-1 Annex A).

The PWM may sit behind a GPIO that lets it through to the line. Levels and states are the guard's; this file only puts
out a duty and measures both half waves.
"""

import time
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from msgspec import Meta

from hal.contracts import DeviceError, PilotMode, PilotOutput, PilotSample, Place
from hal.linux.gpio import Gpio, Output
from hal.linux.iio import AdcChannel, Scale
from hal.linux.pwm import Pwm

_PERIOD_NS: Final = 1_000_000  # 1 kHz, IEC 61851-1 Table A.1
_LEAST_SAMPLES: Final = 30
_EDGE_S: Final = 0.002  # two periods at 100 %: the line leaves +12 V by one clean edge before the output goes off
_DUTY_OF: Final = {PilotMode.X1: 100.0, PilotMode.F: 0.0}

Pause = Annotated[float, Meta(ge=0, le=0.003)]


@dataclass
class Driver:
    """[connector.pilot] driver = "sysfs_pwm_pilot". Times in s, levels in mV at the control pilot."""

    pwm_device: str  # parent device of the PWM chip, e.g. 20fc000.pwm
    adc_device: str  # name of the IIO device
    high_channel: str  # positive peak, e.g. voltage2
    low_channel: str  # negative peak; the same channel where the line itself is sampled, see `samples`
    samples: Annotated[int, Meta(ge=1, le=60)] = 1  # conversions of the line per reading, within 4 ms together
    pwm_channel: Annotated[int, Meta(ge=0, le=31)] = 0
    enable_line: str = ""  # high: the PWM reaches the line; "" where it always does
    disabled_shows: Literal["unknown", "e", "f"] = "unknown"  # what the line carries while enable_line is low
    high_reset_line: str = ""  # high: empties the peak detector; "" where detectors need no reset
    low_reset_line: str = ""
    reset_s: Pause = 0.0015
    settle_s: Pause = 0.002
    full_scale_raw: Annotated[int, Meta(ge=1)] = 4095
    full_scale_mv: Annotated[float, Meta(gt=0)] = 3300.0
    gain: float = 1.0
    offset_mv: float = 0.0
    _parts: "_Hardware | None" = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        if self.disabled_shows != "unknown" and not self.enable_line:
            raise ValueError("disabled_shows needs enable_line")
        if (self.samples > 1) != (self.low_channel == self.high_channel):
            raise ValueError("samples belongs to one channel for both half waves")
        if 1 < self.samples < _LEAST_SAMPLES:
            raise ValueError(f"samples: at least {_LEAST_SAMPLES}, so that 10 % of a period are hit")

    def attach(self, place: Place) -> None:
        """Take PWM, converter and lines; the pilot shows X1."""
        scale = Scale(self.full_scale_raw, self.full_scale_mv, self.gain, self.offset_mv)
        parts = _Hardware()
        try:
            gpio = Gpio(place.dev)
            parts.pwm = Pwm(place.sysfs, self.pwm_device, self.pwm_channel)
            parts.high = AdcChannel(place.sysfs, self.adc_device, self.high_channel, scale)
            parts.low = AdcChannel(place.sysfs, self.adc_device, self.low_channel, scale)
            parts.resets = [gpio.output(line) for line in (self.high_reset_line, self.low_reset_line) if line]
            parts.show(_DUTY_OF[PilotMode.X1])
            parts.enable = gpio.output(self.enable_line, on=True) if self.enable_line else None
        except DeviceError:
            parts.close()
            raise
        self._parts = parts

    def detach(self) -> None:
        """Leave X1 on the line: no car may draw current, none thinks the station is broken."""
        if self._parts is not None:
            try:
                self.drive(PilotOutput(PilotMode.X1))
            finally:
                self._parts.close()
                self._parts = None

    def read(self) -> PilotSample:
        """Both peaks of the last two periods; takes reset_s + settle_s and two conversions."""
        parts = self._attached()
        if parts.resets:
            for line in parts.resets:
                line.set(True)
            time.sleep(self.reset_s)
            for line in parts.resets:
                line.set(False)
            time.sleep(self.settle_s)
        if self.samples > 1:
            return _half_waves([parts.high.millivolts() for _ in range(self.samples)])
        return PilotSample(round(parts.high.millivolts()), round(parts.low.millivolts()))

    def drive(self, output: PilotOutput) -> None:
        """Put X1, a duty, E or F on the line. A circuit that cannot pull the line to 0 V shows F for E: both tell the
        car to start over (IEC 61851-1 Table A.6)."""
        parts = self._attached()
        off = output.mode is PilotMode.E and self.disabled_shows == "e"
        if off and parts.enable is not None:
            if parts.enabled:
                parts.show(100.0)
                time.sleep(_EDGE_S)
                parts.switch(False)
            return
        if output.mode is PilotMode.DUTY:
            if not 0 < output.duty_percent < 100:
                raise DeviceError(f"pilot: {output.duty_percent} % is no duty of a running PWM")
            parts.show(output.duty_percent)
        else:
            parts.show(_DUTY_OF.get(output.mode, 0.0))
        parts.switch(True)

    def _attached(self) -> "_Hardware":
        if self._parts is None:
            raise DeviceError("pilot: not attached")
        return self._parts


def _half_waves(seen: list[float]) -> PilotSample:
    """Both levels of a line sampled at random moments: the second highest and second lowest, so that one conversion on
    an edge or one glitch is no level."""
    seen.sort()
    return PilotSample(round(seen[-2]), round(seen[1]))


class _Hardware:
    """What the driver holds between attach and detach. Writes only what changes: the tick calls it every 10 ms."""

    pwm: Pwm
    high: AdcChannel
    low: AdcChannel
    enable: Output | None

    def __init__(self) -> None:
        self.resets: list[Output] = []
        self.enabled = True  # attach requests the line that way
        self._running = False

    def show(self, percent: float) -> None:
        self.pwm.set(_PERIOD_NS, round(_PERIOD_NS * percent / 100))
        if not self._running:
            self.pwm.enable(True)
            self._running = True

    def switch(self, on: bool) -> None:
        if self.enable is not None and on != self.enabled:
            self.enable.set(on)
            self.enabled = on

    def close(self) -> None:
        for name in ("pwm", "high", "low", "enable"):
            part = getattr(self, name, None)
            if part is not None:
                part.close()
        for line in self.resets:
            line.close()
