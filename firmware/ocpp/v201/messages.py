"""OCPP 2.0.1's messages that this station speaks, each described once (part 2, ch. 1).

A test compares every one with the official schema, keyword by keyword.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String36, String50, String255, String5500
from firmware.ocpp.v201.types import (
    AuthorizeCertificateStatusEnum,
    BootReasonEnum,
    ChangeAvailabilityStatusEnum,
    ChargingProfile,
    ChargingStation,
    ClearCacheStatusEnum,
    ConnectorStatusEnum,
    DataTransferStatusEnum,
    Evse,
    GenericDeviceModelStatusEnum,
    GetVariableData,
    GetVariableResult,
    IdToken,
    IdTokenInfo,
    MessageContent,
    MessageTriggerEnum,
    MeterValue,
    OcspRequestData,
    OperationalStatusEnum,
    Payload201,
    RegistrationStatusEnum,
    ReportBaseEnum,
    ReportData,
    RequestStartStopStatusEnum,
    ResetEnum,
    ResetStatusEnum,
    SetVariableData,
    SetVariableResult,
    StatusInfo,
    Transaction,
    TransactionEventEnum,
    TriggerMessageStatusEnum,
    TriggerReasonEnum,
    UnlockStatusEnum,
)


class BootNotificationRequest(Payload201, frozen=True, kw_only=True):
    charging_station: ChargingStation
    reason: BootReasonEnum


class BootNotificationResponse(Payload201, frozen=True, kw_only=True):
    current_time: DateTime
    interval: int
    status: RegistrationStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class HeartbeatRequest(Payload201, frozen=True, kw_only=True):
    pass


class HeartbeatResponse(Payload201, frozen=True, kw_only=True):
    current_time: DateTime


class StatusNotificationRequest(Payload201, frozen=True, kw_only=True):
    timestamp: DateTime
    connector_status: ConnectorStatusEnum
    evse_id: int
    connector_id: int


class StatusNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class AuthorizeRequest(Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    certificate: String5500 | UnsetType = UNSET
    iso15118_certificate_hash_data: (
        Annotated[tuple[OcspRequestData, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class AuthorizeResponse(Payload201, frozen=True, kw_only=True):
    id_token_info: IdTokenInfo
    certificate_status: AuthorizeCertificateStatusEnum | UnsetType = UNSET


class TransactionEventRequest(Payload201, frozen=True, kw_only=True):
    event_type: TransactionEventEnum
    timestamp: DateTime
    trigger_reason: TriggerReasonEnum
    seq_no: int
    transaction_info: Transaction
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)] | UnsetType = UNSET
    offline: bool | UnsetType = UNSET
    number_of_phases_used: int | UnsetType = UNSET
    cable_max_current: int | UnsetType = UNSET
    reservation_id: int | UnsetType = UNSET
    evse: Evse | UnsetType = UNSET
    id_token: IdToken | UnsetType = UNSET


class TransactionEventResponse(Payload201, frozen=True, kw_only=True):
    total_cost: float | UnsetType = UNSET
    charging_priority: int | UnsetType = UNSET
    id_token_info: IdTokenInfo | UnsetType = UNSET
    updated_personal_message: MessageContent | UnsetType = UNSET


class MeterValuesRequest(Payload201, frozen=True, kw_only=True):
    evse_id: int
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]


class MeterValuesResponse(Payload201, frozen=True, kw_only=True):
    pass


class SecurityEventNotificationRequest(Payload201, frozen=True, kw_only=True):
    type: String50
    timestamp: DateTime
    tech_info: String255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class NotifyReportRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    generated_at: DateTime
    seq_no: int
    report_data: Annotated[tuple[ReportData, ...], Meta(min_length=1)] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET


class NotifyReportResponse(Payload201, frozen=True, kw_only=True):
    pass


class DataTransferRequest(Payload201, frozen=True, kw_only=True):
    vendor_id: String255
    message_id: String50 | UnsetType = UNSET
    data: Any | UnsetType = UNSET


class DataTransferResponse(Payload201, frozen=True, kw_only=True):
    status: DataTransferStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    data: Any | UnsetType = UNSET


class RequestStartTransactionRequest(Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    remote_start_id: int
    evse_id: int | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET
    charging_profile: ChargingProfile | UnsetType = UNSET


class RequestStartTransactionResponse(Payload201, frozen=True, kw_only=True):
    status: RequestStartStopStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET


class RequestStopTransactionRequest(Payload201, frozen=True, kw_only=True):
    transaction_id: String36


class RequestStopTransactionResponse(Payload201, frozen=True, kw_only=True):
    status: RequestStartStopStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ResetRequest(Payload201, frozen=True, kw_only=True):
    type: ResetEnum
    evse_id: int | UnsetType = UNSET


class ResetResponse(Payload201, frozen=True, kw_only=True):
    status: ResetStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class TriggerMessageRequest(Payload201, frozen=True, kw_only=True):
    requested_message: MessageTriggerEnum
    evse: Evse | UnsetType = UNSET


class TriggerMessageResponse(Payload201, frozen=True, kw_only=True):
    status: TriggerMessageStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class UnlockConnectorRequest(Payload201, frozen=True, kw_only=True):
    evse_id: int
    connector_id: int


class UnlockConnectorResponse(Payload201, frozen=True, kw_only=True):
    status: UnlockStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class GetVariablesRequest(Payload201, frozen=True, kw_only=True):
    get_variable_data: Annotated[tuple[GetVariableData, ...], Meta(min_length=1)]


class GetVariablesResponse(Payload201, frozen=True, kw_only=True):
    get_variable_result: Annotated[tuple[GetVariableResult, ...], Meta(min_length=1)]


class SetVariablesRequest(Payload201, frozen=True, kw_only=True):
    set_variable_data: Annotated[tuple[SetVariableData, ...], Meta(min_length=1)]


class SetVariablesResponse(Payload201, frozen=True, kw_only=True):
    set_variable_result: Annotated[tuple[SetVariableResult, ...], Meta(min_length=1)]


class GetBaseReportRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    report_base: ReportBaseEnum


class GetBaseReportResponse(Payload201, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ChangeAvailabilityRequest(Payload201, frozen=True, kw_only=True):
    operational_status: OperationalStatusEnum
    evse: Evse | UnsetType = UNSET


class ChangeAvailabilityResponse(Payload201, frozen=True, kw_only=True):
    status: ChangeAvailabilityStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ClearCacheRequest(Payload201, frozen=True, kw_only=True):
    pass


class ClearCacheResponse(Payload201, frozen=True, kw_only=True):
    status: ClearCacheStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class GetTransactionStatusRequest(Payload201, frozen=True, kw_only=True):
    transaction_id: String36 | UnsetType = UNSET


class GetTransactionStatusResponse(Payload201, frozen=True, kw_only=True):
    messages_in_queue: bool
    ongoing_indicator: bool | UnsetType = UNSET
