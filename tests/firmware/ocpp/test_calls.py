"""The tables fact -> calls, row by row, and every CALL they can make against the official schemas."""

import asyncio
import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, validate_payload

from firmware.ocpp.components.metering import MEASURANDS
from firmware.ocpp.dialect import Dialect, Outgoing, Shape
from firmware.ocpp.v16.dialect import V16
from firmware.ocpp.v21.dialect import V21
from firmware.ocpp.v201.dialect import V201
from firmware.station import facts
from firmware.station.facts import IdToken, Sample, Transaction
from firmware.station.transaction import STOPS

SHAPE = Shape(started=MEASURANDS, updated=MEASURANDS, ended=MEASURANDS, aligned=MEASURANDS)
SAMPLE = Sample(
    at=60.0,
    energy_wh=1234.5678,
    power_w=11_000.0,
    voltage_v=(230.1, 230.2, 230.3),
    current_a=(16.0, 16.0, 15.9),
    soc_percent=55.0,
    offered_a=16.0,
)


def payload(outgoing: Outgoing) -> Any:
    return json.loads(msgspec.json.encode(outgoing.payload))


def valid(dialect: Dialect, outgoing: Outgoing) -> None:
    """Raises when the official schema forbids it."""
    call = Call(unique_id="1", action=outgoing.action, payload=payload(outgoing))
    asyncio.run(validate_payload(call, dialect.flavour.version))


def test_the_schemas_are_asked() -> None:
    good = V201().heartbeat()
    with pytest.raises(OCPPError):
        valid(V201(), Outgoing("BootNotification", good.payload, good.response))


def ended(reason: str, trigger: str = "AbnormalCondition") -> Transaction:
    return Transaction(
        at=60.0,
        kind="Ended",
        transaction_id="tx",
        seq_no=9,
        trigger=trigger,
        evse=1,
        connector=1,
        stopped_reason=reason,
        samples=(SAMPLE,),
        time_spent_charging_s=59.6,
    )


@pytest.mark.parametrize(
    ("asked", "reason16", "reason201"),
    [
        ("Local", "Local", "Local"),
        ("Remote", "Remote", "Remote"),
        ("EVDisconnected", "EVDisconnected", "EVDisconnected"),
        ("StoppedByEV", "Local", "StoppedByEV"),
        ("DeAuthorized", "DeAuthorized", "DeAuthorized"),
        ("HardReset", "HardReset", "ImmediateReset"),
        ("ImmediateReset", "HardReset", "ImmediateReset"),
        ("SoftReset", "SoftReset", "Reboot"),
        ("UnlockCommand", "UnlockCommand", "Other"),
        ("EmergencyStop", "EmergencyStop", "EmergencyStop"),
        ("PowerLoss", "PowerLoss", "PowerLoss"),
        ("Reboot", "Reboot", "Reboot"),
        ("GroundFault", "Other", "GroundFault"),
        ("Timeout", "Other", "Timeout"),
    ],
)
def test_why_it_ended_in_the_words_of_each_version(asked: str, reason16: str, reason201: str) -> None:
    fact = ended(STOPS[asked].reason, STOPS[asked].trigger)
    (old,) = V16().calls(fact, SHAPE, "7")
    (new,) = V201().calls(fact, SHAPE, None)
    assert payload(old)["reason"] == reason16
    assert payload(new)["transactionInfo"]["stoppedReason"] == reason201


@pytest.mark.ocpp("1.6:StartTransaction", "1.6:StopTransaction", "1.6:MeterValues")
def test_16_values_are_text_and_meters_whole_watt_hours() -> None:
    (stop,) = V16().calls(ended("Local"), SHAPE, "7")
    found = payload(stop)
    assert found["meterStop"] == 1235
    energy = found["transactionData"][0]["sampledValue"][0]
    assert energy == {
        "value": "1234.568",
        "context": "Sample.Periodic",
        "measurand": "Energy.Active.Import.Register",
        "unit": "Wh",
    }


def test_all_phases_of_a_measurand_are_reported() -> None:
    (event,) = V201().calls(ended("Local"), Shape(ended=("Voltage", "Current.Import")), None)
    values = payload(event)["meterValue"][0]["sampledValue"]
    assert [(v["measurand"], v["phase"]) for v in values] == [
        ("Voltage", "L1-N"),
        ("Voltage", "L2-N"),
        ("Voltage", "L3-N"),
        ("Current.Import", "L1"),
        ("Current.Import", "L2"),
        ("Current.Import", "L3"),
    ]


