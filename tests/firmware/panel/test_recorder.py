"""The recorder beside a real station model: its thread writes, its loop side never waits, it resumes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware.config import Settings, StationSettings
from firmware.panel import recorder as recorder_module
from firmware.panel import recording
from firmware.panel.recorder import Recorder
from firmware.panel.recording import MeterPoint, RecordingBegan
from firmware.panel.sessions import Sessions
from firmware.station.facts import PilotChanged
from firmware.station.station import Station, build_station
from hal.contracts import PilotMode, Plug
from hal.wire import DcSample, MeterSample, Observation


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return build_station(Settings(station=StationSettings(storage=str(tmp_path), serial="7")))


def seen(level: str, meter: MeterSample | None = None) -> Observation:
    return Observation(
        connector=1, tick=1, epoch=1, at=1.0, level=level, pilot=PilotMode.X1, duty_percent=0, high_mv=9000,
        low_mv=9000, plug=Plug.A32, cable_rating_a=32, closed=False, energised=False, limit_a=0, meter=meter,
    )  # fmt: skip


def plug_in(station: Station) -> None:
    station.emit(
        PilotChanged(
            at=station.clock.utc(), mono=station.clock.mono(), evse=1, connector=1, level="B", mode="x1",
            duty_percent=0, closed=False, limit_a=0,
        )
    )  # fmt: skip


def recorded(recorder: Recorder, during: Callable[[], Any], folder: Path) -> list[recording.Line]:
    """Run the recorder, let things happen, stop it; what the one file holds."""

    async def run() -> None:
        task = asyncio.create_task(recorder.run())
        await asyncio.sleep(0.05)
        during()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    (path,) = folder.iterdir()
    return recording.read(path).lines


def test_facts_are_on_disk_when_the_recorder_was_stopped(station: Station, tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    lines = recorded(Recorder(station, folder), lambda: plug_in(station), folder)
    assert [type(line).__name__ for line in lines] == ["RecordingBegan", "PilotChanged"]
    assert isinstance(lines[0], RecordingBegan)
    assert lines[0].station == "Pilotline Pilotline 7"


def test_a_car_that_was_there_before_the_controller_gets_its_file(station: Station, tmp_path: Path) -> None:
    station.evses[1].seen = seen(
        "C", MeterSample(at=5.0, import_wh=1000, power_w=3000, voltage_v=(230,), current_a=(13,))
    )
    folder = tmp_path / "sessions"
    lines = recorded(Recorder(station, folder), lambda: None, folder)
    assert [type(line).__name__ for line in lines] == ["RecordingBegan", "MeterPoint"]


def test_the_meter_is_written_when_the_power_moves_and_twice_a_minute(station: Station, tmp_path: Path) -> None:
    recorder = Recorder(station, tmp_path / "sessions")
    evse, points = station.evses[1], []
    for second in range(120):
        power = 3000.0 if second < 60 else 7000.0
        evse.seen = seen("C", MeterSample(at=second, import_wh=second, power_w=power, voltage_v=(), current_a=()))
        point = recorder._meter_point(evse)
        if point is not None:
            points.append(round(point.mono))
    assert points == [0, 30, 60, 90]


def dc_output(at: float, voltage_v: float, phase: str) -> DcSample:
    return DcSample(
        at=at,
        voltage_v=voltage_v,
        current_a=0.0,
        max_voltage_v=1000,
        max_current_a=200,
        max_power_w=60_000,
        phase=phase,
    )


def test_the_voltage_of_cable_check_and_pre_charge_makes_points(station: Station, tmp_path: Path) -> None:
    """A meter that sees no power and tells once a second, a supply that ramps up, is discharged, and ramps again."""
    recorder, evse = Recorder(station, tmp_path / "sessions"), station.evses[1]
    points: list[MeterPoint] = []
    for tick in range(100):
        at = 10 + tick / 5
        volts = min(500.0, tick * 50.0) if tick < 30 else max(0.0, 500 - (tick - 30) * 100) if tick < 50 else 395.5
        meter = MeterSample(at=float(int(at)), import_wh=1000, power_w=2.0, voltage_v=(0.0,), current_a=(0.0,))
        phase = "cable_check" if tick < 50 else "precharge" if tick < 80 else "deliver"
        evse.seen = msgspec.structs.replace(seen("C", meter), dc=dc_output(at, volts, phase))
        assert recorder._pause_s() == (0.2 if tick < 80 else 1.0)
        point = recorder._meter_point(evse)
        if point is not None:
            points.append(point)
    curve = [point.voltage_v[0] for point in points]
    assert curve == [*range(0, 501, 50), 400, 300, 200, 100, 0, 395.5]
    assert [round(point.mono, 1) for point in points][:3] == [10.0, 10.2, 10.4]


def test_a_voltage_that_swings_fills_no_file_and_the_next_plug_in_has_its_own_room(
    station: Station, tmp_path: Path
) -> None:
    recorder, evse = Recorder(station, tmp_path / "sessions"), station.evses[1]
    writer = recorder_module._Writer(Sessions(tmp_path))  # not started: nobody takes anything out

    def points(start: int) -> int:
        count = 0
        for tick in range(start, start + 2000):
            meter = MeterSample(at=tick / 100, import_wh=1, power_w=0.0, voltage_v=(0.0,), current_a=(0.0,))
            evse.seen = msgspec.structs.replace(
                seen("C", meter), dc=dc_output(tick / 100, 400.0 * (tick % 2), "deliver")
            )
            count += recorder._meter_point(evse) is not None
        return count

    assert points(0) == 401  # the first needs no step
    evse.seen = seen("A")
    recorder._look_at(evse, writer, set())
    assert points(2000) == 400


def test_a_stale_meter_is_not_recorded(station: Station, tmp_path: Path) -> None:
    evse = station.evses[1]
    stale = MeterSample(at=1, import_wh=1, power_w=1, voltage_v=(), current_a=(), quality="stale")
    evse.seen = seen("C", stale)
    assert Recorder(station, tmp_path)._meter_point(evse) is None


def test_a_full_queue_drops_and_tells_instead_of_waiting(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "QUEUE_FACTS", 10)
    writer = recorder_module._Writer(Sessions(tmp_path))  # not started: nobody takes anything out
    point = MeterPoint(at=1, evse=1, energy_wh=1, power_w=1)
    for _ in range(25):
        writer.put(point)
    assert writer._missed == 15


def test_a_recorder_that_cannot_write_keeps_running(station: Station, tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("in the way")

    async def run() -> bool:
        task = asyncio.create_task(Recorder(station, tmp_path / "sessions").run())
        await asyncio.sleep(0.05)
        for _ in range(1000):
            plug_in(station)
        await asyncio.sleep(1.2)  # one flush
        alive = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return alive

    assert asyncio.run(run())


def test_lines_of_another_version_do_not_stop_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    good = msgspec.json.encode(MeterPoint(at=1, evse=1, energy_wh=1, power_w=1))
    path.write_bytes(b"\n".join([b'{"fact":"of_the_future","at":1}', b"\xff\xfe{", b"[" * 5000, good, good[:-3]]))
    read = recording.read(path)
    assert (len(read.lines), read.unreadable) == (1, 4)
