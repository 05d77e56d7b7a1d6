"""What one connector's guard was told, and what it must be told next: wishes in, intents out.

Sends differences at once, everything again after a new epoch, and asks again (not in a storm) when the guard does not
hold a grant that nothing forbids. What to wish is `charging`'s.
"""

import logging
from typing import Final, Literal

from firmware.station.charging import DC_IDLE, Charging
from firmware.station.guard_client import GuardClient
from hal import wire
from hal.wire import Observation

log = logging.getLogger(__name__)

_AGAIN_S: Final = 2.0  # between attempts when the guard does not hold what was granted


class Orders:
    """The intents of one EVSE; `connector` is the board's number of its active connector."""

    def __init__(self, guard: GuardClient) -> None:
        self._guard = guard
        self._sent: Charging | None = None
        self._sent_at = 0.0
        self._phases: tuple[int, int] | None = None  # (connector, phases) that the guard was told

    def forget(self) -> None:
        """Nothing of what was sent counts any more."""
        self._sent = self._phases = None

    def phases(self, phases: Literal[1, 3], connector: int) -> None:
        """How many phases the car shall get; told once."""
        if self._guard.connected and self._phases != (connector, phases):
            self._guard.send(wire.SetPhases(0, connector, phases))
            self._phases = (connector, phases)

    def follow(
        self,
        wishes: Charging,
        seen: Observation | None,
        *,
        session: str | None,
        connector: int,
        has_lock: bool,
        forbidden: bool,
        now: float,
    ) -> None:
        """Tell the guard what changed; `session`: the transaction that runs here."""
        if not self._guard.connected:
            return
        old = self._sent
        if seen is not None and self._settled(seen, now):
            held = seen.grant.session if seen.grant is not None else None
            told = wishes if old is None else old  # a wish that is new now has not been sent yet
            granted = told.grant.session if told.grant is not None else None
            if held is not None and held != granted:
                if held == session:
                    self._guard.send(wire.Revoke(0, connector, wishes.revoke_reason, now=wishes.at_once))
                else:
                    self._disown(held, connector)
            if held != granted and not forbidden:
                old = None
        if old is not None and _same(old, wishes):
            return
        if has_lock and (old is None or old.lock != wishes.lock):
            self._guard.send(wire.LockIntent(0, connector, wishes.lock))
        self._send_current(old, wishes, connector, "fault" if forbidden else "")
        if old is None or old.light != wishes.light:
            self._guard.send(wire.IndicatorIntent(0, connector, wishes.light))
        self._sent, self._sent_at = wishes, now

    def release_lock(self, connector: int) -> None:
        """Try the bolt (again)."""
        self._guard.send(wire.LockIntent(0, connector, False))

    def _send_current(self, old: Charging | None, new: Charging, connector: int, cause: str) -> None:
        """Pilot and grant, in the order that never offers more than is granted."""
        pilot = wire.SetPilot(0, connector, new.pilot.mode, new.pilot.duty_percent)
        pilot_changed = old is None or old.pilot != new.pilot
        lowering = new.grant is None or (
            old is not None and old.grant is not None and old.grant.limit_a > new.grant.limit_a
        )
        if pilot_changed and lowering:
            self._guard.send(pilot)
        if new.grant is not None:
            if old is None or old.grant != new.grant:
                grant = new.grant
                self._guard.send(
                    wire.GrantIntent(
                        0,
                        connector,
                        grant.session,
                        grant.limit_a,
                        grant.failsafe_limit_a,
                        grant.ride_through_s,
                        grant.limit_w,
                        grant.outlet,
                    )
                )
        elif old is not None and old.grant is not None:
            self._guard.send(wire.Revoke(0, connector, cause or new.revoke_reason, now=new.at_once))
        if pilot_changed and not lowering:
            self._guard.send(pilot)
        if new.dc != (old.dc if old is not None else DC_IDLE):  # behind its grant: without one it would be void
            dc = new.dc
            self._guard.send(wire.DcIntent(0, connector, dc.phase, dc.voltage_v, dc.current_a, dc.max_voltage_v))

    def _settled(self, seen: Observation, now: float) -> bool:
        """The guard has had time for what was sent: what it holds now is what it made of it."""
        return self._sent is None or (now - self._sent_at >= _AGAIN_S and seen.at > self._sent_at)

    def _disown(self, session: str, connector: int) -> None:
        """A grant of no transaction of ours must not run on."""
        log.warning("connector %d has a grant for session %s, which is not running here: revoked", connector, session)
        self._guard.send(wire.Revoke(0, connector, f"session {session[:200]} is not known here"))


def _same(one: Charging, other: Charging) -> bool:
    """Nothing that the guard is told differs."""
    return _told(one) == _told(other)


def _told(wishes: Charging) -> tuple[object, ...]:
    return wishes.pilot, wishes.grant, wishes.dc, wishes.lock, wishes.light
