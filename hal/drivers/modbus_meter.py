"""A meter read over Modbus by a register map (hal/meters). Meters that sign have drivers of their own on top."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from hal.contracts import DeviceError, MeterReading, Place
from hal.meters.belief import Belief, MeterKeys
from hal.meters.energy_counter import Limits
from hal.meters.models import MODELS
from hal.meters.register_map import MeterMap, reading
from hal.modbus.part import ModbusPart

Model = Literal[
    "eastron_sdm630", "eastron_sdm72", "eastron_sdm72_v2", "eastron_sdm230", "carlo_gavazzi_em24",
    "carlo_gavazzi_em340", "klefr_693x", "acrel_djsf1352",
]  # fmt: skip


@dataclass
class MappedMeter(MeterKeys, ModbusPart):
    """`map_name`: the map of a driver whose model is given by its file."""

    map_name: ClassVar[str] = ""
    _belief: Belief | None = field(init=False, default=None, repr=False)

    @property
    def map(self) -> MeterMap:
        return MODELS[self.map_name]

    def attach(self, place: Place) -> None:
        super().attach(place)
        meter = self.map
        volts = meter.max_voltage_v
        phases = max(1, len(meter.voltage or (0, 0, 0)))
        most = self.max_power_w or meter.max_current_a * (volts if meter.dc else 277.0 * phases)
        limits = Limits(most, meter.resolution_wh, meter.rollover_wh)
        name = f"{place} ({meter.name}, {self.unit})"
        self._belief = Belief(name, self, volts, meter.max_current_a, limits)

    def detach(self) -> None:
        super().detach()
        self._belief = None

    def read(self) -> MeterReading:
        """One reading. Stops at the first block that does not come: the rest would only take its time too."""
        if self._belief is None:
            raise DeviceError(f"bus {self.bus} unit {self.address}: not attached")
        words: dict[int, int] = {}
        for block in self.map.blocks:
            values = self.unit.read(block.function, block.first, block.length)
            words.update(zip(range(block.first, block.first + block.length), values, strict=True))
        return self._belief.check(reading(self.map, words))


@dataclass(kw_only=True)
class Driver(MappedMeter):
    """[connector.meter] driver = "modbus_meter", model = one of the maps in hal/meters."""

    model: Model

    @property
    def map(self) -> MeterMap:
        return MODELS[self.model]
