"""Registers of simulated Modbus meters. Written from the makers' tables a second time, not from hal/meters: a wrong
address or scale there must not be hidden by the same mistake here.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from hil.devices.plant_values import PlantValues, Trouble

Table = Callable[[Mapping[str, float]], dict[int, bytes]]


def _float(value: float) -> bytes:
    return struct.pack(">f", value)


def _swapped32(value: float) -> bytes:
    raw = struct.pack(">i", round(value))
    return raw[2:] + raw[:2]


def _swapped64(value: float) -> bytes:
    raw = struct.pack(">q", round(value))
    return raw[6:8] + raw[4:6] + raw[2:4] + raw[0:2]


def _short(value: float) -> bytes:
    return struct.pack(">h", round(value))


def _t6(value: float, exponent: int) -> bytes:
    return struct.pack(">b", exponent) + round(value / 10.0**exponent).to_bytes(3, "big", signed=True)


def sdm630(v: Mapping[str, float]) -> dict[int, bytes]:
    """Input registers 30001...: V, A, W per phase, 30053 total W, 30071 Hz, 30073 and 30075 kWh."""
    single = {1: "u1", 3: "u2", 5: "u3", 7: "i1", 9: "i2", 11: "i3", 53: "p", 71: "f"}
    table = {number - 1: _float(v[name]) for number, name in single.items()}
    for phase in (1, 2, 3):
        table[11 + 2 * phase - 1] = _float(v[f"u{phase}"] * v[f"i{phase}"])
    table[72], table[74] = _float(v["in"] / 1000), _float(v["out"] / 1000)
    return table


def sdm230(v: Mapping[str, float]) -> dict[int, bytes]:
    table = {0: "u1", 6: "i1", 12: "p", 70: "f"}
    return {at: _float(v[name]) for at, name in table.items()} | {
        72: _float(v["in"] / 1000),
        74: _float(v["out"] / 1000),
    }


def sdm72(v: Mapping[str, float]) -> dict[int, bytes]:
    return {52: _float(v["p"]), 72: _float(v["in"] / 1000), 74: _float(v["out"] / 1000)}


def _gavazzi(v: Mapping[str, float]) -> dict[int, bytes]:
    table = {2 * n - 2: _swapped32(v[f"u{n}"] * 10) for n in (1, 2, 3)}
    table |= {10 + 2 * n: _swapped32(v[f"i{n}"] * 1000) for n in (1, 2, 3)}
    return table | {40: _swapped32(v["p"] * 10)}


def em340(v: Mapping[str, float]) -> dict[int, bytes]:
    """301025 kWh and 301027 the rest in Wh; 301033, 301035 export."""
    return _gavazzi(v) | {
        51: _short(v["f"] * 10),
        1024: _swapped32(v["in"] // 1000),
        1026: _swapped32(v["in"] % 1000),
        1032: _swapped32(v["out"] // 1000),
        1034: _swapped32(v["out"] % 1000),
    }


def em580(v: Mapping[str, float]) -> dict[int, bytes]:
    return _gavazzi(v) | {51: _short(v["f"] * 10), 1280: _swapped64(v["in"]), 1308: _swapped64(v["out"])}


def em24(v: Mapping[str, float]) -> dict[int, bytes]:
    return _gavazzi(v) | {
        55: _short(v["f"] * 10),
        66: _swapped32(v["in"] / 100),
        92: _swapped32(v["out"] / 100),
    }


def klefr(v: Mapping[str, float]) -> dict[int, bytes]:
    table = {20482: "u1", 20484: "u2", 20486: "u3", 20488: "f", 20492: "i1", 20494: "i2", 20496: "i3"}
    return {at: _float(v[name]) for at, name in table.items()} | {
        20498: _float(v["p"] / 1000),
        24588: _float(v["in"] / 1000),
        24600: _float(v["out"] / 1000),
    }


def iskra(v: Mapping[str, float]) -> dict[int, bytes]:
    """Counters in tens of Wh: exponent 1."""
    table = {105: _t6(v["f"], -3)} | {105 + 2 * n: _t6(v[f"u{n}"], -3) for n in (1, 2, 3)}
    table |= {124 + 2 * n: _t6(v[f"i{n}"], -4) for n in (1, 2, 3)}
    return table | {
        140: _t6(v["p"], 0),
        414: _short(0),
        415: _short(1),
        418: struct.pack(">i", round(v["in"])),
        420: struct.pack(">i", round(v["out"] / 10)),
    }


def djsf1352(v: Mapping[str, float]) -> dict[int, bytes]:
    """Volts with one decimal, amperes with one, watts in hundreds: decimal points 2, 2, 5."""
    return {
        0: struct.pack(">H", round(v["u1"] * 10)),
        1: _short(2),
        2: _short(v["i1"] * 10),
        3: _short(2),
        8: _short(v["p"] / 100),
        9: _short(5),
        12: struct.pack(">I", round(v["in"])),
        14: struct.pack(">I", round(v["out"])),
    }


#: model -> (function that reads its registers, table)
TABLES: Final[dict[str, tuple[int, Table]]] = {
    "eastron_sdm630": (4, sdm630),
    "eastron_sdm72_v2": (4, sdm630),
    "eastron_sdm72": (4, sdm72),
    "eastron_sdm230": (4, sdm230),
    "carlo_gavazzi_em24": (4, em24),
    "carlo_gavazzi_em340": (4, em340),
    "carlo_gavazzi_em580": (4, em580),
    "klefr_693x": (3, klefr),
    "iskra_wm3m4c": (4, iskra),
    "acrel_djsf1352": (3, djsf1352),
}
#: registers around the first value: where answers are floats, NaN can be sent; elsewhere a value no meter has
_NAN: Final = b"\x7f\xc0\x00\x00"


class MeterRegisters:
    """What a meter of one model answers now, register by register."""

    def __init__(self, model: str, plant: PlantValues) -> None:
        self.function, self._table = TABLES[model]
        self._plant = plant
        self._frozen: dict[int, int] | None = None

    def now(self) -> dict[int, int]:
        plant = self._plant
        if plant.trouble is Trouble.STUCK and self._frozen is not None:
            return self._frozen
        table = self._table(plant.shown())
        if plant.trouble is Trouble.NAN:
            table = {at: _NAN if len(raw) == 4 else raw for at, raw in table.items()}
        words: dict[int, int] = {}
        for at, raw in table.items():
            for offset in range(0, len(raw), 2):
                words[at + offset // 2] = int.from_bytes(raw[offset : offset + 2], "big")
        self._frozen = words
        return words
