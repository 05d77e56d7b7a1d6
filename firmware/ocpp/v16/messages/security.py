"""OCPP 1.6's messages of the security whitepaper (edition 3, ch. 5)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, Payload, String40, String50, String128, String255, String512, String5500


class SecurityEventNotification(Payload, frozen=True, kw_only=True):
    type: String50
    timestamp: DateTime
    tech_info: String255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Payload, frozen=True, kw_only=True):
    pass


class CertificateSigned(Payload, frozen=True, kw_only=True):
    certificate_chain: Annotated[str, Meta(max_length=10000)]


class CertificateSignedResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class SignCertificate(Payload, frozen=True, kw_only=True):
    csr: String5500


class SignCertificateResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected"]


class InstallCertificate(Payload, frozen=True, kw_only=True):
    certificate_type: Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
    certificate: String5500


class InstallCertificateResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Failed", "Rejected"]


class CertificateHashData(Payload, frozen=True, kw_only=True):
    hash_algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: String128
    issuer_key_hash: String128
    serial_number: String40


class DeleteCertificate(Payload, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Failed", "NotFound"]


class GetInstalledCertificateIds(Payload, frozen=True, kw_only=True):
    certificate_type: Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]


class GetInstalledCertificateIdsResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "NotFound"]
    certificate_hash_data: Annotated[tuple[CertificateHashData, ...], Meta(min_length=1)] | UnsetType = UNSET


class ExtendedTriggerMessage(Payload, frozen=True, kw_only=True):
    requested_message: Literal[
        "BootNotification",
        "LogStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "SignChargePointCertificate",
        "StatusNotification",
    ]
    connector_id: int | UnsetType = UNSET


class ExtendedTriggerMessageResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "NotImplemented"]


class LogParameters(Payload, frozen=True, kw_only=True):
    remote_location: String512
    oldest_timestamp: DateTime | UnsetType = UNSET
    latest_timestamp: DateTime | UnsetType = UNSET


class GetLog(Payload, frozen=True, kw_only=True):
    log: LogParameters
    log_type: Literal["DiagnosticsLog", "SecurityLog"]
    request_id: int
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class GetLogResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "AcceptedCanceled"]
    filename: String255 | UnsetType = UNSET


class LogStatusNotification(Payload, frozen=True, kw_only=True):
    status: Literal[
        "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure", "Uploading"
    ]
    request_id: int | UnsetType = UNSET


class LogStatusNotificationResponse(Payload, frozen=True, kw_only=True):
    pass


class Firmware(Payload, frozen=True, kw_only=True):
    location: String512
    retrieve_date_time: DateTime
    signing_certificate: String5500
    signature: Annotated[str, Meta(max_length=800)]
    install_date_time: DateTime | UnsetType = UNSET


class SignedUpdateFirmware(Payload, frozen=True, kw_only=True):
    request_id: int
    firmware: Firmware
    retries: int | UnsetType = UNSET
    retry_interval: int | UnsetType = UNSET


class SignedUpdateFirmwareResponse(Payload, frozen=True, kw_only=True):
    status: Literal["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"]


class SignedFirmwareStatusNotification(Payload, frozen=True, kw_only=True):
    status: Literal[
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
    request_id: int | UnsetType = UNSET


class SignedFirmwareStatusNotificationResponse(Payload, frozen=True, kw_only=True):
    pass
