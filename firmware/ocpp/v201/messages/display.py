"""OCPP 2.0.1's messages of block O: messages on the display."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String36
from firmware.ocpp.v201.types import Component, MessageContent, Payload201, StatusInfo

ClearMessageStatusEnum = Literal["Accepted", "Unknown"]
DisplayMessageStatusEnum = Literal[
    "Accepted",
    "NotSupportedMessageFormat",
    "Rejected",
    "NotSupportedPriority",
    "NotSupportedState",
    "UnknownTransaction",
]
GetDisplayMessagesStatusEnum = Literal["Accepted", "Unknown"]
MessagePriorityEnum = Literal["AlwaysFront", "InFront", "NormalCycle"]
MessageStateEnum = Literal["Charging", "Faulted", "Idle", "Unavailable"]


class MessageInfo(Payload201, frozen=True, kw_only=True):
    id: int
    priority: MessagePriorityEnum
    message: MessageContent
    display: Component | UnsetType = UNSET
    state: MessageStateEnum | UnsetType = UNSET
    start_date_time: DateTime | UnsetType = UNSET
    end_date_time: DateTime | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET


class SetDisplayMessageRequest(Payload201, frozen=True, kw_only=True):
    message: MessageInfo


class SetDisplayMessageResponse(Payload201, frozen=True, kw_only=True):
    status: DisplayMessageStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class GetDisplayMessagesRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    id: Annotated[tuple[int, ...], Meta(min_length=1)] | UnsetType = UNSET
    priority: MessagePriorityEnum | UnsetType = UNSET
    state: MessageStateEnum | UnsetType = UNSET


class GetDisplayMessagesResponse(Payload201, frozen=True, kw_only=True):
    status: GetDisplayMessagesStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class NotifyDisplayMessagesRequest(Payload201, frozen=True, kw_only=True):
    request_id: int
    message_info: Annotated[tuple[MessageInfo, ...], Meta(min_length=1)] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET


class NotifyDisplayMessagesResponse(Payload201, frozen=True, kw_only=True):
    pass


class ClearDisplayMessageRequest(Payload201, frozen=True, kw_only=True):
    id: int


class ClearDisplayMessageResponse(Payload201, frozen=True, kw_only=True):
    status: ClearMessageStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
