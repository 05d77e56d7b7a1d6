"""Block C of 2.0.1 and 2.1: who may charge, over a real socket, with a station that can."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

On = Callable[..., None]
FAMILY = {"idToken": "FAMILY", "type": "Central"}
LOCALLY = {"AuthCtrlr.LocalPreAuthorize": "true"}


def says(lab: Any, action: str, status: str = "Accepted", **info: Any) -> None:
    """What the back office answers to the next such call."""
    kinds = {"2.0.1": result201, "2.1": result21}[lab.version]
    lab.csms.replies[action].append(getattr(kinds, action)(id_token_info={"status": status, **info}))


def asked(lab: Any) -> list[str]:
    return [payload["idToken"]["idToken"] for action, payload in lab.csms.calls if action == "Authorize"]


async def offline(lab: Any) -> None:
    await lab.csms.close()
    await lab.csms.drop()
    await lab.until(lambda: lab.station.offline)


async def ended(lab: Any, evse: int = 1) -> dict[str, Any]:
    await lab.until(lambda: lab.station.evses[evse].transaction_id is None)
    found: dict[str, Any] = await lab.csms.heard("TransactionEvent", eventType="Ended")
    return found


def events(lab: Any) -> list[dict[str, Any]]:
    return [payload for action, payload in lab.csms.calls if action == "TransactionEvent"]


def state_of(event: dict[str, Any]) -> Any:
    return event["transactionInfo"].get("chargingState")


async def written(lab: Any) -> None:
    await lab.station.journal.execute_in_writer(lambda connection: None)


# --- asked for ------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:C01.FR.01", "2.0.1:C01.FR.02", "2.0.1:C01.FR.04", "2.0.1:C06.FR.01", "2.0.1:C06.FR.02")
@pytest.mark.ocpp("2.0.1:C06.FR.03", "2.0.1:C08.FR.01", "2.0.1:C08.FR.02", "2.0.1:C04.FR.03")
@pytest.mark.parametrize("kind", ["ISO14443", "Local", "KeyCode", "MacAddress"])
def test_energy_flows_only_after_the_back_office_said_yes(on_2x: On, kind: str) -> None:
    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert not lab.station.evses[1].closed
        assert (await lab.swipe("DRIVER", kind=kind)).accepted
        await lab.until(lambda: lab.station.evses[1].closed)
        assert (await lab.csms.heard("Authorize"))["idToken"] == {"idToken": "DRIVER", "type": kind}
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert started["idToken"]["idToken"] == "DRIVER"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:TC_C_02", "2.0.1:TC_C_06", "2.0.1:TC_C_07", "2.0.1:TC_C_56", "2.1:C17.FR.02", "2.1:C17.FR.05")
@pytest.mark.parametrize(
    "status",
    [
        "Blocked",
        "ConcurrentTx",
        "Expired",
        "Invalid",
        "NoCredit",
        "NotAllowedTypeEVSE",
        "NotAtThisLocation",
        "NotAtThisTime",
        "Unknown",
    ],
)
def test_every_other_word_is_a_no(at_plug: Any, status: str) -> None:
    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        says(lab, "Authorize", status)
        outcome = await lab.swipe("DRIVER")
        assert not outcome.accepted and status in outcome.reason
        assert lab.station.evses[1].id_token is None
        await lab.charge("ANOTHER")  # nobody is kept from charging by that

    at_plug(test, "2.1" if status in {"NoCredit", "Unknown"} else "2.0.1")


@pytest.mark.ocpp("2.0.1:C01.FR.12", "2.0.1:C01.FR.13")
def test_what_the_back_office_has_to_say_to_the_driver_is_what_is_said(on_2x: On) -> None:
    """In whatever language; this station's own words are English."""

    async def test(lab: Any) -> None:
        message = {"format": "UTF8", "language": "de", "content": "Bitte rufen Sie uns an."}
        says(lab, "Authorize", "Blocked", language1="de", personalMessage=message)
        assert (await lab.swipe("DRIVER")).reason == "Bitte rufen Sie uns an."

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C01.FR.21")
def test_a_token_for_some_evses_charges_at_those(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            says(lab, "Authorize", evseId=[2])
        assert "EVSE 1" in (await lab.swipe("DRIVER", 1)).reason
        assert (await lab.swipe("DRIVER", 2)).accepted

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C01.FR.26")
def test_who_does_not_plug_in_is_forgotten(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert (await lab.swipe("DRIVER")).accepted
        await lab.wait(59)
        assert lab.station.evses[1].id_token is not None
        await lab.wait(2)
        assert lab.station.evses[1].id_token is None

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C02.FR.01", "2.0.1:C02.FR.03")
def test_without_authorization_there_is_no_token(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        says(lab, "TransactionEvent")
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].closed)
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert started["idToken"] == {"idToken": "", "type": "NoAuthorization"}
        await lab.site.told("TransactionEvent")
        assert lab.station.authorizer._cache == {}
        assert asked(lab) == []

    on_2x(test, variables={"AuthCtrlr.Enabled": "false"})


@pytest.mark.ocpp("2.0.1:C03.FR.01", "2.0.1:C03.FR.02", "2.0.1:C05.FR.01", "2.0.1:C05.FR.02", "2.0.1:C05.FR.03")
@pytest.mark.ocpp("2.0.1:C05.FR.05")
def test_a_central_token_is_neither_asked_for_nor_kept(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        says(lab, "TransactionEvent")
        token = {"idToken": "APP", "type": "Central"}
        await lab.csms.ask("RequestStartTransaction", id_token=token, remote_start_id=5, evse_id=1)
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert (started["idToken"], started["transactionInfo"]["remoteStartId"]) == (token, 5)
        await lab.site.told("TransactionEvent")
        await lab.quiet()  # it knows the answer, which says Accepted
        assert asked(lab) == []
        assert lab.station.authorizer._cache == {}

    on_2x(test, variables={"AuthCtrlr.AuthorizeRemoteStart": "true"})


@pytest.mark.ocpp("2.0.1:C10.FR.09")
def test_what_charging_costs_is_not_cached(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        tariff = {"format": "UTF8", "content": "0.42 EUR/kWh"}
        says(lab, "Authorize", personalMessage=tariff)
        assert (await lab.swipe("DRIVER")).accepted
        (cached,) = lab.station.authorizer._cache.values()
        assert (cached.status, "0.42" in str(cached)) == ("Accepted", False)

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C04.FR.04")
def test_a_key_code_is_in_no_log(on_2x: On, caplog: pytest.LogCaptureFixture) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("24681357", kind="KeyCode")
        await lab.csms.heard("TransactionEvent", eventType="Started")
        frames = [fact.text for fact in lab.site.facts if type(fact).__name__ == "BackOfficeMessage"]
        assert not [text for text in frames if "24681357" in text]
        assert "24681357" not in "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("firmware"))

    with caplog.at_level("DEBUG"):
        on_2x(test)


# --- the same token, its group, others ------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:C01.FR.03", "2.0.1:C09.FR.07", "2.0.1:C01.FR.25")
def test_the_token_that_began_ends_it_without_a_question(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("Driver")
        assert not (await lab.swipe("DRIVER", kind="KeyCode")).accepted  # equal only in text
        assert (await lab.swipe("DRIVER")).accepted
        event = await ended(lab)
        assert (event["triggerReason"], event["transactionInfo"].get("stoppedReason")) == ("StopAuthorized", "Local")
        assert asked(lab) == ["Driver"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C09.FR.03", "2.0.1:C09.FR.05", "2.0.1:TC_C_39")
def test_another_of_the_group_is_asked_for_and_ends_it(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            says(lab, "Authorize", groupIdToken=FAMILY)
        await lab.charge("FATHER")
        assert (await lab.swipe("SON")).accepted
        event = await ended(lab)
        assert event["idToken"]["idToken"] == "SON"
        assert asked(lab) == ["FATHER", "SON"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C09.FR.04", "2.0.1:C09.FR.07", "2.0.1:C01.FR.03", "2.0.1:TC_C_41")
def test_another_of_the_group_that_is_known_ends_it_without_a_question(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            says(lab, "Authorize", groupIdToken=FAMILY)
        await lab.swipe("SON", 2)
        await lab.swipe("SON", 2)  # now in the cache
        await lab.charge("FATHER")
        assert (await lab.swipe("SON")).accepted
        await ended(lab)
        assert asked(lab) == ["SON", "FATHER"]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:C09.FR.11", "2.0.1:TC_C_42", "2.0.1:TC_C_44", "2.0.1:TC_C_04", "2.0.1:C01.FR.23")
@pytest.mark.parametrize(("status", "group"), [("Blocked", FAMILY), ("Accepted", {"idToken": "X", "type": "Central"})])
def test_nobody_else_ends_it(on_2x: On, status: str, group: dict[str, str]) -> None:
    async def test(lab: Any) -> None:
        says(lab, "Authorize", groupIdToken=FAMILY)
        says(lab, "Authorize", status, groupIdToken=group)
        await lab.charge("FATHER")
        assert not (await lab.swipe("OTHER")).accepted
        assert lab.station.evses[1].closed

    on_2x(test)


# --- cache ----------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:C10.FR.01", "2.0.1:C10.FR.04", "2.0.1:C12.FR.02", "2.0.1:C12.FR.04", "2.0.1:TC_C_08")
@pytest.mark.ocpp("2.0.1:C12.FR.06", "2.0.1:TC_C_33", "2.0.1:C01.FR.05", "2.0.1:TC_C_13")
def test_who_was_accepted_before_charges_without_a_question(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("DRIVER")
        await lab.swipe("DRIVER")
        await ended(lab)
        lab.move(level="A")
        await lab.until(lambda: not lab.station.evses[1].plugged)
        await lab.charge("DRIVER")
        assert asked(lab) == ["DRIVER"]
        again = await lab.csms.heard("TransactionEvent", 2, eventType="Started")
        assert again["idToken"]["idToken"] == "DRIVER"

    on_2x(test, variables=LOCALLY)


@pytest.mark.ocpp("2.0.1:C10.FR.03", "2.0.1:C12.FR.05", "2.0.1:TC_C_09", "2.0.1:TC_C_10", "2.0.1:TC_C_57")
@pytest.mark.parametrize("disabled", ["true", "false"])
def test_who_was_refused_before_is_asked_for_again(on_2x: On, disabled: str) -> None:
    async def test(lab: Any) -> None:
        says(lab, "Authorize", "Blocked")
        assert not (await lab.swipe("DRIVER")).accepted
        assert (await lab.swipe("DRIVER")).accepted is (disabled == "false")
        assert len(asked(lab)) == (1 if disabled == "true" else 2)

    on_2x(test, variables={**LOCALLY, "AuthCacheCtrlr.DisablePostAuthorize": disabled})


@pytest.mark.ocpp("2.0.1:C10.FR.05", "2.0.1:TC_C_34")
def test_the_answer_to_a_transaction_is_kept_too(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        says(lab, "TransactionEvent", "Blocked")
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert (await lab.swipe("DRIVER")).accepted
        await lab.csms.heard("TransactionEvent", eventType="Ended")
        await offline(lab)
        lab.move(level="A")
        assert (await lab.swipe("DRIVER", 2)).reason == "the back office last said Blocked"

    on_2x(test, variables=LOCALLY)


@pytest.mark.ocpp("2.0.1:C10.FR.08", "2.0.1:C10.FR.10", "2.0.1:C10.FR.13", "2.0.1:TC_C_46", "2.0.1:TC_C_11")
@pytest.mark.ocpp("2.1:C17.FR.01", "2.1:C17.FR.04")
def test_what_is_kept_grows_old(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        says(lab, "Authorize", cacheExpiryDateTime="2027-01-15T13:00:00Z")
        says(lab, "Authorize")
        says(lab, "Authorize", cacheExpiryDateTime="2027-01-15T12:00:00Z")  # a prepaid card: now, but never again
        for evse, token in ((1, "HOUR"), (1, "LONG"), (1, "PREPAID")):
            assert (await lab.swipe(token, evse)).accepted, token
            await lab.swipe(token, evse)
        lab.site.clock.now += 3601  # HOUR is over by its date, LONG by AuthCacheCtrlr.LifeTime
        for token in ("HOUR", "LONG", "PREPAID"):
            await lab.swipe(token)
            await lab.swipe(token)
        assert asked(lab) == ["HOUR", "LONG", "PREPAID"] * 2

    on_2x(test, variables={**LOCALLY, "AuthCacheCtrlr.LifeTime": "3600"})


@pytest.mark.ocpp("2.0.1:C10.FR.02", "2.0.1:TC_C_32")
def test_what_is_kept_survives_a_restart(on_2x: On) -> None:
    async def before(lab: Any) -> None:
        assert (await lab.swipe("DRIVER")).accepted
        await written(lab)

    async def after(lab: Any) -> None:
        assert (await lab.swipe("DRIVER")).accepted
        assert asked(lab) == []

    on_2x(before)
    on_2x(after, variables=LOCALLY)


@pytest.mark.ocpp("2.0.1:C10.FR.11", "2.0.1:C11.FR.04", "2.0.1:TC_C_38", "2.0.1:TC_C_36")
@pytest.mark.parametrize("variables", [{**LOCALLY, "AuthCacheCtrlr.Enabled": "false"}, {}])
def test_without_a_cache_or_the_leave_to_use_it_everybody_is_asked_for(on_2x: On, variables: dict[str, str]) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            assert (await lab.swipe("DRIVER")).accepted
            await lab.swipe("DRIVER")
        assert len(asked(lab)) == 2
        wanted = "Rejected" if variables else "Accepted"
        assert (await lab.csms.ask("ClearCache")).status == wanted

    on_2x(test, variables=variables)


@pytest.mark.ocpp("2.0.1:C11.FR.01", "2.0.1:C11.FR.02", "2.0.1:C11.FR.03", "2.0.1:TC_C_37")
def test_a_cleared_cache_knows_nobody(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        for _ in range(2):
            assert (await lab.swipe("DRIVER")).accepted
            await lab.swipe("DRIVER")
            assert (await lab.csms.ask("ClearCache")).status == "Accepted"
        assert len(asked(lab)) == 2

    on_2x(test, variables=LOCALLY)


@pytest.mark.ocpp("2.0.1:TC_E_52")
def test_without_leave_to_ask_only_list_and_cache_count(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        assert not (await lab.swipe("DRIVER")).accepted
        assert asked(lab) == []

    on_2x(test, variables={"AuthCtrlr.DisableRemoteAuthorization": "true"})


# --- offline --------------------------------------------------------------------------------------------------------

UNKNOWN = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}


@pytest.mark.ocpp("2.0.1:C15.FR.01", "2.0.1:C15.FR.02", "2.0.1:C15.FR.04", "2.0.1:C15.FR.08", "2.0.1:TC_C_16")
@pytest.mark.ocpp("2.0.1:TC_C_12")
def test_who_charged_unknown_is_judged_when_the_back_office_is_back(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await offline(lab)
        await lab.charge("UNKNOWN")
        assert lab.station.authorizer._cache == {}
        says(lab, "TransactionEvent", "Invalid")
        await lab.csms.open()
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert started["offline"] is True
        event = await ended(lab)
        assert event["triggerReason"] == "Deauthorized"
        assert event["transactionInfo"]["stoppedReason"] == "DeAuthorized"

    on_2x(test, variables=UNKNOWN)


@pytest.mark.ocpp("2.0.1:C15.FR.06", "2.0.1:TC_C_17", "2.0.1:C01.FR.23")
def test_who_may_not_charge_may_stay_where_that_is_wanted(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await offline(lab)
        await lab.charge("UNKNOWN")
        says(lab, "TransactionEvent", "Invalid")
        await lab.csms.open()
        told = ("ChargingStateChanged", "SuspendedEVSE")
        await lab.until(lambda: told in [(p["triggerReason"], state_of(p)) for p in events(lab)])
        await lab.until(lambda: not lab.station.evses[1].closed)
        assert lab.station.evses[1].transaction_id is not None
        assert not (await lab.swipe("OTHER")).accepted

    on_2x(test, variables={**UNKNOWN, "TxCtrlr.StopTxOnInvalidId": "false"})


# --- master pass ----------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:C16.FR.02", "2.0.1:C16.FR.03", "2.0.1:C16.FR.07", "2.0.1:C12.FR.09", "2.0.1:TC_C_49")
@pytest.mark.ocpp("2.0.1:TC_C_45", "2.0.1:C16.FR.04")
def test_a_master_pass_ends_everything_and_begins_nothing(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        master = {"idToken": "MASTER", "type": "Central"}
        says(lab, "Authorize", groupIdToken=master)
        lab.move(level="C")
        await lab.swipe("FIREMAN")
        assert lab.station.evses[1].id_token is None
        await lab.charge("ONE", 1)
        await lab.charge("TWO", 2)
        assert (await lab.swipe("FIREMAN", 0)).accepted
        await lab.until(lambda: all(evse.transaction_id is None for evse in lab.station.evses.values()))
        for count in (1, 2):
            event = await lab.csms.heard("TransactionEvent", count, eventType="Ended")
            assert event["transactionInfo"]["stoppedReason"] == "MasterPass"

    on_2x(test, variables={"AuthCtrlr.MasterPassGroupId": "MASTER"})


@pytest.mark.ocpp("2.0.1:O01.FR.08")
def test_the_display_speaks_the_language_of_who_was_accepted(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        says(lab, "Authorize", language1="nl")
        assert (await lab.swipe("DRIVER")).accepted
        await lab.until(lambda: lab.station.displayed.language(1) == "nl")
        await lab.swipe("DRIVER")
        assert (await lab.swipe("ANOTHER")).accepted
        await lab.until(lambda: lab.station.displayed.language(1) == "en")  # the station's own

    on_2x(test)
