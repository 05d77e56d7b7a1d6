"""The controller's end of the link to the guard: connect, answer beats, send intents, hand observations on.

Vocabulary and timing are `hal.wire`'s. What to want from the guard is decided elsewhere (`charging`, `evse`).
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cbor2
import msgspec

from hal import wire
from hal.wire import Beat, Hello, MeterSample, Observation, SignedRecord, SiteMeter, Token, WireError

log = logging.getLogger(__name__)

Intent = (
    wire.SetPilot
    | wire.GrantIntent
    | wire.Revoke
    | wire.DcIntent
    | wire.LockIntent
    | wire.SetPhases
    | wire.MeterSession
    | wire.IndicatorIntent
    | wire.ClearFault
)

_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 5.0
_OTHER_VERSION_RETRY_S: Final = 30.0
_HELLO_S: Final = 2.0  # the guard speaks first; a silent listener is none of ours
_PACKETS_PER_WAKE_UP: Final = 32  # the loop gets its turn even when the guard floods us


class LinkLost(ConnectionError):
    """The connection to the guard ended; the text says how."""


class GuardVersionError(LinkLost):
    """The guard speaks another version of the link: both must be updated together."""


class GuardClient:
    """SOCK_SEQPACKET client of the guard. Reconnects for ever; answers each Beat with a Lease as soon as it is read.

    `on_hello` is called with the first packet of each connection, `on_observation` and `on_token` with each message,
    `on_lost` when the connection ended. `on_epoch` is called when the guard listens to us: with the first beat of a
    connection and of each new epoch that says our lease is held; then every intent must be sent again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hello: Hello | None = None
        self.observations: dict[int, Observation] = {}
        self.records: dict[int, SignedRecord] = {}  # of meters that sign, the last by connector
        self.problem = "not connected yet"  # why there is no connection, for people; "" while connected
        self.bad_frames = 0
        self.dropped = 0  # intents that could not be sent
        self.reconnects = 0
        self.overruns = 0  # ticks of the guard that began too late since its start
        self.site: MeterSample | None = None  # what the whole site draws, where its meter is on our board
        self.on_site: list[Callable[[MeterSample], None]] = []
        self.on_hello: list[Callable[[Hello], None]] = []
        self.on_epoch: list[Callable[[], None]] = []
        self.on_observation: list[Callable[[Observation], None]] = []
        self.on_token: list[Callable[[Token], None]] = []
        self.on_lost: list[Callable[[], None]] = []
        self._socket: socket.socket | None = None
        self._ended: asyncio.Future[None] | None = None
        self._epoch: int | None = None  # in which the guard hears us; None = not yet
        self._bad_in_a_row = 0

    @property
    def connected(self) -> bool:
        """True from the first beat that says our lease is held until the connection ends: the guard hears intents."""
        return self._epoch is not None

    @property
    def epoch(self) -> int | None:
        return self._epoch

    def send(self, intent: Intent) -> None:
        """Send one intent in the present epoch. Without a connection it is counted and dropped: whoever wants
        something wants it again on `on_epoch`."""
        if self._epoch is None:
            self.dropped += 1
            return
        self._transmit(wire.encode(msgspec.structs.replace(intent, epoch=self._epoch)))

    async def run(self) -> None:
        """Connect, serve the connection until it ends, wait, again; until cancelled."""
        wait = _FIRST_RETRY_S
        while True:
            try:
                await self._serve_one()
            except GuardVersionError as error:
                self._explain(str(error))
                wait = _OTHER_VERSION_RETRY_S
            except (LinkLost, OSError) as error:
                served = self.hello is not None
                self._explain(f"no connection to the guard at {self.path}: {error}")
                wait = _FIRST_RETRY_S if served else min(_LAST_RETRY_S, wait * 2)
            finally:
                self._forget()
            await asyncio.sleep(wait)

    def _explain(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
            self.problem = problem

    async def _serve_one(self) -> None:
        """One connection. Always ends with LinkLost, OSError or cancellation."""
        loop = asyncio.get_running_loop()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        self._socket = connection
        self._ended = loop.create_future()
        connection.connect(str(self.path))  # a Unix socket connects at once or not at all
        loop.add_reader(connection.fileno(), self._readable)
        silent = loop.call_later(_HELLO_S, self._no_hello)
        try:
            await self._ended
        finally:
            silent.cancel()

    def _no_hello(self) -> None:
        if self.hello is None:
            self._end(LinkLost(f"it accepted, but said nothing for {_HELLO_S:g} s"))

    def _forget(self) -> None:
        was_connected = self.hello is not None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
        self._socket = self._ended = self.hello = self._epoch = None
        self._bad_in_a_row = 0
        self.observations.clear()
        if was_connected:
            self.reconnects += 1
            for callback in tuple(self.on_lost):
                callback()

    def _end(self, error: LinkLost) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)

    def _readable(self) -> None:
        for _ in range(_PACKETS_PER_WAKE_UP):
            if self._socket is None or self._ended is None or self._ended.done():
                return
            try:
                packet = self._socket.recv(wire.MAX_PACKET + 1)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(LinkLost(str(error)))
                return
            if not packet:
                self._end(LinkLost("it closed the connection"))
                return
            self._take(packet)

    def _take(self, packet: bytes) -> None:
        try:
            message = wire.decode_from_guard(packet)
        except WireError as error:
            self._take_bad(packet, error)
            return
        self._bad_in_a_row = 0
        if isinstance(message, Beat):
            self._transmit(wire.encode(wire.Lease(tick=message.tick, epoch=message.epoch)))
            if message.overruns > self.overruns:
                log.warning("the guard's tick came too late, %d times since its start", message.overruns)
            self.overruns = message.overruns
            if message.held:
                self._follow_epoch(message.epoch)
        elif isinstance(message, Observation):
            self.observations[message.connector] = message
            for observed in tuple(self.on_observation):
                observed(message)
        elif isinstance(message, SiteMeter):
            self.site = message.meter
            for metered in tuple(self.on_site):
                metered(message.meter)
        elif isinstance(message, SignedRecord):
            self.records[message.connector] = message
        elif isinstance(message, Token):
            for presented in tuple(self.on_token):
                presented(message)
        else:
            self._greet(message)

    def _take_bad(self, packet: bytes, error: WireError) -> None:
        self.bad_frames += 1
        self._bad_in_a_row += 1
        version = _hello_version(packet)
        if version is not None and version != wire.VERSION:
            self._end(_other_version(version))
        elif self._bad_in_a_row >= wire.BAD_FRAMES_IN_A_ROW:
            self._end(LinkLost(f"{self._bad_in_a_row} bad frames in a row, the last: {error}"))
        else:
            log.warning("bad frame from the guard (%d so far): %s", self.bad_frames, error)

    def _greet(self, hello: Hello) -> None:
        if hello.version != wire.VERSION:
            self._end(_other_version(hello.version))
            return
        self.hello = hello
        self.problem = ""
        log.info("guard %s on board %s, epoch %d", hello.guard, hello.board, hello.epoch)
        for greeted in tuple(self.on_hello):
            greeted(hello)

    def _follow_epoch(self, epoch: int) -> None:
        if self.hello is None or epoch == self._epoch:
            return
        if self._epoch is not None:
            log.warning("the guard lost our lease: epoch %d, was %d", epoch, self._epoch)
        self._epoch = epoch
        for callback in tuple(self.on_epoch):
            callback()

    def _transmit(self, packet: bytes) -> None:
        if self._socket is None:
            self.dropped += 1
            return
        try:
            self._socket.send(packet)
        except OSError as error:  # a full buffer too: a guard that does not read is no guard to talk to
            self.dropped += 1
            self._end(LinkLost(f"cannot send: {error}"))


def _other_version(version: int) -> GuardVersionError:
    return GuardVersionError(
        f"the guard speaks version {version} of the link, this controller version {wire.VERSION}: update both together"
    )


def _hello_version(packet: bytes) -> int | None:
    """The version of a hello that this version cannot read, else None."""
    try:
        message = cbor2.loads(packet)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, MemoryError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("t") != "hello":
        return None
    version = message.get("version")
    return version if isinstance(version, int) else None
