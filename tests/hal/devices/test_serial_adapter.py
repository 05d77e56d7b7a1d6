"""A serial CAN adapter is read in blocks: what python-can makes of the lines stays, what it costs does not."""

import contextlib
import os
import tty
from collections.abc import Iterator
from typing import NamedTuple

import can
import pytest

from hal.can import slcan

FRAME = b"T028300F08" + b"43C8000042480000"
DATA = bytes.fromhex("43C8000042480000")


class Ends(NamedTuple):
    adapter: slcan.SerialAdapter
    far: int


@pytest.fixture
def ends() -> Iterator[Ends]:
    master, slave = os.openpty()
    tty.setraw(slave)
    adapter = slcan.SerialAdapter(os.ttyname(slave), bitrate=125_000, sleep_after_open=0.0, timeout=0.0)
    told = b""
    while told.count(b"O\r") < 2:
        told += os.read(master, 64)
    assert told == b"C\rS4\r\rO\rO\r"
    yield Ends(adapter, master)
    with contextlib.suppress(can.CanOperationError):  # its far end is gone in one test
        adapter.shutdown()
    os.close(master)
    os.close(slave)


def data(message: can.Message | None) -> bytes:
    assert message is not None
    return bytes(message.data)


def test_many_frames_cost_one_read(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def read(number: int, most: int) -> bytes:
        reads.append(most)
        return os_read(number, most)

    os_read = os.read
    monkeypatch.setattr("hal.can.slcan.os.read", read)
    os.write(ends.far, (FRAME + b"\r") * 10)
    assert [data(ends.adapter.recv(10.0)) for _ in range(10)] == [DATA] * 10
    assert len(reads) <= 2  # a terminal may hand a block over in two
    assert ends.adapter.recv(0.05) is None
    assert len(reads) <= 2  # while nothing comes nobody looks


def test_a_line_in_pieces_is_one_frame(ends: Ends) -> None:
    for piece in (FRAME[:7], FRAME[7:20]):
        os.write(ends.far, piece)
        assert ends.adapter.recv(0.02) is None
    os.write(ends.far, FRAME[20:] + b"\r\a" + FRAME + b"\r")
    assert data(ends.adapter.recv(10.0)) == DATA
    assert data(ends.adapter.recv(10.0)) == DATA  # a bell is a line too: an answer, no frame


def test_bytes_without_an_end_do_not_fill_the_memory(ends: Ends) -> None:
    for _ in range(20):
        os.write(ends.far, b"\xff" * 1000)
        ends.adapter.recv(0.01)
        assert len(ends.adapter._buffer) < 5000
    os.write(ends.far, b"\r" + FRAME + b"\r")
    got = ends.adapter.recv(10.0)
    assert data(got if got is not None else ends.adapter.recv(10.0)) == DATA


def test_an_adapter_that_is_gone_is_an_error(ends: Ends) -> None:
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), ends.far)  # the far end closes
    with pytest.raises(can.CanOperationError):
        ends.adapter.recv(10.0)
