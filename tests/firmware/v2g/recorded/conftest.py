"""Recorded sessions from tests/samples/sessions, said again to our station in order and at the recorded pace.

What the recording's station decided (who is authorised, when there is power, how its insulation test went) is made
true of our EVSE before each request, so that type and class of our answer can be compared with what was recorded.
"""

import gzip
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g import exi
from firmware.v2g.messages import din, iso2
from firmware.v2g.messages.declare import Message, Request

FOLDER: Final = Path(__file__).parents[3] / "samples" / "sessions"
LONGEST_GAP_S: Final = 59.9  # longer ones are where a loop was cut
AUTHORISATIONS: Final = (iso2.AuthorizationReq, din.ContractAuthenticationReq)
PARAMETERS: Final = (iso2.ChargeParameterDiscoveryReq, din.ChargeParameterDiscoveryReq)
CABLE_CHECKS: Final = (iso2.CableCheckReq, din.CableCheckReq)


class Exchange(NamedTuple):
    """`answer` None: the recording ends with the request. `at`: s since the first message, None = not recorded."""

    request: Request
    answer: Any
    session_id: bytes | None
    at: float | None


class Said(NamedTuple):
    """`ours` None: we had ended the session before."""

    request: Request
    ours: Message | None
    recorded: Any


@dataclass(frozen=True)
class Recording:
    """One file."""

    name: str
    energy: str
    exchanges: tuple[Exchange, ...]


def read(name: str) -> Recording:
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        header, *records = [json.loads(line) for line in lines]
    messages = [_body(each) for each in records]
    answers = [body for body, _ in messages[1::2]] + [None]
    exchanges = tuple(
        Exchange(request, answer, session_id, record["t"])
        for (request, session_id), answer, record in zip(messages[::2], answers, records[::2], strict=False)
    )
    return Recording(name, header["energy"], exchanges)


def _body(record: dict[str, Any]) -> tuple[Any, bytes | None]:
    message = exi.decode(bytes.fromhex(record["exi"]), record["schema"])
    if isinstance(message, iso2.V2gMessage | din.V2gMessage):
        return message.body, message.header.session_id
    return message, None


def ac_limit(exchanges: tuple[Exchange, ...]) -> Limit:
    """The current that makes our AC offer the recorded one: to the next 0.1 A, which is how finely we offer, above; or
    below where the recorded station refused the car's profile."""
    offers = [
        each.answer.sa_schedules for each in exchanges if isinstance(each.answer, iso2.ChargeParameterDiscoveryRes)
    ]
    powers = [
        float(each.sa_schedule_tuple[0].p_max_schedule[0].p_max)
        for each in offers
        if isinstance(each, iso2.SaScheduleList)
    ]
    if not powers:
        return Limit(16.0, "hardware")
    refused = any(isinstance(e.answer, iso2.PowerDeliveryRes) and answer_class(e.answer) != "OK" for e in exchanges)
    steps = powers[0] / 690 * 10
    return Limit((math.floor(steps) if refused else math.ceil(steps)) / 10, "recorded")


def steer(rig: Any, request: Request, recorded: Any, limit: Limit) -> None:
    """Make true what the recorded station decided."""
    processing = getattr(recorded, "evse_processing", "Finished")
    if isinstance(request, AUTHORISATIONS):
        rig.see(id_token=IdToken("04A1B2C3") if processing == "Finished" else None)
    elif isinstance(request, PARAMETERS):
        rig.see(limit=limit if processing == "Finished" else Limit(0.0, "recorded"))
    elif isinstance(request, CABLE_CHECKS):
        failed = recorded is not None and answer_class(recorded) == "FAILED"
        test = "failed" if failed else "passed" if processing == "Finished" else "running"
        rig.see(level="C", insulation_test=test)
        if rig.car.phase == "cable_check":
            rig.bay.follow(rig.car.wish)
    elif isinstance(request, iso2.PowerDeliveryReq):
        rig.see(level="C")


def answer_class(message: Any) -> str:
    """OK, WARNING or FAILED."""
    return str(message.response_code).split("_", maxsplit=1)[0].upper()


def _replay(rig: Any, recording: Recording, *, foreign: bool = False, limit: Limit | None = None) -> Iterator[Said]:
    if limit is None:
        limit = Limit(500.0, "hardware") if recording.energy == "dc" else ac_limit(recording.exchanges)
    before = 0.0
    for each in recording.exchanges:
        gap, before = (each.at or before) - before, each.at or before
        if 0 < gap <= LONGEST_GAP_S:
            rig.wait(gap)
        if rig.ended is not None:
            yield Said(each.request, None, each.answer)
            continue
        steer(rig, each.request, each.answer, limit)
        said = rig.ask(each.request, each.session_id if foreign else None)
        yield Said(each.request, said[0], each.answer)


@pytest.fixture
def recording() -> Callable[[str], Recording]:
    return read


@pytest.fixture
def replay() -> Callable[..., Iterator[Said]]:
    """replay(rig, recording): every request with our answer and the recorded one. `foreign`: under the recorded
    session id instead of the one that we gave; `limit`: what we offer, instead of what was recorded."""
    return _replay


@pytest.fixture
def make_recorded_rig(make_rig: Any, make_bay: Any, make_dc_bay: Any) -> Callable[..., Any]:
    """A rig with the kind of EVSE that was recorded."""

    def make(recording: Recording, **known: Any) -> Any:
        bay = make_dc_bay(level="B") if recording.energy == "dc" else make_bay(limit=ac_limit(recording.exchanges))
        return make_rig(bay, **known)

    return make


@pytest.fixture
def class_of() -> Callable[[Any], str]:
    return answer_class
