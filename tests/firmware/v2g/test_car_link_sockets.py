"""The whole car link over real sockets on ::1: discovery, connection, session, and what closes when.

The station beside it is the seam only (`Desk`, `LiveBay`): what the guard would report is set by the test.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import pytest

from firmware.config import AuthorizationSettings, Settings, V2gSettings
from firmware.station.charging import Digital
from firmware.station.clock import SystemClock
from firmware.station.facts import (
    AnyFact,
    CarMessage,
    CarSession,
    Command,
    IdentifyCar,
    IdToken,
    Outcome,
    StopTransaction,
)
from firmware.station.signal import Signal
from firmware.v2g import exi, v2gtp
from firmware.v2g.car_link import CarLink
from firmware.v2g.ending import Resume
from firmware.v2g.evse_link import FIVE_PERCENT, X1, Phase
from firmware.v2g.messages import iso2
from firmware.v2g.server import CarConnection
from firmware.v2g.v2gtp import PayloadType
from hal.wire import Fault

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
    """One EVSE with its car link running on the loopback interface, and a car's way to it."""

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

        asyncio.run(asyncio.wait_for(main(), 30))

    return run


@pytest.fixture
def unused_udp_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_session_from_discovery_to_the_end(on_site: Any) -> None:
    async def test(site: Site) -> None:
        assert await site.discover() is None  # nothing is plugged in
        site.evse.report(level="B")
        assert site.evse.digital.pilot == FIVE_PERCENT
        await site.connect()
        assert (await site.ask("SupportedAppProtocol")).schema_id == 7
        assert await site.discover() is None  # a session runs
        site.evse.report(level="C")
        for name in TO_LOOP:
            assert str((await site.ask(name)).response_code).startswith("OK"), name
        assert site.evse.digital.energise
        assert site.evse.digital.protocol == "iso2"
        assert site.evse.digital.evccid == "020000000001"
        assert (await site.ask("PowerDelivery Stop")).response_code == "OK"
        assert not site.evse.closed
        assert (await site.ask("SessionStop Terminate")).response_code == "OK"
        assert site.reader is not None
        assert await asyncio.wait_for(site.reader.read(), 1) == b""  # the station has half-closed and waits for us
        await site.until(lambda: site.link.link.phase is Phase.ENDED)
        assert site.evse.digital.pilot == X1
        assert await site.discover(LONG_S) is not None  # findable again at once
        await site.hang_up()
        await site.until(lambda: bool(site.desk.commands))
        assert site.desk.commands == [StopTransaction(by="car", transaction_id="tx1", reason="StoppedByEV")]

    on_site(test)


def test_a_car_that_ends_it_because_of_us_did_not_want_to_stop(on_site: Any) -> None:
    """Too hot: the guard has opened, the car is asked to stop and obeys. The reason is ours."""

    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", *TO_LOOP[:-2]):
            await site.ask(name)
        site.evse.report(level="C")
        await site.ask("PowerDelivery Start")
        await site.ask("ChargingStatus")
        site.evse.report(faults=(Fault("over_temperature", "contacts too hot", since=0.0),), closed=False)
        status = await site.ask("ChargingStatus")
        assert status.ac_evse_status.evse_notification == "StopCharging"
        await site.ask("PowerDelivery Stop")
        await site.ask("SessionStop Terminate")
        await site.hang_up()
        await site.until(lambda: bool(site.desk.commands))
        assert site.desk.commands == [StopTransaction(by="car", transaction_id="tx1", reason="Other")]

    on_site(test)


