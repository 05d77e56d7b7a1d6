"""OCPP 1.6J: the answer to each call of a station, and how the back office says what it wants. Payloads are JSON
objects; the schemas of the `ocpp` package check them on the link."""

from collections.abc import Callable
from typing import Final

from hil.csms import contracts
from hil.csms.records import JsonObject, Records, now_text

Answer = Callable[[Records, str, JsonObject], JsonObject]
Follow = Callable[[Records, str, JsonObject], list[tuple[str, JsonObject]]]


def boot(records: Records, station: str, call: JsonObject) -> JsonObject:
    records.stations[station] |= {"vendor": call["chargePointVendor"], "model": call["chargePointModel"]}
    return {"currentTime": now_text(), "interval": records.heartbeat_s, "status": records.boot_status}


def heartbeat(records: Records, station: str, call: JsonObject) -> JsonObject:
    return {"currentTime": now_text()}


def status(records: Records, station: str, call: JsonObject) -> JsonObject:
    records.connectors[f"{station}/{call['connectorId']}"] = {"status": call["status"], "error": call["errorCode"]}
    return {}


def authorize(records: Records, station: str, call: JsonObject) -> JsonObject:
    return {"idTagInfo": {"status": records.token_status(call["idTag"])}}


def start(records: Records, station: str, call: JsonObject) -> JsonObject:
    """A repeated start (same connector, time and meter) gets the number that it got before."""
    info = {"status": records.token_status(call["idTag"])}
    for known in records.transactions.values():
        if (known.station, known.evse, known.started_at, known.meter_start_wh) == (
            station,
            call["connectorId"],
            call["timestamp"],
            call["meterStart"],
        ):
            known.repeats += 1
            return {"transactionId": int(known.id), "idTagInfo": info}
    number = 1 + max((int(identity) for identity in records.transactions if identity.isdigit()), default=0)
    transaction = records.transaction(str(number), station, call["connectorId"])
    transaction.id_token = call["idTag"]
    transaction.started_at = call["timestamp"]
    transaction.meter(call["meterStart"])
    return {"transactionId": number, "idTagInfo": info}


def stop(records: Records, station: str, call: JsonObject) -> JsonObject:
    transaction = records.transactions.get(str(call["transactionId"]))
    if transaction is None:
        return {}
    if transaction.ended_at is not None:
        transaction.repeats += 1
        if transaction.ended_at != call["timestamp"]:
            transaction.faults.append("stopped twice")
        return {}
    last = transaction.meter_last_wh
    if last is None or abs(call["meterStop"] - last) >= 1.0:  # meterStop has whole Wh, samples may have decimals
        transaction.meter(call["meterStop"])
    transaction.ended_at = call["timestamp"]
    transaction.stopped_reason = call.get("reason", "Local")
    return {}


def meter_values(records: Records, station: str, call: JsonObject) -> JsonObject:
    transaction = records.transactions.get(str(call.get("transactionId")))
    if transaction is not None and transaction.ended_at is None:
        for value in call["meterValue"]:
            for sample in value["sampledValue"]:
                if sample.get("measurand", ENERGY) == ENERGY and "phase" not in sample:
                    factor = 1000.0 if sample.get("unit") == "kWh" else 1.0
                    transaction.meter(float(sample["value"]) * factor)
    return {}


def nothing(records: Records, station: str, call: JsonObject) -> JsonObject:
    return {}


def accepted(records: Records, station: str, call: JsonObject) -> JsonObject:
    return {"status": "Accepted"}


def rejected(records: Records, station: str, call: JsonObject) -> JsonObject:
    """Nobody here signs certificates."""
    return {"status": "Rejected"}


def data_transfer(records: Records, station: str, call: JsonObject) -> JsonObject:
    return contracts.data_transfer(records, call)


ENERGY: Final = "Energy.Active.Import.Register"
ANSWERS: Final[dict[str, Answer]] = {
    "BootNotification": boot,
    "Heartbeat": heartbeat,
    "StatusNotification": status,
    "Authorize": authorize,
    "StartTransaction": start,
    "StopTransaction": stop,
    "MeterValues": meter_values,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": nothing,
    "FirmwareStatusNotification": nothing,
    "LogStatusNotification": nothing,
    "SecurityEventNotification": nothing,
    "SignCertificate": rejected,
    "SignedFirmwareStatusNotification": nothing,
}

FOLLOWS: Final[dict[str, Follow]] = {}  # what is asked right behind an answer


def remote_start(token: str, evse: int, number: int) -> tuple[str, JsonObject]:
    return "RemoteStartTransaction", {"connectorId": evse, "idTag": token}


def remote_stop(transaction: str) -> tuple[str, JsonObject]:
    return "RemoteStopTransaction", {"transactionId": int(transaction)}


def reset(immediate: bool) -> tuple[str, JsonObject]:
    return "Reset", {"type": "Hard" if immediate else "Soft"}


def unlock(evse: int) -> tuple[str, JsonObject]:
    return "UnlockConnector", {"connectorId": evse}
