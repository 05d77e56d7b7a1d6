"""1.6: what we are asked. The table `COMMANDS` turns each CALL of the central system into a command for the station,
and its outcome into the answer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Refusal
from firmware.ocpp.payload import Payload, given, told
from firmware.ocpp.v16 import (
    configuration,
    contracts,
    firmware,
    local_list,
    logs,
    plug_and_charge,
    reservation,
    security,
    smart_charging,
    triggers,
)
from firmware.ocpp.v16 import messages as v16
from firmware.station import commands, facts

MAX_KEYS: Final = 50  # GetConfigurationMaxKeys


async def remote_start(request: v16.RemoteStartTransaction, office: Office) -> Answer:
    accepted = False
    if office.registration == "Accepted":  # 1.6 4.2: not while Pending
        connector, remote_start = given(request.connector_id), smart_charging.new_remote_start()
        refused = smart_charging.take_along(office, connector, remote_start, request.charging_profile)
        if refused is None:
            command = commands.StartTransaction(
                id_token=facts.IdToken(request.id_tag), evse=connector, remote_start_id=remote_start
            )
            accepted = (await office.station.do(command)).accepted
    return Answer(v16.RemoteStartTransactionResponse(status="Accepted" if accepted else "Rejected"))


async def remote_stop(request: v16.RemoteStopTransaction, office: Office) -> Answer:
    transaction_id = office.names.local_id(str(request.transaction_id))
    accepted = False
    if transaction_id is not None and office.registration == "Accepted":
        accepted = (await office.station.do(commands.StopTransaction(transaction_id=transaction_id))).accepted
    return Answer(v16.RemoteStopTransactionResponse(status="Accepted" if accepted else "Rejected"))


async def unlock(request: v16.UnlockConnector, office: Office) -> Answer:
    evse = office.station.evses.get(request.connector_id)
    if evse is None or evse.capability is None or not evse.capability.lock:
        return Answer(v16.UnlockConnectorResponse(status="NotSupported"))
    if evse.transaction_id is not None:  # 1.6 5.17: unlocking ends the transaction
        await office.station.do(commands.StopTransaction(transaction_id=evse.transaction_id, reason="UnlockCommand"))
    outcome = await office.station.do(commands.Unlock(evse=evse.id))
    return Answer(v16.UnlockConnectorResponse(status="Unlocked" if outcome.accepted else "UnlockFailed"))


async def reset(request: v16.Reset, office: Office) -> Answer:
    if request.type == "Soft":  # ends transactions gracefully, with a reason of its own
        for evse in office.station.evses.values():
            if evse.transaction_id is not None:
                await office.station.do(
                    commands.StopTransaction(transaction_id=evse.transaction_id, reason="SoftReset")
                )
    outcome = await office.station.do(commands.Reset(immediate=True))
    return Answer(v16.ResetResponse(status="Accepted" if outcome.accepted else "Rejected"))


async def change_availability(request: v16.ChangeAvailability, office: Office) -> Answer:
    if request.connector_id != 0 and request.connector_id not in office.station.evses:
        return Answer(v16.ChangeAvailabilityResponse(status="Rejected"))
    outcome = await office.station.do(
        commands.SetAvailability(operative=request.type == "Operative", evse=request.connector_id or None)
    )
    if outcome.status == "Scheduled":
        return Answer(v16.ChangeAvailabilityResponse(status="Scheduled"))
    return Answer(v16.ChangeAvailabilityResponse(status="Accepted" if outcome.accepted else "Rejected"))


async def get_configuration(request: v16.GetConfiguration, office: Office) -> Answer:
    if request.key is UNSET or not request.key:
        found = configuration.all_keys(office.model, office.station)
        return Answer(v16.GetConfigurationResponse(configuration_key=tuple(found)))
    if len(request.key) > MAX_KEYS:
        raise Refusal("OccurenceConstraintViolation", f"more than {MAX_KEYS} keys")
    answers = {key: configuration.one_key(office.model, office.station, key) for key in request.key}
    return Answer(
        v16.GetConfigurationResponse(
            configuration_key=tuple(row for row in answers.values() if row is not None) or UNSET,
            unknown_key=tuple(key for key, row in answers.items() if row is None) or UNSET,
        )
    )


async def change_configuration(request: v16.ChangeConfiguration, office: Office) -> Answer:
    write = security.WRITERS.get(request.key.lower())
    if write is not None:
        refused = write(request.value, office)
        return Answer(v16.ChangeConfigurationResponse(status="Rejected" if refused else "Accepted"))
    variable = office.model.key(request.key)
    if variable is None:
        known = configuration.one_key(office.model, office.station, request.key) is not None
        return Answer(v16.ChangeConfigurationResponse(status="Rejected" if known else "NotSupported"))
    status = configuration.change(office.model, variable, request.value)
    return Answer(v16.ChangeConfigurationResponse(status=status))


async def clear_cache(request: v16.ClearCache, office: Office) -> Answer:
    return Answer(v16.ClearCacheResponse(status="Accepted" if office.station.clear_cache() else "Rejected"))


async def data_transfer(request: v16.DataTransfer, office: Office) -> Answer:
    if request.vendor_id == contracts.VENDOR:
        return Answer(await plug_and_charge.answer(given(request.message_id) or "", given(request.data) or "", office))
    asked = office.station.data_transfers.answer(
        request.vendor_id, given(request.message_id) or "", given(request.data)
    )
    status, data = await asked
    text = data if isinstance(data, str | None) else msgspec.json.encode(data).decode()
    return Answer(v16.DataTransferResponse(status=status, data=told(text)))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.RemoteStartTransaction: remote_start,
    v16.RemoteStopTransaction: remote_stop,
    v16.UnlockConnector: unlock,
    v16.Reset: reset,
    v16.ChangeAvailability: change_availability,
    v16.GetConfiguration: get_configuration,
    v16.ChangeConfiguration: change_configuration,
    v16.ClearCache: clear_cache,
    v16.DataTransfer: data_transfer,
    **smart_charging.COMMANDS,
    **reservation.COMMANDS,
    **local_list.COMMANDS,
    **security.COMMANDS,
    **triggers.COMMANDS,
    **firmware.COMMANDS,
    **logs.COMMANDS,
}

# Of 1.6 and its security extension, but not of this station: answered NotSupported, not NotImplemented.
KNOWN: Final[frozenset[str]] = frozenset()
