"""The log of frames: a file per connection, nothing secret in it, bounded in size, number and memory."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.config import Settings, StationSettings
from firmware.panel import frame_log
from firmware.panel.frame_log import FrameLog
from firmware.station.facts import BackOfficeLink, BackOfficeMessage
from firmware.station.station import Station, build_station

NOON = 1_800_014_400.0


def message(text: str, name: str = "Heartbeat", at: float = NOON) -> BackOfficeMessage:
    return BackOfficeMessage(at=at, mono=5.0, direction="sent", version="1.6", kind="call", name=name, text=text)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return build_station(Settings(station=StationSettings(storage=str(tmp_path), guard_socket=str(tmp_path / "g"))))


def logged(station: Station, tell: Callable[[Callable[[str], None]], None], files: int = 3) -> list[Path]:
    """Run a log while `tell` says frames; "" is a new connection. Returns its files."""
    folder = station.settings.storage / "ocpp"

    def say(text: str) -> None:
        if not text:
            station.emit(BackOfficeLink(at=NOON, mono=5.0, connected=True, version="1.6"))
            return
        for reader in station.on_frame:
            reader(message(text))

    async def life() -> None:
        task = asyncio.create_task(FrameLog(station, folder, files).run())
        while not station.on_frame:  # noqa: ASYNC110 - it begins with the next turn of the loop
            await asyncio.sleep(0)
        tell(say)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(life())
    return sorted(folder.glob("*"))


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in file.read_text().splitlines()]


def test_every_connection_has_its_file_and_every_frame_its_line(station: Station) -> None:
    def tell(say: Callable[[str], None]) -> None:
        for text in ("", '[2,"a","Heartbeat",{}]', '[3,"a",{}]', "", '[2,"b","Heartbeat",{}]'):
            say(text)

    first, second = logged(station, tell)
    assert first.name == "00000001-20270115T120000Z-ocpp1.6.jsonl"
    assert [each["frame"] for each in lines(first)] == ['[2,"a","Heartbeat",{}]', '[3,"a",{}]']
    assert lines(second) == [
        {
            "at": "2027-01-15T12:00:00.000+00:00",
            "mono": 5.0,
            "direction": "sent",
            "version": "1.6",
            "kind": "call",
            "name": "Heartbeat",
            "frame": '[2,"b","Heartbeat",{}]',
        }
    ]


def test_tokens_keep_their_end_and_passwords_nothing(station: Station) -> None:
    def tell(say: Callable[[str], None]) -> None:
        say('[2,"a","Authorize",{"idTag":"04AABBCCDD"}]')
        say('[2,"b","Authorize",{"idToken":{"idToken":"04AABBCCEE","type":"ISO14443"}}]')
        say('[2,"c","UpdateFirmware",{"location":"ftp://me:hush@files.example/fw"}]')
        say("(not shown: holds a password)")

    (file,) = logged(station, tell)
    assert [each.get("frame") for each in lines(file)] == [
        '[2,"a","Authorize",{"idTag":"••••CCDD"}]',
        '[2,"b","Authorize",{"idToken":{"idToken":"••••CCEE","type":"ISO14443"}}]',
        '[2,"c","UpdateFirmware",{"location":"ftp://••••@files.example/fw"}]',
        None,
    ]


def test_files_and_their_number_are_bounded(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_log, "MAX_FILE", 1000)

    def tell(say: Callable[[str], None]) -> None:
        for number in range(5):
            say("")
            say(f'[2,"{number}","Heartbeat",{{}}]')

    kept = logged(station, tell)
    assert [lines(each)[0]["frame"][4] for each in kept] == ["2", "3", "4"]

    def tell_much(say: Callable[[str], None]) -> None:
        say('[2,"big","DataTransfer",{"data":"' + "x" * 2000 + '"}]')

    logged(station, tell_much)
    kept = logged(station, tell_much)
    assert [each.name[:8] for each in kept] == ["00000005", "00000006", "00000007"]


def test_a_flood_costs_old_frames_not_memory(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_log, "WAITING", 10_000)

    def tell(say: Callable[[str], None]) -> None:
        for number in range(100):
            say(f'[2,"{number}","DataTransfer",{{"data":"{"x" * 800}"}}]')

    (file,) = logged(station, tell)
    kept = lines(file)
    assert 5 < len(kept) < 12
    assert kept[0]["missed"] == 100 - len(kept)
    assert kept[-1]["frame"].startswith('[2,"99"')


def test_a_disk_that_refuses_is_told_once_and_tried_again(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    place = station.settings.storage / "ocpp"
    place.write_text("in the way")
    logged(station, lambda say: say('[2,"a","Heartbeat",{}]'))
    assert caplog.text.count("frames are not logged") == 1
    place.unlink()
    assert len(logged(station, lambda say: say('[2,"a","Heartbeat",{}]'))) == 1
