"""The body of a car with digital communication: S2, charger and battery of the plant, moved through rig control."""

import contextlib
from typing import Literal

from hil.plant.command import RigError
from hil.plant.ev import is_digital
from hil.rig import JsonObject, Rig


class Vehicle:
    """One car at one connector of the plant. Currents in A per phase, energy in Wh at the inlet."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.told: Literal["", "pause", "end"] = ""  # by its driver, while it charges

    def arrive(self, max_current_a: float, phases: int, soc_percent: float | None = None) -> None:
        """Plug in with S2 open; from now on only this car moves it."""
        battery = {} if soc_percent is None else {"soc_percent": soc_percent}
        self._rig.do(
            "car", policy="manual", wants_power=True, max_current_a=max_current_a, phases=phases, limit_a=0.0, **battery
        )
        if self.seen["car"] == "A":
            self._rig.do("plug")

    def wait_for_digital(self, within: float) -> None:
        """Until the station shows 3..7 %. Raises RigError."""
        self._rig.wait(lambda seen: is_digital(seen["duty_percent"] or 0.0), within, "offered 5 %")

    def close_s2(self) -> None:
        """State C: ready."""
        self._rig.do("set_state", state="C")

    def open_s2(self) -> None:
        """State B: nothing is drawn any more."""
        self._rig.do("set_state", state="B")

    def draw(self, limit_a: float) -> None:
        """Let the charger draw up to this."""
        self._rig.do("car", limit_a=limit_a)

    def ramp_down(self, within: float = 3.0) -> None:
        """Draw nothing any more. Raises RigError."""
        self.draw(0.0)
        self._rig.wait(lambda seen: max(seen["current_a"]) == 0.0, within, "without current")

    def may_draw(self, current_a: float) -> None:
        """What the on-board charger is built for."""
        self._rig.do("car", max_current_a=current_a)

    def close_relay(self) -> None:
        """The DC relay joins the battery with the inlet."""
        self._rig.do("car", dc_relay=True)

    def open_relay(self) -> None:
        self._rig.do("car", dc_relay=False)

    def let_go(self, within: float = 2.0) -> None:
        """However it was: S2 opens now; the DC relay when no current flows any more, at the latest after a moment."""
        self.draw(0.0)
        self.open_s2()
        if self.seen["dc_relay"]:
            with contextlib.suppress(RigError):  # a relay opens under load as its last resort
                self._rig.wait(lambda seen: abs(seen["dc_current_a"]) < 1.0, within, "without current")
            self.open_relay()

    def leave(self, within: float = 15.0) -> None:
        """Pull the plug as soon as the station unlocks it. Raises RigError."""
        self._rig.wait(lambda seen: not seen["locked"], within, "unlocked")
        self._rig.do("unplug")

    @property
    def seen(self) -> JsonObject:
        return self._rig.status()

    @property
    def battery_v(self) -> float:
        """Open-circuit voltage."""
        return float(self.seen["battery_v"])

    @property
    def charged_wh(self) -> float:
        return float(self.seen["charged_wh"])

    @property
    def soc_percent(self) -> float:
        return float(self.seen["soc_percent"])
