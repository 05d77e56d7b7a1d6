"""2.0.1: what we say. The table `CALLS` turns each fact of the station into the CALLs that report it."""

import base64
from collections.abc import Callable
from typing import Any, Final, cast, get_args

from msgspec import UNSET, UnsetType

from firmware.config import StationSettings
from firmware.ocpp.dialect import Outgoing, Shape
from firmware.ocpp.payload import stamp, told
from firmware.ocpp.samples import Reading, Wanted, wanted_readings
from firmware.ocpp.v201 import calls_smart_charging, firmware, logs, messages, monitoring, reservation, types
from firmware.ocpp.v201.id_token import told_token
from firmware.station import fact, facts

_SIGNED_SIZE: Final = 2500  # SignedMeterValueType.signedMeterData


def transaction(fact: facts.Transaction, shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    asked = fact.kind == "Started" or fact.trigger == "Trigger"  # part 6, TC_F_14
    with_place = (asked and fact.placed) or fact.trigger == "CablePluggedIn"  # E01.FR.16
    payload = messages.TransactionEventRequest(
        event_type=fact.kind,
        timestamp=stamp(fact.at),
        trigger_reason=_trigger(fact.trigger),
        seq_no=fact.seq_no,
        offline=True if fact.offline else UNSET,
        cable_max_current=round(fact.cable_max_current_a) if fact.cable_max_current_a else UNSET,
        transaction_info=types.Transaction(
            transaction_id=fact.transaction_id,
            charging_state=fact.charging_state or UNSET,
            time_spent_charging=round(fact.time_spent_charging_s) if fact.time_spent_charging_s is not None else UNSET,
            stopped_reason=_reason(fact),
            remote_start_id=fact.remote_start_id if fact.remote_start_id is not None else UNSET,
        ),
        evse=types.Evse(id=fact.evse, connector_id=fact.connector) if with_place else UNSET,
        number_of_phases_used=told(fact.phases_used),
        reservation_id=told(fact.reservation_id),
        id_token=told_token(fact.id_token) if fact.id_token is not None else UNSET,
        meter_value=_meter_values(fact.samples, Wanted.of(fact, shape)) or UNSET,
    )
    return (Outgoing("TransactionEvent", payload, messages.TransactionEventResponse),)


def samples_outside(fact: facts.MeterValues, shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    values = _meter_values(fact.samples, Wanted.outside(shape, fact.evse))
    return (meter_values(fact.evse, values),) if values else ()


def security_event(fact: facts.SecurityEvent, _shape: Shape, _: str | None) -> tuple[Outgoing, ...]:
    if not fact.critical:
        return ()  # A04.FR.02: only critical events are sent
    payload = messages.SecurityEventNotificationRequest(
        type=fact.kind[:50], timestamp=stamp(fact.at), tech_info=fact.tech_info[:255] or UNSET
    )
    return (Outgoing("SecurityEventNotification", payload, messages.SecurityEventNotificationResponse),)


CALLS: Final[dict[type[fact.Fact], Callable[[Any, Shape, str | None], tuple[Outgoing, ...]]]] = {
    facts.Transaction: transaction,
    facts.MeterValues: samples_outside,
    facts.SecurityEvent: security_event,
    **calls_smart_charging.CALLS,
    **reservation.CALLS,
    **monitoring.CALLS,
    **firmware.CALLS,
    **logs.CALLS,
}


# --- CALLs that report no stored fact -------------------------------------------------------------------------------


def boot_notification(about: StationSettings, reason: str, firmware: str) -> Outgoing:
    payload = messages.BootNotificationRequest(
        reason=cast(types.BootReasonEnum, reason if reason in get_args(types.BootReasonEnum) else "Unknown"),
        charging_station=types.ChargingStation(
            model=about.model,
            vendor_name=about.vendor,
            serial_number=about.serial or UNSET,
            firmware_version=firmware[:50] or UNSET,
        ),
    )
    return Outgoing("BootNotification", payload, messages.BootNotificationResponse)


def status_notification(fact: facts.ConnectorStatus) -> Outgoing:
    payload = messages.StatusNotificationRequest(
        timestamp=stamp(fact.at), connector_status=fact.state, evse_id=fact.evse, connector_id=fact.connector
    )
    return Outgoing("StatusNotification", payload, messages.StatusNotificationResponse)


def meter_values(evse: int, values: tuple[types.MeterValue, ...]) -> Outgoing:
    payload = messages.MeterValuesRequest(evse_id=evse, meter_value=values)
    return Outgoing("MeterValues", payload, messages.MeterValuesResponse)


def triggered_meter_values(evse: int, sample: facts.Sample, measurands: tuple[str, ...]) -> Outgoing:
    return meter_values(evse, _meter_values((sample,), Wanted(measurands, measurands)))


def _trigger(trigger: str) -> types.TriggerReasonEnum:
    known = trigger in get_args(types.TriggerReasonEnum)
    return cast(types.TriggerReasonEnum, trigger if known else "AbnormalCondition")


def _reason(fact: facts.Transaction) -> types.ReasonEnum | UnsetType:
    if fact.kind != "Ended":
        return UNSET
    word = fact.stopped_reason or "Local"
    return cast(types.ReasonEnum, word if word in get_args(types.ReasonEnum) else "Other")


def _meter_values(samples: tuple[facts.Sample, ...], wanted: Wanted) -> tuple[types.MeterValue, ...]:
    values = []
    for sample in samples:
        sampled = tuple(_sampled(reading, sample.context) for reading in wanted_readings(sample, wanted))
        if sampled:
            values.append(types.MeterValue(timestamp=stamp(sample.at), sampled_value=sampled))
    return tuple(values)


def _signed(reading: Reading) -> types.SignedMeterValue | UnsetType:
    """The meter's own words, unchanged (E02.FR.14). The signing method is inside."""
    data = base64.b64encode(reading.signed.encode()).decode()
    if not reading.signed or len(data) > _SIGNED_SIZE:
        return UNSET
    return types.SignedMeterValue(
        signed_meter_data=data, signing_method="", encoding_method="OCMF", public_key=reading.public_key
    )


def _sampled(reading: Reading, context: str) -> types.SampledValue:
    return types.SampledValue(
        value=round(reading.value, 3),
        context=cast(types.ReadingContextEnum, context),
        measurand=cast(types.MeasurandEnum, reading.measurand),
        phase=cast(types.PhaseEnum, reading.phase) if reading.phase else UNSET,
        location=cast(types.LocationEnum, reading.location) if reading.location else UNSET,
        signed_meter_value=_signed(reading),
        unit_of_measure=types.UnitOfMeasure(unit=reading.unit) if reading.unit != "Wh" else UNSET,
    )
