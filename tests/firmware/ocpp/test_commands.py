"""What a back office may ask, in both versions, over a real socket. The station is real; nothing is plugged in."""

from collections.abc import Callable
from typing import Any

import pytest
from ocpp.exceptions import OCPPError

from firmware.ocpp import start_values
from firmware.ocpp.device_model import DeviceModel

OnSite = Callable[..., None]


# --- 1.6 ------------------------------------------------------------------------------------------------------------


def on_16(on_site: OnSite, test: Any, **more: Any) -> None:
    async def ready(site: Any) -> None:
        await site.told("StatusNotification", 3)
        await test(site)

    on_site(ready, version="1.6", **more)


@pytest.mark.ocpp("1.6:GetConfiguration", "1.6:TC_019_1")
def test_16_every_required_key_is_there(on_site: OnSite) -> None:
    required = (  # 1.6 ch. 9.1: the required keys of Core
        "AuthorizeRemoteTxRequests ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation"
        " GetConfigurationMaxKeys HeartbeatInterval LocalAuthorizeOffline LocalPreAuthorize MeterValuesAlignedData"
        " MeterValuesSampledData MeterValueSampleInterval NumberOfConnectors ResetRetries"
        " StopTransactionOnEVSideDisconnect StopTransactionOnInvalidId StopTxnAlignedData StopTxnSampledData"
        " SupportedFeatureProfiles TransactionMessageAttempts TransactionMessageRetryInterval"
        " UnlockConnectorOnEVSideDisconnect WebSocketPingInterval"
    )

    async def test(site: Any) -> None:
        answer = await site.csms.ask("GetConfiguration")
        keys = {row["key"]: row["value"] for row in answer.configuration_key}
        assert set(required.split()) <= set(keys)
        assert keys["NumberOfConnectors"] == "2"
        assert (
            keys["SupportedFeatureProfiles"] == "Core,RemoteTrigger,LocalAuthListManagement,Reservation,SmartCharging"
        )

    on_16(on_site, test)


