"""The parts of one connector: taken from the board, slow ones with a thread each, and how they are talked to.

A part that fails is remembered as text, which becomes a fault. When to do what is decided by hal/connector.py.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from hal.black_box import BlackBox
from hal.contracts import (
    CableLock,
    Contactor,
    ControlPilot,
    DeviceError,
    Indicator,
    Light,
    Meter,
    MeterReading,
    PhaseSwitch,
    Proximity,
    ResidualCurrentMonitor,
    SafetyInput,
    SelfClosing,
    ShuntTrip,
    Thermometer,
    Watchdog,
    signs,
)
from hal.dc_output import DcOutput
from hal.interlock_state import Interlocks, SelfTest
from hal.meter_session import MeterSessions
from hal.parts import THERMOMETERS, Connector, Part
from hal.plug_lock import PlugLock
from hal.plug_meters import PlugMeters
from hal.polling import Poller
from hal.shared_pins import Outlet
from hal.wear import Wear

T = TypeVar("T")


class ConnectorParts:
    """What the guard of a connector holds in its hands."""

    def __init__(self, connector: Connector, now: float) -> None:
        self._as_dc, self._as_ac = connector.settings, connector.settings.as_ac
        self.board = self._as_ac or self._as_dc  # of the outlet in use
        self.capability = connector.capability
        parts = connector.parts
        self._device = ""  # what a part said in this tick
        self._coil: bool | None = None  # last command that reached the contactor
        self._phases_set: int | None = None  # ... the phase contactor
        self._rcd_test = False
        self._tripped_upstream = False
        self._light = Light.OFF
        self._light_due = False  # asked for, and not yet begun in the indicator's thread
        self.reader: Poller[None] | None = None  # of this connector, or the one of the whole station
        self.black_box = BlackBox()
        self.wear = Wear()
        self._control_pilot: ControlPilot = parts["pilot"].driver
        self._contactor: Contactor = parts["contactor"].driver
        self._contactors: dict[Outlet, Contactor] = {}  # where the plug has AC and DC
        if self._as_ac is not None:
            self._contactors = {"ac": parts["ac_contactor"].driver, "dc": self._contactor}
            self._contactor = self._contactors["ac"]
        self._closes_itself = isinstance(self._contactor, SelfClosing) and self._contactor.closes_itself
        self._proximity: Proximity | None = _driver(parts, "proximity")
        self._rcd: ResidualCurrentMonitor | None = _driver(parts, "rcd")
        self._phase_switch: PhaseSwitch | None = _driver(parts, "phase_switch")
        self._inputs: dict[str, SafetyInput] = {
            name: parts[name].driver
            for name in ("emergency_stop", "pe_monitor", "mains_fail", "tamper")
            if name in parts
        }
        self._shunt_trip: ShuntTrip | None = _driver(parts, "shunt_trip")
        self._watchdog: Watchdog | None = _driver(parts, "watchdog")
        self._indicator: Indicator | None = _driver(parts, "indicator")
        self.dc: DcOutput | None = DcOutput(self._as_dc, parts, now) if self._as_dc.dc else None
        self._take_slow(parts, now)

    def _take_slow(self, parts: dict[str, Part], now: float) -> None:
        def poller(name: str, read: Callable[[], T]) -> Poller[T]:
            return Poller(f"{self.board.id}.{name}", read, parts[name].poll_s, parts[name].stale_s, now)

        meter: Meter | None = _driver(parts, "meter")
        lock: CableLock | None = _driver(parts, "lock")
        thermometers: dict[str, Thermometer] = {name: parts[name].driver for name in THERMOMETERS if name in parts}
        meters: list[Poller[MeterReading]] = [
            poller(name, parts[name].driver.read) for name in ("meter", "ac_meter") if name in parts
        ]
        self.plug_meters = PlugMeters(meters[1], meters[0]) if len(meters) == 2 else None
        self.meter: Poller[MeterReading] | PlugMeters | None = self.plug_meters or (meters[0] if meters else None)
        self.thermometers = {name: poller(name, part.read) for name, part in thermometers.items()}
        self.thermometer: Poller[float] | None = self.thermometers.get("thermometer")
        self.lock: PlugLock | None = PlugLock(lock, poller("lock", lock.state)) if lock else None
        self.lights: Poller[None] | None = (
            Poller(f"{self.board.id}.indicator", _nothing, 3600.0, 3600.0, now) if self._indicator else None
        )
        signing = meter is not None and signs(meter)
        self.sessions = MeterSessions(self.board.id, parts["meter"].driver, now) if signing else None
        found = (
            *meters,
            self.sessions.poller if self.sessions else None,
            *self.thermometers.values(),
            *(self.dc.pollers if self.dc else ()),
            self.lock.poller if self.lock else None,
            self.lights,
        )
        self.pollers: list[Poller[Any]] = [each for each in found if each is not None]

    # --- lights -----------------------------------------------------------------------------------------------------

    def show(self, light: Light) -> None:
        self._light = light
        if self.lights and not self._light_due:  # a slow indicator shows the newest, it does not catch up
            self._light_due = True
            self.lights.request(self._show_light)

    def _show_light(self) -> None:
        self._light_due = False  # before looking: what comes from now on is asked for again
        if self._indicator:
            self._indicator.show(self._light)

    # --- talking to fast parts --------------------------------------------------------------------------------------

    def _try(self, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except DeviceError as error:
            self._device = str(error)
            return otherwise

    def _do(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except DeviceError as error:
            self._device = str(error)
            return False
        return True

    def _switch(self, *, close: bool) -> None:
        """On change only, again every tick until it reached the hardware."""
        if close and self._coil is not close and self._contactors and not self._open_others():
            return
        if self._coil is not close and self._do(self._contactor.close if close else self._contactor.open):
            self._coil = close

    def _open_others(self) -> bool:
        """Each closing first opens what may never be closed with it, though that is open already."""
        others = [each for each in self._contactors.values() if each is not self._contactor]
        return all(self._do(each.open) for each in others)

    def _set_phases(self, phases: int) -> None:
        switch = self._phase_switch
        if switch and self._phases_set != phases and self._do(lambda: switch.set(phases)):
            self._phases_set = phases

    def _apply_safety(self, orders: Interlocks) -> None:
        testing = orders.self_test is SelfTest.TRIPPING
        if self._rcd and testing is not self._rcd_test:
            rcd = self._rcd
            if self._do(lambda: rcd.test(testing)):
                self._rcd_test = testing
        if self._rcd and orders.rcd_reset:
            self._do(self._rcd.reset)
        if not orders.shunt_trip:
            self._tripped_upstream = False
        elif self._shunt_trip and not self._tripped_upstream:
            self._tripped_upstream = self._do(self._shunt_trip.trip)
        if self._watchdog:
            self._do(self._watchdog.feed)


def _driver(parts: dict[str, Part], name: str) -> Any:
    """The driver of a part; its contract is the one of its section, None where the board has none."""
    return parts[name].driver if name in parts else None


def _nothing() -> None:
    return None