def test_facts_tell_the_session(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", "SessionSetup", "ServiceDiscovery", "SessionStop Terminate"):
            await site.ask(name)
        await site.until(lambda: site.link.link.phase is Phase.ENDED)
        messages = [fact for fact in site.desk.facts if isinstance(fact, CarMessage)]
        assert [fact.name for fact in messages] == [
            "SupportedAppProtocolReq",
            "SupportedAppProtocolRes",
            "SessionSetupReq",
            "SessionSetupRes",
            "ServiceDiscoveryReq",
            "ServiceDiscoveryRes",
            "SessionStopReq",
            "SessionStopRes",
        ]
        assert {fact.direction for fact in messages[::2]} == {"from_car"}
        assert messages[-1].session == site.session_id.hex().upper()
        assert messages[2].text.startswith("SessionSetupReq EVCCID=020000000001")
        sessions = [(fact.kind, fact.evccid) for fact in site.desk.facts if isinstance(fact, CarSession)]
        assert sessions == [("Started", "020000000001"), ("Ended", "020000000001")]

    on_site(test)


def test_a_car_is_its_own_token_where_the_operator_wants_it(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.desk.settings = Settings(authorization=AuthorizationSettings(autocharge="evccid"))
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", "SessionSetup"):
            await site.ask(name)
        await site.until(lambda: bool(site.desk.commands))
        assert site.desk.commands == [IdentifyCar(id_token=IdToken("020000000001", "MacAddress"), evse=1, by="car")]

    on_site(test)


def test_unplugging_cuts_the_connection_and_the_wish(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.evse.report(level="C")
        for name in TO_LOOP:
            await site.ask(name)
        site.evse.report(level="A")
        assert not site.evse.digital
        assert site.reader is not None
        assert await asyncio.wait_for(site.reader.read(), 1) == b""
        site.evse.report(level="B")  # plugged in again: found at once, whatever the old connection does
        assert await site.discover(LONG_S) is not None
        assert site.evse.digital.evccid == ""  # it may be another car

    on_site(test)


def test_a_car_that_vanishes_is_let_go(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.evse.report(level="C")
        for name in TO_LOOP:
            await site.ask(name)
        await site.hang_up()
        await site.until(lambda: site.link.link.phase is Phase.LET_GO)
        assert site.evse.digital == Digital(
            X1, energise=False, protocol="iso2", evccid="020000000001", status=str(Phase.LET_GO)
        )

    on_site(test)


def test_letting_go_in_the_loop_takes_the_wish_back_at_once(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.evse.report(level="C")
        for name in TO_LOOP:
            await site.ask(name)
        site.evse.report(level="B")
        assert not site.evse.digital.energise
        site.evse.report(level="C")
        assert not site.evse.digital.energise
        assert (await site.ask("ChargingStatus")).response_code == "FAILED"

    on_site(test)


def test_a_second_car_is_turned_away(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        port = await site.discover()
        assert port is not None
        site.reader, site.writer = await asyncio.open_connection("::1", port)
        await site.ask("SupportedAppProtocol")
        with pytest.raises(OSError):
            await asyncio.open_connection("::1", port)

    on_site(test)


def test_a_car_unplugged_while_it_connects_gets_no_session() -> None:
    async def main() -> None:
        ends: list[str] = []

        def begin(wire: Any, now: float) -> Any:
            raise AssertionError("a session began")

        connection = CarConnection(begin, lambda said: None, lambda ending: ends.append(ending.reason))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        connection.cancel("unplugged")
        await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
        assert await asyncio.get_running_loop().sock_recv(theirs, 1) == b""
        theirs.close()
        assert ends == ["unplugged"]

    asyncio.run(asyncio.wait_for(main(), 5))


def test_tls_only_serves_nobody_in_clear(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        assert await site.discover() is None
        assert "no usable certificate chain in /nonexistent/pki" in site.link.waiting_for
        assert site.evse.digital.status == site.link.waiting_for

    on_site(test, tls="force")


def test_split_and_joined_frames_are_one_stream(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        assert site.writer is not None
        hello = v2gtp.pack(PayloadType.EXI, exi.encode(site.request_named("SupportedAppProtocol")))
        for position in range(len(hello) - 1):
            site.writer.write(hello[position : position + 1])
            await site.writer.drain()
            await asyncio.sleep(0)
        site.writer.write(hello[-1:])
        assert site.reader is not None
        assert len(await asyncio.wait_for(site.reader.readexactly(12), 1)) == 12

    on_site(test)


def test_a_missing_interface_is_waited_for(make_bay: Any) -> None:
    async def main() -> None:
        desk: Any = Desk()
        evse: Any = make_bay(level="A")
        evse.changed, evse.plugged, evse.operative, evse.id = Signal(), False, True, 1
        evse.set_digital = lambda wish: None
        link = CarLink(desk, evse, V2gSettings(evse=1, interface="notthere0"))
        task = asyncio.create_task(link.run())
        for _ in range(10):
            await asyncio.sleep(0.002)
        assert link.waiting_for == "interface notthere0 does not exist"
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


PAUSED: Final = Resume(b"before!!", 1)


def test_a_pause_is_kept_with_the_transaction_until_the_car_goes_on(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", *TO_LOOP[:1], "SessionStop Pause"):
            await site.ask(name)
        await site.until(lambda: site.evse.paused != "")
        kept = Resume.read(site.evse.paused)
        assert kept is not None
        assert kept.session_id == site.session_id
        await site.hang_up()
        site.evse.report(level="C")  # B-C-B: the car wakes
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_OldSessionJoined
        await site.until(lambda: not site.evse.paused)
        assert site.desk.commands == []

    on_site(test)


def test_the_next_car_does_not_go_on_with_the_session_that_the_last_one_paused(on_site: Any) -> None:
    """The plug was out in between; whoever names the old id is somebody else."""

    async def test(site: Site) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", *TO_LOOP[:1], "SessionStop Pause"):
            await site.ask(name)
        await site.until(lambda: site.evse.paused != "")
        paused = site.session_id
        await site.hang_up()
        site.evse.report(level="A", paused="")  # the station has ended the transaction
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = paused
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        assert site.session_id != paused

    on_site(test)


def test_after_a_restart_the_car_that_paused_goes_on_by_its_session_id(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B", paused=PAUSED.written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = PAUSED.session_id
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_OldSessionJoined
        await site.until(lambda: not site.evse.paused)
        assert site.desk.commands == []

    on_site(test)


def test_after_a_restart_another_session_ends_the_transaction_of_the_car_that_paused(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B", paused=PAUSED.written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        await site.until(lambda: site.desk.commands != [])
        [stop] = site.desk.commands
        assert isinstance(stop, StopTransaction)
        assert (stop.transaction_id, stop.reason) == ("tx1", "EVDisconnected")

    on_site(test)


def test_after_a_restart_another_car_with_the_same_session_id_does_not_take_the_transaction(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B", paused=replace(PAUSED, evccid="02C0FFEE9999").written())
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.session_id = PAUSED.session_id
        assert (await site.ask("SessionSetup")).response_code == iso2.ResponseCode.OK_NewSessionEstablished
        await site.until(lambda: site.desk.commands != [])
        [stop] = site.desk.commands
        assert isinstance(stop, StopTransaction)
        assert (stop.transaction_id, stop.reason) == ("tx1", "EVDisconnected")

    on_site(test)


def test_after_a_restart_basic_charging_ends_the_transaction_of_the_car_that_paused(on_site: Any) -> None:
    async def test(site: Site) -> None:
        site.evse.report(level="B", paused=PAUSED.written(), nominal=True)
        await site.until(lambda: site.desk.commands != [])
        assert not site.evse.paused

    on_site(test)
