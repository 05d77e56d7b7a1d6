"""2.0.1: what we are asked. The table `COMMANDS` turns each CALL of the CSMS into a command for the station, and its
outcome into the answer. Variables and reports are in `configuration`."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast, get_args

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload, given, told
from firmware.ocpp.v201 import (
    calls,
    certificates,
    configuration,
    customer,
    display,
    firmware,
    local_list,
    logs,
    messages,
    monitoring,
    network,
    reports,
    reservation,
    smart_charging,
    tariff,
    types,
)
from firmware.ocpp.v201.id_token import heard_token
from firmware.ocpp.v201.smart_charging import WORDS, Words
from firmware.ocpp.v201.status_info import because
from firmware.station import commands
from firmware.station.facts import ConnectorStatus


async def request_start(
    request: messages.RequestStartTransactionRequest, office: Office, words: Words = WORDS
) -> Answer:
    if office.registration != "Accepted":  # B02.FR.05
        return Answer(
            messages.RequestStartTransactionResponse(status="Rejected", status_info=because("not accepted yet"))
        )
    evse, group = given(request.evse_id), given(request.group_id_token)
    refused = smart_charging.take_along(office, evse, request.remote_start_id, request.charging_profile, words)
    if refused is not None:  # K05.FR.05
        return Answer(
            messages.RequestStartTransactionResponse(status="Rejected", status_info=smart_charging.why(refused))
        )
    outcome = await office.station.do(
        commands.StartTransaction(
            id_token=heard_token(request.id_token),
            evse=evse,
            remote_start_id=request.remote_start_id,
            group=heard_token(group) if group is not None else None,
        )
    )
    return Answer(
        messages.RequestStartTransactionResponse(
            status="Accepted" if outcome.accepted else "Rejected",
            transaction_id=outcome.transaction_id or UNSET,
            status_info=because(outcome.reason if not outcome.accepted else ""),
        )
    )


async def request_stop(request: messages.RequestStopTransactionRequest, office: Office) -> Answer:
    if office.registration != "Accepted":  # B02.FR.05
        return Answer(
            messages.RequestStopTransactionResponse(status="Rejected", status_info=because("not accepted yet"))
        )
    outcome = await office.station.do(commands.StopTransaction(transaction_id=request.transaction_id))
    return Answer(
        messages.RequestStopTransactionResponse(
            status="Accepted" if outcome.accepted else "Rejected",
            status_info=because(outcome.reason if not outcome.accepted else ""),
        )
    )


async def unlock(request: messages.UnlockConnectorRequest, office: Office) -> Answer:
    outcome = await office.station.do(commands.Unlock(evse=request.evse_id, connector=request.connector_id))
    status = outcome.status if outcome.status in get_args(types.UnlockStatusEnum) else "UnlockFailed"
    return Answer(
        messages.UnlockConnectorResponse(
            status=cast(types.UnlockStatusEnum, status),
            status_info=because(outcome.reason if not outcome.accepted else ""),
        )
    )


async def reset(request: messages.ResetRequest, office: Office) -> Answer:
    evse = request.evse_id if request.evse_id is not UNSET else None
    outcome = await office.station.do(commands.Reset(immediate=request.type == "Immediate", evse=evse))
    status: types.ResetStatusEnum = "Rejected"
    if outcome.accepted:
        status = "Scheduled" if outcome.status == "Scheduled" else "Accepted"
    return Answer(messages.ResetResponse(status=status, status_info=because(outcome.reason, outcome.code or "Other")))


async def change_availability(request: messages.ChangeAvailabilityRequest, office: Office) -> Answer:
    """G03, G04. Who asks for what is so already hears so again (part 6, TC_G_13)."""
    evse = request.evse.id if request.evse is not UNSET else None
    connector = given(request.evse.connector_id) if request.evse is not UNSET else None
    station = office.station
    before = {(each.evse, each.connector): each.state for each in station.statuses()}
    outcome = await station.do(
        commands.SetAvailability(operative=request.operational_status == "Operative", evse=evse, connector=connector)
    )
    status: types.ChangeAvailabilityStatusEnum = "Rejected"
    again: list[Outgoing] = []
    if outcome.accepted:
        status = "Scheduled" if outcome.status == "Scheduled" else "Accepted"
    if status == "Accepted":
        now = _statuses(office, evse, connector)
        again = [calls.status_notification(each) for each in now if before[each.evse, each.connector] == each.state]
    return Answer(messages.ChangeAvailabilityResponse(status=status, status_info=because(outcome.reason)), again)


def _statuses(office: Office, evse: int | None, connector: int | None) -> list[ConnectorStatus]:
    found = office.station.statuses()
    return [each for each in found if evse in (None, each.evse) and connector in (None, each.connector)]


async def trigger_message(request: messages.TriggerMessageRequest, office: Office) -> Answer:
    """F06. What belongs to no EVSE is sent whatever EVSE is named (F06.FR.03)."""
    evse = request.evse.id if request.evse is not UNSET else None
    connector = given(request.evse.connector_id) if request.evse is not UNSET else None
    then: list[Outgoing]
    match request.requested_message:
        case "BootNotification" if office.registration == "Accepted":
            return Answer(messages.TriggerMessageResponse(status="Rejected"))  # F06.FR.17
        case "BootNotification":
            then = [calls.boot_notification(office.station.settings.station, "Triggered", office.firmware)]
        case "Heartbeat":
            then = [Outgoing("Heartbeat", messages.HeartbeatRequest(), messages.HeartbeatResponse)]
        case "StatusNotification":
            then = [calls.status_notification(each) for each in _statuses(office, evse, connector)]
        case "TransactionEvent":  # F06.FR.07: it goes through the queue, behind what happened before
            told = [each.tell_now() for each in office.station.evses.values() if evse in (None, each.id)]
            return Answer(messages.TriggerMessageResponse(status="Accepted" if any(told) else "Rejected"))
        case "MeterValues":
            then = _meter_values(office, evse)
        case "FirmwareStatusNotification":
            then = firmware.triggered(office)
        case "LogStatusNotification":
            then = logs.triggered(office)
        case message if message in certificates.TRIGGERS:
            begun = certificates.renew(message, office)
            return Answer(messages.TriggerMessageResponse(status="Accepted" if begun else "Rejected"))
        case _:
            return Answer(messages.TriggerMessageResponse(status="NotImplemented"))
    return Answer(messages.TriggerMessageResponse(status="Accepted" if then else "Rejected"), tuple(then))


def _meter_values(office: Office, only: int | None) -> list[Outgoing]:
    measurands = office.model.members("AlignedDataCtrlr.Measurands")  # F06.FR.06
    samples = {e.id: e.sample("Trigger") for e in office.station.evses.values() if only in (None, e.id)}
    return [
        calls.triggered_meter_values(evse, sample, measurands)
        for evse, sample in samples.items()
        if sample is not None and measurands
    ]


async def transaction_status(request: messages.GetTransactionStatusRequest, office: Office) -> Answer:
    if request.transaction_id is UNSET:  # E14.FR.06
        waiting = await office.names.waiting(None)
        return Answer(messages.GetTransactionStatusResponse(messages_in_queue=waiting))
    ongoing = any(evse.transaction_id == request.transaction_id for evse in office.station.evses.values())
    waiting = await office.names.waiting(request.transaction_id)
    return Answer(messages.GetTransactionStatusResponse(ongoing_indicator=ongoing, messages_in_queue=waiting))


async def clear_cache(request: messages.ClearCacheRequest, office: Office) -> Answer:
    return Answer(messages.ClearCacheResponse(status="Accepted" if office.station.clear_cache() else "Rejected"))


async def data_transfer(request: messages.DataTransferRequest, office: Office) -> Answer:
    """P02."""
    asked = office.station.data_transfers.answer(
        request.vendor_id, given(request.message_id) or "", given(request.data)
    )
    status, data = await asked
    return Answer(messages.DataTransferResponse(status=status, data=told(data)))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    messages.RequestStartTransactionRequest: request_start,
    messages.RequestStopTransactionRequest: request_stop,
    messages.UnlockConnectorRequest: unlock,
    messages.ResetRequest: reset,
    messages.ChangeAvailabilityRequest: change_availability,
    messages.TriggerMessageRequest: trigger_message,
    messages.GetTransactionStatusRequest: transaction_status,
    messages.GetVariablesRequest: configuration.get_variables,
    messages.SetVariablesRequest: configuration.set_variables,
    messages.GetBaseReportRequest: reports.get_base_report,
    messages.GetReportRequest: reports.get_report,
    messages.ClearCacheRequest: clear_cache,
    messages.DataTransferRequest: data_transfer,
    **smart_charging.COMMANDS,
    **reservation.COMMANDS,
    **local_list.COMMANDS,
    **monitoring.COMMANDS,
    **customer.COMMANDS,
    **certificates.COMMANDS,
    **network.COMMANDS,
    **firmware.COMMANDS,
    **logs.COMMANDS,
    **display.COMMANDS,
    **tariff.COMMANDS,
}

# Of 2.0.1, but not of this station (yet): answered NotSupported, not NotImplemented.
KNOWN: Final = frozenset(
    [
        "PublishFirmware",
        "UnpublishFirmware",
    ]
)
