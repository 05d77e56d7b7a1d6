"""The ISO 15118-2 car against a station that is only this test: plain sockets, fixed answers, a plant without guard."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.v2g.exi import decode, encode
from firmware.v2g.messages import iso2
from firmware.v2g.messages.app_protocol import SupportedAppProtocolReq, SupportedAppProtocolRes
from firmware.v2g.messages.declare import Message
from firmware.v2g.messages.iso2 import ChargeProgress, EvseNotification, PhysicalValue
from hal.sim.registers import Registers
from hil.cars.discovery import NoStation, find_station
from hil.cars.line import SessionFailed, TcpLine
from hil.cars.secc import Secc
from hil.cars.session import charge
from hil.cars.vehicle import Vehicle
from hil.cars.wish import Wish
from hil.plant.plant import Plant
from hil.plant.rig_server import RigServer
from hil.rig import Rig, SocketLink

SESSION = bytes.fromhex("0102030405060708")
HEADER = struct.Struct(">BBHI")
NO_STATUS = iso2.AcEvseStatus(notification_max_delay=0, evse_notification=EvseNotification.None_, rcd=False)


class PlantThread(threading.Thread):
    """Plant and rig control, with 5 % on the pilot and a coil that follows state C; twenty times faster than real."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.plant = Plant(Registers.create(None, 1))
        self.server = RigServer(self.plant, path)
        self.stop = threading.Event()
        self.states: list[str] = []

    def run(self) -> None:
        connector, registers = self.plant.connectors[1], self.plant.registers.connector(1)
        registers["pilot_mode"], registers["pilot_duty_percent"] = 1.0, 5.0
        while not self.stop.is_set():
            self.server.serve(0.001)
            registers["watchdog"] += 1.0
            registers["coil"] = float(connector.car.state == "C")
            self.plant.step(0.02)
            if self.states[-1:] != [connector.car.state]:
                self.states.append(connector.car.state)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[PlantThread]:
    thread = PlantThread(tmp_path / "rig.sock")
    thread.start()
    yield thread
    thread.stop.set()
    thread.join()
    thread.server.close()


class FakeStation:
    """Answers by the class of the request; `change` may replace an answer. Keeps what it was asked."""

    def __init__(self, change: Callable[["FakeStation", iso2.Request], iso2.Response | None]) -> None:
        self.change = change
        self.asked: list[iso2.Request] = []

    def count(self, kind: type[iso2.Request]) -> int:
        return sum(isinstance(request, kind) for request in self.asked)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        schema = "app_protocol"
        while True:
            try:
                length = HEADER.unpack(await reader.readexactly(8))[3]
            except asyncio.IncompleteReadError:
                break
            request = decode(await reader.readexactly(length), schema)
            answer: Message
            if isinstance(request, SupportedAppProtocolReq):
                answer = SupportedAppProtocolRes(schema_id=request.app_protocol[0].schema_id)
                schema = "iso2"
            else:
                assert isinstance(request, iso2.V2gMessage)
                body = request.body
                assert isinstance(body, iso2.Request)
                assert request.header.session_id == (SESSION if self.asked else bytes(8))
                self.asked.append(body)
                response = self.change(self, body) or normal_answer(body)
                answer = iso2.V2gMessage(header=iso2.MessageHeader(session_id=SESSION), body=response)
            octets = encode(answer)
            # split on purpose: a car must read frames that arrive in pieces
            for part in (HEADER.pack(1, 0xFE, 0x8001, len(octets)), octets[:3], octets[3:]):
                writer.write(part)
                await writer.drain()
        writer.close()


