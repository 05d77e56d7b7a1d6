"""What a DC session script sees of its EVSE and may ask of it: cable check, pre-charge, deliver, ramp down.

The steps themselves (insulation test, set points, weld check, every limit that protects) are the guard's; here their
results and the last measurement become what a script can answer with. Protocols put it into their own words.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

from firmware.station.charging import DC_IDLE, DcWish
from firmware.v2g.ev_station import EvseView, EvStation, Wish
from firmware.v2g.quirks import QuirkName
from hal.wire import ConnectorCapability, DcSample

FRESH_S: Final = 0.25  # older measurements must not be told to a car that draws current: malfunction stop
PRECHARGED_V: Final = 20.0  # IEC 61851-23: the car closes its contactor within this difference
PRECHARGE_A: Final = 2.0
UNLOADED_A: Final = 5.0  # IEC 61851-23: a contactor opens below this
DcPhase = Literal["idle", "cable_check", "precharge", "deliver", "ramp_down"]
MIN_VOLTAGE_V: Final = 150.0  # what rectifiers for cars give at least
MIN_CURRENT_A: Final = 0.0
PEAK_RIPPLE_A: Final = 6.0  # IEC 61851-23: at most, peak to peak below 5 kHz


class StationState(StrEnum):
    """EVSEStatusCode, in nobody's spelling."""

    NOT_READY = "not ready"
    READY = "ready"
    SHUTDOWN = "shutdown"
    UTILITY_INTERRUPT = "utility interrupt"
    EMERGENCY_SHUTDOWN = "emergency shutdown"
    MALFUNCTION = "malfunction"


@dataclass(frozen=True)
class Reached:
    """Which of our limits keep the car from what it asked for."""

    voltage: bool
    current: bool
    power: bool


