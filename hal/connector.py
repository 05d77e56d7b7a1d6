"""One connector inside the guard: runs the pure steps in order on what its parts say, and applies their result.

The steps decide (pilot, interlocks, grants, shared_pins, phase_switch); reading is hal/connector_state.py, the DC side
hal/dc_output.py. The guard calls `tick` every 10 ms and carries the intents; reports are built by hal/observation.py.
"""

from collections.abc import Callable
from functools import partial

from hal import current_and_mains, dc_path, grants, interlocks, phase_switch, pilot, shared_pins
from hal.connector_state import NOTHING_CLEARED, WANTS, ConnectorState, StationInputs
from hal.contracts import Contactor, PilotMode, PilotOutput
from hal.dc_output import DcOutput
from hal.interlock_state import SelfTest, changed
from hal.phase_switch import Phases
from hal.shared_pins import NAMES, Outlet


class ConnectorGuard(ConnectorState):
    """Moves one connector: the only one that writes its state."""

    # --- intents ----------------------------------------------------------------------------------------------------

    def clear(self, code: str) -> None:
        """Ask for one fault to be cleared in the next tick."""
        self._clear |= {code}

    def ask_phases(self, phases: Phases) -> None:
        if self._phase_switch:
            self.phase_wish = phases

    def give(self, grant: grants.Grant) -> None:
        if why := self._cannot_give(grant.outlet):  # nor may what runs go on: what it should become is not known
            self.revoke(f"refused: {why}", now=False)
        self.granted = grants.give(self.granted, grant, self.fault_text or why)
        if self.dc and grant.outlet == "ac" and not self.board.dc:
            self.dc.forget()

    def _cannot_give(self, outlet: str) -> str:
        """Why a grant for this outlet is none, for people."""
        if self._contactors:
            return "" if outlet else "this plug has AC and DC: the grant must say which"
        has: Outlet = "dc" if self.dc else "ac"
        return "" if outlet in ("", has) else f"this connector gives {NAMES[has]} only"

    def ask_dc(self, wish: dc_path.Wish) -> None:
        """A wish counts once its grant does; of a plug that still gives AC it is kept until the change."""
        grant = self.granted.grant
        if self.dc and (not self._contactors or (grant is not None and grant.outlet == "dc")):
            self.dc.ask(wish)

    def revoke(self, reason: str, *, now: bool) -> None:
        self.granted = grants.end(self.granted, reason, now=now)

    @property
    def ways_to_open(self) -> tuple[Callable[[], None], ...]:
        """What makes it safe now, outside of any tick: each is to be tried, whatever another one raises."""
        block = (self.dc.block,) if self.dc else ()
        return *block, *(partial(_open, each) for each in self._contactors.values() or (self._contactor,))

    def after_pause(self, reason: str, now: float) -> None:
        """The tick stood still. A contactor that its mirror shows closed all the same goes on under the rules of this
        tick; else the watchdog has opened it, and feeding must not close it again behind our back. Its armature may
        still be falling: for as long as a contactor may take, what opens did not move by itself."""
        self._paused = (reason, now + self.board.policy.feedback_s) if self.pilot.closed else None

    def _follow_pause(self, paused: tuple[str, float], now: float) -> None:
        reason, until = paused
        if not self.pilot.closed or now > until:
            self._paused = None
        elif self._try(self._contactor.closed, None) is not True:
            self._paused = None
            self.revoke(reason, now=True)
            self._switch(close=False)

    # --- the tick ---------------------------------------------------------------------------------------------------

    def tick(self, now: float, station: StationInputs, *, lease: bool) -> None:
        """Read, decide, apply. Never raises DeviceError: a part that fails is a fault."""
        self._device, failed_before = "", self._device
        if self._paused:
            self._follow_pause(self._paused, now)
        if self._contactors:
            self._step_pins(now)
        inputs = self._read(now, station, failed_before)
        self.interlocks = interlocks.step(self.interlocks, self.board, inputs, now)
        self._clear = NOTHING_CLEARED
        self._step_grants(now, lease=lease)
        self._step_phases(now)
        was_closed, grant = self.pilot.closed, self.granted.grant
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
                        granted=grant is not None and grant.outlet != "dc",
                    )
                ),
                allowed=self._allowed,
                healthy=self._healthy and not self.granted.open_now,
                ready=not self._missed and (self.interlocks.ready or (self._duty_cleared and self.interlocks.healthy)),
                unloaded=self._unloaded(),
            ),
            now,
        )
        self._apply(now)
        self._recorder.follow(self, now, was_closed=was_closed)

    def _step_pins(self, now: float) -> None:
        """Which contactor of the plug may work; the other one is never touched but to open it."""
        shown = {outlet: self._try(contactor.closed, None) for outlet, contactor in self._contactors.items()}
        grant, before = self.granted.grant, self.pins
        inputs = shared_pins.Inputs(
            wanted=None if grant is None else "dc" if grant.outlet == "dc" else "ac",
            closed=self.pilot.closed,
            quiet=self.interlocks.self_test is SelfTest.IDLE,
            ac_closed=shown["ac"],
            dc_closed=shown["dc"],
            dc_v=self.dc.behind_v(now) if self.dc else None,
        )
        changeover_s = self._as_dc.ac.changeover_s if self._as_dc.ac is not None else 0.0
        self.pins = shared_pins.step(before, inputs, changeover_s, self.board.policy.feedback_s, now)
        self.feedback = shown[self.pins.outlet]
        if self.pins.outlet != before.outlet:
            self.black_box.event(now, f"the plug gives {NAMES[self.pins.outlet]} from here on")
            self._change_outlet(self.pins.outlet)

    def _change_outlet(self, outlet: Outlet) -> None:
        """Both contactors are open: from here on the plug is a connector of the other kind."""
        as_ac = self._as_ac if outlet == "ac" else None
        self.board = as_ac or self._as_dc
        self.circuit = pilot.Circuit(ventilation=self.board.ventilation, dc=self.board.dc)
        self._contactor, self._coil = self._contactors[outlet], None
        self.cap_a = self.policed_a = 0.0  # the grant's limit is looked at anew in this tick
        self.interlocks = changed(self.interlocks, limit_a=0.0, lowered=())
        if self.plug_meters:
            self.plug_meters.outlet = outlet
        if self.dc and outlet == "ac":
            self.dc.forget()
            self.dc.forget_check()

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
        if self.dc and self.granted.grant is None and not (self.board.dc and self.pilot.closed):
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
            if self.output and self.pilot.closed:
                self.output.ramp_down()
            elif self.dc:
                self.dc.forget()
        temperature = self.thermometer.latest.value if self.thermometer else None
        most = min(self.granted.limit_a, self.rating_a, self.board.max_current_a)
        self.cap_a = min(self._heat.follow(), current_and_mains.derated_a(most, self.board, temperature))
        # while the contactor waits for the car to let go, the car is held to what it was last offered
        if not self.pilot.closed or (self.granted.grant is not None and self._for_this_outlet):
            self.policed_a = self.cap_a

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
        if not self.board.dc:
            self._do(lambda: dc.apply(self._seen(), stopping=False, blocked=False, enable=False))
            return
        blocked = p.blocked_since is not None
        # a first sample that is no state C any more blocks until the next one decides: 30 ms are less than two ticks
        enable = p.closed and not blocked and p.pending is p.level and self.feedback is not False
        self._do(lambda: dc.apply(self._seen(), stopping=p.stopping_since is not None, blocked=blocked, enable=enable))


def _open(contactor: Contactor) -> None:
    contactor.open()
