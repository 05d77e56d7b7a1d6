"""Shared by the tests of this folder: facts as the station tells them, and a journal on disk."""

import asyncio
import base64
import contextlib
import json
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import websockets.asyncio.server
from ocpp import routing
from ocpp.exceptions import OCPPError
from ocpp.messages import CallError
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.typing import Subprotocol

from firmware.config import EvseSettings, OcppSettings, Settings, StationSettings, UpdateSettings
from firmware.energy.engine import Engine
from firmware.main import managed
from firmware.ocpp.client import BackOfficeClient
from firmware.station.facts import AnyFact, BackOfficeMessage, IdToken, MeterValues, Sample, Transaction
from firmware.station.journal import Journal
from firmware.station.station import Station, build_station
from firmware.tasks import keep_running

NOON = 1_800_014_400.0  # 2027-01-15T12:00:00Z


def transaction_facts(transaction_id: str, *, updates: int = 2, start: float = NOON) -> list[Transaction]:
    """A whole transaction: started, some periodic samples, ended."""
    token = IdToken("04AABBCCDD")

    def fact(number: int, kind: str, trigger: str, energy: float, context: str, **more: Any) -> Transaction:
        return Transaction(
            at=start + 60 * number,
            mono=60.0 * number,
            kind=kind,  # type: ignore[arg-type]  # one of the three below
            transaction_id=transaction_id,
            seq_no=number,
            trigger=trigger,
            evse=1,
            connector=1,
            charging_state="Charging",
            samples=(Sample(start + 60 * number, energy, 3680.0, (230.0,), (16.0,), context=context),),
            **more,
        )

    started = fact(0, "Started", "Authorized", 1000.4, "Transaction.Begin", id_token=token, meter_start_wh=1000.4)
    updated = [
        fact(n, "Updated", "MeterValuePeriodic", 1000.4 + 60 * n, "Sample.Periodic") for n in range(1, updates + 1)
    ]
    last = updates + 1
    ended = fact(
        last, "Ended", "StopAuthorized", 1000.4 + 60 * last, "Transaction.End", stopped_reason="Local", id_token=token
    )
    return [started, *updated, ended]


@pytest.fixture
def whole_transaction() -> Callable[..., list[Transaction]]:
    return transaction_facts


@pytest.fixture
def with_journal(tmp_path: Path) -> Callable[[Callable[[Journal], Coroutine[Any, Any, None]]], None]:
    """Run an async test with an open journal; a second call is the next life of the same station."""

    def run(test: Callable[[Journal], Coroutine[Any, Any, None]]) -> None:
        async def life() -> None:
            journal = Journal(tmp_path / "journal.sqlite")
            await journal.start()
            try:
                await test(journal)
            finally:
                await journal.close()

        asyncio.run(life())

    return run


# --- a back office on the PyPI `ocpp` package -----------------------------------------------------------------------

Reply = Any  # a payload object of the `ocpp` package, an OCPPError, a raw frame with $ID, or "" for no answer
Handler = TypeVar("Handler", bound=Callable[..., Any])


def on(action: str) -> Callable[[Handler], Handler]:
    """The package's decorator, typed."""
    decorate: Callable[[Handler], Handler] = routing.on(action)
    return decorate