@pytest.mark.ocpp("2.x:J02.FR.03", "2.x:J02.FR.05", "2.x:J02.FR.06", "2.x:J02.FR.07")
@pytest.mark.parametrize("dialect", [V201(), V21()])
def test_each_value_says_what_it_is_where_and_of_which_phase(dialect: Dialect) -> None:
    (event,) = dialect.calls(ended("Local"), SHAPE, None)
    found = [
        (each["measurand"], each.get("location", "Outlet"), each.get("phase"), each["value"])
        for each in payload(event)["meterValue"][0]["sampledValue"]
    ]
    assert found == [
        ("Energy.Active.Import.Register", "Outlet", None, 1234.568),
        ("Power.Active.Import", "Outlet", None, 11_000.0),
        ("Power.Offered", "Outlet", None, 11_049.6),
        ("Current.Import", "Outlet", "L1", 16.0),
        ("Current.Import", "Outlet", "L2", 16.0),
        ("Current.Import", "Outlet", "L3", 15.9),
        ("Current.Offered", "Outlet", None, 16.0),
        ("Voltage", "Outlet", "L1-N", 230.1),
        ("Voltage", "Outlet", "L2-N", 230.2),
        ("Voltage", "Outlet", "L3-N", 230.3),
        ("SoC", "EV", None, 55.0),
    ]


def test_16_is_told_of_charging_states_by_status_only() -> None:
    update = Transaction(
        at=60.0, kind="Updated", transaction_id="tx", seq_no=1, trigger="ChargingStateChanged", evse=1, connector=1
    )
    assert V16().calls(update, SHAPE, "7") == ()
    assert len(V201().calls(update, SHAPE, None)) == 1


def test_without_a_name_for_it_a_16_transaction_is_minus_one() -> None:
    (stop,) = V16().calls(ended("Local"), SHAPE, None)
    assert payload(stop)["transactionId"] == -1  # errata 3.18


@pytest.mark.parametrize(
    ("state", "detail", "word"),
    [
        ("Available", "Available", "Available"),
        ("Occupied", "SuspendedEV", "SuspendedEV"),
        ("Occupied", "Finishing", "Finishing"),
        ("Occupied", "", "Preparing"),
        ("Faulted", "Faulted", "Faulted"),
    ],
)
@pytest.mark.ocpp("1.6:StatusNotification")
def test_16_states(state: Any, detail: str, word: str) -> None:
    fact = facts.ConnectorStatus(at=0.0, evse=2, connector=1, state=state, detail=detail, error_code="NoSuchCode")
    found = payload(V16().status(fact))
    assert found["status"] == word
    assert found["connectorId"] == 2
    assert found["errorCode"] == "OtherError"


texts = st.text(max_size=300)
times = st.floats(min_value=0, max_value=4e9)
numbers = st.floats(min_value=-1e9, max_value=1e9)
samples = st.builds(
    Sample,
    at=times,
    energy_wh=numbers,
    power_w=numbers,
    voltage_v=st.lists(numbers, max_size=3).map(tuple),
    current_a=st.lists(numbers, max_size=3).map(tuple),
    soc_percent=st.none() | st.floats(0, 100),
    offered_a=st.none() | numbers,
    context=st.sampled_from(["Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End", "Trigger"]),
)
transactions = st.builds(
    Transaction,
    at=times,
    kind=st.sampled_from(["Started", "Updated", "Ended"]),
    transaction_id=st.uuids().map(str),
    seq_no=st.integers(0, 10**6),
    trigger=texts,
    evse=st.integers(1, 64),
    connector=st.integers(1, 8),
    charging_state=st.none() | st.sampled_from(get_args(facts.ChargingState)),
    id_token=st.none() | st.builds(IdToken, texts, texts),
    remote_start_id=st.none() | st.integers(0, 2**31 - 1),
    stopped_reason=st.none() | texts,
    samples=st.lists(samples, max_size=3).map(tuple),
    offline=st.booleans(),
    meter_start_wh=st.none() | numbers,
    cable_max_current_a=st.none() | st.floats(0, 500),
    time_spent_charging_s=st.none() | st.floats(0, 1e7),
)
others = st.builds(facts.SecurityEvent, at=times, kind=texts, tech_info=texts, critical=st.just(True)) | st.builds(
    facts.MeterValues, at=times, evse=st.integers(0, 64), samples=st.lists(samples, max_size=3).map(tuple)
)


@settings(max_examples=100, deadline=None)
@given(transactions | others)
def test_whatever_happens_is_told_in_valid_messages(fact: Any) -> None:
    for dialect in (V16(), V201()):
        for outgoing in dialect.calls(fact, SHAPE, "17"):
            valid(dialect, outgoing)


@settings(max_examples=50, deadline=None)
@given(st.builds(IdToken, texts, texts))
def test_whatever_is_presented_is_asked_in_valid_messages(id_token: IdToken) -> None:
    for dialect in (V16(), V201()):
        valid(dialect, dialect.authorize(id_token))
        valid(dialect, dialect.heartbeat())
