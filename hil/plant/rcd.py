"""The residual-current monitor (IEC 62955): trips on leakage, and on its test current while that flows.

A trip by leakage latches until it is reset; it also breaks the coil's supply without asking the guard.
"""

from dataclasses import dataclass
from typing import Final

DC_TRIP_MA: Final = 6.0
AC_TRIP_MA: Final = 30.0
SLOWEST_S: Final = 0.3  # at the threshold; ten times the threshold trips ten times faster
TEST_S: Final = 0.04
CLEAR_S: Final = 0.02


@dataclass
class ResidualCurrentMonitor:
    """`tripped` is the output that the station reads."""

    tripped: bool = False
    latched: bool = False
    dead: bool = False  # the sensor sees nothing, its self test must fail
    leak_dc_ma: float = 0.0
    leak_ac_ma: float = 0.0
    _leaking_s: float = 0.0
    _testing_s: float = 0.0
    _quiet_s: float = 0.0

    def step(self, dt: float, energised: bool, test: bool, reset: bool) -> None:
        """Leakage flows only while the outlet is `energised`; `test` injects the test current."""
        severity = max(self.leak_dc_ma / DC_TRIP_MA, self.leak_ac_ma / AC_TRIP_MA) if energised else 0.0
        self._leaking_s = self._leaking_s + dt if severity >= 1.0 else 0.0
        self._testing_s = self._testing_s + dt if test else 0.0
        self._quiet_s = 0.0 if test else self._quiet_s + dt
        if self.dead:
            self.tripped = self.latched = False
            return
        if severity >= 1.0 and self._leaking_s >= SLOWEST_S / severity:
            self.latched = True
        elif reset:
            self.latched = False
        if self._testing_s >= TEST_S:
            self.tripped = True
        elif self._quiet_s >= CLEAR_S:
            self.tripped = False
        self.tripped = self.tripped or self.latched
