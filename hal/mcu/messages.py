"""What guard and safety microcontroller say to each other (SPEC.md), and the frames it travels in.

CBOR arrays of integers, so that a small controller needs no floating point; what is too long, damaged or out of its
range raises FrameError.
"""

import io
from typing import Annotated, Final

import cbor2
import msgspec
from msgspec import Meta

from hal.controllers import cobs
from hal.controllers.cobs import FrameError

VERSION: Final = 1
MAX_FRAME: Final = 128  # bytes of COBS, without the zero that ends it
BEAT_S: Final = 0.1
LEASE_S: Final = 0.3
REPORT_S: Final = 0.25
METER_S: Final = 0.5
CHANGES_PER_S: Final = 20  # reports on change of one outlet, at most; and commands
MODES: Final = ("x1", "duty", "e", "f")
PLUGS: Final = {0: "none", 13: "13", 20: "20", 32: "32", 63: "63", 1: "invalid", 2: "button"}
LOCKS: Final = ("unlocked", "locked", "moving", "unknown")
#: Report.fault -> what a technician reads
FAULTS: Final = {
    1: "contactor does not open",
    2: "contactor does not close",
    3: "failed its self test",
    4: "its supply is out of range",
    5: "too hot",
    6: "pilot generator failed",
}

Byte = Annotated[int, Meta(ge=0, le=255)]
Word = Annotated[int, Meta(ge=0, le=65_535)]
Number = Annotated[int, Meta(ge=1, le=4)]
Duty = Annotated[int, Meta(ge=0, le=10_000)]  # 0.01 %
Millivolts = Annotated[int, Meta(ge=-32_000, le=32_000)]
Mode = Annotated[int, Meta(ge=0, le=3)]


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """Fields that a later version adds come behind; an older reader passes them over."""


# --- both ways ------------------------------------------------------------------------------------------------------


class Ask(_Message, frozen=True, tag=0):
    """Host: who are you? Answered by Hello."""

    version: Byte = VERSION


class Hello(_Message, frozen=True, tag=0):
    """MCU: version it speaks, outlets it drives, names for people."""

    version: Byte
    outlets: Number
    name: Annotated[str, Meta(max_length=24)]
    firmware: Annotated[str, Meta(max_length=24)]


# --- host to MCU ----------------------------------------------------------------------------------------------------


class Lease(_Message, frozen=True, tag=1):
    """The host is alive and has just heard this beat."""

    beat: Word


class Command(_Message, frozen=True, tag=2):
    """What an outlet shall do; `number` is a new one for every change, repetitions keep it."""

    outlet: Number
    number: Word
    mode: Mode
    duty: Duty
    close: bool
    rcd_test: bool
    rcd_resets: Byte
    lock: bool | None


# --- MCU to host ----------------------------------------------------------------------------------------------------


class Beat(_Message, frozen=True, tag=1):
    """Counts up every 100 ms. `held`: a lease runs."""

    beat: Word
    held: bool


class Report(_Message, frozen=True, tag=2):
    """What an outlet does and sees; None = it has no such part. `number`: the last command obeyed."""

    outlet: Number
    number: Word
    mode: Mode
    duty: Duty
    high_mv: Millivolts
    low_mv: Millivolts
    closed: bool | None
    plug: Byte | None
    rcd: bool | None
    lock: Annotated[int, Meta(ge=0, le=3)] | None
    inputs: Byte  # bit 0 emergency stop, bit 1 PE lost: 1 = tripped
    temperature: Annotated[int, Meta(ge=-600, le=2500)] | None  # 0.1 °C
    fault: Byte


class Meter(_Message, frozen=True, tag=3):
    """Energy and power of an outlet: Wh, W, per phase mV and mA."""

    outlet: Number
    import_wh: Annotated[int, Meta(ge=0, lt=1 << 40)]
    power_w: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    voltage_mv: Annotated[tuple[Annotated[int, Meta(ge=0, le=1_000_000)], ...], Meta(min_length=1, max_length=3)]
    current_ma: Annotated[tuple[Annotated[int, Meta(ge=0, le=1_000_000)], ...], Meta(min_length=1, max_length=3)]


ToMcu = Ask | Lease | Command
FromMcu = Hello | Beat | Report | Meter


def encode(message: ToMcu | FromMcu) -> bytes:
    """The frame with its zero at the end."""
    data = cbor2.dumps(msgspec.to_builtins(message))
    return cobs.stuff(data + cobs.crc16(data)) + cobs.END


def decode_from_mcu(frame: bytes) -> FromMcu:
    """A frame without its zero. Raises FrameError."""
    try:
        message: FromMcu = msgspec.convert(_content(frame), FromMcu)
    except msgspec.ValidationError as error:
        raise FrameError(str(error)) from error
    return message


def decode_to_mcu(frame: bytes) -> ToMcu:
    """A frame without its zero. Raises FrameError."""
    try:
        message: ToMcu = msgspec.convert(_content(frame), ToMcu)
    except msgspec.ValidationError as error:
        raise FrameError(str(error)) from error
    return message


def _content(frame: bytes) -> object:
    if len(frame) > MAX_FRAME:
        raise FrameError(f"frame of {len(frame)} bytes")
    data = cobs.unstuff(frame)
    if len(data) < 4 or cobs.crc16(data[:-2]) != data[-2:]:
        raise FrameError("checksum")
    stream = io.BytesIO(data[:-2])
    try:
        loaded: object = cbor2.load(stream)
    except (cbor2.CBORDecodeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise FrameError(f"no CBOR: {error}") from error
    if stream.read(1):
        raise FrameError("more than one CBOR item")
    return loaded
