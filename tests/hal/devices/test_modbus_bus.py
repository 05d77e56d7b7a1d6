"""One bus, several devices: sharing, dead ones, noise, echoes, a pulled cable; and a peer that we did not write."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hal.contracts import DeviceError
from hal.modbus.bus import Bus, Priority
from hal.modbus.frames import READ_HOLDING, READ_INPUT
from hal.modbus.settings import BusSettings
from hil.devices.modbus_slave import Device, Slaves
from hil.devices.plant_values import PlantValues, Trouble


def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    pause = threading.Event()
    for _ in range(int(within_s / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("never")


def bus_to(slaves: Slaves, *, timeout_s: float = 2.0, retry_s: float = 0.5) -> Bus:
    framing: Literal["rtu", "tcp"] = "tcp" if slaves.transport == "mbap" else "rtu"
    bus = Bus(
        "rs485_0",
        BusSettings(
            port=slaves.port or None, host=slaves.host or None, framing=framing, baud=115200, timeout_s=timeout_s,
            retry_s=retry_s,
        ),
    )  # fmt: skip
    bus.join()
    return bus


def device(address: int) -> Device:
    memory = {register: 1000 * address + register for register in range(50)}

    def write(register: int, values: list[int]) -> bool:
        memory.update({register + at: value for at, value in enumerate(values)})
        return True

    return Device(address, lambda function: memory, write, PlantValues())


@pytest.mark.parametrize("transport", ["pty", "tcp", "mbap"])
def test_devices_share_a_bus_and_get_their_own_answers(transport: str) -> None:
    with Slaves(*(device(address) for address in (1, 2, 3)), transport=transport) as slaves:  # type: ignore[arg-type]
        bus = bus_to(slaves)
        wrong: list[object] = []

        def ask(address: int) -> None:
            unit = bus.unit(address)
            for register in range(20):
                got = unit.read(READ_INPUT, register, 1 + register % 5)
                if got != tuple(1000 * address + register + at for at in range(1 + register % 5)):
                    wrong.append((address, register, got))

        threads = [threading.Thread(target=ask, args=(address,)) for address in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not wrong and not any(thread.is_alive() for thread in threads)
        bus.leave()


def test_what_is_written_is_read_back() -> None:
    with Slaves(device(5)) as slaves:
        unit = bus_to(slaves).unit(5, Priority.CONTROL)
        unit.write(10, 7, 8, 9)
        unit.write(13, 10, single=True)
        assert unit.read(READ_HOLDING, 10, 4) == (7, 8, 9, 10)


@pytest.mark.parametrize(("noise", "echo"), [(b"\xff\x00", False), (b"", True), (b"\x00\x05\x04", True)])
def test_noise_and_our_own_echo_do_not_matter(noise: bytes, echo: bool) -> None:
    with Slaves(device(5), noise=noise, echo=echo) as slaves:
        unit = bus_to(slaves).unit(5)
        assert unit.read(READ_INPUT, 0, 3) == (5000, 5001, 5002)


def test_a_refusal_is_told_with_unit_and_register_and_does_not_count_as_silence() -> None:
    with Slaves(device(5)) as slaves:
        unit = bus_to(slaves).unit(5)
        for _ in range(3):
            with pytest.raises(DeviceError, match=r"bus rs485_0 unit 5 input register 0x0064 x2: exception 2 .illegal"):
                unit.read(READ_INPUT, 100, 2)
        assert unit.read(READ_INPUT, 0, 1) == (5000,)


def test_a_dead_device_does_not_starve_the_others() -> None:
    """While one is silent, it is asked less and less; the other is asked as often as it likes."""
    dead, alive = device(1), device(2)
    dead.plant.trouble = Trouble.SILENCE
    with Slaves(dead, alive) as slaves:
        bus = bus_to(slaves, timeout_s=0.1, retry_s=60.0)
        unit, stop, errors = bus.unit(1), threading.Event(), list[str]()

        def keep_asking() -> None:
            while not stop.wait(0.01):
                try:
                    unit.read(READ_INPUT, 0, 2)
                except DeviceError as error:
                    errors.append(str(error))

        thread = threading.Thread(target=keep_asking)
        thread.start()
        other, answers = bus.unit(2), 0
        try:
            while len(errors) < 40:
                with contextlib.suppress(DeviceError):  # a busy machine may miss one
                    assert other.read(READ_INPUT, 0, 2) == (2000, 2001)
                    answers += 1
        finally:
            stop.set()
            thread.join()
        assert answers >= 4
        # 0.25, 0.5, 1, 2 s: most of the forty were refused without a question
        assert len(dead.asked) < 12 and any("silent; asked again in" in error for error in errors)


def test_a_device_that_comes_back_is_found_again() -> None:
    lost = device(1)
    with Slaves(lost) as slaves:
        unit = bus_to(slaves, timeout_s=0.2, retry_s=0.25).unit(1)
        lost.plant.trouble = Trouble.SILENCE
        with pytest.raises(DeviceError):
            unit.read(READ_INPUT, 0, 2)
        lost.plant.trouble = Trouble.NONE

        def back() -> bool:
            try:
                return unit.read(READ_INPUT, 0, 2) == (1000, 1001)
            except DeviceError:
                return False

        until(back)


def test_the_question_after_silence_has_another_length_each_time() -> None:
    """An answer that comes seconds late fits none of the later questions."""
    slow = device(1)
    slow.plant.trouble = Trouble.SILENCE
    with Slaves(slow) as slaves:
        unit = bus_to(slaves, timeout_s=0.05, retry_s=0.25).unit(1)

        def four_probes() -> bool:
            with pytest.raises(DeviceError):
                unit.read(READ_INPUT, 0, 4)
            return len(slow.asked) >= 5

        until(four_probes)
        counts = [frame[5] for frame in slow.asked[:5]]
        assert counts[0] == 4 and len(set(counts)) == 5


def test_a_command_passes_waiting_polls_and_no_poll_waits_for_ever() -> None:
    """Turns go by time of arrival less a head start: control, then safety, then meters."""
    held, order = threading.Event(), list[str]()
    with Slaves(device(1)) as slaves:
        bus = bus_to(slaves)
        blocker = threading.Thread(target=lambda: bus._in_turn(0.0, lambda: held.wait(30)))
        blocker.start()
        until(lambda: bus._busy)

        def queue(name: str, priority: Priority) -> threading.Thread:
            before = len(bus._waiting)
            thread = threading.Thread(target=lambda: bus._in_turn(priority.value, lambda: order.append(name)))
            thread.start()
            until(lambda: len(bus._waiting) == before + 1)
            return thread

        threads = [queue("meter", Priority.METER), queue("safety", Priority.SAFETY), queue("control", Priority.CONTROL)]
        tickets = sorted(bus._waiting)
        held.set()
        for thread in (*threads, blocker):
            thread.join(30)
        by_number = dict(zip(sorted(number for _, number in tickets), ("meter", "safety", "control"), strict=True))
        assert order == [by_number[number] for _, number in tickets]
        assert Priority.CONTROL.value < Priority.SAFETY.value < Priority.METER.value


def test_a_gateway_that_goes_and_comes_is_found_again() -> None:
    lost = device(1)
    with Slaves(lost, transport="tcp") as slaves:
        unit = bus_to(slaves, timeout_s=0.2, retry_s=0.25).unit(1)
        assert unit.read(READ_INPUT, 0, 1) == (1000,)
        lost.plant.trouble = Trouble.DISCONNECT

        def fails() -> bool:
            try:
                unit.read(READ_INPUT, 0, 1)
            except DeviceError:
                return True
            return False

        until(fails)
        lost.plant.trouble = Trouble.NONE
        until(lambda: not fails())


def test_a_port_that_is_not_there_is_said_so_at_once() -> None:
    bus = Bus("rs485_0", BusSettings(port="/dev/no_such_port"))
    with pytest.raises(DeviceError, match=r"rs485_0.*/dev/no_such_port"):
        bus.join()


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "either port"),
        ({"port": "/dev/x", "host": "a:1"}, "either port"),
        ({"port": "/dev/x", "framing": "tcp"}, "needs host"),
    ],
)
def test_a_bus_is_one_line(keys: dict[str, str], text: str) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=text):
        BusSettings(**keys)  # type: ignore[arg-type]


def test_frames_are_kept_apart_by_three_and_a_half_characters() -> None:
    assert BusSettings(port="x", baud=9600).silence_s == pytest.approx(3.5 * 10 / 9600)
    assert BusSettings(port="x", baud=9600, parity="even").silence_s == pytest.approx(3.5 * 11 / 9600)
    assert BusSettings(port="x", baud=115200).silence_s == 0.00175
    assert BusSettings(port="x", baud=9600, gap_s=0.05).silence_s == 0.05


# --- a peer of others -------------------------------------------------------------------------------------------------


@contextmanager
def foreign_server(framer: FramerType) -> Iterator[str]:
    """pymodbus's server with input and holding registers 100...119, in its own loop and thread."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    server: list[Any] = []

    async def serve() -> None:
        values = SimData(100, values=list(range(100, 120)), datatype=DataType.REGISTERS)
        server.append(ModbusTcpServer(SimDevice(9, [values]), framer=framer, address=("127.0.0.1", 0)))
        await server[0].serve_forever(background=True)
        ready.set()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(serve(), loop).result(30)
        assert ready.wait(30)
        yield f"127.0.0.1:{server[0].transport.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(server[0].shutdown(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_a_server_of_others_understands_us(framing: str) -> None:
    with foreign_server(FramerType.RTU if framing == "rtu" else FramerType.SOCKET) as host:
        bus = Bus("gateway", BusSettings(host=host, framing=framing, timeout_s=2.0))  # type: ignore[arg-type]
        bus.join()
        unit = bus.unit(9)
        assert unit.read(READ_HOLDING, 100, 20) == tuple(range(100, 120))
        assert unit.read(READ_INPUT, 105, 3) == (105, 106, 107)
        unit.write(101, 0xFFFF, 0x8000)
        unit.write(103, 5, single=True)
        assert unit.read(READ_HOLDING, 100, 4) == (100, 0xFFFF, 0x8000, 5)
        with pytest.raises(DeviceError, match="gateway unit 9 holding register 0x03e8 x1: exception"):
            unit.read(READ_HOLDING, 1000, 1)
        bus.leave()
