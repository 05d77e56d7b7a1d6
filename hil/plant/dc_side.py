"""The DC side: power modules that ramp behind a slow bus, their output capacitance, cable and load, the insulation
monitor. Only as much physics as a session can notice; no switching ripple, no cable inductance."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MODULES: Final = 4
VOLTAGE_RAMP_V_S: Final = 500.0
CURRENT_UP_A_S: Final = 150.0  # >= 20 A/s (IEC 61851-23)
CURRENT_DOWN_A_S: Final = 800.0  # >= 100 A/s
BLOCKED_A_S: Final = 25_000.0  # output stage blocked: 500 A are gone in 20 ms (emergency: < 5 A within 30 ms)
OVERSHOOT_V_S: Final = 2000.0
BUS_S: Final = 0.02  # a command reaches the modules, a measurement the controller, this much later
SILENT_S: Final = 10.0  # modules without commands switch themselves off
BLEED_TIME_S: Final = 0.25  # output capacitance and its resistor: below 60 V within 1 s
CABLE_TIME_S: Final = 0.1  # cable and plug alone
CABLE_OHM: Final = 0.01
CLAMP_OVER: Final = 1.15  # the comparator in the output stage (9 ms in hardware) blocks at this share of the rating
CLAMP_S: Final = 0.009
HEALTHY_OHM: Final = 1_000_000.0
SETTLE_S: Final = 1.0  # insulation monitor: no valid value before, after start and after a test
MEASURE_S: Final = 1.0  # one reading
SELF_TEST_S: Final = 1.5


class Load(NamedTuple):
    """What is behind the closed contactor: a battery, its inner resistance and the cable's; or a short circuit."""

    volts: float
    ohm: float
    sinks: bool = True  # a battery takes current; False = it only holds the voltage


class Command(NamedTuple):
    on: bool = False
    volts: float = 0.0
    amps: float = 0.0


OFF: Final = Command()


