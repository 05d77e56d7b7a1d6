"""A half-duplex line whose direction is a GPIO line: it talks while a request leaves, and listens otherwise."""

import os
import select
import tty
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hal.contracts import DeviceError
from hal.modbus.bus import Bus
from hal.modbus.frames import READ_INPUT
from hal.modbus.line import Line, LineError
from hal.modbus.settings import BusSettings
from hil.devices.modbus_slave import Device, Slaves

REQUEST = bytes.fromhex("0104000a000151c8")


@pytest.fixture
def port() -> Iterator[tuple[int, str]]:
    """(the far end, the port's name)."""
    far, near = os.openpty()
    tty.setraw(near)
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


class Direction:
    """The line, and how much of the request is on the wire whenever it changes."""

    def __init__(self, far: int, *, breaks: bool = False) -> None:
        self.far = far
        self.breaks = breaks
        self.told: list[tuple[bool, bytes]] = []

    def set(self, on: bool) -> None:
        there = os.read(self.far, 256) if select.select([self.far], [], [], 1.0 if not on else 0)[0] else b""
        self.told.append((on, there))
        if self.breaks and on:
            raise DeviceError("GPIO line DE: gone")

    def close(self) -> None:
        self.told.append((False, b"closed"))


def line_to(name: str, direction: Direction) -> Line:
    settings = BusSettings(port=name, baud=19200, transmit_line="DE")
    return Line(settings, transmit=lambda: direction)


def test_the_line_talks_before_the_first_bit_and_listens_after_the_last(port: tuple[int, str]) -> None:
    far, name = port
    direction = Direction(far)
    line = line_to(name, direction)
    line.send(REQUEST)
    line.send(REQUEST)
    assert direction.told == [(True, b""), (False, REQUEST)] * 2
    line.close()
    assert direction.told[-1] == (False, b"closed")


def test_a_line_that_cannot_be_set_sends_nothing_and_is_told(port: tuple[int, str]) -> None:
    far, name = port
    line = line_to(name, Direction(far, breaks=True))
    with pytest.raises(LineError, match="GPIO line DE: gone"):
        line.send(REQUEST)
    assert not select.select([far], [], [], 0)[0]


def test_an_adapter_that_is_pulled_out_leaves_the_line_listening_and_is_told() -> None:
    far, near = os.openpty()
    tty.setraw(near)
    direction = Direction(far)
    line = line_to(os.ttyname(near), direction)
    line.send(REQUEST)
    os.close(far)
    os.close(near)
    with pytest.raises(LineError, match="Input/output error"):
        line.send(REQUEST)
    assert direction.told[-1] == (False, b"closed"), "and what it held is free again"
    with pytest.raises(LineError, match="No such file"):
        line.send(REQUEST)


# --- on a bus of a board --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [False, True])
def test_a_bus_reads_its_devices_and_rests_listening(tmp_path: Path, low: bool) -> None:
    chip = tmp_path / "gpiochip0"
    chip.mkdir()
    (chip / "RS485_DE").write_text("1" if not low else "0")  # as a dead process left it: talking
    device = Device(7, lambda function: {10: 1234} if function == READ_INPUT else {})
    with Slaves(device) as slaves:
        settings = BusSettings(port=slaves.port, baud=19200, timeout_s=2.0, transmit_line="RS485_DE", transmit_low=low)
        bus = Bus("rs485", settings, tmp_path)
        bus.join()
        listening = "1" if low else "0"
        assert (chip / "RS485_DE").read_text() == listening
        for _ in range(3):
            assert bus.unit(7).read(READ_INPUT, 10, 1) == (1234,)
        assert (chip / "RS485_DE").read_text() == listening
        bus.leave()


def test_a_line_that_is_not_there_is_named(tmp_path: Path, port: tuple[int, str]) -> None:
    (tmp_path / "gpiochip0").mkdir()
    bus = Bus("rs485", BusSettings(port=port[1], transmit_line="RS485_DE"), tmp_path)
    with pytest.raises(DeviceError, match=r"bus rs485: .*GPIO line RS485_DE: on none of the 1 chips"):
        bus.join()


@pytest.mark.parametrize("more", [{"rs485": True}, {"baud": 38400}])
def test_two_that_drive_the_line_and_a_speed_that_is_too_high_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="at most 19200 baud, and without rs485"):
        msgspec.convert({"port": "/dev/ttyS1", "transmit_line": "DE", **more}, BusSettings)
