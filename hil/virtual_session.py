"""A car's session with the station's own scripts, guard and plant in virtual time: minutes in a second, nothing real.

Left out is what is around a session (sockets, pilot of `evse_link`, transactions, journal): the grant is always given
while a session wants energy, the pilot shows 5 % until it is over, then X1. The whole of it runs in `hil.stack`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from firmware.config import EvseSettings
from firmware.station.charging import DC_IDLE, DcWish
from firmware.station.facts import IdToken, Sample
from firmware.station.limits import Limit
from firmware.v2g.ac_station import AcStation
from firmware.v2g.conversation import Conversation
from firmware.v2g.dc_station import DcStation
from firmware.v2g.either_station import EitherStation
from firmware.v2g.ending import Ending, Resume
from firmware.v2g.ev_station import EvStation
from firmware.v2g.evse_link import Session
from firmware.v2g.offers import AnyStation, Ground, Transport, offers
from firmware.v2g.peer import Peer
from firmware.v2g.sessions.handshake import agree_on_protocol
from hal.contracts import PilotMode
from hal.wire import Beat, ConnectorCapability, DcIntent, FromGuard, GrantIntent, Hello, Observation, Revoke, SetPilot
from hil.cars.line import SessionFailed
from hil.rig import Rig
from hil.virtual import TICK_S, VirtualBench

BOARDS: Final = Path(__file__).parents[1] / "board-configs"
GRANTED: Final = "virtual"
FIVE_PERCENT: Final = 5.0


class Outlet:
    """What a session script sees of its EVSE (`ev_station.EvseView`): a card was accepted, the board sets the limit."""

    def __init__(self) -> None:
        self.settings = EvseSettings(id=1)
        self.hardware: ConnectorCapability | None = None
        self.dc_chosen = False  # at a plug that has AC too
        self.seen: Observation | None = None
        self.id_token: IdToken | None = IdToken("04A2B3C4D5E680", "ISO14443")
        self.power_limit: Limit | None = None
        self.stop_wanted: str | None = None

    @property
    def capability(self) -> ConnectorCapability | None:
        """What it gives now, as `firmware.station.evse_state` has it."""
        can = self.hardware
        return can if can is None or can.ac is None or self.dc_chosen else can.ac

    @property
    def level(self) -> str:
        return self.seen.level if self.seen is not None else "?"

    @property
    def closed(self) -> bool:
        return self.seen is not None and self.seen.closed

    def sample(self) -> Sample | None:
        meter = self.seen.meter if self.seen is not None else None
        return Sample(at=meter.at, energy_wh=meter.import_wh) if meter is not None else None

    @property
    def limit(self) -> Limit:
        return Limit(self.capability.max_current_a if self.capability is not None else 0.0, "hardware")


@dataclass(frozen=True)
class Sent:
    """What the guard was last told."""

    energise: bool = False
    dc: DcWish = DC_IDLE
    pilot: PilotMode = PilotMode.X1


class VirtualStation:
    """Board, guard, plant and one session at a time. `line()` is the next car's connection."""

    def __init__(self, board: str, folder: Path) -> None:
        self.outlet = Outlet()
        self.ending: Ending | None = None  # of the last session
        self._conversation: Conversation | None = None
        self._sent = Sent()
        self._held = False
        patient = (BOARDS / f"{board}.toml").read_text()
        at_once = folder / "board.toml"  # the lock's driver waits in real time, which does not pass here
        at_once.write_text(patient.replace('driver = "sim_lock"', 'driver = "sim_lock"\nreach_s = 0'))
        self.bench = VirtualBench(at_once, folder, self._hear)
        self._station: EvStation = self._new_station()
        self.rig = Rig(self.bench, step_s=TICK_S)
        self.bench.pass_time(1.0)
        self._station = self._new_station()  # by what the guard said of its connector

    def line(self, paused: Resume | None = None, protocols: Sequence[str] = ("iso2", "din")) -> "VirtualLine":
        """A car connects."""
        fresh = self._new_station()
        self._station, self.ending = fresh, None
        ground = Ground(Transport.PLAIN, paused)
        here = offers(tuple(name for name in ("iso2", "din") if name in protocols), fresh, ground)

        async def talk(ev: Peer) -> Ending:
            agreement = await agree_on_protocol(ev, here)
            if agreement is None:
                return Ending(Session.REFUSED, "no common protocol")
            return await agreement.offer.script(ev, agreement.answer)

        self._conversation = Conversation(talk, Peer(self._release), self.bench.now)
        self._tell()
        return VirtualLine(self)

    def pass_time(self, seconds: float) -> None:
        """Guard, plant and session go on."""
        self.bench.pass_time(seconds)

    def receive(self, octets: bytes) -> None:
        """The car has sent something."""
        if self._conversation is not None:
            self._conversation.receive(octets, self.bench.now)
            self._follow()

    def take(self) -> bytes:
        """What the car gets."""
        return self._conversation.take() if self._conversation is not None else b""

    def lose(self) -> None:
        """The car's connection is gone."""
        if self._conversation is not None:
            self._conversation.lost("the car closed the connection", self.bench.now)
            self._follow()

    def close(self) -> None:
        self.bench.controller_alive = False
        self.bench.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _new_station(self) -> AnyStation:
        can = self.outlet.hardware
        self.outlet.dc_chosen = False
        if can is not None and can.ac is not None:
            return EitherStation(self.outlet, self._tell, self._chose, lambda: self.bench.now)
        if can is not None and can.dc:
            return DcStation(self.outlet, self._tell, lambda: self.bench.now)
        return AcStation(self.outlet, self._tell)

    def _chose(self, station: EvStation) -> None:
        self._station, self.outlet.dc_chosen = station, isinstance(station, DcStation)

    def _release(self) -> None:
        self._station.release()

    def _hear(self, _: VirtualBench, message: FromGuard) -> None:
        if isinstance(message, Hello):
            self.outlet.hardware = message.connectors[0]
        if isinstance(message, Beat) and message.held:
            self._held = True  # intents before are dropped
        if not isinstance(message, Observation):
            return
        self.outlet.seen = message
        self._station.look()
        if self._conversation is not None and self._conversation.ended is None:
            self._conversation.poke(self.bench.now)
        self._follow()

    def _follow(self) -> None:
        """The session may have ended."""
        if self._conversation is not None and self._conversation.ended is not None and self.ending is None:
            self.ending = self._conversation.ended
        self._tell()

    def _tell(self) -> None:
        """Wishes to the guard, what has changed of them."""
        if not self._held:
            return
        wish, guard, epoch = self._station.wish, self.bench.guard, self.bench.epoch
        pilot = PilotMode.DUTY if self.ending is None else PilotMode.X1
        new = Sent(wish.energise, wish.dc or DC_IDLE, pilot)
        old, self._sent = self._sent, new
        if new.energise and not old.energise:
            both = self.outlet.hardware is not None and self.outlet.hardware.ac is not None
            outlet: Literal["", "ac", "dc"] = "" if not both else "dc" if self.outlet.dc_chosen else "ac"
            guard.receive(GrantIntent(epoch, 1, GRANTED, self.outlet.limit.amps, outlet=outlet))
        if new.pilot != old.pilot:
            guard.receive(SetPilot(epoch, 1, new.pilot, FIVE_PERCENT if new.pilot is PilotMode.DUTY else 0.0))
        if new.dc != old.dc and new.energise:
            dc = new.dc
            guard.receive(DcIntent(epoch, 1, dc.phase, dc.voltage_v, dc.current_a, dc.max_voltage_v))
        if old.energise and not new.energise:
            guard.receive(Revoke(epoch, 1, "the session wants no energy"))


class VirtualLine:
    """`hil.cars.line.Line` to a VirtualStation: every wait lets the virtual time pass."""

    def __init__(self, station: VirtualStation) -> None:
        self._station = station
        self._arrived = b""
        self._open = True

    @property
    def now(self) -> float:
        return self._station.bench.now

    async def send(self, octets: bytes) -> None:
        if not self._open:
            raise SessionFailed("the connection is closed")
        self._station.receive(octets)

    async def receive(self, count: int, until: float) -> bytes:
        began = self.now
        while True:
            self._arrived += self._station.take()
            if len(self._arrived) >= count:
                found, self._arrived = self._arrived[:count], self._arrived[count:]
                return found
            if self._station.ending is not None:
                raise SessionFailed("the station closed the connection")
            if self.now >= until:
                raise SessionFailed(f"no answer within {until - began:.1f} s")
            self._station.pass_time(TICK_S)

    async def pause(self, seconds: float) -> None:
        self._station.pass_time(seconds)

    async def close(self) -> None:
        self._open = False
        self._station.lose()
