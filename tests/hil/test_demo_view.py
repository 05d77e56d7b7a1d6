"""What the demo shows: the feed from logs, the picture on a terminal, the lines elsewhere."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from hil import screen
from hil.feed import Exchange, Feed, Lane, Lines
from hil.rig import Rig
from hil.timeline import Timeline

Bench = Any  # the class of conftest.py's fixtures


class BenchLink:
    """Rig control of a plant in this process."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        from hil.plant.commands import answer  # noqa: PLC0415

        reply: dict[str, Any] = json.loads(answer(self.bench.plant, json.dumps(request).encode()))
        return reply

    def pass_time(self, seconds: float) -> None:
        self.bench.run(seconds)


@pytest.fixture
def feed(bench: Bench, tmp_path: Path) -> Feed:
    return Feed(Rig(BenchLink(bench)), tmp_path)


def message(direction: str, kind: str, action: str, **payload: object) -> str:
    line = {"event": "message", "direction": direction, "kind": kind, "action": action, "payload": payload}
    return json.dumps(line) + "\n"


def test_the_same_question_again_only_counts() -> None:
    lane = Lane()
    for _ in range(3):
        lane.ask(1.0, "ChargingStatus", by_station=False)
        lane.answer("ChargingStatus", "OK 16A", by_station=False)
    lane.ask(2.0, "PowerDelivery", "Stop", by_station=False)
    assert [(each.name, each.count, each.answered) for each in lane.exchanges] == [
        ("ChargingStatus", 3, True),
        ("PowerDelivery", 1, False),
    ]


def test_a_log_is_read_line_by_line_and_torn_lines_wait(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    lines = Lines(log)
    assert list(lines.new()) == []
    log.write_text('{"a": 1}\nnoise\n{"b"')
    assert list(lines.new()) == [{"a": 1}]
    with log.open("a") as file:
        file.write(": 2}\n")
    assert list(lines.new()) == [{"b": 2}]
    assert list(lines.new()) == []


def test_the_feed_pairs_calls_of_both_sides_with_their_results(feed: Feed, tmp_path: Path) -> None:
    (tmp_path / "csms.log").write_text(
        message("received", "call", "Authorize", idTag="04AA")
        + message("sent", "result", "Authorize", idTagInfo={"status": "Accepted"})
        + message("sent", "call", "Reset", type="Soft")
        + message("received", "error", "Reset", code="InternalError", text="")
        + json.dumps({"event": "invalid", "action": "Heartbeat", "why": "because"})
        + "\n"
    )
    feed.poll(1.0)
    assert [(each.name, each.detail, each.result, each.asked_by_station) for each in feed.office.exchanges] == [
        ("Authorize", "04AA", "Accepted", True),
        ("Reset", "", "error InternalError", False),
    ]
    assert feed.office.exchanges[-1].bad
    assert feed.invalid == ["Heartbeat because"]


def test_the_feed_reads_the_car(feed: Feed, tmp_path: Path) -> None:
    said = [
        {"event": "sent", "name": "PowerDeliveryReq", "text": "PowerDeliveryReq ChargeProgress=Start"},
        {
            "event": "received",
            "name": "PowerDeliveryRes",
            "text": "PowerDeliveryRes ResponseCode=FAILED_ContactorError",
        },
        {"event": "failed", "reason": "so it is"},
    ]
    (tmp_path / "car.log").write_text("".join(json.dumps(line) + "\n" for line in said))
    feed.poll(1.0)
    (exchange,) = feed.car.exchanges
    assert (exchange.name, exchange.detail, exchange.result) == ("PowerDelivery", "Start", "FAILED_ContactorError")
    assert exchange.bad
    assert feed.ended == said[-1]


def charging(bench: Bench) -> None:
    bench.connector.car.plug(True)
    bench.duty(26.67)
    bench.time_until(lambda: bench.connector.car.s2)
    bench.registers["coil"] = 1.0
    bench.run(5.0)


@pytest.mark.parametrize(("columns", "rows"), [(78, 20), (80, 24), (118, 36), (300, 90), (40, 10)])
def test_every_line_fits_the_terminal(feed: Feed, bench: Bench, columns: int, rows: int) -> None:
    charging(bench)
    for number in range(60):
        feed.office.ask(float(number), "TransactionEvent" * (number % 5), "with a detail " * (number % 7))
        feed.office.answer("TransactionEvent", "Accepted")
        feed.car.exchanges.append(Exchange(1.0, "X" * number, result="FAILED_" + "Y" * number, count=number))
        feed.poll(number)
    scene = screen.Scene(2, 2, "Car 2 of 2", ["one", "two", "three", "four"], 61.0, "2.0.1")
    lines = screen.frame(scene, feed, columns, rows).removeprefix(screen.HOME).split("\r\n")
    widths = [screen.width_of(line.removesuffix("\x1b[J").removesuffix("\x1b[K")) for line in lines]
    assert len(lines) < rows
    assert max(widths) <= max(columns, screen.NARROWEST)


def test_the_picture_says_what_is(feed: Feed, bench: Bench) -> None:
    scene = screen.Scene()
    feed.poll(0.0)
    assert "open" in screen.frame(scene, feed, 100, 40)
    charging(bench)
    feed.poll(1.0)
    picture = screen.frame(scene, feed, 100, 40)
    assert "closed" in picture
    assert "10.92 kW" in picture
    assert "26.67 %" in picture


def test_the_timeline_tells_each_change_once(feed: Feed, bench: Bench) -> None:
    out = io.StringIO()
    timeline = Timeline(out)
    feed.poll(0.0)
    timeline.update(0.0, feed)
    timeline.update(0.1, feed)
    charging(bench)
    feed.office.ask(1.0, "Heartbeat")
    feed.poll(1.0)
    timeline.update(1.0, feed)
    feed.office.answer("Heartbeat", "ok")
    timeline.update(1.1, feed)
    told = [line.split("s  ", 1)[1] for line in out.getvalue().splitlines()]
    assert told == [
        "pilot    state A, steady",
        "pilot    state C, 26.67 % duty",
        "power    contactor closed",
        "office   Heartbeat  ->  ok",
    ]
