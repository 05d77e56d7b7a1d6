"""The socket itself: TLS, and what happens when something in the uplink fails that nobody foresaw."""

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.ocpp.cost import CostDesk
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Answer, Office
from firmware.ocpp.link import Link, LinkError, dial
from firmware.ocpp.monitoring import Monitors
from firmware.ocpp.network_profiles import refuses_url
from firmware.ocpp.outbox import Outbox
from firmware.ocpp.payload import Payload
from firmware.ocpp.registration import Memory
from firmware.ocpp.session import Session
from firmware.ocpp.uplink import Uplink
from firmware.ocpp.v201.dialect import V201
from firmware.station.facts import BackOfficeLink

OnSite = Callable[..., None]
NO_ADDRESSES = ["ws://host:99999", "ws://[::1", f"wss://{64 * 'a'}.example/", "ws://exa..mple", "ws://a\x00b/"]
Whole = Callable[..., Any]


def certificate(folder: Path, name: str, address: str) -> Path:
    """A self-signed server certificate for an IP address, with its key, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(path: Path, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Callable[[Any], None]:
    def opening(csms: Any) -> None:
        csms.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        csms.tls.load_cert_chain(path)
        csms.tls.maximum_version = maximum

    return opening


async def refused(site: Any) -> None:
    async with asyncio.timeout(20):
        while not any(isinstance(fact, BackOfficeLink) for fact in site.facts):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    (link,) = [fact for fact in site.facts if isinstance(fact, BackOfficeLink)]
    assert not link.connected
    assert "certificate verify failed" in link.reason
    assert site.csms.calls == []


@pytest.mark.ocpp("1.6:TC_086")
def test_16_tls_with_the_root_from_the_station_file(on_site: OnSite, tmp_path: Path) -> None:
    root = certificate(tmp_path, "csms", "127.0.0.1")

    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")
        answer = await site.csms.ask("GetConfiguration", key=["SecurityProfile"])
        assert answer.configuration_key[0]["value"] == "2"

    on_site(test, version="1.6", opening=serving(root), ca_file=str(root), password="0123456789abcdef")


@pytest.mark.ocpp("2.0.1:A00.FR.306", "2.0.1:TC_A_04")
def test_tls_with_the_root_from_the_station_file(on_site: OnSite, tmp_path: Path) -> None:
    root = certificate(tmp_path, "csms", "127.0.0.1")

    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")
        variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}
        answer = await site.csms.ask("GetVariables", get_variable_data=[variable])
        assert answer.get_variable_result[0]["attribute_value"] == "2"

    on_site(test, opening=serving(root), ca_file=str(root), password="0123456789abcdef")


@pytest.mark.ocpp("2.0.1:TC_A_05")
def test_an_unknown_root_is_refused(on_site: OnSite, tmp_path: Path) -> None:
    other = certificate(tmp_path, "other", "127.0.0.1")
    on_site(refused, opening=serving(certificate(tmp_path, "csms", "127.0.0.1")), ca_file=str(other))


def test_a_certificate_for_another_name_is_refused(on_site: OnSite, tmp_path: Path) -> None:
    root = certificate(tmp_path, "csms", "127.0.0.9")
    on_site(refused, opening=serving(root), ca_file=str(root))


def test_an_exception_in_the_uplink_stops_neither_station_nor_delivery(
    on_site: OnSite, whole_transaction: Whole
) -> None:
    """Something nobody foresaw breaks the session mid-transaction; the task runner starts it again."""

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        await site.emit(*whole_transaction("tx-1")[:2])
        await site.told("TransactionEvent", 2)
        site.clock.broken = True
        site.later(301)
        await site.csms.heard("Heartbeat")  # its answer breaks us
        await site.connected(False)
        await site.emit(*whole_transaction("tx-1")[2:])
        assert site.station.ready.is_set()
        site.clock.broken = False
        await site.csms.heard("TransactionEvent", 4)
        numbers = [p["seqNo"] for name, p in site.csms.calls if name == "TransactionEvent"]
        assert numbers == [0, 1, 2, 3]

    on_site(test, restarted=True)


class Failing(V201):
    """A dialect with a mistake in it."""

    async def answer(self, request: Payload, office: Office) -> Answer:
        raise ZeroDivisionError(type(request).__name__)


class Wire(Link):
    """A link without a socket: brings some frames, remembers ours."""

    def __init__(self, *frames: str) -> None:
        self.sent: list[str] = []
        self._frames = frames

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def frames(self) -> AsyncIterator[str | bytes]:
        for frame in self._frames:
            yield frame
        await asyncio.Event().wait()

    async def ping(self, within_s: float) -> None: ...


def test_a_failing_command_is_answered_with_internal_error_before_the_session_ends(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        station = site.station
        wire = Wire('[2, "a", "ClearCache", {}]')
        session = Session(
            wire,
            Failing(),
            station=station,
            model=DeviceModel(station, station.settings.ocpp),
            outbox=Outbox(station.journal, station.clock, lambda fact, learnt: None),
            memory=Memory(boot_not_before=1e9),
            firmware="",
            uplink=Uplink(station, station.settings.ocpp),
            monitors=Monitors(station, DeviceModel(station, station.settings.ocpp)),
            cost=CostDesk(station, DeviceModel(station, station.settings.ocpp)),
        )
        with pytest.raises(ExceptionGroup) as group:
            await session.run()
        assert group.group_contains(ZeroDivisionError)
        assert [json.loads(frame)[:3] for frame in wire.sent] == [[4, "a", "InternalError"]]

    on_site(test)


def test_a_frame_too_big_closes_the_connection_and_the_station_dials_again(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        await site.csms.tell('[2, "a", "DataTransfer", {"vendorId": "' + "x" * 10_000_000 + '"}]')
        await site.connected(False)
        await site.connected()
        assert site.csms.connections == 2

    on_site(test)


def test_a_thousand_calls_at_once_are_survived(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        answered = site.csms.answers
        for number in range(1000):
            await site.csms.tell(f'[2, "n{number}", "ClearCache", {{}}]')
        async with asyncio.timeout(20):
            while site.csms.answers < answered + 1000:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (await site.csms.ask("ClearCache")).status == "Accepted"
        assert site.csms.connections == 1

    on_site(test)


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused_and_where_it_is_dialled_a_failed_connection(url: str) -> None:
    """Such as an earlier release took: the client must come to its next profile."""
    assert refuses_url(url, 2 if url.startswith("wss") else 0)
    with pytest.raises(LinkError):
        asyncio.run(dial(url, "CS-1", ["ocpp2.0.1"]))
