"""What the guard reports of a connector: the observation, the one reason why no energy flows, and when to send.

Sent on change and at 4 Hz, 20 Hz while DC power flows; measurement noise is no change. Reads the connector only.
"""

from typing import Final

from hal.connector import ConnectorGuard
from hal.contracts import LockState, PilotMode, Plug
from hal.pilot import Level
from hal.wire import UNPLUGGED, MeterSample, Observation, RunningGrant

PERIOD_S: Final = 0.25
DC_PERIOD_S: Final = 0.05
BURST: Final = 10.0  # changes that may be sent at once ...
CHANGES_PER_S: Final = 20.0  # ... and in the long run, so that a chattering input does not flood the link


class Reporter:
    """Decides when one connector is reported."""

    def __init__(self, connector: ConnectorGuard) -> None:
        self._connector = connector
        self._sent: tuple[object, ...] = ()
        self._sent_at = float("-inf")
        self._allowance = BURST
        self._counted_at = float("-inf")

    def force(self) -> None:
        """Report at the next tick: a controller has just connected."""
        self._sent = ()
        self._allowance = BURST

    def due(self, tick: int, epoch: int, now: float) -> Observation | None:
        """The observation to send now, if any."""
        c = self._connector
        why = why_open(c)
        picture = _picture(c, epoch, why)
        elapsed = now - self._sent_at
        if picture == self._sent:
            if elapsed < (DC_PERIOD_S if c.board.dc and c.pilot.closed else PERIOD_S) - 1e-6:
                return None
        elif not self._may_change(now) and elapsed < PERIOD_S:
            return None
        self._sent, self._sent_at = picture, now
        return observation(c, why, tick, epoch, now)

    def _may_change(self, now: float) -> bool:
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) * CHANGES_PER_S)
        self._counted_at = now
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True


def _picture(c: ConnectorGuard, epoch: int, why: str) -> tuple[object, ...]:
    """What counts as a change; the states are compared whole, measured values not at all."""
    return (
        epoch,
        c.pilot.level,
        c.pilot.output,
        c.pilot.closed,
        c.feedback,
        c.plug,
        c.policed_a,
        c.lock.state if c.lock else None,
        c.interlocks.faults,
        c.granted,
        (c.dc.wish.phase, c.dc.check.step) if c.dc else None,
        why,
        c.phase.phases,
        c.pins.outlet,
        c.why_phases,
        _reader_fault(c),
    )


def why_open(c: ConnectorGuard) -> str:
    """The one reason why the contactor is open now, for people; '' while it is closed."""
    p = c.pilot
    if p.closed:
        return ""
    if fault := c.fault_text:
        return fault
    if p.level is Level.UNKNOWN:
        return "control pilot not read yet"
    if p.level is Level.A:
        return "no car connected"
    if c.phase.hold:
        return c.why_phases
    if c.granted.grant is None:
        before = c.granted.ended != UNPLUGGED  # what ended the grant of the car that was here before says nothing now
        return f"no grant: {c.granted.ended}" if c.granted.ended and before else "no grant"
    if p.level not in (Level.B, Level.C, Level.D):
        return f"pilot in state {p.level}"
    if c.rating_a <= 0:
        return "no cable, or a cable without rating"
    if p.output.mode is not PilotMode.DUTY:
        return (
            "no current is offered" if c.wish.mode is not PilotMode.DUTY else f"limit {c.cap_a:g} A offers no current"
        )
    if p.level is Level.B:
        return "car is not ready (state B)"
    if c.pins.held:
        return c.pins.held
    if c.output and not c.output.wanted:
        return c.output.check.why or "waiting for the car's session to ask for power"
    if p.waiting:
        return c.interlocks.hold_up or "closing"
    return "control pilot is settling"


def observation(c: ConnectorGuard, why: str, tick: int, epoch: int, now: float) -> Observation:
    """Everything the guard knows of a connector now."""
    p = c.pilot
    return Observation(
        connector=c.board.id,
        tick=tick,
        epoch=epoch,
        at=now,
        level=p.level.value,
        pilot=p.output.mode,
        duty_percent=p.output.duty_percent,
        high_mv=c.sample.high_mv,
        low_mv=c.sample.low_mv,
        plug=c.plug or Plug.NONE,
        cable_rating_a=c.rating_a,
        closed=p.closed if c.feedback is None else c.feedback,
        energised=p.closed,
        limit_a=c.policed_a,
        lock=c.lock.state if c.lock else LockState.UNKNOWN,
        meter=_meter(c, now),
        dc=c.dc.sample(welded=_welded(c)) if c.dc else None,
        temperature_c=c.thermometer.latest.value if c.thermometer else None,
        faults=c.interlocks.faults,
        grant=_running(c, now),
        grant_ended=c.granted.ended or None,
        why_open=why,
        phases=c.phase.phases,
        why_phases=c.why_phases,
        reader_fault=_reader_fault(c),
        closings=c.wear.counts.closings,
        outlet=c.pins.outlet,
    )


def _reader_fault(c: ConnectorGuard) -> str:
    """An absent reader is a state, not a fault: cars that pay otherwise still charge."""
    return c.reader.latest.error if c.reader else ""


def _welded(c: ConnectorGuard) -> bool:
    return any(fault.code in ("weld", "dc_weld") for fault in c.interlocks.faults)


def _running(c: ConnectorGuard, now: float) -> RunningGrant | None:
    grant = c.granted.grant
    if grant is None:
        return None
    return RunningGrant(
        session=grant.session,
        limit_a=grant.limit_a,
        failsafe_limit_a=grant.failsafe_limit_a,
        ride_through_s=grant.ride_through_s,
        riding=c.granted.riding_since is not None,
        remaining_s=c.granted.remaining_s(now),
    )


def _meter(c: ConnectorGuard, now: float) -> MeterSample | None:
    latest = c.meter.latest if c.meter else None  # once: its thread goes on meanwhile
    if c.meter is None or latest is None or (reading := latest.value) is None:
        return None
    return MeterSample(
        at=latest.at,
        import_wh=reading.import_wh,
        power_w=reading.power_w,
        voltage_v=reading.voltage_v,
        current_a=reading.current_a,
        export_wh=reading.export_wh,
        quality="good" if c.meter.fresh(now) else "stale",
        signed=reading.signed,
    )
