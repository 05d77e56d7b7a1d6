"""A station with a guard and a back office, for what drivers do: plug in, present tokens, charge.

The guard keeps the link's rules and no more: a contactor follows grant and car. The real one is tested in tests/hal.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from firmware.station.commands import SwipeToken
from firmware.station.facts import IdToken, Transaction
from hal import wire
from hal.contracts import LockState, PilotMode, Plug
from hal.wire import ConnectorCapability, MeterSample, Observation, RunningGrant

KEY = "3059"  # of the meters that sign


@dataclass
class Connector:
    level: str = "A"
    pilot: PilotMode = PilotMode.X1
    duty: float = 0.0
    grant: RunningGrant | None = None
    ended: str | None = None
    closed: bool = False
    energy_wh: float = 1000.0
    faults: tuple[wire.Fault, ...] = ()
    lock: LockState = LockState.UNLOCKED
    stuck: bool = False  # the bolt does not move
    taken: bool = False  # the cable, although it was locked in
    bolts: int = 0  # how often it was set going
    rested: LockState = LockState.UNLOCKED  # where it moves from
    moving: asyncio.TimerHandle | None = None
    phases: int = 3  # that the car draws from
    signed: str | None = None  # what its meter signs with every reading


@dataclass
class Guard:
    """The guard's end of the link, for two connectors."""

    path: Path
    clock: Any
    kinds: tuple[str, str] = ("sType2", "sType2")
    connectors: dict[int, Connector] = field(default_factory=lambda: {1: Connector(), 2: Connector()})
    signs: bool = False  # the meters sign sessions
    tick: int = 0
    held: bool = False
    peer: socket.socket | None = None

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.setblocking(False)
        self.path.unlink(missing_ok=True)
        listener.bind(str(self.path))
        listener.listen(1)
        loop.add_reader(listener.fileno(), self._accept, listener)
        try:
            yield
        finally:
            loop.remove_reader(listener.fileno())
            listener.close()
            if self.peer is not None:
                loop.remove_reader(self.peer.fileno())
                self.peer.close()

    def _accept(self, listener: socket.socket) -> None:
        self.peer, _ = listener.accept()
        self.peer.setblocking(False)
        asyncio.get_running_loop().add_reader(self.peer.fileno(), self._readable)
        able = tuple(
            ConnectorCapability(
                connector=n,
                kind=kind,
                max_current_a=32.0,
                lock=kind[0] == "s",
                socket=kind[0] == "s",
                signs=self.signs,
            )
            for n, kind in enumerate(self.kinds, 1)
        )
        self.send(wire.Hello(wire.VERSION, "bench", "test", epoch=7, tick=0, connectors=able))
        for number in self.connectors:
            self.report(number)
        self.send(wire.Beat(tick=self.tick, epoch=7, held=False))

    def send(self, message: wire.FromGuard) -> None:
        if self.peer is not None:
            with contextlib.suppress(BrokenPipeError):  # that station has ended
                self.peer.send(wire.encode(message))

    def _readable(self) -> None:
        assert self.peer is not None
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while packet := self.peer.recv(wire.MAX_PACKET):
                self._take(wire.decode_from_controller(packet))
            asyncio.get_running_loop().remove_reader(self.peer.fileno())

    def _take(self, intent: wire.FromController) -> None:
        if isinstance(intent, wire.Lease):
            if not self.held:
                self.held = True
                self.send(wire.Beat(tick=self.tick, epoch=7, held=True))
            return
        connector = self.connectors[intent.connector]
        match intent:
            case wire.SetPilot():
                connector.pilot, connector.duty = intent.mode, intent.duty_percent
            case wire.GrantIntent():
                connector.grant = RunningGrant(
                    intent.session, intent.limit_a, intent.failsafe_limit_a, intent.ride_through_s
                )
                connector.ended = None
            case wire.Revoke():
                connector.grant, connector.ended = None, intent.reason
            case wire.MeterSession():
                text = "" if intent.begin else f"OCMF|{intent.session}"
                self.send(wire.SignedRecord(intent.connector, intent.session, intent.begin, text, KEY))
            case wire.LockIntent():
                self._move_bolt(intent.connector, LockState.LOCKED if intent.locked else LockState.UNLOCKED)
        self.report(intent.connector)

    def _move_bolt(self, number: int, there: LockState) -> None:
        """The bolt takes a moment, and stays where it is when it is stuck."""
        connector = self.connectors[number]
        if connector.lock is there:
            return
        if connector.moving is not None:
            connector.moving.cancel()  # another way before it was there
        else:
            connector.rested = connector.lock
        end = connector.rested if connector.stuck else there
        connector.lock = LockState.MOVING
        connector.bolts += 1

        def moved() -> None:
            connector.lock, connector.moving = end, None
            self.report(number)

        connector.moving = asyncio.get_running_loop().call_later(0.01, moved)

    def report(self, number: int) -> None:
        self.tick += 1
        self.clock.now += 0.001  # the world never stands still
        c = self.connectors[number]
        c.closed = c.pilot is PilotMode.DUTY and c.grant is not None and c.level == "C" and not c.faults
        amps = 10.0 if c.closed else 0.0
        self.send(
            Observation(
                connector=number,
                tick=self.tick,
                epoch=7,
                at=self.clock.mono(),
                level=c.level,
                pilot=c.pilot,
                duty_percent=c.duty,
                high_mv=12000,
                low_mv=-12000,
                plug=Plug.A32 if c.level != "A" or (c.lock is LockState.LOCKED and not c.taken) else Plug.NONE,
                cable_rating_a=32.0 if c.level != "A" else 0.0,
                closed=c.closed,
                energised=c.closed,
                limit_a=c.grant.limit_a if c.grant is not None else 0.0,
                lock=c.lock,
                meter=MeterSample(
                    self.clock.mono(),
                    c.energy_wh,
                    amps * 230 * c.phases,
                    (230.0,) * 3,
                    tuple(amps if phase < c.phases else 0.0 for phase in range(3)),
                    signed=c.signed,
                ),
                faults=c.faults,
                grant=c.grant,
                grant_ended=c.ended,
                why_open="",
            )
        )


