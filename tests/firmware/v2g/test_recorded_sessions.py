"""Recorded -2 AC sessions, their requests sent again in order: our answers have the recorded type and code class.

The recording's station decides what "right" is, so the offer is the recorded one and authorisation comes as it did.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from firmware.station.facts import IdToken
from firmware.station.limits import Limit
from firmware.v2g import exi
from firmware.v2g.evse_link import Session
from firmware.v2g.messages import iso2
from firmware.v2g.messages.declare import Message, Request

FOLDER: Final = Path(__file__).parents[2] / "samples" / "sessions"
RECORDINGS: Final = sorted(path.name.removesuffix(".jsonl.gz") for path in FOLDER.glob("iso2-*.jsonl.gz"))


def read(name: str) -> list[tuple[Any, Any]]:
    """(request, recorded answer) pairs without envelopes; a last request without answer has None."""
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        messages = [_body(json.loads(line)) for line in list(lines)[1:]]
    return list(zip(messages[::2], [*messages[1::2], None], strict=False))


def _body(record: dict[str, Any]) -> Any:
    message = exi.decode(bytes.fromhex(record["exi"]), record["schema"])
    return message.body if isinstance(message, iso2.V2gMessage) else message


def answer_class(message: Any) -> str:
    return str(message.response_code).split("_")[0].upper()


def recorded_limit(pairs: list[tuple[Any, Any]]) -> Limit:
    """The current that makes our offer the recorded one."""
    for _, answer in pairs:
        if isinstance(answer, iso2.ChargeParameterDiscoveryRes) and isinstance(
            answer.sa_schedules, iso2.SaScheduleList
        ):
            power = float(answer.sa_schedules.sa_schedule_tuple[0].p_max_schedule[0].p_max)
            return Limit(power / 690, "recorded")
    return Limit(16.0, "hardware")


def replay(rig: Any, pairs: list[tuple[Any, Any]]) -> Iterator[tuple[Request, Message, Any]]:
    """(request, our answer, recorded answer)."""
    ours: Any = None
    for request, recorded in pairs:
        if isinstance(request, iso2.AuthorizationReq) and recorded is not None:
            finished = recorded.evse_processing == "Finished"
            rig.see(id_token=IdToken("04A1B2C3") if finished else None)
        if isinstance(request, iso2.PowerDeliveryReq):
            rig.see(level="C")
        [ours] = rig.ask(request)
        yield request, ours, recorded


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) == 7


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_requests_get_the_recorded_kind_of_answer(name: str, make_rig: Any, make_bay: Any) -> None:
    pairs = read(name)
    rig = make_rig(make_bay(limit=recorded_limit(pairs)))
    for request, ours, recorded in replay(rig, pairs):
        if recorded is None:
            continue
        assert type(ours) is type(recorded), request
        assert answer_class(ours) == answer_class(recorded), (request, ours)
    stopped = isinstance(pairs[-1][0], iso2.SessionStopReq)
    assert not stopped or rig.ended.outcome in {Session.TERMINATED, Session.PAUSED}
    rig.talk.cancel("end of the recording")
    assert not rig.car.wish.energise


def test_a_recorded_pause_is_resumed_by_the_second_recording(make_rig: Any, make_bay: Any) -> None:
    first_pairs, second_pairs = read("iso2-pause-josev-station-1"), read("iso2-pause-josev-station-2")
    first = make_rig(make_bay(limit=recorded_limit(first_pairs)))
    for _ in replay(first, first_pairs):
        pass
    assert first.ended.outcome is Session.PAUSED
    second = make_rig(make_bay(limit=recorded_limit(second_pairs)), paused=first.ended.resume)
    second.session_id = first.session_id  # what the car would say
    setups = [ours for _, ours, _ in replay(second, second_pairs) if isinstance(ours, iso2.SessionSetupRes)]
    assert [str(each.response_code) for each in setups] == ["OK_OldSessionJoined"]
