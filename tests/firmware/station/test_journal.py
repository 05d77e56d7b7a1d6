"""The journal: what was told is on disk, also after kill -9; a full or corrupt disk loses nothing in silence."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.station import journal_tables, journal_writer
from firmware.station.facts import AnyFact, Booted, SecurityEvent, Transaction
from firmware.station.journal import Change, Journal, JournalError

ROOT = Path(__file__).resolve().parents[3]


def event(number: int, kind: Any = "Updated", trigger: str = "MeterValuePeriodic") -> Transaction:
    return Transaction(at=1.0, kind=kind, transaction_id="t", seq_no=number, trigger=trigger, evse=1, connector=1)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    journal = Journal(path)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def appended(journal: Journal, facts: list[AnyFact], *changes: Change) -> None:
    done = asyncio.Event()
    journal.append(facts, then=done.set, changes=changes)
    async with asyncio.timeout(20):
        await done.wait()


def test_facts_and_lasting_values_survive(path: Path, play: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as journal:
            await appended(journal, [Booted(at=1.0)], Change("variable", "a", "1"), Change("variable", "b", "2"))
            journal.append(changes=[Change("variable", "b", None)])
        again = Journal(path)
        assert await again.start() == {("variable", "a"): "1"}
        assert [fact for _, fact in await again.facts_after(0)] == [Booted(at=1.0)]
        await again.close()

    play(scenario())


def test_a_reader_continues_where_it_was_and_frees_what_it_is_done_with(path: Path, play: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as journal:
            assert await journal.cursor("ocpp") == 0
            await appended(journal, [event(n) for n in range(5)])
            facts = await journal.facts_after(0, limit=3)
            assert [number for number, _ in facts] == [1, 2, 3]
            await journal.advance("ocpp", 3)
        async with opened(path) as journal:
            assert await journal.cursor("ocpp") == 3
            assert [number for number, _ in await journal.facts_after(0)] == [4, 5]
            assert await journal.unread() == 2

    play(scenario())


def test_a_fact_is_kept_until_the_slowest_reader_is_done(path: Path, play: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as journal:
            await journal.cursor("fast")
            await journal.cursor("slow")
            await appended(journal, [event(0), event(1)])
            await journal.advance("fast", 2)
            assert len(await journal.facts_after(0)) == 2

    play(scenario())


def test_work_of_others_runs_in_the_writer_and_fails_alone(path: Path, play: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as journal:
            await journal.execute_in_writer(lambda c: c.execute("CREATE TABLE ocpp_own (n INTEGER)") and None)
            failing = journal.execute_in_writer(
                lambda c: c.execute("INSERT INTO ocpp_own VALUES (1)") and c.execute("nonsense") and None
            )
            working = journal.execute_in_writer(lambda c: c.execute("INSERT INTO ocpp_own VALUES (2)") and None)
            journal.append([Booted(at=1.0)])
            with pytest.raises(sqlite3.OperationalError):
                await failing
            await working
            rows = await journal.execute_in_writer(lambda c: c.execute("SELECT n FROM ocpp_own").fetchall())
            assert rows == [(2,)]
            assert len(await journal.facts_after(0)) == 1

    play(scenario())


def test_a_full_disk_keeps_facts_in_memory_tells_once_and_recovers(
    path: Path, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_RETRY_S", 0.05)

    async def scenario() -> None:
        async with opened(path) as journal:
            problems: list[str] = []
            journal.on_problem.append(lambda kind, text: problems.append(kind))
            await appended(journal, [event(0)])
            # SQLite's own limit gives the same error as a full disk
            pages = await journal.execute_in_writer(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
            await journal.execute_in_writer(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())
            told: list[int] = []
            for number in range(1, 40):
                big = msgspec.structs.replace(event(number), trigger="x" * 2000)
                journal.append([big], then=partial(told.append, number), changes=[Change("v", "last", str(number))])
            await until(lambda: not journal.healthy)
            with pytest.raises(JournalError, match="full"):
                await journal.execute_in_writer(
                    lambda c: c.execute("CREATE TABLE huge AS SELECT hex(randomblob(100000))") and None
                )
            await journal.execute_in_writer(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone())
            await until(lambda: journal.healthy)
            await until(lambda: len(told) == 39)
            assert told == sorted(told)
            assert problems == ["full", "recovered"]
            assert len(await journal.facts_after(0)) == 40
        again = Journal(path)
        assert (await again.start())["v", "last"] == "39"
        await again.close()

    play(scenario())


@pytest.mark.ocpp("2.0.1:E11.FR.05", "2.0.1:E12.FR.05", "2.0.1:E04.FR.08", "2.0.1:J02.FR.13")
def test_a_backlog_is_bounded_and_gives_up_samples_before_starts_and_ends(
    tmp_path: Path, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "_BACKLOG", 10)
    monkeypatch.setattr(journal_writer, "_RETRY_S", 0.05)
    folder = tmp_path / "later"
    folder.write_text("a file where the folder should be")
    make_room = folder.unlink

    async def scenario() -> None:
        async with opened(folder / "journal.sqlite") as journal:
            problems: list[str] = []
            journal.on_problem.append(lambda kind, text: problems.append(kind))
            journal.append([event(0, "Started", "Authorized")], changes=[Change("transaction", "t", "0")])
            for number in range(1, 30):
                journal.append([event(number)], changes=[Change("transaction", "t", str(number))])
            journal.append([event(30, "Ended", "RemoteStop")], changes=[Change("transaction", "t", "30")])
            await until(lambda: "lost" in problems)
            make_room()
            facts = await eventually(journal.facts_after, 0)
            kept = [fact.seq_no for _, fact in facts if isinstance(fact, Transaction)]
            assert (kept[0], kept[-1]) == (0, 30)
            assert 6 <= len(kept) <= 10
            assert max(after - before for before, after in pairwise(kept)) < 20  # thinned, not cut at an end
        again = Journal(folder / "journal.sqlite")
        assert await again.start() == {("transaction", "t"): "30"}
        await again.close()

    play(scenario())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - attributes that another thread changes
            await asyncio.sleep(0.005)


async def eventually(call: Callable[[int], "asyncio.Future[Any]"], argument: int) -> Any:
    async with asyncio.timeout(20):
        while True:
            try:
                return await call(argument)
            except JournalError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("harm", ["header", "pages", "no database", "newer version"])
def test_a_corrupt_file_is_set_aside_and_lasting_values_are_saved_where_they_can_be(
    path: Path, play: Any, harm: str
) -> None:
    async def scenario() -> None:
        async with opened(path) as journal:
            await appended(journal, [event(n) for n in range(200)], Change("transaction", "t", "the record"))
        spoil(path, harm)
        journal = Journal(path)
        problems: list[tuple[str, str]] = []
        journal.on_problem.append(lambda kind, text: problems.append((kind, text)))
        saved = await journal.start()
        await appended(journal, [event(0)])
        assert [kind for kind, _ in problems] == ["corrupt"]
        assert "set aside as journal.sqlite.corrupt-" in problems[0][1]
        (aside,) = [each for each in path.parent.glob("*.corrupt-*") if not each.name.endswith(("-wal", "-shm"))]
        assert aside.stat().st_size > 0
        assert journal.healthy
        if harm in {"pages", "newer version"}:
            assert saved == {("transaction", "t"): "the record"}
        await journal.close()

    play(scenario())


def spoil(path: Path, harm: str) -> None:
    if harm == "newer version":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version=99")
        connection.close()
        return
    raw = bytearray(path.read_bytes())
    if harm == "header":
        raw[:32] = b"\xff" * 32
    elif harm == "pages":  # the facts, not the small table of lasting values
        raw[4096 * 8 : 4096 * 12] = b"\x55" * (4096 * 4)
    else:
        raw = bytearray(b"this is no database\n" * 200)
    path.write_bytes(raw)


def test_corruption_while_running_goes_on_in_a_fresh_file(path: Path, play: Any) -> None:
    async def scenario() -> None:
        async with opened(path) as journal:
            await appended(journal, [event(n) for n in range(200)], Change("transaction", "t", "the record"))
            await journal.execute_in_writer(lambda c: None)
            await journal.execute_in_writer(
                lambda c: [c.execute("PRAGMA cache_size=1").fetchall(), c.execute("PRAGMA shrink_memory").fetchall()]
            )
            other = sqlite3.connect(path)
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.close()
            spoil(path, "no database")
            await appended(journal, [event(1000, "Ended", "RemoteStop")], Change("variable", "x", "1"))
            facts = await journal.facts_after(0)
            assert [fact.seq_no for _, fact in facts if isinstance(fact, Transaction)] == [1000]
        again = Journal(path)
        assert await again.start() == {("transaction", "t"): "the record", ("variable", "x"): "1"}
        await again.close()

    play(scenario())


def test_only_the_newest_corrupt_files_are_kept(path: Path, play: Any) -> None:
    for number in range(5):
        path.with_name(f"{path.name}.corrupt-2020010{number}T000000-1").write_text("old")
    path.write_bytes(b"no database at all" * 100)

    async def scenario() -> None:
        async with opened(path):
            pass

    play(scenario())
    assert len(list(path.parent.glob("*.corrupt-*"))) == 3


@pytest.mark.ocpp("2.0.1:E11.FR.05", "2.0.1:E12.FR.05", "2.0.1:E04.FR.08", "2.0.1:J02.FR.13")
def test_samples_of_a_long_outage_are_thinned_and_not_cut_off_at_an_end(
    path: Path, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_tables, "_MAX_FACTS", 150)
    monkeypatch.setattr(journal_tables, "_AT_ONCE", 60)

    async def scenario() -> None:
        async with opened(path) as journal:
            await journal.cursor("ocpp")
            for number in range(400):
                journal.append([event(number)])
            await appended(journal, [event(400, "Ended", "RemoteStop")])
            facts = [fact for _, fact in await journal.facts_after(0, limit=1000)]
            kept = [fact.seq_no for fact in facts if isinstance(fact, Transaction)]
            assert (kept[0], kept[-1]) == (0, 400)
            assert len(kept) < 300
            gaps = [after - before for before, after in pairwise(kept)]
            assert max(gaps) <= 64  # what is left of the oldest is sparse, not gone
            assert set(gaps[-20:]) == {1}

    play(scenario())


def test_the_fact_table_is_bounded_but_keeps_starts_and_ends(
    path: Path, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_tables, "_MAX_FACTS", 100)
    monkeypatch.setattr(journal_tables, "_AT_ONCE", 200)

    async def scenario() -> None:
        async with opened(path) as journal:
            problems: list[str] = []
            journal.on_problem.append(lambda kind, text: problems.append(kind))
            await journal.cursor("ocpp")
            for number in range(600):
                kind = "Started" if number % 20 == 0 else "Ended" if number % 20 == 19 else "Updated"
                journal.append([event(number, kind)])
            await appended(journal, [SecurityEvent(at=1.0, kind="StartupOfTheDevice")])
            facts = [fact for _, fact in await journal.facts_after(0, limit=1000)]
            assert len(facts) < 200
            frames = [fact for fact in facts if isinstance(fact, Transaction) and fact.kind != "Updated"]
            assert len(frames) == 60
            assert "lost" in problems

    play(scenario())


def test_without_readers_only_the_newest_facts_are_kept(path: Path, play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_tables, "_MAX_UNREAD", 100)

    async def scenario() -> None:
        async with opened(path) as journal:
            for number in range(500):
                journal.append([event(number)])
            facts = [fact for _, fact in await journal.facts_after(0, limit=1000)]
            assert 90 <= len(facts) <= 160
            last = facts[-1]
            assert isinstance(last, Transaction) and last.seq_no == 499

    play(scenario())


APPENDER = """
import asyncio, sys
from pathlib import Path
from firmware.station.facts import Transaction
from firmware.station.journal import Change, Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    contents = await journal.start()
    number = int(contents.get(("transaction", "t"), "0"))
    print("start", number, flush=True)
    while True:
        for _ in range(5):
            fact = Transaction(at=1.0, kind="Updated", transaction_id="t", seq_no=number,
                               trigger="x", evse=1, connector=1)
            journal.append([fact], then=lambda n=number: print("told", n, flush=True),
                           changes=[Change("transaction", "t", str(number + 1))])
            number += 1
        await asyncio.sleep(0.002)

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [0.0, 0.003, 0.01, 0.02, 0.033, 0.05, 0.08, 0.13])
def test_kill_9_at_any_point_leaves_no_gap_no_double_and_nothing_told_is_missing(path: Path, after: float) -> None:
    """The journal of one file is killed and started again and again; the test reads what is left each time."""
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        started = child.stdout.readline().split()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=after + 0.0005)
        child.send_signal(signal.SIGKILL)
        told = [int(line.split()[1]) for line in child.stdout.read().split("\n")[:-1] if line.startswith("told ")]
        child.wait(timeout=10)
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT body FROM fact ORDER BY number").fetchall()
        seq = [msgspec.json.decode(body)["seq_no"] for (body,) in rows]
        record = connection.execute("SELECT body FROM state WHERE key = 't'").fetchone()
        connection.close()
        kept = int(record[0]) if record else 0
        assert seq == list(range(kept)) or seq == list(range(kept - len(seq), kept))  # bounded: the oldest may be gone
        assert not told or told[-1] < kept
        assert int(started[1]) <= kept
