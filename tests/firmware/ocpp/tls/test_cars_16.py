"""1.6: certificates for cars, inside DataTransfer (the application note on ISO 15118)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call_result as result16

OnSite = Callable[..., None]
PNC = "org.openchargealliance.iso15118pnc"


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


async def inside(site: Any, message: str, **data: Any) -> dict[str, Any]:
    """What stands in the answer to a message of the application note."""
    answer = await site.csms.ask("DataTransfer", vendor_id=PNC, message_id=message, data=json.dumps(data))
    assert answer.status == "Accepted"
    found: dict[str, Any] = json.loads(answer.data)
    return found


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:TC_062")
def test_16_a_certificate_for_cars_is_signed_listed_and_deleted(on_site: OnSite, ca: Any) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.replies["DataTransfer"].append(result16.DataTransfer("Accepted", json.dumps({"status": "Accepted"})))
        root = {"certificateType": "V2GRootCertificate", "certificate": ca.pem}
        assert await inside(site, "InstallCertificate", **root) == {"status": "Accepted"}
        trigger = {"requestedMessage": "SignV2GCertificate"}
        assert await inside(site, "TriggerMessage", **trigger) == {"status": "Accepted"}
        asked = await site.csms.heard("DataTransfer", vendorId=PNC, messageId="SignCertificate")
        request = json.loads(asked["data"])
        assert request["certificateType"] == "V2GCertificate"
        chain = ca.answer(request["csr"])
        assert await inside(site, "CertificateSigned", certificateChain=chain) == {"status": "Accepted"}
        listed = await inside(site, "GetInstalledCertificateIds")
        kinds = [each["certificateType"] for each in listed["certificateHashDataChain"]]
        assert kinds == ["V2GRootCertificate", "V2GCertificateChain"]
        ours = await inside(site, "GetInstalledCertificateIds", certificateType=["V2GRootCertificate"])
        (named,) = (each["certificateHashData"] for each in ours["certificateHashDataChain"])
        assert await inside(site, "DeleteCertificate", certificateHashData=named) == {"status": "Accepted"}
        assert (await inside(site, "DeleteCertificate", certificateHashData=named))["status"] == "NotFound"

    on_site(test, version="1.6", is_managed=True)


@pytest.mark.ocpp("1.6:DataTransfer", "1.6:TC_062")
def test_16_the_outer_status_only_says_whether_it_was_understood(on_site: OnSite, ca: Any) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")

        async def status(message: str, data: str) -> str:
            answer = await site.csms.ask("DataTransfer", vendor_id=PNC, message_id=message, data=data)
            return str(answer.status)

        assert await status("GetPresent", "{}") == "UnknownMessageId"
        assert await status("InstallCertificate", "{}") == "Rejected"  # no such payload
        assert await status("TriggerMessage", "no JSON") == "Rejected"
        unasked = await inside(site, "CertificateSigned", certificateChain=ca.pem)
        assert unasked["status"] == "Rejected"
        assert await inside(site, "TriggerMessage", requestedMessage="Heartbeat") == {"status": "NotImplemented"}

    on_site(test, version="1.6", is_managed=True)


@pytest.mark.ocpp("1.6:DataTransfer")
@pytest.mark.parametrize("inner", ['{"status":"Rejected"}', "", "no JSON"])
def test_16_a_refused_request_for_cars_is_not_repeated(on_site: OnSite, inner: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        site.csms.replies["DataTransfer"].append(result16.DataTransfer("Accepted", inner))
        assert await inside(site, "TriggerMessage", requestedMessage="SignV2GCertificate") == {"status": "Accepted"}
        await site.told("DataTransfer")
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith("certificate ")])
        assert site.csms.actions().count("DataTransfer") == 1

    on_site(test, version="1.6", is_managed=True, variables={"SecurityCtrlr.CertSigningWaitMinimum": "1"})


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_roots_of_car_makers_are_listed_where_there_is_a_word_for_them(on_site: OnSite, ca: Any, version: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert (await site.station.certificates.install("OEM", ca.pem)).status == "Accepted"
        if version == "1.6":
            status = (await inside(site, "GetInstalledCertificateIds"))["status"]
        else:
            status = (await site.csms.ask("GetInstalledCertificateIds")).status
        assert status == ("Accepted" if version == "2.1" else "NotFound")

    on_site(test, version=version, is_managed=True)