def normal_answer(request: iso2.Request) -> iso2.Response:
    finished = iso2.EvseProcessing.Finished
    match request:
        case iso2.SessionSetupReq():
            return iso2.SessionSetupRes(
                response_code=iso2.ResponseCode.OK_NewSessionEstablished, evse_id="DE*PLT*E000001"
            )
        case iso2.ServiceDiscoveryReq():
            service = iso2.ChargeService(
                service_id=1,
                service_category=iso2.ServiceCategory.EVCharging,
                free_service=False,
                supported_energy_transfer_mode=(iso2.EnergyTransferMode.AC_three_phase_core,),
            )
            return iso2.ServiceDiscoveryRes(
                payment_option_list=(iso2.PaymentOption.ExternalPayment,), charge_service=service
            )
        case iso2.PaymentServiceSelectionReq():
            return iso2.PaymentServiceSelectionRes()
        case iso2.AuthorizationReq():
            return iso2.AuthorizationRes(evse_processing=finished)
        case iso2.ChargeParameterDiscoveryReq():
            entry = iso2.PMaxScheduleEntry(
                time_interval=iso2.RelativeTimeInterval(start=0, duration=86400), p_max=PhysicalValue.of(11000, "W")
            )
            schedule = iso2.SaScheduleTuple(sa_schedule_tuple_id=7, p_max_schedule=(entry,))
            limits = iso2.AcEvseChargeParameter(
                ac_evse_status=NO_STATUS,
                evse_nominal_voltage=PhysicalValue.of(230, "V"),
                evse_max_current=PhysicalValue.of(13, "A"),
            )
            return iso2.ChargeParameterDiscoveryRes(
                evse_processing=finished,
                sa_schedules=iso2.SaScheduleList(sa_schedule_tuple=(schedule,)),
                evse_charge_parameter=limits,
            )
        case iso2.PowerDeliveryReq():
            return iso2.PowerDeliveryRes(evse_status=NO_STATUS)
        case iso2.ChargingStatusReq():
            return charging_status()
    return iso2.SessionStopRes()


def charging_status(
    notification: EvseNotification = EvseNotification.None_, max_current_a: float = 13.0
) -> iso2.ChargingStatusRes:
    status = iso2.AcEvseStatus(notification_max_delay=0, evse_notification=notification, rcd=False)
    return iso2.ChargingStatusRes(
        evse_id="DE*PLT*E000001",
        sa_schedule_tuple_id=7,
        evse_max_current=PhysicalValue.of(max_current_a, "A"),
        ac_evse_status=status,
    )


def drive(plant: PlantThread, station: FakeStation, wish: Wish, path: Path) -> str:
    """One session over TCP on ::1."""

    async def run() -> str:
        server = await asyncio.start_server(station.serve, "::1", 0)
        port = server.sockets[0].getsockname()[1]
        car = Vehicle(Rig(SocketLink(path)))
        car.arrive(wish.max_current_a, wish.phases)
        car.wait_for_digital(within=5.0)
        line = TcpLine(*await asyncio.open_connection("::1", port))
        secc = Secc(line, tell=lambda *_: None, patience=5.0)
        try:
            return await charge(secc, car, wish)
        finally:
            await secc.close()
            server.close()

    return asyncio.run(run())


def nothing(station: FakeStation, request: iso2.Request) -> None:
    """Change no answer."""


def test_a_session_until_the_energy_is_reached(plant: PlantThread, tmp_path: Path) -> None:
    station = FakeStation(nothing)
    wish = Wish(energy_wh=30.0, pace_s=0.02)
    assert drive(plant, station, wish, tmp_path / "rig.sock") == "energy reached"
    names = [type(request).__name__.removesuffix("Req") for request in station.asked]
    order = list(dict.fromkeys(names))
    assert order == [
        "SessionSetup",
        "ServiceDiscovery",
        "PaymentServiceSelection",
        "Authorization",
        "ChargeParameterDiscovery",
        "PowerDelivery",
        "ChargingStatus",
        "SessionStop",
    ]
    assert names[-2:] == ["PowerDelivery", "SessionStop"]
    assert plant.states == ["A", "B", "C", "B"]
    assert plant.plant.connectors[1].car.battery.charged_wh >= 30.0


def test_the_car_waits_for_the_card_and_for_the_schedule(plant: PlantThread, tmp_path: Path) -> None:
    def twice_ongoing(station: FakeStation, request: iso2.Request) -> iso2.Response | None:
        if isinstance(request, iso2.AuthorizationReq) and station.count(iso2.AuthorizationReq) < 3:
            return iso2.AuthorizationRes(evse_processing=iso2.EvseProcessing.Ongoing)
        return None

    station = FakeStation(twice_ongoing)
    drive(plant, station, Wish(energy_wh=1.0, pace_s=0.02), tmp_path / "rig.sock")
    assert station.count(iso2.AuthorizationReq) == 3


