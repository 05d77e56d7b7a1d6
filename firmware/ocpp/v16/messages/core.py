"""OCPP 1.6's messages of the Core profile and Remote Trigger, and the data types that all share (1.6 ch. 6 and 7)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, Payload, String20, String25, String50, String255, String500

# --- data types -----------------------------------------------------------------------------------------------------

AuthorizationStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]
RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]
ChargePointErrorCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "OverVoltage",
    "WeakSignal",
]
ChargePointStatus = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]
Reason = Literal[
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
]
ReadingContext = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "Other",
]
Measurand = Literal[
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "Power.Factor",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
    "RPM",
]
Phase = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
Location = Literal["Cable", "EV", "Inlet", "Outlet", "Body"]
UnitOfMeasure = Literal[
    "Wh",
    "kWh",
    "varh",
    "kvarh",
    "W",
    "kW",
    "VA",
    "kVA",
    "var",
    "kvar",
    "A",
    "V",
    "K",
    "Celcius",
    "Celsius",
    "Fahrenheit",
    "Percent",
]


class IdTagInfo(Payload, frozen=True, kw_only=True):
    status: AuthorizationStatus
    expiry_date: DateTime | UnsetType = UNSET
    parent_id_tag: String20 | UnsetType = UNSET


class SampledValue(Payload, frozen=True, kw_only=True):
    value: str
    context: ReadingContext | UnsetType = UNSET
    format: Literal["Raw", "SignedData"] | UnsetType = UNSET
    measurand: Measurand | UnsetType = UNSET
    phase: Phase | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    unit: UnitOfMeasure | UnsetType = UNSET


class MeterValue(Payload, frozen=True, kw_only=True):
    timestamp: DateTime
    sampled_value: Annotated[tuple[SampledValue, ...], Meta(min_length=1)]


class ChargingSchedulePeriod(Payload, frozen=True, kw_only=True):
    start_period: int
    limit: float
    number_phases: int | UnsetType = UNSET


class ChargingSchedule(Payload, frozen=True, kw_only=True):
    charging_rate_unit: Literal["A", "W"]
    charging_schedule_period: tuple[ChargingSchedulePeriod, ...]
    duration: int | UnsetType = UNSET
    start_schedule: DateTime | UnsetType = UNSET
    min_charging_rate: float | UnsetType = UNSET


class ChargingProfile(Payload, frozen=True, kw_only=True):
    charging_profile_id: int
    stack_level: int
    charging_profile_purpose: Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
    charging_profile_kind: Literal["Absolute", "Recurring", "Relative"]
    charging_schedule: ChargingSchedule
    transaction_id: int | UnsetType = UNSET
    recurrency_kind: Literal["Daily", "Weekly"] | UnsetType = UNSET
    valid_from: DateTime | UnsetType = UNSET
    valid_to: DateTime | UnsetType = UNSET


class KeyValue(Payload, frozen=True, kw_only=True):
    key: String50
    readonly: bool
    value: String500 | UnsetType = UNSET


# --- from the charge point ------------------------------------------------------------------------------------------


class BootNotification(Payload, frozen=True, kw_only=True):
    charge_point_vendor: String20
    charge_point_model: String20
    charge_point_serial_number: String25 | UnsetType = UNSET
    charge_box_serial_number: String25 | UnsetType = UNSET
    firmware_version: String50 | UnsetType = UNSET
    iccid: String20 | UnsetType = UNSET
    imsi: String20 | UnsetType = UNSET
    meter_type: String25 | UnsetType = UNSET
    meter_serial_number: String25 | UnsetType = UNSET


class BootNotificationResponse(Payload, frozen=True, kw_only=True):
    status: RegistrationStatus
    current_time: DateTime
    interval: int


class Heartbeat(Payload, frozen=True, kw_only=True):
    pass


class HeartbeatResponse(Payload, frozen=True, kw_only=True):
    current_time: DateTime


class StatusNotification(Payload, frozen=True, kw_only=True):
    connector_id: int
    error_code: ChargePointErrorCode
    status: ChargePointStatus
    info: String50 | UnsetType = UNSET
    timestamp: DateTime | UnsetType = UNSET
    vendor_id: String255 | UnsetType = UNSET
    vendor_error_code: String50 | UnsetType = UNSET


class StatusNotificationResponse(Payload, frozen=True, kw_only=True):
    pass


class Authorize(Payload, frozen=True, kw_only=True):
    id_tag: String20


class AuthorizeResponse(Payload, frozen=True, kw_only=True):
    id_tag_info: IdTagInfo


class StartTransaction(Payload, frozen=True, kw_only=True):
    connector_id: int
    id_tag: String20
    meter_start: int
    timestamp: DateTime
    reservation_id: int | UnsetType = UNSET


class StartTransactionResponse(Payload, frozen=True, kw_only=True):
    id_tag_info: IdTagInfo
    transaction_id: int


class StopTransaction(Payload, frozen=True, kw_only=True):
    meter_stop: int
    timestamp: DateTime
    transaction_id: int
    id_tag: String20 | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    transaction_data: tuple[MeterValue, ...] | UnsetType = UNSET


class StopTransactionResponse(Payload, frozen=True, kw_only=True):
    id_tag_info: IdTagInfo | UnsetType = UNSET


class MeterValues(Payload, frozen=True, kw_only=True):
    connector_id: int
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]
    transaction_id: int | UnsetType = UNSET


class MeterValuesResponse(Payload, frozen=True, kw_only=True):
    pass


# --- from the central system ----------------------------------------------------------------------------------------


class RemoteStartTransaction(Payload, frozen=True, kw_only=True):
    id_tag: String20
    connector_id: int | UnsetType = UNSET
    charging_profile: ChargingProfile | UnsetType = UNSET


class RemoteStartTransactionResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class RemoteStopTransaction(Payload, frozen=True, kw_only=True):
    transaction_id: int


class RemoteStopTransactionResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class Reset(Payload, frozen=True, kw_only=True):
    type: Literal["Hard", "Soft"]


class ResetResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class TriggerMessage(Payload, frozen=True, kw_only=True):
    requested_message: Literal[
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ]
    connector_id: int | UnsetType = UNSET


class TriggerMessageResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "NotImplemented"]


class UnlockConnector(Payload, frozen=True, kw_only=True):
    connector_id: int


class UnlockConnectorResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Unlocked", "UnlockFailed", "NotSupported"]


class ChangeAvailability(Payload, frozen=True, kw_only=True):
    connector_id: int
    type: Literal["Inoperative", "Operative"]


class ChangeAvailabilityResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "Scheduled"]


class GetConfiguration(Payload, frozen=True, kw_only=True):
    key: tuple[String50, ...] | UnsetType = UNSET


class GetConfigurationResponse(Payload, frozen=True, kw_only=True):
    configuration_key: tuple[KeyValue, ...] | UnsetType = UNSET
    unknown_key: tuple[String50, ...] | UnsetType = UNSET


class ChangeConfiguration(Payload, frozen=True, kw_only=True):
    key: String50
    value: String500


class ChangeConfigurationResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]


class ClearCache(Payload, frozen=True, kw_only=True):
    pass


class ClearCacheResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class DataTransfer(Payload, frozen=True, kw_only=True):
    vendor_id: String255
    message_id: String50 | UnsetType = UNSET
    data: str | UnsetType = UNSET


class DataTransferResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: str | UnsetType = UNSET
