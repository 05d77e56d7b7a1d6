"""The data link of one EVSE: SLAC with its raw socket and timers, told by `evse_link` when to listen and when to leave.

What SLAC says and when is `slac/`'s; what follows for the pilot is `evse_link`'s. Its states become facts here.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from firmware.config import V2gSettings
from firmware.station.car_facts import CarMessage, DataLinkStatus, ModemStatus
from firmware.station.clock import Clock
from firmware.station.facts import AnyFact
from firmware.v2g.evse_link import MODEM_S, Link, Matching, Phase
from firmware.v2g.recording.tap import NO_TAP, Tap
from firmware.v2g.slac import cg5317, qca7000, simulated
from firmware.v2g.slac.matching import Rules
from firmware.v2g.slac.modem import Modem, spelled
from firmware.v2g.slac.port import PacketPort, is_up
from firmware.v2g.slac.slac import Options, Slac, State

log = logging.getLogger(__name__)

FACTS_PER_MINUTE: Final = 300  # SLAC messages told as facts; a matching has some 30
LISTENING: Final = frozenset({Phase.OFFER, Phase.WAIT, Phase.SILENT, Phase.ENDED})
KEEPING: Final = LISTENING - {Phase.ENDED} | {Phase.SESSION, Phase.PAUSED}
_MATCHING: Final = {
    State.ABSENT: Matching.ABSENT,
    State.PREPARING: Matching.WAITING,
    State.WAITING: Matching.WAITING,
    State.MATCHING: Matching.RUNNING,
    State.JOINING: Matching.RUNNING,
    State.LINKED: Matching.LINKED,
    State.PAUSED: Matching.LINKED,
    State.FAILED: Matching.FAILED,
}


class Desk(Protocol):
    """What is needed of the station."""

    @property
    def clock(self) -> Clock: ...
    def emit(self, fact: AnyFact) -> None: ...


def driver(make: str) -> Modem:
    """The modem driver that station.toml names."""
    match make:
        case "qca7000":
            return qca7000.Driver()
        case "cg5317":
            return cg5317.Driver()
        case "simulated":
            return simulated.Driver()
    raise ValueError(f"no modem is called {make!r}")


class DataLink:
    """`changed` is called whenever `matching` or `linked` may be another."""

    def __init__(self, desk: Desk, evse: int, settings: V2gSettings, changed: Callable[[], None]) -> None:
        self.problem = "the first look at the interface"  # why no SLAC can run, "" when it can
        self.slac: Slac | None = None
        self.tap: Tap = NO_TAP
        self._desk = desk
        self._evse = evse
        self._settings = settings
        self._changed = changed
        self._modem = driver(settings.modem)
        self._port: PacketPort | None = None
        self._phase = Phase.UNPLUGGED
        self._level = "?"
        self._timer: asyncio.TimerHandle | None = None
        self._absent_since: float | None = None
        self._told_modem: tuple[object, ...] | None = None
        self._told_link: tuple[object, ...] | None = None
        self._told_at: deque[float] = deque(maxlen=FACTS_PER_MINUTE)

    @property
    def matching(self) -> Matching:
        return Matching.ABSENT if self.slac is None else _MATCHING[self.slac.state]

    @property
    def linked(self) -> bool:
        """May IP traffic be expected?"""
        return self.slac is not None and self.slac.linked

    @property
    def car_mac(self) -> str:
        """Address of the car's modem that is matched, "" while none is."""
        return spelled(self.slac.matched.mac) if self.slac is not None and self.slac.matched is not None else ""

    @property
    def status(self) -> str:
        """For people who wonder why a plugged-in car does not talk."""
        if self.slac is None:
            return self.problem
        return f"{self.slac.state}: {self.slac.reason}" if self.slac.reason else str(self.slac.state)

    @property
    def fault(self) -> str:
        """That there is no modem, once it had its time to come; "" while it is there or may still come."""
        absent = self.slac is None or self.slac.identity is None
        if not absent:
            self._absent_since = None
            return ""
        now = self._now()
        if self._absent_since is None:
            self._absent_since = now
        late = now - self._absent_since >= MODEM_S
        return f"no power-line modem on {self._settings.interface}: {self.status}" if late else ""

    def look(self) -> None:
        """Open the socket when the interface has come up, close it when it went; call it every second."""
        name, port = self._settings.interface, self._port
        if port is not None and (port.lost or not is_up(name) or _index(name) != port.index):
            self.close(f"interface {name} went away" + (f": {port.lost}" if port.lost else ""))
        if self._port is None:
            self._open(name)

    def follow(self, link: Link, level: str) -> None:
        """The pilot and the session are in this phase now, and the car shows this level."""
        now = self._now()
        self._level = level
        if self.slac is not None:
            self.slac.pilot(level, now)
        before, self._phase = self._phase, link.phase
        if link.phase is before or self.slac is None:
            return
        if link.phase not in KEEPING:
            self.slac.leave(now)
        elif link.phase is Phase.PAUSED:
            self.slac.pause(now)
        else:
            self.slac.wake(now)
        self.slac.listen(link.phase in LISTENING, now)
        self._go_on()

    def close(self, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._port is not None:
            self._port.close()
        self._port, self.slac = None, None
        self._say_problem(reason)
        self._tell()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _open(self, name: str) -> None:
        if not is_up(name):
            there = _index(name) is not None
            self._say_problem(f"interface {name} is down" if there else f"interface {name} does not exist")
            return
        try:
            self._port = PacketPort(name, self._received)
        except OSError as error:
            self._say_problem(f"no raw socket on {name}: {error}")
            return
        self.problem = ""
        settings = self._settings
        rules = Rules(settings.conformance, settings.slac.attenuation_offset_db)
        options = Options(rules, settings.slac.reset_modem)
        self.slac = Slac(self._modem, self._port.mac, options, self._now())
        self.slac.pilot(self._level, self._now())
        self.slac.listen(self._phase in LISTENING, self._now())
        self._go_on()

    def _say_problem(self, reason: str) -> None:
        if reason != self.problem:
            log.warning("EVSE %d: no SLAC: %s", self._evse, reason)
        self.problem = reason

    def _received(self, frame: bytes) -> None:
        if self.slac is not None:
            self.tap.frame(frame, from_car=True)
            self.slac.receive(frame, self._now())
            self._go_on()

    def _poke(self) -> None:
        if self.slac is not None:
            self.slac.poke(self._now())
            self._go_on()

    def _go_on(self) -> None:
        """Send what is to be sent first of all, then tell the world, then see to the next deadline."""
        slac, port = self.slac, self._port
        if slac is None or port is None:
            return
        for frame in slac.take():
            port.send(frame)
            self.tap.frame(frame, from_car=False)
        if self._timer is not None:
            self._timer.cancel()
        at = slac.deadline
        self._timer = None if at is None else asyncio.get_running_loop().call_at(at, self._poke)
        self._tell()

    def _tell(self) -> None:
        """Logs and facts; calls `changed` when the link's state is another."""
        slac = self.slac
        if slac is not None:
            for note in slac.notes:
                log.warning("EVSE %d: %s", self._evse, note)
            slac.notes = []
            self._tell_messages(slac)
        self._tell_modem(slac)
        state = (None, self.problem) if slac is None else (slac.state, slac.reason)
        if state != self._told_link:
            self._told_link = state
            self._tell_link(slac)
            self._changed()

    def _tell_messages(self, slac: Slac) -> None:
        said, slac.said = slac.said, []
        clock, now = self._desk.clock, self._now()
        for each in said:
            if len(self._told_at) == FACTS_PER_MINUTE and now - self._told_at[0] < 60.0:
                return
            self._told_at.append(now)
            self._desk.emit(
                CarMessage(
                    at=clock.utc() - (now - each.at),
                    mono=each.at,
                    clock_synced=clock.synced,
                    evse=self._evse,
                    session="",
                    direction=each.direction,
                    protocol="slac",
                    name=each.name,
                    text=each.text,
                    size=each.size,
                )
            )

    def _tell_modem(self, slac: Slac | None) -> None:
        identity = slac.identity if slac is not None else None
        resets = slac.resets if slac is not None else 0
        looking = slac is not None and identity is None and not slac.reason
        seen = (identity, resets, "" if identity else self.status)
        if looking or seen == self._told_modem:
            return
        self._told_modem = seen
        if identity is not None:
            log.info("EVSE %d: modem %s %s", self._evse, identity.mac, identity.firmware)
        clock = self._desk.clock
        self._desk.emit(
            ModemStatus(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                evse=self._evse,
                interface=self._settings.interface,
                make=self._settings.modem,
                present=identity is not None,
                firmware=identity.firmware if identity else "",
                mac=identity.mac if identity else "",
                resets=resets,
                reason=seen[2],
            )
        )

    def _tell_link(self, slac: Slac | None) -> None:
        matched = slac.matched if slac is not None else None
        log.info("EVSE %d: %s", self._evse, self.status)
        clock = self._desk.clock
        self._desk.emit(
            DataLinkStatus(
                at=clock.utc(),
                mono=clock.mono(),
                clock_synced=clock.synced,
                evse=self._evse,
                state=str(slac.state) if slac is not None else str(State.ABSENT),
                reason=slac.reason if slac is not None else self.problem,
                car_mac=spelled(matched.mac) if matched else "",
                run_id=matched.run_id.hex() if matched else "",
                attenuation_db=round(matched.attenuation_db, 1) if matched else None,
                sounds=matched.sounds if matched else 0,
            )
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _index(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None
