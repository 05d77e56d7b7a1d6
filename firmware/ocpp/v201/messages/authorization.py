"""OCPP 2.0.1's messages of blocks C and D: authorisation, its cache, the local list."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import String5500
from firmware.ocpp.v201.types import (
    AuthorizeCertificateStatusEnum,
    ClearCacheStatusEnum,
    IdToken,
    IdTokenInfo,
    OcspRequestData,
    Payload201,
    StatusInfo,
)

SendLocalListStatusEnum = Literal["Accepted", "Failed", "VersionMismatch"]
UpdateEnum = Literal["Differential", "Full"]


class AuthorizationData(Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    id_token_info: IdTokenInfo | UnsetType = UNSET


class AuthorizeRequest(Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    certificate: String5500 | UnsetType = UNSET
    iso15118_certificate_hash_data: (
        Annotated[tuple[OcspRequestData, ...], Meta(min_length=1, max_length=4)] | UnsetType
    ) = UNSET


class AuthorizeResponse(Payload201, frozen=True, kw_only=True):
    id_token_info: IdTokenInfo
    certificate_status: AuthorizeCertificateStatusEnum | UnsetType = UNSET


class ClearCacheRequest(Payload201, frozen=True, kw_only=True):
    pass


class ClearCacheResponse(Payload201, frozen=True, kw_only=True):
    status: ClearCacheStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class SendLocalListRequest(Payload201, frozen=True, kw_only=True):
    version_number: int
    update_type: UpdateEnum
    local_authorization_list: Annotated[tuple[AuthorizationData, ...], Meta(min_length=1)] | UnsetType = UNSET


class SendLocalListResponse(Payload201, frozen=True, kw_only=True):
    status: SendLocalListStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class GetLocalListVersionRequest(Payload201, frozen=True, kw_only=True):
    pass


class GetLocalListVersionResponse(Payload201, frozen=True, kw_only=True):
    version_number: int
