"""Real sessions over ::1 that are recorded, and their recordings read again: by our own reader and by scapy."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from firmware.config import Settings, StationSettings, V2gSettings
from firmware.station.car_facts import CarMessage, CarTls, PacketCapture
from firmware.station.clock import SystemClock
from firmware.station.commands import Command, Outcome
from firmware.station.facts import AnyFact
from firmware.station.signal import Signal
from firmware.v2g import exi, v2gtp
from firmware.v2g.capture import packets, tls_secrets
from firmware.v2g.car_link import CarLink
from firmware.v2g.ladder import ladder
from firmware.v2g.messages import iso2
from firmware.v2g.pki.make_test import make_test
from firmware.v2g.v2gtp import PayloadType

SESSION = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "PaymentServiceSelection",
    "Authorization",
    "ChargeParameterDiscovery",
    "PowerDelivery Start",
    *["ChargingStatus"] * 30,
    "PowerDelivery Stop",
    "SessionStop Terminate",
)


class Desk:
    """The station as v2g sees it."""

    def __init__(self, storage: Path) -> None:
        self.clock = SystemClock()
        self.certificate_status = self.smart_charging = self.contract_office = None
        self.settings = Settings(station=StationSettings(storage=str(storage)))
        self.facts: list[AnyFact] = []

    def emit(self, fact: AnyFact) -> None:
        self.facts.append(fact)

    async def do(self, command: Command) -> Outcome:
        return Outcome("Accepted")

    def recorded(self, kind: str) -> list[PacketCapture]:
        return [each for each in self.facts if isinstance(each, PacketCapture) and each.kind == kind]

    def said(self) -> list[str]:
        return [each.text for each in self.facts if isinstance(each, CarMessage)]


@dataclass
class Lot:
    """One EVSE on the loopback interface, and the car's way to it."""

    desk: Any
    evse: Any
    link: CarLink
    sdp_port: int
    request_named: Callable[[str], Any]
    tls: ssl.SSLContext | None = None

    def plug(self, level: str) -> None:
        self.evse.level = level
        self.evse.changed.notify()

    async def session(self) -> None:
        """A car from discovery to the end."""
        self.plug("B")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.bind(("::1", 0))
            ask = v2gtp.pack(PayloadType.SDP_REQUEST, b"\x00\x00" if self.tls else b"\x10\x00")
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(udp, ask, ("::1", self.sdp_port))
            answer = v2gtp.unpack(await asyncio.wait_for(loop.sock_recv(udp, 100), 20)).payload
        port = int.from_bytes(answer[16:18], "big")
        reader, writer = await asyncio.open_connection("::1", port, ssl=self.tls)
        session_id = bytes(8)
        for name in SESSION:
            self.plug("C" if name != "SessionStop Terminate" else "B")
            request = self.request_named(name)
            if isinstance(request, iso2.BodyElement):
                request = iso2.V2gMessage(header=iso2.MessageHeader(session_id=session_id), body=request)
            writer.write(v2gtp.pack(PayloadType.EXI, exi.encode(request)))
            header = await asyncio.wait_for(reader.readexactly(8), 20)
            payload = await reader.readexactly(int.from_bytes(header[4:], "big"))
            res = exi.decode(payload, "app_protocol" if name == "SupportedAppProtocol" else "iso2")
            session_id = res.header.session_id if isinstance(res, iso2.V2gMessage) else session_id
        writer.close()
        await asyncio.wait_for(asyncio.gather(writer.wait_closed(), return_exceptions=True), 20)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never came true")

    async def unplug(self) -> PacketCapture:
        """And wait for the recording's end."""
        before = len(self.desk.recorded("Ended"))
        self.plug("A")
        await self.until(lambda: len(self.desk.recorded("Ended")) > before)
        found: PacketCapture = self.desk.recorded("Ended")[-1]
        return found


