"""Passwords, security profiles and connection profiles, between a real station and a real server."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from websockets.protocol import State

from firmware.station.facts import SecurityEvent

OnSite = Callable[..., None]
OLD, NEW = "the-old-password-of-16", "a-new-password-of-16+"
QUICK = {"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "1"}
PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
ACTIVE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "ActiveNetworkProfile"}}
LEVEL = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is asserted itself
            await asyncio.sleep(0.02)


def events(site: Any) -> list[str]:
    return [fact.kind for fact in site.facts if isinstance(fact, SecurityEvent)]


async def set_one(site: Any, what: dict[str, Any], value: str) -> str:
    answer = await site.csms.ask("SetVariables", set_variable_data=[{**what, "attributeValue": value}])
    status: str = answer.set_variable_result[0]["attribute_status"]
    return status


async def get_one(site: Any, what: dict[str, Any]) -> Any:
    answer = await site.csms.ask("GetVariables", get_variable_data=[what])
    return answer.get_variable_result[0]


def server_wants(password: str | bytes) -> Callable[[Any], None]:
    def opening(csms: Any) -> None:
        csms.password = password

    return opening


# --- A01 ------------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.x:A01.FR.01", "2.x:A01.FR.02", "2.x:A01.FR.11", "2.x:A01.FR.12", "2.0.1:TC_A_09")
def test_a_new_password_is_used_at_once_and_never_shown(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert await set_one(site, PASSWORD, NEW) == "Accepted"
        site.csms.password = NEW
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert (await get_one(site, PASSWORD))["attribute_status"] == "Rejected"
        await until(lambda: "ReconfigurationOfSecurityParameters" in events(site))
        assert not [fact for fact in site.facts if NEW in str(fact)]

    on_2x(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("2.x:A01.FR.03", "2.0.1:TC_A_01")
def test_a_password_the_back_office_does_not_know_is_given_up_for_the_old_one(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert await set_one(site, PASSWORD, NEW) == "Accepted"
        await until(lambda: len(site.csms.logins) >= 3 and site.client.connected)
        first, second, third = site.csms.logins[:3]
        assert first == third != second
        await until(lambda: "FailedToAuthenticateAtCsms" in events(site))
        assert site.client._uplink.profiles.secrets(1).old is None

    on_2x(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("2.x:A00.FR.205", "2.x:A00.FR.304", "2.0.1:TC_A_10")
@pytest.mark.parametrize("value", ["fifteen-letters", "x" * 41, "sixteen letters and blanks", "sechzehn-ümläute"])
def test_what_is_no_password_is_rejected(on_2x: OnSite, value: str) -> None:
    async def test(site: Any) -> None:
        assert await set_one(site, PASSWORD, value) == "Rejected"
        assert site.client._uplink.profiles.secrets(1).current.text == OLD

    on_2x(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("1.6:AuthorizationKey", "1.6:A01.FR.02", "1.6:A00.FR.205", "1.6:TC_073")
def test_16_hexadecimal_digits_mean_octets(on_site: OnSite) -> None:
    key = "00ff10" * 6

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        answer = await site.csms.ask("ChangeConfiguration", key="AuthorizationKey", value=key)
        assert answer.status == "Accepted"
        site.csms.password = bytes.fromhex(key)
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        shown = await site.csms.ask("GetConfiguration", key=["AuthorizationKey"])
        assert shown.unknown_key == ["AuthorizationKey"]
        assert not [fact for fact in site.facts if key in str(fact)]

    on_site(test, version="1.6", password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("1.6:AuthorizationKey", "1.6:A00.FR.205")
@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("00" * 7, "Rejected"),
        ("00" * 16, "Accepted"),
        ("00" * 20, "Accepted"),
        ("00" * 21, "Rejected"),
        ("fifteen-letters", "Rejected"),
        (NEW, "Accepted"),
        ("with some blanks in it", "Rejected"),
    ],
)
def test_16_keys_are_16_to_20_octets_or_a_text(on_site: OnSite, key: str, status: str) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        answer = await site.csms.ask("ChangeConfiguration", key="AuthorizationKey", value=key)
        assert answer.status == status

    on_site(test, version="1.6", password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("1.6:AuthorizationKey", "1.6:A01.FR.04")
def test_16_a_key_that_the_back_office_does_not_know_is_given_up_for_the_old_one(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        answer = await site.csms.ask("ChangeConfiguration", key="AuthorizationKey", value="00ff10" * 6)
        assert answer.status == "Accepted"
        await until(lambda: len(site.csms.logins) >= 3 and site.client.connected)
        first, second, third = site.csms.logins[:3]
        assert first == third != second
        assert site.client._uplink.profiles.secrets(1).old is None

    on_site(test, version="1.6", password=OLD, opening=server_wants(OLD))


# --- A05 in 1.6 -----------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("1.6:SecurityProfile", "1.6:A05.FR.02", "1.6:TC_083", "1.6:TC_084")
def test_16_a_higher_profile_needs_what_it_needs_and_no_way_leads_back(on_site: OnSite) -> None:
    async def change(site: Any, value: str) -> str:
        answer = await site.csms.ask("ChangeConfiguration", key="SecurityProfile", value=value)
        status: str = answer.status
        return status

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert await change(site, "2") == "Rejected"  # no root
        assert await change(site, "1") == "Rejected"  # no password
        await site.csms.ask("ChangeConfiguration", key="AuthorizationKey", value=NEW)
        assert await change(site, "1") == "Accepted"
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        answer = await site.csms.ask("GetConfiguration", key=["SecurityProfile"])
        assert answer.configuration_key[0]["value"] == "1"
        assert await change(site, "0") == "Rejected"

    on_site(test, version="1.6")


# --- B09, B10 -------------------------------------------------------------------------------------------------------


def network(url: str, profile: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 30,
        "securityProfile": profile,
        "ocppInterface": "Wired0",
        **more,
    }


@pytest.mark.ocpp("2.0.1:B09.FR.02", "2.0.1:B09.FR.04", "2.0.1:B09.FR.05", "2.0.1:TC_B_43", "2.0.1:TC_A_22")
@pytest.mark.parametrize(
    ("slot", "data"),
    [
        (9, network("ws://127.0.0.1:1/x")),
        (1, network("ws://127.0.0.1:1/x")),  # in use
        (2, network("ws://127.0.0.1:1/x", 0)),  # a downgrade
        (2, network("http://127.0.0.1/x")),
        (2, network("ws://127.0.0.1:1/x", 2)),  # TLS over ws
        (2, network("wss://127.0.0.1:1/x", 1)),
        (2, network("ws://127.0.0.1:1/x", ocppTransport="SOAP")),
        (2, network("ws://127.0.0.1:1/x", messageTimeout=0)),
        (
            2,
            network(
                "ws://127.0.0.1:1/x", vpn={"server": "v", "user": "u", "password": "p", "key": "k", "type": "L2TP"}
            ),
        ),
    ],
)
def test_what_is_no_connection_profile_is_rejected(on_site: OnSite, slot: int, data: dict[str, Any]) -> None:
    async def test(site: Any) -> None:
        await site.told("BootNotification")
        answer = await site.csms.ask("SetNetworkProfile", configuration_slot=slot, connection_data=data)
        assert answer.status == "Rejected"
        assert answer.status_info["additional_info"]

    on_site(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("2.x:B09.FR.01", "2.x:B10.FR.01", "2.x:B10.FR.02", "2.x:A05.FR.02", "2.0.1:TC_A_20")
def test_the_order_of_profiles_is_checked_slot_by_slot(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert await set_one(site, PRIORITY, "2,1") == "Rejected"  # slot 2 is empty
        data = network("wss://127.0.0.1:1/x", 2)
        answer = await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=data)
        assert answer.status == "Accepted"
        assert await set_one(site, PRIORITY, "2,1") == "Rejected"  # no CSMS root is installed
        assert (await get_one(site, PRIORITY))["attribute_value"] == "1"
        assert (await get_one(site, LEVEL))["attribute_value"] == "1"
        assert await set_one(site, PRIORITY, "1") == "RebootRequired"
        assert site.csms.connections == 1

    on_2x(test, password=OLD, opening=server_wants(OLD))


async def to_slot_2(site: Any, url: str, order: str = "2,1") -> None:
    """The back office sets a second profile and the order, and has the station reboot."""
    answer = await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=network(url))
    assert answer.status == "Accepted"
    assert await set_one(site, PRIORITY, order) == "RebootRequired"
    assert (await site.csms.ask("Reset", type="OnIdle")).status == "Accepted"
    await site.reboot()


@pytest.mark.ocpp("2.0.1:B10.FR.04", "2.0.1:B10.FR.06", "2.0.1:TC_B_45")
def test_after_a_reboot_the_first_profile_is_dialled(on_2x: OnSite, back_office: Any) -> None:
    other = back_office()
    left: list[bool] = []

    async def test(site: Any) -> None:
        await other.open()
        old = site.csms.point.socket
        other.on_call = lambda frame: left.append(old.state is not State.OPEN)
        await to_slot_2(site, other.url)
        boot = await other.heard("BootNotification")
        assert left[0], "the old one was left first"
        assert boot["reason"] == "RemoteReset"
        assert site.csms.connections == 1
        await until(lambda: site.client.connected)
        answer = await other.ask("GetVariables", get_variable_data=[ACTIVE])
        assert answer.get_variable_result[0]["attribute_value"] == "2"
        await other.close()

    on_2x(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("2.0.1:B10.FR.03", "2.0.1:B10.FR.07", "2.0.1:TC_B_46", "2.0.1:TC_B_49")
def test_after_every_profile_failed_the_last_that_worked_is_tried_again(on_2x: OnSite, back_office: Any) -> None:
    other = back_office()
    other.password = "of somebody else"

    async def test(site: Any) -> None:
        await other.open()
        site.csms.password = "of somebody else"  # neither accepts the station
        before = len(site.csms.logins)
        await to_slot_2(site, other.url)
        await until(lambda: len(other.logins) == 2)  # attempts as many as NetworkProfileConnectionAttempts
        assert len(site.csms.logins) == before
        await until(lambda: len(site.csms.logins) == before + 2)
        assert len(other.logins) == 2
        await until(lambda: len(site.csms.logins) == before + 3)  # fallen back to it: once more
        site.csms.password = OLD
        await site.csms.heard("BootNotification", reason="RemoteReset")
        assert len(other.logins) == 2
        await until(lambda: site.client.connected)
        assert (await get_one(site, ACTIVE))["attribute_value"] == "1"
        await other.close()

    twice = {"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "2", "OCPPCommCtrlr.RetryBackOffRepeatTimes": "0"}
    on_2x(test, password=OLD, opening=server_wants(OLD), variables=twice)


@pytest.mark.ocpp("2.0.1:B10.FR.10")
def test_who_moves_to_another_profile_registers_there(on_2x: OnSite, back_office: Any) -> None:
    """Errata 2025-04: though it did not reboot."""
    other = back_office()

    async def test(site: Any) -> None:
        await other.open()
        await to_slot_2(site, other.url, "1,2")
        await site.csms.heard("BootNotification", 2)
        await until(lambda: site.client.connected)
        await site.csms.close()
        boot = await other.heard("BootNotification")
        assert boot["chargingStation"]["serialNumber"] == "S-1"
        await until(lambda: site.client.connected)
        await other.close()

    on_2x(test, password=OLD, opening=server_wants(OLD), variables=QUICK)


@pytest.mark.ocpp("2.0.1:A00.FR.202", "2.0.1:A00.FR.203", "2.0.1:A00.FR.204", "2.0.1:A00.FR.04")
def test_every_connection_shows_name_and_password(on_2x: OnSite) -> None:
    basic = "Basic " + base64.b64encode(f"CS-1:{OLD}".encode()).decode()

    async def test(site: Any) -> None:
        await site.csms.drop()
        await until(lambda: site.csms.connections == 2 and site.client.connected)
        assert site.csms.logins == [basic, basic]
        assert site.csms.point.socket.request.path == "/ocpp/CS-1"

    on_2x(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("2.0.1:A00.FR.05", "2.0.1:A05.FR.10", "2.0.1:B09.FR.04", "2.0.1:TC_A_22")
def test_no_message_lowers_the_security_profile(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        low = network("ws://127.0.0.1:1/x", 0)
        answer = await site.csms.ask("SetNetworkProfile", configuration_slot=2, connection_data=low)
        assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", "NoSecurityDowngrade")
        assert await set_one(site, LEVEL, "0") == "Rejected"
        slot = {"component": {"name": "NetworkConfiguration", "instance": "2"}}
        assert await set_one(site, {**slot, "variable": {"name": "SecurityProfile"}}, "0") == "Rejected"
        profiles = site.client._uplink.profiles  # a slot from before the profile was raised
        profiles.set(msgspec.structs.replace(profiles.get(1), slot=2, security_profile=0))
        assert await set_one(site, PRIORITY, "2,1") == "Rejected"
        assert await set_one(site, PRIORITY, "1,2") == "Rejected"
        data = await site.csms.ask("DataTransfer", vendor_id="x", message_id="SecurityProfile", data="0")
        assert data.status == "UnknownVendorId"
        assert (await get_one(site, LEVEL))["attribute_value"] == "1"

    on_2x(test, password=OLD, opening=server_wants(OLD))


@pytest.mark.ocpp("2.1:B09.FR.08", "2.1:B09.FR.10", "2.1:B09.FR.13", "2.1:B09.FR.22", "2.1:B09.FR.24", "2.1:B09.FR.25")
def test_21_a_slot_is_a_component(on_site: OnSite) -> None:
    def of(slot: str, name: str) -> dict[str, Any]:
        return {"component": {"name": "NetworkConfiguration", "instance": slot}, "variable": {"name": name}}

    async def test(site: Any) -> None:
        await site.told("BootNotification")
        assert await set_one(site, of("1", "OcppCsmsUrl"), "ws://elsewhere/x") == "Rejected"  # in use
        assert await set_one(site, of("2", "OcppCsmsUrl"), "nonsense") == "Rejected"
        assert await set_one(site, of("2", "SecurityProfile"), "1") == "Accepted"
        assert await set_one(site, of("2", "OcppCsmsUrl"), "ws://elsewhere/x") == "Accepted"
        assert await set_one(site, of("2", "ApnEnabled"), "true") == "Rejected"
        assert (await get_one(site, of("2", "OcppCsmsUrl")))["attribute_value"] == "ws://elsewhere/x"
        assert (await get_one(site, of("1", "BasicAuthPassword")))["attribute_status"] == "Rejected"

    on_site(test, version="2.1", password=OLD, opening=server_wants(OLD))
