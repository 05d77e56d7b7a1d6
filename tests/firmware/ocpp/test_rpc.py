"""OCPP-J framing: what is answered, with which code, and what is dropped."""

import json
from typing import Any

import pytest

from firmware.ocpp import ocpp_j
from firmware.ocpp.components.communication import MAX_BYTES
from firmware.ocpp.rpc import MAX_OPEN, Answered, Called, Dropped, Refused, Rpc, RpcError, Silent
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v16.dialect import V16
from firmware.ocpp.v201.dialect import V201

V21 = Rpc(ocpp_j.V21, V201.requests, V201.known)


def rpc16() -> Rpc:
    return Rpc(ocpp_j.V16, V16.requests, V16.known)


def rpc201() -> Rpc:
    return Rpc(ocpp_j.V201, V201.requests, V201.known)


def out(connection: Rpc) -> list[Any]:
    return [json.loads(frame.text) for frame in connection.frames()]


def heartbeat(message_id: str = "h1") -> ocpp_j.Sent:
    message_id, text = ocpp_j.encode_call("Heartbeat", v16.Heartbeat(), message_id)
    return ocpp_j.Sent(message_id, "Heartbeat", text, v16.HeartbeatResponse)


def error_of(connection: Rpc, frame: str) -> tuple[str, str]:
    """(id, code) of the CALLERROR that answers this frame."""
    assert isinstance(connection.feed(frame), Dropped)
    ((kind, message_id, code, description, details),) = out(connection)
    assert kind == 4
    assert details == {}
    assert len(description) <= 255
    return message_id, code


def test_a_good_call_becomes_a_typed_request_and_is_answered_with_its_id() -> None:
    connection = rpc16()
    event = connection.feed('[2, "a1", "Reset", {"type": "Hard"}]')
    assert event == Called("a1", "Reset", v16.Reset(type="Hard"))
    connection.answer("a1", v16.ResetResponse(status="Accepted"))
    assert out(connection) == [[3, "a1", {"status": "Accepted"}]]


def test_an_answer_to_nothing_is_our_own_mistake() -> None:
    with pytest.raises(RpcError):
        rpc16().answer("a1", v16.ResetResponse(status="Accepted"))


def test_a_payload_may_be_null_when_it_is_empty() -> None:
    assert isinstance(rpc16().feed('[2, "a1", "ClearCache", null]'), Called)


# Reference: 1.6-J 4.2.3 and 2.0.1 part 4 4.3. One row per failing keyword.
@pytest.mark.parametrize(
    ("action", "payload", "code16", "code201"),
    [
        ("UnlockConnector", {}, "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ("UnlockConnector", {"connectorId": "1"}, "TypeConstraintViolation", None),
        ("Reset", {"type": "Sideways"}, "PropertyConstraintViolation", "PropertyConstraintViolation"),
        ("Reset", {"type": 1}, "TypeConstraintViolation", "TypeConstraintViolation"),
        ("Reset", [], "TypeConstraintViolation", "TypeConstraintViolation"),
        ("DataTransfer", {"vendorId": "x" * 256}, "FormationViolation", "FormatViolation"),
        ("DataTransfer", {"vendorId": "x", "more": 1}, "FormationViolation", "FormatViolation"),
        ("DataTransfer", {"vendorId": None}, "TypeConstraintViolation", "TypeConstraintViolation"),
        ("GetVariables", {"getVariableData": []}, None, "OccurrenceConstraintViolation"),
        ("Sing", {}, "NotImplemented", "NotImplemented"),
        ("PublishFirmware", {}, "NotImplemented", "NotSupported"),
    ],
)
def test_a_bad_call_gets_the_code_of_its_version(
    action: str, payload: Any, code16: str | None, code201: str | None
) -> None:
    frame = json.dumps([2, "x", action, payload])
    if code16 is not None:
        assert error_of(rpc16(), frame) == ("x", code16)
    if code201 is not None:
        assert error_of(rpc201(), frame) == ("x", code201)


def test_a_time_that_is_none_is_a_bad_property() -> None:
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []},
        "validFrom": "yesterday",
    }
    frame = json.dumps([2, "x", "RemoteStartTransaction", {"idTag": "A", "chargingProfile": profile}])
    assert error_of(rpc16(), frame) == ("x", "PropertyConstraintViolation")


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", "null", '"x"', "[2]", '[2, 7, "Reset", {}]', '["2", "a", "Reset", {}]']
)
def test_an_unreadable_frame_is_answered_with_id_minus_one_in_2x_and_dropped_in_16(frame: str) -> None:
    assert error_of(rpc201(), frame) == ("-1", "RpcFrameworkError")
    old = rpc16()
    assert isinstance(old.feed(frame), Dropped)
    assert out(old) == []


def test_an_id_longer_than_36_characters_cannot_be_answered() -> None:
    assert error_of(rpc201(), json.dumps([2, "x" * 37, "Reset", {"type": "Immediate"}])) == ("-1", "RpcFrameworkError")


def test_a_call_with_a_readable_id_but_wrong_length_is_answered_with_its_id() -> None:
    assert error_of(rpc201(), '[2, "a", "Reset"]') == ("a", "FormatViolation")
    assert error_of(rpc16(), '[2, "a", "Reset", {}, 1]') == ("a", "FormationViolation")


def test_unknown_message_types() -> None:
    for connection, answer in ((rpc16(), None), (rpc201(), "MessageTypeNotSupported"), (V21, None)):
        assert isinstance(connection.feed('[9, "a", {}]'), Dropped)
        assert [row[2] for row in out(connection)] == ([answer] if answer else [])


