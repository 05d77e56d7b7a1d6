"""A recording's limits: size, number, room on the disk, room in the queue; disks that fill up, stall or refuse."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from firmware.station.clock import SystemClock
from firmware.v2g.capture import packets
from firmware.v2g.recording.events import Begin, Datagram, End, Event, Frame, Sent
from firmware.v2g.recording.file import Bounds
from firmware.v2g.recording.frames import ACK, PSH, Segment
from firmware.v2g.recording.recorder import QUEUE_BYTES, PacketRecorder
from firmware.v2g.recording.tap import Place
from firmware.v2g.recording.writer import MOST_CHATTER, Told, Writer

CAR, STATION = Place("fe80::1", 50000), Place("fe80::2", 60000)
CAR_MAC, MODEM = bytes.fromhex("00b052000001"), bytes.fromhex("00b052000002")
SMALL = Bounds(file_bytes=20_000, ending_bytes=8_000, files=3, total_bytes=70_000, free_bytes=0)


def said(number: int, size: int = 60) -> Sent:
    data = number.to_bytes(4, "big") * (size // 4)
    return Sent(100.0 + number, Segment(CAR, STATION, number * size, 0, ACK | PSH, data), True)


def homeplug(kind: int, source: bytes = CAR_MAC) -> Frame:
    return Frame(100.0, MODEM + source + b"\x88\xe1\x01" + kind.to_bytes(2, "little") + bytes(43), True)


def written(folder: Path, events: list[Event], bounds: Bounds = SMALL, utc: float = 1.7e9) -> list[Told]:
    """What a writer tells of one plug-in with these events."""
    told: list[Told] = []
    writer = Writer(folder, 1, "lo", bounds, told.append)
    for event in (Begin(100.0, utc), *events, End(9000.0, 0)):
        writer.take(event)
    return told


def test_a_full_file_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    began, ended = written(tmp_path, [said(number) for number in range(1000)])
    path = tmp_path / began.file
    assert path.stat().st_size == ended.size <= SMALL.file_bytes
    numbers = [int.from_bytes(raw[74:78], "big") for raw, _ in RawPcapNgReader(str(path))]
    kept = len(numbers)
    first = next(at for at in range(kept) if numbers[at] != at)
    assert first > 30
    assert numbers[first:] == list(range(1000 - (kept - first), 1000))
    assert kept - first > 10
    assert (ended.packets, ended.left_out) == (kept, 1000 - kept)
    assert f"{1000 - kept} packets left out".encode() in path.read_bytes()


def test_the_oldest_files_go_and_other_evses_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / "20200101T000000Z-2.pcapng").write_bytes(b"another's")
    names = [written(tmp_path, [said(1)], utc=1.7e9 + number)[0].file for number in range(6)]
    assert {path.name for path in tmp_path.iterdir()} == {"20200101T000000Z-2.pcapng", *names[-SMALL.files :]}


def test_a_clock_that_stands_still_overwrites_nothing(tmp_path: Path) -> None:
    names = [written(tmp_path, [said(1)])[0].file for _ in range(3)]
    assert len(set(names)) == len(list(tmp_path.iterdir())) == 3


def test_all_files_together_stay_within_their_bytes(tmp_path: Path) -> None:
    for _ in range(8):
        written(tmp_path, [said(number) for number in range(1000)])
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= SMALL.total_bytes


def test_a_disk_that_others_need_is_left_alone(tmp_path: Path) -> None:
    (told,) = written(tmp_path, [said(1), said(2)], Bounds(free_bytes=1 << 60))
    assert (told.file, told.kind) == ("", "Ended")
    assert "MB are free" in told.reason
    assert list(tmp_path.iterdir()) == []


def test_a_modem_that_is_asked_for_hours_does_not_fill_the_file(tmp_path: Path) -> None:
    vendor = [homeplug(0xA000) for _ in range(MOST_CHATTER + 10)]
    asking = [Datagram(1.0, b"x", CAR, STATION, True) for _ in range(MOST_CHATTER + 5)]
    _, ended = written(tmp_path, [*vendor, *asking, homeplug(0x6064)], Bounds(free_bytes=0))
    assert (ended.packets, ended.left_out) == (2 * MOST_CHATTER + 1, 15)


def test_slac_frames_are_raw_and_tell_the_cars_ethernet_address(tmp_path: Path) -> None:
    frame, answer = homeplug(0x6064), homeplug(0x6009, source=MODEM)  # CM_SET_KEY.CNF is the modem's
    (began, _) = written(tmp_path, [frame, answer, said(1)])
    raw = [each.data for each in packets((tmp_path / began.file).read_bytes())]
    assert raw[:2] == [frame.data, answer.data]
    assert Ether(raw[2]).src == "00:b0:52:00:00:01"


def test_odd_frames_are_written_as_they_came(tmp_path: Path) -> None:
    odd = [Frame(1.0, bytes(size), True) for size in range(40)]
    began, ended = written(tmp_path, [*odd])
    assert ended.packets == 40
    assert [each.data for each in packets((tmp_path / began.file).read_bytes())] == [each.data for each in odd]


def test_a_stalled_disk_costs_packets_and_no_waiting(tmp_path: Path) -> None:
    async def main() -> None:
        told: list[Told] = []
        recorder = PacketRecorder(tmp_path, 1, "lo", clock=SystemClock(), told=told.append, bounds=Bounds(free_bytes=0))
        recorder.begin()
        for _ in range(10_000):  # 14 MB, and the thread does not run: a disk that takes for ever
            recorder.frame(bytes(1000), from_car=True)
        assert recorder._given <= QUEUE_BYTES
        recorder.start()
        for _ in range(1000):
            if recorder._writer.taken == recorder._given:
                break
            await asyncio.sleep(0.005)
        recorder.frame(bytes(1000), from_car=True)  # there is room again
        await recorder.stop()
        await asyncio.sleep(0.01)
        (_, ended) = told
        assert ended.packets + ended.left_out == 10_001
        assert 1_000 < ended.packets < 2_000

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_connection_that_outlives_its_plug_in_is_not_in_the_next_recording(tmp_path: Path) -> None:
    async def main() -> None:
        told: list[Told] = []
        recorder = PacketRecorder(tmp_path, 1, "lo", clock=SystemClock(), told=told.append, bounds=Bounds(free_bytes=0))
        recorder.start()
        recorder.begin()
        old = recorder.stream()
        old.opened(CAR, STATION)
        recorder.end()
        old.finished(by_car=False)  # the tail still belongs to it
        recorder.begin()
        old.lost(None)
        new = recorder.stream()
        new.opened(CAR, STATION)
        await recorder.stop()
        await asyncio.sleep(0.01)
        assert [each.packets for each in told if each.kind == "Ended"] == [4, 3]

    asyncio.run(asyncio.wait_for(main(), 30))


FILLING = """
    import resource, signal, sys
    from pathlib import Path
    from firmware.v2g.recording.events import Begin, End, Frame
    from firmware.v2g.recording.file import Bounds
    from firmware.v2g.recording.writer import Writer
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    told = []
    writer = Writer(Path(sys.argv[1]), 1, "lo", Bounds(free_bytes=0), told.append)
    for _ in range(2):
        writer.take(Begin(0.0, 1.7e9))
        for _ in range(100):
            writer.take(Frame(1.0, bytes(100), True))
        writer.take(End(2.0, 0))
    for each in told:
        print(each.kind, each.file, each.reason, each.packets, sep="|")
"""


def test_a_disk_that_fills_up_ends_the_recording_at_a_whole_packet(tmp_path: Path) -> None:
    command = [sys.executable, "-c", dedent(FILLING), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["Began", "Ended", "Began", "Ended"]
    assert all("too large" in line[2] or "No space" in line[2] for line in lines[1::2])
    for name, count in ((line[1], int(line[3])) for line in lines[1::2]):
        capture = (tmp_path / name).read_bytes()
        assert len(capture) <= 5000
        read = [raw for raw, _ in RawPcapNgReader(str(tmp_path / name))]
        assert read == [bytes(100)] * count
        assert count == len(list(packets(capture))) > 20


@pytest.mark.parametrize("cut", [1, 5, 30, 100])
def test_a_recording_that_a_power_cut_ends_is_still_read(tmp_path: Path, cut: int) -> None:
    began, ended = written(tmp_path, [said(number) for number in range(20)])
    path = tmp_path / began.file
    whole: Callable[[], int] = lambda: len(list(packets(path.read_bytes())))  # noqa: E731
    assert whole() == ended.packets == 20
    path.write_bytes(path.read_bytes()[:-cut])
    assert whole() >= 19
