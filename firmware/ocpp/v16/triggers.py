"""1.6: what we are asked to say now (TriggerMessage, 5.17), and the same for the messages of the security whitepaper
(ExtendedTriggerMessage, 5.5)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import UNSET

from firmware.ocpp.dialect import Answer, Office, Outgoing
from firmware.ocpp.payload import Payload
from firmware.ocpp.v16 import calls, firmware, logs
from firmware.ocpp.v16 import messages as v16


async def trigger_message(request: v16.TriggerMessage, office: Office) -> Answer:
    connector = request.connector_id if request.connector_id is not UNSET else None
    if connector is not None and connector != 0 and connector not in office.station.evses:
        return Answer(v16.TriggerMessageResponse(status="Rejected"))
    then = tuple(triggered(request.requested_message, connector, office))
    return Answer(v16.TriggerMessageResponse(status="Accepted" if then else "Rejected"), then)


def triggered(message: str, connector: int | None, office: Office) -> list[Outgoing]:
    match message:
        case "DiagnosticsStatusNotification":
            return [logs.diagnostics_triggered(office)]
        case "FirmwareStatusNotification":
            return [firmware.triggered(office, signed=False)]
        case "BootNotification":
            return [calls.boot_notification(office.station.settings.station, office.firmware)]
        case "Heartbeat":
            return [Outgoing("Heartbeat", v16.Heartbeat(), v16.HeartbeatResponse)]
        case "StatusNotification":
            facts_now = [calls.station_status(office.station), *office.station.statuses()]
            return [calls.status_notification(f) for f in facts_now if connector in (None, f.evse)]
    measurands = office.model.members("SampledDataCtrlr.TxUpdatedMeasurands")
    out = []
    for evse in office.station.evses.values():
        sample = evse.sample("Trigger") if connector in (None, 0, evse.id) else None
        if sample is not None and measurands:
            remote = office.names.remote_id(evse.transaction_id) if evse.transaction_id is not None else None
            out.append(calls.triggered_meter_values(evse.id, sample, measurands, remote))
    return out


async def extended_trigger(request: v16.ExtendedTriggerMessage, office: Office) -> Answer:
    """5.5: as TriggerMessage, for the messages of the whitepaper too."""
    connector = request.connector_id if request.connector_id is not UNSET else None
    if connector is not None and connector != 0 and connector not in office.station.evses:
        return Answer(v16.ExtendedTriggerMessageResponse(status="Rejected"))
    match request.requested_message:
        case "SignChargePointCertificate":
            certificates = office.station.certificates
            begun = certificates is not None and certificates.begin_renewal("ChargingStation")
            return Answer(v16.ExtendedTriggerMessageResponse(status="Accepted" if begun else "Rejected"))
        case "LogStatusNotification":
            then = [logs.triggered(office)]
        case "FirmwareStatusNotification":
            then = [firmware.triggered(office, signed=True)]
        case other:
            then = triggered(other, connector, office)
    return Answer(v16.ExtendedTriggerMessageResponse(status="Accepted" if then else "Rejected"), tuple(then))


COMMANDS: Final[dict[type[Payload], Callable[[Any, Office], Awaitable[Answer]]]] = {
    v16.TriggerMessage: trigger_message,
    v16.ExtendedTriggerMessage: extended_trigger,
}
