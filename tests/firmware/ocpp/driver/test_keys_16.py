"""The configuration keys of 1.6 (chapter 9): which there are, which may be changed, and that they are obeyed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from ocpp.v16 import call_result as result16

On = Callable[..., None]

#: of the specification and the whitepapers, with a value that may be set
WRITABLE = {
    "AllowOfflineTxForUnknownId": "true",
    "AuthorizationCacheEnabled": "false",
    "AuthorizeRemoteTxRequests": "true",
    "ClockAlignedDataInterval": "900",
    "ConnectionTimeOut": "90",
    "ConnectorPhaseRotation": "0.RST,1.RST,2.STR",
    "HeartbeatInterval": "120",
    "LocalAuthorizeOffline": "false",
    "LocalPreAuthorize": "true",
    "MaxEnergyOnInvalidId": "500",
    "MeterValuesAlignedData": "Voltage,SoC",
    "MeterValuesSampledData": "Power.Active.Import,Voltage.L1",
    "MeterValueSampleInterval": "0",
    "MinimumStatusDuration": "3",
    "ResetRetries": "2",
    "StopTransactionOnEVSideDisconnect": "false",
    "StopTransactionOnInvalidId": "false",
    "StopTxnAlignedData": "Energy.Active.Import.Register",
    "StopTxnSampledData": "SoC",
    "TransactionMessageAttempts": "7",
    "TransactionMessageRetryInterval": "20",
    "UnlockConnectorOnEVSideDisconnect": "false",
    "WebSocketPingInterval": "0",
    "LocalAuthListEnabled": "false",
    "CpoName": "Volt & Co",
    "CertSigningWaitMinimum": "45",
    "CertSigningRepeatTimes": "1",
    "ISO15118PnCEnabled": "false",
    "CentralContractValidationAllowed": "false",
    "ContractValidationOffline": "false",
}
READ_ONLY = (
    "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys",
    "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledDataMaxLength",
    "NumberOfConnectors",
    "StopTxnAlignedDataMaxLength",
    "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfiles",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported",
    "MaxChargingProfilesInstalled",
    "CertificateStoreMaxLength",
    "SupportedFileTransferProtocols",
    "AdditionalRootCertificateCheck",
    "CertificateSignedMaxChainSize",
)


async def change(lab: Any, key: str, value: str) -> str:
    return str((await lab.csms.ask("ChangeConfiguration", key=key, value=value)).status)


async def shown(lab: Any, *keys: str) -> dict[str, Any]:
    answer = await lab.csms.ask("GetConfiguration", key=list(keys))
    return {each["key"]: (each.get("value", ""), each["readonly"]) for each in answer.configuration_key or ()}


def told(lab: Any, name: str) -> list[dict[str, Any]]:
    return [payload for action, payload in lab.csms.calls if action == name]


@pytest.mark.ocpp("1.6:ChangeConfiguration", "1.6:GetConfiguration", "1.6:TC_019_2", "1.6:TC_021")
def test_what_may_be_changed_can_be_and_the_rest_says_so(on_16: On) -> None:
    async def test(lab: Any) -> None:
        found = await shown(lab, *WRITABLE)
        assert set(found) == set(WRITABLE)
        assert not [key for key, (_, readonly) in found.items() if readonly]
        for key, value in WRITABLE.items():
            assert (key, await change(lab, key, value)) == (key, "Accepted")
        after = await shown(lab, *WRITABLE)
        assert {key: value for key, (value, _) in after.items()} == WRITABLE
        fixed = await shown(lab, *READ_ONLY)
        assert set(fixed) == set(READ_ONLY)
        for key, (value, readonly) in fixed.items():
            assert readonly, key
            assert (key, await change(lab, key, value or "1")) == (key, "Rejected")
        for key in ("BlinkRepeat", "QueueAllMessages"):  # nothing blinks here; 2.x only
            assert await change(lab, key, "1") == "NotSupported"

    on_16(test)


@pytest.mark.ocpp("1.6:ChangeConfiguration", "1.6:GetConfiguration")
def test_what_was_changed_outlives_a_restart(on_16: On) -> None:
    async def test(lab: Any) -> None:
        for key, value in WRITABLE.items():
            await change(lab, key, value)
        await lab.site.reboot(pulled=True)
        await lab.csms.heard("BootNotification", 2)
        after = await shown(lab, *WRITABLE)
        del after["HeartbeatInterval"]  # BootNotification's answer brings it
        assert {key: value for key, (value, _) in after.items()}.items() <= WRITABLE.items()

    on_16(test)


@pytest.mark.ocpp("1.6:MeterValues", "1.6:ChangeConfiguration")
def test_an_interval_of_nothing_means_no_samples(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await change(lab, "MeterValueSampleInterval", "0")
        await lab.charge("DRIVER")
        await lab.site.told("StartTransaction")
        before = len(told(lab, "MeterValues"))
        await lab.wait(200)
        await lab.swipe("DRIVER")
        stop = await lab.csms.heard("StopTransaction")
        assert len(told(lab, "MeterValues")) == before
        contexts = [each["sampledValue"][0]["context"] for each in stop["transactionData"]]
        assert "Sample.Periodic" not in contexts

    on_16(test)


@pytest.mark.ocpp("1.6:StopTransaction", "1.6:MeterValues", "1.6:TC_070", "1.6:TC_071")
def test_what_is_collected_for_the_stop(on_16: On) -> None:
    async def test(lab: Any) -> None:
        for key, value in (
            ("MeterValueSampleInterval", "7"),
            ("StopTxnSampledData", "Power.Active.Import"),
            ("ClockAlignedDataInterval", "10"),
            ("StopTxnAlignedData", "Voltage.L1"),
            ("MeterValuesAlignedData", "Current.Import.L2"),
        ):
            assert await change(lab, key, value) == "Accepted"
        await lab.charge("DRIVER")
        await lab.wait(25)
        await lab.swipe("DRIVER")
        stop = await lab.csms.heard("StopTransaction")
        values = [(each["context"], each["measurand"], each.get("phase", "")) for each in flat(stop["transactionData"])]
        assert values.count(("Sample.Periodic", "Power.Active.Import", "")) >= 2
        assert values.count(("Sample.Clock", "Voltage", "L1-N")) >= 2
        assert {context for context, measurand, _ in values if measurand == "Voltage"} == {"Sample.Clock"}
        assert values[-1] == ("Transaction.End", "Power.Active.Import", "")
        aligned = [each for p in told(lab, "MeterValues") for each in flat(p["meterValue"])]
        by_clock = {(e["measurand"], e.get("phase", "")) for e in aligned if e["context"] == "Sample.Clock"}
        assert by_clock == {("Current.Import", "L2")}

    on_16(test)


def flat(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for value in values for each in value["sampledValue"]]


@pytest.mark.ocpp("1.6:StatusNotification", "1.6:ChangeConfiguration")
def test_a_state_must_last(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await lab.csms.heard("StatusNotification", connectorId=1, status="Available")
        await change(lab, "MinimumStatusDuration", "5")
        lab.move(level="B")
        await lab.until(lambda: lab.station.evses[1].plugged)
        lab.move(level="A")
        await lab.until(lambda: not lab.station.evses[1].plugged)
        lab.move(level="B")
        await lab.until(lambda: lab.station.evses[1].plugged)
        lab.site.later(4)
        await asyncio.sleep(0.1)  # time enough to tell it too early
        assert "Preparing" not in [each["status"] for each in told(lab, "StatusNotification")]
        lab.site.later(2)
        await lab.csms.heard("StatusNotification", connectorId=1, status="Preparing")
        assert [each["status"] for each in told(lab, "StatusNotification") if each["connectorId"] == 1] == [
            "Available",
            "Preparing",
        ]

    on_16(test)


@pytest.mark.ocpp("1.6:Authorize", "1.6:ChangeConfiguration")
def test_without_a_cache_everybody_is_asked_for_and_nobody_is_known_offline(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await change(lab, "LocalPreAuthorize", "true")
        await change(lab, "AuthorizationCacheEnabled", "false")
        for _ in range(2):
            assert (await lab.swipe("DRIVER")).accepted
            await lab.swipe("DRIVER")
        assert len(told(lab, "Authorize")) == 2
        assert (await lab.csms.ask("ClearCache")).status == "Rejected"
        await lab.csms.close()
        await lab.csms.drop()
        await lab.until(lambda: lab.station.offline)
        assert not (await lab.swipe("DRIVER")).accepted

    on_16(test)


@pytest.mark.ocpp("1.6:StartTransaction", "1.6:ChangeConfiguration")
def test_a_start_that_is_refused_by_errors_is_given_up_after_so_many_attempts(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await change(lab, "TransactionMessageAttempts", "2")
        await change(lab, "TransactionMessageRetryInterval", "30")
        failed = '[4,"$ID","InternalError","",{}]'
        lab.csms.replies["StartTransaction"].extend([failed, failed])
        await lab.charge("DRIVER")
        await lab.csms.heard("StartTransaction")
        await lab.site.will_repeat()
        lab.site.later(29)
        await asyncio.sleep(0.1)  # time enough to do it too early
        assert len(told(lab, "StartTransaction")) == 1
        lab.site.later(2)
        await lab.csms.heard("StartTransaction", 2)
        await lab.swipe("DRIVER")
        stop = await lab.csms.heard("StopTransaction")
        assert stop["transactionId"] == -1  # errata 3.18
        assert len({frame for frame in lab.csms.raw if "StartTransaction" in frame}) == 1  # the same, byte by byte

    on_16(test)


@pytest.mark.ocpp("1.6:StopTransaction", "1.6:ChangeConfiguration")
def test_who_turns_out_to_be_nobody_may_draw_a_little(on_16: On) -> None:
    async def test(lab: Any) -> None:
        await change(lab, "StopTransactionOnInvalidId", "false")
        await change(lab, "MaxEnergyOnInvalidId", "500")
        refused = result16.StartTransaction(transaction_id=5, id_tag_info={"status": "Expired"})
        lab.csms.replies["StartTransaction"].append(refused)
        await lab.charge("DRIVER")
        await lab.site.told("StartTransaction")
        lab.move(energy_wh=1400.0)
        assert lab.station.evses[1].closed
        lab.move(energy_wh=1500.0)
        await lab.csms.heard("StatusNotification", connectorId=1, status="SuspendedEVSE")
        await lab.until(lambda: not lab.station.evses[1].closed)
        assert told(lab, "StopTransaction") == []

    on_16(test)
