"""Transactions as a back office hears of them (blocks E, F, J): where they begin, triggered events, values by the
clock, signed ones, resets of one EVSE, and a station that waits to be accepted."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from hal import wire
from hal.contracts import PilotMode

Run = Callable[..., None]


def start_point(lab: Any, point: str) -> None:
    lab.station.set_variable("TxCtrlr.TxStartPoint", point)


@pytest.mark.ocpp("2.0.1:E01.FR.02", "2.0.1:E01.FR.10", "2.0.1:E01.FR.16", "2.0.1:E02.FR.20", "2.0.1:TC_E_09_CS")
def test_a_transaction_begins_with_the_plug_and_gets_its_token_later(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        start_point(lab, "EVConnected")
        lab.move(level="B")
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert (started["triggerReason"], started["seqNo"], "idToken" in started) == ("CablePluggedIn", 0, False)
        assert started["evse"] == {"id": 1, "connectorId": 1}
        await lab.swipe("DRIVER")
        authorised = await lab.csms.heard("TransactionEvent", triggerReason="Authorized")
        assert (authorised["eventType"], authorised["idToken"]["idToken"]) == ("Updated", "DRIVER")
        lab.move(level="C")
        charging = await lab.csms.heard("TransactionEvent", triggerReason="ChargingStateChanged")
        assert (charging["transactionInfo"]["chargingState"], charging["numberOfPhasesUsed"]) == ("Charging", 3)

    on_2x(test)


@pytest.mark.ocpp("1.6:StartTransaction", "1.6:TC_003")
def test_16_hears_of_a_transaction_when_its_token_is_there(on_16: Run) -> None:
    async def test(lab: Any) -> None:
        start_point(lab, "EVConnected")
        lab.move(level="B")
        await lab.until(lab.transactions)
        lab.move(level="A")
        await lab.until(lambda: lab.transactions()[-1].kind == "Ended")
        lab.move(level="B")
        await lab.until(lambda: len(lab.transactions()) == 3)
        await lab.swipe("DRIVER")
        started = await lab.csms.heard("StartTransaction")
        assert (started["idTag"], started["connectorId"]) == ("DRIVER", 1)
        lab.move(level="A")
        stopped = await lab.csms.heard("StopTransaction")
        assert (stopped["transactionId"], stopped["reason"]) == (lab.csms.next_transaction, "EVDisconnected")
        assert lab.csms.actions().count("StartTransaction") == 1

    on_16(test)


@pytest.mark.ocpp("2.0.1:F03.FR.02", "2.0.1:F04.FR.02", "2.0.1:F04.FR.03")
def test_a_remote_stop_leaves_the_transaction_until_the_plug_goes(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.station.set_variable("TxCtrlr.TxStopPoint", "EVConnected")
        running = await lab.charge()
        answer = await lab.csms.ask("RequestStopTransaction", transaction_id=running)
        assert answer.status == "Accepted"
        told = await lab.csms.heard("TransactionEvent", triggerReason="RemoteStop")
        assert (told["eventType"], told["transactionInfo"]["chargingState"]) == ("Updated", "EVConnected")
        assert not lab.station.evses[1].closed
        lab.move(level="A")
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("EVCommunicationLost", "Remote")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:F06.FR.03", "2.0.1:F06.FR.04", "2.0.1:F06.FR.07", "2.0.1:F06.FR.11", "2.0.1:TC_F_13_CS")
def test_a_triggered_transaction_event_says_how_it_is(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        idle = await lab.csms.ask("TriggerMessage", requested_message="TransactionEvent")
        assert idle.status == "Rejected"
        running = await lab.charge()
        wanted = {"requested_message": "TransactionEvent", "evse": {"id": 1}}
        assert (await lab.csms.ask("TriggerMessage", **wanted)).status == "Accepted"
        event = await lab.csms.heard("TransactionEvent", triggerReason="Trigger")
        assert event["transactionInfo"] == {"transactionId": running, "chargingState": "Charging"}
        assert event["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
        other = await lab.csms.ask("TriggerMessage", requested_message="TransactionEvent", evse={"id": 2})
        assert other.status == "Rejected"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:F06.FR.12", "2.0.1:TC_F_23_CS", "2.0.1:TC_F_24_CS")
def test_a_triggered_status_is_that_of_the_connector_asked_for(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.move(2, level="B")
        await lab.csms.heard("StatusNotification", connectorStatus="Occupied", evseId=2)
        before = lab.csms.actions().count("StatusNotification")
        where = {"id": 2, "connector_id": 1}
        answer = await lab.csms.ask("TriggerMessage", requested_message="StatusNotification", evse=where)
        assert answer.status == "Accepted"
        status = await lab.csms.heard("StatusNotification", before + 1)
        assert (status["evseId"], status["connectorStatus"]) == (2, "Occupied")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:J01.FR.14", "2.0.1:J01.FR.22", "2.0.1:TC_J_01_CS", "2.0.1:TC_J_02_CS")
def test_the_clock_strikes_inside_and_outside_of_a_transaction(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.station.set_variable("AlignedDataCtrlr.Interval", "5")
        await lab.charge()
        await lab.wait(6)
        inside = await lab.csms.heard("TransactionEvent", triggerReason="MeterValueClock")
        outside = await lab.csms.heard("MeterValues")
        assert outside["evseId"] == 2
        for values in (inside["meterValue"], outside["meterValue"]):
            assert int(values[0]["timestamp"][-3:-1]) % 5 == 0
            assert values[0]["sampledValue"][0]["context"] == "Sample.Clock"

    on_2x(test)


def by_the_clock(lab: Any, connector: int) -> list[dict[str, Any]]:
    """The clock-aligned MeterValues of 1.6 from this connector."""
    told = [payload for name, payload in lab.csms.calls if name == "MeterValues"]
    return [
        each
        for each in told
        if each["connectorId"] == connector and each["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Clock"
    ]


@pytest.mark.ocpp("1.6:MeterValues", "1.6:TC_071", "1.6:TC_070")
def test_16_the_clock_strikes_with_the_number_of_the_transaction(on_16: Run) -> None:
    async def test(lab: Any) -> None:
        for key, value in (("ClockAlignedDataInterval", "5"), ("MeterValuesSampledData", "Voltage")):
            assert (await lab.csms.ask("ChangeConfiguration", key=key, value=value)).status == "Accepted"
        await lab.charge()
        await lab.csms.heard("StartTransaction")
        await lab.wait(6)
        await lab.until(lambda: by_the_clock(lab, 1) and by_the_clock(lab, 2))
        assert by_the_clock(lab, 1)[0]["transactionId"] == lab.csms.next_transaction
        assert "transactionId" not in by_the_clock(lab, 2)[0]
        for told in (by_the_clock(lab, 1)[0], by_the_clock(lab, 2)[0]):
            assert told["meterValue"][0]["sampledValue"][0]["measurand"] == "Energy.Active.Import.Register"

    on_16(test)


SIGNED = 'OCMF|{"FV":"1.0"}|{"SD":"00"}'


@pytest.mark.ocpp("2.0.1:E02.FR.14", "2.0.1:J02.FR.21", "2.0.1:E01.FR.04", "2.0.1:TC_E_11_CS", "2.0.1:TC_J_11_CS")
def test_signed_values_go_along_unchanged_and_may_begin_the_transaction(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        start_point(lab, "DataSigned")
        answer = await lab.csms.ask(
            "SetVariables",
            set_variable_data=[
                {
                    "component": {"name": "SampledDataCtrlr"},
                    "variable": {"name": "SignReadings"},
                    "attribute_value": "true",
                }
            ],
        )
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        lab.move(level="C")
        await lab.swipe("DRIVER")
        await lab.until(lambda: lab.station.evses[1].closed)
        assert lab.transactions() == []
        lab.move(signed=SIGNED)
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert started["triggerReason"] == "SignedDataReceived"
        signed = started["meterValue"][0]["sampledValue"][0]["signedMeterValue"]
        assert base64.b64decode(signed["signedMeterData"]).decode() == SIGNED
        assert signed["encodingMethod"] == "OCMF"

    on_2x(test, signs=True)


@pytest.mark.ocpp("1.6:MeterValues")
def test_16_signed_values_are_a_value_of_their_own(on_16: Run) -> None:
    async def test(lab: Any) -> None:
        await lab.csms.ask("ChangeConfiguration", key="SampledDataSignReadings", value="true")
        lab.move(signed=SIGNED)
        await lab.charge()
        lab.move(level="A")
        stopped = await lab.csms.heard("StopTransaction")
        plain, signed = stopped["transactionData"][0]["sampledValue"]
        assert (plain.get("format"), signed["format"]) == (None, "SignedData")
        assert base64.b64decode(json.loads(signed["value"])["signedMeterData"]).decode() == SIGNED

    on_16(test, signs=True)


@pytest.mark.ocpp("2.0.1:B12.FR.01", "2.0.1:B12.FR.07", "2.0.1:B11.FR.08", "2.0.1:TC_B_25_CS", "2.0.1:TC_B_26_CS")
def test_one_evse_is_reset_when_its_transaction_has_ended(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.guard.connectors[2].pilot = PilotMode.DUTY  # it has lost what it was told
        assert (await lab.csms.ask("Reset", type="Immediate", evse_id=2)).status == "Accepted"
        lab.station.tick()
        await lab.until(lambda: lab.guard.connectors[2].pilot is PilotMode.X1)
        await lab.charge()
        assert (await lab.csms.ask("Reset", type="OnIdle", evse_id=1)).status == "Scheduled"
        assert lab.station.evses[1].closed
        await lab.swipe("DRIVER")
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert ended["transactionInfo"].get("stoppedReason") == "Local"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:B12.FR.08", "2.0.1:B12.FR.02", "2.0.1:TC_B_27_CS")
def test_an_immediate_reset_of_one_evse_ends_its_transaction_only(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        await lab.charge("ONE", 1)
        other = await lab.charge("TWO", 2)
        assert (await lab.csms.ask("Reset", type="Immediate", evse_id=1)).status == "Accepted"
        ended = await lab.csms.heard("TransactionEvent", eventType="Ended")
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("ResetCommand", "ImmediateReset")
        assert lab.station.evses[2].transaction_id == other

    on_2x(test)


@pytest.mark.ocpp("2.0.1:F05.FR.02", "2.0.1:F05.FR.03", "2.0.1:F05.FR.06", "2.0.1:TC_F_05_CS", "2.0.1:TC_F_10_CS")
def test_a_plug_is_unlocked_unless_somebody_charges(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        assert (await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=1)).status == "Unlocked"
        assert (await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=5)).status == "UnknownConnector"
        start_point(lab, "EVConnected")
        lab.move(level="B")
        await lab.until(lambda: lab.station.evses[1].transaction_id)
        assert (await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=1)).status == "Unlocked"
        await lab.swipe("DRIVER")
        answer = await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=1)
        assert answer.status == "OngoingAuthorizedTransaction"

    on_2x(test)


@pytest.mark.ocpp("2.0.1:G05.FR.02", "2.0.1:N07.FR.05", "2.0.1:B08.FR.10")
def test_a_lock_that_fails_is_told_as_the_problem_of_the_lock(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.move(1, faults=(wire.Fault("lock_open", "the bolt did not reach its place", 0.0),))
        told = await lab.csms.heard("NotifyEvent")
        names = [each["component"]["name"] for each in told["eventData"]]
        assert names == ["ConnectorPlugRetentionLock", "EVSE"]
        lock, whole = told["eventData"]
        assert (lock["actualValue"], lock["techCode"], lock["trigger"]) == ("true", "lock_open", "Delta")
        assert whole["cause"] == lock["eventId"]
        assert (await lab.csms.ask("GetReport", request_id=3, component_criteria=["Problem"])).status == "Accepted"
        pages: list[dict[str, Any]] = []
        while not pages or pages[-1].get("tbc"):
            pages.append(await lab.csms.heard("NotifyReport", len(pages) + 1, requestId=3))
        found = [row["component"] for page in pages for row in page["reportData"]]
        places = {(each["name"], each.get("evse", {}).get("id")) for each in found}
        at_evse_1 = {(name, 1) for name in ("EVSE", "Connector", "ConnectorPlugRetentionLock")}
        assert places == {("ChargingStation", None), *at_evse_1}
        lab.move(1, faults=())
        over = await lab.csms.heard("NotifyEvent", 2)
        assert {each["actualValue"] for each in over["eventData"]} == {"false"}

    on_2x(test)


@pytest.mark.ocpp("1.6:StatusNotification", "1.6:TC_024")
def test_16_nobody_charges_where_the_lock_failed(on_16: Run) -> None:
    async def test(lab: Any) -> None:
        lab.move(1, level="C", faults=(wire.Fault("lock_open", "the bolt did not reach its place", 0.0),))
        status = await lab.csms.heard("StatusNotification", status="Faulted", connectorId=1)
        assert (status["errorCode"], status["vendorErrorCode"]) == ("ConnectorLockFailure", "lock_open")
        assert not (await lab.swipe("DRIVER")).accepted
        assert "StartTransaction" not in lab.csms.actions()
        assert lab.station.evses[1].wishes.grant is None

    on_16(test)


@pytest.mark.ocpp("1.6:StatusNotification", "1.6:TC_041")
def test_16_a_fault_has_its_error_code_and_our_own(on_16: Run) -> None:
    async def test(lab: Any) -> None:
        lab.move(1, faults=(wire.Fault("rcd_tripped", "6 mA DC", 0.0),))
        status = await lab.csms.heard("StatusNotification", status="Faulted")
        assert (status["errorCode"], status["vendorErrorCode"]) == ("GroundFailure", "rcd_tripped")

    on_16(test)


@pytest.mark.ocpp("2.0.1:B02.FR.03", "2.0.1:B03.FR.01")
def test_nobody_charges_before_the_station_is_accepted_where_that_is_wanted(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        lab.station.set_variable("TxCtrlr.TxBeforeAcceptedEnabled", "false")
        assert (await lab.swipe("DRIVER")).accepted
        await lab.swipe("DRIVER")
        lab.station.accepted_once = False
        refused = await lab.swipe("DRIVER")
        assert (refused.status, "not accepted" in refused.reason) == ("Rejected", True)

    on_2x(test)
