"""The whole car link over real sockets on ::1: discovery, connection, session, and what closes when."""

import asyncio
import socket
from typing import Any

import pytest

from firmware.config import AuthorizationSettings, Settings, V2gSettings
from firmware.station.car_facts import CarMessage, CarSession
from firmware.station.charging import Digital
from firmware.station.commands import IdentifyCar, StopTransaction
from firmware.station.facts import IdToken
from firmware.station.signal import Signal
from firmware.v2g import exi, v2gtp
from firmware.v2g.car_link import CarLink
from firmware.v2g.evse_link import FIVE_PERCENT, X1, Phase
from firmware.v2g.server import CarConnection
from firmware.v2g.v2gtp import PayloadType
from hal.wire import Fault


def test_a_session_from_discovery_to_the_end(on_site: Any) -> None:
    async def test(site: Any) -> None:
        assert await site.discover() is None  # nothing is plugged in
        site.evse.report(level="B")
        assert site.evse.digital.pilot == FIVE_PERCENT
        await site.connect()
        assert (await site.ask("SupportedAppProtocol")).schema_id == 7
        assert await site.discover() is None  # a session runs
        site.evse.report(level="C")
        for name in site.to_loop:
            assert str((await site.ask(name)).response_code).startswith("OK"), name
        assert site.evse.digital.energise
        assert site.evse.digital.protocol == "iso2"
        assert site.evse.digital.evccid == "020000000001"
        assert (await site.ask("PowerDelivery Stop")).response_code == "OK"
        assert not site.evse.closed
        assert (await site.ask("SessionStop Terminate")).response_code == "OK"
        assert site.reader is not None
        assert (
            await asyncio.wait_for(site.reader.read(), site.long_s) == b""
        )  # the station has half-closed and waits for us
        await site.until(lambda: site.link.link.phase is Phase.ENDED)
        assert site.evse.digital.pilot == X1
        assert await site.discover(site.long_s) is not None  # findable again at once
        await site.hang_up()
        await site.until(lambda: bool(site.desk.commands))
        assert site.desk.commands == [StopTransaction(by="car", transaction_id="tx1", reason="SessionStop")]

    on_site(test)


def test_a_car_that_ends_it_because_of_us_did_not_want_to_stop(on_site: Any) -> None:
    """Too hot: the guard has opened, the car is asked to stop and obeys. The reason is ours."""

    async def test(site: Any) -> None:
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", *site.to_loop[:-2]):
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
    async def test(site: Any) -> None:
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
    async def test(site: Any) -> None:
        site.desk.settings = Settings(authorization=AuthorizationSettings(autocharge="evccid"))
        site.evse.report(level="B")
        await site.connect()
        for name in ("SupportedAppProtocol", "SessionSetup"):
            await site.ask(name)
        await site.until(lambda: bool(site.desk.commands))
        assert site.desk.commands == [IdentifyCar(id_token=IdToken("020000000001", "MacAddress"), evse=1, by="car")]

    on_site(test)


def test_unplugging_cuts_the_connection_and_the_wish(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.evse.report(level="C")
        for name in site.to_loop:
            await site.ask(name)
        site.evse.report(level="A")
        assert not site.evse.digital
        assert site.reader is not None
        assert await asyncio.wait_for(site.reader.read(), site.long_s) == b""
        site.evse.report(level="B")  # plugged in again: found at once, whatever the old connection does
        assert await site.discover(site.long_s) is not None
        assert site.evse.digital.evccid == ""  # it may be another car

    on_site(test)


def test_a_car_that_vanishes_is_let_go(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.evse.report(level="C")
        for name in site.to_loop:
            await site.ask(name)
        await site.hang_up()
        await site.until(lambda: site.link.link.phase is Phase.LET_GO)
        assert site.evse.digital == Digital(
            X1, energise=False, protocol="iso2", evccid="020000000001", status=str(Phase.LET_GO)
        )

    on_site(test)


def test_letting_go_in_the_loop_takes_the_wish_back_at_once(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B")
        await site.connect()
        await site.ask("SupportedAppProtocol")
        site.evse.report(level="C")
        for name in site.to_loop:
            await site.ask(name)
        site.evse.report(level="B")
        assert not site.evse.digital.energise
        site.evse.report(level="C")
        assert not site.evse.digital.energise
        assert (await site.ask("ChargingStatus")).response_code == "FAILED"

    on_site(test)


def test_a_second_car_is_turned_away(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B")
        port = await site.discover(site.long_s)
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

    asyncio.run(asyncio.wait_for(main(), 20))


def test_tls_only_serves_nobody_in_clear(on_site: Any) -> None:
    async def test(site: Any) -> None:
        site.evse.report(level="B")
        assert await site.discover() is None
        assert "no usable certificate chain in /nonexistent/pki" in site.link.waiting_for
        assert site.evse.digital.status == site.link.waiting_for

    on_site(test, tls="force")


def test_split_and_joined_frames_are_one_stream(on_site: Any) -> None:
    async def test(site: Any) -> None:
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
        assert len(await asyncio.wait_for(site.reader.readexactly(12), site.long_s)) == 12

    on_site(test)


def test_a_missing_interface_is_waited_for(make_bay: Any, make_desk: Any) -> None:
    async def main() -> None:
        desk: Any = make_desk()
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
