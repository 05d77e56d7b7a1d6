"""The DC half of a connector inside the guard: reads supply and insulation monitor, runs the DC steps, applies them.

The steps decide (`cable_check`, `dc_watch`, `dc_path`); whether the contactor closes is the pilot step's, for which
this says what is allowed and whether anything still flows. Owned and called by `hal/connector.py`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from hal import cable_check, dc_limits, dc_path, dc_watch
from hal.board_settings import ConnectorSettings
from hal.contracts import DcEnable, DcReading, DcSupply, InsulationReading, IsolationMonitor
from hal.parts import Part
from hal.polling import Poller
from hal.wire import DcSample


class Seen(NamedTuple):
    """What the connector knows before its DC steps run. `held_up`: see cable_check; `fault`: text of what forbids."""

    granted: bool
    closed: bool  # by command
    confirmed: bool  # ... and its mirror does not deny it
    gone: bool  # no car
    held_up: str
    fault: str
    limit_a: float
    limit_w: float | None
    plug_is_ac: bool = False  # what is measured at the plug is the mains of the same contacts


class DcOutput:
    """`wish` is the controller's, `check` and `watch` what the guard found; `found` goes to the interlocks."""

    def __init__(self, board: ConnectorSettings, parts: dict[str, Part], now: float) -> None:
        self.board = board
        self.wish = dc_path.Wish()
        self.check = cable_check.CableCheck()
        self.watch = dc_watch.Watch()
        self.ohm: float | None = None  # last valid one of this cable check and what followed it
        self._supply: DcSupply = parts["dc_supply"].driver
        self._monitor: IsolationMonitor | None = _driver(parts, "isolation_monitor")
        self._enable: DcEnable | None = _driver(parts, "dc_enable")
        self._plug_is_ac = False
        self._set_point = dc_path.OFF
        self._reached: dc_path.SetPoint | None = None  # the last one the supply took; its thread's
        self._enabled: bool | None = None
        self._monitoring = False
        self._tested = False  # the self test of this cable check was asked for

        def poller(name: str, read: Callable[[], Any]) -> Poller[Any]:
            return Poller(f"{board.id}.{name}", read, parts[name].poll_s, parts[name].stale_s, now)

        self.supply: Poller[DcReading] = poller("dc_supply", self._work_supply)
        self.monitor: Poller[InsulationReading] | None = (
            poller("isolation_monitor", self._monitor.read) if self._monitor else None
        )

    @property
    def pollers(self) -> list[Poller[Any]]:
        return [part for part in (self.supply, self.monitor) if part is not None]

    @property
    def reading(self) -> DcReading | None:
        return self._measured()[0]

    def _measured(self) -> tuple[DcReading | None, float]:
        """What the supply said and when, of one and the same reading: its thread goes on meanwhile."""
        latest = self.supply.latest
        value = latest.value
        return (value._replace(plug_voltage_v=None) if self._plug_is_ac and value is not None else value), latest.at

    def behind_v(self, now: float) -> float | None:
        """Voltage behind the contactor, None when nobody knows."""
        value = self.supply.latest.value
        return value.voltage_v if value is not None and self.supply.fresh(now) else None

    def ask(self, wish: dc_path.Wish) -> None:
        """The controller's wish. A cable check that was not wished before is a new one."""
        if wish.phase == "cable_check" and self.wish.phase != "cable_check":
            self.check = cable_check.again(self.check)
            self.ohm = None
        self.wish = wish

    def forget(self) -> None:
        """The session is over: the next begins with its own wishes."""
        self.wish = dc_path.Wish()

    def forget_check(self) -> None:
        """What was found of the cable is over: its contacts have been something else since."""
        self.check, self.ohm = cable_check.CableCheck(), None

    def ramp_down(self) -> None:
        """Nobody is there any more to wish anything else."""
        self.wish = self.wish._replace(phase="ramp_down")

    @property
    def wanted(self) -> bool:
        """The contactor may be closed for the sake of the session."""
        if self.wish.phase == "cable_check":
            return self.check.closes
        return self.wish.phase in ("precharge", "deliver") and self.check.step is cable_check.Step.PASSED

    def unloaded(self, since: float | None) -> bool:
        """Nothing flows, measured after `since`, when the output was told to stop."""
        reading, at = self._measured()
        return since is not None and at > since and dc_path.unloaded(reading)

    # --- judging ----------------------------------------------------------------------------------------------------

    def judge(self, seen: Seen, now: float) -> tuple[tuple[str, str], ...]:
        """(code, detail) of what is wrong with the output in this tick."""
        if seen.gone and not seen.closed and not self.check.running:
            self.forget_check()
        self._plug_is_ac = seen.plug_is_ac
        if self.wish.phase == "cable_check" or self.check.step is not cable_check.Step.NONE or self.check.code:
            self.check = cable_check.step(self.check, self._plan(), self._view(seen), now)
            self._note_insulation()
        self.watch = dc_watch.step(self.watch, self.board, self._watched(seen, now), now)
        return ((self.check.code, self.check.why), *self.watch.found) if self.check.code else self.watch.found

    def _plan(self) -> cable_check.Plan:
        policy = self.board.policy
        return cable_check.Plan(
            test_v=dc_path.testing_v(self.wish, self.board),
            rated_v=self.board.dc_max_voltage_v,
            samples=policy.isolation_samples,
            early_test=policy.isolation_self_test == "open",
        )

    def _view(self, seen: Seen) -> cable_check.Inputs:
        (reading, at), monitor = self._measured(), self.monitor
        said = monitor.latest if monitor else None
        return cable_check.Inputs(
            wanted=self.wish.phase == "cable_check" and seen.granted,
            closed=seen.confirmed,
            held_up=seen.held_up,
            output_v=dc_watch.highest_v(reading) if reading is not None else float("inf"),
            output_at=at,
            current_a=reading.current_a if reading is not None else 0.0,
            monitor=said.value if said else None,
            monitor_at=said.at if said else 0.0,
            monitor_error=(monitor.action_error or said.error) if monitor and said else "",
            fault=seen.fault,
        )

    def _watched(self, seen: Seen, now: float) -> dc_watch.Inputs:
        monitor, (reading, at) = self.monitor, self._measured()
        return dc_watch.Inputs(
            phase=self.wish.phase,
            closed=seen.closed,
            reading=reading,
            reading_at=at,
            fresh=self.supply.fresh(now),
            target_a=self._set_point.current_a,
            ev_max_v=self.wish.max_voltage_v,
            test_v=self.check.test_v if self.check.running else 0.0,
            monitored=monitor is not None and seen.closed and self.wish.phase in ("precharge", "deliver"),
            monitor=monitor.latest.value if monitor else None,
            monitor_fresh=monitor.fresh(now) if monitor else True,
            monitor_error=monitor.latest.error if monitor else "",
        )

    def _note_insulation(self) -> None:
        """A resistance counts once the monitor has proved itself in this cable check."""
        latest = self.monitor.latest if self.monitor else None
        if latest is None or (value := latest.value) is None or value.ohm is None:
            return
        tested = (cable_check.Step.MEASURING, cable_check.Step.DISCHARGING, cable_check.Step.PASSED)
        counts = self.check.step in tested or self.check.code == "isolation"
        if counts and latest.at > self.check.since:
            self.ohm = value.ohm

    # --- applying ---------------------------------------------------------------------------------------------------

    def apply(self, seen: Seen, *, stopping: bool, blocked: bool, enable: bool) -> None:
        """Set point and monitor go to their threads; the enable line, which is fast, at once. Raises DeviceError."""
        limit_a = 0.0 if stopping else seen.limit_a
        bounds = dc_path.Bounds(limit_a, seen.limit_w)
        wanted = dc_path.step(
            self.wish, self.check, self.board, bounds, self.reading, closed=seen.confirmed and not blocked
        )
        if wanted != self._set_point or stopping or blocked:  # while it stops each tick wants to know how far it is
            self._set_point = wanted
            self.supply.request_refresh()
        self.supply.resting = not (seen.closed or seen.plug_is_ac) and self.wish.phase == "idle"
        self._follow_monitor(seen)
        self._switch(enable)

    def block(self) -> None:
        """Block the output stage now, outside of any tick. Raises DeviceError."""
        self._switch(enable=False)

    def _switch(self, enable: bool) -> None:
        """On change only, again every tick until it reached the hardware."""
        if self._enable is not None and self._enabled is not enable:
            self._enable.enable(enable)
            self._enabled = enable

    def _follow_monitor(self, seen: Seen) -> None:
        if self.monitor is None or self._monitor is None:
            return
        wanted = self.check.running or (seen.closed and self.wish.phase in dc_path.ENERGISED)
        if wanted is not self._monitoring:
            self._monitoring, self._tested = wanted, False
            self.monitor.request(self._monitor.start if wanted else self._monitor.stop)
        if self.check.step is cable_check.Step.TESTING and not self._tested:
            self._tested = True
            self.monitor.request(self._monitor.self_test)

    def _work_supply(self) -> DcReading:
        """In the supply's thread: hand over a new set point, again and again until it is taken, and measure."""
        wanted = self._set_point
        if wanted != self._reached:
            self._supply.set(wanted.voltage_v, wanted.current_a, on=wanted.on)
            self._reached = wanted
        return self._supply.read()

    # --- telling ----------------------------------------------------------------------------------------------------

    def sample(self, *, welded: bool) -> DcSample | None:
        """What is told of the output; None before the first reading."""
        reading, at = self._measured()
        if reading is None:
            return None
        insulation = dc_limits.insulation(self.ohm, self.board.dc_max_voltage_v)
        return DcSample(
            at=at,
            voltage_v=reading.voltage_v if reading.plug_voltage_v is None else reading.plug_voltage_v,
            current_a=reading.current_a,
            max_voltage_v=reading.max_voltage_v,
            max_current_a=reading.max_current_a,
            max_power_w=reading.max_power_w,
            isolation_ohm=self.ohm,
            phase=self.wish.phase,
            cable_check=self.check.result,
            isolation=insulation if self.monitor is not None else "no_imd",
            welded=welded,
            why=self.check.why or self._precharge_text(reading),
        )

    def _precharge_text(self, reading: DcReading) -> str:
        away = abs(reading.voltage_v - self.wish.voltage_v)
        if self.wish.phase != "precharge" or away < dc_limits.MATCH_V:
            return ""
        return f"pre-charge: {reading.voltage_v:.0f} V, {self.wish.voltage_v:.0f} V wanted"


def _driver(parts: dict[str, Part], name: str) -> Any:
    return parts[name].driver if name in parts else None
