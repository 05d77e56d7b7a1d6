"""The session report: everything is in it, nothing of it runs that is not ours, and it stays small."""

import base64
import hashlib
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.panel import report
from firmware.panel.recording import MeterPoint, RecordingBegan
from firmware.panel.story import Story
from firmware.panel.summary import duration, summarise
from firmware.station.car_facts import CarMessage, CarSession
from firmware.station.charging_facts import LimitChanged
from firmware.station.facts import (
    BackOfficeLink,
    Booted,
    DriverTold,
    FaultRaised,
    PilotChanged,
    Sample,
    SecurityEvent,
    Transaction,
)

Tell = dict[str, Callable[..., Any]]
Record = Callable[[Any], Path]


class Page(HTMLParser):
    """Text of the page's scripts, and every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and len(self.scripts) < sum(tag == "script" for tag, _ in self.elements):
            self.scripts.append(data)
        else:
            self.words.append(data)

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.scripts[0])
        return data


def page_of(path: Path) -> Page:
    return Page(report.render(path))


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_every_lane_of_a_digital_session_is_filled(tell: Tell, record: Record) -> None:
    data = page_of(record(tell["iso2"]())).data
    assert [row[1] for row in data["pilot"]] == ["B", "B", "C", "C", "B", "B", "A"]
    assert [row[3] for row in data["pilot"]][:3] == [0, 5, 5]
    assert [row[4] for row in data["pilot"]].count(True) == 1
    assert [run["n"] for run in data["car"]][:5] == [
        "supportedAppProtocol", "SessionSetup", "ServiceDiscovery", "PaymentServiceSelection", "Authorization",
    ]  # fmt: skip
    assert [run["n"] for run in data["office"]] == [
        "StatusNotification Occupied", "Authorize", "TransactionEvent Started", "TransactionEvent Updated",
        "TransactionEvent Ended", "StatusNotification Available",
    ]  # fmt: skip
    assert [(row[1], row[4]) for row in data["limits"]] == [
        (0, "hardware"), (16, "cable"), (10, "site"), (16, "cable"), (0, "hardware"),
    ]  # fmt: skip
    assert max(point[1] for point in data["curve"]) > 10_000
    assert data["curve"][-1][2] == pytest.approx(50, abs=10)
    assert data["sessions"][0][2:] == ["ISO 15118-2 AC", "0A1B2C3D4E5F", "the car ended the session"]
    (one,) = data["transactions"]
    assert [state for _, state in one["states"]] == ["EVConnected", "Charging", "SuspendedEV", "Idle"]
    assert [mark[2] for mark in data["marks"]] == [
        "Preparing", "Digital session started", "Token presented", "Authorised", "Digital session ended", "Available",
    ]  # fmt: skip


def test_the_cars_ways_that_a_session_had_to_put_up_with_are_named(tell: Tell, record: Record) -> None:
    tale = tell["basic"](10.0)
    tale.add(CarSession, evse=1, session="A1", kind="Ended", reason="car stopped", quirks=("short_session_id", "late"))
    (mark,) = [each for each in page_of(record(tale)).data["marks"] if each[2] == "Digital session ended"]
    assert mark[3] == "car stopped, put up with short session id, late"


def test_faults_are_bars_with_their_text(tell: Tell, record: Record) -> None:
    (fault,) = page_of(record(tell["basic"]())).data["faults"]
    assert fault[2:] == ["over_temperature", "socket at 82 °C, limit 80 °C"]
    assert 0 < fault[0] < fault[1]


def test_security_events_boots_and_a_lost_back_office_are_shown(tell: Tell, record: Record) -> None:
    tale = tell["basic"](10.0)
    tale.add(SecurityEvent, kind="TamperDetectionActivated", tech_info="housing", critical=True)
    tale.add(Booted, reason="Watchdog")
    tale.add(BackOfficeLink, connected=False, reason="connection reset")
    data = page_of(record(tale)).data
    assert [mark[2] for mark in data["marks"]][-3:] == [
        "TamperDetectionActivated", "Controller started", "Back office lost",
    ]  # fmt: skip
    assert data["links"][-1][1:] == [False, "", "connection reset"]


def test_what_the_driver_was_told_of_the_cost_is_shown(tell: Tell, record: Record) -> None:
    tale = tell["basic"](10.0)
    told = {"evse": 1, "transaction_id": "4f0c2d6e", "currency": "EUR"}
    tale.add(DriverTold, tariff="0.40/kWh", cost=1.5, **told)
    tale.add(DriverTold, cost=2.25, final=True, **told)
    marks = [mark[2:4] for mark in page_of(record(tale)).data["marks"] if mark[2].startswith("Driver")]
    assert marks == [["Driver told", "0.40/kWh, 1.50 EUR"], ["Driver told the cost", "2.25 EUR"]]


def test_the_head_says_energy_time_token_reason_protocol_and_car(tell: Tell, record: Record) -> None:
    words = " ".join(page_of(record(tell["iso2"](120.0))).words)
    for told in (
        "kWh", "min", "••••E680", "the car was unplugged", "ISO 15118-2 AC", "0A1B2C3D4E5F", "41 →", "cable 16 A",
        "70% of the time; site 10 A (30%)", "OCPP 2.0.1",
    ):  # fmt: skip
        assert told in words


def test_no_token_is_in_the_page_even_if_it_is_in_the_recording(tell: Tell, record: Record) -> None:
    path = record(tell["iso2"]())
    assert "04A2B3C4D5E680" in path.read_text()
    assert "04A2B3C4D5E680" not in report.render(path)


def test_a_session_without_energy_says_why(tell: Tell, record: Record) -> None:
    tale = tell["basic"](1.0)
    tale.lines = [line for line in tale.lines[:6] if not isinstance(line, PilotChanged) or not line.closed]
    assert summarise(Story(record(tale))).sentence == "No energy flowed: nobody is authorised yet."


def test_a_car_that_takes_less_than_it_may_is_the_limit(tell: Tell, record: Record) -> None:
    tale = tell["basic"]()
    tale.lines = [
        msgspec.structs.replace(line, limit_a=63.0) if isinstance(line, LimitChanged) and line.limit_a else line
        for line in tale.lines
    ]
    (card,) = [card for card in summarise(Story(record(tale))).cards if card.label == "Limited by"]
    assert (card.value, card.note[:22]) == ("the car", "took at most 15.8 A, l")


def test_a_running_session_says_so(tell: Tell, record: Record) -> None:
    tale = tell["basic"](60.0)
    tale.lines = tale.lines[:60]
    assert "so far" in summarise(Story(record(tale))).sentence


def test_a_failed_answer_is_marked(tell: Tell, record: Record) -> None:
    tale = tell["iso2"]()
    tale.exchange("PowerDelivery", "", "response_code=FAILED_ContactorError")
    assert [run["n"] for run in page_of(record(tale)).data["car"] if run["e"]] == ["PowerDelivery"]


def test_a_request_without_answer_stays_without(tell: Tell, record: Record) -> None:
    tale = tell["iso2"]()
    values = {"evse": 1, "session": "S", "direction": "from_car", "protocol": "iso2"}
    tale.add(CarMessage, name="SessionStopReq", text="SessionStopReq", **values)
    runs = page_of(record(tale)).data["car"]
    assert runs[-1]["n"] == "SessionStop"
    assert runs[-1]["d"][-1] == -1


def test_only_the_payload_of_an_ocpp_frame_is_shown(tell: Tell, record: Record) -> None:
    runs = page_of(record(tell["basic"]())).data["office"]
    (profile,) = [run for run in runs if run["n"] == "SetChargingProfile"]
    asked, answered = profile["x"]["0"]
    assert json.loads(asked) == {"evseId": 1, "chargingProfile": {"limit": 10}}
    assert json.loads(answered) == {"status": "Accepted"}
    assert profile["f"] == 0  # the back office asked


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_set_during_the_session_moves_nothing(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "evse": 1, "connector": 1, "mode": "x1", "duty_percent": 0, "closed": False, "limit_a": 0,
    }  # fmt: skip
    lines = [
        RecordingBegan(at=100.0, mono=50.0, clock_synced=False, evse=1, cause="plugged_in"),
        PilotChanged(at=100.0, mono=50.0, clock_synced=False, level="B", **values),
        PilotChanged(at=1.79e9, mono=60.0, clock_synced=True, level="C", **values),
        PilotChanged(at=1.79e9 + 5, mono=65.0, clock_synced=True, level="A", **values),
    ]
    path = tmp_path / "one.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    story = Story(path)
    assert [row[0] for row in story.pilot()] == [0, 10_000, 15_000]
    assert story.began == 1.79e9 - 10


def test_a_restart_of_the_machine_starts_a_new_stretch_of_the_same_axis(tmp_path: Path) -> None:
    values: dict[str, Any] = {"evse": 1, "energy_wh": 1, "power_w": 1}
    lines = [
        RecordingBegan(at=1.79e9, mono=9000.0, evse=1, cause="plugged_in"),
        MeterPoint(at=1.79e9 + 10, mono=9010.0, **values),
        RecordingBegan(at=1.79e9 + 100, mono=20.0, evse=1, cause="resumed"),
        MeterPoint(at=1.79e9 + 110, mono=30.0, **values),
    ]
    path = tmp_path / "one.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    story = Story(path)
    assert [at for at, _ in story.readings()] == [10_000, 110_000]
    assert story.gaps() == [[10_000, 100_000]]
    assert [mark[2] for mark in story.marks()] == ["Controller stopped", "Controller is back"]
    assert "not running for 1 min 30 s" in report.render(path)


def test_what_held_before_the_session_is_where_the_axis_begins(tell: Tell, record: Record) -> None:
    data = page_of(record(tell["basic"]())).data
    assert data["links"][0] == [0, True, "2.0.1", ""]
    assert data["length"] < 100_000


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0.4 s"), (3, "3 s"), (59.6, "1 min 00 s"), (250, "4 min 10 s"), (5520, "1 h 32 min")]
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# --- size -------------------------------------------------------------------------------------------------------------


def test_a_loop_is_folded_with_all_its_times_and_few_of_its_texts(tell: Tell, record: Record) -> None:
    page = page_of(record(tell["iso2"](340.0)))
    (loop,) = [run for run in page.data["car"] if run["n"] == "ChargingStatus"]
    assert 335 <= len(loop["d"]) <= 342
    assert len(loop["s"]) == len(loop["d"]) - 1
    assert len(loop["x"]) < 60
    texts = " ".join(texts[1] for texts in loop["x"].values())
    assert "max_current=10A" in texts  # the limit changed inside the loop


def test_the_report_of_a_long_session_stays_small(tell: Tell, record: Record) -> None:
    path = record(tell["iso2"](3600.0))
    assert path.stat().st_size > 2_500_000
    assert len(report.render(path)) < 400_000


# --- safety -----------------------------------------------------------------------------------------------------------

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028'\"`${x}&amp;<!--"


def hostile_recording(tell: Tell, record: Record) -> Path:
    tale = tell["iso2"](hostile=HOSTILE)
    sample = Sample(at=0, energy_wh=1, power_w=2)
    tale.add(CarSession, evse=1, session=HOSTILE, kind="Started", protocol=HOSTILE, evccid=HOSTILE, reason=HOSTILE)
    tale.add(SecurityEvent, kind=HOSTILE, tech_info=HOSTILE, critical=True)
    tale.add(BackOfficeLink, connected=False, version=HOSTILE, reason=HOSTILE)
    tale.add(
        Transaction, kind="Ended", transaction_id=HOSTILE, seq_no=9, trigger=HOSTILE, evse=1, connector=1,
        stopped_reason=HOSTILE, samples=(sample,),
    )  # fmt: skip
    tale.office("received", "error", HOSTILE, {HOSTILE: HOSTILE})
    tale.set_limit(6.0, HOSTILE)
    tale.add(RecordingBegan, evse=1, cause="resumed", station=HOSTILE, software=HOSTILE)
    return record(tale)


def test_texts_of_others_never_become_markup(tell: Tell, record: Record) -> None:
    tame, hostile = page_of(record(tell["iso2"]())), page_of(hostile_recording(tell, record))
    assert len(hostile.scripts) == 2
    assert {tag for tag, _ in hostile.elements} == {tag for tag, _ in tame.elements}
    assert hostile.scripts[1] == tame.scripts[1]
    assert json.dumps(HOSTILE)[1:-1] in json.dumps(hostile.data)  # still there to be read
    assert html.unescape("".join(hostile.words)).count("alert(1)") >= 1


def test_the_page_runs_only_the_script_that_its_policy_names(tell: Tell, record: Record) -> None:
    page = page_of(hostile_recording(tell, record))
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not [a for _, attributes in page.elements for a in attributes if a.startswith("on")]


def test_the_page_needs_no_network(tell: Tell, record: Record) -> None:
    text = report.render(record(tell["iso2"]()))
    assert not re.findall(r"\b(?:src|href)\s*=|@import|url\((?!#)", text)
    assert set(re.findall(r"https?://[^\s\"'`]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_script_never_sets_markup_and_has_no_syntax_error(tell: Tell, record: Record, tmp_path: Path) -> None:
    script = page_of(record(tell["iso2"]())).scripts[1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function", script)
    file = tmp_path / "report.js"
    file.write_text(script)
    done = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


FAR_AWAY = b'{"fact":"booted","at":1e308}\n{"fact":"booted","at":5,"mono":-1e300}\n{"fact":"booted","at":1e10}\n'


def test_any_file_gives_a_page(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    for content in (b"", b"\n\n", b"nonsense\n{}\n", b'{"fact":"pilot"}\n', bytes(range(256)) * 30, FAR_AWAY):
        path.write_bytes(content)
        assert "<h1>" in report.render(path)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def storage(tell: Tell, record: Record, tmp_path: Path) -> Path:
    content = record(tell["basic"](5.0)).read_bytes()
    folder = tmp_path / "storage" / "sessions"
    folder.mkdir(parents=True)
    for age, name in enumerate(("abc-1", "abc-2", "xyz-1")):
        (folder / f"{name}.jsonl").write_bytes(content)
        os.utime(folder / f"{name}.jsonl", (1000 + age, 1000 + age))
    return tmp_path / "storage"


@pytest.mark.parametrize(("wanted", "found"), [("abc-1", "abc-1"), ("xyz", "xyz-1"), ("latest", "xyz-1")])
def test_a_session_is_found_by_id_beginning_or_latest(storage: Path, wanted: str, found: str) -> None:
    assert report.find(wanted, storage / "sessions").stem == found


@pytest.mark.parametrize(("wanted", "told"), [("abc", "fits several"), ("nobody", "fits no session")])
def test_what_is_not_one_session_is_refused_with_what_there_is(storage: Path, wanted: str, told: str) -> None:
    with pytest.raises(report.NoSession, match=told) as refused:
        report.find(wanted, storage / "sessions")
    assert "abc-2" in str(refused.value)


def test_the_command_writes_the_file_and_says_where(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = storage / "report.html"
    assert report.main(["latest", "--storage", str(storage), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert "<h1>" in out.read_text()


def test_the_command_explains_an_empty_storage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["latest", "--storage", str(tmp_path)]) == 1
    assert "no recordings in" in capsys.readouterr().err


def test_it_runs_as_a_child_process(storage: Path, tmp_path: Path) -> None:
    source, out = storage / "sessions" / "xyz-1.jsonl", tmp_path / "out.html"
    command = [sys.executable, "-m", "firmware.panel.report", str(source), str(out)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert "<h1>" in out.read_text()


def test_a_danger_leads_the_head(tell: Tell, record: Record) -> None:
    tale = tell["basic"](10.0)
    tale.add(FaultRaised, evse=1, connector=1, code="weld", text="contactor does not open: still closed 250 ms")
    assert summarise(Story(record(tale))).sentence.startswith(
        "Contactor does not open: still closed 250 ms. The car took"
    )


def test_a_fault_that_ocpp_has_no_word_for_is_named_as_the_end(tell: Tell, record: Record) -> None:
    tale = tell["basic"](10.0)
    tale.add(FaultRaised, evse=1, connector=1, code="weld", text="contactor does not open: still closed 250 ms")
    tale.transaction("Ended", "AbnormalCondition", "Idle", stopped_reason="Other")
    assert summarise(Story(record(tale))).sentence.endswith("It ended because of a fault: contactor does not open.")


def test_the_back_office_tile_is_red_only_for_a_loss_and_says_it(tell: Tell, record: Record) -> None:
    def tile(tale: Any) -> tuple[str, str]:
        (card,) = [card for card in summarise(Story(record(tale))).cards if card.label == "Back office"]
        return card.value, card.tone

    tale = tell["basic"](10.0)
    assert tile(tale) == ("OCPP 2.0.1", "")
    tale.add(BackOfficeLink, connected=False, reason="connection reset")
    assert tile(tale) == ("OCPP 2.0.1: not connected", "bad")
    tale.add(BackOfficeLink, connected=True, version="2.0.1")
    assert tile(tale) == ("OCPP 2.0.1: lost 1 ×, back again", "bad")


def test_no_charging_state_outlives_the_plug(tell: Tell, record: Record) -> None:
    tale = tell["basic"](10.0)
    gone = next(n for n, line in enumerate(tale.lines) if isinstance(line, PilotChanged) and line.level == "A")
    kept = [
        line for line in tale.lines[:gone] if not isinstance(line, Transaction) or line.charging_state != "SuspendedEV"
    ]
    tale.lines = [*kept, tale.lines[gone]]
    (one,) = Story(record(tale)).transactions()
    assert one["until"] is None and one["states"][-1][1] == "Idle"
    assert one["states"][-2][1] == "Charging"