@dataclass
class Lab:
    """What a test holds: the site (station, client, back office) and the guard."""

    site: Any
    guard: Guard
    version: str

    @property
    def csms(self) -> Any:
        return self.site.csms

    @property
    def station(self) -> Any:
        return self.site.station

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - any condition, also of things that signal nothing
                await asyncio.sleep(0.005)

    def move(self, evse: int = 1, **changes: Any) -> None:
        """Change what the guard sees of a connector, and let the station see it."""
        for name, value in changes.items():
            setattr(self.guard.connectors[evse], name, value)
        if changes.get("level") == "A":
            self.guard.report(evse)
            self.site.clock.now += wire.GONE_S  # a car that is away stays away
        self.guard.report(evse)

    async def swipe(self, token: str, evse: int = 1, kind: str = "ISO14443") -> Any:
        return await self.station.do(SwipeToken(id_token=IdToken(token, kind), evse=evse, by="local"))

    async def charge(self, card: str = "DRIVER", evse: int = 1, kind: str = "ISO14443") -> str:
        """Plug in, present a token, and wait until energy flows; the transaction's id."""
        self.move(evse, level="C")
        await self.until(lambda: self.station.evses[evse].plugged)
        outcome = await self.swipe(card, evse, kind)
        assert outcome.accepted, outcome.reason
        await self.until(lambda: self.station.evses[evse].closed)
        transaction_id = self.station.evses[evse].transaction_id
        assert isinstance(transaction_id, str)
        return transaction_id

    async def charge_on(self, evse: int = 1) -> None:
        """Plug in with a token that is there, or goes on, until energy flows."""
        self.move(evse, level="C")
        await self.until(lambda: self.station.evses[evse].closed)

    @property
    def client(self) -> Any:
        return self.site.client

    def transactions(self) -> list[Transaction]:
        return [fact for fact in self.site.facts if isinstance(fact, Transaction)]

    def events(self) -> list[dict[str, Any]]:
        """The TransactionEvents that the back office heard."""
        return [payload for name, payload in self.csms.calls if name == "TransactionEvent"]

    def story(self) -> list[str]:
        """The same as `eventType triggerReason chargingState stoppedReason`, for comparison with a table."""
        told = []
        for each in self.events():
            info = each["transactionInfo"]
            words = (each["eventType"], each["triggerReason"], info.get("chargingState"), info.get("stoppedReason"))
            told.append(" ".join(word for word in words if word))
        return told

    async def told(self, last: str) -> dict[str, Any]:
        """Wait until this is the last event of the story."""
        await self.until(lambda: self.story()[-1:] == [last])
        return self.events()[-1]

    async def quiet(self) -> None:
        """Wait until every transaction event was answered (2.x): what is heard now is news."""
        async with asyncio.timeout(20):
            while (await self.csms.ask("GetTransactionStatus")).messages_in_queue:  # noqa: ASYNC110 - it can only ask
                await asyncio.sleep(0.01)

    async def cut(self) -> None:
        """The back office is gone, and takes no calls; `csms.open()` brings it back."""
        await self.csms.close()
        await self.csms.drop()
        await self.until(lambda: self.station.offline)

    async def wait(self, seconds: float) -> None:
        """Let time pass: for the clock of the station, and what it does once a second."""
        end = self.site.clock.now + seconds
        while self.site.clock.now < end:
            self.site.clock.now = min(end, self.site.clock.now + 1.0)
            self.station.tick()
            await asyncio.sleep(0)


AtPlug = Callable[..., None]


@pytest.fixture
def at_plug(on_site: Any, tmp_path: Path) -> AtPlug:
    """Run a test with a registered station and a guard, in one version."""

    def run(
        test: Callable[[Lab], Coroutine[Any, Any, None]],
        version: str,
        kinds: tuple[str, str] = ("sType2", "sType2"),
        before: Callable[[Guard], None] = lambda guard: None,
        signs: bool = False,
        **more: Any,
    ) -> None:
        """`kinds`: a cable that is fixed (c...) has no lock; `before`: what the guard sees when the station starts;
        `signs`: its meters sign sessions."""

        async def ready(site: Any) -> None:
            guard = Guard(tmp_path / "guard.sock", site.clock, kinds, signs=signs)
            before(guard)
            async with guard.listening():
                lab = Lab(site, guard, version)
                await lab.until(lambda: site.station.guard.connected and site.client.connected)
                await test(lab)

        on_site(ready, version=version, **more)

    return run


@pytest.fixture(params=["2.0.1", "2.1"])
def on_2x(at_plug: AtPlug, request: pytest.FixtureRequest) -> AtPlug:
    """The same in each version of 2.x."""
    return lambda test, **more: at_plug(test, request.param, **more)


@pytest.fixture
def on_16(at_plug: AtPlug) -> AtPlug:
    return lambda test, **more: at_plug(test, "1.6", **more)
