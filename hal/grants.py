"""Lease and grants as pure steps: is the controller alive, who may have energy, and what holds when it is gone.

The lease is one for the guard, a grant one per connector. What the pilot shows for a wish is decided here too,
because a nominal duty needs a running grant. Opening and ramps are the pilot step's, the clock is the guard's.

The lease counts from the guard's own beat that is echoed: counting from the arrival would trust queued frames. A fault
ends the grant instead of suspending it: nothing closes again that nobody has asked for since. State A opens at once,
but ends the grant after 300 ms only: a contact may bounce.
"""

import math
from typing import Final, NamedTuple

import msgspec

from hal.contracts import PilotMode, PilotOutput
from hal.duty import current_for, duty_for
from hal.pilot import X1, is_digital, is_nominal
from hal.wire import BAD_FRAMES_IN_A_ROW, LEASE_S, UNPLUGGED

MIN_CURRENT_A: Final = 6.0  # no duty can offer less (IEC 61851-1 Table A.7)

# --- lease ----------------------------------------------------------------------------------------------------------


class Lease(msgspec.Struct, frozen=True):
    """`epoch` counts up with every loss; what carries an older one is void."""

    epoch: int = 1
    held: bool = False
    renewed_at: float = -math.inf  # time of the echoed beat, not of its echo
    bad_frames: int = 0  # in a row


def renew(lease: Lease, epoch: int, beat_at: float | None, now: float) -> Lease:
    """The controller echoed a beat sent at `beat_at` (None: never sent, or too long ago). Old echoes prove nothing."""
    if epoch != lease.epoch or beat_at is None or now - beat_at > LEASE_S:
        return lease
    return Lease(lease.epoch, held=True, renewed_at=max(beat_at, lease.renewed_at))


def good_frame(lease: Lease) -> Lease:
    return msgspec.structs.replace(lease, bad_frames=0) if lease.bad_frames else lease


def bad_frame(lease: Lease) -> Lease:
    """A packet nobody can read: the third in a row is a lost lease."""
    if lease.bad_frames + 1 >= BAD_FRAMES_IN_A_ROW:
        return lose(lease)
    return msgspec.structs.replace(lease, bad_frames=lease.bad_frames + 1)


def expire(lease: Lease, now: float) -> Lease:
    return lose(lease) if lease.held and now - lease.renewed_at > LEASE_S else lease


def lose(lease: Lease) -> Lease:
    """The controller is gone: a new epoch, even if nothing was held (its frames may still be on the way)."""
    return Lease(epoch=lease.epoch + 1)


# --- grants ---------------------------------------------------------------------------------------------------------


class Grant(msgspec.Struct, frozen=True):
    """Connector may energise for `session` up to `limit_a`; without the controller for `ride_through_s` at most up to
    `failsafe_limit_a` (0 A: not at all)."""

    session: str
    limit_a: float
    failsafe_limit_a: float
    ride_through_s: float
    limit_w: float | None = None  # DC: of the output, W
    outlet: str = ""  # ac or dc; "" = the connector has one only


class Granted(msgspec.Struct, frozen=True):
    """What a connector holds. `ended`: why the last grant ended; `open_now`: its end may not wait for the car."""

    grant: Grant | None = None
    riding_since: float | None = None
    car_seen: bool = False
    ended: str = ""
    open_now: bool = False

    @property
    def limit_a(self) -> float:
        """0 without a grant."""
        if self.grant is None:
            return 0.0
        if self.riding_since is not None:
            return min(self.grant.limit_a, self.grant.failsafe_limit_a)
        return self.grant.limit_a

    def remaining_s(self, now: float) -> float | None:
        """How long the ride-through may still last, s; None when not riding."""
        if self.grant is None or self.riding_since is None:
            return None
        return max(0.0, self.grant.ride_through_s - (now - self.riding_since))


