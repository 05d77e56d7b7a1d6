"""Message classes: every answer can fail, every request knows its answer, numbers keep their value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.v2g import exi
from firmware.v2g.exi.schemas import MODULES, home, schema_set
from firmware.v2g.messages import app_protocol, din, iso2, iso20_dc, iso20_types
from firmware.v2g.messages.declare import Record, Request, Response, replace
from firmware.v2g.messages.replies import failure_reply


def classes(kind: type[Record]) -> list[type[Record]]:
    found = [cls for name in MODULES for cls in schema_set(name).classes if home(cls) == name]
    return [cls for cls in found if issubclass(cls, kind) and not cls.wire.abstract]


@pytest.mark.parametrize("answer", classes(Response), ids=lambda cls: f"{cls.__module__.split('.')[-1]}.{cls.__name__}")
def test_every_answer_can_say_that_it_failed(answer: type[Response]) -> None:
    codes = type(answer.wire.fields[[field.name for field in answer.wire.fields].index("response_code")].default)
    code = next(code for code in codes if code.upper().startswith("FAILED"))
    reply: Any = failure_reply(answer, code)
    assert reply.response_code == code
    envelopes = {din.__name__: din, iso2.__name__: iso2}
    if answer.__module__ in envelopes:
        module = envelopes[answer.__module__]
        message = module.V2gMessage(header=module.MessageHeader(session_id=bytes(8)), body=reply)
    else:
        message = reply
    assert exi.decode(exi.encode(message), home(answer)) == message


def test_a_failure_reply_leaves_optional_fields_out_and_takes_what_is_known() -> None:
    reply = failure_reply(iso2.SessionSetupRes, iso2.ResponseCode.FAILED_SequenceError, evse_id="DE*PIL*E1")
    assert (reply.evse_id, reply.evse_time_stamp) == ("DE*PIL*E1", None)
    header = iso20_types.MessageHeader(session_id=b"12345678", time_stamp=5)
    assert failure_reply(iso20_dc.DcPreChargeRes, "FAILED", header=header).header == header


def test_a_failure_reply_of_the_handshake_names_no_schema() -> None:
    reply = failure_reply(app_protocol.SupportedAppProtocolRes, app_protocol.ResponseCode.Failed_NoNegotiation)
    assert exi.encode(reply) == bytes.fromhex("80 48 80")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError):
        failure_reply(iso2.SessionStopRes, "FAILED", evse_id="DE*PIL*E1")


@pytest.mark.parametrize(
    "request_class", classes(Request), ids=lambda cls: f"{cls.__module__.split('.')[-1]}.{cls.__name__}"
)
def test_every_request_knows_its_answer(request_class: type[Request]) -> None:
    assert issubclass(request_class, Request)
    asked, answered = request_class.wire.element or "", request_class.answered_by.wire.element or ""
    assert asked.removesuffix("Req") == answered.removesuffix("Res")


def test_every_message_of_a_schema_is_a_request_or_an_answer() -> None:
    for name in MODULES:
        for cls in schema_set(name).classes:
            element = cls.wire.element or ""
            if element.endswith(("Req", "Res")):
                assert issubclass(cls, Request if element.endswith("Req") else Response)


def test_messages_are_frozen_and_compared_by_value() -> None:
    untyped: Any = iso2.SessionStopReq  # what a type checker would refuse
    stop: Any = iso2.SessionStopReq(charging_session=iso2.ChargingSession.Pause)
    assert stop == untyped(charging_session="Pause")
    assert hash(stop) == hash(untyped(charging_session="Pause"))
    with pytest.raises(AttributeError):
        stop.charging_session = iso2.ChargingSession.Terminate
    assert replace(stop, charging_session="Terminate") != stop
    with pytest.raises(TypeError):
        untyped()


@pytest.mark.parametrize(
    ("value", "multiplier", "number"),
    [
        (0, 0, 0),
        (400, 0, 400),
        (-3, 0, -3),
        (400.5, -1, 4005),
        (0.001, -3, 1),
        (12.345, -3, 12345),
        (402.13, -1, 4021),  # two decimals would not fit
        (32767, 0, 32767),
        (32768, 1, 3277),
        (150_000, 1, 15000),
        (32_767_000, 3, 32767),
    ],
)
def test_physical_values_are_exact_where_they_can_be(value: float, multiplier: int, number: int) -> None:
    physical = iso2.PhysicalValue.of(value, "V")
    assert (physical.multiplier, physical.value) == (multiplier, number)


@given(st.floats(-3.2e7, 3.2e7))
def test_physical_values_are_off_by_less_than_half_a_step(value: float) -> None:
    for number, exponent in (
        (din.PhysicalValue.of(value), "multiplier"),
        (iso20_types.RationalNumber.of(value), "exponent"),
    ):
        step = 10.0 ** getattr(number, exponent)
        assert abs(float(number) - value) <= 0.5 * step * (1 + 1e-9)


@pytest.mark.parametrize("value", [4e7, -4e7, float("inf"), float("nan")])
def test_numbers_too_large_for_a_message_are_refused(value: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        iso2.PhysicalValue.of(value, "W")
