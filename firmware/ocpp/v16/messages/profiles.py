"""OCPP 1.6's profiles beyond Core: firmware management, local list, reservation, smart charging (1.6 ch. 6 and 7)."""

from typing import Literal

from msgspec import UNSET, UnsetType

from firmware.ocpp.payload import DateTime, Payload, String20, String255
from firmware.ocpp.v16.messages.core import ChargingProfile, ChargingSchedule, IdTagInfo


class UpdateFirmware(Payload, frozen=True, kw_only=True):
    location: str
    retrieve_date: DateTime
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class UpdateFirmwareResponse(Payload, frozen=True, kw_only=True):
    pass


class FirmwareStatusNotification(Payload, frozen=True, kw_only=True):
    status: Literal[
        "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"
    ]


class FirmwareStatusNotificationResponse(Payload, frozen=True, kw_only=True):
    pass


class GetDiagnostics(Payload, frozen=True, kw_only=True):
    location: str
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET
    start_time: DateTime | UnsetType = UNSET
    stop_time: DateTime | UnsetType = UNSET


class GetDiagnosticsResponse(Payload, frozen=True, kw_only=True):
    file_name: String255 | UnsetType = UNSET


class DiagnosticsStatusNotification(Payload, frozen=True, kw_only=True):
    status: Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]


class DiagnosticsStatusNotificationResponse(Payload, frozen=True, kw_only=True):
    pass


class GetLocalListVersion(Payload, frozen=True, kw_only=True):
    pass


class GetLocalListVersionResponse(Payload, frozen=True, kw_only=True):
    list_version: int


class AuthorizationData(Payload, frozen=True, kw_only=True):
    id_tag: String20
    id_tag_info: IdTagInfo | UnsetType = UNSET


class SendLocalList(Payload, frozen=True, kw_only=True):
    list_version: int
    update_type: Literal["Differential", "Full"]
    local_authorization_list: tuple[AuthorizationData, ...] | UnsetType = UNSET


class SendLocalListResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Failed", "NotSupported", "VersionMismatch"]


class ReserveNow(Payload, frozen=True, kw_only=True):
    connector_id: int
    expiry_date: DateTime
    id_tag: String20
    reservation_id: int
    parent_id_tag: String20 | UnsetType = UNSET


ReserveNowStatus = Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]


class ReserveNowResponse(Payload, frozen=True, kw_only=True):
    status: ReserveNowStatus


class CancelReservation(Payload, frozen=True, kw_only=True):
    reservation_id: int


class CancelReservationResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class SetChargingProfile(Payload, frozen=True, kw_only=True):
    connector_id: int
    cs_charging_profiles: ChargingProfile


class SetChargingProfileResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "NotSupported"]


class ClearChargingProfile(Payload, frozen=True, kw_only=True):
    id: int | UnsetType = UNSET
    connector_id: int | UnsetType = UNSET
    charging_profile_purpose: Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"] | UnsetType = UNSET
    stack_level: int | UnsetType = UNSET


class ClearChargingProfileResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Unknown"]


class GetCompositeSchedule(Payload, frozen=True, kw_only=True):
    connector_id: int
    duration: int
    charging_rate_unit: Literal["A", "W"] | UnsetType = UNSET


class GetCompositeScheduleResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]
    connector_id: int | UnsetType = UNSET
    schedule_start: DateTime | UnsetType = UNSET
    charging_schedule: ChargingSchedule | UnsetType = UNSET
