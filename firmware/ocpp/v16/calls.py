"""1.6: what we say. The table `CALLS` turns each fact of the station into the CALLs that report it.

1.6 knows connectors, not EVSEs: connector n is EVSE n (one connector of an EVSE is in use at a time), 0 the station.
"""

import base64
from collections.abc import Callable
from typing import Any, Final, cast, get_args

import msgspec
from msgspec import UNSET

from firmware.config import StationSettings
from firmware.ocpp.dialect import Outgoing, Shape
from firmware.ocpp.payload import stamp, told
from firmware.ocpp.samples import Reading, Wanted, wanted_readings
from firmware.ocpp.v16 import firmware, logs, security
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v16.id_tag import id_tag
from firmware.station import fact, facts
from firmware.station.station import Station

UNKNOWN_TRANSACTION: Final = -1  # errata 3.18

# (stoppedReason, triggerReason) of 2.x -> reason, where 1.6 has a word of its own; else by stoppedReason, else Other
REASONS: Final = {
    ("ImmediateReset", "ResetCommand"): "HardReset",
    ("Reboot", "ResetCommand"): "SoftReset",
    ("Other", "UnlockCommand"): "UnlockCommand",
    ("StoppedByEV", "ChargingStateChanged"): "Local",  # the driver ended it at the car
    ("StoppedByEV", "StopAuthorized"): "Local",
}
# AC stations report Finishing etc. in `detail`; a bare state of 2.x says less
STATES: Final = {"Occupied": "Preparing"}


def start_transaction(fact: facts.Transaction) -> Outgoing:
    energy = fact.meter_start_wh if fact.meter_start_wh is not None else _register(fact)
    token = fact.id_token.token if fact.id_token is not None else ""
    payload = v16.StartTransaction(
        connector_id=fact.evse,
        id_tag=id_tag(token),
        meter_start=round(energy),
        timestamp=stamp(fact.at),
        reservation_id=told(fact.reservation_id),
    )
    return Outgoing("StartTransaction", payload, v16.StartTransactionResponse)


def stop_transaction(fact: facts.Transaction, shape: Shape, remote_id: str | None) -> Outgoing:
    data = _meter_values(fact.samples, Wanted.of(fact, shape))
    payload = v16.StopTransaction(
        transaction_id=_number(remote_id),
        meter_stop=round(_register(fact)),
        timestamp=stamp(fact.at),
        id_tag=id_tag(fact.id_token.token) if fact.id_token is not None else UNSET,
        reason=_reason(fact),
        transaction_data=data or UNSET,
    )
    return Outgoing("StopTransaction", payload, v16.StopTransactionResponse)


def transaction(fact: facts.Transaction, shape: Shape, remote_id: str | None) -> tuple[Outgoing, ...]:
    if fact.unclaimed:
        return ()  # TxStartPoint EVConnected: in 1.6 a transaction begins with its token
    match fact.kind:
        case "Started":
            return (start_transaction(fact),)
        case "Updated" if fact.id_token is not None and fact.trigger in {"Authorized", "RemoteStart"}:
            return (start_transaction(fact),)
        case "Ended":
            return (stop_transaction(fact, shape, remote_id),)
        case "Updated":
            values = _meter_values(fact.samples, Wanted.of(fact, shape))
            if not values:
                return ()  # 1.6 tells charging states by StatusNotification
            return (meter_values(fact.evse, values, _number(remote_id)),)


