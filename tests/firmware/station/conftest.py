"""A guard for the station's tests: speaks hal.wire over a real SEQPACKET socket and does what the guard promises.

It has one state per connector that a test moves (plug in, ask for current, fault) and keeps grants, epochs and the
contactor by the link's rules; no pilot voltages, no times of its own. The real guard is tested in tests/hal.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.config import (
    AuthorizationSettings,
    BudgetSettings,
    EvseSettings,
    OcppSettings,
    Settings,
    StationSettings,
)
from firmware.station.authorization import Unreachable, Verdict
from firmware.station.clock import SystemClock
from firmware.station.facts import AnyFact, ConnectorStatus, IdToken, Transaction
from firmware.station.station import Station, build_station
from hal import wire
from hal.contracts import LockState, PilotMode, Plug
from hal.wire import ConnectorCapability, Fault, MeterSample, Observation, RunningGrant


class HandClock:
    """A clock that a test moves. Starts at a plausible time of both kinds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.epoch = 1_800_000_000.0

    def mono(self) -> float:
        return self.now

    def utc(self) -> float:
        return self.epoch + self.now

    @property
    def synced(self) -> bool:
        return True

    def set_utc(self, utc: float) -> float:
        moved = utc - self.utc()
        self.epoch += moved
        return moved


class WallClock(SystemClock):
    """Real time, for a peer whose station is another process: nobody moves it."""

    @property
    def now(self) -> float:
        return self.mono()

    @now.setter
    def now(self, value: float) -> None:
        pass


@dataclass
class PeerConnector:
    """What the guard peer knows of one connector."""

    number: int
    level: str = "A"
    pilot: PilotMode = PilotMode.X1
    duty: float = 0.0
    grant: RunningGrant | None = None
    grant_ended: str | None = None
    closed: bool = False
    stuck: bool = False  # the contactor stays as it is
    lock: LockState = LockState.UNLOCKED
    bolt_jammed: bool = False
    energy_wh: float = 12_000.0
    current_a: float = 0.0
    cable_a: float = 32.0
    meter: bool = True
    meter_busy: bool = False  # its next reading is not there yet
    meter_answers: bool = True  # else the guard goes on telling its last reading, as stale
    known: MeterSample | None = None
    faults: tuple[Fault, ...] = ()
    light: str = ""

    def settle(self) -> None:
        """The contactor follows grant, pilot and car."""
        if self.stuck:
            return
        offered = self.pilot is PilotMode.DUTY and self.grant is not None
        self.closed = offered and self.level in {"C", "D"} and not self.faults
        if self.faults and self.grant is not None:
            self.grant, self.grant_ended = None, self.faults[0].text
        if not self.closed:
            self.current_a = 0.0