class HandClock:
    """A clock that a test moves; the event loop's own time stays real."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.epoch = NOON - 1000.0
        self.broken = False  # setting it raises what nobody expects

    def mono(self) -> float:
        return self.now

    def utc(self) -> float:
        return self.epoch + self.now

    @property
    def synced(self) -> bool:
        return True

    def set_utc(self, utc: float) -> float:
        if self.broken:
            raise RuntimeError("the clock chip is on fire")
        moved = utc - self.utc()
        self.epoch += moved
        return moved


class Csms:
    """One back office. It validates every frame with the official schemas and remembers all of them."""

    def __init__(self, versions: tuple[str, ...] = ("1.6", "2.0.1", "2.1")) -> None:
        self.subprotocols = [Subprotocol(f"ocpp{version}") for version in versions]
        self.calls: list[tuple[str, dict[str, Any]]] = []  # what the station called: action, payload
        self.raw: list[str] = []  # the frames of these calls
        self.replies: dict[str, deque[Reply]] = defaultdict(deque)  # told answers, used up one by one
        self.password: str | bytes | None = None
        self.logins: list[str] = []  # Authorization headers as they came
        self.connections = 0
        self.answers = 0  # results and errors of the station
        self.tls: ssl.SSLContext | None = None
        self.on_call: Callable[[str], None] = lambda frame: None  # told of each call before it is answered
        self.point: Any = None
        self.next_transaction = 1000
        self.port = 0
        self._server: websockets.asyncio.server.Server | None = None
        self._came = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/ocpp"

    async def open(self) -> None:
        self._server = await websockets.asyncio.server.serve(
            self._serve,
            "127.0.0.1",
            self.port,
            select_subprotocol=self._select,
            process_request=self._check,
            ssl=self.tls,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _select(self, _: Any, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """The station's first choice that we speak (2.0.1 part 4, 3.1.2)."""
        return next((each for each in offered if each in self.subprotocols), None)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def drop(self) -> None:
        """Cut the present connection without a word."""
        self.point.socket.transport.abort()

    def _check(self, connection: Any, request: Any) -> Any:
        self.logins.append(request.headers.get("Authorization", ""))
        if self.password is not None:
            password = self.password.encode() if isinstance(self.password, str) else self.password
            wanted = base64.b64encode(b"CS-1:" + password).decode()
            if request.headers.get("Authorization") != f"Basic {wanted}":
                return connection.respond(401, "who are you?\n")
        return None

    async def _serve(self, socket: Any) -> None:
        self.connections += 1
        self.point = POINTS[socket.subprotocol]("CS-1", socket, response_timeout=20)
        self.point.csms = self
        self.point.socket = socket
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.point.start()

    async def note(self, frame: str) -> Reply:
        """A frame of the station: remembered; the told answer, or None for the usual one."""
        parts = json.loads(frame)
        if parts[0] != 2:
            self.answers += 1
            return None
        self.raw.append(frame)
        self.calls.append((parts[2], parts[3]))
        self.on_call(frame)
        async with self._came:
            self._came.notify_all()
        return self.replies[parts[2]].popleft() if self.replies[parts[2]] else None

    async def heard(self, action: str, count: int = 1, within: float = 20.0, **fields: Any) -> dict[str, Any]:
        """Wait until the station has made `count` such calls; the payload of the last of them."""

        def matching() -> list[dict[str, Any]]:
            found = (payload for name, payload in self.calls if name == action)
            return [p for p in found if all(p.get(key) == value for key, value in fields.items())]

        async with self._came, asyncio.timeout(within):
            await self._came.wait_for(lambda: len(matching()) >= count)
        return matching()[count - 1]

    async def ask(self, action: str, **payload: Any) -> Any:
        """Call the station; its answer as an object of the `ocpp` package. Raises OCPPError for a CALLERROR."""
        return await self.point.call(getattr(CALLS[type(self.point)], action)(**payload), suppress=False)

    async def tell(self, frame: str) -> None:
        """Send a raw frame."""
        await self.point.socket.send(frame)

    def actions(self) -> list[str]:
        return [name for name, _ in self.calls]


class _Point:
    """What both versions share: note the frame, then answer as told or as usual."""

    csms: Csms
    socket: Any

    def ignores(self, message_id: str) -> bool:
        """Answers to frames that a test sent by itself."""
        return len(message_id) < 10

    async def route_message(self, raw_msg: Any) -> None:
        told = await self.csms.note(raw_msg)
        if told == "":
            return
        parts = json.loads(raw_msg)
        if isinstance(told, OCPPError):
            await self.socket.send(CallError(parts[1], told.code, told.description, {}).to_json())
        elif isinstance(told, str):
            await self.socket.send(told.replace("$ID", parts[1]))
        else:
            if parts[0] != 2 and self.ignores(parts[1]):
                return  # the package would search its queue for it, recursively
            self.told = told
            await super().route_message(raw_msg)  # type: ignore[misc]  # the ChargePoint beside us


