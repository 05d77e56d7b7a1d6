"""To another back office with another root (B09, B10, M05): it is proven there, or the way back is still open."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OnSite = Callable[..., None]
PASSWORD = "the-password-of-this-station"
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
CHECKED = {
    "SecurityCtrlr.AdditionalRootCertificateCheck": "true",
    "OCPPCommCtrlr.NetworkProfileConnectionAttempts": "1",
}


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


async def move(site: Any, url: str, root: str) -> None:
    """The new root, the new profile, its place in the order, and a reboot: as the certification cases have it."""
    installed = await site.csms.ask("InstallCertificate", certificate_type="CSMSRootCertificate", certificate=root)
    assert installed.status == "Accepted"
    data = {"ocppVersion": "OCPP20", "ocppTransport": "JSON", "messageTimeout": 30, "ocppInterface": "Wired0"}
    told = {**data, "ocppCsmsUrl": url, "securityProfile": 2}
    assert (await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=told)).status == "Accepted"
    answer = await site.csms.ask("SetVariables", set_variable_data=[{**PRIORITY, "attributeValue": "2,1"}])
    assert answer.set_variable_result[0]["attribute_status"] == "RebootRequired"
    assert (await site.csms.ask("Reset", type="OnIdle")).status == "Accepted"
    await site.reboot()


def roots(site: Any) -> tuple[int, int]:
    """How many vouch for the back office, and how many are kept to fall back to."""
    folder = Path(site.station.settings.storage) / "certificates" / "csms"
    return len(list(folder.glob("*.pem"))), len(list((folder / "fallback").glob("*.pem")))


def migrating(on_2x: OnSite, test: Any, ca: Any, serving: Any) -> None:
    opening = serving(ca.server())
    on_2x(test, password=PASSWORD, ca_file=str(ca.file), opening=opening, is_managed=True, variables=CHECKED)


@pytest.mark.ocpp("2.0.1:B10.FR.04", "2.0.1:M05.FR.12", "2.0.1:M05.FR.13", "2.0.1:TC_B_50")
def test_the_new_root_takes_over_where_it_is_proven(on_2x: OnSite, ca: Any, serving: Any, back_office: Any) -> None:
    new, other = ca.successor("new"), back_office()

    async def test(site: Any) -> None:
        serving(new.server())(other)
        await other.open()
        await move(site, other.url, new.pem)
        assert (await other.heard("BootNotification"))["reason"] == "RemoteReset"
        await until(lambda: roots(site) == (1, 0))
        assert site.csms.connections == 1
        await other.close()

    migrating(on_2x, test, ca, serving)


@pytest.mark.ocpp("2.0.1:B10.FR.07", "2.0.1:M05.FR.15", "2.0.1:M05.FR.16", "2.0.1:TC_B_47")
def test_where_it_is_not_the_old_root_leads_back(on_2x: OnSite, ca: Any, serving: Any, back_office: Any) -> None:
    new, other = ca.successor("new"), back_office()

    async def test(site: Any) -> None:
        serving(ca.server())(other)  # of the old root: not good enough for a new back office
        await other.open()
        await move(site, other.url, new.pem)
        assert (await site.csms.heard("BootNotification", 2))["reason"] == "RemoteReset"
        assert other.connections == 0
        await until(lambda: site.client.connected)
        found = await site.csms.ask("GetInstalledCertificateIds", certificate_type=["CSMSRootCertificate"])
        assert (found.status, len(found.certificate_hash_data_chain)) == ("Accepted", 2)
        assert roots(site) == (1, 1)
        await other.close()

    migrating(on_2x, test, ca, serving)
