"""Roots that may vouch for others: installed, listed, deleted, replaced."""

import asyncio
import ssl
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
    "2.0.1:M05.FR.17",
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
        again = {"certificate_type": "MORootCertificate", "certificate": ca.pem}
        assert (await site.csms.ask("InstallCertificate", **again)).status == "Accepted"
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


@pytest.mark.ocpp(
    "2.0.1:M05.FR.12", "2.0.1:M05.FR.13", "2.0.1:M05.FR.14", "2.0.1:TC_M_30", "2.0.1:TC_M_31", "2.0.1:TC_M_09"
)
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


@pytest.mark.ocpp("2.0.1:M05.FR.15", "2.0.1:M05.FR.16", "2.0.1:B10.FR.03")
def test_a_back_office_that_the_new_root_does_not_vouch_for_is_left_for_the_old_one(
    on_site: OnSite, ca: Any, serving: Any, back_office: Any
) -> None:
    """Both servers show certificates of the old root: at the new one it does not count, at the old one it does."""

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        other = back_office()
        serving(ca.server())(other)
        tries: list[str] = []
        other.tls.sni_callback = lambda *_: tries.append("a handshake began")
        await other.open()
        new = ca.successor("new").pem
        answer = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=new)
        assert answer.status == "Accepted"
        profile = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": other.url,
            "messageTimeout": 30,
            "securityProfile": 2,
            "ocppInterface": "Wired0",
        }
        await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=profile)
        first = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
        answer = await site.csms.ask("SetVariables", set_variable_data=[{**first, "attribute_value": "2,1"}])
        assert answer.set_variable_result[0]["attribute_status"] == "RebootRequired"
        assert "InvalidCsmsCertificate" not in events(site)
        assert (await site.csms.ask("Reset", type="Immediate")).status == "Accepted"
        await site.reboot()
        await until(lambda: site.csms.connections == 2 and site.client.connected, within=30.0)
        assert (other.connections, len(tries)) == (0, 3)  # NetworkProfileConnectionAttempts
        assert "InvalidCsmsCertificate" in events(site)
        await other.close()

    variables = {
        "SecurityCtrlr.AdditionalRootCertificateCheck": "true",
        "OCPPCommCtrlr.RetryBackOffRepeatTimes": "0",
    }
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=variables)


@pytest.mark.ocpp("2.x:M05.FR.03")
def test_a_root_that_the_disk_does_not_take_has_failed(on_2x: OnSite, ca: Any, tmp_path: Path) -> None:
    async def test(site: Any) -> None:
        (tmp_path / "certificates").mkdir(exist_ok=True)
        (tmp_path / "certificates" / "manufacturer").write_text("a file where a folder should be")
        answer = await site.csms.ask(
            "InstallCertificate", certificate_type="ManufacturerRootCertificate", certificate=ca.pem
        )
        assert answer.status == "Failed"
        assert answer.status_info["additional_info"]

    on_2x(test, is_managed=True)


@pytest.mark.ocpp("2.x:N01.FR.15")
def test_a_log_goes_to_a_server_that_the_back_offices_root_vouches_for(
    on_2x: OnSite, ca: Any, serve: Any, files: Any
) -> None:
    async def test(site: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca.server())
        log = {"remoteLocation": f"https://127.0.0.1:{serve('http', context)}/logs/"}
        await site.csms.ask("GetLog", log=log, log_type="SecurityLog", request_id=1)
        await site.csms.heard("LogStatusNotification", status="PermissionDenied", requestId=1, within=20.0)
        assert files.files == {}
        answer = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=ca.pem)
        assert answer.status == "Accepted"
        answer = await site.csms.ask("GetLog", log=log, log_type="SecurityLog", request_id=2)
        await site.csms.heard("LogStatusNotification", status="Uploaded", requestId=2, within=20.0)
        assert list(files.files) == [f"/logs/{answer.filename}"]

    on_2x(test, is_managed=True)


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
