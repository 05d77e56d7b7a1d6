"""The link's packets: what is good comes through unchanged, what is bad is a WireError and nothing else."""

import contextlib
import math
import random
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hal import wire
from hal.contracts import Light, LockState, PilotMode, Plug

TO_GUARD: list[wire.FromController] = [
    wire.Lease(12, 3),
    wire.SetPilot(3, 1, PilotMode.DUTY, 26.67),
    wire.GrantIntent(3, 1, "s1", 16.0, 6.0, 120.0),
    wire.Revoke(3, 1, "unplugged", now=True),
    wire.DcIntent(3, 1, "deliver", 400.0, 125.0),
    wire.LockIntent(3, 1, True),
    wire.IndicatorIntent(3, 1, Light.CHARGING),
    wire.ClearFault(3, 1, "weld"),
]
FROM_GUARD: list[wire.FromGuard] = [
    wire.Hello(1, "board", "0.1.0", 1, 5, (wire.ConnectorCapability(1, "sType2", 32.0),), True),
    wire.Beat(12, 3),
    wire.Token(0, "04A1B2C3", "ISO14443", 1.5),
    wire.Observation(
        1, 12, 3, 1.5, "C", PilotMode.DUTY, 26.67, 6000, -12_000, Plug.A32, 32.0, True, True, 16.0,
        lock=LockState.LOCKED,
        meter=wire.MeterSample(1.4, 12.5, 11_040.0, (230.0,) * 3, (16.0,) * 3),
        dc=wire.DcSample(1.4, 400.0, 125.0, 1000.0, 500.0, 2e5, 1e6, "deliver"),
        temperature_c=31.5,
        faults=(wire.Fault("tamper", "housing opened", 1.0),),
        grant=wire.RunningGrant("s1", 16.0, 6.0, 120.0, True, 100.0),
        grant_ended="before",
    ),
]  # fmt: skip


@pytest.mark.parametrize("message", TO_GUARD, ids=lambda message: type(message).__name__)
def test_intents_come_through(message: wire.FromController) -> None:
    assert wire.decode_from_controller(wire.encode(message)) == message


@pytest.mark.parametrize("message", FROM_GUARD, ids=lambda message: type(message).__name__)
def test_reports_come_through(message: wire.FromGuard) -> None:
    assert wire.decode_from_guard(wire.encode(message)) == message


def test_known_bytes() -> None:
    """So that another implementation of the link can be written from the documentation alone."""
    assert wire.encode(wire.Lease(12, 3)) == bytes.fromhex("a36174656c65617365647469636b0c6565706f636803")


@pytest.mark.parametrize("amps", [math.nan, math.inf, -math.inf, -0.1, 1000.1, 1e300, True, "16", None])
def test_limits_that_are_no_limit_are_refused(amps: object) -> None:
    packet = cbor2.dumps({"t": "grant", "epoch": 1, "connector": 1, "session": "s", "limit_a": amps})
    with pytest.raises(wire.WireError, match="limit_a"):
        wire.decode_from_controller(packet)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\xff",
        cbor2.dumps([1, 2]),
        cbor2.dumps({"t": "unknown"}),
        cbor2.dumps({"t": "lease", "tick": 1, "epoch": 1, "more": 1}),
        cbor2.dumps({"t": "lease", "tick": -1, "epoch": 1}),
        cbor2.dumps({"t": "lease", "tick": 1 << 64, "epoch": 1}),
        cbor2.dumps({"t": "lease", "tick": 1, "epoch": 1}) + b"\0",
        cbor2.dumps({"t": "dc", "epoch": 1, "connector": 1, "phase": "lightning"}),
        cbor2.dumps({"t": "revoke", "epoch": 1, "connector": 1, "reason": "x" * 256}),
        cbor2.dumps({"t": "pilot", "epoch": 1, "connector": 0, "mode": "x1"}),
        b"\x81" * 30_000,
        b"\x9b" + b"\xff" * 8,
        b"\x5b" + b"\x7f" * 8,
        b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x03",  # bigfloat with a giant exponent
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that contains itself
        b"\0" * (wire.MAX_PACKET + 1),
    ],
    ids=range(17),
)
def test_bad_packets_are_named_errors(packet: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_from_controller(packet)


def decode_both(packet: bytes) -> None:
    for decode in (wire.decode_from_controller, wire.decode_from_guard):
        with contextlib.suppress(wire.WireError):
            decode(packet)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
@example(bytes.fromhex("a1d8186161"))
def test_any_bytes_are_a_message_or_a_wire_error(packet: bytes) -> None:
    decode_both(packet)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(TO_GUARD + FROM_GUARD), st.dictionaries(st.integers(0, 20), json_like, max_size=3))
def test_messages_with_wrong_values_are_a_message_or_a_wire_error(message: Any, changes: dict[int, object]) -> None:
    fields = cbor2.loads(wire.encode(message))
    names = list(fields)
    for index, value in changes.items():
        fields[names[index % len(names)]] = value
    decode_both(cbor2.dumps(fields))


def test_damaged_packets_are_a_message_or_a_wire_error() -> None:
    generator = random.Random(61851)
    for message in TO_GUARD + FROM_GUARD:
        good = wire.encode(message)
        for _ in range(300):
            damaged = bytearray(good)
            for _ in range(generator.randint(1, 4)):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            decode_both(bytes(damaged[: generator.randint(1, len(damaged))]))
