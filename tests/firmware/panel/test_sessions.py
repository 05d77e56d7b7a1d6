"""Recordings: when one begins and ends, what it holds, how it stays bounded, and what a bad disk may do."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from firmware.panel import recording
from firmware.panel.recording import RecordingBegan, RecordingEnded, RecordingThinned
from firmware.panel.session_file import RETRY_S
from firmware.panel.sessions import TAIL_S, Bounds, Sessions
from firmware.station.car_facts import CarMessage
from firmware.station.fact import Fact
from firmware.station.facts import (
    AnyFact,
    Authorized,
    BackOfficeLink,
    BackOfficeMessage,
    FaultRaised,
    IdToken,
    PilotChanged,
    TokenPresented,
    Transaction,
)

TOKEN = IdToken("04A2B3C4D5E680")
Tell = dict[str, Callable[..., Any]]


def pilot(at: float, level: str, evse: int = 1) -> PilotChanged:
    return PilotChanged(
        at=1e9 + at, mono=at, evse=evse, connector=1, level=level, mode="x1", duty_percent=0, closed=False, limit_a=0
    )


def transaction(at: float, kind: Any, name: str = "tx-1", evse: int = 1) -> Transaction:
    return Transaction(
        at=1e9 + at, mono=at, kind=kind, transaction_id=name, seq_no=0, trigger="Authorized", evse=evse, connector=1,
        id_token=TOKEN,
    )  # fmt: skip


def message(at: float, text: str = "", name: str = "Heartbeat") -> BackOfficeMessage:
    return BackOfficeMessage(at=1e9 + at, mono=at, direction="sent", version="1.6", kind="call", name=name, text=text)


def loop_message(at: float) -> CarMessage:
    return CarMessage(
        at=1e9 + at, mono=at, evse=1, session="S", direction="from_car", protocol="iso2", name="ChargingStatusReq",
        text="x" * 200,
    )  # fmt: skip


def told(sessions: Sessions, facts: Sequence[Fact], until: float) -> None:
    """Every fact at its time, then ticks until `until`."""
    for fact in facts:
        sessions.take(cast(AnyFact, fact), fact.mono)
        sessions.tick(fact.mono)
    sessions.tick(until)


def names(path: Path) -> list[str]:
    return [type(line).__name__ for line in recording.read(path).lines]


def test_a_session_is_recorded_from_plug_in_until_the_answers_after_unplugging(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    facts: list[Fact] = [
        message(0, "too early"),
        pilot(1, "B"),
        transaction(2, "Started"),
        transaction(9, "Ended"),
        pilot(9, "A"),
    ]
    told(sessions, [*facts, message(9 + TAIL_S / 2, "the answer")], until=9 + TAIL_S + 1)
    told(sessions, [message(30, "too late")], until=40)
    (path,) = tmp_path.iterdir()
    assert path.name == "tx-1.jsonl"
    assert names(path) == [
        "RecordingBegan", "PilotChanged", "Transaction", "Transaction", "PilotChanged", "BackOfficeMessage",
        "RecordingEnded",
    ]  # fmt: skip


def test_a_plug_in_that_never_becomes_a_transaction_is_kept_under_its_time(tmp_path: Path) -> None:
    told(Sessions(tmp_path), [pilot(0, "B"), pilot(5, "A")], until=5 + TAIL_S)
    (path,) = tmp_path.iterdir()
    assert path.name == "plug-20010909T014640Z-1.jsonl"


def test_what_led_to_the_session_and_what_already_held_is_in_it(tmp_path: Path) -> None:
    link = BackOfficeLink(at=1e9 - 9999, mono=1, connected=True, version="2.0.1")
    fault = FaultRaised(at=1e9 - 500, mono=2, evse=1, connector=1, code="tamper", text="housing opened")
    old = TokenPresented(at=1e9 - 300, mono=3, evse=0, id_token=TOKEN)
    swipe = TokenPresented(at=1e9 + 90, mono=90, evse=0, id_token=TOKEN)
    asked = message(91, name="Authorize")
    verdict = Authorized(at=1e9 + 92, mono=92, evse=0, id_token=TOKEN, accepted=True, status="Accepted", source="csms")
    before = [link, fault, old, swipe, asked, message(93), verdict, pilot(95, "A")]
    told(Sessions(tmp_path), [*before, pilot(100, "B")], until=101)
    (path,) = tmp_path.iterdir()
    assert names(path) == [
        "RecordingBegan", "BackOfficeLink", "FaultRaised", "PilotChanged", "TokenPresented", "BackOfficeMessage",
        "Authorized", "PilotChanged",
    ]  # fmt: skip


def test_the_last_drivers_card_is_not_in_the_next_drivers_session(tmp_path: Path) -> None:
    last = TokenPresented(at=1e9 + 8, mono=8, evse=0, id_token=TOKEN)
    mine = TokenPresented(at=1e9 + 14, mono=14, evse=0, id_token=IdToken("0F0F0F0F0F0F0F"))
    told(Sessions(tmp_path), [pilot(5, "B"), last, pilot(10, "A"), mine, pilot(20, "B")], until=21)
    lines = recording.read(sorted(tmp_path.iterdir())[1]).lines
    assert [line.id_token.token for line in lines if isinstance(line, TokenPresented)] == ["••••0F0F"]


def test_each_evse_has_its_own_file_and_the_stations_facts_are_in_all(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    told(sessions, [pilot(0, "B", 1), pilot(1, "B", 2), message(2), pilot(3, "C", 2)], until=4)
    first, second = sorted(tmp_path.iterdir())
    assert names(first) == ["RecordingBegan", "PilotChanged", "BackOfficeMessage"]
    assert names(second) == ["RecordingBegan", "PilotChanged", "BackOfficeMessage", "PilotChanged"]


def test_a_second_transaction_on_the_same_plug_gets_its_own_file(tmp_path: Path) -> None:
    facts = [pilot(0, "B"), transaction(1, "Started"), transaction(2, "Ended"), transaction(3, "Started", "tx-2")]
    told(Sessions(tmp_path), facts, until=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tx-1.jsonl", "tx-2.jsonl"]


def test_a_new_car_right_after_the_old_one_gets_its_own_file(tmp_path: Path) -> None:
    told(Sessions(tmp_path), [pilot(0, "B"), pilot(10, "A"), pilot(11, "B")], until=12)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_restart_of_the_controller_continues_the_file_even_after_a_torn_line(tmp_path: Path) -> None:
    told(Sessions(tmp_path), [pilot(0, "B"), transaction(1, "Started")], until=2)
    path = tmp_path / "tx-1.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])  # the power went while the last line was written
    again = Sessions(tmp_path)
    again.take(RecordingBegan(at=1e9 + 9, mono=9, evse=1, cause="plugged_in", transaction_id="tx-1"), 9)
    told(again, [transaction(10, "Ended"), pilot(11, "A")], until=11 + TAIL_S)
    read = recording.read(path)
    assert read.unreadable == 1
    assert [line.cause for line in read.lines if isinstance(line, RecordingBegan)] == ["plugged_in", "resumed"]
    assert isinstance(read.lines[-1], RecordingEnded)


@pytest.mark.parametrize("flushed", [False, True])
def test_a_restart_is_one_file_even_if_the_pilot_is_seen_before_the_transaction(tmp_path: Path, flushed: bool) -> None:
    told(Sessions(tmp_path), [pilot(0, "B"), transaction(1, "Started")], until=2)
    again = Sessions(tmp_path)
    again.take(pilot(9, "C"), 9)
    if flushed:
        again.tick(9)
    again.take(RecordingBegan(at=1e9 + 10, mono=10, evse=1, cause="plugged_in", transaction_id="tx-1"), 10)
    told(again, [transaction(11, "Ended"), pilot(12, "A")], until=12 + TAIL_S)
    (path,) = tmp_path.iterdir()
    assert path.name == "tx-1.jsonl"
    assert names(path) == [
        "RecordingBegan", "PilotChanged", "Transaction", "RecordingBegan", "PilotChanged", "Transaction",
        "PilotChanged", "RecordingEnded",
    ]  # fmt: skip


def test_a_name_chosen_by_others_stays_inside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    told(Sessions(folder), [transaction(0, "Started", "../../etc/passwd\0" + "x" * 300)], until=1)
    assert [path.parent for path in tmp_path.rglob("*.jsonl")] == [folder]


def test_a_file_never_outgrows_its_bound_and_still_tells_the_end(tmp_path: Path) -> None:
    bounds = Bounds(file_bytes=60_000)
    facts: list[Fact] = [pilot(0, "B"), transaction(1, "Started")]
    facts += [loop_message(2 + n * 0.5) for n in range(4000)]
    told(Sessions(tmp_path, bounds), [*facts, transaction(2010, "Ended"), pilot(2011, "A")], until=2020)
    path = tmp_path / "tx-1.jsonl"
    lines = recording.read(path).lines
    assert path.stat().st_size <= 60_000
    assert sum(isinstance(line, RecordingThinned) for line in lines) == 2
    assert max(line.mono for line in lines if isinstance(line, CarMessage)) > 1500
    end = lines[-1]
    assert isinstance(end, RecordingEnded)
    assert end.left_out > 3000
    assert any(isinstance(line, Transaction) and line.kind == "Ended" for line in lines)


def test_old_recordings_make_room_for_new_ones(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, Bounds(file_bytes=1000, files=3, total_bytes=1_000_000))
    for n in range(6):
        at, name = n * 100, f"tx-{n}"
        told(sessions, [transaction(at, "Started", name), transaction(at + 1, "Ended", name)], until=at + 50)
        for age, path in enumerate(sorted(tmp_path.iterdir())):
            os.utime(path, (1000 + age, 1000 + age))
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["tx-3", "tx-4", "tx-5"]


def test_all_recordings_together_stay_below_their_bound(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"old-{n}.jsonl").write_bytes(b"x" * 10_000)
    told(Sessions(tmp_path, Bounds(file_bytes=5000, files=100, total_bytes=30_000)), [pilot(0, "B")], until=1)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 30_000


def test_a_disk_that_refuses_costs_nothing_but_a_warning_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "sessions"
    folder.write_text("a file where the folder should be")
    sessions = Sessions(folder)
    told(
        sessions, [pilot(0, "B"), transaction(1, "Started"), *(loop_message(2 + n / 100) for n in range(100))], until=4
    )
    assert len(caplog.records) == 1
    folder.unlink()
    told(sessions, [transaction(RETRY_S + 2, "Ended"), pilot(RETRY_S + 3, "A")], until=RETRY_S + 10)
    assert names(folder / "tx-1.jsonl").count("CarMessage") == 100


def test_lines_wait_for_a_bad_disk_only_up_to_a_bound(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.write_text("in the way")
    sessions = Sessions(folder)
    told(sessions, [pilot(0, "B"), *(message(1 + n / 1000, "y" * 3000) for n in range(1000))], until=3)
    assert sessions.open[1].lost > 500


def test_no_token_and_no_password_reaches_the_disk(tmp_path: Path, tell: Tell) -> None:
    sessions = Sessions(tmp_path)
    texts = [
        '{"idTag":"DEADBEEF0042"}',
        '{"idToken":{"idToken":"OTHERDRIVER77","type":"ISO14443"},"groupIdToken":{"idToken":"GROUPSECRET9"}}',
        '{"localAuthorizationList":[{"idTag":"LISTEDPERSON1","idTagInfo":{"parentIdTag":"LISTEDPARENT"}}]}',
        '{"key":"AuthorizationKey","value":"0123456789abcdef"}',
        '{"setVariableData":[{"attributeValue":"hunter2hunter2","variable":{"name":"BasicAuthPassword"}}]}',
        "PaymentDetailsReq emaid=DE8AACA2B3C4D5N",
        "wss://cp1:topsecret@example.org/ocpp",
        f"the driver {TOKEN.token} complained",
    ]
    facts: list[Fact] = [
        pilot(0, "B"),
        *(message(1 + n, text) for n, text in enumerate(texts)),
        transaction(0.5, "Started"),
    ]
    told(sessions, sorted(facts, key=lambda fact: fact.mono), until=20)
    for fact in tell["iso2"]().lines:
        if not isinstance(fact, RecordingBegan | RecordingEnded):
            sessions.take(fact, fact.mono)
    sessions.tick(1e6)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode()
    for secret in (
        TOKEN.token, "DEADBEEF", "OTHERDRIVER", "GROUPSECRET", "LISTEDPERSON", "LISTEDPARENT", "0123456789abcdef",
        "hunter2", "DE8AACA2B3C", "topsecret",
    ):  # fmt: skip
        assert secret not in written
    assert TOKEN.token[-4:] in written
