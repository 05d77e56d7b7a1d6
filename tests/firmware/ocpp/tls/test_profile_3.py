"""Security profile 3: the station's certificate is renewed in time or when asked, proven, or given up."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from ocpp.v201 import call_result as result201

from firmware.ocpp.link import LinkError, dial
from firmware.station.certificates import LinkMaterial
from firmware.station.facts import BackOfficeMessage, SecurityEvent

OnSite = Callable[..., None]
NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)  # the station's clock
VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
QUICK = {"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "1", "SecurityCtrlr.CertSigningWaitMinimum": "1"}


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def events(site: Any) -> list[str]:
    return [fact.kind for fact in site.facts if isinstance(fact, SecurityEvent)]


def shown(site: Any) -> int:
    """The serial number of the certificate that the station showed."""
    return int(site.csms.point.socket.transport.get_extra_info("peercert")["serialNumber"], 16)


def serial(pem: str) -> int:
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def trigger(site: Any, version: str) -> None:
    """The back office asks for a renewal."""
    old = version == "1.6"
    message = "SignChargePointCertificate" if old else "SignChargingStationCertificate"
    answer = await site.csms.ask("ExtendedTriggerMessage" if old else "TriggerMessage", requested_message=message)
    assert answer.status == "Accepted"


def at_profile_3(on_site: OnSite, test: Any, ca: Any, opening: Any, *, ends_in_days: float = 300, **more: Any) -> None:
    given = {"security_profile": 3, **more.pop("client", ca).client(ends_in_days=ends_in_days)}
    variables = {**QUICK, **more.pop("variables", {})}
    on_site(test, ca_file=str(ca.file), opening=opening, is_managed=True, more=given, variables=variables, **more)


@VERSIONS
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "ends soon"])
@pytest.mark.ocpp("2.x:A02.FR.08", "2.x:A02.FR.10", "2.x:A02.FR.05", "2.x:A00.FR.401", "2.x:A00.FR.415")
@pytest.mark.ocpp("2.x:A03.FR.02", "2.x:A03.FR.03", "2.x:A03.FR.05", "2.x:A03.FR.08", "2.x:A03.FR.10", "2.x:A03.FR.13")
@pytest.mark.ocpp("1.6:SignCertificate", "1.6:CertificateSigned", "1.6:ExtendedTriggerMessage", "2.0.1:TC_A_11")
def test_a_renewed_certificate_is_used_at_once_and_the_old_one_goes(
    on_site: OnSite, ca: Any, serving: Any, version: str, asked: bool
) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        before = shown(site)
        if asked:
            assert "SignCertificate" not in site.csms.actions()  # it is good for months
            await trigger(site, version)
        request = await site.csms.heard("SignCertificate")
        assert version == "1.6" or request["certificateType"] == "ChargingStationCertificate"
        chain = ca.answer(request["csr"])
        assert (await site.csms.ask("CertificateSigned", certificate_chain=chain)).status == "Accepted"
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert shown(site) == serial(chain) != before
        station = Path(site.station.settings.storage) / "certificates" / "station"
        await until(lambda: len(list(station.glob("*.pem"))) == 1 and not list(station.glob("*.new")))
        assert "DiscardedRenewedClientCertificate" not in events(site)
        assert not [fact for fact in site.facts if isinstance(fact, BackOfficeMessage) and "PRIVATE" in fact.text]

    at_profile_3(on_site, test, ca, serving(ca.server(), ca), ends_in_days=300 if asked else 20, version=version)


@VERSIONS
@pytest.mark.ocpp("2.x:A02.FR.10", "2.x:A02.FR.28", "2.x:A02.FR.29")
@pytest.mark.ocpp("2.x:A03.FR.10", "2.x:A03.FR.24", "2.x:A03.FR.25")
def test_a_certificate_that_the_back_office_refuses_is_given_up_for_the_old_one(
    on_site: OnSite, ca: Any, serving: Any, version: str
) -> None:
    clients = ca.stranger("clients")  # whom alone the back office believes

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        before = shown(site)
        await trigger(site, version)
        chain = ca.answer((await site.csms.heard("SignCertificate"))["csr"])
        assert (await site.csms.ask("CertificateSigned", certificate_chain=chain)).status == "Accepted"
        await site.csms.heard("SecurityEventNotification", type="DiscardedRenewedClientCertificate")
        assert shown(site) == before
        assert "FailedToAuthenticateAtCsms" in events(site)
        assert not site.station.certificates.choices().old_certificate

    at_profile_3(on_site, test, ca, serving(ca.server(), clients), client=clients, version=version)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.0.1:A03.FR.17", "2.0.1:A03.FR.18", "2.0.1:A03.FR.19", "2.0.1:A02.FR.19")
def test_a_request_that_nobody_answers_is_given_up_until_somebody_asks(
    on_site: OnSite, ca: Any, serving: Any, version: str
) -> None:
    async def test(site: Any) -> None:
        await site.told("SignCertificate", 1)
        began = asyncio.get_running_loop().time()
        await site.told("SignCertificate", 3)
        assert asyncio.get_running_loop().time() - began >= 2.5  # 1 s, then 2 s
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")])
        site.station.certificates._renewal.begin_by_itself("ChargingStation")  # as it does each hour
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")]
        await trigger(site, version)
        first = await site.csms.heard("SignCertificate", 1)
        again = await site.csms.heard("SignCertificate", 4)
        assert first["csr"] != again["csr"]

    few = {"SecurityCtrlr.CertSigningRepeatTimes": "1"}
    opening = serving(ca.server(), ca)
    at_profile_3(on_site, test, ca, opening, ends_in_days=20, version=version, variables=few)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("wrong", ["not yet", "another's", "nobody's", "a server's", "too long"])
@pytest.mark.ocpp("2.0.1:A02.FR.06", "2.0.1:A03.FR.06", "2.0.1:A03.FR.07", "2.0.1:A03.FR.16", "2.0.1:A02.FR.16")
@pytest.mark.ocpp("2.0.1:A00.FR.427", "2.0.1:A00.FR.509", "2.0.1:A00.FR.511")
def test_what_came_for_an_ending_certificate_is_checked(
    on_site: OnSite, ca: Any, serving: Any, version: str, wrong: str
) -> None:
    def name(common_name: str, *owner: str) -> x509.Name:
        parts = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, each) for each in owner]
        return x509.Name([*parts, x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])

    async def test(site: Any) -> None:
        csr = (await site.csms.heard("SignCertificate"))["csr"]
        makers: dict[str, dict[str, Any]] = {
            "not yet": {"valid": (NOON + timedelta(hours=1), NOON + timedelta(days=300))},
            "another's": {"subject": name("S-2", "Pilotline")},
            "nobody's": {"subject": name("S-1")},
            "a server's": {"subject": name("wss://S-1", "Pilotline")},
        }
        chain = ca.answer(csr, **makers.get(wrong, {})) + ("\n" * 1000 if wrong == "too long" else "")
        answer = await site.csms.ask("CertificateSigned", certificate_chain=chain)
        assert answer.status == "Rejected"
        if wrong != "too long":
            await site.csms.heard("SecurityEventNotification", type="InvalidChargingStationCertificate")
        assert site.csms.connections == 1
        assert not site.station.certificates.has_unproven_certificate()

    short = {"SecurityCtrlr.MaxCertificateChainSize": "1000"}
    opening = serving(ca.server(), ca)
    at_profile_3(on_site, test, ca, opening, ends_in_days=20, version=version, variables=short)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.0.1:A00.FR.429", "2.1:A00.FR.430", "2.0.1:B02.FR.02")
def test_an_expired_certificate_is_shown_all_the_same_and_renewed_while_pending(
    on_site: OnSite, ca: Any, serving: Any, version: str
) -> None:
    def opening(csms: Any) -> None:
        serving(ca.server(), ca)(csms)
        pending = result201.BootNotification(current_time="2027-01-15T12:00:00Z", interval=300, status="Pending")
        csms.replies["BootNotification"].append(pending)

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert site.csms.actions() == ["BootNotification"]  # it does not ask by itself before it is accepted
        await trigger(site, version)
        chain = ca.answer((await site.csms.heard("SignCertificate"))["csr"])
        assert (await site.csms.ask("CertificateSigned", certificate_chain=chain)).status == "Accepted"
        await until(lambda: site.csms.connections == 2)
        site.later(301)  # BootNotification may not come sooner
        await until(lambda: site.client.connected)
        assert shown(site) == serial(chain)

    at_profile_3(on_site, test, ca, opening, ends_in_days=-1, version=version)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.ocpp("2.0.1:A00.FR.01", "2.0.1:A00.FR.402")
def test_a_certificate_that_was_not_shown_is_not_proven(on_site: OnSite, ca: Any, serving: Any, version: str) -> None:
    """At profile 2 nobody sees it: one profile at a time."""

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert site.csms.logins[0].startswith("Basic ")
        assert not site.csms.point.socket.transport.get_extra_info("peercert")
        await trigger(site, version)
        chain = ca.answer((await site.csms.heard("SignCertificate"))["csr"])
        assert (await site.csms.ask("CertificateSigned", certificate_chain=chain)).status == "Accepted"
        await site.csms.drop()
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert not site.csms.point.socket.transport.get_extra_info("peercert")
        assert site.station.certificates.has_unproven_certificate()

    opening = serving(ca.server())

    def wanting(csms: Any) -> None:
        opening(csms)
        csms.tls.verify_mode = ssl.CERT_OPTIONAL  # it would like to see one
        csms.tls.load_verify_locations(ca.file)

    password = "the-password-of-this-station"
    on_site(test, version=version, password=password, ca_file=str(ca.file), opening=wanting, is_managed=True)


def test_a_refusal_that_comes_after_the_handshake_is_understood(ca: Any) -> None:
    """TLS 1.3: the server reads our certificate when we think that all is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server())
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.stranger("clients").file)
    ours = ca.client(ends_in_days=300)
    material = LinkMaterial(ca.pem, ours["client_certificate"], ours["client_key"])

    def refuse(listener: socket.socket) -> None:
        with listener.accept()[0] as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        refusing = pool.submit(refuse, listener)
        with pytest.raises(LinkError) as refused:
            asyncio.run(dial(f"wss://127.0.0.1:{listener.getsockname()[1]}/x", "CS-1", ["ocpp2.0.1"], None, material))
        refusing.result()
    assert refused.value.trouble == "client_certificate"
