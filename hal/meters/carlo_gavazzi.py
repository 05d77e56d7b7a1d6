"""Carlo Gavazzi EM24, EM340 and EM580: scaled integers, least significant register first; 9600 8N1, unit 1."""

from typing import Final

from hal.meters.register_map import Block, MeterMap, Value


def _int(*addresses: int, scale: float) -> tuple[Value, ...]:
    return tuple(Value(address, "i32_lsw", scale) for address in addresses)


#: Frequency stands at 0x33; together with the phase sequence at 0x32 EM3xx do not give it away.
EM340: Final = MeterMap(
    name="carlo_gavazzi_em340",
    source="EM330/EM340/ET330/ET340 communication protocol",
    blocks=(Block(4, 0x0000, 42), Block(4, 0x0033, 1), Block(4, 0x0400, 12)),
    voltage=_int(0x00, 0x02, 0x04, scale=0.1),
    current=_int(0x0C, 0x0E, 0x10, scale=0.001),
    power=Value(0x28, "i32_lsw", 0.1),
    import_wh=(Value(0x400, "i32_lsw", 1000.0), Value(0x402, "i32_lsw", 1.0)),
    export_wh=(Value(0x408, "i32_lsw", 1000.0), Value(0x40A, "i32_lsw", 1.0)),
    frequency=Value(0x33, "i16", 0.1),
    resolution_wh=1.0,
    rollover_wh=1e9,  # 999 999.9 kWh on the display
)
EM580: Final = EM340._replace(
    name="carlo_gavazzi_em580",
    source="EM580 communication protocol, signed map; EVerest CarloGavazzi_EM580",
    blocks=(Block(4, 0x0000, 42), Block(4, 0x0033, 1), Block(4, 0x0500, 32)),
    import_wh=(Value(0x500, "i64_lsw"),),
    export_wh=(Value(0x51C, "i64_lsw"),),
    rollover_wh=None,
)
#: Old firmware answers at most 11 registers.
EM24: Final = MeterMap(
    name="carlo_gavazzi_em24",
    source="EM24-DIN serial communication protocol; mbmd CGEM24",
    blocks=(
        Block(4, 0x00, 10),
        Block(4, 0x0C, 8),
        Block(4, 0x28, 6),
        Block(4, 0x37, 1),
        Block(4, 0x42, 4),
        Block(4, 0x5C, 2),
    ),
    voltage=_int(0x00, 0x02, 0x04, scale=0.1),
    current=_int(0x0C, 0x0E, 0x10, scale=0.001),
    power=Value(0x28, "i32_lsw", 0.1),
    import_wh=_int(0x42, scale=100.0),
    export_wh=_int(0x5C, scale=100.0),
    frequency=Value(0x37, "i16", 0.1),
    resolution_wh=100.0,
    rollover_wh=1e9,
)
