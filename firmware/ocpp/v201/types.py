"""OCPP 2.0.1's data types and enumerations (part 2, ch. 3), as far as our messages use them.

Names are the standard's without the ending `Type`. `Payload201` adds the customData that every object of 2.x may carry.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from firmware.ocpp.payload import (
    DateTime,
    Payload,
    String8,
    String16,
    String20,
    String25,
    String32,
    String36,
    String40,
    String50,
    String128,
    String255,
    String512,
    String1000,
    String2500,
)

AttributeEnum = Literal["Actual", "Target", "MinSet", "MaxSet"]
AuthorizationStatusEnum = Literal[
    "Accepted",
    "Blocked",
    "ConcurrentTx",
    "Expired",
    "Invalid",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
]
AuthorizeCertificateStatusEnum = Literal[
    "Accepted",
    "SignatureError",
    "CertificateExpired",
    "CertificateRevoked",
    "NoCertificateAvailable",
    "CertChainError",
    "ContractCancelled",
]
BootReasonEnum = Literal[
    "ApplicationReset",
    "FirmwareUpdate",
    "LocalReset",
    "PowerUp",
    "RemoteReset",
    "ScheduledReset",
    "Triggered",
    "Unknown",
    "Watchdog",
]
ChangeAvailabilityStatusEnum = Literal["Accepted", "Rejected", "Scheduled"]
ChargingProfileKindEnum = Literal["Absolute", "Recurring", "Relative"]
ChargingProfilePurposeEnum = Literal[
    "ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"
]
ChargingRateUnitEnum = Literal["W", "A"]
ChargingStateEnum = Literal["Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"]
ClearCacheStatusEnum = Literal["Accepted", "Rejected"]
ConnectorStatusEnum = Literal["Available", "Occupied", "Reserved", "Unavailable", "Faulted"]
CostKindEnum = Literal["CarbonDioxideEmission", "RelativePricePercentage", "RenewableGenerationPercentage"]
DataEnum = Literal["string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList"]
DataTransferStatusEnum = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
GenericDeviceModelStatusEnum = Literal["Accepted", "Rejected", "NotSupported", "EmptyResultSet"]
GetVariableStatusEnum = Literal[
    "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"
]
HashAlgorithmEnum = Literal["SHA256", "SHA384", "SHA512"]
IdTokenEnum = Literal["Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"]
LocationEnum = Literal["Body", "Cable", "EV", "Inlet", "Outlet"]
MeasurandEnum = Literal[
    "Current.Export",
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Active.Net",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Energy.Reactive.Net",
    "Energy.Apparent.Net",
    "Energy.Apparent.Import",
    "Energy.Apparent.Export",
    "Frequency",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "SoC",
    "Voltage",
]
MessageFormatEnum = Literal["ASCII", "HTML", "URI", "UTF8"]
MessageTriggerEnum = Literal[
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargingStationCertificate",
    "SignV2GCertificate",
    "StatusNotification",
    "TransactionEvent",
    "SignCombinedCertificate",
    "PublishFirmwareStatusNotification",
]
MutabilityEnum = Literal["ReadOnly", "WriteOnly", "ReadWrite"]
OperationalStatusEnum = Literal["Inoperative", "Operative"]
PhaseEnum = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
ReadingContextEnum = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
]
ReasonEnum = Literal[
    "DeAuthorized",
    "EmergencyStop",
    "EnergyLimitReached",
    "EVDisconnected",
    "GroundFault",
    "ImmediateReset",
    "Local",
    "LocalOutOfCredit",
    "MasterPass",
    "Other",
    "OvercurrentFault",
    "PowerLoss",
    "PowerQuality",
    "Reboot",
    "Remote",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
    "Timeout",
]
RecurrencyKindEnum = Literal["Daily", "Weekly"]
RegistrationStatusEnum = Literal["Accepted", "Pending", "Rejected"]
ReportBaseEnum = Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"]
RequestStartStopStatusEnum = Literal["Accepted", "Rejected"]
ResetEnum = Literal["Immediate", "OnIdle"]
ResetStatusEnum = Literal["Accepted", "Rejected", "Scheduled"]
SetVariableStatusEnum = Literal[
    "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType", "RebootRequired"
]
TransactionEventEnum = Literal["Ended", "Started", "Updated"]
TriggerMessageStatusEnum = Literal["Accepted", "Rejected", "NotImplemented"]
TriggerReasonEnum = Literal[
    "Authorized",
    "CablePluggedIn",
    "ChargingRateChanged",
    "ChargingStateChanged",
    "Deauthorized",
    "EnergyLimitReached",
    "EVCommunicationLost",
    "EVConnectTimeout",
    "MeterValueClock",
    "MeterValuePeriodic",
    "TimeLimitReached",
    "Trigger",
    "UnlockCommand",
    "StopAuthorized",
    "EVDeparted",
    "EVDetected",
    "RemoteStop",
    "RemoteStart",
    "AbnormalCondition",
    "SignedDataReceived",
    "ResetCommand",
]
UnlockStatusEnum = Literal["Unlocked", "UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"]
GenericStatusEnum = Literal["Accepted", "Rejected"]


class CustomData(Struct, frozen=True, kw_only=True, rename="camel"):
    """Anything a vendor adds (part 4, ch. 9); we accept it and do not look inside."""

    vendor_id: String255


class Payload201(Payload, frozen=True, kw_only=True):
    custom_data: CustomData | UnsetType = UNSET


class Modem(Payload201, frozen=True, kw_only=True):
    iccid: String20 | UnsetType = UNSET
    imsi: String20 | UnsetType = UNSET


class ChargingStation(Payload201, frozen=True, kw_only=True):
    model: String20
    vendor_name: String50
    serial_number: String25 | UnsetType = UNSET
    modem: Modem | UnsetType = UNSET
    firmware_version: String50 | UnsetType = UNSET


class StatusInfo(Payload201, frozen=True, kw_only=True):
    reason_code: String20
    additional_info: String512 | UnsetType = UNSET


class AdditionalInfo(Payload201, frozen=True, kw_only=True):
    additional_id_token: String36
    type: String50


class IdToken(Payload201, frozen=True, kw_only=True):
    id_token: String36
    type: IdTokenEnum
    additional_info: Annotated[tuple[AdditionalInfo, ...], Meta(min_length=1)] | UnsetType = UNSET


class OcspRequestData(Payload201, frozen=True, kw_only=True):
    hash_algorithm: HashAlgorithmEnum
    issuer_name_hash: String128
    issuer_key_hash: String128
    serial_number: String40
    responder_url: String512 = field(name="responderURL")


class MessageContent(Payload201, frozen=True, kw_only=True):
    format: MessageFormatEnum
    content: String512
    language: String8 | UnsetType = UNSET


class IdTokenInfo(Payload201, frozen=True, kw_only=True):
    status: AuthorizationStatusEnum
    cache_expiry_date_time: DateTime | UnsetType = UNSET
    charging_priority: int | UnsetType = UNSET
    language1: String8 | UnsetType = UNSET
    evse_id: Annotated[tuple[int, ...], Meta(min_length=1)] | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET
    language2: String8 | UnsetType = UNSET
    personal_message: MessageContent | UnsetType = UNSET


class Evse(Payload201, frozen=True, kw_only=True):
    id: int
    connector_id: int | UnsetType = UNSET


class SignedMeterValue(Payload201, frozen=True, kw_only=True):
    signed_meter_data: String2500
    signing_method: String50
    encoding_method: String50
    public_key: String2500


class UnitOfMeasure(Payload201, frozen=True, kw_only=True):
    unit: String20 | UnsetType = UNSET
    multiplier: int | UnsetType = UNSET


class SampledValue(Payload201, frozen=True, kw_only=True):
    value: float
    context: ReadingContextEnum | UnsetType = UNSET
    measurand: MeasurandEnum | UnsetType = UNSET
    phase: PhaseEnum | UnsetType = UNSET
    location: LocationEnum | UnsetType = UNSET
    signed_meter_value: SignedMeterValue | UnsetType = UNSET
    unit_of_measure: UnitOfMeasure | UnsetType = UNSET


class MeterValue(Payload201, frozen=True, kw_only=True):
    sampled_value: Annotated[tuple[SampledValue, ...], Meta(min_length=1)]
    timestamp: DateTime


class Transaction(Payload201, frozen=True, kw_only=True):
    transaction_id: String36
    charging_state: ChargingStateEnum | UnsetType = UNSET
    time_spent_charging: int | UnsetType = UNSET
    stopped_reason: ReasonEnum | UnsetType = UNSET
    remote_start_id: int | UnsetType = UNSET


class Component(Payload201, frozen=True, kw_only=True):
    name: String50
    evse: Evse | UnsetType = UNSET
    instance: String50 | UnsetType = UNSET


class Variable(Payload201, frozen=True, kw_only=True):
    name: String50
    instance: String50 | UnsetType = UNSET


class VariableAttribute(Payload201, frozen=True, kw_only=True):
    type: AttributeEnum | UnsetType = UNSET
    value: String2500 | UnsetType = UNSET
    mutability: MutabilityEnum | UnsetType = UNSET
    persistent: bool | UnsetType = UNSET
    constant: bool | UnsetType = UNSET


class VariableCharacteristics(Payload201, frozen=True, kw_only=True):
    data_type: DataEnum
    supports_monitoring: bool
    unit: String16 | UnsetType = UNSET
    min_limit: float | UnsetType = UNSET
    max_limit: float | UnsetType = UNSET
    values_list: String1000 | UnsetType = UNSET


class ReportData(Payload201, frozen=True, kw_only=True):
    component: Component
    variable: Variable
    variable_attribute: Annotated[tuple[VariableAttribute, ...], Meta(min_length=1, max_length=4)]
    variable_characteristics: VariableCharacteristics | UnsetType = UNSET


class ChargingSchedulePeriod(Payload201, frozen=True, kw_only=True):
    start_period: int
    limit: float
    number_phases: int | UnsetType = UNSET
    phase_to_use: int | UnsetType = UNSET


class RelativeTimeInterval(Payload201, frozen=True, kw_only=True):
    start: int
    duration: int | UnsetType = UNSET


class Cost(Payload201, frozen=True, kw_only=True):
    cost_kind: CostKindEnum
    amount: int
    amount_multiplier: int | UnsetType = UNSET


class ConsumptionCost(Payload201, frozen=True, kw_only=True):
    start_value: float
    cost: Annotated[tuple[Cost, ...], Meta(min_length=1, max_length=3)]


class SalesTariffEntry(Payload201, frozen=True, kw_only=True):
    relative_time_interval: RelativeTimeInterval
    e_price_level: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    consumption_cost: Annotated[tuple[ConsumptionCost, ...], Meta(min_length=1, max_length=3)] | UnsetType = UNSET


class SalesTariff(Payload201, frozen=True, kw_only=True):
    id: int
    sales_tariff_entry: Annotated[tuple[SalesTariffEntry, ...], Meta(min_length=1, max_length=1024)]
    sales_tariff_description: String32 | UnsetType = UNSET
    num_e_price_levels: int | UnsetType = UNSET


class ChargingSchedule(Payload201, frozen=True, kw_only=True):
    id: int
    charging_rate_unit: ChargingRateUnitEnum
    charging_schedule_period: Annotated[tuple[ChargingSchedulePeriod, ...], Meta(min_length=1, max_length=1024)]
    start_schedule: DateTime | UnsetType = UNSET
    duration: int | UnsetType = UNSET
    min_charging_rate: float | UnsetType = UNSET
    sales_tariff: SalesTariff | UnsetType = UNSET


class ChargingProfile(Payload201, frozen=True, kw_only=True):
    id: int
    stack_level: int
    charging_profile_purpose: ChargingProfilePurposeEnum
    charging_profile_kind: ChargingProfileKindEnum
    charging_schedule: Annotated[tuple[ChargingSchedule, ...], Meta(min_length=1, max_length=3)]
    recurrency_kind: RecurrencyKindEnum | UnsetType = UNSET
    valid_from: DateTime | UnsetType = UNSET
    valid_to: DateTime | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET


class GetVariableData(Payload201, frozen=True, kw_only=True):
    component: Component
    variable: Variable
    attribute_type: AttributeEnum | UnsetType = UNSET


class GetVariableResult(Payload201, frozen=True, kw_only=True):
    attribute_status: GetVariableStatusEnum
    component: Component
    variable: Variable
    attribute_status_info: StatusInfo | UnsetType = UNSET
    attribute_type: AttributeEnum | UnsetType = UNSET
    attribute_value: String2500 | UnsetType = UNSET


class SetVariableData(Payload201, frozen=True, kw_only=True):
    attribute_value: String1000
    component: Component
    variable: Variable
    attribute_type: AttributeEnum | UnsetType = UNSET


class SetVariableResult(Payload201, frozen=True, kw_only=True):
    attribute_status: SetVariableStatusEnum
    component: Component
    variable: Variable
    attribute_type: AttributeEnum | UnsetType = UNSET
    attribute_status_info: StatusInfo | UnsetType = UNSET


class CertificateHashData(Payload201, frozen=True, kw_only=True):
    hash_algorithm: HashAlgorithmEnum
    issuer_name_hash: String128
    issuer_key_hash: String128
    serial_number: String40


class ComponentVariable(Payload201, frozen=True, kw_only=True):
    component: Component
    variable: Variable | UnsetType = UNSET
