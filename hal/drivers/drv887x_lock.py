"""Plug lock driven by an H-bridge with two inputs (TI DRV8871/8872), its position read by a converter, its energy for
a power failure in capacitors that must be full before the plug may be locked.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from hal.contracts import DeviceError, LockState, Place
from hal.linux.gpio import Gpio, Input, Output
from hal.linux.iio import AdcChannel, Scale

Millivolts = Annotated[float, Meta(ge=0, le=20_000)]
_BRAKE_S: Final = 0.05  # stops the motor before the bridge lets go
_POLL_S: Final = 0.1
_SPAN: Final = 2  # a window is its lower and its upper bound


@dataclass
class Driver:
    """[connector.lock] driver = "drv887x_lock". Locking turns backward (IN2), unlocking forward (IN1). Windows in mV
    at the sense input; between them the bolt is on its way or stuck. Without capacitor_channel the station has no way
    to free the plug in a power failure; its builder answers for that."""

    in1_line: str
    in2_line: str
    adc_device: str
    sense_channel: str
    locked_mv: Annotated[tuple[Millivolts, ...], Meta(min_length=_SPAN, max_length=_SPAN)]
    unlocked_mv: Annotated[tuple[Millivolts, ...], Meta(min_length=_SPAN, max_length=_SPAN)]
    in1_active_low: bool = False
    in2_active_low: bool = False
    fault_line: str = ""  # nFAULT of the bridge, low = over-current or over-temperature
    pulse_s: Annotated[float, Meta(gt=0, le=4)] = 0.6
    attempts: Annotated[int, Meta(ge=1, le=20)] = 1  # pulses per command; the guard repeats the command
    pause_s: Annotated[float, Meta(ge=0, le=10)] = 1.0
    settle_s: Annotated[float, Meta(ge=0, le=5)] = 0.5  # the plug must sit before the first pulse
    capacitor_channel: str = ""
    capacitor_gain: float = 1.0
    capacitor_min_mv: Millivolts = 10_000.0
    capacitor_wait_s: Annotated[float, Meta(ge=0, le=120)] = 10.0
    full_scale_raw: Annotated[int, Meta(ge=1)] = 4095
    full_scale_mv: Annotated[float, Meta(gt=0)] = 3300.0
    _parts: "_Hardware | None" = field(init=False, default=None, repr=False)
    _moving: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        (low, high), (from_mv, to_mv) = sorted((self.locked_mv, self.unlocked_mv))
        if not low < high < from_mv < to_mv:
            raise ValueError("locked_mv and unlocked_mv must be two windows [from, to] that do not touch")

    def attach(self, place: Place) -> None:
        """Take the bridge without moving the bolt: after a restart a car may be charging behind it."""
        scale = Scale(self.full_scale_raw, self.full_scale_mv)
        parts = _Hardware()
        try:
            gpio = Gpio(place.dev)
            parts.in1 = gpio.output(self.in1_line, active_low=self.in1_active_low)
            parts.in2 = gpio.output(self.in2_line, active_low=self.in2_active_low)
            parts.fault = gpio.input(self.fault_line, active_low=True) if self.fault_line else None
            parts.sense = AdcChannel(place.sysfs, self.adc_device, self.sense_channel, scale)
            if self.capacitor_channel:
                supply = scale._replace(gain=self.capacitor_gain)
                parts.capacitor = AdcChannel(place.sysfs, self.adc_device, self.capacitor_channel, supply)
        except DeviceError:
            parts.close()
            raise
        self._parts = parts

    def detach(self) -> None:
        if self._parts is not None:
            try:
                self._parts.coast()
            finally:
                self._parts.close()
                self._parts = None

    def lock(self) -> None:
        """Raises DeviceError when the capacitors stay empty or the bolt does not reach its place."""
        if self.state() is LockState.LOCKED:
            return
        self._wait_for_capacitor()
        time.sleep(self.settle_s)
        self._move(LockState.LOCKED)

    def unlock(self) -> None:
        """Tried whatever the capacitors say: a trapped cable is worse. Raises DeviceError when the bolt stays."""
        if self.state() is not LockState.UNLOCKED:
            self._move(LockState.UNLOCKED)

    def state(self) -> LockState:
        """Where the bolt is, by the sense input."""
        level = self._attached().sense.millivolts()
        for window, state in ((self.locked_mv, LockState.LOCKED), (self.unlocked_mv, LockState.UNLOCKED)):
            if window[0] <= level <= window[1]:
                return state
        return LockState.MOVING if self._moving.locked() else LockState.UNKNOWN

    def _move(self, wanted: LockState) -> None:
        parts = self._attached()
        with self._moving:
            for attempt in range(self.attempts):
                if attempt:
                    time.sleep(self.pause_s)
                parts.pulse(forward=wanted is LockState.UNLOCKED, seconds=self.pulse_s)
                if self.state() is wanted:
                    return
        trouble = "; the motor bridge reports over-current or heat" if parts.faulty() else ""
        level = parts.sense.millivolts()
        raise DeviceError(f"plug lock: not {wanted} after {self.attempts} pulses (sense {level:.0f} mV){trouble}")

    def _wait_for_capacitor(self) -> None:
        capacitor = self._attached().capacitor
        if capacitor is None:
            return
        deadline = time.monotonic() + self.capacitor_wait_s
        while (level := capacitor.millivolts()) < self.capacitor_min_mv:
            if time.monotonic() >= deadline:
                raise DeviceError(
                    f"plug lock: capacitors at {level:.0f} mV, {self.capacitor_min_mv:.0f} mV wanted: "
                    "a power failure would trap the plug, so it is not locked"
                )
            time.sleep(_POLL_S)

    def _attached(self) -> "_Hardware":
        if self._parts is None:
            raise DeviceError("plug lock: not attached")
        return self._parts


class _Hardware:
    """What the driver holds between attach and detach."""

    in1: Output
    in2: Output
    sense: AdcChannel
    fault: Input | None = None
    capacitor: AdcChannel | None = None

    def pulse(self, *, forward: bool, seconds: float) -> None:
        try:
            self.in1.set(forward)
            self.in2.set(not forward)
            time.sleep(seconds)
            self.in1.set(True)  # both on = brake
            self.in2.set(True)
            time.sleep(_BRAKE_S)
        finally:
            self.coast()

    def coast(self) -> None:
        """Both off: the bridge sleeps and the capacitors charge. IN1 first, the line that a power failure drives."""
        self.in1.set(False)
        self.in2.set(False)

    def faulty(self) -> bool:
        return self.fault is not None and self.fault.active()

    def close(self) -> None:
        for name in ("in1", "in2", "sense", "fault", "capacitor"):
            part = getattr(self, name, None)
            if part is not None:
                part.close()