@pytest.fixture
def on_lot(make_bay: Any, request_named: Any, tmp_path: Path) -> Callable[..., None]:
    class LiveBay(type(make_bay())):  # type: ignore[misc]
        """The bay with the rest of the EVSE seam; its contactor follows the wish."""

        id = 1
        operative = True
        transaction_id = None

        def __init__(self) -> None:
            super().__init__(level="A")
            self.changed = Signal()
            self.digital: Any = None

        @property
        def plugged(self) -> bool:
            return self.level in {"B", "C", "D"}

        def set_digital(self, wish: Any) -> None:
            if wish != self.digital:
                self.digital = wish
                self.closed = wish is not None and wish.energise and self.level in {"C", "D"}
                self.changed.notify()

    def run(test: Callable[[Lot], Awaitable[None]], car: ssl.SSLContext | None = None, **settings: Any) -> None:
        async def main() -> None:
            desk: Any = Desk(tmp_path)
            evse: Any = LiveBay()
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
                port: int = probe.getsockname()[1]
            link = CarLink(desk, evse, V2gSettings(evse=1, interface="lo", sdp_port=port, **settings))
            lot = Lot(desk, evse, link, port, request_named, car)
            task = asyncio.create_task(link.run())
            try:
                await lot.until(lambda: link.waiting_for == "")
                await test(lot)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(asyncio.wait_for(main(), 30))

    return run


def messages_of(capture: bytes) -> list[str]:
    """What the ladder shows, without times, sides and the lines about the connection itself."""
    lines = [line[10:].split("  ", 2)[2] for line in ladder(capture)]
    return [line for line in lines if not line.startswith(("TCP", "TLS", "SDP"))]


def rebuilt(frame: bytes) -> bytes:
    packet = Ether(frame)
    packet[IPv6].plen = None
    packet[TCP if TCP in packet else UDP].chksum = None
    return bytes(packet)


def test_a_recorded_session_shows_what_was_said(on_lot: Any, tmp_path: Path) -> None:
    async def test(lot: Lot) -> None:
        await lot.session()
        fact = await lot.unplug()
        path = tmp_path / "captures" / fact.file
        capture = path.read_bytes()
        assert lot.desk.said() == messages_of(capture)
        assert len(lot.desk.said()) == 2 * len(SESSION)
        assert (fact.packets, fact.size) == (len(list(packets(capture))), len(capture))
        assert (fact.left_out, fact.secrets, fact.reason) == (0, False, "")
        assert path.stat().st_mode & 0o777 == 0o600
        assert [each.file for each in lot.desk.recorded("Began")] == [fact.file]
        moments = [each.time for each in packets(capture)]
        assert moments == sorted(moments)
        sent = [each.at for each in lot.desk.facts if isinstance(each, CarMessage)]
        assert abs(sent[0] - moments[0]) < 5
        assert abs(sent[-1] - moments[-1]) < 5

    on_lot(test, capture=True)


