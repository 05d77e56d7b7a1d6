"""The DC side: a supply that ramps, the capacitance of cable and supply, the car's battery behind its relay, and the
insulation monitor. Only as much physics as a CCS session can notice; no switching ripple, no cable inductance."""

from dataclasses import dataclass
from typing import Final

VOLTAGE_RAMP_V_S: Final = 500.0
CURRENT_RAMP_A_S: Final = 200.0  # >= 100 A/s down, >= 20 A/s up (IEC 61851-23)
BLOCKED_A_S: Final = 25_000.0  # output stage blocked: 500 A are gone in 20 ms (emergency: < 5 A within 30 ms)
BLEED_TIME_S: Final = 0.25  # the output falls below 60 V within 1 s
LOOP_OHM: Final = 0.08
MEASURE_S: Final = 1.0  # one reading of the insulation monitor
SELF_TEST_S: Final = 0.5


@dataclass
class DcSupply:
    """Power modules and their output; V, A, W."""

    max_voltage_v: float = 1000.0
    max_current_a: float = 500.0
    max_power_w: float = 200_000.0
    voltage_v: float = 0.0
    current_a: float = 0.0

    def step(self, dt: float, on: bool, set_v: float, set_a: float, battery_v: float | None) -> None:
        """`battery_v` is the voltage behind closed contactors, None while the output is open."""
        if not on:
            self.current_a = 0.0 if battery_v is None else max(0.0, self.current_a - BLOCKED_A_S * dt)
            settled = battery_v if battery_v is not None else 0.0
            self.voltage_v += (settled - self.voltage_v) * min(1.0, dt / BLEED_TIME_S)
            return
        target_v = min(set_v, self.max_voltage_v)
        if battery_v is None:
            self.current_a = 0.0
            change = target_v - self.voltage_v
            self.voltage_v += max(-VOLTAGE_RAMP_V_S * dt, min(VOLTAGE_RAMP_V_S * dt, change))
            return
        headroom_a = max(0.0, (target_v - battery_v) / LOOP_OHM)
        limit_a = min(set_a, self.max_current_a, self.max_power_w / max(battery_v, 1.0))
        change = min(headroom_a, limit_a) - self.current_a
        self.current_a += max(-CURRENT_RAMP_A_S * dt, min(CURRENT_RAMP_A_S * dt, change))
        self.voltage_v = battery_v + self.current_a * LOOP_OHM


@dataclass
class IsolationMonitor:
    """IMD (IEC 61557-8): `real_ohm` is the plant's truth, `reading_ohm` what the monitor last measured."""

    real_ohm: float = 1_000_000.0
    reading_ohm: float = 1_000_000.0
    broken: bool = False  # its self test fails
    instant: bool = False  # virtual time: a driver that waits in real time finds its self test passed already
    passed: float = 0.0  # echo of the last self test request that passed
    _measuring_s: float = 0.0
    _testing_s: float = 0.0

    def step(self, dt: float, on: bool, self_test: float) -> None:
        """`self_test` counts requests up; the echo follows when the test passed."""
        self._measuring_s = self._measuring_s + dt if on else 0.0
        if self._measuring_s >= MEASURE_S:
            self.reading_ohm = self.real_ohm
            self._measuring_s = 0.0
        if self.instant and not self.broken:
            self.passed = self_test + 1.0
            return
        self._testing_s = self._testing_s + dt if self_test != self.passed else 0.0
        if self._testing_s >= SELF_TEST_S and not self.broken:
            self.passed = self_test
