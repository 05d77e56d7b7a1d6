"""OCPP 2.0.1's messages of blocks E, F, I, J: transactions, remote control, cost, meter values."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from firmware.ocpp.payload import DateTime, String36
from firmware.ocpp.v201.types import (
    ChargingProfile,
    Evse,
    IdToken,
    IdTokenInfo,
    MessageContent,
    MessageTriggerEnum,
    MeterValue,
    Payload201,
    RequestStartStopStatusEnum,
    StatusInfo,
    Transaction,
    TransactionEventEnum,
    TriggerMessageStatusEnum,
    TriggerReasonEnum,
    UnlockStatusEnum,
)


class TransactionEventRequest(Payload201, frozen=True, kw_only=True):
    event_type: TransactionEventEnum
    timestamp: DateTime
    trigger_reason: TriggerReasonEnum
    seq_no: int
    transaction_info: Transaction
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)] | UnsetType = UNSET
    offline: bool | UnsetType = UNSET
    number_of_phases_used: int | UnsetType = UNSET
    cable_max_current: int | UnsetType = UNSET
    reservation_id: int | UnsetType = UNSET
    evse: Evse | UnsetType = UNSET
    id_token: IdToken | UnsetType = UNSET


class TransactionEventResponse(Payload201, frozen=True, kw_only=True):
    total_cost: float | UnsetType = UNSET
    charging_priority: int | UnsetType = UNSET
    id_token_info: IdTokenInfo | UnsetType = UNSET
    updated_personal_message: MessageContent | UnsetType = UNSET


class GetTransactionStatusRequest(Payload201, frozen=True, kw_only=True):
    transaction_id: String36 | UnsetType = UNSET


class GetTransactionStatusResponse(Payload201, frozen=True, kw_only=True):
    messages_in_queue: bool
    ongoing_indicator: bool | UnsetType = UNSET


class RequestStartTransactionRequest(Payload201, frozen=True, kw_only=True):
    id_token: IdToken
    remote_start_id: int
    evse_id: int | UnsetType = UNSET
    group_id_token: IdToken | UnsetType = UNSET
    charging_profile: ChargingProfile | UnsetType = UNSET


class RequestStartTransactionResponse(Payload201, frozen=True, kw_only=True):
    status: RequestStartStopStatusEnum
    status_info: StatusInfo | UnsetType = UNSET
    transaction_id: String36 | UnsetType = UNSET


class RequestStopTransactionRequest(Payload201, frozen=True, kw_only=True):
    transaction_id: String36


class RequestStopTransactionResponse(Payload201, frozen=True, kw_only=True):
    status: RequestStartStopStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class UnlockConnectorRequest(Payload201, frozen=True, kw_only=True):
    evse_id: int
    connector_id: int


class UnlockConnectorResponse(Payload201, frozen=True, kw_only=True):
    status: UnlockStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class TriggerMessageRequest(Payload201, frozen=True, kw_only=True):
    requested_message: MessageTriggerEnum
    evse: Evse | UnsetType = UNSET


class TriggerMessageResponse(Payload201, frozen=True, kw_only=True):
    status: TriggerMessageStatusEnum
    status_info: StatusInfo | UnsetType = UNSET


class MeterValuesRequest(Payload201, frozen=True, kw_only=True):
    evse_id: int
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]


class MeterValuesResponse(Payload201, frozen=True, kw_only=True):
    pass


class CostUpdatedRequest(Payload201, frozen=True, kw_only=True):
    total_cost: float
    transaction_id: String36


class CostUpdatedResponse(Payload201, frozen=True, kw_only=True):
    pass
