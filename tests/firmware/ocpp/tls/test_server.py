"""Whom the station talks to: the back office's certificate, TLS versions and suites."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.ocpp.tls_probe import read_choice
from firmware.station.facts import SecurityEvent

OnSite = Callable[..., None]
Secured = Callable[..., None]
PASSWORD = "the-password-of-this-station"


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def events(site: Any) -> list[str]:
    return [fact.kind for fact in site.facts if isinstance(fact, SecurityEvent)]


@pytest.fixture(params=[2, 3], ids=["profile 2", "profile 3"])
def secured(on_site: OnSite, ca: Any, serving: Any, request: pytest.FixtureRequest) -> Secured:
    """A station with a password or a certificate, before a server that shows its own, with limits to its TLS."""

    def run(test: Any, server: Path, **limits: Any) -> None:
        if request.param == 2:
            how: dict[str, Any] = {"password": PASSWORD, "opening": serving(server, **limits)}
        else:
            client = {"security_profile": 3, **ca.client(ends_in_days=300)}
            how = {"more": client, "opening": serving(server, ca, **limits)}
        on_site(test, ca_file=str(ca.file), is_managed=True, **how)

    return run


@pytest.mark.ocpp("2.x:A00.FR.308", "2.x:A00.FR.309", "2.x:A00.FR.310", "2.x:A00.FR.311", "2.0.1:TC_A_05")
@pytest.mark.ocpp("2.x:A00.FR.411", "2.x:A00.FR.412", "2.x:A00.FR.413", "2.x:A00.FR.414")
@pytest.mark.parametrize("wrong", ["root", "name", "expired"])
def test_a_server_that_cannot_prove_itself_gets_nothing_but_an_event(secured: Secured, ca: Any, wrong: str) -> None:
    server = {
        "root": lambda: ca.stranger().server(),
        "name": lambda: ca.server("127.0.0.2"),
        "expired": lambda: ca.server(days=-1),
    }[wrong]()

    async def test(site: Any) -> None:
        await until(lambda: "InvalidCsmsCertificate" in events(site))
        await until(lambda: site.client._uplink.routes._tries == 2)  # another attempt, which is not told again
        assert events(site).count("InvalidCsmsCertificate") == 1  # (A00.FR.316, note)
        assert site.csms.logins == site.csms.calls == []

    secured(test, server)


@pytest.mark.ocpp("2.0.1:A00.FR.310", "2.0.1:A00.FR.311", "2.0.1:A04.FR.01", "2.0.1:A04.FR.02")
def test_a_back_office_may_change_its_certificate_but_not_who_vouches_for_it(
    on_site: OnSite, ca: Any, serving: Any
) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.tls.load_cert_chain(ca.server())  # another key, the same root
        await site.csms.drop()
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert "InvalidCsmsCertificate" not in events(site)
        site.csms.tls.load_cert_chain(ca.stranger().server())
        await site.csms.drop()
        await until(lambda: "InvalidCsmsCertificate" in events(site))
        assert site.csms.connections == 2
        site.csms.tls.load_cert_chain(ca.server())
        told = await site.csms.heard("SecurityEventNotification", type="InvalidCsmsCertificate")
        assert "certificate verify failed" in told["techInfo"]
        assert site.csms.connections == 3

    steady = {"OCPPCommCtrlr.RetryBackOffRepeatTimes": "0"}
    how = {"password": PASSWORD, "ca_file": str(ca.file), "opening": serving(ca.server()), "variables": steady}
    on_site(test, is_managed=True, **how)


@pytest.mark.ocpp("2.x:A00.FR.301", "2.x:A00.FR.302", "2.x:A00.FR.303", "2.x:A00.FR.01", "2.x:A00.FR.04")
def test_each_connection_shows_who_we_are_by_one_profile_only(secured: Secured, ca: Any) -> None:
    basic = "Basic " + base64.b64encode(f"CS-1:{PASSWORD}".encode()).decode()

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        await site.csms.drop()
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        with_certificate = bool(site.csms.point.socket.transport.get_extra_info("peercert"))
        assert site.csms.logins == (["", ""] if with_certificate else [basic, basic])
        assert site.csms.point.socket.request.path == "/ocpp/CS-1"

    secured(test, ca.server())


@pytest.mark.ocpp("1.6:TC_078", "1.6:SecurityEventNotification", "1.6:A00.FR.309", "1.6:A00.FR.310")
def test_16_a_server_that_could_not_prove_itself_hears_of_it_when_it_can(
    on_site: OnSite, ca: Any, serving: Any
) -> None:
    event = "InvalidCentralSystemCertificate"

    async def test(site: Any) -> None:
        await until(lambda: "InvalidCsmsCertificate" in events(site))
        assert site.csms.calls == []
        site.csms.tls.load_cert_chain(ca.server())
        await site.csms.heard("SecurityEventNotification", within=20.0, type=event)
        kind = {"certificate_type": "CentralSystemRootCertificate", "certificate": "-----BEGIN CERTIFICATE-----"}
        assert (await site.csms.ask("InstallCertificate", **kind)).status == "Rejected"
        told = await site.csms.heard("SecurityEventNotification", 2, type=event)
        assert told["techInfo"].startswith("not installed: ")

    opening = serving(ca.stranger("stranger").server())
    on_site(test, version="1.6", password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True)


TOO_OLD: dict[str, Any] = {
    "minimum_version": ssl.TLSVersion.TLSv1,
    "maximum_version": ssl.TLSVersion.TLSv1_1,
    "ciphers": "ALL:@SECLEVEL=0",
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.ocpp("2.x:A00.FR.313", "2.x:A00.FR.314", "2.x:A00.FR.316", "2.0.1:TC_A_06")
@pytest.mark.ocpp("2.x:A00.FR.416", "2.x:A00.FR.417", "2.x:A00.FR.419")
def test_old_tls_is_refused_and_told(secured: Secured, ca: Any) -> None:
    async def test(site: Any) -> None:
        await until(lambda: "InvalidTLSVersion" in events(site))
        assert site.csms.logins == site.csms.calls == []

    secured(test, ca.server(), **TOO_OLD)


@pytest.mark.ocpp("2.x:A00.FR.320", "2.x:A00.FR.323", "2.x:A00.FR.423", "2.x:A00.FR.426", "2.x:A00.FR.504")
def test_weak_suites_are_refused_and_told(secured: Secured, ca: Any) -> None:
    async def test(site: Any) -> None:
        await until(lambda: "InvalidTLSCipherSuite" in events(site))
        assert site.csms.logins == site.csms.calls == []

    secured(test, ca.server(), maximum_version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA")


@pytest.mark.ocpp("2.x:A00.FR.312", "2.x:A00.FR.319", "2.x:A00.FR.321", "2.0.1:TC_A_04")
@pytest.mark.ocpp("2.x:A00.FR.415", "2.x:A00.FR.422", "2.x:A00.FR.424")
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"])
def test_the_suites_of_the_specification_are_spoken_without_compression(secured: Secured, ca: Any, suite: str) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")
        tls = site.csms.point.socket.transport.get_extra_info("ssl_object")
        assert (tls.version(), tls.cipher()[0], tls.compression()) == ("TLSv1.2", suite, None)
        ours = site.client._uplink._link._socket.tls.context
        assert ours.options & ssl.OP_NO_COMPRESSION

    secured(test, ca.server(), maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=suite)


@given(st.binary(max_size=200), st.booleans())
def test_any_first_message_of_a_server_is_a_choice_or_none(data: bytes, as_hello: bool) -> None:
    message = b"\x02\0\0\x46" + data if as_hello else data
    with contextlib.suppress(ValueError):
        choice = read_choice(message)
        assert 0 <= choice.version <= 0xFFFF
        assert 0 <= choice.suite <= 0xFFFF
