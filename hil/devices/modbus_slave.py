"""Modbus devices on one line, as bytes in and bytes out: RTU over a pty or TCP, or Modbus TCP. Register contents come
from a `Device`; what goes wrong from its plant values. Knows nothing of hal: frames are built and parsed anew here.
"""

import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from hil.devices.plant_values import PlantValues, Trouble
from hil.devices.pseudo_terminal import open_terminal


@dataclass
class Device:
    """One unit. `read` gives its registers of a function; `write` takes a command and may refuse it by returning
    False."""

    address: int
    read: Callable[[int], dict[int, int]]
    write: Callable[[int, list[int]], bool] = lambda register, values: False
    plant: PlantValues = field(default_factory=PlantValues)
    asked: list[bytes] = field(default_factory=list)  # the last requests, for tests
    most: int = 125  # registers in one answer

    def answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if self.plant.trouble is Trouble.REFUSE:
            return bytes((function | 0x80, 4))
        if function in (3, 4) and len(pdu) == 5:
            first, count = struct.unpack(">HH", pdu[1:])
            table = self.read(function)
            wanted = range(first, first + count)
            if not 1 <= count <= self.most or not any(register in table for register in wanted):
                return bytes((function | 0x80, 2))
            data = b"".join(struct.pack(">H", table.get(register, 0)) for register in wanted)
            return bytes((function, len(data))) + data
        if function == 6 and len(pdu) == 5:
            register, value = struct.unpack(">HH", pdu[1:])
            return pdu if self.write(register, [value]) else bytes((function | 0x80, 3))
        if function == 16 and len(pdu) >= 8 and len(pdu) == 6 + pdu[5]:
            register = struct.unpack(">H", pdu[1:3])[0]
            values = [int.from_bytes(pdu[at : at + 2], "big") for at in range(6, len(pdu), 2)]
            return pdu[:5] if self.write(register, values) else bytes((function | 0x80, 3))
        return bytes((function | 0x80, 1))


def crc16(data: bytes) -> bytes:
    """Bit by bit, as the standard's appendix describes it."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return struct.pack("<H", register)


class Slaves:
    """A line with devices on it, served by a thread. Use as a context manager; `port` or `host` is where a master
    finds it."""

    def __init__(
        self, *devices: Device, transport: Literal["pty", "tcp", "mbap"] = "pty", noise: bytes = b"", echo: bool = False
    ) -> None:
        self.devices = {device.address: device for device in devices}
        self.transport = transport
        self.noise = noise  # before each answer, as a transceiver that is switched on makes
        self.echo = echo  # the master hears itself
        self.port = ""
        self.host = ""
        self._stop = threading.Event()
        self._late: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._link = self._peer = -1
        self._server: socket.socket | None = None
        self._client: socket.socket | None = None

    def __enter__(self) -> "Slaves":
        if self.transport == "pty":
            self._link, self._peer, self.port = open_terminal()
        else:
            self._server = socket.create_server(("127.0.0.1", 0))
            self._server.settimeout(0.05)
            self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for end in (self._server, self._client):
            if end is not None:
                end.close()
        for number in (self._link, self._peer):
            if number >= 0:
                os.close(number)

    def board_toml(self, name: str = "line", **keys: object) -> str:
        """The [bus.<name>] section that leads here."""
        place = f'port = "{self.port}"' if self.port else f'host = "{self.host}"'
        if self.transport == "mbap":
            place += '\nframing = "tcp"'
        more = "".join(f"{key} = {value}\n" for key, value in keys.items())
        return f"[bus.{name}]\n{place}\n{more}"

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        received = b""
        while not self._stop.is_set():
            data = self._receive()
            if data is None:
                received = b""
                continue
            received = self._serve(received + data) if data else b""  # silence ends a frame
            now = time.monotonic()
            due = [frame for at, frame in self._late if at <= now]
            self._late = [each for each in self._late if each[0] > now]
            for frame in due:
                self._send(frame)

    @property
    def _unplugged(self) -> bool:
        return any(device.plant.trouble is Trouble.DISCONNECT for device in self.devices.values())

    def _receive(self) -> bytes | None:
        """Bytes; b"" after a silence; None without a connection."""
        if self.transport == "pty":
            if not _readable(self._link, 0.02):
                return b""
            return os.read(self._link, 512)
        if self._unplugged and self._client is not None:
            self._client.close()
            self._client = None
        if self._client is None:
            if self._server is None or self._unplugged:
                self._stop.wait(0.02)
                return None
            try:
                self._client = self._server.accept()[0]
            except TimeoutError:
                return None
        try:
            if not _readable(self._client.fileno(), 0.02):
                return b""
            if data := self._client.recv(512):
                return data
        except OSError:
            pass
        self._client.close()
        self._client = None
        return None

    def _send(self, frame: bytes) -> None:
        try:
            if self.transport == "pty":
                os.write(self._link, frame)
            elif self._client is not None:
                self._client.sendall(frame)
        except OSError:
            return

    def _serve(self, received: bytes) -> bytes:
        """Answer whole requests; what is left of the bytes."""
        while True:
            request = self._mbap_request(received) if self.transport == "mbap" else self._rtu_request(received)
            if request is None:
                return received
            length, address, pdu, head = request
            frame, received = received[:length], received[length:]
            device = self.devices.get(address)
            if device is None or self._unplugged:
                continue
            device.asked.append(frame)
            del device.asked[:-200]
            self._reply(device, frame, pdu, head)

    def _reply(self, device: Device, frame: bytes, pdu: bytes, head: bytes) -> None:
        trouble = device.plant.trouble
        answer = device.answer(pdu)
        if self.transport == "mbap":
            whole = head[:4] + struct.pack(">H", len(answer) + 1) + head[6:7] + answer
        else:
            whole = bytes((device.address,)) + answer
            whole += crc16(whole)
        if self.echo:
            self._send(frame)
        if trouble is Trouble.SILENCE:
            return
        if trouble is Trouble.GARBAGE:
            whole = bytes((0xA5 ^ n * 37) & 0xFF for n in range(len(whole)))
        elif trouble is Trouble.CORRUPT:
            whole = whole[:3] + bytes((whole[3] ^ 0x10,)) + whole[4:]
            if self.transport == "mbap":  # no checksum protects it: what arrives broken is no frame
                whole = b"\xff" * len(whole)
        if trouble is Trouble.SLOW:
            self._late.append((time.monotonic() + device.plant.slow_s, whole))
        else:
            self._send(self.noise + whole)

    @staticmethod
    def _rtu_request(received: bytes) -> tuple[int, int, bytes, bytes] | None:
        if len(received) < 8:
            return None
        length = 9 + received[6] if received[1] == 16 else 8
        frame = received[:length]
        if len(frame) < length or crc16(frame[:-2]) != frame[-2:]:
            return None
        return length, frame[0], frame[1:-2], b""

    @staticmethod
    def _mbap_request(received: bytes) -> tuple[int, int, bytes, bytes] | None:
        if len(received) < 8:
            return None
        length = 6 + int.from_bytes(received[4:6], "big")
        if len(received) < length:
            return None
        return length, received[6], received[7:length], received[:7]


def _readable(number: int, seconds: float) -> bool:
    with selectors.SelectSelector() as selector:
        selector.register(number, selectors.EVENT_READ)
        return bool(selector.select(seconds))
