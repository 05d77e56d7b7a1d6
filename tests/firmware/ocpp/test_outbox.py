"""The outbox on a real journal: order, retries, restarts, and what each version makes of a transaction."""

import asyncio
import errno
import json
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.ocpp.answer_mark import AnswerMark
from firmware.ocpp.dialect import Dialect, Learnt, Shape
from firmware.ocpp.ocpp_j import Sent
from firmware.ocpp.outbox import AHEAD, Outbox
from firmware.ocpp.payload import moment
from firmware.ocpp.v16 import messages as v16
from firmware.ocpp.v16.dialect import V16
from firmware.ocpp.v21.dialect import V21
from firmware.ocpp.v201 import messages as v201
from firmware.ocpp.v201.dialect import V201
from firmware.station.authorization import Verdict
from firmware.station.clock import SystemClock
from firmware.station.facts import AnyFact, ConnectorStatus, SecurityEvent, Transaction
from firmware.station.journal import Journal, JournalError

Life = Callable[[Callable[[Journal], Coroutine[Any, Any, None]]], None]
Whole = Callable[..., list[Transaction]]
SHAPE = Shape(
    started=("Energy.Active.Import.Register",),
    updated=("Energy.Active.Import.Register", "Power.Active.Import"),
    ended=("Energy.Active.Import.Register",),
)


async def append(journal: Journal, facts: Sequence[AnyFact]) -> None:
    written = asyncio.Event()
    journal.append(facts, then=written.set)
    await written.wait()


async def opened(journal: Journal, shape: Shape = SHAPE, heard: list[Any] | None = None) -> Outbox:
    def hear(fact: AnyFact, learnt: Learnt) -> None:
        if heard is not None and isinstance(fact, Transaction) and learnt.verdict is not None:
            heard.append((fact.seq_no, learnt.verdict))

    outbox = Outbox(journal, SystemClock(), hear)
    outbox.want(shape)
    await outbox.load()
    return outbox


def answer(sent: Sent, *, status: str = "Accepted", number: int = 4711) -> Any:
    """What a back office says to this CALL."""
    match sent.action:
        case "StartTransaction":
            info = v16.IdTagInfo(status=status)  # type: ignore[arg-type]  # one of the enumeration
            return v16.StartTransactionResponse(id_tag_info=info, transaction_id=number)
        case "StopTransaction":
            return v16.StopTransactionResponse()
        case "TransactionEvent":
            return v201.TransactionEventResponse()
    return v16.MeterValuesResponse()


async def deliver(outbox: Outbox, dialect: Dialect, at_most: int = 100) -> list[Any]:
    """Answer everything; the frames as they were sent."""
    frames: list[Any] = []
    while len(frames) < at_most and (sent := await outbox.next(dialect)) is not None:
        frames.append(json.loads(sent.frame))
        await outbox.answered(dialect, answer(sent))
    return frames


@pytest.mark.ocpp("2.0.1:E01.FR.07", "2.0.1:E02.FR.09")
def test_a_transaction_arrives_whole_and_in_order_in_201(with_journal: Life, whole_transaction: Whole) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        frames = await deliver(outbox, V201())
        assert [(f[3]["eventType"], f[3]["seqNo"]) for f in frames] == [
            ("Started", 0),
            ("Updated", 1),
            ("Updated", 2),
            ("Ended", 3),
        ]
        assert len({f[1] for f in frames}) == 4
        assert await outbox.next(V201()) is None

    with_journal(life)


@pytest.mark.ocpp("1.6:StartTransaction", "1.6:StopTransaction", "1.6:MeterValues", "1.6:TC_039")
def test_16_names_the_transaction_by_the_number_of_the_start_answer(
    with_journal: Life, whole_transaction: Whole
) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        frames = await deliver(outbox, V16())
        assert [f[2] for f in frames] == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
        assert "transactionId" not in frames[0][3]
        assert [f[3]["transactionId"] for f in frames[1:]] == [4711, 4711, 4711]
        assert frames[0][3]["meterStart"] == 1000
        assert frames[3][3]["meterStop"] == 1180

    with_journal(life)


