"""Block D of 2.0.1 and 2.1, and the local list of 1.6 (3.5.2, 5.10, 5.15), over a real socket."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.exceptions import OCPPError
from ocpp.v16 import call_result as result16

On = Callable[..., None]


def entry(token: str, status: str | None = "Accepted", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"idToken": {"idToken": token, "type": "ISO14443"}}
    return found if status is None else {**found, "idTokenInfo": {"status": status, **more}}


async def send(lab: Any, version: int, kind: str, *entries: dict[str, Any]) -> str:
    more = {"local_authorization_list": list(entries)} if entries else {}
    answer = await lab.csms.ask("SendLocalList", version_number=version, update_type=kind, **more)
    if answer.status != "Accepted":
        assert answer.status_info["additional_info"]
    return str(answer.status)


async def version(lab: Any) -> int:
    return int((await lab.csms.ask("GetLocalListVersion")).version_number)


async def says(lab: Any, token: str) -> str:
    """Swipe: what the list says, or that the back office was asked."""
    before = lab.csms.actions().count("Authorize")
    outcome = await lab.swipe(token)
    if outcome.accepted:
        await lab.swipe(token)  # withdrawn
    if lab.csms.actions().count("Authorize") > before:
        return "asked"
    return "Accepted" if outcome.accepted else "refused"


LOCALLY = {"AuthCtrlr.LocalPreAuthorize": "true", "LocalAuthListCtrlr.DisablePostAuthorize": "true"}


@pytest.mark.ocpp("2.0.1:D01.FR.01", "2.0.1:D01.FR.02", "2.0.1:D01.FR.15", "2.0.1:D01.FR.16", "2.0.1:D01.FR.17")
@pytest.mark.ocpp("2.0.1:D01.FR.04", "2.0.1:D01.FR.05", "2.0.1:D01.FR.09", "2.0.1:D02.FR.01", "2.0.1:D02.FR.02")
@pytest.mark.ocpp("2.0.1:C14.FR.02", "2.0.1:C13.FR.03", "2.0.1:C01.FR.05")
def test_a_list_is_sent_changed_and_emptied(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await version(lab) == 0
        assert await send(lab, 1, "Full", entry("A"), entry("B", "Blocked")) == "Accepted"
        assert (await version(lab), await says(lab, "A"), await says(lab, "B")) == (1, "Accepted", "refused")
        assert await send(lab, 2, "Differential", entry("B"), entry("C")) == "Accepted"
        assert [await says(lab, token) for token in "ABC"] == ["Accepted"] * 3
        assert await send(lab, 3, "Differential", entry("A", None)) == "Accepted"
        assert [await says(lab, token) for token in "ABC"] == ["asked", "Accepted", "Accepted"]
        assert await send(lab, 4, "Differential") == "Accepted"
        assert (await version(lab), await says(lab, "C")) == (4, "Accepted")
        assert await send(lab, 2, "Full", entry("D")) == "Accepted"  # a full one may go back
        assert (await version(lab), await says(lab, "C")) == (2, "asked")
        assert await send(lab, 9, "Full") == "Accepted"
        assert (await version(lab), len(lab.station.authorizer.local_list)) == (9, 0)

    on_2x(test, variables={**LOCALLY, "AuthCacheCtrlr.Enabled": "false"})


@pytest.mark.ocpp("2.0.1:C14.FR.01")
def test_the_list_counts_before_the_cache(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert [await says(lab, "A"), await says(lab, "A")] == ["asked", "Accepted"]  # now it is cached
        assert await send(lab, 1, "Full", entry("A", "Blocked")) == "Accepted"
        assert await says(lab, "A") == "refused"
        assert not (await lab.swipe("A", 2)).accepted

    on_2x(test, variables=LOCALLY)


@pytest.mark.ocpp("2.0.1:D01.FR.06", "2.0.1:D01.FR.18", "2.0.1:D01.FR.19", "2.0.1:D01.FR.13", "2.0.1:D02.FR.03")
def test_what_is_wrong_changes_nothing(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert await send(lab, 5, "Full", entry("A")) == "Accepted"
        assert await send(lab, 0, "Full", entry("B")) == "Failed"
        assert await send(lab, 5, "Differential", entry("B")) == "VersionMismatch"
        assert await send(lab, 6, "Differential", entry("B"), entry("b")) == "Failed"
        assert await send(lab, 6, "Full", entry("B", None)) == "Failed"
        assert (await version(lab), len(lab.station.authorizer.local_list)) == (5, 1)
        lab.station.set_variable("LocalAuthListCtrlr.Enabled", "false")
        assert await version(lab) == 0
        assert await send(lab, 7, "Full", entry("B")) == "Failed"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:D01.FR.11", "2.0.1:D01.FR.12")
def test_a_list_too_long_for_one_message(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        with pytest.raises(OCPPError) as refused:
            await send(lab, 1, "Full", *(entry(f"T{n}") for n in range(401)))
        assert refused.value.code == "OccurrenceConstraintViolation"
        message = {"format": "UTF8", "content": "x" * 500}
        with pytest.raises(OCPPError) as refused:
            await send(lab, 1, "Full", *(entry(f"T{n}", personalMessage=message) for n in range(200)))
        assert refused.value.code == "FormatViolation"
        for part in range(5):
            some = [entry(f"T{part}-{n}") for n in range(400)]
            assert await send(lab, part + 1, "Differential" if part else "Full", *some) == "Accepted"
        assert await send(lab, 9, "Differential", entry("V")) == "Failed"  # 2000 fit
        name = {"component": {"name": "LocalAuthListCtrlr"}, "variable": {"name": "Entries"}}
        answer = await lab.csms.ask("GetVariables", get_variable_data=[name])
        assert answer.get_variable_result[0]["attribute_value"] == "2000"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:D01.FR.10")
def test_the_list_survives_a_restart(on_2x: On) -> None:
    async def before(lab: Any) -> None:
        assert await send(lab, 3, "Full", entry("A")) == "Accepted"
        await lab.station.journal.execute_in_writer(lambda connection: None)

    async def after(lab: Any) -> None:
        assert (await version(lab), await says(lab, "A")) == (3, "Accepted")

    on_2x(before)
    on_2x(after, variables=LOCALLY)


@pytest.mark.ocpp("2.0.1:C14.FR.03", "2.0.1:C14.FR.04", "2.0.1:C14.FR.05", "2.0.1:C01.FR.02", "2.0.1:C13.FR.01")
@pytest.mark.ocpp("2.0.1:C01.FR.21")
def test_online_the_list_answers_for_who_is_good_and_asks_for_the_rest(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await send(
            lab,
            1,
            "Full",
            entry("GOOD", cacheExpiryDateTime="2027-01-16T12:00:00Z"),
            entry("PAST", cacheExpiryDateTime="2027-01-14T12:00:00Z"),
            entry("BAD", "Blocked"),
            entry("SECOND", evseId=[2]),
        )
        found = [await says(lab, token) for token in ("GOOD", "PAST", "BAD", "NEW")]
        assert found == ["Accepted", "asked", "asked", "asked"]
        assert await says(lab, "SECOND") == "refused"
        assert (await lab.swipe("SECOND", 2)).accepted

    on_2x(test, variables={"AuthCtrlr.LocalPreAuthorize": "true"})


@pytest.mark.ocpp("2.0.1:C13.FR.02", "2.0.1:C13.FR.04", "2.0.1:C13.FR.05", "2.0.1:C13.FR.06", "2.0.1:C15.FR.08")
@pytest.mark.ocpp("2.0.1:TC_C_26")
@pytest.mark.parametrize("expires", ["true", "false"])
@pytest.mark.parametrize("unknown", ["true", "false"])
def test_offline_the_list_decides(on_2x: On, unknown: str, expires: str) -> None:
    async def test(lab: Any) -> None:
        past = entry("PAST", cacheExpiryDateTime="2027-01-14T12:00:00Z")
        await send(lab, 1, "Full", entry("GOOD"), past, entry("BAD", "Blocked"))
        await lab.csms.close()
        await lab.csms.drop()
        await lab.until(lambda: lab.station.offline)
        found = [await says(lab, token) for token in ("GOOD", "BAD", "PAST", "NEW")]
        who = "Accepted" if unknown == "true" else "refused"
        past_says = "refused" if expires == "true" else "Accepted"
        assert found == ["Accepted", "refused", past_says, who]

    switches = {
        "AuthCtrlr.OfflineTxForUnknownIdEnabled": unknown,
        "LocalAuthListCtrlr.SupportsExpiryDateTime": expires,
    }
    on_2x(test, variables=switches)


# --- 1.6 ------------------------------------------------------------------------------------------------------------


def entry_16(tag: str, status: str | None = "Accepted", **more: Any) -> dict[str, Any]:
    return {"idTag": tag} if status is None else {"idTag": tag, "idTagInfo": {"status": status, **more}}


async def send_16(lab: Any, number: int, kind: str, *entries: dict[str, Any]) -> str:
    found = list(entries)
    answer = await lab.csms.ask("SendLocalList", list_version=number, update_type=kind, local_authorization_list=found)
    return str(answer.status)


async def version_16(lab: Any) -> int:
    return int((await lab.csms.ask("GetLocalListVersion")).list_version)


@pytest.mark.ocpp("1.6:SendLocalList", "1.6:GetLocalListVersion", "1.6:TC_042_2", "1.6:TC_043_2", "1.6:TC_043_4")
@pytest.mark.ocpp("1.6:TC_043_5", "1.6:TC_008", "1.6:TC_043_3")
def test_16_a_list_is_sent_and_changed(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await version_16(lab) == 0
        assert await send_16(lab, 1, "Full", entry_16("A"), entry_16("B", "Blocked")) == "Accepted"
        assert (await version_16(lab), await says(lab, "A"), await says(lab, "B")) == (1, "Accepted", "refused")
        assert await send_16(lab, 1, "Differential", entry_16("C")) == "VersionMismatch"
        assert await send_16(lab, 2, "Differential", entry_16("A", None), entry_16("C")) == "Accepted"
        assert (await says(lab, "A"), await says(lab, "C")) == ("asked", "Accepted")
        assert await send_16(lab, 3, "Full", entry_16("A"), entry_16("A")) == "Failed"
        assert await send_16(lab, 3, "Full", *(entry_16(f"T{n}") for n in range(401))) == "Failed"
        assert await send_16(lab, -1, "Full", entry_16("A")) == "Failed"
        assert await send_16(lab, 4, "Full") == "Accepted"
        assert await version_16(lab) == 0  # 5.10: it is empty

    on_16(test, variables={**LOCALLY, "AuthCacheCtrlr.Enabled": "false"})


@pytest.mark.ocpp("1.6:SendLocalList", "1.6:GetLocalListVersion", "1.6:TC_042_1", "1.6:TC_043_1")
def test_16_switched_off_it_is_not_supported(on_16: On) -> None:
    async def test(lab: Any) -> None:
        assert await version_16(lab) == -1
        assert await send_16(lab, 1, "Full", entry_16("A")) == "NotSupported"

    on_16(test, variables={"LocalAuthListCtrlr.Enabled": "false"})


@pytest.mark.ocpp("1.6:SendLocalList", "1.6:StatusNotification", "1.6:StartTransaction")
def test_16_a_list_that_says_otherwise_than_the_central_system_is_told(on_16: On) -> None:
    """3.5.2: connector 0, LocalListConflict; and again without it when its state changes."""

    async def test(lab: Any) -> None:
        await send_16(lab, 1, "Full", entry_16("DRIVER"))
        refused = result16.StartTransaction(transaction_id=5, id_tag_info={"status": "Blocked"})
        lab.csms.replies["StartTransaction"].append(refused)
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert (await lab.swipe("DRIVER")).accepted
        told = await lab.csms.heard("StatusNotification", connectorId=0, errorCode="LocalListConflict")
        assert (told["status"], told["info"]) == ("Available", "DRIVER: Blocked, listed as Accepted")
        assert (await lab.csms.heard("StopTransaction"))["reason"] == "DeAuthorized"
        before = lab.csms.actions().count("StatusNotification")
        await lab.csms.ask("ChangeAvailability", connector_id=0, type="Inoperative")
        await lab.csms.heard("StatusNotification", connectorId=2, status="Unavailable")
        assert lab.csms.actions().count("StatusNotification") > before
        assert sum(p.get("errorCode") == "LocalListConflict" for _, p in lab.csms.calls) == 1

    on_16(test, variables=LOCALLY)
