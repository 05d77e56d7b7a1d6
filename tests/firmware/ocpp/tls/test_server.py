"""Whom the station talks to: the back office's certificate, TLS versions and suites."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from firmware.station.facts import SecurityEvent

OnSite = Callable[..., None]
PASSWORD = "the-password-of-this-station"


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def events(site: Any) -> list[str]:
    return [fact.kind for fact in site.facts if isinstance(fact, SecurityEvent)]


@pytest.mark.ocpp("2.x:A00.FR.308", "2.x:A00.FR.309", "2.x:A00.FR.310", "2.x:A00.FR.311", "2.0.1:TC_A_05")
@pytest.mark.parametrize("wrong", ["root", "name", "expired"])
def test_a_server_that_cannot_prove_itself_gets_nothing_but_an_event(
    on_site: OnSite, ca: Any, wrong: str, serving: Any
) -> None:
    server = {
        "root": lambda: ca.stranger("stranger").server(),
        "name": lambda: ca.server("127.0.0.2"),
        "expired": lambda: ca.server(days=-1),
    }[wrong]()

    async def test(site: Any) -> None:
        await until(lambda: "InvalidCsmsCertificate" in events(site))
        await asyncio.sleep(1.5)  # another attempt, which is not told again (A00.FR.316, note)
        assert events(site).count("InvalidCsmsCertificate") == 1
        assert site.csms.calls == []

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(server), is_managed=True)


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


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.ocpp("2.x:A00.FR.313", "2.x:A00.FR.316", "2.x:A00.FR.419", "2.0.1:TC_A_06")
def test_old_tls_is_refused_and_told(on_site: OnSite, ca: Any, serving: Any) -> None:
    old: dict[str, Any] = {
        "minimum_version": ssl.TLSVersion.TLSv1,
        "maximum_version": ssl.TLSVersion.TLSv1_1,
        "ciphers": "ALL:@SECLEVEL=0",
    }

    async def test(site: Any) -> None:
        await until(lambda: "InvalidTLSVersion" in events(site))
        assert site.csms.calls == []

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(ca.server(), **old), is_managed=True)


@pytest.mark.ocpp("2.x:A00.FR.320", "2.x:A00.FR.323", "2.x:A00.FR.426")
def test_weak_suites_are_refused_and_told(on_site: OnSite, ca: Any, serving: Any) -> None:
    weak: dict[str, Any] = {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-AES128-SHA"}

    async def test(site: Any) -> None:
        await until(lambda: "InvalidTLSCipherSuite" in events(site))
        assert site.csms.calls == []

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(ca.server(), **weak), is_managed=True)


@pytest.mark.ocpp("2.x:A00.FR.319", "2.0.1:TC_A_04")
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"])
def test_the_suites_of_the_specification_are_spoken(on_site: OnSite, ca: Any, suite: str, serving: Any) -> None:
    async def test(site: Any) -> None:
        await site.csms.heard("BootNotification")

    only = serving(ca.server(), maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=suite)
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=only, is_managed=True)
