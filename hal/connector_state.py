"""What is known of one connector in the guard: its state from tick to tick, and what its parts say in this one.

Nothing is decided here: `hal/connector.py` hands these inputs to the pure steps and applies what they say. Parts
themselves, and how they are talked to, are `hal/connector_parts.py`'s.
"""

import math
from typing import Final, NamedTuple

from hal import derating, grants, interlock_state, phase_switch, pilot, shared_pins
from hal.connector_parts import ConnectorParts
from hal.contracts import DeviceError, PilotMode, PilotOutput, PilotSample, Plug
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
PLUG_SETTLE_S: Final = 0.1  # from AC off to a DC voltage at the plug that is believed
WANTS: Final = (pilot.Level.C, pilot.Level.D)
RESTS: Final = (pilot.Level.A, pilot.Level.B)
PLUGGED: Final = (pilot.Level.B, pilot.Level.C, pilot.Level.D)


class StationInputs(NamedTuple):
    """What the parts of the whole station say in this tick."""

    emergency_stop: bool = False
    mains_fail: bool = False
    tamper: bool = False
    device: str = ""
    overrun: str = ""


class ConnectorState(ConnectorParts):
    """State of one connector and the wishes of the controller for it."""

    def __init__(self, connector: Connector, now: float) -> None:
        super().__init__(connector, now)
        self.circuit = pilot.Circuit(ventilation=self.board.ventilation, dc=self.board.dc)
        self.pins = shared_pins.Pins(outlet="dc" if self.board.dc else "ac")
        self.pilot = pilot.Pilot(output_since=now)
        self.interlocks = interlock_state.Interlocks()
        self.granted = grants.Granted()
        self.sample = PilotSample(0, 0)
        self.sample_at = now
        self._missed = False  # the last reading of the pilot failed
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
        self._paused: tuple[str, float] | None = None  # why a contactor may still be opening, and until when
        self.phase_wish: Phases = 3 if self.board.phases == 3 else 1
        self.phase = phase_switch.Switch(phases=self.phase_wish, target=self.phase_wish)
        self.why_phases = ""
        self._heat = derating.Heat(self.board.derating, self.thermometers)
        self._recorder = Recorder()

    # --- what others read --------------------------------------------------------------------------------------------

    @property
    def output(self) -> DcOutput | None:
        """The DC output, while it is the outlet in use."""
        return self.dc if self.board.dc else None

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
        """The contactor is open and nothing is under way that could close it or that ends at a certain moment: the car
        is away, not ready, or not granted. No tick can be late for anything then."""
        p, i = self.pilot, self.interlocks
        return (
            not (p.closed or p.waiting or self.feedback or self._missed)
            and p.level is p.pending
            and (p.level in RESTS or (p.level in WANTS and self.granted.grant is None))
            and i.healthy
            and i.self_test is interlock_state.SelfTest.IDLE
            and self.phase.step == "rest"
            and self.pins.other_closed_since is None
            and (self.dc is None or self.dc.wish.phase == "idle")
        )

    @property
    def plugged(self) -> bool:
        return self.pilot.level in PLUGGED

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
        if self.output:
            return self.output.unloaded(self.pilot.blocked_since or self.pilot.stopping_since)
        since, latest = self.pilot.stopping_since, self.meter.latest if self.meter else None
        if since is None or latest is None or latest.value is None or latest.at < since + METER_SETTLE_S:
            return False
        return max(latest.value.current_a, default=math.inf) < UNLOADED_A

    @property
    def _allowed(self) -> bool:
        if self.granted.grant is None or not self._for_this_outlet:
            return False
        return self.output is None or self.output.wanted

    @property
    def _for_this_outlet(self) -> bool:
        """The grant is for the outlet in use, not for the one that it shall become."""
        grant = self.granted.grant
        return not self._contactors or (grant is not None and grant.outlet == self.pins.outlet)

    @property
    def _healthy(self) -> bool:
        """Nothing demands open; a fault that has time lets a DC output ramp down (it has taken the grant already)."""
        return self.interlocks.healthy or (self.board.dc and self.interlocks.ramps)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, now: float, station: StationInputs, failed_before: str) -> interlock_state.Inputs:
        self._read_pilot(now)
        if not self._contactors:  # else the changeover has read them in this tick
            self.feedback = self._try(self._contactor.closed, None)
        self._read_plug()
        active = [name for name, part in self._inputs.items() if self._try(part.active, True)]
        meter = self.meter.latest if self.meter else None
        rcd = None if self._contactors and self.board.dc else self._rcd
        return interlock_state.Inputs(
            commanded=self.pilot.closed,
            feedback=self.feedback,
            waiting=self.pilot.waiting or self._duty_waits,
            plugged=self.plugged,
            limit_a=self.policed_a,
            pilot_fault=self.pilot.fault,
            plug=self.plug,
            rcd_tripped=self._try(rcd.tripped, True) if rcd else None,
            emergency_stop=station.emergency_stop or "emergency_stop" in active,
            pe_lost="pe_monitor" in active,
            mains_fail=station.mains_fail or "mains_fail" in active,
            tamper=station.tamper or "tamper" in active,
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
            pins_held=self.pins.held,
            shared_pins=self.pins.clash,
            other_welded=self.pins.welded,
            worn=worn(self.wear.counts, self.board.policy.contactor_life),
            tripped_upstream=self._tripped_upstream,
            clear=self._clear,
        )

    def _read_pilot(self, now: float) -> None:
        try:
            self.sample, self.sample_at = self._control_pilot.read(), now
        except DeviceError:  # it grows old: the pilot step's fault
            if self.resting:  # which one failure is not, and the sample before it is a whole rest ago
                self.sample_at = now - pilot.FRESH_S / 2
            self._missed = True
        else:
            self._missed = False

    def _silent(self) -> str:
        """A part without whose word nothing may close, and which has not been heard since the start."""
        if self.meter and self.meter.latest.value is None and self.board.policy.on_meter_stale == "stop":
            return "meter"
        for poller in self.thermometers.values():
            if poller.latest.value is None:
                return "thermometer"
        return "DC supply" if self.dc and self.dc.reading is None else ""

    def _seen(self) -> Seen:
        """This connector as its DC output needs to know it: nothing of it is the output's while it gives AC."""
        grant, p = self.granted.grant, self.pilot
        if not self.board.dc:
            gone = p.level is pilot.Level.A
            return Seen(False, False, False, gone, "", self.fault_text, 0.0, None, plug_is_ac=self._plug_is_ac)
        return Seen(
            granted=grant is not None,
            closed=p.closed,
            confirmed=p.closed and self.feedback is not False,
            gone=p.level is pilot.Level.A,
            held_up=self._held_up(),
            fault=self.fault_text,
            limit_a=self.cap_a,
            limit_w=grant.limit_w if grant is not None else None,
            plug_is_ac=self._plug_is_ac,
        )

    @property
    def _plug_is_ac(self) -> bool:
        """What was measured last at the plug of a DC output was, or may have been, the mains on the same contacts."""
        if not self._contactors or self.dc is None:
            return False
        off = self.pins.ac_off_since
        return off is None or self.dc.supply.latest.at - off < PLUG_SETTLE_S

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
        if self.pins.held:
            return self.pins.held
        if p.level not in (pilot.Level.C, pilot.Level.D):
            return f"car in state {p.level}"
        return "" if p.output.mode is PilotMode.DUTY else "no duty cycle on the pilot"
