"""The copper around a board's own controller: car, contactor, residual current, lock, inputs, meter.

Simulated controllers (openevse.py, mcu.py, ...) drive and read it as their circuit would; a test sets public fields.
`PlantCopper` is the same over the rig's register file, so that the plant's car is at the other end.
"""

from dataclasses import dataclass, field
from typing import Final

from hal.sim.registers import PILOT_MODES, ConnectorRegisters
from hil.devices.plant_values import PlantValues

LOAD_MV: Final = {"A": 12_000, "B": 9_000, "C": 6_000, "D": 3_000, "E": 0}


@dataclass
class Copper:
    """`car`: state that the car makes of the line. `mode`, `duty_percent`, `coil`, `rcd_test`, `bolt_to` are what the
    controller drives."""

    car: str = "A"
    diode: bool = True
    cable: int = 32
    welded: bool = False
    stuck: bool = False
    leak: bool = False
    rcd_works: bool = True
    emergency_stop: bool = False
    pe_lost: bool = False
    bolt_stuck: bool = False
    temperature_c: float = 25.0
    meter: PlantValues = field(default_factory=lambda: PlantValues(current_a=[0.0, 0.0, 0.0], import_wh=1000.0))
    contactor_s: float = 0.02
    mode: str = "x1"
    duty_percent: float = 100.0
    coil: bool = False
    rcd_test: bool = False
    bolt_to: bool = False
    closed: bool = False
    locked: bool = False
    opened_at: float = 0.0  # when the contactor fell last
    _moved_at: float = 0.0

    def step(self, now: float) -> None:
        """Contactor and bolt move."""
        if self.coil == self.closed or (self.welded and self.closed) or (self.stuck and not self.closed):
            self._moved_at = now
        elif now - self._moved_at >= self.contactor_s:
            self.closed = self.coil
            if not self.closed:
                self.opened_at = now
        if not self.bolt_stuck:
            self.locked = self.bolt_to

    @property
    def half_waves_mv(self) -> tuple[int, int]:
        if self.mode in "ef":
            level = 0 if self.mode == "e" else -12_000
            return level, level
        high = LOAD_MV[self.car]
        if self.mode == "x1" or self.car == "E":
            return high, high
        return high, -12_000 if self.diode or self.car == "A" else -high

    @property
    def tripped(self) -> bool:
        """Output of the residual current sensor."""
        return self.leak or (self.rcd_test and self.rcd_works)

    @property
    def state(self) -> str:
        """Letter that a controller makes of its measurement."""
        return "F" if self.mode == "f" else "E" if self.mode == "e" else self.car


class PlantCopper(Copper):
    """Over the registers of one connector: the plant moves everything, here it is only passed on."""

    def __init__(self, slots: ConnectorRegisters) -> None:
        super().__init__()
        self.slots = slots
        self._seen_mv = (0, 0)

    def step(self, now: float) -> None:
        slots = self.slots
        slots["coil"], slots["rcd_test"] = float(self.coil), float(self.rcd_test)
        slots["pilot_mode"] = float(PILOT_MODES.index(self.mode))
        slots["pilot_duty_percent"] = self.duty_percent
        slots["lock_command"] = 1.0 if self.bolt_to else 2.0
        slots["watchdog"] = slots["watchdog"] + 1.0  # the microcontroller's own, which it feeds as long as it runs
        closed = slots["contactor_closed"] != 0.0
        if self.closed and not closed:
            self.opened_at = now
        self.closed, self.locked = closed, slots["lock_state"] == 1.0
        self.leak = slots["rcd_tripped"] != 0.0
        self.emergency_stop, self.pe_lost = slots["emergency_stop"] != 0.0, slots["pe_fault"] != 0.0
        self.cable, self.temperature_c = int(slots["plug_rating_a"]), slots["temperature_c"]
        self._seen_mv = (int(slots["cp_high_mv"]), int(slots["cp_low_mv"]))
        self.meter.voltage_v = [slots[f"voltage_l{n}_v"] for n in (1, 2, 3)]
        self.meter.current_a = [slots[f"current_l{n}_a"] for n in (1, 2, 3)]
        self.meter.power_w, self.meter.import_wh = slots["power_w"], slots["energy_wh"]

    @property
    def half_waves_mv(self) -> tuple[int, int]:
        return self._seen_mv

    @property
    def state(self) -> str:
        high = self._seen_mv[0]
        if self.mode in "ef":
            return self.mode.upper()
        return next((name for name, level in LOAD_MV.items() if abs(high - level) <= 1500), "E")
