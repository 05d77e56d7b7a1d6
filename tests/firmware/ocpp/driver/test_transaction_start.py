"""How transactions begin, step by step (2.x use cases E01 to E03, J02): cable first, token first, remote, reserved."""

from collections.abc import Callable
from typing import Any

import pytest

On = Callable[..., None]

ENERGY = "Energy.Active.Import.Register"
#: What the remarks of E02 and E03 configure
CABLE_FIRST = {"TxCtrlr.TxStartPoint": "EVConnected,Authorized,DataSigned,PowerPathClosed,EnergyTransfer"}
TOKEN_FIRST = {"TxCtrlr.TxStartPoint": "Authorized,DataSigned,PowerPathClosed,EnergyTransfer"}
SAMPLES = {
    "SampledDataCtrlr.TxStartedMeasurands": f"{ENERGY},Voltage",
    "SampledDataCtrlr.TxUpdatedMeasurands": f"Current.Import,{ENERGY}",
    "SampledDataCtrlr.TxUpdatedInterval": "20",
}
STARTED = [ENERGY, "Voltage", "Voltage", "Voltage"]
DRIVER = {"idToken": "DRIVER", "type": "ISO14443"}


def measurands(value: dict[str, Any]) -> list[str]:
    return [each["measurand"] for each in value["sampledValue"]]


def contexts(value: dict[str, Any]) -> set[str]:
    return {each["context"] for each in value["sampledValue"]}


def in_one_transaction(events: list[dict[str, Any]]) -> bool:
    """Numbered from 0 without a gap."""
    ids = {each["transactionInfo"]["transactionId"] for each in events}
    return len(ids) == 1 and [each["seqNo"] for each in events] == list(range(len(events)))


async def metered(lab: Any, energy_wh: float) -> None:
    lab.move(energy_wh=energy_wh)
    await lab.until(lambda: lab.station.evses[1].sample().energy_wh == energy_wh)


async def occupied(lab: Any) -> None:
    await lab.csms.heard("StatusNotification", connectorStatus="Occupied", evseId=1, connectorId=1)