def test_the_start_given_up_leaves_minus_one_and_the_stop_is_still_sent(
    with_journal: Life, whole_transaction: Whole
) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        sent = await outbox.next(V16())
        assert sent is not None
        assert sent.action == "StartTransaction"
        assert await outbox.failed(attempts_allowed=3) == 1
        assert await outbox.next(V16()) == sent  # the same frame, the same id
        assert await outbox.failed(attempts_allowed=3) == 2
        assert await outbox.failed(attempts_allowed=3) is None
        frames = await deliver(outbox, V16())
        assert [f[3]["transactionId"] for f in frames] == [-1, -1, -1]  # errata 3.18

    with_journal(life)


def test_a_frame_once_sent_is_the_same_after_a_restart(with_journal: Life, whole_transaction: Whole) -> None:
    sent: list[Sent | None] = []

    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        sent.append(await outbox.next(V21()))

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal, Shape())  # another configuration changes nothing that was sent
        again = await outbox.next(V21())
        assert again == sent[0]
        assert again is not None
        await outbox.answered(V21(), answer(again))

    async def third_life(journal: Journal) -> None:
        outbox = await opened(journal)
        frames = await deliver(outbox, V21())
        assert [f[3]["seqNo"] for f in frames] == [1, 2, 3]

    for life in (first_life, second_life, third_life):
        with_journal(life)


def test_201_repeats_the_same_message_under_another_id(with_journal: Life, whole_transaction: Whole) -> None:
    sent: list[Sent] = []

    async def send(outbox: Outbox) -> None:
        found = await outbox.next(V201())
        assert found is not None
        sent.append(found)

    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        await send(outbox)
        assert await outbox.failed(attempts_allowed=5) == 1
        await send(outbox)

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal, Shape())
        await send(outbox)
        await outbox.answered(V201(), answer(sent[-1]))
        await send(outbox)

    for life in (first_life, second_life):
        with_journal(life)
    frames = [json.loads(each.frame) for each in sent]
    assert [frame[1] for frame in frames] == [each.id for each in sent]
    assert len({each.id for each in sent}) == 4  # part 4, 4.1.4
    bodies = [each.frame.replace(each.id, "", 1) for each in sent]
    assert bodies[0] == bodies[1] == bodies[2]
    assert [frame[3]["seqNo"] for frame in frames] == [0, 0, 0, 1]


def test_failed_attempts_are_counted_over_restarts(with_journal: Life, whole_transaction: Whole) -> None:
    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1", updates=0))
        outbox.wake()
        await outbox.next(V201())
        assert await outbox.failed(attempts_allowed=2) == 1

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await outbox.next(V201())
        assert await outbox.failed(attempts_allowed=2) is None
        frames = await deliver(outbox, V201())
        assert [f[3]["eventType"] for f in frames] == ["Ended"]

    with_journal(first_life)
    with_journal(second_life)


def test_facts_are_rendered_as_configured_when_they_happened(with_journal: Life, whole_transaction: Whole) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        started, first, second, _ = whole_transaction("tx-1")
        await append(journal, [started, first])
        outbox.wake()
        outbox.want(Shape(updated=("Voltage",)))
        await outbox.next(V201())  # the new shape is on disk now
        await append(journal, [second])
        outbox.wake()
        frames = await deliver(outbox, V201())
        measurands = [[v["measurand"] for v in f[3]["meterValue"][0]["sampledValue"]] for f in frames]
        assert measurands == [
            ["Energy.Active.Import.Register"],
            ["Energy.Active.Import.Register", "Power.Active.Import"],
            ["Voltage"],
        ]

    with_journal(life)


def test_what_was_never_sent_is_rendered_in_the_version_of_the_day(
    with_journal: Life, whole_transaction: Whole
) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        assert outbox.unfinished_version is None
        await deliver(outbox, V201(), at_most=2)
        assert outbox.unfinished_version == "2.0.1"  # `client` offers that version first
        frames = await deliver(outbox, V16())  # but this back office speaks 1.6 only now
        assert [f[2] for f in frames] == ["MeterValues", "StopTransaction"]
        assert [f[3]["transactionId"] for f in frames] == [-1, -1]
        assert outbox.unfinished_version is None

    with_journal(life)


def test_a_start_on_the_wire_decides_the_version_before_anybody_answers(
    with_journal: Life, whole_transaction: Whole
) -> None:
    """Else the back office may have heard of it in one version and hears of it again in another."""

    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        assert await outbox.next(V201()) is not None
        assert outbox.unfinished_version == "2.0.1"
        outbox.lost()
        assert outbox.unfinished_version == "2.0.1"

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal)
        assert outbox.unfinished_version == "2.0.1"
        await deliver(outbox, V201())
        assert outbox.unfinished_version is None

    with_journal(first_life)
    with_journal(second_life)