@pytest.mark.ocpp("2.0.1:B06.FR.17", "2.0.1:N04.FR.09")
def test_a_frame_over_the_size_limit_is_refused_with_its_id_and_never_parsed() -> None:
    assert MAX_BYTES == ocpp_j.MAX_FRAME  # what BytesPerMessage says
    big = '[2, "big", "DataTransfer", {"vendorId": "' + "x" * ocpp_j.MAX_FRAME
    assert error_of(rpc201(), big) == ("big", "FormatViolation")
    connection = rpc16()
    assert isinstance(connection.feed("x" * (ocpp_j.MAX_FRAME + 1)), Dropped)
    assert out(connection) == []


def test_a_binary_frame_is_dropped() -> None:
    assert isinstance(rpc201().feed(b'[2, "a", "Reset", {"type": "Immediate"}]'), Dropped)


# --- own calls ------------------------------------------------------------------------------------------------------


def test_one_own_call_at_a_time() -> None:
    connection = rpc16()
    connection.call(heartbeat(), now=0.0, timeout_s=30.0)
    with pytest.raises(RpcError):
        connection.call(heartbeat("h2"), now=0.0, timeout_s=30.0)


def test_the_peers_call_is_served_while_ours_is_in_flight() -> None:
    connection = rpc16()
    connection.call(heartbeat(), now=0.0, timeout_s=30.0)
    assert isinstance(connection.feed('[2, "a1", "ClearCache", {}]'), Called)
    connection.answer("a1", v16.ClearCacheResponse(status="Accepted"))
    assert [row[0] for row in out(connection)] == [2, 3]


def test_the_answer_is_paired_by_id() -> None:
    connection = rpc16()
    call = heartbeat()
    connection.call(call, now=0.0, timeout_s=30.0)
    assert isinstance(connection.feed('[3, "other", {"currentTime": "2026-01-01T00:00:00Z"}]'), Dropped)
    event = connection.feed('[3, "h1", {"currentTime": "2026-01-01T00:00:00Z"}]')
    assert event == Answered(call, v16.HeartbeatResponse(current_time="2026-01-01T00:00:00Z"))
    assert connection.in_flight is None


def test_a_late_answer_is_dropped_without_a_reply() -> None:
    connection = rpc201()
    call = heartbeat()
    connection.call(call, now=100.0, timeout_s=30.0)
    assert connection.tick(129.9) is None
    assert connection.tick(130.0) == Silent(call)
    connection.frames()
    assert isinstance(connection.feed('[3, "h1", {"currentTime": "2026-01-01T00:00:00Z"}]'), Dropped)
    assert isinstance(connection.feed('[4, "h1", "InternalError", "", {}]'), Dropped)
    assert out(connection) == []


def test_a_clock_that_steps_back_gives_up_nothing() -> None:
    connection = rpc16()
    connection.call(heartbeat(), now=1000.0, timeout_s=30.0)
    assert connection.tick(-5000.0) is None
    assert connection.in_flight is not None


def test_an_error_is_an_error_however_badly_it_is_spelt() -> None:
    for frame, code in (
        ('[4, "h1", "NotSupported", "no", {}]', "NotSupported"),
        ('[4, "h1", "FormationViolation"]', "FormationViolation"),
        ('[4, "h1", 5, null, 3]', "GenericError"),
        ('[4, "h1"]', "GenericError"),
    ):
        connection = rpc16()
        connection.call(heartbeat(), now=0.0, timeout_s=30.0)
        event = connection.feed(frame)
        assert isinstance(event, Refused)
        assert event.code == code
        assert not event.unusable
        assert len(connection.frames()) == 1  # an error is never answered


def test_a_result_that_breaks_its_schema_is_unusable_and_only_21_says_so() -> None:
    for connection, answers in ((rpc16(), 0), (rpc201(), 0), (Rpc(ocpp_j.V21, {}), 1)):
        connection.call(heartbeat(), now=0.0, timeout_s=30.0)
        connection.frames()
        event = connection.feed('[3, "h1", {"currentTime": 5}]')
        assert isinstance(event, Refused)
        assert event.unusable
        assert event.code == "TypeConstraintViolation"
        assert [row[:3] for row in out(connection)] == [[5, "h1", "TypeConstraintViolation"]] * answers


def test_only_21_can_send_without_an_answer() -> None:
    with pytest.raises(RpcError):
        rpc201().send("NotifyPeriodicEventStream", v16.Heartbeat())
    connection = Rpc(ocpp_j.V21, {})
    connection.call(heartbeat(), now=0.0, timeout_s=30.0)
    connection.send("NotifyPeriodicEventStream", v16.Heartbeat())
    assert [row[0] for row in out(connection)] == [2, 6]


# --- floods ---------------------------------------------------------------------------------------------------------


def test_a_peer_that_does_not_wait_for_answers_is_refused() -> None:
    connection = rpc16()
    for number in range(MAX_OPEN):
        assert isinstance(connection.feed(json.dumps([2, f"c{number}", "ClearCache", {}])), Called)
    assert error_of(connection, '[2, "more", "ClearCache", {}]') == ("more", "GenericError")


def test_the_same_id_twice_is_served_once() -> None:
    connection = rpc16()
    assert isinstance(connection.feed('[2, "a", "ClearCache", {}]'), Called)
    assert isinstance(connection.feed('[2, "a", "ClearCache", {}]'), Dropped)
    assert out(connection) == []
