"""Eastron SDM meters: input registers, IEEE-754 floats, most significant register first; 9600 8N1, unit 1."""

from typing import Final

from hal.meters.register_map import Block, MeterMap, Value


def _f32(*addresses: int, scale: float = 1.0) -> tuple[Value, ...]:
    return tuple(Value(address, "f32", scale) for address in addresses)


def _kwh(address: int) -> tuple[Value, ...]:
    return _f32(address, scale=1000.0)


#: In one request, so that all values are of one moment; the maker allows 80 registers.
_WHOLE: Final = (Block(4, 0x0000, 0x4C),)
_SOURCE: Final = "Eastron SDM Modbus protocol; EVerest GenericPowermeter models"

SDM630: Final = MeterMap(
    name="eastron_sdm630",
    source=_SOURCE,
    blocks=_WHOLE,
    voltage=_f32(0x00, 0x02, 0x04),
    current=_f32(0x06, 0x08, 0x0A),
    power=Value(0x34, "f32"),
    import_wh=_kwh(0x48),
    export_wh=_kwh(0x4A),
    frequency=Value(0x46, "f32"),
    resolution_wh=10.0,
)
SDM72_V2: Final = SDM630._replace(name="eastron_sdm72_v2")
#: The first SDM72 knows totals only.
SDM72: Final = SDM630._replace(
    name="eastron_sdm72", blocks=(Block(4, 0x34, 2), Block(4, 0x48, 4)), voltage=(), current=(), frequency=None
)
SDM230: Final = SDM630._replace(name="eastron_sdm230", voltage=_f32(0x00), current=_f32(0x06), power=Value(0x0C, "f32"))
