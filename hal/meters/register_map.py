"""A Modbus meter as a table: which blocks to read, and where each value stands in them.

Addresses are protocol addresses (from 0). The tables are in the files named after their makers; hal/meters/models.py
lists them all.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from hal.contracts import MeterReading

Words = Mapping[int, int]  # register address -> its 16 bits


class Value(NamedTuple):
    """One number: `kind` is a key of KINDS, `scale` brings it to V, A, W, Wh or Hz; where the meter keeps a decimal
    exponent in a register of its own, that is `exponent` (signed), less `exponent_offset`."""

    address: int
    kind: str
    scale: float = 1.0
    exponent: int | None = None
    exponent_offset: int = 0


class Block(NamedTuple):
    """Registers read in one request. All blocks of a meter differ in length: a late answer to one is never taken for
    another (RTU frames carry no number)."""

    function: int
    first: int
    length: int


class MeterMap(NamedTuple):
    """One model. Energies are sums of their parts (some meters count kWh and the rest apart). `rollover_wh`: where a
    full register begins at 0 again; None where it does not within a life. `resolution_wh`: its smallest step."""

    name: str
    source: str
    blocks: tuple[Block, ...]
    voltage: tuple[Value, ...]
    current: tuple[Value, ...]
    power: Value
    import_wh: tuple[Value, ...]
    export_wh: tuple[Value, ...] = ()
    frequency: Value | None = None
    rollover_wh: float | None = None
    resolution_wh: float = 1.0
    max_current_a: float = 120.0
    max_voltage_v: float = 500.0
    dc: bool = False


# --- numbers --------------------------------------------------------------------------------------------------------


def _join(words: tuple[int, ...]) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in words)


def _f32(words: tuple[int, ...]) -> float:
    value: float = struct.unpack(">f", _join(words))[0]
    return value


def _signed(words: tuple[int, ...]) -> float:
    return float(int.from_bytes(_join(words), "big", signed=True))


def _unsigned(words: tuple[int, ...]) -> float:
    return float(int.from_bytes(_join(words), "big"))


def _decade(words: tuple[int, ...], *, signed: bool) -> float:
    """Iskra's T5 and T6: a signed decimal exponent in the first byte, a 24 bit number in the others."""
    raw = _join(words)
    return int.from_bytes(raw[1:], "big", signed=signed) * 10.0 ** int.from_bytes(raw[:1], "big", signed=True)


#: kind -> (registers, decoder). "lsw": the least significant register comes first.
KINDS: Final[dict[str, tuple[int, Callable[[tuple[int, ...]], float]]]] = {
    "f32": (2, _f32),
    "i16": (1, _signed),
    "u16": (1, _unsigned),
    "i32": (2, _signed),
    "u32": (2, _unsigned),
    "i32_lsw": (2, lambda words: _signed(words[::-1])),
    "i64_lsw": (4, lambda words: _signed(words[::-1])),
    "t5": (2, lambda words: _decade(words, signed=False)),
    "t6": (2, lambda words: _decade(words, signed=True)),
}


def value(words: Words, place: Value) -> float:
    """One number out of the registers read. Raises KeyError for a register that no block has."""
    length, decode = KINDS[place.kind]
    number = decode(tuple(words[place.address + offset] for offset in range(length))) * place.scale
    if place.exponent is not None:
        number *= 10.0 ** (_signed((words[place.exponent],)) - place.exponent_offset)
    return number


def reading(meter: MeterMap, words: Words) -> MeterReading:
    """All values of a meter as they stand in its registers."""
    return MeterReading(
        import_wh=sum(value(words, part) for part in meter.import_wh),
        power_w=value(words, meter.power),
        voltage_v=tuple(value(words, place) for place in meter.voltage),
        current_a=tuple(value(words, place) for place in meter.current),
        export_wh=sum(value(words, part) for part in meter.export_wh),
        frequency_hz=value(words, meter.frequency) if meter.frequency is not None else None,
    )
