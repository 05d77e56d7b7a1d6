"""One EVSE with its car link over real sockets on ::1, and a car's way to it.

The station beside it is the seam only (`Desk`, `LiveBay`): what the guard would report is set by the test.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from firmware.config import Settings, V2gSettings
from firmware.station.charging import Digital
from firmware.station.clock import SystemClock
from firmware.station.commands import Command, Outcome
from firmware.station.facts import AnyFact
from firmware.station.signal import Signal
from firmware.v2g import exi, v2gtp
from firmware.v2g.car_link import CarLink
from firmware.v2g.messages import iso2
from firmware.v2g.v2gtp import PayloadType

TO_LOOP = (
    "SessionSetup",
    "ServiceDiscovery",
    "PaymentServiceSelection",
    "Authorization",
    "ChargeParameterDiscovery",
    "PowerDelivery Start",
    "ChargingStatus",
)
LONG_S = 10.0  # for what must come, however busy the machine is
SDP_REQUEST = v2gtp.pack(PayloadType.SDP_REQUEST, b"\x10\x00")


class Desk:
    """The station as v2g sees it: a clock, an ear for facts, a mouth for commands."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.settings = Settings()
        self.smart_charging = None
        self.certificate_status = None
        self.facts: list[AnyFact] = []
        self.commands: list[Command] = []
        self.tasks: list[asyncio.Task[Outcome]] = []

    def emit(self, fact: AnyFact) -> None:
        self.facts.append(fact)

    async def do(self, command: Command) -> Outcome:
        self.commands.append(command)
        return Outcome("Accepted")

    def in_background(self, work: Coroutine[Any, Any, Outcome]) -> None:
        self.tasks.append(asyncio.ensure_future(work))


@dataclass
class Site:
    """One EVSE with its car link running on the loopback interface, and a car's way to it. `to_loop`: the requests of
    a whole session until energy flows."""

    to_loop: ClassVar[tuple[str, ...]] = TO_LOOP
    long_s: ClassVar[float] = LONG_S

    desk: Desk
    evse: Any
    link: CarLink
    sdp_port: int
    request_named: Callable[[str], Any]
    session_id: bytes = bytes(8)
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    wishes: list[Digital | None] = field(default_factory=list)

    async def discover(self, wait_s: float = 0.25) -> int | None:
        """The TCP port SDP tells, None when nobody answers in this time; a car's is 250 ms."""
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.bind(("::1", 0))
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(udp, SDP_REQUEST, ("::1", self.sdp_port))
            try:
                answer = await asyncio.wait_for(loop.sock_recv(udp, 100), wait_s)
            except TimeoutError:
                return None
        frame = v2gtp.unpack(answer)
        assert frame.payload_type == PayloadType.SDP_RESPONSE
        assert frame.payload[:16] == socket.inet_pton(socket.AF_INET6, "::1")
        assert frame.payload[18:] == b"\x10\x00"
        return int.from_bytes(frame.payload[16:18], "big")

    async def connect(self) -> None:
        port = await self.discover(LONG_S)
        assert port is not None
        assert 49152 <= port <= 65535
        self.reader, self.writer = await asyncio.open_connection("::1", port)

    async def ask(self, name: str) -> Any:
        assert self.reader is not None
        assert self.writer is not None
        request = self.request_named(name)
        if isinstance(request, iso2.BodyElement):
            request = iso2.V2gMessage(header=iso2.MessageHeader(session_id=self.session_id), body=request)
        self.writer.write(v2gtp.pack(PayloadType.EXI, exi.encode(request)))
        header = await self.reader.readexactly(8)
        payload = await self.reader.readexactly(int.from_bytes(header[4:], "big"))
        answer = exi.decode(payload, "app_protocol" if name == "SupportedAppProtocol" else "iso2")
        if isinstance(answer, iso2.V2gMessage):
            self.session_id = answer.header.session_id
            return answer.body
        return answer

    async def hang_up(self) -> None:
        assert self.writer is not None
        self.writer.close()
        await self.writer.wait_closed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Turns of the loop: as many as a busy machine needs."""
        for _ in range(5000):
            if condition():
                return
            await asyncio.sleep(0.002)
        raise AssertionError("it never came true")


@pytest.fixture
def on_site(make_bay: Any, request_named: Any, unused_udp_port: int) -> Callable[..., None]:
    """Runs an async test with a site."""

    class LiveBay(type(make_bay())):  # type: ignore[misc]
        """The bay with the rest of the EVSE seam; its contactor follows the wish."""

        id = 1
        operative = True

        def __init__(self, site_wishes: list[Digital | None]) -> None:
            super().__init__(level="A")
            self.changed = Signal()
            self.digital: Digital | None = None
            self.transaction_id: str | None = "tx1"
            self._wishes = site_wishes

        @property
        def plugged(self) -> bool:
            return self.level in {"B", "C", "D"}

        def set_digital(self, wish: Digital | None) -> None:
            if wish == self.digital:
                return
            self.digital = wish
            self._wishes.append(wish)
            self.closed = wish is not None and wish.energise and self.level in {"C", "D"}
            self.changed.notify()

        def report(self, **changes: Any) -> None:
            for name, value in changes.items():
                setattr(self, name, value)
            self.closed = self.closed and self.level in {"C", "D"}
            self.changed.notify()

    def run(test: Callable[[Site], Awaitable[None]], tls: Literal["prohibit", "force"] = "prohibit") -> None:
        async def main() -> None:
            desk: Any = Desk()
            wishes: list[Digital | None] = []
            evse: Any = LiveBay(wishes)
            pki = "/nonexistent/pki"
            settings = V2gSettings(evse=1, interface="lo", sdp_port=unused_udp_port, tls=tls, pki=pki)
            link = CarLink(desk, evse, settings)
            site = Site(desk, evse, link, unused_udp_port, request_named, wishes=wishes)
            task = asyncio.create_task(link.run())
            try:
                await site.until(lambda: link.waiting_for == "" or pki in link.waiting_for)
                await test(site)
            finally:
                if site.writer is not None:
                    site.writer.close()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert evse.digital is None or not evse.digital.energise

        asyncio.run(asyncio.wait_for(main(), 60))

    return run


@pytest.fixture
def unused_udp_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def make_desk() -> type[Desk]:
    return Desk
