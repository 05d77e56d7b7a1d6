"""OCPP 2.0.1's messages of block L: firmware."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String32, String512, String5500
from firmware.ocpp.v201.types import GenericStatusEnum, Payload201, StatusInfo

FirmwareStatusEnum = Literal[
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "DownloadScheduled",
    "DownloadPaused",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
    "InstallRebooting",
    "InstallScheduled",
    "InstallVerificationFailed",
    "InvalidSignature",
    "SignatureVerified",
]
PublishFirmwareStatusEnum = Literal[
    "Idle",
    "DownloadScheduled",
    "Downloading",
    "Downloaded",
    "Published",
    "DownloadFailed",
    "DownloadPaused",
    "InvalidChecksum",
    "ChecksumVerified",
    "PublishFailed",
]
UnpublishFirmwareStatusEnum = Literal["DownloadOngoing", "NoFirmware", "Unpublished"]
UpdateFirmwareStatusEnum = Literal[
    "Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"
]


class Firmware(Payload201, frozen=True, kw_only=True):
    location: String512
    retrieve_date_time: DateTime
    install_date_time: DateTime | UnsetType = UNSET
    signing_certificate: String5500 | UnsetType = UNSET
    signature: Annotated[str, Meta(max_length=800)] | UnsetType = UNSET


class UpdateFirmwareRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    firmware: Firmware
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class UpdateFirmwareResponse(Payload201, frozen=True, kw_only=True):
    status: UpdateFirmwareStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class FirmwareStatusNotificationRequest(Payload201, frozen=True, kw_only=True):
    status: FirmwareStatusEnum
    request_id: int | UnsetType = UNSET


class FirmwareStatusNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class PublishFirmwareRequest(Payload201, frozen=True, kw_only=True):
    location: String512
    checksum: String32
    request_id: int
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class PublishFirmwareResponse(Payload201, frozen=True, kw_only=True):
    status: GenericStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class PublishFirmwareStatusNotificationRequest(Payload201, frozen=True, kw_only=True):
    status: PublishFirmwareStatusEnum
    location: Annotated[tuple[String512, ...], Meta(min_length=1)] | UnsetType = UNSET
    request_id: int | UnsetType = UNSET


class PublishFirmwareStatusNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class UnpublishFirmwareRequest(Payload201, frozen=True, kw_only=True):
    checksum: String32


class UnpublishFirmwareResponse(Payload201, frozen=True, kw_only=True):
    status: UnpublishFirmwareStatusEnum