class DcStation(EvStation):
    """The EVSE of one DC session. `now` is the clock of the measurements (CLOCK_MONOTONIC)."""

    def __init__(self, evse: EvseView, changed: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(evse, changed, Wish(dc=DC_IDLE))
        self._now = now
        self._ev_max_v = 0.0  # not told yet
        self._was_closed = False
        self._check_asked = False
        self._passed = False  # the check was seen passed: from then on the contactor stays closed for the car
        self._old_result = ""  # of an earlier cable check, as long as the guard still shows it
        self._failed = ""  # what the session itself found wrong with us; stays so

    # --- what the script asks for ------------------------------------------------------------------------------------

    def start_cable_check(self, ev_max_voltage_v: float) -> None:
        """Insulation test; its result is `cable_check`. The car's highest voltage, in V, from which the guard derives
        that of the test, goes with every wish from here on. The guard closes once the car is in C."""
        self.power_lost = self._was_closed = self._passed = False
        self._check_asked, self._old_result = True, self._sample.cable_check if self._sample is not None else ""
        self._ev_max_v = ev_max_voltage_v
        self._want("cable_check", ev_max_voltage_v, PRECHARGE_A)

    def start_precharge(self, voltage_v: float, current_a: float) -> None:
        """Bring the cable to the battery's voltage with at most 2 A (IEC 61851-23 CC.5)."""
        if current_a <= 0 and self.quirk(QuirkName.PRECHARGE_WITHOUT_CURRENT):
            current_a = PRECHARGE_A
        self._want("precharge", voltage_v, min(current_a, PRECHARGE_A))

    def deliver(self, voltage_v: float, current_a: float) -> None:
        """Set points of this moment; more than our limits is legal to ask for and clamped."""
        current = min(current_a, self.max_current_a)
        if voltage_v > 0:
            current = min(current, self.max_power_w / min(voltage_v, self.max_voltage_v or voltage_v))
        self._want("deliver", voltage_v, current)

    def ramp_down(self) -> None:
        """Current to zero, then open: `unloaded` and `contactor_open` tell when. Safe in every state."""
        if self.wish.energise:
            self._want("ramp_down", 0.0, 0.0)

    def fail(self, why: str) -> None:
        """The session found us unfit to go on: ramp down, and a malfunction from now on."""
        self._failed = self._failed or why
        self.ramp_down()

    def release(self) -> None:
        """The session is over: no grant any more, so the guard ramps down and opens. Safe in every state."""
        self._set(replace(self.wish, energise=False, dc=DC_IDLE))

    def _want(self, phase: DcPhase, voltage_v: float, current_a: float) -> None:
        """What opened by itself, or proved unfit, is not energised again without a new cable check."""
        if (self.power_lost or self._failed) and phase != "ramp_down":
            self.ramp_down()
            return
        voltage = max(0.0, min(voltage_v, self.max_voltage_v))
        dc = DcWish(phase, voltage, max(0.0, current_a), self._ev_max_v)
        self._set(replace(self.wish, energise=True, dc=dc))
        self.look()

    # --- what it reads -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """The EVSE changed. What opened although power was asked for does not close again in this session by itself;
        after a ramp-down the wish ends with the opening."""
        phase = self.phase
        if self._sample is not None and self._sample.cable_check != self._old_result:
            self._old_result = ""
        self._passed = self._passed or (phase == "cable_check" and self.cable_check == "passed")
        energised = phase in {"precharge", "deliver"} or (phase == "cable_check" and self._passed)
        if energised and self._was_closed and not self._evse.closed:
            self.power_lost = True
            self.release()
        elif phase == "ramp_down" and not self._evse.closed:
            self.release()
        self._was_closed = self._evse.closed

    @property
    def phase(self) -> str:
        return self.wish.dc.phase if self.wish.dc is not None else "idle"

    def unloaded(self) -> bool:
        """Less than 5 A flow, as last measured; unknown counts as loaded while closed."""
        sample = self._sample
        return self.contactor_open() or (sample is not None and abs(sample.current_a) < UNLOADED_A)

    @property
    def connector_kind(self) -> str:
        """OCPP's name of it: cCCS2, ..."""
        return self._evse.capability.kind if self._evse.capability is not None else ""

    @property
    def present_voltage_v(self) -> float:
        return self._sample.voltage_v if self._sample is not None else 0.0

    @property
    def present_current_a(self) -> float:
        return self._sample.current_a if self._sample is not None else 0.0

    @property
    def age_s(self) -> float:
        """Age of the last measurement; infinite without any."""
        return max(0.0, self._now() - self._sample.at) if self._sample is not None else float("inf")

    @property
    def fresh(self) -> bool:
        """May the measurement be told to a car that draws current?"""
        return self.age_s < FRESH_S

    def precharged(self, target_v: float) -> bool:
        """Is the cable's voltage within 20 V of the target?"""
        return abs(self.present_voltage_v - target_v) < PRECHARGED_V

    # --- limits now: the least of hardware, what the supply can give at the moment, and what the station allows -------

    @property
    def max_voltage_v(self) -> float:
        return min(self._hardware(lambda c: c.dc_max_voltage_v), self._supply(lambda s: s.max_voltage_v))

    @property
    def max_current_a(self) -> float:
        hardware = min(self._hardware(lambda c: c.dc_max_current_a), self._supply(lambda s: s.max_current_a))
        return max(0.0, round(min(hardware, self._evse.limit.amps), 1))

    @property
    def max_power_w(self) -> float:
        hardware = min(self._hardware(lambda c: c.dc_max_power_w), self._supply(lambda s: s.max_power_w))
        allowed = self._evse.power_limit  # in W: what charging profiles leave
        return hardware if allowed is None else max(0.0, min(hardware, allowed.amps))

    @property
    def min_voltage_v(self) -> float:
        return MIN_VOLTAGE_V

    @property
    def min_current_a(self) -> float:
        return MIN_CURRENT_A

    @property
    def peak_ripple_a(self) -> float:
        return PEAK_RIPPLE_A

    def limits_reached(self, voltage_v: float, current_a: float) -> Reached:
        """For what the car asks now, in V and A."""
        power = self.max_power_w
        return Reached(
            voltage=voltage_v >= self.max_voltage_v,
            current=current_a >= self.max_current_a,
            power=current_a * max(self.present_voltage_v, 1.0) >= power,
        )

    def _hardware(self, of: Callable[[ConnectorCapability], float]) -> float:
        return of(self._evse.capability) if self._evse.capability is not None else 0.0

    def _supply(self, of: Callable[[DcSample], float]) -> float:
        """Unknown is nothing: a supply that says nothing gives nothing."""
        return of(self._sample) if self._sample is not None else 0.0

    # --- the safety sequence as the guard sees it --------------------------------------------------------------------

    @property
    def _sample(self) -> DcSample | None:
        return self._evse.seen.dc if self._evse.seen is not None else None

    @property
    def cable_check(self) -> str:
        """none, running, passed, failed: of the check that this session asked for. What the guard still shows of an
        earlier one says nothing."""
        if not self._check_asked:
            return "none"
        shown = self._sample.cable_check if self._sample is not None else "none"
        return "running" if shown in {"none", self._old_result} else shown

    @property
    def isolation(self) -> str:
        """invalid, valid, warning, fault, no_imd."""
        return self._sample.isolation if self._sample is not None else "invalid"

    @property
    def welded(self) -> bool:
        return self._sample is not None and self._sample.welded

    @property
    def failure(self) -> str:
        """Which step failed and why, for people; "" when nothing did."""
        seen = self._evse.seen
        if seen is not None and seen.faults:
            return seen.faults[0].text
        if self._failed:
            return self._failed
        if self.power_lost:
            return (seen.why_open if seen is not None else "") or "the contactor opened by itself"
        failed = self.cable_check == "failed" or self.welded
        return self._sample.why if self._sample is not None and failed else ""

    @property
    def unfit(self) -> bool:
        return super().unfit or bool(self._failed) or self.welded or self.cable_check == "failed"

    @property
    def state(self) -> StationState:
        """How we are, the gravest word first."""
        codes = {fault.code for fault in self._evse.seen.faults} if self._evse.seen is not None else set()
        if "emergency_stop" in codes or self._evse.stop_wanted == "EmergencyStop":
            return StationState.EMERGENCY_SHUTDOWN
        if "mains_fail" in codes:
            return StationState.UTILITY_INTERRUPT
        if self.unfit:
            return StationState.MALFUNCTION
        if self._evse.stop_wanted is not None:
            return StationState.SHUTDOWN
        able = self.max_voltage_v > 0 and self.max_power_w > 0
        return StationState.READY if able else StationState.NOT_READY