def test_scapy_finds_one_whole_connection_and_one_discovery(on_lot: Any, tmp_path: Path) -> None:
    async def test(lot: Lot) -> None:
        await lot.session()
        fact = await lot.unplug()
        frames = [raw for raw, _ in RawPcapNgReader(str(tmp_path / "captures" / fact.file))]
        assert len(frames) == fact.packets
        assert all(rebuilt(frame) == frame for frame in frames)
        read = [Ether(frame) for frame in frames]
        datagrams = [each for each in read if UDP in each]
        assert [each[UDP].dport == lot.sdp_port for each in datagrams] == [True, False]
        assert {each[IPv6].src for each in read} == {"::1"}
        segments = [each[TCP] for each in read if TCP in each]
        assert [str(each.flags) for each in segments[:3]] == ["S", "SA", "A"]
        assert sum("F" in str(each.flags) for each in segments) == 2
        expected: dict[int, int] = {}
        for each in segments:  # no hole, no repeat, nothing acknowledged that was not sent
            assert each.seq == expected.get(each.sport, each.seq)
            assert "A" not in str(each.flags) or each.ack == expected[each.dport]
            expected[each.sport] = each.seq + len(each.payload) + ("S" in str(each.flags)) + ("F" in str(each.flags))

    on_lot(test, capture=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "pki"
    make_test(folder)
    return folder


@pytest.fixture
def car_tls(pki: Path) -> Callable[[str], ssl.SSLContext]:
    """What a car of ISO 15118-2 (iso2) or -20 (iso20) offers and shows."""

    def context(profile: str) -> ssl.SSLContext:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        found.check_hostname = False
        for root in (pki / "roots/v2g").glob("*.pem"):
            found.load_verify_locations(root)
        if profile == "iso2":
            found.maximum_version = ssl.TLSVersion.TLSv1_2
            found.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
        else:
            found.minimum_version = ssl.TLSVersion.TLSv1_3
            found.load_cert_chain(pki / f"others/{profile}/vehicle.pem", pki / f"others/{profile}/vehicle.key")
        return found

    return context


@pytest.mark.parametrize("car", [("iso2", "TLSv1.2"), ("iso20", "TLSv1.3")])
def test_a_recording_of_tls_brings_its_secrets(
    on_lot: Any, tmp_path: Path, pki: Path, car_tls: Any, car: tuple[str, str]
) -> None:
    profile, version = car

    async def test(lot: Lot) -> None:
        await lot.session()
        fact = await lot.unplug()
        assert [each.version for each in lot.desk.facts if isinstance(each, CarTls)] == [version]
        capture = (tmp_path / "captures" / fact.file).read_bytes()
        assert fact.secrets
        assert tls_secrets(capture).split() == (tmp_path / "keys").read_text().split()
        assert lot.desk.said() == messages_of(capture)
        assert len(lot.desk.said()) == 2 * len(SESSION)

    on_lot(test, car_tls(profile), capture=True, tls="force", pki=str(pki), tls_key_log=str(tmp_path / "keys"))


def test_without_the_key_log_a_recording_has_no_secrets(on_lot: Any, tmp_path: Path, pki: Path, car_tls: Any) -> None:
    async def test(lot: Lot) -> None:
        await lot.session()
        fact = await lot.unplug()
        capture = (tmp_path / "captures" / fact.file).read_bytes()
        assert (fact.secrets, tls_secrets(capture)) == (False, "")
        assert messages_of(capture) == []
        assert b"SessionSetup" not in capture
        assert len(lot.desk.said()) == 2 * len(SESSION)

    on_lot(test, car_tls("iso2"), capture=True, tls="force", pki=str(pki))


def test_every_plug_in_has_its_file_and_silence_has_none(on_lot: Any, tmp_path: Path) -> None:
    async def test(lot: Lot) -> None:
        await lot.session()
        first = await lot.unplug()
        lot.plug("B")  # a car that says nothing
        lot.plug("A")
        await lot.session()
        second = await lot.unplug()
        files = sorted(path.name for path in (tmp_path / "captures").iterdir())
        assert files == sorted({first.file, second.file})
        assert len(files) == 2
        for name in files:
            assert len(messages_of((tmp_path / "captures" / name).read_bytes())) == 2 * len(SESSION)

    on_lot(test, capture=True)


def test_nothing_is_recorded_unless_asked_for(on_lot: Any, tmp_path: Path) -> None:
    async def test(lot: Lot) -> None:
        await lot.session()
        lot.plug("A")
        assert lot.desk.recorded("Began") == []

    on_lot(test)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_leaves_the_session_alone(on_lot: Any, tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file where a folder should be")

    async def test(lot: Lot) -> None:
        await lot.session()
        await lot.until(lambda: bool(lot.desk.recorded("Ended")))
        assert len(lot.desk.said()) == 2 * len(SESSION)
        (fact,) = lot.desk.recorded("Ended")
        assert fact.file == ""
        assert "captures" in fact.reason
        (tmp_path / "captures").unlink()
        lot.plug("A")
        await lot.session()  # the next one tries again
        assert (await lot.unplug()).packets > 2 * len(SESSION)

    on_lot(test, capture=True)