class Inputs(NamedTuple):
    """One tick's view. `fault`: text of what forbids energy, "" = nothing."""

    lease: bool
    closed: bool
    output: PilotOutput  # shown now
    plugged: bool
    gone: bool  # state A
    dc: bool
    fault: str


def step(g: Granted, i: Inputs, now: float) -> Granted:
    """One tick: faults, departure of the car and loss of the lease end a grant or let it ride."""
    if g.open_now and not i.closed:
        g = msgspec.structs.replace(g, open_now=False)
    if g.grant is None:
        return _note_departure(g, i)
    if i.fault:
        return end(g, i.fault)
    if g.car_seen and i.gone:
        return end(g, UNPLUGGED)
    if g.riding_since is not None:
        return _ride(g, i, now)
    if not i.lease:
        return _lease_lost(g, g.grant, i, now)
    return msgspec.structs.replace(g, car_seen=True) if i.plugged and not g.car_seen else g


def _note_departure(g: Granted, i: Inputs) -> Granted:
    """A controller that was away when its car left must not take the next car for it: the departure stays told."""
    if not i.gone or not g.ended or UNPLUGGED in g.ended:
        return g
    return msgspec.structs.replace(g, ended=f"{g.ended}; {UNPLUGGED}")


def _lease_lost(g: Granted, grant: Grant, i: Inputs, now: float) -> Granted:
    """The three alternatives: (a) nominal PWM may ride on, (b) digital communication and (c) DC stop."""
    if i.dc:
        return end(g, "controller lost: DC has no ride-through")
    if not i.closed:
        return end(g, "controller lost before energy flowed")
    if not is_nominal(i.output):
        return end(g, "controller lost under digital communication")
    if grant.ride_through_s <= 0:
        return end(g, "controller lost; ride-through is off")
    if min(grant.limit_a, grant.failsafe_limit_a) < MIN_CURRENT_A:
        return end(g, f"controller lost; failsafe limit {grant.failsafe_limit_a:g} A offers no current")
    return msgspec.structs.replace(g, riding_since=now)


def _ride(g: Granted, i: Inputs, now: float) -> Granted:
    """Riding ends with the car letting go (never re-close without a fresh grant) or with the time; a controller that
    returned ends it by a fresh grant or a revoke."""
    if not i.closed:
        return end(g, "car let go while the controller was away")
    if g.remaining_s(now) == 0.0:
        return end(g, "controller did not adopt the grant in time")
    return g


def give(g: Granted, grant: Grant, fault: str) -> Granted:
    """A fresh grant: starts, changes the limits of, or adopts a session. Refused while a fault forbids energy."""
    if fault:
        # a running one is ended by its own step
        return msgspec.structs.replace(g, ended=f"refused: {fault}") if g.grant is None else g
    same = g.grant is not None and g.grant.session == grant.session
    # an order to open is carried out first, even if the next frame grants again
    return Granted(grant=grant, car_seen=same and g.car_seen, open_now=g.open_now)


def end(g: Granted, reason: str, *, now: bool = False) -> Granted:
    """End the grant; `now`: open without waiting for the car."""
    return Granted(ended=reason if g.grant is not None else g.ended, open_now=now or g.open_now)


# --- what the pilot may show ----------------------------------------------------------------------------------------


def permitted(wish: PilotOutput, cap_a: float, *, lease: bool, riding: bool, granted: bool) -> PilotOutput:
    """The wish as far as it may be shown: nominal duty needs a grant and is capped; without lease only a ride lasts."""
    if not lease and not riding:
        return X1
    if wish.mode is not PilotMode.DUTY:
        return wish
    if is_digital(wish):
        return wish
    if not granted or not is_nominal(wish):
        return X1
    if current_for(wish.duty_percent) <= cap_a + 0.05:  # a rounding of the duty is no excess
        return wish
    duty = duty_for(cap_a)
    return X1 if duty is None else PilotOutput(PilotMode.DUTY, duty)
