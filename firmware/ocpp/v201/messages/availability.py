"""OCPP 2.0.1's messages of blocks G and H: availability and reservation."""

from typing import Literal

from msgspec import UNSET, UnsetType

from firmware.ocpp.payload import DateTime
from firmware.ocpp.v201.types import (
    ChangeAvailabilityStatusEnum,
    ConnectorStatusEnum,
    Evse,
    IdToken,
    OperationalStatusEnum,
    Payload201,
    StatusInfo,
)

CancelReservationStatusEnum = Literal["Accepted", "Rejected"]
ConnectorEnum = Literal[
    "cCCS1",
    "cCCS2",
    "cG105",
    "cTesla",
    "cType1",
    "cType2",
    "s309-1P-16A",
    "s309-1P-32A",
    "s309-3P-16A",
    "s309-3P-32A",
    "sBS1361",
    "sCEE-7-7",
    "sType2",
    "sType3",
    "Other1PhMax16A",
    "Other1PhOver16A",
    "Other3Ph",
    "Pan",
    "wInductive",
    "wResonant",
    "Undetermined",
    "Unknown",
]
ReservationUpdateStatusEnum = Literal["Expired", "Removed"]
ReserveNowStatusEnum = Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]


class StatusNotificationRequest(Payload201, frozen=True, kw_only=True):
    timestamp: DateTime
    connector_status: ConnectorStatusEnum
    evse_id: int
    connector_id: int


class StatusNotificationResponse(Payload201, frozen=True, kw_only=True):
    pass


class ChangeAvailabilityRequest(Payload201, frozen=True, kw_only=True):
    operational_status: OperationalStatusEnum
    evse: Evse | UnsetType = UNSET


class ChangeAvailabilityResponse(Payload201, frozen=True, kw_only=True):
    status: ChangeAvailabilityStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ReserveNowRequest(Payload201, frozen=True, kw_only=True):
    id: int
    expiry_date_time: DateTime
    id_token: IdToken
    connector_type: ConnectorEnum | UnsetType = UNSET
    evse_id: int | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET


class ReserveNowResponse(Payload201, frozen=True, kw_only=True):
    status: ReserveNowStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class CancelReservationRequest(Payload201, frozen=True, kw_only=True):
    reservation_id: int


class CancelReservationResponse(Payload201, frozen=True, kw_only=True):
    status: CancelReservationStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class ReservationStatusUpdateRequest(Payload201, frozen=True, kw_only=True):
    reservation_id: int
    reservation_update_status: ReservationUpdateStatusEnum


class ReservationStatusUpdateResponse(Payload201, frozen=True, kw_only=True):
    pass
