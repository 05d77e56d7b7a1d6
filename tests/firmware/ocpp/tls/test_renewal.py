"""Who the station is: its certificate for the back office, requested, signed, refused and put into service."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from firmware.station.facts import SecurityEvent

OnSite = Callable[..., None]
PASSWORD = "the-password-of-this-station"
LEVEL = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def events(site: Any) -> list[str]:
    return [fact.kind for fact in site.facts if isinstance(fact, SecurityEvent)]


@pytest.mark.ocpp(
    "2.0.1:A02.FR.02", "2.0.1:A02.FR.03", "2.0.1:A02.FR.06", "2.0.1:A02.FR.13", "2.0.1:A05.FR.03", "2.0.1:A05.FR.04",
    "2.0.1:A05.FR.05",
    "2.0.1:A05.FR.06", "2.0.1:A00.FR.401", "2.0.1:A00.FR.402", "2.0.1:TC_A_11", "2.0.1:TC_A_19",
    "2.0.1:TC_A_07", "2.0.1:TC_A_21",
)  # fmt: skip
def test_from_password_to_certificate(on_site: OnSite, ca: Any, back_office: Any, tmp_path: Path, serving: Any) -> None:
    """Profile 2 to 3: a certificate is signed, a slot with profile 3 is set and used, the old slot is gone."""
    strict = back_office()
    serving(ca.server(), ca)(strict)

    async def test(site: Any) -> None:
        await site.told("StatusNotification", 2)
        await strict.open()
        data = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": strict.url,
            "messageTimeout": 30,
            "securityProfile": 3,
            "ocppInterface": "Wired0",
        }
        answer = await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=data)
        assert answer.status == "Accepted"
        set_priority = {"set_variable_data": [{**PRIORITY, "attributeValue": "2,1"}]}
        answer = await site.csms.ask("SetVariables", **set_priority)
        assert answer.set_variable_result[0]["attribute_status"] == "Rejected"  # no certificate yet
        answer = await site.csms.ask("TriggerMessage", requested_message="SignChargingStationCertificate")
        assert answer.status == "Accepted"
        asked = await site.csms.heard("SignCertificate")
        assert asked["certificateType"] == "ChargingStationCertificate"
        signed = await site.csms.ask(
            "CertificateSigned",
            certificate_chain=ca.answer(asked["csr"]),
            certificate_type="ChargingStationCertificate",
        )
        assert signed.status == "Accepted"
        answer = await site.csms.ask("SetVariables", **set_priority)
        assert answer.set_variable_result[0]["attribute_status"] == "RebootRequired"
        assert (await site.csms.ask("Reset", type="OnIdle")).status == "Accepted"
        await site.reboot()
        await until(lambda: strict.connections == 1 and site.client.connected)
        assert site.csms.connections == 1
        assert strict.logins == [""]  # no password goes along with a certificate
        for what, value in ((LEVEL, "3"), (PRIORITY, "2")):
            answer = await strict.ask("GetVariables", get_variable_data=[what])
            assert answer.get_variable_result[0]["attribute_value"] == value
        assert not list((tmp_path / "certificates").rglob("*.new"))  # proven
        await strict.close()

    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=serving(ca.server()), is_managed=True)


@pytest.mark.ocpp("1.6:TC_074", "1.6:TC_087", "1.6:TC_083", "1.6:SecurityProfile", "1.6:A05.FR.02", "1.6:A05.FR.03")
@pytest.mark.ocpp("1.6:ExtendedTriggerMessage", "1.6:SignCertificate", "1.6:CertificateSigned")
def test_16_from_password_to_certificate(on_site: OnSite, ca: Any, tmp_path: Path, serving: Any) -> None:
    """Profile 2 to 3 on the same server: a certificate is signed, the key SecurityProfile is raised, and the connection
    is made with the certificate instead of the password."""

    async def test(site: Any) -> None:
        async def raise_it() -> str:
            return str((await site.csms.ask("ChangeConfiguration", key="SecurityProfile", value="3")).status)

        await site.told("StatusNotification", 3)
        assert await raise_it() == "Rejected"  # no certificate yet
        answer = await site.csms.ask("ExtendedTriggerMessage", requested_message="SignChargePointCertificate")
        assert answer.status == "Accepted"
        asked = await site.csms.heard("SignCertificate")
        subject = x509.load_pem_x509_csr(asked["csr"].encode()).subject.rfc4514_string()
        assert "CN=S-1" in subject  # the serial number (A00.FR.411)
        signed = await site.csms.ask("CertificateSigned", certificate_chain=ca.answer(asked["csr"]))
        assert signed.status == "Accepted"
        site.csms.tls.verify_mode = ssl.CERT_REQUIRED
        site.csms.tls.load_verify_locations(ca.file)
        before = site.csms.connections
        assert await raise_it() == "Accepted"
        await until(lambda: site.csms.connections > before and site.client.connected)
        assert site.csms.logins[-1] == ""  # no password goes along with a certificate
        shown = await site.csms.ask("GetConfiguration", key=["SecurityProfile"])
        assert shown.configuration_key[0]["value"] == "3"
        assert not list((tmp_path / "certificates").rglob("*.new"))  # proven

    opening = serving(ca.server())
    on_site(test, version="1.6", password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True)


@pytest.mark.ocpp("1.6:TC_083", "1.6:SecurityProfile", "1.6:A05.FR.04", "1.6:A05.FR.05")
@pytest.mark.parametrize("restarted", [False, True])
def test_16_a_higher_profile_that_does_not_connect_is_given_up_for_the_present_one(
    on_site: OnSite, ca: Any, restarted: bool
) -> None:
    """The server speaks no TLS: the station comes back as it was, and tries the other way no more."""

    async def test(site: Any) -> None:
        async def level(wanted: str = "") -> str:
            if wanted:
                return str((await site.csms.ask("ChangeConfiguration", key="SecurityProfile", value=wanted)).status)
            shown = await site.csms.ask("GetConfiguration", key=["SecurityProfile"])
            return str(shown.configuration_key[0]["value"])

        await site.told("BootNotification")
        assert await level("2") == "Accepted"
        if restarted:
            await site.reboot(pulled=True)
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert await level() == "1"
        assert site.client._uplink.profiles.order() == (1,)
        assert (await level("0"), await level("1")) == ("Rejected", "Accepted")  # never down; where it is
        await site.csms.drop()
        await until(lambda: site.csms.connections == 3 and site.client.connected)
        assert site.csms.logins[-1].startswith("Basic ")

    quick = {"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "1"}
    on_site(test, version="1.6", password=PASSWORD, ca_file=str(ca.file), is_managed=True, variables=quick)


@pytest.mark.ocpp("2.x:A02.FR.07", "2.x:A02.FR.16", "2.x:A02.FR.20", "2.0.1:TC_A_14", "1.6:TC_077")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("wrong", ["stranger", "expired", "other key", "garbage"])
def test_a_wrong_certificate_is_rejected_and_told(
    on_site: OnSite, ca: Any, version: str, wrong: str, serving: Any
) -> None:
    renamed = {"1.6": "InvalidChargePointCertificate"}.get(version, "InvalidChargingStationCertificate")

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        ask = "ExtendedTriggerMessage" if version == "1.6" else "TriggerMessage"
        message = "SignChargePointCertificate" if version == "1.6" else "SignChargingStationCertificate"
        assert (await site.csms.ask(ask, requested_message=message)).status == "Accepted"
        csr = (await site.csms.heard("SignCertificate"))["csr"]
        makers: dict[str, Callable[[], str]] = {
            "stranger": lambda: ca.stranger("stranger").answer(csr),
            "expired": lambda: ca.answer(csr, days=-1),
            "other key": lambda: ca.server().read_text(),
            "garbage": lambda: "hello",
        }
        answer = await site.csms.ask("CertificateSigned", certificate_chain=makers[wrong]())
        assert answer.status == "Rejected"
        await site.csms.heard("SecurityEventNotification", type=renamed)
        assert not site.station.certificates.has_unproven_certificate()
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")])
        assert site.csms.actions().count("SignCertificate") == 1

    served = {"password": PASSWORD, "ca_file": str(ca.file), "opening": serving(ca.server()), "is_managed": True}
    on_site(test, version=version, **served)


@pytest.mark.ocpp("2.0.1:A02.FR.17", "2.0.1:A02.FR.18", "2.0.1:A02.FR.19", "2.0.1:TC_A_23")
def test_a_request_is_repeated_with_growing_pauses(on_site: OnSite, ca: Any, serving: Any) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        began = asyncio.get_running_loop().time()
        await site.csms.ask("TriggerMessage", requested_message="SignChargingStationCertificate")
        first = await site.csms.heard("SignCertificate")
        again = await site.csms.heard("SignCertificate", 3, within=20.0)
        assert asyncio.get_running_loop().time() - began >= 3.0  # 1 s, then 2 s
        assert again["csr"] == first["csr"]
        chain = ca.answer(first["csr"])
        assert (await site.csms.ask("CertificateSigned", certificate_chain=chain)).status == "Accepted"

    quick = {"SecurityCtrlr.CertSigningWaitMinimum": "1", "SecurityCtrlr.CertSigningRepeatTimes": "1"}
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=quick)


@pytest.mark.ocpp("2.0.1:A02.FR.11", "2.0.1:TC_A_15")
def test_a_refused_request_is_not_repeated(on_site: OnSite, ca: Any, serving: Any) -> None:
    from ocpp.v201 import call_result  # noqa: PLC0415 - only here

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.replies["SignCertificate"].append(call_result.SignCertificate(status="Rejected"))
        await site.csms.ask("TriggerMessage", requested_message="SignChargingStationCertificate")
        await site.told("SignCertificate")
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")])
        assert site.csms.actions().count("SignCertificate") == 1

    quick = {"SecurityCtrlr.CertSigningWaitMinimum": "1"}
    opening = serving(ca.server())
    on_site(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=quick)


@pytest.mark.ocpp("2.1:A02.FR.22", "2.1:A02.FR.23", "2.1:A02.FR.24", "2.1:A02.FR.26")
def test_21_requests_have_numbers(on_site: OnSite, ca: Any) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        await site.csms.ask("TriggerMessage", requested_message="SignV2G20Certificate")
        asked = await site.csms.heard("SignCertificate")
        assert asked["certificateType"] == "V2G20Certificate"
        chain = ca.answer(asked["csr"])
        unknown = await site.csms.ask("CertificateSigned", certificate_chain=chain, request_id=99)
        assert unknown.status == "Rejected"
        await site.csms.ask("InstallCertificate", certificate_type="V2GRootCertificate", certificate=ca.pem)
        good = await site.csms.ask("CertificateSigned", certificate_chain=chain, request_id=asked["requestId"])
        assert good.status == "Accepted"
        found = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["V2GCertificateChain"])
        assert found.status == "Accepted"

    on_site(test, version="2.1", is_managed=True)
