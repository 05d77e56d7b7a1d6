"""Card readers at the other end of the wire: a PN532 on a pseudo terminal (as UART, or as I2C with its ready byte) and
a reader that types, on a named pipe. Each is told which card lies on it, and how it fails.
"""

import os
import select
import struct
import threading
from pathlib import Path
from typing import Final, Literal

from hal.linux.sysfs import read_once
from hil.devices.pseudo_terminal import open_terminal

_KEYS: Final = dict(zip("1234567890", range(2, 12), strict=True)) | {
    "A": 30, "B": 48, "C": 46, "D": 32, "E": 18, "F": 33, "\n": 28,
}  # fmt: skip

Trouble = Literal["", "silence", "garbage", "no ack", "bad checksum", "slow"]


class Pn532Chip:
    """Answers the commands of UM0701-02 that a reader of cards needs; everything else gets the error frame."""

    def __init__(self, *, i2c: bool = False) -> None:
        self.card: bytes | None = None
        self.trouble: Trouble = ""
        self.slow_s = 5.0
        self.asked: list[bytes] = []
        self._i2c = i2c
        self._master, self._slave, port = open_terminal()
        self.path = Path(port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Pn532Chip":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)

    def _serve(self) -> None:
        buffer = b""
        while not self._stop.is_set():
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            buffer += os.read(self._master, 512)
            while (start := buffer.find(b"\x00\xff")) >= 0 and len(buffer) >= start + 4:
                length = buffer[start + 2]
                end = start + 4 + length + 2
                if len(buffer) < end:
                    break
                body = buffer[start + 4 : start + 4 + length]
                buffer = buffer[end:]
                self._hear(body)

    def _hear(self, body: bytes) -> None:
        self.asked.append(body)
        if self.trouble == "silence":
            return
        if self.trouble == "slow" and self._stop.wait(self.slow_s):
            return
        if self.trouble == "garbage":
            self._say(os.urandom(40))
            return
        if self.trouble != "no ack":
            self._say(bytes.fromhex("0000ff00ff00"))
        self._say(self._framed(self._answer(body)))

    def _answer(self, body: bytes) -> bytes:
        if body[:2] in (b"\xd4\x14", b"\xd4\x32"):
            return bytes([0xD5, body[1] + 1])
        if body[:2] == b"\xd4\x4a":
            if self.card is None:
                return b"\xd5\x4b\x00"
            return b"\xd5\x4b\x01\x01\x00\x44\x08" + bytes([len(self.card)]) + self.card
        return b"\x7f"

    def _framed(self, body: bytes) -> bytes:
        check = -sum(body) & 0xFF
        if self.trouble == "bad checksum":
            check ^= 0x01
        return b"\x00\x00\xff" + bytes([len(body), -len(body) & 0xFF]) + body + bytes([check, 0x00])

    def _say(self, data: bytes) -> None:
        os.write(self._master, (b"\x01" if self._i2c else b"") + data)


class TypingReader:
    """`sys/class/input/event7` and its device below `root`; `type` is a card, `unplug` ends it."""

    def __init__(self, root: Path, name: str) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        device = self.sysfs / "class/input/event7/device"
        device.mkdir(parents=True)
        (device / "name").write_text(name + "\n")
        (self.dev / "input").mkdir(parents=True, exist_ok=True)
        self.name = read_once(device / "name")
        self._pipe = self.dev / "input/event7"
        self._descriptor = -1
        self.plug()

    def plug(self) -> None:
        os.mkfifo(self._pipe)
        self._descriptor = os.open(self._pipe, os.O_RDWR)

    def type(self, text: str) -> None:
        for letter in text:
            for value in (1, 0):
                os.write(self._descriptor, struct.pack("@llHHi", 0, 0, 1, _KEYS[letter], value))
                os.write(self._descriptor, struct.pack("@llHHi", 0, 0, 0, 0, 0))

    def unplug(self) -> None:
        os.close(self._descriptor)
        self._pipe.unlink()
