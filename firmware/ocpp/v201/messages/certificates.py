"""OCPP 2.0.1's messages of blocks A and M: security events, certificates of the station and of cars."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String50, String255, String5500
from firmware.ocpp.v201.types import CertificateHashData, GenericStatusEnum, OcspRequestData, Payload201, StatusInfo

CertificateActionEnum = Literal["Install", "Update"]
GetCertificateIdUseEnum = Literal[
    "V2GRootCertificate",
    "MORootCertificate",
    "CSMSRootCertificate",
    "V2GCertificateChain",
    "ManufacturerRootCertificate",
]
CertificateSignedStatusEnum = Literal["Accepted", "Rejected"]
CertificateSigningUseEnum = Literal["ChargingStationCertificate", "V2GCertificate"]
DeleteCertificateStatusEnum = Literal["Accepted", "Failed", "NotFound"]
GetCertificateStatusEnum = Literal["Accepted", "Failed"]
GetInstalledCertificateStatusEnum = Literal["Accepted", "NotFound"]
InstallCertificateStatusEnum = Literal["Accepted", "Rejected", "Failed"]
InstallCertificateUseEnum = Literal[
    "V2GRootCertificate", "MORootCertificate", "CSMSRootCertificate", "ManufacturerRootCertificate"
]
Iso15118EVCertificateStatusEnum = Literal["Accepted", "Failed"]


class CertificateHashDataChain(Payload201, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashData
    certificate_type: GetCertificateIdUseEnum
    child_certificate_hash_data: (
        Annotated[tuple[CertificateHashData, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class SecurityEventNotificationRequest(Payload201, frozen=True, kw_only=True):
    type: String50
    timestamp: DateTime
    tech_info: String255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class CertificateSignedRequest(Payload201, frozen=True, kw_only=True):
    certificate_chain: Annotated[str, Meta(max_length=10000)]
    certificate_type: CertificateSigningUseEnum | UnsetType = UNSET


class CertificateSignedResponse(Payload201, frozen=True, kw_only=True):
    status: CertificateSignedStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class SignCertificateRequest(Payload201, frozen=True, kw_only=True):
    csr: String5500
    certificate_type: CertificateSigningUseEnum | UnsetType = UNSET


class SignCertificateResponse(Payload201, frozen=True, kw_only=True):
    status: GenericStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class Get15118EVCertificateRequest(Payload201, frozen=True, kw_only=True):
    iso15118_schema_version: String50
    action: CertificateActionEnum
    exi_request: Annotated[str, Meta(max_length=5600)]


class Get15118EVCertificateResponse(Payload201, frozen=True, kw_only=True):
    status: Iso15118EVCertificateStatusEnum
    exi_response: Annotated[str, Meta(max_length=7500)]
    status_info: StatusInfo | UnsetType = UNSET


class GetCertificateStatusRequest(Payload201, frozen=True, kw_only=True):
    ocsp_request_data: OcspRequestData


class GetCertificateStatusResponse(Payload201, frozen=True, kw_only=True):
    status: GetCertificateStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    ocsp_result: String5500 | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Payload201, frozen=True, kw_only=True):
    certificate_type: Annotated[tuple[GetCertificateIdUseEnum, ...], Meta(min_length=1)] | UnsetType = UNSET


class GetInstalledCertificateIdsResponse(Payload201, frozen=True, kw_only=True):
    status: GetInstalledCertificateStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    certificate_hash_data_chain: Annotated[tuple[CertificateHashDataChain, ...], Meta(min_length=1)] | UnsetType = UNSET


class InstallCertificateRequest(Payload201, frozen=True, kw_only=True):
    certificate_type: InstallCertificateUseEnum
    certificate: String5500


class InstallCertificateResponse(Payload201, frozen=True, kw_only=True):
    status: InstallCertificateStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class DeleteCertificateRequest(Payload201, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(Payload201, frozen=True, kw_only=True):
    status: DeleteCertificateStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
