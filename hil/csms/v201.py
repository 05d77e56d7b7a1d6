"""OCPP 2.0.1 and 2.1: the answer to each call of a station, and how the back office says what it wants. Payloads are
JSON objects; the schemas of the `ocpp` package check them on the link."""

from typing import Final

from hil.csms import charging_plan, contracts
from hil.csms.records import JsonObject, Records, now_text
from hil.csms.v16 import ENERGY, Answer, Follow, accepted, heartbeat, nothing, rejected


def boot(records: Records, station: str, call: JsonObject) -> JsonObject:
    about = call["chargingStation"]
    records.stations[station] |= {"vendor": about["vendorName"], "model": about["model"], "boot": call["reason"]}
    return {"currentTime": now_text(), "interval": records.heartbeat_s, "status": records.boot_status}


def status(records: Records, station: str, call: JsonObject) -> JsonObject:
    records.connectors[f"{station}/{call['evseId']}.{call['connectorId']}"] = {"status": call["connectorStatus"]}
    return {}


def authorize(records: Records, station: str, call: JsonObject) -> JsonObject:
    return contracts.authorize(records, call)


def car_certificate(records: Records, station: str, call: JsonObject) -> JsonObject:
    return contracts.car_certificate(records, call)


def certificate_status(records: Records, station: str, call: JsonObject) -> JsonObject:
    return contracts.certificate_status(records, call)


def transaction_event(records: Records, station: str, call: JsonObject) -> JsonObject:
    about = call["transactionInfo"]
    transaction = records.transaction(about["transactionId"], station, call.get("evse", {}).get("id", 0))
    transaction.event(call)
    if call.get("evse"):
        transaction.evse = call["evse"]["id"]
    transaction.charging_state = about.get("chargingState", transaction.charging_state)
    for value in call.get("meterValue", []):
        for sample in value["sampledValue"]:
            if sample.get("measurand", ENERGY) == ENERGY and "phase" not in sample:
                multiplier = sample.get("unitOfMeasure", {}).get("multiplier", 0)
                factor = 1000.0 if sample.get("unitOfMeasure", {}).get("unit") == "kWh" else 1.0
                energy_wh = sample["value"] * factor * 10**multiplier
                if sample.get("context") == "Transaction.Begin":  # the last event tells it once more
                    transaction.began_with(energy_wh)
                else:
                    transaction.meter(energy_wh)
    if call["eventType"] == "Started":
        transaction.started_at = call["timestamp"]
    elif call["eventType"] == "Ended":
        transaction.ended_at = call["timestamp"]
        transaction.stopped_reason = about.get("stoppedReason", "Local")
    if "idToken" not in call:
        return {}
    transaction.id_token = call["idToken"]["idToken"]
    return {"idTokenInfo": {"status": records.token_status(call["idToken"]["idToken"])}}


def data_transfer(records: Records, station: str, call: JsonObject) -> JsonObject:
    return {"status": "UnknownVendorId"}


ANSWERS: Final[dict[str, Answer]] = {
    "BootNotification": boot,
    "Heartbeat": heartbeat,
    "StatusNotification": status,
    "Authorize": authorize,
    "TransactionEvent": transaction_event,
    "Get15118EVCertificate": car_certificate,
    "GetCertificateStatus": certificate_status,
    "MeterValues": nothing,
    "DataTransfer": data_transfer,
    "SignCertificate": rejected,
    "ClearedChargingLimit": nothing,
    "NotifyChargingLimit": nothing,
    "NotifyCustomerInformation": nothing,
    "NotifyDisplayMessages": nothing,
    "NotifyEVChargingNeeds": charging_plan.answer,
    "NotifyEVChargingSchedule": accepted,
    "NotifyPriorityCharging": nothing,
    "PublishFirmwareStatusNotification": nothing,
    "ReportChargingProfiles": nothing,
    "NotifyReport": nothing,
    "NotifyEvent": nothing,
    "NotifyMonitoringReport": nothing,
    "SecurityEventNotification": nothing,
    "FirmwareStatusNotification": nothing,
    "LogStatusNotification": nothing,
    "ReservationStatusUpdate": nothing,
}

FOLLOWS: Final[dict[str, Follow]] = {"NotifyEVChargingNeeds": charging_plan.follow}


def remote_start(token: str, evse: int, number: int) -> tuple[str, JsonObject]:
    id_token = {"idToken": token, "type": "ISO14443"}
    return "RequestStartTransaction", {"idToken": id_token, "remoteStartId": number, "evseId": evse}


def remote_stop(transaction: str) -> tuple[str, JsonObject]:
    return "RequestStopTransaction", {"transactionId": transaction}


def reset(immediate: bool) -> tuple[str, JsonObject]:
    return "Reset", {"type": "Immediate" if immediate else "OnIdle"}


def unlock(evse: int) -> tuple[str, JsonObject]:
    return "UnlockConnector", {"evseId": evse, "connectorId": 1}
