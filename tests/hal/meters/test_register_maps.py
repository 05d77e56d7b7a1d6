"""Register maps against bytes written down by hand, and what a map must be."""

import pytest

from hal.meters.models import MODELS
from hal.meters.register_map import KINDS, MeterMap, Value, reading, value
from hil.devices.modbus_meters import TABLES, MeterRegisters
from hil.devices.plant_values import PlantValues


def words(text: str, at: int = 0) -> dict[int, int]:
    return {at + n: int(word, 16) for n, word in enumerate(text.split())}


@pytest.mark.parametrize(
    ("kind", "raw", "number"),
    [
        ("f32", "4366 3334", 230.2),  # Eastron manual: 230.2 V
        ("f32", "4000 0000", 2.0),  # unit id 2
        ("i32_lsw", "08FC 0000", 2300),  # Carlo Gavazzi: 230.0 V, low word first
        ("i32_lsw", "FFFF FFFF", -1),
        ("i32_lsw", "0000 0001", 65536),
        ("i64_lsw", "0001 0000 0000 0000", 1),
        ("i64_lsw", "0000 0000 0001 0000", 2**32),
        ("i16", "FFFF", -1),
        ("u16", "FFFF", 65535),
        ("i32", "0001 0000", 65536),
        ("u32", "FFFF FFFF", 2**32 - 1),
        ("t5", "FE00 59D8", 230.0),  # 23000 * 10^-2
        ("t5", "03FF FFFF", 16777215000),
        ("t6", "FDFF FC18", -1.0),  # -1000 * 10^-3
    ],
)
def test_numbers_as_makers_write_them(kind: str, raw: str, number: float) -> None:
    assert value(words(raw), Value(0, kind)) == pytest.approx(number, rel=1e-6)


def test_a_decimal_point_register_scales_its_neighbour() -> None:
    acrel = MODELS["acrel_djsf1352"]
    table = dict.fromkeys(range(20), 0) | {0: 4005, 1: 2, 2: 0xFC18, 3: 2, 8: 0xFFD8, 9: 6, 12: 1, 13: 2, 15: 7}
    got = reading(acrel, table)
    assert got.voltage_v == pytest.approx((400.5,)) and got.current_a == pytest.approx((-100.0,))
    assert got.power_w == pytest.approx(-40_000) and got.import_wh == 65538 and got.export_wh == 7


@pytest.mark.parametrize("meter", MODELS.values(), ids=MODELS)
def test_a_map_can_be_read(meter: MeterMap) -> None:
    lengths = [block.length for block in meter.blocks]
    assert len(set(lengths)) == len(lengths)  # a late answer fits no other question
    assert all(0 < length <= 80 for length in lengths) and meter.source
    assert len({block.function for block in meter.blocks}) == 1
    held = {at for block in meter.blocks for at in range(block.first, block.first + block.length)}
    places = [*meter.voltage, *meter.current, meter.power, *meter.import_wh, *meter.export_wh]
    for place in [*places, *([meter.frequency] if meter.frequency else [])]:
        assert set(range(place.address, place.address + KINDS[place.kind][0])) <= held
        assert place.exponent is None or place.exponent in held


def test_every_model_has_its_simulated_meter() -> None:
    assert set(TABLES) == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_map_and_makers_table_agree(model: str) -> None:
    """Known values into the registers by the maker's numbers, out by our map: units, scales, order of words, phases."""
    plant = PlantValues()
    if MODELS[model].dc:
        plant = PlantValues(voltage_v=[398.5], current_a=[120.4])
    elif model == "eastron_sdm230":
        plant = PlantValues(voltage_v=[231.0], current_a=[16.0])
    table = MeterRegisters(model, plant).now()
    meter = MODELS[model]
    held = {at: table.get(at, 0) for block in meter.blocks for at in range(block.first, block.first + block.length)}
    got = reading(meter, held)
    assert got.import_wh == pytest.approx(plant.import_wh, abs=meter.resolution_wh)
    assert got.export_wh == pytest.approx(plant.export_wh, abs=meter.resolution_wh)
    assert got.power_w == pytest.approx(plant.watts(), rel=0.002)
    if meter.voltage:
        assert got.voltage_v == pytest.approx(plant.voltage_v, abs=0.06)
        assert got.current_a == pytest.approx(plant.current_a, abs=0.06)
    if meter.frequency:
        assert got.frequency_hz == pytest.approx(50.0)
