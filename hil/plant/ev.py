"""The car at the other end of the cable: S2, an on-board charger that follows the duty cycle, and a battery.

It is a complete basic IEC 61851-1 car. A car with digital communication is a process of its own that moves this S2 and
this current limit through rig control; so may any foreign EV software (policy `follow`).
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from hil.plant.battery import Battery
from hil.plant.pilot_circuit import LOAD_OHM, Load

# basic: closes S2 on nominal PWM. follow: closes it `follow_s` after the 5 % of a digital session too.
# nervous: basic, but it opens S2 every NERVOUS_S. manual: only the rig moves it.
Policy = Literal["basic", "follow", "nervous", "manual"]

REACT_S: Final = 0.3  # from a stable nominal duty to S2
SOFT_START_S: Final = 1.0  # from mains to first current
RAMP_UP_A_S: Final = 10.0  # 0 to 32 A in 3.2 s: a car follows a new duty within 5 s (IEC 61851-1 Table A.6, seq 6)
RAMP_DOWN_A_S: Final = 20.0
NERVOUS_S: Final = 4.0
LET_GO_S: Final = 3.0  # PWM gone: S2 open at the latest after 3 s (seq 10.1)


def offered_a(duty_percent: float) -> float:
    """What a car may draw at this duty cycle, in A per phase (IEC 61851-1 Table A.8); 0 = nothing by this rule."""
    if 8.0 <= duty_percent < 10.0:
        return 6.0
    if 10.0 <= duty_percent <= 85.0:
        return 0.6 * duty_percent
    if 85.0 < duty_percent <= 96.0:
        return 2.5 * (duty_percent - 64.0)
    return 80.0 if 96.0 < duty_percent <= 97.0 else 0.0


def is_digital(duty_percent: float) -> bool:
    """3..7 %: the station asks for digital communication."""
    return 3.0 <= duty_percent <= 7.0


@dataclass
class Car:
    """Currents in A per phase. `limit_a` is what the digital session allows while the duty is 5 %."""

    policy: Policy = "basic"
    wants_power: bool = True
    max_current_a: float = 16.0
    phases: int = 3
    ventilation: bool = False
    follow_s: float = 2.0
    limit_a: float | None = None
    battery: Battery = field(default_factory=Battery)
    plugged: bool = False
    s2: bool = False
    diode: bool = True
    short: bool = False
    dc_relay: bool = False
    current_a: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _drawn_a: float = 0.0
    _pwm_s: float = 0.0
    _quiet_s: float = 0.0
    _mains_s: float = 0.0
    _had_mains: bool = False
    _closed_s: float = 0.0  # S2 has been closed
    _ended: bool = False  # the station ended the digital session: no power until the next plug-in

    @property
    def state(self) -> str:
        """The state this car presents: A, B, C or D."""
        if not self.plugged:
            return "A"
        return "B" if not self.s2 else "D" if self.ventilation else "C"

    @property
    def load(self) -> Load:
        """What the car puts on the pilot line; the short is the cable's and stays when unplugged."""
        return Load(LOAD_OHM.get(self.state), self.diode, self.short)

    def plug(self, plugged: bool) -> None:
        """The plug goes in or comes out: S2 is open either way."""
        self.plugged = plugged
        self.let_go()
        self.dc_relay = False
        self._pwm_s = 0.0
        self._ended = False
        if plugged:
            self.battery.charged_wh = 0.0

    def let_go(self) -> None:
        """Stop drawing and open S2, now."""
        self.s2 = False
        self._drawn_a = 0.0
        self._had_mains = False
        self.current_a = (0.0, 0.0, 0.0)

    def step(self, dt: float, mode: str, duty_percent: float, mains_v: tuple[float, float, float]) -> None:
        """Let `dt` seconds pass with this pilot and these voltages at the inlet."""
        if not self.plugged:
            return
        duty = duty_percent if mode == "duty" and not self.short else 0.0
        live = self.s2 and max(mains_v) > 50.0
        self._move_s2(dt, mode, duty, live)
        self._draw(dt, duty, mains_v if live and self.s2 else (0.0, 0.0, 0.0))

    def _move_s2(self, dt: float, mode: str, duty: float, live: bool) -> None:
        nominal = offered_a(duty) >= 6.0
        pwm = nominal or (self.policy == "follow" and is_digital(duty))
        self._pwm_s = self._pwm_s + dt if pwm else 0.0
        self._quiet_s = 0.0 if pwm else self._quiet_s + dt
        if self.policy == "manual":
            return
        wanted = self.wants_power and not self.battery.full and not self._ended
        if not self.s2:
            react = self.follow_s if is_digital(duty) else REACT_S
            self.s2 = wanted and pwm and self._pwm_s >= react
            self._had_mains, self._closed_s = False, 0.0
            return
        self._had_mains = self._had_mains or live
        self._closed_s += dt
        if self.policy == "nervous" and self._closed_s >= NERVOUS_S:
            self.let_go()
            self._pwm_s = self._closed_s = 0.0
            return
        self._ended = self._ended or (self._had_mains and not live and is_digital(duty))
        ramped = self._drawn_a == 0.0 or self._quiet_s >= LET_GO_S
        if mode in {"e", "f"} or self._ended or (ramped and not (pwm and wanted)):
            self.let_go()

    def _draw(self, dt: float, duty: float, mains_v: tuple[float, float, float]) -> None:
        """The on-board charger: ramp towards what pilot, car and battery allow."""
        if max(mains_v) <= 50.0:
            self._mains_s = self._drawn_a = 0.0
            self.current_a = (0.0, 0.0, 0.0)
            return
        self._mains_s += dt
        allowed = offered_a(duty)
        if is_digital(duty):
            allowed = self.max_current_a if self.limit_a is None else self.limit_a
        wanted = self.wants_power and self._mains_s >= SOFT_START_S
        target = self.battery.taken(min(allowed, self.max_current_a)) if wanted else 0.0
        if target > self._drawn_a:
            self._drawn_a = min(target, self._drawn_a + RAMP_UP_A_S * dt)
        else:
            self._drawn_a = max(target, self._drawn_a - RAMP_DOWN_A_S * dt)
        first, second, third = (
            self._drawn_a if phase <= self.phases and volts > 50.0 else 0.0
            for phase, volts in enumerate(mains_v, start=1)
        )
        self.current_a = (first, second, third)
        watts = sum(volts * amps for volts, amps in zip(mains_v, self.current_a, strict=True))
        self.battery.store(watts * dt / 3600.0)
