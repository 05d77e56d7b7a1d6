"""A DC supply made of power modules on a CAN bus: who gives how much, who is lost, what the whole can do now.

Every driver of hal/drivers with power modules on CAN is a `CanSupply` with its maker's protocol. Steps of the output
are the guard's; ramps, regulation and the switch-off without frames are the modules' own.
"""

import abc
import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from hal.can.frame import Frame, Wire
from hal.can.module import Module
from hal.can.protocol import ModuleProtocol, Rating
from hal.can.standstill import Standstill
from hal.contracts import DcReading, DeviceError, Place

Address = Annotated[int, Meta(ge=0, le=127)]
Volts = Annotated[float, Meta(gt=0, le=2000)]
Amps = Annotated[float, Meta(gt=0, le=1000)]
Watts = Annotated[float, Meta(gt=0, le=1e6)]
_REFRESH_S: Final = 1.0  # everything is said again this often: modules switch themselves off when nobody talks
_ANSWER_S: Final = 0.02  # and for each module
_ANSWER_MODULE_S: Final = 0.01
_OFF_S: Final = 2.0  # after this an output that was switched off gives nothing
_IDLE_A: Final = 5.0
_REVERSED_V: Final = -20.0

log = logging.getLogger("hal.can")


class SetPoint(NamedTuple):
    voltage_v: float = 0.0
    current_a: float = 0.0
    on: bool = False


