"""OCPP 2.1's messages where they differ from those of 2.0.1 (part 2, ch. 1): what the back office sends, and what
we send that 2.0.1 could not say. All others are 2.0.1's: their JSON is valid here too. A test compares every one
with the official schema.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String20, String36, String50
from firmware.ocpp.v21.types import (
    AuthorizationData,
    CertificateSigningUseEnum,
    ChargingNeeds,
    ChargingProfile,
    ChargingProfileCriterion,
    ChargingSchedule,
    ChargingScheduleUpdate,
    ClearChargingProfile,
    ComponentVariable,
    EnergyTransferModeEnum,
    Evse,
    Firmware,
    GetCertificateIdUseEnum,
    GetVariableData,
    IdToken,
    IdTokenInfo,
    InstallCertificateUseEnum,
    LogEnum,
    LogParameters,
    MessageContent,
    MessageInfo,
    MessageStateEnum,
    MessageTriggerEnum,
    NetworkConnectionProfile,
    NotifyEVChargingNeedsStatusEnum,
    PriorityChargingStatusEnum,
    ReservationUpdateStatusEnum,
    ResetEnum,
    SetMonitoringData,
    SetVariableData,
    StatusInfo,
    Tariff,
    TransactionLimit,
)
from firmware.ocpp.v201 import messages, types


class GetVariablesRequest(messages.GetVariablesRequest, frozen=True, kw_only=True):
    get_variable_data: Annotated[tuple[GetVariableData, ...], Meta(min_length=1)]


class SetVariablesRequest(messages.SetVariablesRequest, frozen=True, kw_only=True):
    set_variable_data: Annotated[tuple[SetVariableData, ...], Meta(min_length=1)]


class GetReportRequest(messages.GetReportRequest, frozen=True, kw_only=True):
    component_variable: Annotated[tuple[ComponentVariable, ...], Meta(min_length=1)] | UnsetType = UNSET


class SetNetworkProfileRequest(types.Payload201, frozen=True, kw_only=True):
    configuration_slot: int
    connection_data: NetworkConnectionProfile


class ResetRequest(types.Payload201, frozen=True, kw_only=True):
    type: ResetEnum
    evse_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class SendLocalListRequest(types.Payload201, frozen=True, kw_only=True):
    version_number: int
    update_type: messages.UpdateEnum
    local_authorization_list: Annotated[tuple[AuthorizationData, ...], Meta(min_length=1)] | UnsetType = UNSET


class RequestStartTransactionRequest(types.Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    remote_start_id: int
    evse_id: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET
    charging_profile: ChargingProfile | UnsetType = UNSET


class UnlockConnectorRequest(messages.UnlockConnectorRequest, frozen=True, kw_only=True):
    evse_id: Annotated[int, Meta(ge=0)]
    connector_id: Annotated[int, Meta(ge=0)]


class TriggerMessageRequest(types.Payload201, frozen=True, kw_only=True):
    requested_message: MessageTriggerEnum
    evse: Evse | UnsetType = UNSET
    custom_trigger: String50 | UnsetType = UNSET


class ChangeAvailabilityRequest(messages.ChangeAvailabilityRequest, frozen=True, kw_only=True):
    evse: Evse | UnsetType = UNSET


class ReserveNowRequest(types.Payload201, frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=0)]
    expiry_date_time: DateTime
    id_token: IdToken
    connector_type: String20 | UnsetType = UNSET
    evse_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET


class CancelReservationRequest(messages.CancelReservationRequest, frozen=True, kw_only=True):
    reservation_id: Annotated[int, Meta(ge=0)]


class SetChargingProfileRequest(types.Payload201, frozen=True, kw_only=True):
    evse_id: Annotated[int, Meta(ge=0)]
    charging_profile: ChargingProfile


class GetChargingProfilesRequest(types.Payload201, frozen=True, kw_only=True):
    request_id: int
    charging_profile: ChargingProfileCriterion
    evse_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class ClearChargingProfileRequest(types.Payload201, frozen=True, kw_only=True):
    charging_profile_id: int | UnsetType = UNSET
    charging_profile_criteria: ClearChargingProfile | UnsetType = UNSET


class GetCompositeScheduleRequest(messages.GetCompositeScheduleRequest, frozen=True, kw_only=True):
    evse_id: Annotated[int, Meta(ge=0)]


class UpdateFirmwareRequest(messages.UpdateFirmwareRequest, frozen=True, kw_only=True):
    firmware: Firmware
    retries: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class PublishFirmwareRequest(messages.PublishFirmwareRequest, frozen=True, kw_only=True):
    location: Annotated[str, Meta(max_length=2000)]
    request_id: Annotated[int, Meta(ge=0)]
    retries: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    retry_interval: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class CertificateSignedRequest(types.Payload201, frozen=True, kw_only=True):
    certificate_chain: Annotated[str, Meta(max_length=10000)]
    certificate_type: CertificateSigningUseEnum | UnsetType = UNSET
    request_id: int | UnsetType = UNSET


class SignCertificateRequest(types.Payload201, frozen=True, kw_only=True):
    csr: Annotated[str, Meta(max_length=5500)]
    certificate_type: CertificateSigningUseEnum | UnsetType = UNSET
    hash_root_certificate: types.CertificateHashData | UnsetType = UNSET
    request_id: int | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(types.Payload201, frozen=True, kw_only=True):
    certificate_type: Annotated[tuple[GetCertificateIdUseEnum, ...], Meta(min_length=1)] | UnsetType = UNSET


class InstallCertificateRequest(types.Payload201, frozen=True, kw_only=True):
    certificate_type: InstallCertificateUseEnum
    certificate: Annotated[str, Meta(max_length=10000)]


class GetLogRequest(types.Payload201, frozen=True, kw_only=True):
    log: LogParameters
    log_type: LogEnum
    request_id: int
    retries: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class SetMonitoringLevelRequest(messages.SetMonitoringLevelRequest, frozen=True, kw_only=True):
    severity: Annotated[int, Meta(ge=0)]


class SetVariableMonitoringRequest(types.Payload201, frozen=True, kw_only=True):
    set_monitoring_data: Annotated[tuple[SetMonitoringData, ...], Meta(min_length=1)]


class ClearVariableMonitoringRequest(types.Payload201, frozen=True, kw_only=True):
    id: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)]


class GetMonitoringReportRequest(messages.GetMonitoringReportRequest, frozen=True, kw_only=True):
    component_variable: Annotated[tuple[ComponentVariable, ...], Meta(min_length=1)] | UnsetType = UNSET


class CustomerInformationRequest(types.Payload201, frozen=True, kw_only=True):
    request_id: Annotated[int, Meta(ge=0)]
    report: bool
    clear: bool
    customer_certificate: types.CertificateHashData | UnsetType = UNSET
    id_token: IdToken | UnsetType = UNSET
    customer_identifier: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class SetDisplayMessageRequest(types.Payload201, frozen=True, kw_only=True):
    message: MessageInfo


class GetDisplayMessagesRequest(types.Payload201, frozen=True, kw_only=True):
    request_id: int
    id: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1)] | UnsetType = UNSET
    priority: messages.MessagePriorityEnum | UnsetType = UNSET
    state: MessageStateEnum | UnsetType = UNSET


class NotifyDisplayMessagesRequest(types.Payload201, frozen=True, kw_only=True):
    request_id: int
    message_info: Annotated[tuple[MessageInfo, ...], Meta(min_length=1)] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET


class ClearDisplayMessageRequest(messages.ClearDisplayMessageRequest, frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=0)]


class BootNotificationResponse(messages.BootNotificationResponse, frozen=True, kw_only=True):
    status_info: StatusInfo | UnsetType = UNSET


class AuthorizeResponse(types.Payload201, frozen=True, kw_only=True):
    id_token_info: IdTokenInfo
    certificate_status: types.AuthorizeCertificateStatusEnum | UnsetType = UNSET
    allowed_energy_transfer: Annotated[tuple[EnergyTransferModeEnum, ...], Meta(min_length=1)] | UnsetType = UNSET
    tariff: Tariff | UnsetType = UNSET


class TransactionEventResponse(types.Payload201, frozen=True, kw_only=True):
    total_cost: float | UnsetType = UNSET
    charging_priority: int | UnsetType = UNSET
    id_token_info: IdTokenInfo | UnsetType = UNSET
    transaction_limit: TransactionLimit | UnsetType = UNSET
    updated_personal_message: MessageContent | UnsetType = UNSET
    updated_personal_message_extra: (
        Annotated[tuple[MessageContent, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class NotifyEVChargingNeedsResponse(types.Payload201, frozen=True, kw_only=True):
    status: NotifyEVChargingNeedsStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyEVChargingScheduleResponse(messages.NotifyEVChargingScheduleResponse, frozen=True, kw_only=True):
    status_info: StatusInfo | UnsetType = UNSET


class SignCertificateResponse(messages.SignCertificateResponse, frozen=True, kw_only=True):
    status_info: StatusInfo | UnsetType = UNSET


class Get15118EVCertificateResponse(messages.Get15118EVCertificateResponse, frozen=True, kw_only=True):
    exi_response: Annotated[str, Meta(max_length=17000)]
    status_info: StatusInfo | UnsetType = UNSET
    remaining_contracts: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class GetCertificateStatusResponse(messages.GetCertificateStatusResponse, frozen=True, kw_only=True):
    status_info: StatusInfo | UnsetType = UNSET
    ocsp_result: Annotated[str, Meta(max_length=18000)] | UnsetType = UNSET


class DataTransferResponse(messages.DataTransferResponse, frozen=True, kw_only=True):
    status_info: StatusInfo | UnsetType = UNSET


# --- what we say otherwise ------------------------------------------------------------------------------------------


class ReportChargingProfilesRequest(types.Payload201, frozen=True, kw_only=True):
    request_id: int
    charging_limit_source: String20
    charging_profile: Annotated[tuple[ChargingProfile, ...], Meta(min_length=1)]
    evse_id: Annotated[int, Meta(ge=0)]
    tbc: bool | UnsetType = UNSET


class NotifyEVChargingNeedsRequest(types.Payload201, frozen=True, kw_only=True):
    charging_needs: ChargingNeeds
    evse_id: Annotated[int, Meta(ge=1)]
    max_schedule_tuples: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    timestamp: DateTime | UnsetType = UNSET


class NotifyEVChargingScheduleRequest(types.Payload201, frozen=True, kw_only=True):
    time_base: DateTime
    evse_id: Annotated[int, Meta(ge=1)]
    charging_schedule: ChargingSchedule
    selected_charging_schedule_id: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    power_tolerance_acceptance: bool | UnsetType = UNSET


class ReservationStatusUpdateRequest(types.Payload201, frozen=True, kw_only=True):
    reservation_id: Annotated[int, Meta(ge=0)]
    reservation_update_status: ReservationUpdateStatusEnum


# --- only in 2.1 ----------------------------------------------------------------------------------------------------


class UsePriorityChargingRequest(types.Payload201, frozen=True, kw_only=True):
    transaction_id: String36
    activate: bool


class UsePriorityChargingResponse(types.Payload201, frozen=True, kw_only=True):
    status: PriorityChargingStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyPriorityChargingRequest(types.Payload201, frozen=True, kw_only=True):
    transaction_id: String36
    activated: bool


class NotifyPriorityChargingResponse(types.Payload201, frozen=True, kw_only=True):
    pass


class UpdateDynamicScheduleRequest(types.Payload201, frozen=True, kw_only=True):
    charging_profile_id: int
    schedule_update: ChargingScheduleUpdate


class UpdateDynamicScheduleResponse(types.Payload201, frozen=True, kw_only=True):
    status: messages.ChargingProfileStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