def test_nobody_pays(plant: PlantThread, tmp_path: Path) -> None:
    def ongoing(station: FakeStation, request: iso2.Request) -> iso2.Response | None:
        waiting = iso2.EvseProcessing.Ongoing_WaitingForCustomerInteraction
        return iso2.AuthorizationRes(evse_processing=waiting) if isinstance(request, iso2.AuthorizationReq) else None

    with pytest.raises(SessionFailed, match="not authorised"):
        drive(plant, FakeStation(ongoing), Wish(patience_s=0.1), tmp_path / "rig.sock")
    assert plant.states == ["A", "B"]


def test_the_station_asks_to_stop(plant: PlantThread, tmp_path: Path) -> None:
    def stop_soon(station: FakeStation, request: iso2.Request) -> iso2.Response | None:
        if station.count(iso2.ChargingStatusReq) < 3 or not isinstance(request, iso2.ChargingStatusReq):
            return None
        return charging_status(EvseNotification.StopCharging)

    station = FakeStation(stop_soon)
    assert drive(plant, station, Wish(pace_s=0.02), tmp_path / "rig.sock") == "the station asked to stop"
    assert isinstance(station.asked[-1], iso2.SessionStopReq)


def test_the_station_asks_for_renegotiation(plant: PlantThread, tmp_path: Path) -> None:
    def renegotiate_once(station: FakeStation, request: iso2.Request) -> iso2.Response | None:
        if isinstance(request, iso2.ChargingStatusReq) and station.count(iso2.ChargingStatusReq) == 2:
            return charging_status(EvseNotification.ReNegotiation)
        return None

    station = FakeStation(renegotiate_once)
    drive(plant, station, Wish(energy_wh=20.0, pace_s=0.02), tmp_path / "rig.sock")
    progress = [request.charge_progress for request in station.asked if isinstance(request, iso2.PowerDeliveryReq)]
    assert progress == [ChargeProgress.Start, ChargeProgress.Renegotiate, ChargeProgress.Start, ChargeProgress.Stop]
    assert station.count(iso2.ChargeParameterDiscoveryReq) == 2
    assert plant.states == ["A", "B", "C", "B"], "S2 stays closed over a renegotiation"


def test_a_failed_response_ends_the_session_with_s2_open(plant: PlantThread, tmp_path: Path) -> None:
    def contactor_error(station: FakeStation, request: iso2.Request) -> iso2.Response | None:
        failed = iso2.ResponseCode.FAILED_ContactorError
        if isinstance(request, iso2.PowerDeliveryReq):
            return iso2.PowerDeliveryRes(response_code=failed, evse_status=NO_STATUS)
        return None

    with pytest.raises(SessionFailed, match="PowerDeliveryRes says FAILED_ContactorError"):
        drive(plant, FakeStation(contactor_error), Wish(), tmp_path / "rig.sock")
    assert plant.plant.connectors[1].car.state == "B"


def test_the_current_follows_the_station(plant: PlantThread, tmp_path: Path) -> None:
    seen: list[Any] = []

    def less(station: FakeStation, request: iso2.Request) -> iso2.Response | None:
        seen.append(plant.plant.connectors[1].car.limit_a)
        return charging_status(max_current_a=8.0) if isinstance(request, iso2.ChargingStatusReq) else None

    drive(plant, FakeStation(less), Wish(energy_wh=20.0, pace_s=0.02), tmp_path / "rig.sock")
    assert list(dict.fromkeys(seen)) == [0.0, 13.0, 8.0]


def test_discovery_finds_the_station_by_unicast() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as station:
            station.setblocking(False)
            station.bind(("::1", 0))

            async def serve() -> bytes:
                question, asker = await loop.sock_recvfrom(station, 100)
                await loop.sock_sendto(station, b"nonsense", asker)
                answer = socket.inet_pton(socket.AF_INET6, "::1") + struct.pack(">HBB", 50123, 0x10, 0)
                await loop.sock_sendto(station, HEADER.pack(1, 0xFE, 0x9001, 20) + answer, asker)
                return question

            served = asyncio.create_task(serve())
            found = await find_station("lo", station.getsockname()[1], "::1")
            assert (found.address, found.port) == ("::1", 50123)
            assert await served == bytes.fromhex("01fe9000000000021000")

    asyncio.run(run())


def test_discovery_gives_up() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as silent:
        silent.bind(("::1", 0))
        with pytest.raises(NoStation, match="2 discovery requests"):
            asyncio.run(find_station("lo", silent.getsockname()[1], "::1", tries=2))