def test_a_full_disk_costs_the_mark_and_not_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing to a hole of a mapped file ends the process by a signal when the disk has no room for it."""
    path = tmp_path / "journal.sqlite"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        mark = AnswerMark(path)
        assert mark.open(bytes(16), newest=5) == 0
        assert not mark.note(3)
    assert mark.open(bytes(16), newest=5) == 0
    assert mark.note(3)
    assert AnswerMark(path).open(bytes(16), newest=5) == 3
    assert AnswerMark(path).open(bytes(16), newest=2) == 0  # ahead of its journal: of another one


def test_verdicts_on_the_token_reach_the_station(with_journal: Life, whole_transaction: Whole) -> None:
    async def life(journal: Journal) -> None:
        heard: list[Any] = []
        outbox = await opened(journal, heard=heard)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        sent = await outbox.next(V16())
        assert sent is not None
        await outbox.answered(V16(), answer(sent, status="Blocked"))
        assert heard == [(0, Verdict(status="Blocked"))]

    with_journal(life)


def test_the_names_of_a_transaction_survive_a_restart(with_journal: Life, whole_transaction: Whole) -> None:
    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1")[:1])
        outbox.wake()
        await deliver(outbox, V16())

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal)
        assert outbox.local_id("4711") == "tx-1"
        assert outbox.remote_id("tx-1") == "4711"
        await append(journal, whole_transaction("tx-1")[3:])
        outbox.wake()
        assert [f[3]["transactionId"] for f in await deliver(outbox, V16())] == [4711]
        assert outbox.local_id("4711") is None  # it is over

    with_journal(first_life)
    with_journal(second_life)


@pytest.mark.ocpp("2.x:E14.FR.01", "2.0.1:TC_E_29", "2.0.1:TC_E_33")
def test_what_waits_is_told_per_transaction(with_journal: Life, whole_transaction: Whole) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        assert not await outbox.waiting(None)
        await append(journal, [*whole_transaction("tx-1"), *whole_transaction("tx-2")])
        outbox.wake()
        await deliver(outbox, V201(), at_most=4)
        assert not await outbox.waiting("tx-1")
        assert await outbox.waiting("tx-2")
        assert await outbox.waiting(None)
        await deliver(outbox, V201())
        assert not await outbox.waiting(None)

    with_journal(life)


@pytest.mark.ocpp("2.x:A04.FR.02")
def test_only_critical_security_events_are_sent(with_journal: Life) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        events = [
            SecurityEvent(at=0.0, kind="InvalidMessages"),
            SecurityEvent(at=0.0, kind="TamperDetectionActivated", critical=True),
        ]
        await append(journal, events)
        outbox.wake()
        assert [f[3]["type"] for f in await deliver(outbox, V201())] == ["TamperDetectionActivated"]

    with_journal(life)


def test_an_interrupted_reader_goes_on_from_the_disk(with_journal: Life, whole_transaction: Whole) -> None:
    """The connection task may be cancelled between our commit and our memory of it."""

    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        sent = await outbox.next(V201())
        assert sent is not None
        settling = asyncio.create_task(outbox.answered(V201(), answer(sent)))
        await asyncio.sleep(0)  # the commit is under way
        settling.cancel()
        outbox.forget()
        frames = await deliver(outbox, V201())
        assert [f[3]["seqNo"] for f in frames] == [1, 2, 3]

    with_journal(life)


def test_a_disk_that_refuses_is_named_and_nothing_is_lost_by_it(with_journal: Life, whole_transaction: Whole) -> None:
    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1"))
        outbox.wake()
        sent = await outbox.next(V201())
        assert sent is not None
        await journal.close()
        with pytest.raises(JournalError):
            await asyncio.wait_for(outbox.answered(V201(), answer(sent)), 20)
        outbox.forget()
        with pytest.raises(JournalError):
            await asyncio.wait_for(outbox.next(V201()), 20)

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal)
        assert [f[3]["seqNo"] for f in await deliver(outbox, V201())] == [0, 1, 2, 3]

    with_journal(first_life)
    with_journal(second_life)


def test_a_page_is_all_that_is_held_of_a_long_backlog(with_journal: Life, whole_transaction: Whole) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        facts = [fact for n in range(40) for fact in whole_transaction(f"tx-{n}")]
        await append(journal, facts)
        outbox.wake()
        frames = await deliver(outbox, V201(), at_most=1000)
        assert [(f[3]["transactionInfo"]["transactionId"], f[3]["seqNo"]) for f in frames] == [
            (fact.transaction_id, fact.seq_no) for fact in facts
        ]

    with_journal(life)


def test_facts_that_no_version_reports_do_not_block_the_queue(with_journal: Life) -> None:
    assert V16().calls(ConnectorStatus(at=0.0, evse=1, connector=1, state="Available"), SHAPE, None) == ()
    assert V201().calls(ConnectorStatus(at=0.0, evse=1, connector=1, state="Available"), SHAPE, None) == ()


def test_a_fact_from_before_the_clock_was_set_gets_its_time_from_the_monotonic_clock(
    with_journal: Life, whole_transaction: Whole
) -> None:
    async def life(journal: Journal) -> None:
        outbox = await opened(journal)
        clock = SystemClock()
        ten_seconds_ago = clock.mono() - 10.0
        (started, *_) = whole_transaction("tx-1", start=0.0)  # 1970: the board has no clock of its own
        unset = msgspec.structs.replace(started, mono=ten_seconds_ago, clock_synced=False)
        await append(journal, [unset])
        outbox.wake()
        (frame,) = await deliver(outbox, V201())
        for text in (frame[3]["timestamp"], frame[3]["meterValue"][0]["timestamp"]):
            sent = moment(text)
            assert sent is not None
            assert abs(sent - (clock.utc() - 10.0)) < 5.0

    with_journal(life)


@pytest.mark.ocpp("2.0.1:E11.FR.07", "2.0.1:E12.FR.02")
def test_what_waits_when_the_connection_is_lost_is_told_as_offline_but_not_what_was_on_the_wire(
    with_journal: Life, whole_transaction: Whole
) -> None:
    async def test(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("T1", updates=1))
        outbox.wake()
        first = await outbox.next(V21())
        assert first is not None
        assert '"offline"' not in first.frame
        outbox.lost()
        again = await outbox.next(V21())
        assert again == first
        await outbox.answered(V21(), v201.TransactionEventResponse())
        second = await outbox.next(V21())
        assert second is not None
        assert '"offline":true' in second.frame

    with_journal(test)


def test_of_a_backlog_only_what_was_in_flight_comes_again_after_a_kill(
    with_journal: Life, whole_transaction: Whole
) -> None:
    sent: list[Sent | None] = []

    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1", updates=30))
        outbox.wake()
        await deliver(outbox, V21(), at_most=6)
        sent.append(await outbox.next(V21()))

    async def second_life(journal: Journal) -> None:
        outbox = await opened(journal)
        assert await outbox.next(V21()) == sent[0]
        assert [f[3]["seqNo"] for f in await deliver(outbox, V21())] == list(range(6, 32))

    with_journal(first_life)
    with_journal(second_life)


def test_after_a_power_cut_a_few_frames_of_a_backlog_come_again_unchanged(
    with_journal: Life, whole_transaction: Whole
) -> None:
    told: list[Any] = []

    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1", updates=60))
        outbox.wake()
        told.extend(await deliver(outbox, V21(), at_most=40))

    async def second_life(journal: Journal) -> None:
        journal.path.with_suffix(".answered").unlink()  # the kernel had no time to write it
        again = await deliver(await opened(journal, Shape()), V21())
        first = again[0][3]["seqNo"]
        assert 40 - AHEAD <= first <= 40
        assert again[: 40 - first] == told[first:]
        assert again[-1][3]["seqNo"] == 61

    with_journal(first_life)
    with_journal(second_life)


def test_a_mark_of_another_journal_hides_nothing(with_journal: Life, whole_transaction: Whole) -> None:
    async def first_life(journal: Journal) -> None:
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-1", updates=20))
        outbox.wake()
        await deliver(outbox, V201(), at_most=12)

    async def second_life(journal: Journal) -> None:
        await journal.close()
        for suffix in (".sqlite", ".sqlite-wal", ".sqlite-shm"):  # set aside as corrupt, or lost
            journal.path.with_suffix(suffix).unlink(missing_ok=True)
        await journal.start()
        outbox = await opened(journal)
        await append(journal, whole_transaction("tx-2", updates=20))
        outbox.wake()
        assert [f[3]["seqNo"] for f in await deliver(outbox, V201())] == list(range(22))

    with_journal(first_life)
    with_journal(second_life)
