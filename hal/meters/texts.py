"""Texts and waiting in registers: what drivers of signing Modbus meters share."""

import time
from collections.abc import Callable
from typing import Final

from hal.contracts import DeviceError
from hal.modbus.bus import Unit
from hal.modbus.frames import MAX_READ, MAX_WRITE, READ_HOLDING

_LOOK_S: Final = 0.1


def pack(text: str) -> tuple[int, ...]:
    """UTF-8, two bytes per register, zero-filled."""
    raw = text.encode("utf-8")
    raw += b"\0" * (len(raw) % 2)
    return tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))


def fitted(text: str, registers: int) -> tuple[int, ...]:
    """As `pack`, with a terminating zero, in at most so many registers; cut at a character, never inside one."""
    raw = text.encode("utf-8")[: 2 * registers - 1].decode("utf-8", "ignore")
    return pack(raw + "\0")


def write_long(unit: Unit, register: int, words: tuple[int, ...]) -> None:
    for at in range(0, len(words), MAX_WRITE):
        unit.write(register + at, *words[at : at + MAX_WRITE])


def read_bytes(unit: Unit, register: int, count: int) -> bytes:
    """`count` bytes from holding registers."""
    words: list[int] = []
    needed = (count + 1) // 2
    while len(words) < needed:
        words.extend(unit.read(READ_HOLDING, register + len(words), min(MAX_READ, needed - len(words))))
    return b"".join(word.to_bytes(2, "big") for word in words)[:count]


def wait_for(unit: Unit, register: int, good: Callable[[int], bool], within_s: float, what: str) -> None:
    """Look at a register until it is as wanted. Raises DeviceError when it is not in time; `good` may raise it too."""
    until = time.monotonic() + within_s
    while True:
        (value,) = unit.read(READ_HOLDING, register, 1)
        if good(value):
            return
        if time.monotonic() > until:
            raise DeviceError(f"{unit} register {register:#06x}: {what}, not within {within_s:g} s (reads {value})")
        time.sleep(_LOOK_S)
