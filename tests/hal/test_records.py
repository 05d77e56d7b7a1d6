"""Black box and counters of wear: what they hold, when they are written, and that no disk stops a guard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hal import black_box, wear
from hal.black_box import KEEP_FILES, SAMPLES, BlackBox, Sample
from hal.contracts import PilotMode
from hal.records import COUNTERS, Records

if TYPE_CHECKING:
    from tests.hal.conftest import Bench


def keep(bench: Bench, folder: Path) -> Records:
    guard = bench.guard
    kept = {number: (each.black_box, each.wear) for number, each in guard.connectors.items()}
    guard._records = Records(folder, kept, bench.now)
    guard._pollers.append(guard._records.poller)
    return guard._records


def boxes(folder: Path) -> list[Path]:
    return sorted(folder.glob("blackbox-1-*.cbor"))


def test_a_latched_fault_leaves_a_file_that_tells_the_story(bench: Bench, tmp_path: Path) -> None:
    keep(bench, tmp_path)
    bench.charge()
    bench.run(5.0)
    bench.wiring.leak = True
    bench.run(1.5)
    (path,) = boxes(tmp_path)
    story = black_box.read(path.read_bytes())
    assert story.reason.startswith("residual current")
    texts = [text for _, text in story.events]
    assert any(text.startswith("GrantIntent session=s1 limit_a=16.0") for text in texts)
    assert any(text.startswith("fault rcd_tripped") for text in texts)
    assert {sample.level for sample in story.samples} >= {"A", "C"}
    tripped = next(when for when, text in story.events if text.startswith("fault rcd_tripped"))
    before = [s for s in story.samples if s.at < tripped]
    after = [s for s in story.samples if s.at > tripped + 0.05]
    assert before[-1].commanded and before[-1].closed
    assert not any(s.commanded for s in after)
    assert story.samples[-1].at == pytest.approx(0.0, abs=0.02)


def test_a_fault_that_is_not_latched_leaves_none(bench: Bench, tmp_path: Path) -> None:
    keep(bench, tmp_path)
    bench.charge()
    bench.slots["emergency_stop"] = 1.0
    bench.run(3.0)
    assert not boxes(tmp_path)


def test_the_ring_holds_the_last_minute_and_no_more() -> None:
    box = BlackBox()
    for tick in range(SAMPLES + 500):
        box.note(Sample(tick / 100, 6000, -12000, "C", PilotMode.DUTY, 26.67, True, None, 16.0))
    samples = black_box.read(box.content((SAMPLES + 500) / 100, "test")).samples
    assert len(samples) == SAMPLES
    assert samples[0].at == pytest.approx(-SAMPLES / 100)
    assert samples[-1] == Sample(pytest.approx(-0.01), 6000, -12000, "C", PilotMode.DUTY, 26.67, True, None, 16.0)  # type: ignore[arg-type]


def test_files_are_bounded(tmp_path: Path) -> None:
    content = BlackBox().content(0.0, "x")
    for _ in range(KEEP_FILES + 5):
        black_box.write(tmp_path, 1, content)
    assert len(boxes(tmp_path)) == KEEP_FILES


@pytest.mark.parametrize("raw", [b"", b"\xff", b"\x01", b"\xa0", b"\xa1\x73pilotline_black_box\x09", b"\x9f" * 1000])
def test_what_is_no_black_box_is_said(raw: bytes) -> None:
    with pytest.raises(ValueError, match="black box"):
        black_box.read(raw)


def test_movements_are_counted_and_survive_a_restart(bench: Bench, tmp_path: Path) -> None:
    records = keep(bench, tmp_path)
    bench.charge()
    bench.run(10.0)
    bench.slots["emergency_stop"] = 1.0  # opens with 5 A flowing
    bench.run(1.0)
    records.store()
    counts = wear.load(tmp_path / COUNTERS)[1]
    assert (counts.closings, counts.opened_under_load) == (1, 1)
    assert counts.closed_s == pytest.approx(10.0, abs=0.5)
    assert counts.lock_movements >= 1
    again = wear.Wear()
    Records(tmp_path, {1: (BlackBox(), again)}, 0.0)
    assert again.counts == counts


def test_counters_are_written_seldom(bench: Bench, tmp_path: Path) -> None:
    keep(bench, tmp_path)
    bench.charge()
    bench.run(20.0)
    assert not (tmp_path / COUNTERS).exists()
    bench.guard._records._write_at = bench.now  # type: ignore[union-attr]
    bench.run(0.1)
    assert wear.load(tmp_path / COUNTERS)[1].closings == 1


def test_damaged_counters_begin_anew_and_a_missing_disk_stops_nobody(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / COUNTERS).write_text("{ not json")
    keep(bench, tmp_path)
    folder = tmp_path / "file"
    folder.write_text("no folder")
    keep(bench, folder)
    bench.charge()
    bench.wiring.leak = True
    bench.run(2.0)
    assert "rcd_tripped" in bench.faults
    assert not bench.closed


def test_a_worn_contactor_is_told_and_still_works(bench: Bench) -> None:
    bench.guard.connectors[1].wear.counts.closings = 100_000
    assert wear.worn(wear.Counts(closings=99_999), 100_000) == ""
    assert wear.worn(wear.Counts(closings=100_000, closed_s=7200), 100_000) == "100000 closings of 100000, 2 h closed"
    bench.charge()
    assert bench.observation.closings == 100_001
