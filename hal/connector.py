"""One connector inside the guard: reads its parts, runs the pure steps in order, applies their result.

The steps decide (pilot, interlocks, grants); here only reading, applying and remembering what was applied. The DC side
has a file of its own (hal/dc_output.py).
The guard calls `tick` every 10 ms and carries the intents; reports are built by hal/observation.py.
"""

import contextlib
import math
from typing import Final, NamedTuple

from hal import dc_path, derating, grants, interlocks, phase_switch, pilot
from hal.connector_parts import ConnectorParts
from hal.contracts import (
    DeviceError,
    PilotMode,
    PilotOutput,
    PilotSample,
    Plug,
)
from hal.dc_output import DcOutput, Seen
from hal.faults import FAULTS
from hal.parts import Connector
from hal.phase_switch import Phases
from hal.recorder import Recorder
from hal.wear import worn
from hal.wire import GONE_S

NOTHING_CLEARED: Final[frozenset[str]] = frozenset()
METER_SETTLE_S: Final = 1.0  # an AC meter averages over less than this
UNLOADED_A: Final = 0.5  # per phase: what a car's electronics draw at most while its charger is off
WANTS: Final = (pilot.Level.C, pilot.Level.D)
PLUGGED: Final = (pilot.Level.B, pilot.Level.C, pilot.Level.D)


class StationInputs(NamedTuple):
    """What the parts of the whole station say in this tick."""

    emergency_stop: bool = False
    mains_fail: bool = False
    tamper: bool = False
    device: str = ""
    overrun: str = ""
    shared_pins: str = ""  # a neighbour on the same contacts of the plug that is not open


