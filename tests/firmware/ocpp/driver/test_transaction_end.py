"""How transactions end, step by step (2.x use cases E05 to E07, E09, E10, E15, C15): by each stop point, by token, by
remote, by a token that is refused, by a fault, by the plug, by the car's own word."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v21 import call_result as result21
from ocpp.v201 import call_result as result201

from firmware.station.commands import StopTransaction
from hal.contracts import LockState, Plug
from hal.wire import Fault

On = Callable[..., None]

ENERGY = "Energy.Active.Import.Register"
DRIVER = {"idToken": "DRIVER", "type": "ISO14443"}
CHARGING = "Updated ChargingStateChanged Charging"
SUSPENDED = "Updated ChargingStateChanged SuspendedEV"
PULLED = "Ended EVCommunicationLost Idle EVDisconnected"


def stops_at(lab: Any, points: str) -> None:
    lab.station.set_variable("TxCtrlr.TxStopPoint", points)


def lock(lab: Any, evse: int = 1) -> LockState:
    found: LockState = lab.guard.connectors[evse].lock
    return found


async def charging(lab: Any) -> str:
    """Energy flows and the back office knows; the transaction's id."""
    name: str = await lab.charge()
    await lab.told(CHARGING)
    await lab.until(lambda: lock(lab) is not LockState.MOVING)
    return name


async def suspended(lab: Any) -> str:
    """The car has stopped taking energy; the transaction's id."""
    name = await charging(lab)
    lab.move(level="B")
    await lab.told(SUSPENDED)
    return name


async def gone(lab: Any) -> None:
    """The car and its cable leave, nothing is remembered of them."""
    lab.move(level="A", energy_wh=lab.guard.connectors[1].energy_wh + 100)
    await lab.until(lambda: lab.station.evses[1].transaction is None)
    await lab.until(lambda: lab.station.evses[1].level == "A")


async def status(lab: Any, state: str, count: int) -> None:
    await lab.csms.heard("StatusNotification", count, connectorStatus=state, evseId=1)


def gapless(lab: Any) -> bool:
    """Every transaction is numbered from 0."""
    by_id: dict[str, list[int]] = {}
    for each in lab.events():
        by_id.setdefault(each["transactionInfo"]["transactionId"], []).append(each["seqNo"])
    return all(numbers == list(range(len(numbers))) for numbers in by_id.values())


def refused(lab: Any) -> Any:
    """The answer to a TransactionEvent: this token is not good any more."""
    result = result201 if lab.version == "2.0.1" else result21
    return result.TransactionEvent(id_token_info={"status": "Invalid"})