@dataclass
class DcSupply:
    """Power modules and their output; V, A, W. `overshoot_v`: the regulator gives this much more than it should."""

    max_voltage_v: float = 1000.0
    rated_current_a: float = 500.0
    rated_power_w: float = 200_000.0
    voltage_v: float = 0.0
    current_a: float = 0.0
    failed_modules: int = 0
    overshoot_v: float = 0.0
    runaway_a: float = 0.0  # ... and this much more current
    silent: bool = False  # its bus is cut: it hears nothing and says nothing
    residual_v: float = 0.0  # a broken bleeder: what stays at the output that is off
    reversed: bool = False  # somebody has swapped the poles
    clamped: bool = False  # its own comparator has blocked it; until it is switched off
    told: tuple[float, float] = (0.0, 0.0)  # V and A as its bus tells them now
    _command: Command = OFF
    _wire: deque[tuple[float, Command]] = field(default_factory=deque)
    _measured: deque[tuple[float, float, float]] = field(default_factory=deque)
    _time: float = 0.0
    _heard: float = 0.0
    _over_s: float = 0.0

    @property
    def max_current_a(self) -> float:
        return self.rated_current_a * self._share

    @property
    def max_power_w(self) -> float:
        return self.rated_power_w * self._share

    @property
    def _share(self) -> float:
        return max(0, MODULES - self.failed_modules) / MODULES

    def step(self, dt: float, command: Command, load: Load | None, *, enabled: bool) -> None:
        """`load` is what is behind closed contactors, None while the output is open; `enabled`: the inhibit line."""
        self._time += dt
        self._listen(command)
        self._guard_itself(dt)
        works = self._command.on and self._share > 0.0
        if not enabled or not works or self.clamped:
            self._fall(dt, load, BLOCKED_A_S)
        elif load is None:
            self._charge_itself(dt)
        else:
            self._feed(dt, load)
        self._measure()

    def _listen(self, command: Command) -> None:
        """Commands travel for BUS_S; without any for SILENT_S the modules switch off."""
        if not self.silent:
            self._wire.append((self._time + BUS_S, command))
            self._heard = self._time
        while self._wire and self._wire[0][0] <= self._time:
            self._command = self._wire.popleft()[1]
        if self._time - self._heard > SILENT_S:
            self._command = OFF
        if not self._command.on:
            self.clamped = False

    def _guard_itself(self, dt: float) -> None:
        over = self.voltage_v > self.max_voltage_v * CLAMP_OVER
        self._over_s = self._over_s + dt if over else 0.0
        self.clamped = self.clamped or self._over_s >= CLAMP_S

    @property
    def _target_v(self) -> float:
        return min(self._command.volts, self.max_voltage_v) + self.overshoot_v

    def _fall(self, dt: float, load: Load | None, ramp_a_s: float) -> None:
        self.current_a = max(0.0, self.current_a - ramp_a_s * dt) if load is not None else 0.0
        settled = load.volts + self.current_a * load.ohm if load is not None else self.residual_v
        time_s = BLEED_TIME_S if load is None else 1e-3
        self.voltage_v += (settled - self.voltage_v) * min(1.0, dt / time_s)

    def _charge_itself(self, dt: float) -> None:
        self.current_a = 0.0
        change = self._target_v - self.voltage_v
        up = OVERSHOOT_V_S if self.overshoot_v else VOLTAGE_RAMP_V_S
        fall = -max(VOLTAGE_RAMP_V_S, self.voltage_v / BLEED_TIME_S)
        self.voltage_v += max(fall * dt, min(up * dt, change))

    def _feed(self, dt: float, load: Load) -> None:
        headroom_a = max(0.0, (self._target_v - load.volts) / load.ohm)
        most_a = min(self._command.amps, self.max_current_a, self.max_power_w / max(load.volts, 1.0))
        target_a = min(headroom_a, most_a) if load.sinks else 0.0
        target_a += self.runaway_a if self.runaway_a else 0.0
        change = target_a - self.current_a
        self.current_a += max(-CURRENT_DOWN_A_S * dt, min(CURRENT_UP_A_S * dt, change))
        self.voltage_v = load.volts + self.current_a * load.ohm

    def _measure(self) -> None:
        sign = -1.0 if self.reversed else 1.0
        self._measured.append((self._time + BUS_S, sign * self.voltage_v, self.current_a))
        while self._measured and self._measured[0][0] <= self._time:
            _, volts, amps = self._measured.popleft()
            self.told = (volts, amps)


@dataclass
class IsolationMonitor:
    """IMD (IEC 61557-8): `plus_ohm` and `minus_ohm` are the plant's truth, `reading_ohm` what it last measured, -1 = no
    valid value."""

    plus_ohm: float = HEALTHY_OHM
    minus_ohm: float = HEALTHY_OHM
    reading_ohm: float = -1.0
    broken: bool = False  # its self test fails
    silent: bool = False  # it does not answer
    echo: float = 0.0  # number of the last self test that was done, negative when it failed
    _valid_in_s: float = SETTLE_S
    _testing_s: float = 0.0

    @property
    def real_ohm(self) -> float:
        """Of the weaker pole."""
        return min(self.plus_ohm, self.minus_ohm)

    def step(self, dt: float, on: bool, self_test: float) -> None:
        """`self_test` counts requests up; the echo follows when the test is done."""
        testing = self_test != abs(self.echo)
        self._testing_s = self._testing_s + dt if testing else 0.0
        if self._testing_s >= SELF_TEST_S:
            self.echo = -self_test if self.broken else self_test
        if not on or testing:
            self._valid_in_s, self.reading_ohm = SETTLE_S, -1.0
            return
        self._valid_in_s -= dt
        if self._valid_in_s <= 0.0:
            self.reading_ohm, self._valid_in_s = self.real_ohm, MEASURE_S
