"""Whatever a back office sends: no exception, and every frame of ours stays well-formed."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.ocpp import ocpp_j
from firmware.ocpp.rpc import Called, Rpc
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v16.dialect import V16
from firmware.ocpp.v201.dialect import V201

FLAVOURS = (
    (ocpp_j.V16, V16.requests, V16.known),
    (ocpp_j.V201, V201.requests, V201.known),
    (ocpp_j.V21, V201.requests, V201.known),
)
ACTIONS = sorted({*V16.requests, *V201.requests, *V16.known, "Nonsense", ""})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
field_names = sorted(
    {field for kind in (*V16.requests.values(), *V201.requests.values()) for field in kind.__struct_encode_fields__}
)
payloads = st.dictionaries(st.sampled_from(field_names) | st.text(max_size=8), values, max_size=5) | values
almost_frames = st.lists(
    st.sampled_from([2, 3, 4, 5, 6, 7, "2"])
    | st.sampled_from(["h1", "", "x" * 40])
    | st.sampled_from(ACTIONS)
    | payloads,
    max_size=6,
).map(json.dumps)
calls = st.tuples(st.just(2), st.text(max_size=40), st.sampled_from(ACTIONS), payloads).map(json.dumps)
answers = st.tuples(st.sampled_from([3, 4, 5]), st.sampled_from(["h1", "h2"]), payloads, payloads).map(json.dumps)


def feed_all(frame: str | bytes) -> None:
    for flavour, requests, known in FLAVOURS:
        connection = Rpc(flavour, requests, known)
        message_id, text = ocpp_j.encode_call("Heartbeat", v16.Heartbeat(), "h1")
        connection.call(ocpp_j.Sent(message_id, "Heartbeat", text, v16.HeartbeatResponse), now=0.0, timeout_s=30.0)
        connection.frames()
        event = connection.feed(frame)
        if isinstance(event, Called):
            connection.refuse(event.id, "InternalError")
        for ours in connection.frames():
            parts: list[Any] = json.loads(ours.text)
            assert parts[0] in (4, 5)
            assert len(parts) == 5
            assert len(parts[3]) <= 255


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_and_any_bytes(frame: str | bytes) -> None:
    feed_all(frame)


@settings(max_examples=500, deadline=None)
@given(almost_frames | calls | answers)
def test_frames_that_are_nearly_right(frame: str) -> None:
    feed_all(frame)


@settings(max_examples=200, deadline=None)
@given(calls, st.integers(min_value=0, max_value=400), st.text(max_size=3))
def test_frames_cut_and_patched(frame: str, at: int, patch: str) -> None:
    at = min(at, len(frame))
    feed_all(frame[:at] + patch + frame[at + len(patch) :])


def test_deep_nesting_ends() -> None:
    for frame in (
        "[" * 60_000,
        '{"a":' * 10_000,
        '[2,"a","DataTransfer",{"vendorId":"v","data":' + "[" * 30_000 + "]" * 30_000 + "}]",
    ):
        feed_all(frame)
