"""OCPP 2.0.1's messages of block B: booting, variables, reports, network profiles, reset; P: data transfer."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String20, String50, String255, String512
from firmware.ocpp.v201.types import (
    BootReasonEnum,
    ChargingStation,
    ComponentVariable,
    DataTransferStatusEnum,
    GenericDeviceModelStatusEnum,
    GetVariableData,
    GetVariableResult,
    Payload201,
    RegistrationStatusEnum,
    ReportBaseEnum,
    ReportData,
    ResetEnum,
    ResetStatusEnum,
    SetVariableData,
    SetVariableResult,
    StatusInfo,
)

ApnAuthenticationEnum = Literal["CHAP", "NONE", "PAP", "AUTO"]
ComponentCriterionEnum = Literal["Active", "Available", "Enabled", "Problem"]
OCPPVersionEnum = Literal["OCPP12", "OCPP15", "OCPP16", "OCPP20"]
OCPPTransportEnum = Literal["JSON", "SOAP"]
OCPPInterfaceEnum = Literal["Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"]
VpnEnum = Literal["IKEv2", "IPSec", "L2TP", "PPTP"]
SetNetworkProfileStatusEnum = Literal["Accepted", "Rejected", "Failed"]


class Apn(Payload201, frozen=True, kw_only=True):
    apn: String512
    apn_authentication: ApnAuthenticationEnum
    apn_user_name: String20 | UnsetType = UNSET
    apn_password: String20 | UnsetType = UNSET
    sim_pin: int | UnsetType = UNSET
    preferred_network: Annotated[str, Meta(max_length=6)] | UnsetType = UNSET
    use_only_preferred_network: bool | UnsetType = UNSET


class Vpn(Payload201, frozen=True, kw_only=True):
    server: String512
    user: String20
    password: String20
    key: String255
    type: VpnEnum
    group: String20 | UnsetType = UNSET


class NetworkConnectionProfile(Payload201, frozen=True, kw_only=True):
    ocpp_version: OCPPVersionEnum
    ocpp_transport: OCPPTransportEnum
    ocpp_csms_url: String512
    message_timeout: int
    security_profile: int
    ocpp_interface: OCPPInterfaceEnum
    apn: Apn | UnsetType = UNSET
    vpn: Vpn | UnsetType = UNSET


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


class GetReportRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    component_variable: Annotated[tuple[ComponentVariable, ...], Meta(min_length=1)] | UnsetType = UNSET
    component_criteria: Annotated[tuple[ComponentCriterionEnum, ...], Meta(min_length=1, max_length=4)] | UnsetType = (
        UNSET
    )


class GetReportResponse(Payload201, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyReportRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    generated_at: DateTime
    seq_no: int
    report_data: Annotated[tuple[ReportData, ...], Meta(min_length=1)] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET


class NotifyReportResponse(Payload201, frozen=True, kw_only=True):
    pass


class SetNetworkProfileRequest(Payload201, frozen=True, kw_only=True):
    configuration_slot: int
    connection_data: NetworkConnectionProfile


class SetNetworkProfileResponse(Payload201, frozen=True, kw_only=True):
    status: SetNetworkProfileStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ResetRequest(Payload201, frozen=True, kw_only=True):
    type: ResetEnum
    evse_id: int | UnsetType = UNSET


class ResetResponse(Payload201, frozen=True, kw_only=True):
    status: ResetStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class DataTransferRequest(Payload201, frozen=True, kw_only=True):
    vendor_id: String255
    message_id: String50 | UnsetType = UNSET
    data: Any | UnsetType = UNSET


class DataTransferResponse(Payload201, frozen=True, kw_only=True):
    status: DataTransferStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    data: Any | UnsetType = UNSET