def _time() -> str:
    return datetime.fromtimestamp(NOON, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Point16(_Point, ChargePoint16):  # type: ignore[misc]  # untyped package
    @on("BootNotification")
    def boot(self, **_: Any) -> Any:
        return self.told or result16.BootNotification(current_time=_time(), interval=300, status="Accepted")

    @on("Heartbeat")
    def heartbeat(self, **_: Any) -> Any:
        return result16.Heartbeat(current_time=_time())

    @on("StatusNotification")
    def status(self, **_: Any) -> Any:
        return result16.StatusNotification()

    @on("Authorize")
    def authorize(self, **_: Any) -> Any:
        return self.told or result16.Authorize(id_tag_info={"status": "Accepted"})

    @on("DataTransfer")
    def data_transfer(self, **_: Any) -> Any:
        return self.told or result16.DataTransfer(status="UnknownVendorId")

    @on("StartTransaction")
    def start_transaction(self, **_: Any) -> Any:
        self.csms.next_transaction += 1
        accepted = {"status": "Accepted"}
        return self.told or result16.StartTransaction(self.csms.next_transaction, id_tag_info=accepted)

    @on("MeterValues")
    def meter_values(self, **_: Any) -> Any:
        return result16.MeterValues()

    @on("StopTransaction")
    def stop_transaction(self, **_: Any) -> Any:
        return self.told or result16.StopTransaction()

    @on("SecurityEventNotification")
    def security_event(self, **_: Any) -> Any:
        return result16.SecurityEventNotification()

    @on("SignCertificate")
    def sign_certificate(self, **_: Any) -> Any:
        return self.told or result16.SignCertificate(status="Accepted")

    @on("FirmwareStatusNotification")
    def firmware_status(self, **_: Any) -> Any:
        return result16.FirmwareStatusNotification()

    @on("SignedFirmwareStatusNotification")
    def signed_firmware_status(self, **_: Any) -> Any:
        return result16.SignedFirmwareStatusNotification()

    @on("DiagnosticsStatusNotification")
    def diagnostics_status(self, **_: Any) -> Any:
        return result16.DiagnosticsStatusNotification()

    @on("LogStatusNotification")
    def log_status(self, **_: Any) -> Any:
        return result16.LogStatusNotification()


def point_2x(charge_point: Any, result: Any) -> Any:
    """A back office of 2.0.1 or 2.1: what both say by the same words."""

    class Point(_Point, charge_point):  # type: ignore[misc]  # untyped package
        @on("BootNotification")
        def boot(self, **_: Any) -> Any:
            return self.told or result.BootNotification(current_time=_time(), interval=300, status="Accepted")

        @on("Heartbeat")
        def heartbeat(self, **_: Any) -> Any:
            return result.Heartbeat(current_time=_time())

        @on("StatusNotification")
        def status(self, **_: Any) -> Any:
            return result.StatusNotification()

        @on("Authorize")
        def authorize(self, **_: Any) -> Any:
            return self.told or result.Authorize(id_token_info={"status": "Accepted"})

        @on("Get15118EVCertificate")
        def car_certificate(self, **_: Any) -> Any:
            return self.told or result.Get15118EVCertificate(status="Failed", exi_response="")

        @on("GetCertificateStatus")
        def certificate_status(self, **_: Any) -> Any:
            return self.told or result.GetCertificateStatus(status="Failed")

        @on("TransactionEvent")
        def transaction_event(self, **_: Any) -> Any:
            return self.told or result.TransactionEvent()

        @on("MeterValues")
        def meter_values(self, **_: Any) -> Any:
            return result.MeterValues()

        @on("NotifyEvent")
        def notify_event(self, **_: Any) -> Any:
            return result.NotifyEvent()

        @on("NotifyMonitoringReport")
        def monitoring_report(self, **_: Any) -> Any:
            return result.NotifyMonitoringReport()

        @on("NotifyCustomerInformation")
        def customer_information(self, **_: Any) -> Any:
            return result.NotifyCustomerInformation()

        @on("NotifyDisplayMessages")
        def notify_display_messages(self, **_: Any) -> Any:
            return result.NotifyDisplayMessages()

        @on("NotifyReport")
        def notify_report(self, **_: Any) -> Any:
            return result.NotifyReport()

        @on("SecurityEventNotification")
        def security_event(self, **_: Any) -> Any:
            return result.SecurityEventNotification()

        @on("SignCertificate")
        def sign_certificate(self, **_: Any) -> Any:
            return self.told or result.SignCertificate(status="Accepted")

        @on("FirmwareStatusNotification")
        def firmware_status(self, **_: Any) -> Any:
            return result.FirmwareStatusNotification()

        @on("LogStatusNotification")
        def log_status(self, **_: Any) -> Any:
            return result.LogStatusNotification()

        @on("ReportChargingProfiles")
        def report_profiles(self, **_: Any) -> Any:
            return result.ReportChargingProfiles()

        @on("NotifyChargingLimit")
        def charging_limit(self, **_: Any) -> Any:
            return self.told or result.NotifyChargingLimit()

        @on("ClearedChargingLimit")
        def cleared_limit(self, **_: Any) -> Any:
            return result.ClearedChargingLimit()

        @on("NotifyEVChargingNeeds")
        def charging_needs(self, **_: Any) -> Any:
            return self.told or result.NotifyEVChargingNeeds(status="Accepted")

        @on("NotifyEVChargingSchedule")
        def charging_schedule(self, **_: Any) -> Any:
            return result.NotifyEVChargingSchedule(status="Accepted")

        @on("NotifyPriorityCharging")
        def priority_charging(self, **_: Any) -> Any:
            return result.NotifyPriorityCharging()

        @on("ReservationStatusUpdate")
        def reservation_update(self, **_: Any) -> Any:
            return result.ReservationStatusUpdate()

    return Point


Point201 = point_2x(ChargePoint201, result201)
Point21 = point_2x(ChargePoint21, result21)
POINTS = {"ocpp1.6": Point16, "ocpp2.0.1": Point201, "ocpp2.1": Point21}
CALLS = {Point16: call16, Point201: call201, Point21: call21}


# --- a station with its back office ---------------------------------------------------------------------------------


@dataclass
class Site:
    """A real station (no guard: nothing is plugged in), its client, and the back office it talks to."""

    station: Station
    client: BackOfficeClient
    csms: Csms
    clock: HandClock
    facts: list[AnyFact]
    start_again: Callable[["Site"], Coroutine[Any, Any, None]]

    async def reboot(self, pulled: bool = False) -> None:
        """Carry out a reset that was asked for (or `pulled`: the plug was), as firmware.main does: this station ends,
        another begins on the same disk, with the same back office. `station` and `client` are the new ones."""
        if not pulled:
            async with asyncio.timeout(20):
                while self.station.resets.wanted is None:
                    self.clock.now += 1.0
                    self.station.tick()
                    await asyncio.sleep(0.02 if self.client._outbox.idle else 0.1)  # it waits so long in its own time
        await self.start_again(self)

    async def emit(self, *facts: AnyFact) -> None:
        for fact in facts:
            self.station.emit(fact)

    def later(self, seconds: float) -> None:
        """Let the station's clock run and have it look at what is due."""
        self.clock.now += seconds
        self.station.emit(MeterValues(at=self.clock.utc(), evse=1, samples=()))

    async def told(self, name: str, count: int = 1) -> None:
        """Wait until the station has received the answers to so many of its own calls."""
        async with asyncio.timeout(20):
            while self._answers(name) < count:  # noqa: ASYNC110 - facts come as they come
                await asyncio.sleep(0.01)
        await self.acted()
        await asyncio.sleep(0.05)  # ... and whoever waited for it goes on

    async def acted(self) -> None:
        """Wait until what was received is acted upon and on disk: a test that moves the clock must not be faster."""
        session = self.client._session
        if session is not None:
            async with asyncio.timeout(20):
                await session._all_settled.wait()

    async def will_repeat(self) -> None:
        """Wait until a failed attempt is known, on disk, and the time of the next is set: from then on it may pass."""
        async with asyncio.timeout(20):
            while (session := self.client._session) is None or session._delivery.not_before <= self.clock.mono():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def _answers(self, name: str) -> int:
        messages = [fact for fact in self.facts if isinstance(fact, BackOfficeMessage)]
        return sum((fact.direction, fact.kind, fact.name) == ("received", "result", name) for fact in messages)

    async def connected(self, wanted: bool = True) -> None:
        async with asyncio.timeout(20):
            while self.client.connected is not wanted:  # noqa: ASYNC110 - the client offers no event, and needs none
                await asyncio.sleep(0.01)


@pytest.fixture
def back_office() -> Callable[..., Csms]:
    return Csms


OnSite = Callable[..., None]


@pytest.fixture
def on_site(tmp_path: Path) -> OnSite:
    """Run an async test with a station and a back office; `opening` may be told answers before the first dial."""

    def run(
        test: Callable[[Site], Coroutine[Any, Any, None]],
        *,
        version: str = "2.0.1",
        password: str | None = None,
        opening: Callable[[Csms], None] = lambda csms: None,
        served: tuple[str, ...] = ("1.6", "2.0.1", "2.1"),
        offered: tuple[str, ...] = (),
        variables: dict[str, str] | None = None,
        restarted: bool = False,
        ca_file: str | None = None,
        first_look_s: float = 0.0,
        evses: tuple[EvseSettings, ...] = (EvseSettings(id=1), EvseSettings(id=2, connectors=(2,))),
        more: dict[str, Any] | None = None,
        update: UpdateSettings | None = None,
        is_managed: bool = False,
        office: Any = None,
    ) -> None:
        """`office`: another back office than ours, with `url`, `open` and `close`."""

        async def life() -> None:
            csms = office or Csms(served)
            opening(csms)
            await csms.open()
            ocpp = OcppSettings(
                url=csms.url,
                identity="CS-1",
                versions=offered or (version,),  # type: ignore[arg-type]  # checked where TOML is read
                password=password,
                ca_file=ca_file,
                **(more or {}),
            )
            settings = Settings(
                station=StationSettings(storage=str(tmp_path), guard_socket=str(tmp_path / "guard.sock"), serial="S-1"),
                evse=evses,
                ocpp=ocpp,
                update=update or UpdateSettings(),
            )
            clock = HandClock()
            facts: list[AnyFact] = []
            tasks: list[asyncio.Task[None]] = []

            def start(first: dict[str, str]) -> tuple[Station, BackOfficeClient]:
                station = build_station(settings, clock)
                for name, value in first.items():
                    station.set_variable(name, value)
                station.smart_charging = engine = Engine(station)
                looked_after = managed(settings, station) if is_managed else []
                client = BackOfficeClient(station, ocpp, station.journal, first_look_s=first_look_s)
                station.subscribe(facts.append)
                tasks[:] = [
                    asyncio.create_task(station.run()),
                    asyncio.create_task(engine.run()),
                    *(asyncio.create_task(run()) for _, run in looked_after),  # type: ignore[arg-type]  # coroutines
                    asyncio.create_task(keep_running("back office", client.run) if restarted else client.run()),
                ]
                return station, client

            async def end(*ending: asyncio.Task[None]) -> None:
                for task in ending:
                    task.cancel()
                await asyncio.gather(*ending, return_exceptions=True)

            async def start_again(site: Site) -> None:
                await end(*tasks)
                site.station, site.client = start({})

            station, client = start({**QUICK, **(variables or {})})
            work = asyncio.create_task(test(Site(station, client, csms, clock, facts, start_again)))
            try:
                async with asyncio.timeout(60):
                    while not work.done():  # a task that ended in order was a controller that is reset
                        running = [task for task in tasks if not task.done()]
                        wait = asyncio.wait([*running, work], timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                        for task in (await wait)[0] - {work}:
                            if not task.cancelled():
                                task.result()
                work.result()
            finally:
                await end(*tasks, work)
                await csms.close()

        asyncio.run(life())

    return run


@pytest.fixture(params=["2.0.1", "2.1"])
def on_2x(on_site: OnSite, request: pytest.FixtureRequest) -> OnSite:
    """A registered station in each version of 2.x."""

    def run(test: Callable[[Site], Coroutine[Any, Any, None]], **more: Any) -> None:
        async def ready(site: Site) -> None:
            await site.told("StatusNotification", 2)
            await test(site)

        on_site(ready, version=request.param, **more)

    return run


QUICK = {"OCPPCommCtrlr.RetryBackOffWaitMinimum": "1", "OCPPCommCtrlr.RetryBackOffRandomRange": "0"}
