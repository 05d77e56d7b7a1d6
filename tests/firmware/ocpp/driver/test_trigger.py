"""TriggerMessage (F06): every kind of message there is, asked for as the certification cases TC_F_11 to TC_F_27 do."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., None]


async def trigger(lab: Any, message: str, evse: int | None = None) -> str:
    where = {} if evse is None else {"evse": {"id": evse}}
    return str((await lab.csms.ask("TriggerMessage", requested_message=message, **where)).status)


def measured(values: dict[str, Any]) -> dict[str, float]:
    """Measurand -> value; each was read because somebody asked."""
    sampled = values["meterValue"][0]["sampledValue"]
    assert {each["context"] for each in sampled} == {"Trigger"}
    return {each.get("measurand", "Energy.Active.Import.Register"): each["value"] for each in sampled}


@pytest.mark.ocpp("2.0.1:F06.FR.05", "2.0.1:F06.FR.06", "2.0.1:F06.FR.09", "2.0.1:F06.FR.10", "2.0.1:F06.FR.11")
@pytest.mark.ocpp("2.0.1:TC_F_11", "2.0.1:TC_F_12")
def test_meter_values_are_those_of_now_of_one_evse_or_of_each(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        for evse in (1, 2):
            lab.move(evse, energy_wh=1000.0 * evse)
        await lab.until(lambda: lab.station.evses[2].sample().energy_wh == 2000.0)
        assert await trigger(lab, "MeterValues", 2) == "Accepted"
        only = await lab.csms.heard("MeterValues")
        assert only["evseId"] == 2
        assert measured(only) == {"Energy.Active.Import.Register": 2000.0, "Power.Active.Import": 0.0}
        lab.move(2, energy_wh=2500.0)
        await lab.until(lambda: lab.station.evses[2].sample().energy_wh == 2500.0)
        assert await trigger(lab, "MeterValues") == "Accepted"
        await lab.csms.heard("MeterValues", 3)
        each = [payload for name, payload in lab.csms.calls if name == "MeterValues"][1:]
        energies = {values["evseId"]: measured(values)["Energy.Active.Import.Register"] for values in each}
        assert energies == {1: 1000.0, 2: 2500.0}
        assert await trigger(lab, "MeterValues", 9) == "Rejected"

    wanted = {"AlignedDataCtrlr.Measurands": "Energy.Active.Import.Register,Power.Active.Import"}
    on_2x(test, variables=wanted)


@pytest.mark.ocpp("2.0.1:F06.FR.07", "2.0.1:F06.FR.10", "2.0.1:F06.FR.11", "2.0.1:TC_F_13", "2.0.1:TC_F_14")
def test_every_transaction_says_how_it_is_when_no_evse_is_named(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        running = {evse: await lab.charge(f"DRIVER {evse}", evse) for evse in (1, 2)}
        assert await trigger(lab, "TransactionEvent") == "Accepted"
        await lab.csms.heard("TransactionEvent", 2, triggerReason="Trigger")
        told = [payload for name, payload in lab.csms.calls if payload.get("triggerReason") == "Trigger"]
        for event, evse in zip(told, (1, 2), strict=True):
            assert event["evse"]["id"] == evse
            assert event["transactionInfo"]["transactionId"] == running[evse]
            assert event["transactionInfo"]["chargingState"] == "Charging"
            assert set(measured(event)) == {"Energy.Active.Import.Register", "Voltage"}
        assert await trigger(lab, "TransactionEvent", 9) == "Rejected"

    on_2x(test, variables={"SampledDataCtrlr.TxUpdatedMeasurands": "Energy.Active.Import.Register,Voltage"})


@pytest.mark.ocpp("2.0.1:F06.FR.03", "2.0.1:F06.FR.08", "2.0.1:F06.FR.15", "2.0.1:F06.FR.16", "2.0.1:F06.FR.17")
@pytest.mark.ocpp("2.0.1:TC_F_15", "2.0.1:TC_F_17", "2.0.1:TC_F_18", "2.0.1:TC_F_20", "2.0.1:TC_F_26", "2.0.1:TC_F_27")
@pytest.mark.ocpp("2.0.1:N01.FR.13", "2.0.1:L01.FR.20", "2.0.1:L01.FR.25", "2.0.1:A02.FR.01", "2.0.1:A03.FR.01")
def test_what_belongs_to_no_evse_is_sent_whatever_evse_is_named(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        for evse in (None, 1, 9):
            assert await trigger(lab, "FirmwareStatusNotification", evse) == "Accepted"
            assert await trigger(lab, "LogStatusNotification", evse) == "Accepted"
            assert await trigger(lab, "Heartbeat", evse) == "Accepted"
        for message, expected in (
            ("FirmwareStatusNotification", {"status": "Idle"}),  # no requestId: it is about none
            ("LogStatusNotification", {"status": "Idle"}),
            ("Heartbeat", {}),
        ):
            await lab.csms.heard(message, 3)
            assert [payload for name, payload in lab.csms.calls if name == message] == [expected] * 3
        assert await trigger(lab, "BootNotification", 1) == "Rejected"
        for unknown in ("SignCombinedCertificate", "PublishFirmwareStatusNotification"):
            assert await trigger(lab, unknown, 1) == "NotImplemented"
        for kind in ("SignChargingStationCertificate", "SignV2GCertificate"):
            assert await trigger(lab, kind, 9) == "Accepted"
            await lab.csms.heard("SignCertificate", certificateType=kind.removeprefix("Sign"))

    on_2x(test, is_managed=True)


def test_2_1_what_is_only_there(at_plug: Run) -> None:
    async def test(lab: Any) -> None:
        assert await trigger(lab, "CustomTrigger") == "NotImplemented"
        assert await trigger(lab, "SignV2G20Certificate") == "Accepted"
        await lab.csms.heard("SignCertificate", certificateType="V2G20Certificate")

    at_plug(test, "2.1", is_managed=True)


@pytest.mark.ocpp("2.0.1:F06.FR.05")
def test_a_station_that_manages_no_certificates_cannot_have_them_signed(on_2x: Run) -> None:
    async def test(lab: Any) -> None:
        assert await trigger(lab, "SignChargingStationCertificate") == "Rejected"

    on_2x(test)