class ConnectorGuard(ConnectorParts):
    """State of one connector and the wishes of the controller for it."""

    def __init__(self, connector: Connector, now: float) -> None:
        super().__init__(connector, now)
        self.circuit = pilot.Circuit(ventilation=self.board.ventilation, dc=self.board.dc)
        self.pilot = pilot.Pilot(output_since=now)
        self.interlocks = interlocks.Interlocks()
        self.granted = grants.Granted()
        self.sample = PilotSample(0, 0)
        self.sample_at = now
        self.feedback: bool | None = None
        self.plug: Plug | None = None
        self.rating_a = self.board.cable_rating_a or 0.0
        self.cap_a = 0.0
        self.policed_a = 0.0
        self.wish = pilot.X1
        self.lock_wish = False
        self._clear = NOTHING_CLEARED
        self._away_since: float | None = None
        self._plug_before: Plug | None = None
        self._shown: PilotOutput | None = None
        self._duty_cleared = False  # where the board closes by itself: nothing is left to do before that
        self._duty_waits = False
        self._was_closed = False
        self.phase_wish: Phases = 3 if self.board.phases == 3 else 1
        self.phase = phase_switch.Switch(phases=self.phase_wish, target=self.phase_wish)
        self.why_phases = ""
        self._heat = derating.Heat(self.board.derating, self.thermometers)
        self._recorder = Recorder()

    # --- intents ----------------------------------------------------------------------------------------------------

    def clear(self, code: str) -> None:
        """Ask for one fault to be cleared in the next tick."""
        self._clear |= {code}

    def ask_phases(self, phases: Phases) -> None:
        if self._phase_switch:
            self.phase_wish = phases

    def give(self, grant: grants.Grant) -> None:
        self.granted = grants.give(self.granted, grant, self.fault_text)

    def ask_dc(self, wish: dc_path.Wish) -> None:
        if self.dc:
            self.dc.ask(wish)

    def revoke(self, reason: str, *, now: bool) -> None:
        self.granted = grants.end(self.granted, reason, now=now)

    def open(self) -> None:
        """Open now, outside of any tick."""
        if self.dc:
            self.dc.block()
        with contextlib.suppress(DeviceError):
            self._contactor.open()

    def after_pause(self, reason: str) -> None:
        """The tick stood still. A contactor that its mirror shows closed all the same goes on under the rules of this
        tick; else the watchdog has opened it, and feeding must not close it again behind our back."""
        if self.pilot.closed and self._try(self._contactor.closed, None) is not True:
            self.revoke(reason, now=True)
            self._switch(close=False)

    # --- the tick ---------------------------------------------------------------------------------------------------

    @property
    def fault_text(self) -> str:
        """Text of the first fault that forbids energy, '' when none does."""
        for fault in self.interlocks.faults:
            if FAULTS[fault.code].opens:
                return fault.text
        return ""

    @property
    def _mains_failed(self) -> bool:
        return any(fault.code == "mains_fail" for fault in self.interlocks.faults)

    @property
    def resting(self) -> bool:
        """No car, nothing granted, nothing closed, nothing wrong: there is nothing that a tick could be late for."""
        p = self.pilot
        return (
            p.level is p.pending is pilot.Level.A
            and not (p.closed or self.feedback)
            and self.granted.grant is None
            and not self.interlocks.faults
        )

    @property
    def plugged(self) -> bool:
        return self.pilot.level in PLUGGED

    def tick(self, now: float, station: StationInputs, *, lease: bool) -> None:
        """Read, decide, apply. Never raises DeviceError: a part that fails is a fault."""
        self._device, failed_before = "", self._device
        inputs = self._read(now, station, failed_before)
        self.interlocks = interlocks.step(self.interlocks, self.board, inputs, now)
        self._clear = NOTHING_CLEARED
        self._step_grants(now, lease=lease)
        self._step_phases(now)
        was_closed = self.pilot.closed
        self.pilot = pilot.step(
            self.pilot,
            self.circuit,
            pilot.Inputs(
                sample=self.sample,
                age_s=now - self.sample_at,
                wish=self._cleared(
                    grants.permitted(
                        pilot.X1 if self.phase.hold else self.wish,
                        self.cap_a,
                        lease=lease,
                        riding=self.granted.riding_since is not None,
                        granted=self.granted.grant is not None,
                    )
                ),
                allowed=self._allowed,
                healthy=self._healthy and not self.granted.open_now,
                ready=self.interlocks.ready or (self._duty_cleared and self.interlocks.healthy),
                unloaded=self._unloaded(),
            ),
            now,
        )
        self._apply(now)
        self._recorder.follow(self, now, was_closed=was_closed)

    def _step_phases(self, now: float) -> None:
        if self._phase_switch is None:
            return
        reading = self.meter.latest.value if self.meter else None
        riding = self.granted.riding_since is not None
        inputs = phase_switch.Inputs(
            wish=self.phase.phases if riding else self.phase_wish,  # nobody is there who could be told
            seen=self._try(self._phase_switch.phases, None),
            closed=self.pilot.closed,
            feedback=self.feedback,
            current_a=max(reading.current_a, default=0.0) if reading else None,
            digital=pilot.is_digital(self.wish),
            plugged=self.plugged,
            wants=self.pilot.level in WANTS,
        )
        self.phase = phase_switch.step(self.phase, self.board.policy, inputs, now)
        self.why_phases = phase_switch.why(self.phase, self.board.policy, inputs, now)

    def _cleared(self, permitted: PilotOutput) -> PilotOutput:
        """What the pilot may show. Where the duty alone makes the board close, everything that must be done before
        closing is done before the duty is shown, and again after each opening."""
        if not self._closes_itself:
            return permitted
        if permitted.mode is not PilotMode.DUTY or not self.plugged:
            self._duty_cleared = self._duty_waits = False
            return pilot.X1 if permitted.mode is PilotMode.DUTY else permitted
        opened, self._was_closed = self._was_closed and not self.pilot.closed, self.pilot.closed
        self._duty_cleared = (self._duty_cleared and not opened) or self.interlocks.ready
        self._duty_waits = not self._duty_cleared
        return permitted if self._duty_cleared else pilot.X1

    def _step_grants(self, now: float, *, lease: bool) -> None:
        if self.dc and self.granted.grant is None and not self.pilot.closed:
            self.dc.forget()
        self.granted = grants.step(
            self.granted,
            grants.Inputs(
                lease=lease,
                closed=self.pilot.closed,
                output=self.pilot.output,
                plugged=self.plugged,
                gone=self._gone(now),
                dc=self.board.dc,
                fault=self.fault_text,
            ),
            now,
        )
        if not lease and self.granted.riding_since is None:
            self.wish = pilot.X1
            self.lock_wish = False
            if self.dc and self.pilot.closed:
                self.dc.ramp_down()
            elif self.dc:
                self.dc.forget()
        temperature = self.thermometer.latest.value if self.thermometer else None
        most = min(self.granted.limit_a, self.rating_a, self.board.max_current_a)
        self.cap_a = min(self._heat.follow(), interlocks.derated_a(most, self.board, temperature))
        # while the contactor waits for the car to let go, the car is held to what it was last offered
        if self.granted.grant is not None or not self.pilot.closed:
            self.policed_a = self.cap_a

    def _gone(self, now: float) -> bool:
        """The car is away: state A, longer than a contact bounces. Open is open from the first moment."""
        if self.pilot.level is not pilot.Level.A:
            self._away_since = None
            return False
        if self._away_since is None:
            self._away_since = now
        return now - self._away_since >= GONE_S

    def _unloaded(self) -> bool:
        """Nothing flows that opening would interrupt. An AC meter's word counts once it measured after we began to
        stop (and its own averaging has passed); without a meter nobody knows."""
        if self.dc:
            return self.dc.unloaded(self.pilot.blocked_since or self.pilot.stopping_since)
        since, latest = self.pilot.stopping_since, self.meter.latest if self.meter else None
        if since is None or latest is None or latest.value is None or latest.at < since + METER_SETTLE_S:
            return False
        return max(latest.value.current_a, default=math.inf) < UNLOADED_A

    @property
    def _allowed(self) -> bool:
        if self.granted.grant is None:
            return False
        return self.dc is None or self.dc.wanted

    @property
    def _healthy(self) -> bool:
        """Nothing demands open; a fault that has time lets a DC output ramp down (it has taken the grant already)."""
        return self.interlocks.healthy or (self.dc is not None and self.interlocks.ramps)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, now: float, station: StationInputs, failed_before: str) -> interlocks.Inputs:
        with contextlib.suppress(DeviceError):  # the sample grows old: the pilot step's fault
            self.sample, self.sample_at = self._control_pilot.read(), now
        self.feedback = self._try(self._contactor.closed, None)
        self._read_plug()
        active = {name: self._try(part.active, True) for name, part in self._inputs.items()}
        meter = self.meter.latest if self.meter else None
        return interlocks.Inputs(
            commanded=self.pilot.closed,
            feedback=self.feedback,
            waiting=self.pilot.waiting or self._duty_waits,
            plugged=self.plugged,
            limit_a=self.policed_a,
            pilot_fault=self.pilot.fault,
            plug=self.plug,
            rcd_tripped=self._try(self._rcd.tripped, True) if self._rcd else None,
            emergency_stop=station.emergency_stop or active.get("emergency_stop", False),
            pe_lost=active.get("pe_monitor", False),
            mains_fail=station.mains_fail or active.get("mains_fail", False),
            tamper=station.tamper or active.get("tamper", False),
            lock=self.lock.state if self.lock else None,
            lock_failed=self.lock.failed if self.lock else "",
            meter=meter.value if meter else None,
            meter_at=meter.at if meter else 0.0,
            meter_fresh=self.meter.fresh(now) if self.meter else True,
            temperature_c=self.thermometer.latest.value if self.thermometer else None,
            temperature_fresh=all(poller.fresh(now) for poller in self.thermometers.values()),
            supply_fresh=self.dc.supply.fresh(now) if self.dc else True,
            silent=self._silent(),
            dc=self.dc.judge(self._seen(), now) if self.dc else (),
            device=self._device or failed_before or station.device,
            overrun=station.overrun,
            hot=self._heat.too_hot,
            phases=self.phase.phases,
            phase_switch=f"it was sent to {self.phase.phases} phase(s)" if self.phase.apart else "",
            shared_pins=station.shared_pins,
            worn=worn(self.wear.counts, self.board.policy.contactor_life),
            clear=self._clear,
        )

    def _silent(self) -> str:
        """A part without whose word nothing may close, and which has not been heard since the start."""
        if self.meter and self.meter.latest.value is None and self.board.policy.on_meter_stale == "stop":
            return "meter"
        if any(poller.latest.value is None for poller in self.thermometers.values()):
            return "thermometer"
        return "DC supply" if self.dc and self.dc.reading is None else ""

    def _seen(self) -> Seen:
        """This connector as its DC output needs to know it."""
        grant, p = self.granted.grant, self.pilot
        return Seen(
            granted=grant is not None,
            closed=p.closed,
            confirmed=p.closed and self.feedback is not False,
            gone=p.level is pilot.Level.A,
            held_up=self._held_up(),
            fault=self.fault_text,
            limit_a=self.cap_a,
            limit_w=grant.limit_w if grant is not None else None,
        )

    def _read_plug(self) -> None:
        if self._proximity is None:
            return
        plug = self._try(self._proximity.read, Plug.INVALID)
        if plug is self._plug_before:  # a cable does not change within 10 ms: two equal readings
            self.plug = plug
            if self.board.cable_rating_a is None:  # else the contact only tells of the release button
                self.rating_a = float(plug.rating_a)
        self._plug_before = plug

    def _held_up(self) -> str:
        """What keeps the contactor open that is not its own fault, '' = nothing."""
        p = self.pilot
        if p.closed:
            return ""
        if p.waiting:
            return self.interlocks.hold_up
        if p.level not in (pilot.Level.C, pilot.Level.D):
            return f"car in state {p.level}"
        return "" if p.output.mode is PilotMode.DUTY else "no duty cycle on the pilot"

    # --- applying ---------------------------------------------------------------------------------------------------

    def _apply(self, now: float) -> None:
        if not self.pilot.closed:
            self._switch(close=False)
            self._set_phases(self.phase.phases)
        if self._shown != self.pilot.output:
            output = self.pilot.output
            if self._do(lambda: self._control_pilot.drive(output)):
                self._shown = output
        if self.pilot.closed:
            self._switch(close=True)
        self._apply_safety(self.interlocks)
        if self.lock:
            wish = self.lock_wish and not self._mains_failed  # nobody's cable stays trapped by a power cut
            closing = self.pilot.waiting or self._duty_waits or self._duty_cleared
            needed = wish or closing or self.pilot.closed or bool(self.feedback)
            self.lock.keep(locked=needed, now=now)
        if self.dc:
            self._apply_dc(self.dc)

    def _apply_dc(self, dc: DcOutput) -> None:
        p = self.pilot
        blocked = p.blocked_since is not None
        # a first sample that is no state C any more blocks until the next one decides: 30 ms are less than two ticks
        enable = p.closed and not blocked and p.pending is p.level and self.feedback is not False
        self._do(lambda: dc.apply(self._seen(), stopping=p.stopping_since is not None, blocked=blocked, enable=enable))