def samples_outside(fact: facts.MeterValues, shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    values = _meter_values(fact.samples, Wanted.outside(shape, fact.evse))
    return (meter_values(fact.evse, values),) if values else ()


def vendor_message(fact: facts.VendorMessage, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    payload = v16.DataTransfer(vendor_id=fact.vendor_id, message_id=fact.message_id, data=fact.data)
    return (Outgoing("DataTransfer", payload, v16.DataTransferResponse),)


CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.Transaction: transaction,
    facts.MeterValues: samples_outside,
    facts.VendorMessage: vendor_message,
    **security.CALLS,
    **firmware.CALLS,
    **logs.CALLS,
}


# --- CALLs that report no stored fact -------------------------------------------------------------------------------


def boot_notification(about: StationSettings, firmware: str) -> Outgoing:
    payload = v16.BootNotification(
        charge_point_vendor=about.vendor,
        charge_point_model=about.model,
        charge_point_serial_number=about.serial or UNSET,
        firmware_version=firmware[:50] or UNSET,
    )
    return Outgoing("BootNotification", payload, v16.BootNotificationResponse)


def status_word(fact: facts.ConnectorStatus) -> str:
    """ChargePointStatus (7.7)."""
    return fact.detail if fact.detail in get_args(v16.ChargePointStatus) else STATES.get(fact.state, fact.state)


def status_notification(fact: facts.ConnectorStatus) -> Outgoing:
    error = fact.error_code if fact.error_code in get_args(v16.ChargePointErrorCode) else "OtherError"
    payload = v16.StatusNotification(
        connector_id=fact.evse,
        error_code=cast(v16.ChargePointErrorCode, error),
        status=cast(v16.ChargePointStatus, status_word(fact)),
        info=fact.info[:50] or UNSET,
        vendor_error_code=fact.vendor_code[:50] or UNSET,
        timestamp=stamp(fact.at),
    )
    return Outgoing("StatusNotification", payload, v16.StatusNotificationResponse)


def station_status(station: Station) -> facts.ConnectorStatus:
    """Connector 0: the charge point as a whole; only Available, Unavailable and Faulted (1.6 4.9)."""
    states = {each.state for each in station.statuses()}
    whole: facts.ConnectorState = "Available"
    if states and states <= {"Unavailable", "Faulted"}:
        whole = "Faulted" if states == {"Faulted"} else "Unavailable"
    return facts.ConnectorStatus(
        at=station.clock.utc(), mono=station.clock.mono(), evse=0, connector=0, state=whole, detail=whole
    )


def meter_values(connector: int, values: tuple[v16.MeterValue, ...], transaction_id: int | None = None) -> Outgoing:
    payload = v16.MeterValues(
        connector_id=connector,
        meter_value=values,
        transaction_id=transaction_id if transaction_id is not None else UNSET,
    )
    return Outgoing("MeterValues", payload, v16.MeterValuesResponse)


def triggered_meter_values(
    evse: int, sample: facts.Sample, measurands: tuple[str, ...], remote_id: str | None
) -> Outgoing:
    return meter_values(
        evse,
        _meter_values((sample,), Wanted(measurands, measurands)),
        int(remote_id) if remote_id is not None else None,
    )


def _number(remote_id: str | None) -> int:
    return int(remote_id) if remote_id is not None else UNKNOWN_TRANSACTION


def _register(fact: facts.Transaction) -> float:
    return fact.samples[-1].energy_wh if fact.samples else fact.meter_start_wh or 0.0


def _reason(fact: facts.Transaction) -> v16.Reason:
    reason = fact.stopped_reason or "Local"
    word = REASONS.get((reason, fact.trigger), reason)
    return cast(v16.Reason, word if word in get_args(v16.Reason) else "Other")


def _meter_values(samples: tuple[facts.Sample, ...], wanted: Wanted) -> tuple[v16.MeterValue, ...]:
    values = (
        v16.MeterValue(
            timestamp=stamp(sample.at),
            sampled_value=tuple(
                each for reading in wanted_readings(sample, wanted) for each in _values(reading, sample.context)
            ),
        )
        for sample in samples
    )
    return tuple(value for value in values if value.sampled_value)


def _values(reading: Reading, context: str) -> tuple[v16.SampledValue, ...]:
    """The value and, where it is wanted, what the meter signed of it (application note on signed meter values, 1.6)."""
    plain = _sampled(reading, context)
    if not reading.signed:
        return (plain,)
    signed = {
        "signedMeterData": base64.b64encode(reading.signed.encode()).decode(),
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": reading.public_key,
    }
    return plain, msgspec.structs.replace(plain, value=msgspec.json.encode(signed).decode(), format="SignedData")


def _sampled(reading: Reading, context: str) -> v16.SampledValue:
    return v16.SampledValue(
        value=f"{reading.value:.3f}".rstrip("0").rstrip("."),  # a string in 1.6
        context=cast(v16.ReadingContext, context),
        measurand=cast(v16.Measurand, reading.measurand),
        phase=cast(v16.Phase, reading.phase) if reading.phase else UNSET,
        location=cast(v16.Location, reading.location) if reading.location else UNSET,
        unit=cast(v16.UnitOfMeasure, reading.unit),
    )
