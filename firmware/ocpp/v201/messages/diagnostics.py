"""OCPP 2.0.1's messages of block N: logs, monitoring, customer information."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String36, String50, String255, String500, String512, String2500
from firmware.ocpp.v201.types import (
    CertificateHashData,
    Component,
    ComponentVariable,
    GenericDeviceModelStatusEnum,
    GenericStatusEnum,
    IdToken,
    Payload201,
    StatusInfo,
    Variable,
)

ClearMonitoringStatusEnum = Literal["Accepted", "Rejected", "NotFound"]
CustomerInformationStatusEnum = Literal["Accepted", "Rejected", "Invalid"]
EventTriggerEnum = Literal["Alerting", "Delta", "Periodic"]
EventNotificationEnum = Literal["HardWiredNotification", "HardWiredMonitor", "PreconfiguredMonitor", "CustomMonitor"]
LogEnum = Literal["DiagnosticsLog", "SecurityLog"]
LogStatusEnum = Literal["Accepted", "Rejected", "AcceptedCanceled"]
MonitorEnum = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
MonitoringBaseEnum = Literal["All", "FactoryDefault", "HardWiredOnly"]
MonitoringCriterionEnum = Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]
SetMonitoringStatusEnum = Literal[
    "Accepted", "UnknownComponent", "UnknownVariable", "UnsupportedMonitorType", "Rejected", "Duplicate"
]
UploadLogStatusEnum = Literal[
    "BadMessage",
    "Idle",
    "NotSupportedOperation",
    "PermissionDenied",
    "Uploaded",
    "UploadFailure",
    "Uploading",
    "AcceptedCanceled",
]


class ClearMonitoringResult(Payload201, frozen=True, kw_only=True):
    status: ClearMonitoringStatusEnum
    id: int
    status_info: StatusInfo | UnsetType = UNSET


class EventData(Payload201, frozen=True, kw_only=True):
    event_id: int
    timestamp: DateTime
    trigger: EventTriggerEnum
    actual_value: String2500
    component: Component
    event_notification_type: EventNotificationEnum
    variable: Variable
    cause: int | UnsetType = UNSET
    tech_code: String50 | UnsetType = UNSET
    tech_info: String500 | UnsetType = UNSET
    cleared: bool | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET
    variable_monitoring_id: int | UnsetType = UNSET


class LogParameters(Payload201, frozen=True, kw_only=True):
    remote_location: String512
    oldest_timestamp: DateTime | UnsetType = UNSET
    latest_timestamp: DateTime | UnsetType = UNSET


class VariableMonitoring(Payload201, frozen=True, kw_only=True):
    id: int
    transaction: bool
    value: float
    type: MonitorEnum
    severity: int


class MonitoringData(Payload201, frozen=True, kw_only=True):
    component: Component
    variable: Variable
    variable_monitoring: Annotated[tuple[VariableMonitoring, ...], Meta(min_length=1)]


class SetMonitoringData(Payload201, frozen=True, kw_only=True):
    value: float
    type: MonitorEnum
    severity: int
    component: Component
    variable: Variable
    id: int | UnsetType = UNSET
    transaction: bool | UnsetType = UNSET


class SetMonitoringResult(Payload201, frozen=True, kw_only=True):
    status: SetMonitoringStatusEnum
    type: MonitorEnum
    component: Component
    variable: Variable
    severity: int
    id: int | UnsetType = UNSET
    status_info: StatusInfo | UnsetType = UNSET


class GetLogRequest(Payload201, frozen=True, kw_only=True):
    log: LogParameters
    log_type: LogEnum
    request_id: int
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class GetLogResponse(Payload201, frozen=True, kw_only=True):
    status: LogStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    filename: String255 | UnsetType = UNSET


class LogStatusNotificationRequest(Payload201, frozen=True, kw_only=True):
    status: UploadLogStatusEnum
    request_id: int | UnsetType = UNSET


class LogStatusNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class SetMonitoringBaseRequest(Payload201, frozen=True, kw_only=True):
    monitoring_base: MonitoringBaseEnum


class SetMonitoringBaseResponse(Payload201, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class SetMonitoringLevelRequest(Payload201, frozen=True, kw_only=True):
    severity: int


class SetMonitoringLevelResponse(Payload201, frozen=True, kw_only=True):
    status: GenericStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class SetVariableMonitoringRequest(Payload201, frozen=True, kw_only=True):
    set_monitoring_data: Annotated[tuple[SetMonitoringData, ...], Meta(min_length=1)]


class SetVariableMonitoringResponse(Payload201, frozen=True, kw_only=True):
    set_monitoring_result: Annotated[tuple[SetMonitoringResult, ...], Meta(min_length=1)]


class ClearVariableMonitoringRequest(Payload201, frozen=True, kw_only=True):
    id: Annotated[tuple[int, ...], Meta(min_length=1)]


class ClearVariableMonitoringResponse(Payload201, frozen=True, kw_only=True):
    clear_monitoring_result: Annotated[tuple[ClearMonitoringResult, ...], Meta(min_length=1)]


class GetMonitoringReportRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    component_variable: Annotated[tuple[ComponentVariable, ...], Meta(min_length=1)] | UnsetType = UNSET
    monitoring_criteria: (
        Annotated[tuple[MonitoringCriterionEnum, ...], Meta(min_length=1, max_length=3)] | UnsetType
    ) = UNSET


class GetMonitoringReportResponse(Payload201, frozen=True, kw_only=True):
    status: GenericDeviceModelStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyMonitoringReportRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    seq_no: int
    generated_at: DateTime
    monitor: Annotated[tuple[MonitoringData, ...], Meta(min_length=1)] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET


class NotifyMonitoringReportResponse(Payload201, frozen=True, kw_only=True):
    pass


class NotifyEventRequest(Payload201, frozen=True, kw_only=True):
    generated_at: DateTime
    seq_no: int
    event_data: Annotated[tuple[EventData, ...], Meta(min_length=1)]
    tbc: bool | UnsetType = UNSET


class NotifyEventResponse(Payload201, frozen=True, kw_only=True):
    pass


class CustomerInformationRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    report: bool
    clear: bool
    customer_certificate: CertificateHashData | UnsetType = UNSET
    id_token: IdToken | UnsetType = UNSET
    customer_identifier: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class CustomerInformationResponse(Payload201, frozen=True, kw_only=True):
    status: CustomerInformationStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyCustomerInformationRequest(Payload201, frozen=True, kw_only=True):
    data: String512
    seq_no: int
    generated_at: DateTime
    request_id: int
    tbc: bool | UnsetType = UNSET


class NotifyCustomerInformationResponse(Payload201, frozen=True, kw_only=True):
    pass