class GuardPeer:
    """The guard's end of the link."""

    def __init__(self, path: Path, clock: HandClock | WallClock, connectors: int = 1, *, lock: bool = True) -> None:
        self.path = path
        self.clock = clock
        self.epoch = 7
        self.tick = 0
        self.version = wire.VERSION
        self.connectors = {n: PeerConnector(n) for n in range(1, connectors + 1)}
        self.lock = lock
        self.signs = False  # the meters sign sessions ...
        self.signs_at_once = True  # ... as soon as they are asked
        self.leased = False
        self.received: list[wire.FromController] = []
        self.stale = 0
        self._listener: socket.socket | None = None
        self._peer: socket.socket | None = None

    def listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        self.path.unlink(missing_ok=True)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        self.hang_up()
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def hang_up(self) -> None:
        if self._peer is not None:
            asyncio.get_running_loop().remove_reader(self._peer.fileno())
            self._peer.close()
            self._peer = None

    def _accept(self) -> None:
        assert self._listener is not None
        self.hang_up()
        self._peer, _ = self._listener.accept()
        self._peer.setblocking(False)
        asyncio.get_running_loop().add_reader(self._peer.fileno(), self._readable)
        self.send(
            wire.Hello(
                version=self.version,
                board="bench",
                guard="test peer",
                epoch=self.epoch,
                tick=self.tick,
                connectors=tuple(
                    ConnectorCapability(
                        connector=n, kind="sType2", max_current_a=32.0, lock=self.lock, socket=True, signs=self.signs
                    )
                    for n in self.connectors
                ),
                station_token_reader=len(self.connectors) > 1,
            )
        )
        for number in self.connectors:
            self.report(number)
        self.leased = False
        self.beat()

    def send(self, message: wire.FromGuard) -> None:
        self.send_raw(wire.encode(message))

    def send_raw(self, packet: bytes) -> None:
        if self._peer is not None:
            self._peer.send(packet)

    def beat(self, overruns: int = 0) -> None:
        self.tick += 10
        self.send(wire.Beat(tick=self.tick, epoch=self.epoch, held=self.leased, overruns=overruns))

    def lose_lease(self) -> None:
        """A new epoch, as after 300 ms without a lease; running grants ride on."""
        self.epoch += 1
        self.leased = False
        self.beat()

    def _readable(self) -> None:
        assert self._peer is not None
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while packet := self._peer.recv(wire.MAX_PACKET):
                self._take(wire.decode_from_controller(packet))
            self.hang_up()

    def _take(self, intent: wire.FromController) -> None:
        self.received.append(intent)
        if isinstance(intent, wire.Lease):
            if not self.leased and intent.epoch == self.epoch:
                self.leased = True
                self.beat()  # as the guard does: the controller need not wait for the next one
            return
        if intent.epoch != self.epoch or not self.leased:
            self.stale += 1
            return
        connector = self.connectors[intent.connector]
        if isinstance(intent, wire.SetPilot):
            connector.pilot, connector.duty = intent.mode, intent.duty_percent
        elif isinstance(intent, wire.GrantIntent):
            connector.grant_ended = None
            connector.grant = RunningGrant(
                intent.session, intent.limit_a, intent.failsafe_limit_a, intent.ride_through_s
            )
        elif isinstance(intent, wire.Revoke):
            connector.grant, connector.grant_ended = None, intent.reason
        elif isinstance(intent, wire.LockIntent) and not connector.bolt_jammed:
            connector.lock = LockState.LOCKED if intent.locked else LockState.UNLOCKED
        elif isinstance(intent, wire.IndicatorIntent):
            connector.light = intent.light
        elif isinstance(intent, wire.ClearFault):
            connector.faults = tuple(fault for fault in connector.faults if fault.code != intent.code)
        elif isinstance(intent, wire.MeterSession) and self.signs_at_once:
            self.signed(intent)
        connector.settle()
        self.report(intent.connector)

    def signed(self, asked: wire.MeterSession, error: str = "") -> None:
        """The meter's answer."""
        text = "" if asked.begin or error else f"OCMF|{asked.session}"
        key = "" if error else "3059"
        self.send(wire.SignedRecord(asked.connector, asked.session, asked.begin, text, key, error))

    def move(self, number: int = 1, **changes: Any) -> None:
        """Change what is seen of a connector and report it."""
        for name, value in changes.items():
            assert hasattr(self.connectors[number], name)
            setattr(self.connectors[number], name, value)
        self.connectors[number].settle()
        self.report(number)

    def report(self, number: int = 1) -> None:
        self.tick += 1
        self.clock.now += 0.001  # the world never stands still
        c = self.connectors[number]
        if c.meter_answers and not c.meter_busy:
            watts = c.current_a * 230.0 * 3
            c.known = MeterSample(self.clock.mono(), c.energy_wh, watts, (230.0,) * 3, (c.current_a,) * 3)
        elif c.known is not None and not c.meter_answers:
            c.known = msgspec.structs.replace(c.known, quality="stale")
        self.send(
            Observation(
                connector=number,
                tick=self.tick,
                epoch=self.epoch,
                at=self.clock.mono(),
                level=c.level,
                pilot=c.pilot,
                duty_percent=c.duty,
                high_mv=12000,
                low_mv=-12000,
                plug=Plug.A32 if c.level != "A" or c.lock is LockState.LOCKED else Plug.NONE,
                cable_rating_a=c.cable_a if c.level != "A" else 0.0,
                closed=c.closed,
                energised=c.closed,
                limit_a=c.grant.limit_a if c.grant is not None else 0.0,
                lock=c.lock,
                meter=c.known if c.meter else None,
                faults=c.faults,
                grant=c.grant,
                grant_ended=c.grant_ended,
                why_open="" if c.closed else "nothing is granted",
            )
        )

    def swipe(self, token: str, connector: int = 1) -> None:
        self.send(wire.Token(connector=connector, token=token, kind="ISO14443", at=self.clock.mono()))

    def intents(self, kind: type) -> list[Any]:
        return [each for each in self.received if isinstance(each, kind)]


