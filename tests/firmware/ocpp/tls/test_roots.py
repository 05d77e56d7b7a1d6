"""Roots that may vouch for others: installed, listed, deleted, replaced."""

import asyncio
from collections.abc import Callable
from pathlib import Path
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


@pytest.mark.ocpp("2.x:M05.FR.01", "2.x:M05.FR.02", "2.x:M03.FR.01", "2.x:M03.FR.02", "2.x:M03.FR.03", "2.x:M04.FR.01")
@pytest.mark.ocpp(
    "2.0.1:TC_M_01",
    "2.0.1:TC_M_02",
    "2.0.1:TC_M_12",
    "2.0.1:TC_M_13",
    "2.0.1:TC_M_17",
    "2.0.1:TC_M_18",
    "2.0.1:TC_M_19",
)
def test_roots_are_installed_listed_and_deleted(on_2x: OnSite, ca: Any) -> None:
    async def test(site: Any) -> None:
        nothing = await site.csms.ask("GetInstalledCertificateIds")
        assert nothing.status == "NotFound"
        for kind in ("CSMS", "Manufacturer", "V2G", "MO"):
            answer = await site.csms.ask(
                "InstallCertificate", certificate_type=f"{kind}RootCertificate", certificate=ca.pem
            )
            assert answer.status == "Accepted"
        listed = await site.csms.ask("GetInstalledCertificateIds")
        kinds = [each["certificate_type"] for each in listed.certificate_hash_data_chain]
        assert kinds == [f"{kind}RootCertificate" for kind in ("CSMS", "Manufacturer", "V2G", "MO")]
        only = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["MORootCertificate"])
        assert len(only.certificate_hash_data_chain) == 1
        bad = await site.csms.ask(
            "InstallCertificate", certificate_type="MORootCertificate", certificate="-----BEGIN CERTIFICATE-----"
        )
        assert bad.status == "Rejected"
        named = only.certificate_hash_data_chain[0]["certificate_hash_data"]
        data = {
            "hashAlgorithm": named["hash_algorithm"],
            "issuerNameHash": named["issuer_name_hash"],
            "issuerKeyHash": named["issuer_key_hash"],
            "serialNumber": "1234",
        }
        unknown = await site.csms.ask("DeleteCertificate", certificate_hash_data=data)
        assert unknown.status == "NotFound"
        last = {**data, "serialNumber": named["serial_number"]}
        assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=last)).status == "Failed"  # the CSMS's

    on_2x(test, is_managed=True)


@pytest.mark.ocpp("2.x:M05.FR.12", "2.x:M05.FR.13", "2.x:M05.FR.14", "2.0.1:TC_M_30", "2.0.1:TC_M_31", "2.0.1:TC_M_09")
def test_a_new_root_takes_over_when_it_is_proven(on_site: OnSite, ca: Any, tmp_path: Path, serving: Any) -> None:
    new = ca.successor("new")

    async def roots(site: Any) -> int:
        found = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["CSMSRootCertificate"])
        return len(found.certificate_hash_data_chain)

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        stranger = ca.stranger("stranger").pem
        answer = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=stranger)
        assert answer.status == "Rejected"
        answer = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=new.pem)
        assert answer.status == "Accepted"
        await site.csms.drop()  # the server still shows a certificate of the old root
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert await roots(site) == 2
        site.csms.tls.load_cert_chain(new.server())
        await site.csms.drop()
        await until(lambda: site.csms.connections == 3 and site.client.connected)
        await until(lambda: not list((tmp_path / "certificates" / "csms" / "fallback").glob("*.pem")))
        assert await roots(site) == 1

    checked = {"SecurityCtrlr.AdditionalRootCertificateCheck": "true"}
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=checked)


@pytest.mark.ocpp(
    "1.6:InstallCertificate", "1.6:GetInstalledCertificateIds", "1.6:DeleteCertificate", "1.6:TC_075_1", "1.6:TC_075_2"
)
@pytest.mark.ocpp("1.6:TC_076")
@pytest.mark.parametrize("kind", ["ManufacturerRootCertificate", "CentralSystemRootCertificate"])
def test_16_roots_are_installed_listed_and_deleted(on_site: OnSite, ca: Any, kind: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert (await site.csms.ask("GetInstalledCertificateIds", certificate_type=kind)).status == "NotFound"
        answer = await site.csms.ask("InstallCertificate", certificate_type=kind, certificate=ca.pem)
        assert answer.status == "Accepted"
        (named,) = (await site.csms.ask("GetInstalledCertificateIds", certificate_type=kind)).certificate_hash_data
        data = {
            "hashAlgorithm": named["hash_algorithm"],
            "issuerNameHash": named["issuer_name_hash"],
            "issuerKeyHash": named["issuer_key_hash"],
            "serialNumber": named["serial_number"],
        }
        if kind == "CentralSystemRootCertificate":  # the last one stays; with another beside it, it may go
            assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=data)).status == "Failed"
            other = ca.stranger("other").pem
            answer = await site.csms.ask("InstallCertificate", certificate_type=kind, certificate=other)
            assert answer.status == "Accepted"
        assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=data)).status == "Accepted"
        assert (await site.csms.ask("DeleteCertificate", certificate_hash_data=data)).status == "NotFound"

    on_site(test, version="1.6", is_managed=True)