@pytest.mark.ocpp("2.0.1:E06.FR.03", "2.0.1:E06.FR.08", "2.0.1:E06.FR.10", "2.0.1:E06.FR.14", "2.0.1:E06.FR.15")
@pytest.mark.ocpp("2.0.1:E07.FR.01", "2.0.1:E07.FR.02", "2.0.1:E07.FR.07", "2.0.1:E07.FR.08", "2.0.1:E07.FR.11")
@pytest.mark.ocpp("2.0.1:TC_E_06", "2.0.1:TC_E_07", "2.0.1:TC_E_08", "2.0.1:TC_E_15", "2.0.1:TC_E_21", "2.0.1:TC_E_35")
def test_a_token_or_the_back_office_ends_it_where_a_stop_point_is_about_that(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        for points in ("Authorized", "PowerPathClosed", "EnergyTransfer", "EVConnected,Authorized"):
            stops_at(lab, points)
            asked = lab.csms.actions().count("Authorize")
            await charging(lab)
            assert lock(lab) is LockState.LOCKED, points
            await lab.swipe("DRIVER")
            ended = await lab.told("Ended StopAuthorized EVConnected Local")
            assert ended["idToken"] == DRIVER, points
            assert lab.csms.actions().count("Authorize") <= asked + 1  # the one that began it; none for the end
            begin, end = ended["meterValue"]
            contexts = [each["sampledValue"][0]["context"] for each in (begin, end)]
            assert contexts == ["Transaction.Begin", "Transaction.End"], points
            assert [each["measurand"] for each in end["sampledValue"]] == [ENERGY, "Voltage", "Voltage", "Voltage"]
            await lab.until(lambda: lock(lab) is LockState.UNLOCKED)
            await gone(lab)
            running = await charging(lab)
            answer = await lab.csms.ask("RequestStopTransaction", transaction_id=running)
            assert answer.status == "Accepted"
            ended = await lab.told("Ended RemoteStop EVConnected Remote")
            assert "idToken" not in ended, points
            await gone(lab)
        assert gapless(lab)

    on_2x(test, variables={"SampledDataCtrlr.TxEndedMeasurands": f"{ENERGY},Voltage"})


@pytest.mark.ocpp("2.0.1:E07.FR.02", "2.0.1:E06.FR.02", "2.0.1:TC_E_14")
def test_where_only_the_plug_ends_it_the_token_ends_the_energy(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, "EVConnected")
        await charging(lab)
        await lab.swipe("DRIVER")
        assert (await lab.told("Updated StopAuthorized EVConnected"))["idToken"] == DRIVER
        assert not lab.station.evses[1].closed
        await lab.until(lambda: lock(lab) is LockState.UNLOCKED)
        lab.move(level="A")
        ended = await lab.told("Ended EVCommunicationLost Idle Local")
        assert "idToken" not in ended

    on_2x(test)


@pytest.mark.ocpp("2.0.1:E05.FR.04", "2.0.1:E05.FR.05", "2.0.1:E05.FR.10", "2.0.1:E06.FR.04", "2.0.1:E06.FR.06")
@pytest.mark.ocpp("2.0.1:TC_E_16")
@pytest.mark.parametrize("points", ["Authorized", "PowerPathClosed"])
def test_a_token_that_turns_out_bad_ends_it(on_2x: On, points: str) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, points)
        await lab.cut()
        await lab.charge("UNKNOWN")
        lab.csms.replies["TransactionEvent"].append(refused(lab))
        await lab.csms.open()
        started = await lab.csms.heard("TransactionEvent", eventType="Started")
        assert (started["offline"], started["idToken"]["idToken"]) == (True, "UNKNOWN")
        assert started["meterValue"][0]["sampledValue"][0]["context"] == "Transaction.Begin"
        ended = await lab.told("Ended Deauthorized EVConnected DeAuthorized")
        assert ended.get("offline", False) is False
        assert gapless(lab)

    on_2x(test, variables={"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})


@pytest.mark.ocpp("2.0.1:C15.FR.03", "2.0.1:E05.FR.09")
def test_a_token_that_turns_out_bad_ends_only_the_energy_where_the_plug_ends_the_rest(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, "EVConnected")
        await lab.cut()
        running = await lab.charge("UNKNOWN")
        lab.csms.replies["TransactionEvent"].append(refused(lab))
        await lab.csms.open()
        await lab.told("Updated Deauthorized EVConnected")
        assert not lab.station.evses[1].closed
        assert lab.station.evses[1].transaction_id == running
        lab.move(level="A")
        await lab.told("Ended EVCommunicationLost Idle DeAuthorized")

    on_2x(test, variables={"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})


@pytest.mark.ocpp("2.0.1:TC_C_15", "2.0.1:E05.FR.03", "2.0.1:C15.FR.07")
def test_a_token_that_turns_out_bad_may_draw_what_is_granted(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.charge()  # known from now on
        await gone(lab)
        await lab.told(PULLED)
        await lab.quiet()
        await lab.cut()
        before = len(lab.events())
        await lab.charge()
        lab.csms.replies["TransactionEvent"].append(refused(lab))
        await lab.csms.open()
        await lab.until(lambda: len(lab.events()) >= before + 2)
        first, second = lab.events()[before : before + 2]
        assert (first["triggerReason"], first["offline"], first["idToken"]) == ("Authorized", True, DRIVER)
        assert (second["triggerReason"], second["offline"]) == ("ChargingStateChanged", True)
        await lab.until(lambda: lab.station.evses[1].transaction.energy_until_wh is not None)
        lab.move(energy_wh=11_000.0)
        await lab.until(lambda: lab.station.evses[1].sample().energy_wh == 11_000.0)
        assert lab.station.evses[1].closed
        assert not {each["seqNo"] for each in lab.events()[before + 2 :]} - {0, 1}  # no Deauthorized, no SuspendedEVSE
        lab.move(energy_wh=11_101.0)
        lab.move(level="B")
        await lab.told("Updated ChargingStateChanged SuspendedEVSE")

    allowed = {"TxCtrlr.StopTxOnInvalidId": "false", "TxCtrlr.MaxEnergyOnInvalidId": "10000"}
    on_2x(test, variables={**allowed, "AuthCtrlr.LocalPreAuthorize": "true"})


@pytest.mark.ocpp("2.0.1:E06.FR.16", "2.0.1:E06.FR.08")
def test_a_fault_ends_it_as_what_it_is(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await charging(lab)
        lab.move(faults=(Fault("rcd_tripped", "6 mA DC", 0.0),))
        await lab.told("Ended AbnormalCondition EVConnected GroundFault")

    on_2x(test)


# --- the plug -------------------------------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:E06.FR.02", "2.0.1:E06.FR.06", "2.0.1:E09.FR.04", "2.0.1:E09.FR.05", "2.0.1:TC_E_20")
@pytest.mark.ocpp("2.0.1:TC_E_37", "2.0.1:TC_E_54")
@pytest.mark.parametrize("points", ["EVConnected", "PowerPathClosed"])
def test_a_plug_that_is_pulled_ends_it_where_a_stop_point_is_about_that(on_2x: On, points: str) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, points)
        await suspended(lab)
        lab.move(level="A")
        ended = await lab.told(PULLED)
        assert ended["meterValue"][-1]["sampledValue"][0]["context"] == "Transaction.End"
        assert gapless(lab)

    on_2x(test, variables={"TxCtrlr.StopTxOnEVSideDisconnect": "false"})


@pytest.mark.ocpp("2.0.1:E09.FR.01", "2.0.1:E09.FR.02", "2.0.1:TC_E_24")
def test_a_cable_pulled_at_the_car_is_free(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, "Authorized")
        await suspended(lab)
        assert lock(lab) is LockState.LOCKED
        lab.move(level="A")
        await lab.told(PULLED)
        await status(lab, "Available", 2)
        await lab.until(lambda: lock(lab) is LockState.UNLOCKED)
        lab.move(level="C")  # plugged in again it does not go on
        await status(lab, "Occupied", 2)
        assert lab.station.evses[1].transaction is None
        assert not lab.station.evses[1].closed

    on_2x(test)


@pytest.mark.ocpp("2.0.1:E09.FR.01", "2.0.1:E09.FR.03", "2.0.1:TC_E_17", "2.0.1:TC_E_25")
def test_a_cable_pulled_at_the_car_waits_for_its_owner(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        unlock = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "UnlockOnEVSideDisconnect"}}
        answer = await lab.csms.ask("SetVariables", set_variable_data=[{**unlock, "attribute_value": "false"}])
        assert answer.set_variable_result[0]["attribute_status"] == "Accepted"
        stops_at(lab, "Authorized")
        await suspended(lab)
        lab.move(level="A")
        await lab.told(PULLED)
        assert not (await lab.swipe("OTHER")).accepted
        await lab.wait(5)
        assert (lock(lab), lab.guard.connectors[1].bolts) == (LockState.LOCKED, 1)  # it did not move meanwhile
        assert "DRIVER" not in lab.station.evses[1].why()
        assert (await lab.swipe("DRIVER")).accepted
        await lab.until(lambda: lock(lab) is LockState.UNLOCKED)
        await status(lab, "Available", 2)
        assert lab.station.evses[1].id_token is None  # it frees the cable, it begins nothing

    on_2x(test)


def test_a_kept_cable_that_is_gone_keeps_nobody_out(on_2x: On) -> None:
    """A bolt may let go while there is no power."""

    async def test(lab: Any) -> None:
        lab.station.set_variable("OCPPCommCtrlr.UnlockOnEVSideDisconnect", "false")
        await suspended(lab)
        lab.move(level="A")
        await lab.told(PULLED)
        await lab.wait(60)
        assert lab.station.evses[1].keeps_cable
        lab.move(taken=True)
        await lab.until(lambda: lab.station.evses[1].seen.plug is Plug.NONE)
        await lab.wait(7)
        await lab.until(lambda: lock(lab) is LockState.UNLOCKED)
        await status(lab, "Available", 2)
        assert (await lab.swipe("OTHER")).accepted

    on_2x(test)


def test_the_back_office_frees_a_cable_too(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        lab.station.set_variable("OCPPCommCtrlr.UnlockOnEVSideDisconnect", "false")
        await suspended(lab)
        lab.move(level="A")
        await lab.told(PULLED)
        answer = await lab.csms.ask("UnlockConnector", evse_id=1, connector_id=1)
        assert (answer.status, lock(lab)) == ("Unlocked", LockState.UNLOCKED)
        await status(lab, "Available", 2)

    on_2x(test)


def test_fixed_cables_have_no_lock_to_set(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        unlock = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "UnlockOnEVSideDisconnect"}}
        answer = await lab.csms.ask("SetVariables", set_variable_data=[{**unlock, "attribute_value": "true"}])
        assert answer.set_variable_result[0]["attribute_status"] == "Rejected"
        read = await lab.csms.ask("GetVariables", get_variable_data=[unlock])
        assert read.get_variable_result[0]["attribute_value"] == "false"

    on_2x(test, kinds=("cType2", "cType2"))


@pytest.mark.ocpp("2.0.1:E10.FR.01", "2.0.1:E10.FR.03", "2.0.1:E10.FR.04", "2.0.1:TC_E_26")
def test_a_transaction_waits_for_its_car_and_goes_on(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, "Authorized")
        running = await suspended(lab)
        lab.move(level="A")
        await lab.told("Updated EVCommunicationLost Idle")
        assert lock(lab) is LockState.LOCKED
        lab.move(level="B")
        await lab.told("Updated CablePluggedIn EVConnected")
        lab.move(level="C")
        await lab.told(CHARGING)
        assert lab.station.evses[1].transaction_id == running
        lab.move(level="A")
        await lab.told("Updated EVCommunicationLost Idle")
        await lab.swipe("DRIVER")
        ended = await lab.told("Ended StopAuthorized Idle Local")
        assert ended["meterValue"][-1]["sampledValue"][0]["context"] == "Transaction.End"
        await lab.until(lambda: lock(lab) is LockState.UNLOCKED)
        assert gapless(lab)

    on_2x(test, variables={"TxCtrlr.StopTxOnEVSideDisconnect": "false"})


@pytest.mark.ocpp("2.0.1:E10.FR.02", "2.0.1:E10.FR.03", "2.0.1:TC_E_27")
def test_a_transaction_with_a_fixed_cable_waits_only_so_long(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, "Authorized")
        await suspended(lab)
        lab.move(level="A")
        await lab.told("Updated EVCommunicationLost Idle")
        await lab.wait(21)
        await lab.told("Ended EVConnectTimeout Idle Timeout")

    variables = {"TxCtrlr.StopTxOnEVSideDisconnect": "false", "TxCtrlr.EVConnectionTimeOut": "20"}
    on_2x(test, kinds=("cType2", "cType2"), variables=variables)


@pytest.mark.ocpp("2.0.1:TC_E_05", "2.0.1:TC_E_39", "2.0.1:E03.FR.05")
def test_who_plugs_in_too_late_does_not_charge(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.swipe("DRIVER")
        await lab.told("Started Authorized Idle")
        await lab.wait(21)
        await lab.told("Ended EVConnectTimeout Idle Timeout")
        lab.move(level="C")
        await status(lab, "Occupied", 1)
        await lab.wait(3)
        assert len(lab.events()) == 2
        assert not lab.station.evses[1].closed
        await gone(lab)
        await lab.swipe("DRIVER")
        await lab.told("Started Authorized Idle")
        await lab.charge_on()
        await lab.told(CHARGING)

    on_2x(test, variables={"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.EVConnectionTimeOut": "20"})


# --- the car's own word (ISO 15118) ---------------------------------------------------------------------------------


@pytest.mark.ocpp("2.0.1:E15.FR.01", "2.0.1:E15.FR.04", "2.0.1:E15.FR.05")
@pytest.mark.parametrize(
    ("points", "told", "last"),
    [
        ("Authorized", "Ended StopAuthorized EVConnected StoppedByEV", "Ended StopAuthorized EVConnected StoppedByEV"),
        ("EVConnected", "Updated StopAuthorized EVConnected", "Ended EVCommunicationLost Idle StoppedByEV"),
    ],
)
def test_a_car_that_ends_its_session_ends_the_authorization(on_2x: On, points: str, told: str, last: str) -> None:
    async def test(lab: Any) -> None:
        stops_at(lab, points)
        running = await charging(lab)
        stop = StopTransaction(by="car", transaction_id=running, reason="SessionStop")  # as car_session does
        assert (await lab.station.do(stop)).accepted
        event = await lab.told(told)
        assert "idToken" not in event
        lab.move(level="A")
        await lab.told(last)
        end = lab.events()[-1]["meterValue"][-1]
        assert end["sampledValue"][0]["context"] == "Transaction.End"

    on_2x(test)