@dataclass
class CanSupply(abc.ABC):
    """[connector.dc_supply] of a board with modules on CAN: `can` names a [can.<name>], `modules` are the addresses of
    those that are wired to this output, in parallel. The `module_` keys are one module's ratings, which what it says of
    itself can only lower. `gone_s`: after this long without hearing us a module has switched itself off; until then one
    that went silent is taken to go on, so it counts with what it last gave and its share is given to no other."""

    can: str
    modules: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=16)]
    module_max_voltage_v: Volts = 1000.0
    module_min_voltage_v: Annotated[float, Meta(ge=0, le=1000)] = 150.0
    module_max_current_a: Amps = 100.0
    module_max_power_w: Watts = 30_000.0
    gone_s: Annotated[float, Meta(ge=1, le=60)] = 11.0
    _bus: Wire | None = field(init=False, default=None, repr=False)
    _protocol: ModuleProtocol = field(init=False, repr=False)
    _members: dict[int, Module] = field(init=False, default_factory=dict, repr=False)
    _answer: threading.Condition = field(init=False, default_factory=threading.Condition, repr=False)
    _standstill: Standstill = field(init=False, default_factory=Standstill, repr=False)
    _wanted: SetPoint = field(init=False, default=SetPoint(), repr=False)
    _since: float = field(init=False, default=0.0, repr=False)
    _asked_at: float = field(init=False, default=0.0, repr=False)
    _clock: Callable[[], float] = field(init=False, default=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        if len(set(self.modules)) != len(self.modules):
            raise ValueError("modules has an address twice")
        if self.module_min_voltage_v >= self.module_max_voltage_v:
            raise ValueError("module_min_voltage_v must lie below module_max_voltage_v")

    @abc.abstractmethod
    def make_protocol(self) -> ModuleProtocol: ...

    # --- the driver -------------------------------------------------------------------------------------------------

    def attach(self, place: Place) -> None:
        """Join the bus and switch all modules off. One that does not answer is a fault later, not now."""
        from hal.can.bus import CanBus  # noqa: PLC0415 - loads python-can; who has a bus has loaded it

        bus = place.cans.get(self.can)
        if not isinstance(bus, CanBus):
            raise DeviceError(f"{place}: no CAN bus {self.can!r}")
        limits = Rating(
            self.module_max_voltage_v, self.module_min_voltage_v, self.module_max_current_a, self.module_max_power_w
        )
        protocol, now = self.make_protocol(), self._clock()
        self._standstill = Standstill()
        self._protocol = protocol
        self._members = {
            address: Module(address, limits, protocol.measured, protocol.state, ready_at=now + 2 * protocol.settle_s)
            for address in self.modules
        }
        bus.join(self._hear)
        self._bus = bus
        self._wanted, self._since = SetPoint(), now
        with self._answer, contextlib.suppress(DeviceError):
            self._tell(now)

    def detach(self) -> None:
        """Switch all modules off, twice, as nobody checks any more whether they heard it."""
        if self._bus is None:
            return
        with self._answer:
            self._wanted = SetPoint()
            for _ in range(2):
                self._forget_what_was_told()
                with contextlib.suppress(DeviceError):
                    self._tell(self._clock())
        self._bus.leave(self._hear)
        self._bus = None

    def set(self, voltage_v: float, current_a: float, *, on: bool) -> None:
        """Raises DeviceError when the bus does not take it. It is said again every second, and to a module that comes
        back before it counts again."""
        wanted = SetPoint(voltage_v, max(0.0, current_a), on) if on else SetPoint()
        now = self._clock()
        with self._answer:
            if wanted != self._wanted:
                self._since = now
            if not wanted.on or not self._wanted.on:  # whatever was set before, a module that is off may have lost it
                self._forget_what_was_told()
            self._wanted = wanted
            self._tell(now)

    def read(self) -> DcReading:
        """Ask all modules and wait for their answers, 20 ms and 10 ms for each. Raises DeviceError."""
        now = self._clock()
        with self._answer:
            self._tell(now)
            self._asked_at = now
            self._ask(now)
            until = now + _ANSWER_S + _ANSWER_MODULE_S * len(self._members)
            while not self._answered(now) and (left := until - self._clock()) > 0:
                self._answer.wait(left)
            return self._reading(self._clock())

    # --- talking ----------------------------------------------------------------------------------------------------

    def _send(self, frames: tuple[Frame, ...]) -> None:
        if self._bus is None:
            raise DeviceError(f"can {self.can}: not attached")
        for frame in frames:
            self._bus.send(frame)

    def _ask(self, now: float) -> None:
        for module in self._members.values():
            due = module.due(now)
            if module.may_ask(now):
                self._send(self._protocol.measure(module.address))
                module.asked(now)
            if due:
                self._send(self._protocol.inquire(module.address))
                module.inquired(now)

    def _answered(self, asked_at: float) -> bool:
        return all(module.measured_at >= asked_at or module.lost_at for module in self._members.values())

    def _hear(self, frame: Frame) -> None:
        """In the bus' thread."""
        heard = self._protocol.heard(frame)
        module = self._members.get(heard.address) if heard is not None else None
        if heard is None or module is None:
            return
        with self._answer:
            alarms = module.alarms
            module.hear(heard)
            if module.alarms != alarms:
                log.warning("can %s: %s%s", self.can, module, "" if module.alarms else ": no alarm any more")
            if self._answered(self._asked_at):  # not for each of many frames
                self._answer.notify_all()

    # --- sharing ----------------------------------------------------------------------------------------------------

    def _tell(self, now: float) -> None:
        """Each module its share: at once when it changed, else every second."""
        shares = self._shares(now)
        for module in self._members.values():
            current = shares.get(module.address)
            self._prepare(module, now)
            on = current is not None and module.lost_at is None and now >= module.ready_at
            if not on and module.told and module.told[0]:  # it may have lost it when it is switched on again
                module.told = ()
            told = (on, self._wanted.voltage_v, current, len(shares)) if on else (False,)
            if told == module.told and now - module.told_at < _REFRESH_S:
                continue
            address, volts = module.address, min(self._wanted.voltage_v, module.max_voltage_v)
            if on and current is not None:
                self._send(self._protocol.set_point(address, volts, current, len(shares)))
            self._send(self._protocol.switch(address, on=on))
            module.told, module.told_at = told, now

    def _prepare(self, module: Module, now: float) -> None:
        """Settings that are only taken while the module is off, in the middle of its time to settle."""
        told_on = bool(module.told and module.told[0])
        if not module.prepared and now >= module.ready_at - self._protocol.settle_s and not told_on:
            self._send(self._protocol.prepare(module.address))
            module.prepared = True

    def _shares(self, now: float) -> dict[int, float]:
        """Address -> A of each module that shall give current, by what each can give; one that went silent keeps its
        part until it is gone. Below the lowest voltage of a module it can only be off."""
        wanted = self._wanted
        if not wanted.on:
            return {}
        able = {
            module.address: module.max_current_a
            for module in self._members.values()
            if not module.failed and not self._gone(module, now) and wanted.voltage_v >= module.min_voltage_v
        }
        whole = sum(able.values())
        if whole <= 0.0:
            return {}
        given = min(wanted.current_a, whole)
        return {address: given * most / whole for address, most in able.items()}

    def _gone(self, module: Module, now: float) -> bool:
        return module.lost_at is not None and now - module.lost_at >= self.gone_s

    def _forget_what_was_told(self) -> None:
        for module in self._members.values():
            module.told = ()

    # --- judging ----------------------------------------------------------------------------------------------------

    def _note_lost(self, now: float) -> None:
        for module in self._members.values():
            if module.fresh(now):
                if module.lost_at is not None:
                    log.warning("can %s: module %d answers again", self.can, module.address)
                    module.lost_at, module.told, module.prepared = None, (), False
                    module.ready_at = now + 2 * self._protocol.settle_s
            elif module.lost_at is None and module.overdue(now):
                log.warning("can %s: %s does not answer", self.can, module)
                module.lost_at, module.told = now, ()

    def _reading(self, now: float) -> DcReading:
        self._standstill.look(self._members.values(), now)
        self._note_lost(now)
        members = self._members.values()
        silent = [module for module in members if not module.fresh(now)]
        answering = [module for module in members if module.fresh(now)]
        if not answering or any(module.lost_at is None for module in silent):
            raise DeviceError(f"can {self.can}: no answer from {', '.join(map(str, silent))}")
        perhaps = [module for module in silent if not self._gone(module, now)]
        amps = math.fsum(module.current_a for module in (*answering, *perhaps))
        self._expect_off(amps, now)
        working = [module for module in (*answering, *perhaps) if not module.failed]
        heard = [module.voltage_v for module in answering if not module.failed]
        volts = heard or [module.voltage_v for module in answering]
        return DcReading(
            voltage_v=min(volts) if min(volts) < _REVERSED_V else max(volts),
            current_a=amps,
            max_voltage_v=min((module.max_voltage_v for module in working), default=0.0),
            max_current_a=math.fsum(module.max_current_a for module in working),
            max_power_w=math.fsum(module.max_power_w for module in working),
            fault="" if working else "no power module works: " + ", ".join(map(str, members)),
        )

    def _expect_off(self, amps: float, now: float) -> None:
        """Modules that give current though they were switched off, or that say the same for ever."""
        if not self._wanted.on and amps > _IDLE_A and now - self._since > _OFF_S:
            raise DeviceError(f"can {self.can}: {amps:.0f} A though switched off {now - self._since:.0f} s ago")
