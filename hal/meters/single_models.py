"""Register maps of makers with one model here: Klefr, Iskra, Acrel."""

from typing import Final

from hal.meters.register_map import Block, MeterMap, Value


def _f32(*addresses: int) -> tuple[Value, ...]:
    return tuple(Value(address, "f32") for address in addresses)


#: Holding registers, floats, kW and kWh.
KLEFR: Final = MeterMap(
    name="klefr_693x",
    source="Klefr 693x/694x Modbus map; EVerest GenericPowermeter models; currents and frequency: Inepro PRO380, alike",
    blocks=(Block(3, 0x5002, 18), Block(3, 0x600C, 14)),
    voltage=_f32(0x5002, 0x5004, 0x5006),
    current=_f32(0x500C, 0x500E, 0x5010),
    power=Value(0x5012, "f32", 1000.0),
    import_wh=(Value(0x600C, "f32", 1000.0),),
    export_wh=(Value(0x6018, "f32", 1000.0),),
    frequency=Value(0x5008, "f32"),
    resolution_wh=10.0,
)
#: Measurements carry their decimal exponent (T5, T6); counters have theirs at 414 and 415. 115200 8N1, unit 33.
ISKRA: Final = MeterMap(
    name="iskra_wm3m4c",
    source="Iskra WM3M4 user manual 1.14; EVerest RsIskraMeter",
    blocks=(Block(4, 105, 8), Block(4, 126, 22), Block(4, 414, 12)),
    voltage=(Value(107, "t5"), Value(109, "t5"), Value(111, "t5")),
    current=(Value(126, "t6"), Value(128, "t6"), Value(130, "t6")),
    power=Value(140, "t6"),
    import_wh=(Value(418, "i32", exponent=414),),
    export_wh=(Value(420, "i32", exponent=415),),
    frequency=Value(105, "t5"),
    resolution_wh=1.0,
)
#: DC, DIN rail. Values have a decimal point register each, energies are whole Wh.
DJSF1352: Final = MeterMap(
    name="acrel_djsf1352",
    source="EVerest Acrel_DJSF1352_RN",
    blocks=(Block(3, 0x0000, 20),),
    voltage=(Value(0, "u16", exponent=1, exponent_offset=3),),
    current=(Value(2, "i16", exponent=3, exponent_offset=3),),
    power=Value(8, "i16", exponent=9, exponent_offset=3),
    import_wh=(Value(12, "u32"),),
    export_wh=(Value(14, "u32"),),
    rollover_wh=2.0**32,
    resolution_wh=1.0,
    max_current_a=600.0,
    max_voltage_v=1500.0,
    dc=True,
)
