"""Where the packets of a session are: linked from its report, kept in its recording, listed in the status."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.config import Settings, StationSettings
from firmware.panel.recording import read
from firmware.panel.report import main, render
from firmware.panel.sessions import Bounds, Sessions
from firmware.panel.state import Observer
from firmware.panel.status import show
from firmware.station.car_facts import PacketCapture
from firmware.station.facts import PilotChanged
from firmware.station.station import build_station

FILE = "20261121T134951Z-1.pcapng"
Tell = dict[str, Callable[..., Any]]


def captured(**more: Any) -> PacketCapture:
    told = {"file": FILE, "kind": "Ended", "packets": 214, "size": 37_200}
    return PacketCapture(**{"at": 1.79e9, "mono": 5000.0, "evse": 1, **told, **more})


def stored(storage: Path, *facts: PacketCapture) -> Path:
    """A storage with one session's recording and its packets."""
    for folder in ("sessions", "captures"):
        (storage / folder).mkdir(parents=True)
    (storage / "captures" / FILE).write_bytes(b"packets")
    path = storage / "sessions" / "s1.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(fact) + b"\n" for fact in facts))
    return path


def test_the_report_links_the_file_from_where_it_is_written(tmp_path: Path) -> None:
    stored(tmp_path / "storage", captured(kind="Began", packets=0, size=0), captured())
    out = tmp_path / "reports" / "today" / "s1.html"
    out.parent.mkdir(parents=True)
    assert main(["s1", "--storage", str(tmp_path / "storage"), "--out", str(out)]) == 0
    page = out.read_text()
    link = f"../../storage/captures/{FILE}"
    assert f'<a href="{link}">{FILE}</a>' in page
    assert (out.parent / link).read_bytes() == b"packets"
    assert "214 packets, 37 kB<" in page


def test_the_report_says_what_is_missing_and_what_is_secret(tmp_path: Path) -> None:
    page = render(stored(tmp_path, captured(secrets=True, left_out=7, reason="No space left on device")))
    assert f'<a href="../captures/{FILE}">' in page
    assert "TLS keys inside: keep it private, 7 left out, No space left on device" in page
    assert "Packets not recorded" in page


def test_a_name_that_is_not_ours_is_no_link(tmp_path: Path) -> None:
    for number, name in enumerate(("../../../etc/passwd", "javascript:alert(1)", '"><script>x</script>.pcapng')):
        page = render(stored(tmp_path / str(number), captured(file=name)))
        assert "<a href" not in page
        assert "<script>x" not in page


def test_a_session_without_packets_has_no_card(tell: Tell, record: Callable[[Any], Path]) -> None:
    assert "pcapng" not in render(record(tell["iso2"]()))


def test_the_recorder_keeps_the_file_s_name_however_full_it_is(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, Bounds(file_bytes=20_000))
    pilot = PilotChanged(
        at=1.79e9, mono=1.0, evse=1, connector=1, level="B", mode="x1", duty_percent=100, closed=False, limit_a=0
    )
    for number in range(200):
        sessions.take(msgspec.structs.replace(pilot, duty_percent=float(number)), 1.0)
    sessions.take(captured(), 2.0)
    sessions.tick(3.0)
    (path,) = tmp_path.iterdir()
    assert [line for line in read(path).lines if isinstance(line, PacketCapture)] == [captured()]
    assert path.stat().st_size <= 20_000


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        (captured(kind="Began", packets=0, size=0), f"{FILE}, being written"),
        (captured(), f"{FILE}, 214 packets"),
        (captured(file="", reason="Read-only file system"), "not recorded: Read-only file system"),
    ],
)
def test_the_status_lists_the_file_that_is_or_was_written(tmp_path: Path, fact: PacketCapture, shown: str) -> None:
    async def described() -> dict[str, Any]:
        observer = Observer(build_station(Settings(station=StationSettings(storage=str(tmp_path)))))
        assert "packets" not in show(msgspec.to_builtins(await observer.describe()))
        observer.note(fact)
        status: dict[str, Any] = msgspec.to_builtins(await observer.describe())
        return status

    status = asyncio.run(described())
    (line,) = [line.split(maxsplit=1)[1] for line in show(status).splitlines() if line.strip().startswith("packets")]
    assert line == shown
    assert status["evses"][0]["capture"] == fact.file
