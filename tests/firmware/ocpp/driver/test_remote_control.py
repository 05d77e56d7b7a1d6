"""Block F: transactions started and stopped from afar, connectors unlocked. The certification cases TC_F are played
step by step, from RequestStartTransaction to the energy."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.config import EvseSettings
from hal.contracts import LockState
from hal.wire import Fault

Run = Callable[..., None]
DRIVER = {"id_token": "DRIVER", "type": "ISO14443"}
ASKS = {"AuthCtrlr.AuthorizeRemoteStart": "true"}
PATIENT = {"OCPPCommCtrlr.MessageTimeout[Default]": "300"}  # the clock runs while a CALL is on its way
RESULTS = {"2.0.1": result201, "2.1": result21}


async def start(lab: Any, number: int = 5, evse: int | None = 1, card: str = "DRIVER", **more: Any) -> Any:
    if evse is not None:
        more["evse_id"] = evse
    return await lab.csms.ask(
        "RequestStartTransaction", remote_start_id=number, id_token={**DRIVER, "id_token": card}, **more
    )


async def plug(lab: Any, evse: int = 1, level: str = "B") -> None:
    lab.move(evse, level=level)
    await lab.until(lambda: lab.station.evses[evse].plugged)


def said_of(event: dict[str, Any]) -> tuple[Any, ...]:
    """What a back office looks at in the event that tells of a remote start."""
    number, token = event["transactionInfo"].get("remoteStartId"), event.get("idToken", {}).get("idToken")
    return event["eventType"], event["triggerReason"], number, token


def events(lab: Any) -> list[dict[str, Any]]:
    return [payload for name, payload in lab.csms.calls if name == "TransactionEvent"]


def context(event: dict[str, Any]) -> set[str]:
    return {each["context"] for values in event["meterValue"] for each in values["sampledValue"]}


# --- the cable was there first --------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:F01.FR.02", "2.0.1:F01.FR.03", "2.0.1:F01.FR.04", "2.0.1:F01.FR.05", "2.0.1:F01.FR.14")
@pytest.mark.ocpp("2.0.1:F01.FR.15", "2.0.1:F01.FR.17", "2.0.1:F01.FR.19", "2.0.1:TC_F_01")
def test_a_plugged_car_is_started_and_told_of_without_asking_first(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await plug(lab)
        await lab.csms.heard("StatusNotification", evseId=1, connectorStatus="Occupied")
        answer = await start(lab)
        assert (answer.status, answer.transaction_id) == ("Accepted", None)
        started = await lab.csms.heard("TransactionEvent")
        assert said_of(started) == ("Started", "RemoteStart", 5, "DRIVER")
        assert started["evse"] == {"id": 1, "connectorId": 1}
        assert context(started) == {"Transaction.Begin"}
        lab.move(level="C")
        charging = await lab.csms.heard("TransactionEvent", triggerReason="ChargingStateChanged")
        assert charging["transactionInfo"]["chargingState"] == "Charging"
        await lab.wait(70)
        periodic = await lab.csms.heard("TransactionEvent", triggerReason="MeterValuePeriodic")
        assert (periodic["eventType"], context(periodic)) == ("Updated", {"Sample.Periodic"})
        assert "Authorize" not in lab.csms.actions()

    variables = {"AuthCtrlr.AuthorizeRemoteStart": "false", "SampledDataCtrlr.TxUpdatedInterval": "60"}
    on_2x(test, variables={**PATIENT, **variables})


@pytest.mark.ocpp("2.0.1:F01.FR.13", "2.0.1:F01.FR.25", "2.0.1:TC_F_01")
def test_a_transaction_that_waits_for_somebody_is_the_one_that_is_started(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await plug(lab)
        waiting = await lab.csms.heard("TransactionEvent", eventType="Started")
        answer = await start(lab)
        assert answer.status == "Accepted"
        assert answer.transaction_id == waiting["transactionInfo"]["transactionId"]
        assert said_of(await lab.csms.heard("TransactionEvent", 2)) == ("Updated", "RemoteStart", 5, "DRIVER")

    on_2x(test, variables={"TxCtrlr.TxStartPoint": "EVConnected", "AuthCtrlr.AuthorizeRemoteStart": "false"})


@pytest.mark.ocpp("2.0.1:F01.FR.01", "2.0.1:F01.FR.03")
def test_who_is_to_be_asked_about_is_asked_about_after_the_answer_and_before_any_energy(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await plug(lab, level="C")
        lab.csms.replies["Authorize"].append("")  # no answer to this one
        assert (await start(lab)).status == "Accepted", "it did not wait for the other"
        assert (await lab.csms.heard("Authorize"))["idToken"]["idToken"] == "DRIVER"
        await lab.wait(5)
        assert events(lab) == []
        assert not lab.station.evses[1].closed
        lab.site.later(40)  # MessageTimeout: nobody knows the token, so nobody charges
        await lab.until(lambda: lab.station.evses[1].id not in lab.station.asking)
        assert events(lab) == []
        assert (await start(lab, 6)).status == "Accepted"
        assert said_of(await lab.csms.heard("TransactionEvent")) == ("Started", "RemoteStart", 6, "DRIVER")
        await lab.until(lambda: lab.station.evses[1].closed)

    on_2x(test, variables=ASKS)


@pytest.mark.ocpp("2.0.1:F01.FR.03", "2.0.1:F02.FR.11", "2.0.1:E05.FR.10")
def test_a_back_office_that_finds_its_own_token_invalid_ends_the_energy(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        invalid = RESULTS[lab.version].TransactionEvent(id_token_info={"status": "Blocked"})
        lab.csms.replies["TransactionEvent"].append(invalid)
        await plug(lab, level="C")
        assert (await start(lab)).status == "Accepted"
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("Deauthorized", "DeAuthorized")
        await lab.until(lambda: not lab.station.evses[1].closed)

    on_2x(test, variables={"AuthCtrlr.AuthorizeRemoteStart": "false"})


@pytest.mark.ocpp("2.0.1:F01.FR.20", "2.0.1:F02.FR.22")
def test_without_an_evse_the_one_with_a_car_is_taken_else_one_that_is_free(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await plug(lab, 2)
        assert (await start(lab, 5, None)).status == "Accepted"
        assert (await lab.csms.heard("TransactionEvent", eventType="Started"))["evse"]["id"] == 2
        assert (await start(lab, 6, None, "SECOND")).status == "Accepted"
        await lab.until(lambda: lab.station.evses[1].id_token is not None)
        await plug(lab, 1)
        second = await lab.csms.heard("TransactionEvent", 2, eventType="Started")
        assert (second["evse"]["id"], second["idToken"]["idToken"]) == (1, "SECOND")

    on_2x(test, variables={"AuthCtrlr.AuthorizeRemoteStart": "false"})


@pytest.mark.ocpp("2.0.1:F01.FR.23", "2.0.1:F01.FR.24", "2.0.1:F02.FR.25", "2.0.1:F02.FR.26")
def test_an_evse_that_is_out_of_service_broken_or_taken_starts_nothing(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        async def refused() -> str:
            answer = await start(lab)
            return str(answer.status_info["additional_info"]) if answer.status == "Rejected" else answer.status

        out = {"operational_status": "Inoperative", "evse": {"id": 1}}
        await lab.csms.ask("ChangeAvailability", **out)
        assert "out of service" in await refused()
        await lab.csms.ask("ChangeAvailability", **{**out, "operational_status": "Operative"})
        lab.move(1, faults=(Fault("rcd_tripped", "6 mA DC", 0.0),))
        await lab.until(lambda: lab.station.evses[1].faults)
        assert "6 mA" in await refused()
        lab.move(1, faults=())
        await lab.until(lambda: not lab.station.evses[1].faults)
        await lab.charge("SOMEBODY")
        assert "has a transaction" in await refused()

    on_2x(test)


@pytest.mark.ocpp("2.0.1:F01.FR.21", "2.0.1:F01.FR.22", "2.0.1:F02.FR.23", "2.0.1:F02.FR.24", "2.0.1:F02.FR.06")
def test_a_reserved_evse_is_started_only_for_whom_it_is_reserved(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        hers = {"id": 7, "evse_id": 1, "expiry_date_time": "2027-01-15T13:00:00Z", "id_token": DRIVER}
        assert (await lab.csms.ask("ReserveNow", **hers)).status == "Accepted"
        assert (await start(lab, card="OTHER")).status == "Rejected"  # no group was reserved for
        group = {"id_token": "FAMILY", "type": "Central"}
        assert (await lab.csms.ask("ReserveNow", **hers, group_id_token=group)).status == "Accepted"
        stranger = {"id_token": "FRIENDS", "type": "Central"}
        assert (await start(lab, card="OTHER", group_id_token=stranger)).status == "Rejected"
        assert (await start(lab, card="OTHER", group_id_token=group)).status == "Accepted"
        await plug(lab)
        assert (await lab.csms.heard("TransactionEvent"))["reservationId"] == 7

    on_2x(test)


# --- the driver comes later -----------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:F02.FR.01", "2.0.1:F02.FR.02", "2.0.1:F02.FR.03", "2.0.1:F02.FR.05", "2.0.1:F02.FR.12")
@pytest.mark.ocpp("2.0.1:F02.FR.09", "2.0.1:F02.FR.10", "2.0.1:F02.FR.13", "2.0.1:F02.FR.21")
@pytest.mark.ocpp("2.0.1:F01.FR.01", "2.0.1:F01.FR.02", "2.0.1:TC_F_02", "2.0.1:TC_F_03")
@pytest.mark.parametrize(
    ("asks", "point"), [("true", "Authorized"), ("false", "EVConnected"), ("true", "PowerPathClosed")]
)
def test_a_driver_who_is_on_the_way_plugs_in_and_charges(on_2x: Run, asks: str, point: str) -> None:
    async def test(lab: Any) -> None:
        answer = await start(lab)
        assert (answer.status, answer.transaction_id) == ("Accepted", None)
        await lab.until(lambda: lab.station.evses[1].id_token is not None)
        if point != "Authorized":
            assert events(lab) == []
            await plug(lab)
        started = await lab.csms.heard("TransactionEvent")
        assert said_of(started) == ("Started", "RemoteStart", 5, "DRIVER")
        assert context(started) == {"Transaction.Begin"}
        await plug(lab)
        lab.move(1, level="C")
        charging = await lab.csms.heard("TransactionEvent", triggerReason="ChargingStateChanged")
        assert charging["transactionInfo"]["chargingState"] == "Charging"
        assert [event["seqNo"] for event in events(lab)] == list(range(len(events(lab))))
        assert ("Authorize" in lab.csms.actions()) is (asks == "true")
        await lab.wait(70)
        periodic = await lab.csms.heard("TransactionEvent", triggerReason="MeterValuePeriodic")
        assert context(periodic) == {"Sample.Periodic"}

    variables = {
        "AuthCtrlr.AuthorizeRemoteStart": asks,
        "TxCtrlr.TxStartPoint": point,
        "SampledDataCtrlr.TxUpdatedInterval": "60",
        **PATIENT,
    }
    on_2x(test, variables=variables)


@pytest.mark.ocpp("2.0.1:F02.FR.01", "2.0.1:F02.FR.07", "2.0.1:E03.FR.05", "2.0.1:TC_F_04")
def test_a_driver_who_does_not_come_in_time_is_forgotten_and_the_next_can_start(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        assert (await start(lab)).status == "Accepted"
        assert said_of(await lab.csms.heard("TransactionEvent")) == ("Started", "RemoteStart", 5, "DRIVER")
        await lab.wait(31)
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("EVConnectTimeout", "Timeout")
        assert (await start(lab, 6)).status == "Accepted"
        assert said_of(await lab.csms.heard("TransactionEvent", 3)) == ("Started", "RemoteStart", 6, "DRIVER")

    variables = {"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.EVConnectionTimeOut": "30"}
    on_2x(test, variables={**PATIENT, **variables})


# --- stopped from afar ----------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:F03.FR.03", "2.0.1:F03.FR.04", "2.0.1:F03.FR.07", "2.0.1:F03.FR.08", "2.0.1:F03.FR.09")
@pytest.mark.ocpp("2.0.1:F04.FR.04", "2.0.1:TC_F_08", "2.0.1:TC_F_09", "2.0.1:TC_E_21")
def test_only_the_transaction_that_is_named_is_stopped(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        running = await lab.charge()
        assert (await lab.csms.ask("RequestStopTransaction", transaction_id="another")).status == "Rejected"
        await lab.wait(5)
        assert lab.station.evses[1].closed
        assert (await lab.csms.ask("RequestStopTransaction", transaction_id=running)).status == "Accepted"
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
        assert ended["transactionInfo"]["transactionId"] == running
        assert "Transaction.End" in context(ended)
        await lab.until(lambda: not lab.station.evses[1].closed)
        assert (await lab.csms.ask("RequestStopTransaction", transaction_id=running)).status == "Rejected"

    on_2x(test)


# --- unlocked from afar ---------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:F05.FR.01", "2.0.1:F05.FR.02", "2.0.1:F05.FR.04", "2.0.1:F05.FR.05", "2.0.1:F05.FR.06")
@pytest.mark.ocpp("2.0.1:TC_F_05", "2.0.1:TC_F_06", "2.0.1:TC_F_07")
def test_a_bolt_is_tried_whether_or_not_a_cable_is_in_and_its_own_word_is_passed_on(on_2x: Run) -> None:
    async def unlock(lab: Any) -> str:
        return str((await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=1)).status)

    async def test(lab: Any) -> None:
        bolt = lab.guard.connectors[1]
        assert await unlock(lab) == "Unlocked"  # no cable
        await lab.charge()
        await lab.until(lambda: bolt.lock.value == "locked")
        assert await unlock(lab) == "OngoingAuthorizedTransaction"
        assert bolt.lock.value == "locked"
        bolt.stuck = True
        await lab.swipe("DRIVER")
        await lab.csms.heard("TransactionEvent", eventType="Ended")
        lab.move(1, level="B")
        await lab.until(lambda: lab.station.evses[1].at_rest)
        assert await unlock(lab) == "UnlockFailed"  # there is tension on the cable
        bolt.stuck = False
        assert await unlock(lab) == "Unlocked"
        assert bolt.lock.value == "unlocked"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:F05.FR.03", "2.0.1:F05.FR.04", "2.0.1:F05.FR.06", "2.0.1:TC_F_10")
def test_the_plug_beside_the_one_in_use_is_unlocked_by_itself(on_2x: Run) -> None:
    async def unlock(lab: Any, connector: int) -> str:
        return str((await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=connector)).status)

    async def test(lab: Any) -> None:
        await lab.charge()
        await lab.until(lambda: lab.guard.connectors[1].lock.value == "locked")
        assert await unlock(lab, 1) == "OngoingAuthorizedTransaction"
        lab.guard.connectors[2].lock = LockState.LOCKED  # somebody's forgotten cable
        lab.guard.report(2)
        assert await unlock(lab, 2) == "Unlocked"
        assert [lab.guard.connectors[each].lock.value for each in (1, 2)] == ["locked", "unlocked"]
        for unknown in (0, 3):
            assert await unlock(lab, unknown) == "UnknownConnector"

    on_2x(test, evses=(EvseSettings(id=1, connectors=(1, 2)),))


@pytest.mark.ocpp("2.0.1:F05.FR.05")
def test_a_cable_that_is_fixed_has_nothing_to_unlock(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        answer = await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=1)
        assert (answer.status, answer.status_info["additional_info"]) == (
            "UnlockFailed",
            "this connector has no lock",
        )

    on_2x(test, kinds=("cType2", "cType2"))