@pytest.mark.ocpp("2.0.1:E01.FR.09", "2.0.1:E01.FR.15", "2.0.1:E01.FR.18", "2.0.1:E02.FR.01", "2.0.1:E02.FR.05")
@pytest.mark.ocpp("2.0.1:E02.FR.07", "2.0.1:E02.FR.09", "2.0.1:E02.FR.10", "2.0.1:E02.FR.13", "2.0.1:E02.FR.15")
@pytest.mark.ocpp("2.0.1:E02.FR.17", "2.0.1:E02.FR.18", "2.0.1:J02.FR.02", "2.0.1:J02.FR.11", "2.0.1:J02.FR.18")
@pytest.mark.ocpp(
    "2.0.1:J02.FR.22", "2.0.1:J02.FR.04", "2.0.1:J02.FR.10", "2.0.1:TC_E_03", "2.0.1:TC_J_07", "2.0.1:TC_J_09"
)
def test_cable_first(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        lab.move(2, energy_wh=7.0)  # another EVSE's meter, which says nothing here
        lab.move(level="B")
        await occupied(lab)
        started = await lab.told("Started CablePluggedIn EVConnected")
        assert started["evse"] == {"id": 1, "connectorId": 1}
        (begin,) = started["meterValue"]
        assert (measurands(begin), contexts(begin)) == (
            [ENERGY, "Voltage", "Voltage", "Voltage"],
            {"Transaction.Begin"},
        )
        assert begin["sampledValue"][0]["value"] == 1000.0
        await lab.swipe("DRIVER")
        assert (await lab.csms.heard("Authorize"))["idToken"] == DRIVER
        authorised = await lab.told("Updated Authorized EVConnected")
        assert (authorised["idToken"], "evse" in authorised) == (DRIVER, False)
        lab.move(level="C")
        charging = await lab.told("Updated ChargingStateChanged Charging")
        assert charging["numberOfPhasesUsed"] == 3
        for count in (1, 2):
            await lab.wait(19)
            await metered(lab, 1000.0 + count)
            before = lab.events()[-1]["timestamp"]
            await lab.wait(1)
            sample = await lab.csms.heard("TransactionEvent", count, triggerReason="MeterValuePeriodic")
            (value,) = sample["meterValue"]
            assert measurands(value) == ["Current.Import"] * 3 + [ENERGY]
            assert contexts(value) == {"Sample.Periodic"}
            assert before < value["timestamp"] <= sample["timestamp"]
            assert value["sampledValue"][3]["value"] == 1000.0 + count
            assert "numberOfPhasesUsed" not in sample
        assert in_one_transaction(lab.events())
        assert "MeterValues" not in lab.csms.actions()

    on_2x(test, variables={**CABLE_FIRST, **SAMPLES})


@pytest.mark.ocpp(
    "2.0.1:E02.FR.19", "2.0.1:E03.FR.01", "2.0.1:E03.FR.06", "2.0.1:E03.FR.07", "2.0.1:E03.FR.08", "2.0.1:E03.FR.12"
)
@pytest.mark.ocpp("2.0.1:E03.FR.13", "2.0.1:E03.FR.14", "2.0.1:E01.FR.16", "2.0.1:TC_E_04", "2.0.1:TC_J_08")
def test_token_first(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.swipe("DRIVER")
        assert (await lab.csms.heard("Authorize"))["idToken"] == DRIVER
        started = await lab.told("Started Authorized Idle")
        assert (started["idToken"], contexts(started["meterValue"][0])) == (DRIVER, {"Transaction.Begin"})
        lab.move(level="B")
        await occupied(lab)
        plugged = await lab.told("Updated CablePluggedIn EVConnected")
        assert (plugged["evse"], "idToken" in plugged) == ({"id": 1, "connectorId": 1}, False)
        (begin,) = plugged["meterValue"]
        assert (measurands(begin), contexts(begin)) == (
            [ENERGY, "Voltage", "Voltage", "Voltage"],
            {"Transaction.Begin"},
        )
        lab.move(level="C")
        assert (await lab.told("Updated ChargingStateChanged Charging"))["numberOfPhasesUsed"] == 3
        await lab.wait(21)
        periodic = await lab.told("Updated MeterValuePeriodic Charging")
        assert (measurands(periodic["meterValue"][0])[3], "numberOfPhasesUsed" in periodic) == (ENERGY, False)
        lab.move(phases=1)
        await lab.wait(20)
        one = await lab.csms.heard("TransactionEvent", 2, triggerReason="MeterValuePeriodic")
        assert one["numberOfPhasesUsed"] == 1
        assert in_one_transaction(lab.events())

    on_2x(test, variables={**TOKEN_FIRST, **SAMPLES})


@pytest.mark.ocpp("2.0.1:E01.FR.05", "2.0.1:E01.FR.07", "2.0.1:E01.FR.10", "2.0.1:TC_E_01")
def test_both_first(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.swipe("DRIVER")
        await lab.csms.heard("Authorize")
        assert lab.transactions() == []
        lab.move(level="B")
        await occupied(lab)
        started = await lab.told("Started CablePluggedIn EVConnected")
        assert (started["seqNo"], started["evse"], started["idToken"]) == (0, {"id": 1, "connectorId": 1}, DRIVER)

    on_2x(test, variables={"TxCtrlr.TxStartPoint": "PowerPathClosed"})


@pytest.mark.ocpp("2.0.1:TC_E_13", "2.0.1:E01.FR.03")
def test_by_remote_before_the_plug(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        answer = await lab.csms.ask("RequestStartTransaction", id_token=DRIVER, remote_start_id=77, evse_id=1)
        assert answer.status == "Accepted"
        started = await lab.told("Started RemoteStart Idle")
        assert (started["idToken"], started["transactionInfo"]["remoteStartId"]) == (DRIVER, 77)
        assert "Authorize" not in lab.csms.actions()

    on_2x(test, variables={"TxCtrlr.TxStartPoint": "Authorized"})


@pytest.mark.ocpp("2.0.1:TC_E_38", "2.0.1:E01.FR.19")
def test_a_car_that_is_not_ready_is_told_as_such(on_2x: On) -> None:
    async def test(lab: Any) -> None:
        await lab.swipe("DRIVER")
        lab.move(level="B")
        await lab.told("Started CablePluggedIn EVConnected")
        await lab.wait(16)
        await lab.told("Updated ChargingStateChanged SuspendedEV")

    on_2x(test)


@pytest.mark.ocpp("2.0.1:E01.FR.13", "2.0.1:E02.FR.03", "2.0.1:E03.FR.03")
@pytest.mark.parametrize("plug_first", [True, False])
def test_the_event_that_tells_the_token_names_its_reservation(on_2x: On, plug_first: bool) -> None:
    async def test(lab: Any) -> None:
        reserve = {"id": 5, "expiry_date_time": "2030-01-01T00:00:00Z", "id_token": DRIVER, "evse_id": 1}
        assert (await lab.csms.ask("ReserveNow", **reserve)).status == "Accepted"
        if plug_first:
            lab.move(level="B")
            assert "reservationId" not in await lab.told("Started CablePluggedIn EVConnected")
            await lab.swipe("DRIVER")
            tells = await lab.told("Updated Authorized EVConnected")
        else:
            await lab.swipe("DRIVER")
            tells = await lab.told("Started Authorized Idle")
        assert (tells["reservationId"], tells["idToken"]) == (5, DRIVER)
        lab.move(level="C")
        assert "reservationId" not in await lab.told("Updated ChargingStateChanged Charging")

    on_2x(test, variables=CABLE_FIRST)
