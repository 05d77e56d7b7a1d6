"""Block K of 2.0.1 and 2.1: what a back office asks of smart charging, over a real socket."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ocpp.exceptions import InternalError, OCPPError
from ocpp.exceptions import NotImplementedError as OcppNotImplemented
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.ocpp.payload import stamp
from firmware.station.charging import Digital
from firmware.station.charging_profile import Period
from firmware.station.schedule import Needs, Span
from hal.contracts import PilotMode, PilotOutput

On2x = Callable[..., None]


def schedule(limit: float = 10.0, **more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        **more,
    }


def profile(number: int = 1, limit: float = 10.0, **more: Any) -> dict[str, Any]:
    """A TxDefaultProfile that holds from now on."""
    return {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule(limit, startSchedule="2027-01-01T00:00:00Z")],
        **more,
    }


def tx_profile(transaction_id: str | None, number: int = 5, limit: float = 8.0, **more: Any) -> dict[str, Any]:
    found = profile(number, limit, **{"chargingProfilePurpose": "TxProfile", **more})
    return found if transaction_id is None else {**found, "transactionId": transaction_id}


def at_most(amps: float) -> list[Period]:
    return [Period(0, amps)]


async def put(lab: Any, evse: int, said: dict[str, Any]) -> str:
    """The status, with the reason code of a refusal behind it."""
    answer = await lab.csms.ask("SetChargingProfile", evse_id=evse, charging_profile=said)
    if answer.status_info is None:
        return str(answer.status)
    assert answer.status_info["additional_info"]
    return f"{answer.status} {answer.status_info['reason_code']}"


def limit(lab: Any, evse: int = 1) -> float:
    return float(lab.station.evses[evse].limit.amps)


@pytest.mark.ocpp("2.0.1:K01.FR.07", "2.0.1:K01.FR.10", "2.0.1:K01.FR.14", "2.0.1:K01.FR.32", "2.0.1:K02.FR.02")
@pytest.mark.ocpp("2.0.1:K01.FR.51", "2.0.1:K08.FR.06", "2.0.1:K01.FR.05")
def test_a_default_profile_limits_what_charges_and_what_will(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        assert limit(lab) == 32.0
        assert await put(lab, 0, profile(limit=13.0)) == "Accepted"
        assert (limit(lab, 1), limit(lab, 2)) == (13.0, 13.0)
        await lab.until(lambda: lab.guard.connectors[1].grant.limit_a == 13.0)
        assert await put(lab, 0, profile(limit=9.0)) == "Accepted"  # the same id replaces
        assert limit(lab) == 9.0

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K01.FR.04", "2.0.1:K01.FR.09", "2.0.1:K01.FR.16", "2.0.1:K01.FR.33", "2.0.1:K02.FR.04")
@pytest.mark.ocpp("2.0.1:K01.FR.03", "2.0.1:K02.FR.05", "2.0.1:K06.FR.01")
def test_a_transactions_profile_overrules_the_default_and_ends_with_it(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        assert await put(lab, 1, tx_profile("nobody")) == "Rejected TxNotFound"
        running = await lab.charge()
        await put(lab, 0, profile(limit=13.0))
        assert await put(lab, 0, tx_profile(running)) == "Rejected InvalidProfile"
        assert await put(lab, 1, tx_profile("another")) == "Rejected TxNotFound"
        assert await put(lab, 1, tx_profile(None)) == "Rejected InvalidProfile"
        assert await put(lab, 1, tx_profile(running, limit=16.0)) == "Accepted"
        assert limit(lab) == 16.0
        await lab.cut()
        await lab.wait(10)
        assert (limit(lab), lab.guard.connectors[1].grant.limit_a, lab.station.evses[1].closed) == (16.0, 16.0, True)
        await lab.csms.open()
        await lab.until(lambda: lab.client.connected)
        lab.move(level="A")
        await lab.until(lambda: lab.station.evses[1].transaction_id is None)
        answer = await lab.csms.ask(
            "GetChargingProfiles", request_id=1, charging_profile={"chargingProfilePurpose": "TxProfile"}
        )
        assert answer.status == "NoProfiles"
        assert limit(lab) == 13.0

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K01.FR.22", "2.0.1:K01.FR.26", "2.0.1:K01.FR.28", "2.0.1:K01.FR.31", "2.0.1:K01.FR.34")
@pytest.mark.ocpp("2.0.1:K01.FR.35", "2.0.1:K01.FR.38", "2.0.1:K01.FR.40", "2.0.1:K01.FR.41", "2.0.1:K04.FR.03")
@pytest.mark.ocpp("2.0.1:K01.FR.19", "2.0.1:K01.FR.43", "2.0.1:K01.FR.48", "2.0.1:K01.FR.20", "2.0.1:K02.FR.07")
@pytest.mark.ocpp("2.0.1:K01.FR.06", "2.0.1:K01.FR.52", "2.0.1:K01.FR.53", "2.0.1:K03.FR.08")
def test_what_breaks_a_rule_is_rejected_with_its_reason(on_2x: On2x) -> None:
    def periods(*found: dict[str, Any]) -> dict[str, Any]:
        told = schedule(startSchedule="2027-01-01T00:00:00Z") | {"chargingSchedulePeriod": list(found)}
        return profile(chargingSchedule=[told])

    cases: list[tuple[int, dict[str, Any], str]] = [
        (9, profile(), "UnknownEvse"),
        (0, profile(chargingProfilePurpose="ChargingStationExternalConstraints"), "InvalidProfile"),
        (1, profile(chargingProfilePurpose="ChargingStationMaxProfile"), "InvalidProfile"),
        (
            0,
            profile(
                chargingProfilePurpose="ChargingStationMaxProfile",
                chargingProfileKind="Relative",
                chargingSchedule=[schedule()],
            ),
            "InvalidProfile",
        ),
        (1, profile(chargingSchedule=[schedule(startSchedule="2027-01-01T00:00:00Z")] * 2), "InvalidSchedule"),
        (1, profile(chargingSchedule=[schedule()]), "InvalidSchedule"),
        (1, profile(chargingProfileKind="Relative"), "InvalidSchedule"),
        (1, profile(stackLevel=21), "InvalidStackLevel"),
        (1, periods({"startPeriod": 5, "limit": 6.0}), "InvalidSchedule"),
        (
            1,
            periods(*({"startPeriod": start, "limit": 6.0} for start in (0, 9, 8))),
            "InvalidSchedule",
        ),
        (1, periods({"startPeriod": 0, "limit": 6.0, "numberPhases": 1}), "InvalidSchedule"),
        (1, periods({"startPeriod": 0, "limit": 6.0, "numberPhases": 3, "phaseToUse": 2}), "InvalidSchedule"),
        (1, periods({"startPeriod": 0, "limit": 6.0, "numberPhases": 1, "phaseToUse": 2}), "InvalidSchedule"),
        (1, profile(number=2), "DuplicateProfile"),
        (0, profile(number=2), "DuplicateProfile"),
    ]

    async def test(lab: Any) -> None:
        assert await put(lab, 1, profile()) == "Accepted"
        for evse, said, code in cases:
            assert await put(lab, evse, said) == f"Rejected {code}", (evse, said)
        assert await put(lab, 0, profile(number=3, stackLevel=1)) == "Accepted"
        assert await put(lab, 2, profile(number=4, stackLevel=1)) == "Rejected DuplicateProfile"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K01.FR.29")
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("SetChargingProfile", {"evse_id": 0, "charging_profile": profile()}),
        ("GetChargingProfiles", {"request_id": 1, "charging_profile": {"stackLevel": 0}}),
        ("ClearChargingProfile", {"charging_profile_id": 1}),
        ("GetCompositeSchedule", {"evse_id": 0, "duration": 60}),
    ],
)
def test_switched_off_it_is_not_supported(on_2x: On2x, action: str, payload: dict[str, Any]) -> None:
    async def test(lab: Any) -> None:
        with pytest.raises(OCPPError) as refused:
            await lab.csms.ask(action, **payload)
        assert refused.value.code == "NotSupported"

    on_2x(test, variables={"SmartChargingCtrlr.Enabled": "false"})


@pytest.mark.ocpp("2.0.1:K01.FR.11", "2.0.1:K01.FR.12", "2.0.1:K08.FR.01", "2.0.1:K08.FR.02", "2.0.1:K08.FR.04")
@pytest.mark.ocpp("2.0.1:K08.FR.03", "2.0.1:K08.FR.05", "2.0.1:K01.FR.30", "2.0.1:K04.FR.05")
def test_the_composite_schedule_is_told_from_now_on(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        later = schedule(startSchedule="2027-01-15T12:01:00Z", duration=60)  # a minute after the clock's noon
        later["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": 20.0}, {"startPeriod": 90, "limit": 6.0}]
        assert await put(lab, 1, profile(chargingSchedule=[later])) == "Accepted"
        most = profile(9, 40.0, chargingProfilePurpose="ChargingStationMaxProfile")
        assert await put(lab, 0, most) == "Accepted"
        answer = await lab.csms.ask("GetCompositeSchedule", evse_id=1, duration=300)
        assert answer.status == "Accepted"
        told = answer.schedule
        assert (told["evse_id"], told["duration"], told["charging_rate_unit"]) == (1, 300, "A")
        rows = [(row["start_period"], row["limit"]) for row in told["charging_schedule_period"]]
        assert [limit for _, limit in rows] == [32.0, 20.0, 32.0]
        assert rows[2][0] - rows[1][0] == 60
        whole = await lab.csms.ask("GetCompositeSchedule", evse_id=0, duration=30, charging_rate_unit="W")
        assert whole.schedule["charging_schedule_period"][0]["limit"] == 40.0 * 230 * 3
        unknown = await lab.csms.ask("GetCompositeSchedule", evse_id=7, duration=30)
        assert (unknown.status, unknown.status_info["reason_code"]) == ("Rejected", "UnknownEvse")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K08.FR.07", "2.0.1:K01.FR.26")
def test_a_unit_that_is_not_configured_is_rejected(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        answer = await lab.csms.ask("GetCompositeSchedule", evse_id=1, duration=30, charging_rate_unit="W")
        assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", "UnsupportedRateUnit")
        watts = schedule(startSchedule="2027-01-01T00:00:00Z") | {"chargingRateUnit": "W"}
        assert await put(lab, 1, profile(chargingSchedule=[watts])) == "Rejected UnsupportedRateUnit"

    on_2x(test, variables={"SmartChargingCtrlr.RateUnit": "A"})


@pytest.mark.ocpp("2.0.1:K09.FR.01", "2.0.1:K09.FR.02", "2.0.1:K09.FR.04", "2.0.1:K09.FR.05", "2.0.1:K09.FR.06")
@pytest.mark.ocpp("2.0.1:K09.FR.03", "2.0.1:K11.FR.06", "2.0.1:K12.FR.05")
def test_profiles_are_reported_by_evse_and_source(on_2x: On2x) -> None:
    async def ask(lab: Any, number: int, criteria: dict[str, Any], **more: Any) -> list[tuple[int, str, list[int]]]:
        answer = await lab.csms.ask("GetChargingProfiles", request_id=number, charging_profile=criteria, **more)
        if answer.status == "NoProfiles":
            return []
        pages: list[dict[str, Any]] = []
        while not pages or pages[-1].get("tbc"):
            pages.append(await lab.csms.heard("ReportChargingProfiles", len(pages) + 1, requestId=number))
        return [(p["evseId"], p["chargingLimitSource"], [each["id"] for each in p["chargingProfile"]]) for p in pages]

    async def test(lab: Any) -> None:
        assert await ask(lab, 1, {"stackLevel": 0}) == []
        sent = profile(1, validFrom="2027-01-02T00:00:00Z", chargingProfileKind="Recurring", recurrencyKind="Daily")
        await put(lab, 1, sent)
        await put(lab, 2, profile(2))
        await put(lab, 2, profile(3, stackLevel=1))
        await put(lab, 0, profile(4, chargingProfilePurpose="ChargingStationMaxProfile"))
        lab.station.smart_charging.set_external("EMS", at_most(20.0), "A")
        found = await ask(lab, 2, {"stackLevel": 0})
        assert found == [(0, "CSO", [4]), (0, "EMS", [-1]), (1, "CSO", [1]), (2, "CSO", [2])]
        assert await ask(lab, 3, {"stackLevel": 0}, evse_id=2) == [(2, "CSO", [2])]
        assert await ask(lab, 4, {"stackLevel": 0}, evse_id=0) == [(0, "CSO", [4]), (0, "EMS", [-1])]
        assert await ask(lab, 5, {"chargingProfileId": [3, 1]}) == [(1, "CSO", [1]), (2, "CSO", [3])]
        assert await ask(lab, 6, {"chargingLimitSource": ["EMS"]}) == [(0, "EMS", [-1])]
        assert await ask(lab, 7, {"chargingProfileId": [1]}, evse_id=2) == []
        report = await lab.csms.heard("ReportChargingProfiles", requestId=5)
        assert report["chargingProfile"] == [sent]  # word for word

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K09.FR.02")
def test_a_report_that_is_too_long_comes_in_pages(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        periods = [{"startPeriod": 60 * n, "limit": 10.0 + n % 2} for n in range(120)]
        for number in range(1, 5):
            long = schedule(startSchedule="2027-01-01T00:00:00Z") | {"chargingSchedulePeriod": periods}
            assert await put(lab, 1, profile(number, stackLevel=number, chargingSchedule=[long])) == "Accepted"
        criteria = {"chargingProfilePurpose": "TxDefaultProfile"}
        answer = await lab.csms.ask("GetChargingProfiles", request_id=3, charging_profile=criteria)
        assert answer.status == "Accepted"
        pages = [await lab.csms.heard("ReportChargingProfiles", n) for n in range(1, 5)]
        assert [page.get("tbc", False) for page in pages] == [True, True, True, False]
        assert [page["chargingProfile"][0]["id"] for page in pages] == [1, 2, 3, 4]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K10.FR.01", "2.0.1:K10.FR.02", "2.0.1:K10.FR.03", "2.0.1:K10.FR.04", "2.0.1:K10.FR.05")
@pytest.mark.ocpp("2.0.1:K10.FR.07", "2.0.1:K10.FR.08", "2.0.1:K10.FR.09", "2.0.1:K10.FR.06")
def test_clearing_takes_what_matches_and_never_a_limit_from_outside(on_2x: On2x) -> None:
    async def clear(lab: Any, **more: Any) -> str:
        return str((await lab.csms.ask("ClearChargingProfile", **more)).status)

    async def test(lab: Any) -> None:
        await lab.charge()
        await put(lab, 1, profile(1, 13.0))
        await put(lab, 2, profile(2, 13.0))
        await put(lab, 1, profile(3, 9.0, stackLevel=1))
        lab.station.smart_charging.set_external("EMS", at_most(20.0), "A", evse=1)
        (outside,) = [each.profile.id for each in lab.station.smart_charging.store.all if each.source == "EMS"]
        assert limit(lab) == 9.0
        assert await clear(lab, charging_profile_id=77) == "Unknown"
        assert await clear(lab, charging_profile_id=outside) == "Unknown"
        assert await clear(lab, charging_profile_criteria={"stackLevel": 1, "evseId": 2}) == "Unknown"
        assert await clear(lab, charging_profile_criteria={"stackLevel": 1, "evseId": 1}) == "Accepted"
        assert limit(lab) == 13.0
        assert await clear(lab, charging_profile_id=1) == "Accepted"
        assert limit(lab) == 20.0
        assert lab.station.evses[1].transaction_id is not None
        assert await clear(lab, charging_profile_criteria={"chargingProfilePurpose": "TxDefaultProfile"}) == "Accepted"
        assert await clear(lab, charging_profile_criteria={"evseId": 1}) == "Unknown"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K01.FR.27", "2.0.1:K06.FR.02")
def test_profiles_survive_a_restart(on_2x: On2x) -> None:
    async def before(lab: Any) -> None:
        assert await put(lab, 1, profile(limit=11.0)) == "Accepted"
        await lab.station.journal.execute_in_writer(lambda connection: None)

    async def after(lab: Any) -> None:
        assert limit(lab) == 11.0

    on_2x(before)
    on_2x(after)


# --- remote start ---------------------------------------------------------------------------------------------------


async def start(lab: Any, said: dict[str, Any] | None, number: int = 42) -> Any:
    more = {} if said is None else {"charging_profile": said}
    token = {"idToken": "REMOTE", "type": "Central"}
    return await lab.csms.ask("RequestStartTransaction", id_token=token, remote_start_id=number, evse_id=1, **more)


@pytest.mark.ocpp("2.0.1:K05.FR.01", "2.0.1:K05.FR.02", "2.0.1:K05.FR.03", "2.0.1:F01.FR.09", "2.0.1:F01.FR.10")
@pytest.mark.ocpp("2.0.1:C05.FR.01", "2.0.1:C05.FR.03", "2.0.1:C05.FR.05", "2.0.1:C03.FR.01")
def test_a_remote_start_brings_its_profile(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].plugged)
        assert (await start(lab, tx_profile(None, limit=7.0))).status == "Accepted"
        await lab.until(lambda: lab.station.evses[1].closed)
        assert limit(lab) == 7.0
        event = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert event["transactionInfo"]["remoteStartId"] == 42
        assert event["idToken"] == {"idToken": "REMOTE", "type": "Central"}
        await lab.told("Updated ChargingStateChanged Charging")
        assert ["idToken" in each for each in lab.events()] == [True] + [False] * (len(lab.events()) - 1)
        assert "Authorize" not in lab.csms.actions()

    on_2x(test, variables={"AuthCtrlr.AuthorizeRemoteStart": "true"})


@pytest.mark.ocpp("2.0.1:F01.FR.11", "2.0.1:F01.FR.26", "2.0.1:F02.FR.17", "2.0.1:F02.FR.19", "2.0.1:F02.FR.27")
@pytest.mark.ocpp("2.0.1:K05.FR.05", "2.0.1:K05.FR.02")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        (profile(), "InvalidProfile"),
        (tx_profile("some"), "InvalidProfile"),
        (tx_profile(None, chargingProfileKind="Relative"), "InvalidSchedule"),
    ],
)
def test_a_remote_start_with_a_wrong_profile_is_rejected(on_2x: On2x, said: dict[str, Any], code: str) -> None:
    async def test(lab: Any) -> None:
        answer = await start(lab, said)
        assert (answer.status, answer.status_info["reason_code"]) == ("Rejected", code)

    on_2x(test)


@pytest.mark.ocpp("2.0.1:F02.FR.18", "2.0.1:F02.FR.17")
def test_the_profile_of_a_remote_start_waits_for_the_plug_with_it(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        assert (await start(lab, tx_profile(None, limit=7.0))).status == "Accepted"
        await lab.until(lambda: lab.station.evses[1].id_token is not None)
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].closed)
        assert limit(lab) == 7.0

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K05.FR.04", "2.0.1:TC_K_38", "2.0.1:F01.FR.12", "2.0.1:F02.FR.20")
def test_without_smart_charging_the_profile_is_ignored(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        assert (await start(lab, tx_profile(None, limit=7.0))).status == "Accepted"
        lab.move(level="C")
        await lab.until(lambda: lab.station.evses[1].closed)
        assert limit(lab) == 32.0

    on_2x(test, variables={"SmartChargingCtrlr.Enabled": "false"})


# --- told by the station --------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:K11.FR.01", "2.0.1:K11.FR.02", "2.0.1:K11.FR.03", "2.0.1:K11.FR.04", "2.0.1:K11.FR.05")
@pytest.mark.ocpp("2.0.1:K13.FR.01", "2.0.1:K13.FR.02", "2.0.1:K13.FR.03")
def test_a_limit_from_outside_is_told_and_what_it_changed(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()
        smart = lab.station.smart_charging
        smart.set_external("EMS", at_most(16.0), "A", grid_critical=True)
        told = await lab.csms.heard("NotifyChargingLimit")
        assert told["chargingLimit"] == {"chargingLimitSource": "EMS", "isGridCritical": True}
        assert "evseId" not in told
        assert told["chargingSchedule"][0]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16.0}]
        await lab.csms.heard("TransactionEvent", triggerReason="ChargingRateChanged")
        assert limit(lab) == 16.0
        smart.clear_external("EMS")
        assert await lab.csms.heard("ClearedChargingLimit") == {"chargingLimitSource": "EMS"}
        await lab.csms.heard("TransactionEvent", 2, triggerReason="ChargingRateChanged")
        assert limit(lab) == 32.0

    on_2x(test, variables={"SmartChargingCtrlr.NotifyChargingLimitWithSchedules": "true"})


@pytest.mark.ocpp("2.0.1:K12.FR.03")
def test_a_limit_while_nobody_charges_is_told_with_its_schedule(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        periods = [Period(0, 16.0), Period(60, 8.0)]
        lab.station.smart_charging.set_external("SO", periods, "A", duration_s=120)
        told = (await lab.csms.heard("NotifyChargingLimit"))["chargingSchedule"][0]
        assert [(each["startPeriod"], each["limit"]) for each in told["chargingSchedulePeriod"]] == [(0, 16), (60, 8)]
        assert told["duration"] == 120

    on_2x(test, variables={"SmartChargingCtrlr.NotifyChargingLimitWithSchedules": "true"})


@pytest.mark.ocpp("2.0.1:K12.FR.01", "2.0.1:K12.FR.02", "2.0.1:K12.FR.04")
def test_a_limit_that_came_while_the_back_office_was_away_is_told_later(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        await lab.csms.drop()
        await lab.until(lambda: not lab.site.client.connected)
        lab.station.smart_charging.set_external("SO", at_most(10.0), "A", evse=2)
        told = await lab.csms.heard("NotifyChargingLimit")
        assert told == {"chargingLimit": {"chargingLimitSource": "SO"}, "evseId": 2}

    on_2x(test)


def test_a_back_office_that_refuses_to_hear_of_limits_holds_up_nothing(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        lab.csms.replies["NotifyChargingLimit"].append(InternalError())
        lab.station.smart_charging.set_external("EMS", at_most(16.0), "A")
        lab.station.smart_charging.clear_external("EMS")
        await lab.csms.heard("ClearedChargingLimit")
        assert lab.csms.actions().count("NotifyChargingLimit") == 1

    on_2x(test)


# --- cars that plan (ISO 15118) -------------------------------------------------------------------------------------

NEEDS = Needs(departure_s=7200.0, energy_wh=20_000.0, max_current_a=16.7, min_current_a=6.0, max_voltage_v=400.0)


@pytest.mark.ocpp("2.0.1:K15.FR.01", "2.0.1:K15.FR.06", "2.0.1:K15.FR.08", "2.0.1:K15.FR.07")
@pytest.mark.ocpp("2.0.1:K15.FR.10", "2.0.1:K15.FR.16", "2.0.1:K15.FR.19", "2.0.1:K17.FR.01", "2.0.1:K17.FR.06")
@pytest.mark.ocpp("2.0.1:K17.FR.08", "2.0.1:K17.FR.10", "2.0.1:K17.FR.16", "2.0.1:K17.FR.07")
@pytest.mark.ocpp("2.0.1:K16.FR.05", "2.0.1:K16.FR.13")
def test_needs_are_told_and_the_plan_is_waited_for(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        running = await lab.charge()
        planner = lab.station.smart_charging.planner(1)
        planner.needs(NEEDS)
        told = await lab.csms.heard("NotifyEVChargingNeeds")
        assert lab.csms.actions().index("TransactionEvent") < lab.csms.actions().index("NotifyEVChargingNeeds")
        assert told["evseId"] == 1
        assert told["chargingNeeds"]["requestedEnergyTransfer"] == "AC_three_phase"
        assert told["chargingNeeds"]["acChargingParameters"]["energyAmount"] == 20_000
        assert "dcChargingParameters" not in told["chargingNeeds"]
        assert told["chargingNeeds"]["departureTime"].startswith("2027-01-15T14:0")
        assert planner.plans(3600.0) == ()
        answer = await put(lab, 1, tx_profile(running, limit=9.0))
        assert answer == "Accepted"
        (plan,) = planner.plans(3600.0)
        assert plan.spans[0].limit == 9.0
        planner.chosen(plan.id, ())  # a car that does not say what it means to draw
        chosen = await lab.csms.heard("NotifyEVChargingSchedule")
        assert chosen["chargingSchedule"]["id"] == plan.id
        assert chosen["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 9.0
        planner.chosen(plan.id, [Span(0.0, 4000.0, "W")])
        said = await lab.csms.heard("NotifyEVChargingSchedule", 2)
        assert said["chargingSchedule"]["chargingRateUnit"] == "W"
        planner.needs(replace(NEEDS, energy_wh=5_000.0))  # it has changed its mind
        told = await lab.csms.heard("NotifyEVChargingNeeds", 2)
        assert told["chargingNeeds"]["acChargingParameters"]["energyAmount"] == 5_000

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K15.FR.22")
def test_schedules_of_several_profiles_are_combined_in_their_order(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        running = await lab.charge()
        lab.station.evses[1].set_digital(Digital(PilotOutput(PilotMode.DUTY, 5.0), energise=True))
        now = stamp(lab.site.clock.utc())
        above = [schedule(amps, id=n, startSchedule=now, duration=600) for n, amps in ((1, 10.0), (2, 12.0))]
        below = [schedule(amps, id=n, startSchedule=now) for n, amps in ((11, 6.0), (12, 7.0), (13, 8.0))]
        for number, level, schedules in ((5, 1, above), (6, 0, below)):
            said = tx_profile(running, number, stackLevel=level, chargingSchedule=schedules)
            assert await put(lab, 1, said) == "Accepted"
        plans = lab.station.smart_charging.planner(1).plans(3600.0)
        assert [[span.limit for span in plan.spans] for plan in plans] == [[10.0, 6.0], [12.0, 7.0], [10.0, 8.0]]
        assert [plan.id for plan in plans] == [1, 2, 13]

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K15.FR.04", "2.0.1:K15.FR.05", "2.0.1:K17.FR.04", "2.0.1:K17.FR.05")
@pytest.mark.parametrize("status", ["Rejected", "Processing", "not implemented"])
def test_without_a_promise_a_car_gets_the_plan_there_is(on_2x: On2x, status: str) -> None:
    async def test(lab: Any) -> None:
        result = {"2.0.1": result201, "2.1": result21}[lab.version]
        refused = OcppNotImplemented() if status == "not implemented" else result.NotifyEVChargingNeeds(status=status)
        lab.csms.replies["NotifyEVChargingNeeds"].append(refused)
        await lab.charge()
        planner = lab.station.smart_charging.planner(1)
        planner.needs(NEEDS)
        await lab.until(lambda: planner.plans(3600.0))
        assert lab.csms.actions().count("NotifyEVChargingNeeds") == 1

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K15.FR.15", "2.0.1:K17.FR.15", "2.0.1:K07.FR.01")
def test_offline_the_default_profile_makes_the_plan(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        await put(lab, 0, profile(limit=11.0))
        await lab.charge()
        await lab.csms.close()
        await lab.csms.drop()
        await lab.until(lambda: lab.station.offline)
        assert (limit(lab, 1), limit(lab, 2)) == (11.0, 11.0)
        planner = lab.station.smart_charging.planner(1)
        planner.needs(NEEDS)
        (plan,) = planner.plans(3600.0)
        assert plan.spans[0].limit == 11.0
        planner.needs(NEEDS)
        lab.move(level="A")
        await lab.until(lambda: lab.station.evses[1].transaction_id is None)
        await lab.csms.open()
        await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert "NotifyEVChargingNeeds" not in lab.csms.actions()  # the car has gone

    on_2x(test)


@pytest.mark.ocpp("2.0.1:K16.FR.01", "2.0.1:K01.FR.02", "2.0.1:K02.FR.03", "2.0.1:K03.FR.03")
def test_a_new_profile_for_a_running_transaction_replaces_the_plan(on_2x: On2x) -> None:
    async def test(lab: Any) -> None:
        running = await lab.charge()
        await put(lab, 1, tx_profile(running, limit=9.0))
        assert await put(lab, 1, tx_profile(running, limit=6.0)) == "Accepted"
        (plan,) = lab.station.smart_charging.planner(1).plans(3600.0)
        assert plan.spans[0].limit == 6.0

    on_2x(test)


# --- only in 2.1 ----------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.1:K21.FR.01", "2.1:K21.FR.02", "2.1:K21.FR.03", "2.1:K21.FR.04", "2.1:K21.FR.05")
@pytest.mark.ocpp("2.1:K21.FR.06", "2.1:K21.FR.07", "2.1:K21.FR.08")
def test_21_priority_charging(at_plug: Any) -> None:
    async def use(lab: Any, transaction_id: str, on: bool) -> str:
        answer = await lab.csms.ask("UsePriorityCharging", transaction_id=transaction_id, activate=on)
        return f"{answer.status} {answer.status_info['reason_code'] if answer.status_info else ''}"

    async def test(lab: Any) -> None:
        running = await lab.charge()
        await put(lab, 0, profile(limit=8.0))
        assert await use(lab, running, True) == "NoProfile NotFound"
        assert await use(lab, "unknown", True) == "Rejected TxNotFound"
        assert await put(lab, 0, profile(2, 30.0, chargingProfilePurpose="PriorityCharging")) == "Accepted"
        assert await use(lab, running, True) == "Accepted "
        assert limit(lab) == 30.0
        assert await lab.csms.heard("NotifyPriorityCharging") == {"transactionId": running, "activated": True}
        assert await use(lab, running, False) == "Accepted "
        assert limit(lab) == 8.0
        assert (await lab.csms.heard("NotifyPriorityCharging", 2))["activated"] is False

    at_plug(test, "2.1")


@pytest.mark.ocpp("2.1:K28.FR.01", "2.1:K28.FR.02", "2.1:K28.FR.03", "2.1:K28.FR.04", "2.1:K28.FR.05")
@pytest.mark.ocpp("2.1:K28.FR.06", "2.1:K28.FR.09", "2.1:K28.FR.11")
def test_21_a_dynamic_profile_is_changed_by_its_updates(at_plug: Any) -> None:
    async def update(lab: Any, number: int, amps: float) -> str:
        answer = await lab.csms.ask(
            "UpdateDynamicSchedule", charging_profile_id=number, schedule_update={"limit": amps}
        )
        return str(answer.status)

    async def test(lab: Any) -> None:
        await lab.charge()
        said = profile(limit=14.0, chargingProfileKind="Dynamic", chargingSchedule=[schedule(14.0)])
        wrong = profile(limit=14.0, chargingProfileKind="Dynamic", chargingSchedule=[schedule(14.0, duration=9)])
        assert await put(lab, 0, wrong) == "Rejected InvalidSchedule"
        assert await put(lab, 0, profile(dynUpdateInterval=5)) == "Rejected InvalidProfile"
        assert await put(lab, 0, said) == "Accepted"
        assert limit(lab) == 14.0
        assert await update(lab, 1, 9.0) == "Accepted"
        assert limit(lab) == 9.0
        await put(lab, 0, profile(2, stackLevel=1))
        assert await update(lab, 2, 9.0) == "Rejected"
        answer = await lab.csms.ask("GetChargingProfiles", request_id=1, charging_profile={"chargingProfileId": [1]})
        assert answer.status == "Accepted"
        report = (await lab.csms.heard("ReportChargingProfiles"))["chargingProfile"][0]
        assert report["chargingSchedule"][0]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 9.0}]
        assert report["dynUpdateTime"].startswith("2027-01-15T12:0")

    at_plug(test, "2.1")


@pytest.mark.ocpp("2.1:K01.FR.100", "2.1:K01.FR.120", "2.1:K01.FR.123", "2.1:K09.FR.06")
def test_21_what_only_21_says_is_kept_and_told_again(at_plug: Any) -> None:
    prices: dict[str, Any] = {"timeAnchor": "2027-01-15T12:00:00Z", "priceScheduleId": 3, "numberOfPriceLevels": 2}
    prices["priceLevelScheduleEntries"] = [{"duration": 60, "priceLevel": 1}]
    period = {"startPeriod": 0, "limit": 16.0, "limit_L2": 15.0, "limit_L3": 14.0, "preconditioningRequest": True}
    said = profile(
        7,
        maxOfflineDuration=600,
        invalidAfterOfflineDuration=True,
        priceScheduleSignature="sig",
        chargingSchedule=[
            schedule(startSchedule="2027-01-01T00:00:00Z")
            | {
                "chargingSchedulePeriod": [period],
                "limitAtSoC": {"soc": 80, "limit": 8.0},
                "randomizedDelay": 30,
                "powerTolerance": 0.5,
                "priceLevelSchedule": prices,
                "signatureId": 1,
                "digestValue": "abc",
            }
        ],
    )

    async def test(lab: Any) -> None:
        frame: list[Any] = [2, "1", "SetChargingProfile", {"evseId": 1, "chargingProfile": said}]
        await lab.csms.tell(json.dumps(frame))  # the package's data classes lose _L2 and _L3
        await lab.until(lambda: lab.station.smart_charging.store.get(7))
        answer = await lab.csms.ask("GetChargingProfiles", request_id=1, charging_profile={"chargingProfileId": [7]})
        assert answer.status == "Accepted"
        assert (await lab.csms.heard("ReportChargingProfiles"))["chargingProfile"] == [said]

    at_plug(test, "2.1")