@pytest.mark.ocpp("1.6:GetConfiguration", "1.6:TC_019_2")
def test_16_one_key_and_unknown_keys(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        answer = await site.csms.ask("GetConfiguration", key=["heartbeatINTERVAL", "Nonsense"])
        assert answer.configuration_key == [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
        assert answer.unknown_key == ["Nonsense"]

    on_16(on_site, test)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "15", "Accepted"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "soon", "Rejected"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "yes", "Rejected"),
        ("MeterValuesSampledData", "Voltage,SoC", "Accepted"),
        ("MeterValuesSampledData", "Voltage,Warp", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("GetConfigurationMaxKeys", "3", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
@pytest.mark.ocpp("1.6:ChangeConfiguration", "1.6:TC_040_1", "1.6:TC_040_2")
def test_16_change_configuration(on_site: OnSite, key: str, value: str, status: str) -> None:
    async def test(site: Any) -> None:
        before = await site.csms.ask("GetConfiguration", key=[key])
        assert (await site.csms.ask("ChangeConfiguration", key=key, value=value)).status == status
        after = await site.csms.ask("GetConfiguration", key=[key])
        assert (after.configuration_key == before.configuration_key) is (status != "Accepted")

    on_16(on_site, test)


@pytest.mark.ocpp("1.6:ChangeConfiguration", "1.6:TC_021")
def test_16_a_changed_interval_reaches_the_station(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        await site.csms.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="7")
        assert site.station.sample_interval_s == 7

    on_16(on_site, test)


@pytest.mark.ocpp("1.6:TriggerMessage", "1.6:TC_054", "1.6:TC_055")
def test_16_trigger_message(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        for message, status in (
            ("Heartbeat", "Accepted"),
            ("BootNotification", "Accepted"),
            ("StatusNotification", "Accepted"),
            ("FirmwareStatusNotification", "Accepted"),
            ("DiagnosticsStatusNotification", "Accepted"),
        ):
            before = site.csms.actions().count(message)
            assert (await site.csms.ask("TriggerMessage", requested_message=message)).status == status
            told = await site.csms.heard(message, before + 1)
            if message.endswith("sStatusNotification") or message.startswith("Firmware"):
                assert told == {"status": "Idle"}
        answer = await site.csms.ask("TriggerMessage", requested_message="StatusNotification", connector_id=9)
        assert answer.status == "Rejected"

    on_16(on_site, test)


@pytest.mark.ocpp("1.6:RemoteStopTransaction", "1.6:UnlockConnector", "1.6:TC_028", "1.6:TC_031")
def test_16_what_cannot_be_done_is_rejected(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        csms = site.csms
        assert (await csms.ask("RemoteStopTransaction", transaction_id=5)).status == "Rejected"
        assert (await csms.ask("RemoteStartTransaction", id_tag="A", connector_id=9)).status == "Rejected"
        assert (await csms.ask("UnlockConnector", connector_id=9)).status == "NotSupported"
        assert (await csms.ask("ChangeAvailability", connector_id=9, type="Operative")).status == "Rejected"
        assert (await csms.ask("DataTransfer", vendor_id="x")).status == "UnknownVendorId"

    on_16(on_site, test)


@pytest.mark.ocpp("1.6:ChangeAvailability")
def test_16_change_availability_is_told_by_status(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        assert (await site.csms.ask("ChangeAvailability", connector_id=1, type="Inoperative")).status == "Accepted"
        assert site.station.variable("availability/1") == "Inoperative"
        assert (await site.csms.ask("ChangeAvailability", connector_id=0, type="Inoperative")).status == "Accepted"

    on_16(on_site, test)


# --- 2.0.1 and 2.1 --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["2.0.1", "2.1"])
def on_2x(on_site: OnSite, request: pytest.FixtureRequest) -> OnSite:
    """A registered station in each version of 2.x."""

    def run(test: Any, **more: Any) -> None:
        async def ready(site: Any) -> None:
            await site.told("StatusNotification", 2)
            await test(site)

        on_site(ready, version=request.param, **more)

    return run


def variable(component: str, name: str, instance: str = "", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"component": {"name": component}, "variable": {"name": name}}
    if instance:
        found["variable"]["instance"] = instance
    return {**found, **more}


def place(each: dict[str, Any]) -> tuple[Any, ...]:
    """Which variable of which component: what is asked for and what is answered must be the same."""
    of, what = each["component"], each["variable"]
    return of["name"].lower(), of.get("evse", {}).get("id"), what["name"].lower(), what.get("instance")


@pytest.mark.ocpp(
    "2.x:B06.FR.01",
    "2.x:B06.FR.02",
    "2.x:B06.FR.03",
    "2.x:B06.FR.04",
    "2.x:B06.FR.06",
    "2.x:B06.FR.07",
    "2.x:B06.FR.08",
    "2.x:B06.FR.10",
    "2.x:B06.FR.11",
    "2.0.1:TC_B_06",
    "2.0.1:TC_B_07",
    "2.0.1:TC_B_32",
    "2.0.1:TC_B_33",
    "2.0.1:TC_B_34",
)
def test_2x_get_variables_answers_each_in_order(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        asked = [
            variable("ocppcommctrlr", "HEARTBEATINTERVAL"),  # names compare case-insensitively
            variable("Nonsense", "X"),
            variable("OCPPCommCtrlr", "X"),
            variable("OCPPCommCtrlr", "HeartbeatInterval", attribute_type="Target"),
            variable("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
            {
                "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
                "variable": {"name": "Available"},
            },
        ]
        answer = await site.csms.ask("GetVariables", get_variable_data=asked)
        assert [place(each) for each in answer.get_variable_result] == [place(each) for each in asked]
        kinds = [each["attribute_type"] for each in answer.get_variable_result]
        assert kinds == [each.get("attribute_type", "Actual") for each in asked]
        assert [(r["attribute_status"], r.get("attribute_value")) for r in answer.get_variable_result] == [
            ("Accepted", "300"),
            ("UnknownComponent", None),
            ("UnknownVariable", None),
            ("NotSupportedAttributeType", None),
            ("Accepted", "5"),
            ("Accepted", "true"),
        ]

    on_2x(test)


@pytest.mark.ocpp(
    "2.x:B05.FR.01",
    "2.x:B05.FR.02",
    "2.x:B05.FR.04",
    "2.x:B05.FR.05",
    "2.x:B05.FR.07",
    "2.x:B05.FR.08",
    "2.x:B05.FR.10",
    "2.0.1:TC_B_09",
    "2.0.1:TC_B_10",
    "2.0.1:TC_B_11",
    "2.0.1:TC_B_35",
    "2.0.1:TC_B_36",
    "2.0.1:TC_B_39",
)
def test_2x_set_variables_answers_each_in_order(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        asked = [
            variable("OCPPCommCtrlr", "HeartbeatInterval", attribute_value="120"),
            variable("OCPPCommCtrlr", "HeartbeatInterval", attribute_value="+120"),
            variable("OCPPCommCtrlr", "QueueAllMessages", attribute_value="true"),
            variable("TxCtrlr", "EVConnectionTimeOut", attribute_value="90"),
            variable("AuthCtrlr", "LocalPreAuthorize", attribute_value="maybe"),
            variable("Nonsense", "X", attribute_value="1"),
            variable("OCPPCommCtrlr", "X", attribute_value="1"),
            variable("OCPPCommCtrlr", "RetryBackOffRepeatTimes", attribute_value="11"),  # 0 to 10
            variable("OCPPCommCtrlr", "RetryBackOffRepeatTimes", attribute_value="-1"),
            variable("OCPPCommCtrlr", "RetryBackOffRepeatTimes", attribute_value="10"),
        ]
        answer = await site.csms.ask("SetVariables", set_variable_data=asked)
        assert [place(each) for each in answer.set_variable_result] == [place(each) for each in asked]
        assert [r["attribute_status"] for r in answer.set_variable_result] == [
            "Accepted",
            "Rejected",
            "Rejected",
            "Accepted",
            "Rejected",
            "UnknownComponent",
            "UnknownVariable",
            "Rejected",
            "Rejected",
            "Accepted",
        ]
        assert site.station.connection_timeout_s == 90

    on_2x(test)


@pytest.mark.ocpp("2.x:B06.FR.16", "2.0.1:TC_B_08")
def test_2x_more_items_than_allowed_are_refused(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        with pytest.raises(OCPPError) as refused:
            await site.csms.ask("GetVariables", get_variable_data=[variable("A", "B")] * 51)
        assert refused.value.code == "OccurrenceConstraintViolation"

    on_2x(test)


@pytest.mark.ocpp(
    "2.x:B07.FR.01",
    "2.x:B07.FR.03",
    "2.x:B07.FR.04",
    "2.x:B07.FR.08",
    "2.x:B07.FR.10",
    "2.x:B07.FR.12",
    "2.0.1:TC_B_13",
    "2.0.1:TC_B_53",
)
def test_2x_base_report_lists_every_required_variable(on_2x: OnSite) -> None:
    """TC_B_53, by the required variables of 2.0.1 part 1 appendix."""

    async def test(site: Any) -> None:
        answer = await site.csms.ask("GetBaseReport", request_id=7, report_base="FullInventory")
        assert answer.status == "Accepted"
        pages: list[dict[str, Any]] = []
        while not pages or pages[-1].get("tbc"):
            pages.append(await site.csms.heard("NotifyReport", len(pages) + 1))
        assert [page["seqNo"] for page in pages] == list(range(len(pages)))
        assert {page["requestId"] for page in pages} == {7}
        found = {(row["component"]["name"], row["variable"]["name"]) for page in pages for row in page["reportData"]}
        assert REQUIRED - found == set()

    on_2x(test)


# Core profile: the controllers' required variables (reference: 2.0.1 part 2, ch. 2)
REQUIRED = {
    ("AlignedDataCtrlr", "Interval"),
    ("AlignedDataCtrlr", "TxEndedInterval"),
    ("AlignedDataCtrlr", "Measurands"),
    ("AlignedDataCtrlr", "TxEndedMeasurands"),
    ("AuthCtrlr", "AuthorizeRemoteStart"),
    ("AuthCtrlr", "LocalAuthorizeOffline"),
    ("AuthCtrlr", "LocalPreAuthorize"),
    ("ClockCtrlr", "DateTime"),
    ("ClockCtrlr", "TimeSource"),
    ("DeviceDataCtrlr", "BytesPerMessage"),
    ("DeviceDataCtrlr", "ItemsPerMessage"),
    ("OCPPCommCtrlr", "FileTransferProtocols"),
    ("OCPPCommCtrlr", "MessageAttempts"),
    ("OCPPCommCtrlr", "MessageAttemptInterval"),
    ("OCPPCommCtrlr", "MessageTimeout"),
    ("OCPPCommCtrlr", "NetworkConfigurationPriority"),
    ("OCPPCommCtrlr", "NetworkProfileConnectionAttempts"),
    ("OCPPCommCtrlr", "OfflineThreshold"),
    ("OCPPCommCtrlr", "ResetRetries"),
    ("OCPPCommCtrlr", "RetryBackOffRepeatTimes"),
    ("OCPPCommCtrlr", "RetryBackOffRandomRange"),
    ("OCPPCommCtrlr", "RetryBackOffWaitMinimum"),
    ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    ("OCPPCommCtrlr", "WebSocketPingInterval"),
    ("SampledDataCtrlr", "TxStartedMeasurands"),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    ("SampledDataCtrlr", "TxUpdatedInterval"),
    ("SampledDataCtrlr", "TxEndedMeasurands"),
    ("SampledDataCtrlr", "TxEndedInterval"),
    ("SecurityCtrlr", "CertificateEntries"),
    ("SecurityCtrlr", "OrganizationName"),
    ("SecurityCtrlr", "SecurityProfile"),
    ("TxCtrlr", "EVConnectionTimeOut"),
    ("TxCtrlr", "StopTxOnEVSideDisconnect"),
    ("TxCtrlr", "StopTxOnInvalidId"),
    ("TxCtrlr", "TxStartPoint"),
    ("TxCtrlr", "TxStopPoint"),
    ("ChargingStation", "Available"),
    ("ChargingStation", "AvailabilityState"),
    ("ChargingStation", "SupplyPhases"),
    ("EVSE", "Available"),
    ("EVSE", "AvailabilityState"),
    ("EVSE", "Power"),
    ("EVSE", "SupplyPhases"),
    ("Connector", "Available"),
    ("Connector", "ConnectorType"),
    ("Connector", "SupplyPhases"),
}


@pytest.mark.ocpp("2.x:F06.FR.04", "2.x:F06.FR.05", "2.x:F06.FR.08", "2.x:F06.FR.17", "2.0.1:TC_F_20")
def test_2x_trigger_message(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        for message, status in (
            ("Heartbeat", "Accepted"),
            ("BootNotification", "Rejected"),  # F06.FR.17
            ("FirmwareStatusNotification", "Accepted"),
        ):
            assert (await site.csms.ask("TriggerMessage", requested_message=message)).status == status
        await site.csms.heard("Heartbeat")
        answer = await site.csms.ask(
            "TriggerMessage", requested_message="StatusNotification", evse={"id": 2, "connectorId": 1}
        )
        assert answer.status == "Accepted"
        await site.csms.heard("StatusNotification", 2, evseId=2)

    on_2x(test)


def test_2x_what_cannot_be_done_is_rejected_with_its_reason(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        csms = site.csms
        token = {"idToken": "A", "type": "ISO14443"}
        start = await csms.ask("RequestStartTransaction", id_token=token, remote_start_id=1, evse_id=9)
        assert start.status == "Rejected"
        assert start.status_info["additional_info"]
        assert (await csms.ask("RequestStopTransaction", transaction_id="x")).status == "Rejected"
        assert (await csms.ask("UnlockConnector", evse_id=9, connector_id=1)).status == "UnknownConnector"
        evse = {"id": 9}
        unknown = await csms.ask("ChangeAvailability", operational_status="Operative", evse=evse)
        assert unknown.status == "Rejected"
        assert (await csms.ask("DataTransfer", vendor_id="x")).status == "UnknownVendorId"
        with pytest.raises(OCPPError) as refused:
            await csms.ask("PublishFirmware", location="ftp://x", checksum="0" * 32, request_id=1)
        assert refused.value.code == "NotSupported"

    on_2x(test)


@pytest.mark.ocpp("2.x:B11.FR.01", "2.x:B11.FR.03", "2.0.1:TC_B_20")
def test_2x_a_reset_is_answered_before_it_happens(on_2x: OnSite) -> None:
    async def test(site: Any) -> None:
        assert (await site.csms.ask("Reset", type="Immediate")).status == "Accepted"

    on_2x(test)


@pytest.mark.ocpp("1.6:ChangeConfiguration", "1.6:TC_021", "1.6:TC_040_2")
def test_16_keys_that_are_more_than_one_variable(on_site: OnSite) -> None:
    async def test(site: Any) -> None:
        async def change(key: str, value: str) -> str:
            return str((await site.csms.ask("ChangeConfiguration", key=key, value=value)).status)

        assert await change("MeterValueSampleInterval", "15") == "Accepted"
        assert site.station.ended_interval_s == 15
        assert await change("StopTransactionOnEVSideDisconnect", "false") == "Accepted"
        assert site.station.waits_for_replug
        assert await change("StopTransactionOnEVSideDisconnect", "true") == "Accepted"
        assert site.station.stop_points == {"EVConnected", "Authorized"}
        assert await change("ConnectorPhaseRotation", "0.RST, 1.RTS") == "Accepted"
        for wrong in ("9.RST", "1.XYZ", "1"):
            assert await change("ConnectorPhaseRotation", wrong) == "Rejected"
        answer = await site.csms.ask("GetConfiguration", key=["StopTxnAlignedDataMaxLength", "ConnectorPhaseRotation"])
        assert [each["value"] for each in answer.configuration_key] == ["7", "0.RST,1.RTS,2.Unknown"]

        model = DeviceModel(site.station, site.station.settings.ocpp)  # the same when they are given before the start
        given = {"ClockAlignedDataInterval": "30", "StopTransactionOnEVSideDisconnect": "false", "Nope": "1"}
        assert list(start_values.apply(model, given)) == ["Nope"]
        assert site.station.waits_for_replug
        assert site.station.variable("AlignedDataCtrlr.TxEndedInterval", "") == "30"

    on_16(on_site, test)