@dataclass
class Office:
    """A back office that answers as told."""

    connected: bool = True
    answers: dict[str, Verdict] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    reachable: bool = True

    async def authorize(self, id_token: IdToken, evse: int) -> Verdict:
        self.asked.append(id_token.token)
        await asyncio.sleep(0)
        if not self.reachable:
            raise Unreachable
        return self.answers.get(id_token.token, Verdict("Invalid"))


@dataclass
class Bench:
    """A station with its guard peer, on a clock that the test moves."""

    station: Station
    peer: GuardPeer
    clock: HandClock
    facts: list[AnyFact]

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Let the loop run until `condition` holds; at most 20 s."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - any condition, also of things that signal nothing
                await asyncio.sleep(0.002)

    async def settle(self) -> None:
        """Let everything that is under way arrive: socket, loop, journal."""
        for _ in range(3):
            await self.station.journal.execute_in_writer(lambda connection: None)
            await asyncio.sleep(0.004)

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Move the clock in steps with a station tick and an observation of each connector after each."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            for number in self.peer.connectors:
                self.peer.report(number)
            await asyncio.sleep(0.003)
            self.station.tick()
        await self.settle()

    async def move(self, number: int = 1, **changes: Any) -> None:
        self.peer.move(number, **changes)
        if changes.get("level") == "A":  # a car that is away stays away
            self.clock.now += wire.GONE_S
            self.peer.report(number)
        await self.settle()

    def transactions(self) -> list[Transaction]:
        return [fact for fact in self.facts if isinstance(fact, Transaction)]

    def statuses(self) -> list[str]:
        return [fact.detail for fact in self.facts if isinstance(fact, ConnectorStatus)]

    def story(self) -> list[str]:
        """The transaction events as `kind seq trigger state`, for comparison with a table."""
        return [
            " ".join(
                [each.kind, str(each.seq_no), each.trigger, each.charging_state or "-"]
                + ([each.stopped_reason] if each.stopped_reason else [])
            )
            for each in self.transactions()
        ]


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Free mode, one EVSE, no back office; anything else is given."""
    settings = Settings(
        station=StationSettings(storage=str(folder), guard_socket=str(folder / "guard.sock")),
        evse=(EvseSettings(id=1),),
        authorization=AuthorizationSettings(mode="free"),
        budget=BudgetSettings(),
    )
    return msgspec.structs.replace(settings, **changes)


@contextlib.asynccontextmanager
async def open_bench(
    folder: Path,
    *,
    peer: GuardPeer | None = None,
    office: Office | None = None,
    lock: bool = True,
    prepare: Callable[[Station], object] = lambda station: None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    made = make_settings(folder, **settings)
    if peer is None:
        connectors = sum(len(evse.connectors) for evse in made.evse)
        peer = GuardPeer(Path(made.station.guard_socket), HandClock(), connectors, lock=lock)
    assert isinstance(peer.clock, HandClock)
    station = build_station(made, peer.clock)
    station.back_office = office
    prepare(station)
    facts: list[AnyFact] = []
    station.subscribe(facts.append)
    bench = Bench(station, peer, peer.clock, facts)
    peer.listen()
    running = asyncio.create_task(station.run())
    try:
        if peer.version == wire.VERSION:
            await bench.until(lambda: station.guard.connected)
        await bench.settle()
        yield bench
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        peer.close()


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Bench]]:
    """`async with bench(office=..., evse=...) as b:` a running station; settings as keywords."""

    def make(folder: Path = tmp_path, **kwargs: Any) -> contextlib.AbstractAsyncContextManager[Bench]:
        return open_bench(folder, **kwargs)

    return make


@pytest.fixture
def play() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run one async scenario to its end."""

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        asyncio.run(scenario)

    return run


@pytest.fixture
def csms_settings() -> dict[str, Any]:
    """Keywords for a station that asks a back office."""
    return {
        "authorization": AuthorizationSettings(mode="csms"),
        "ocpp": OcppSettings(url="ws://localhost:1", identity="bench"),
    }


@pytest.fixture
def parts() -> Any:
    """The classes of this file, for tests that build their own (test modules do not import each other)."""

    class Parts:
        GuardPeer = GuardPeer
        HandClock = HandClock
        WallClock = WallClock
        Office = Office
        settings = staticmethod(make_settings)

    return Parts
