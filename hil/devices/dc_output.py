"""What power modules are joined to: a bench with the plant's own physics of an output, or the plant itself by its
registers, so that a whole session can run over modules on a bus."""

from hal.sim.registers import ConnectorRegisters
from hil.plant.dc_side import Command, DcSupply, Load


class BenchOutput:
    """An output of the plant's kind with a battery or nothing behind it."""

    def __init__(self, load: Load | None = None, supply: DcSupply | None = None) -> None:
        self.load = load
        self.supply = supply or DcSupply()
        self._command = Command()

    @property
    def voltage_v(self) -> float:
        return self.supply.voltage_v

    @property
    def current_a(self) -> float:
        return self.supply.current_a

    def command(self, *, on: bool, volts: float, amps: float) -> None:
        self._command = Command(on, volts, amps)

    def step(self, dt: float) -> None:
        while dt > 0.0:
            self.supply.step(min(dt, 0.01), self._command, self.load, enabled=True)
            dt -= 0.01


class PlantOutput:
    """The plant's DC output: modules take the place of its own, which otherwise the guard commands by registers."""

    def __init__(self, slots: ConnectorRegisters) -> None:
        self.slots = slots

    @property
    def voltage_v(self) -> float:
        return self.slots["dc_present_voltage_v"]

    @property
    def current_a(self) -> float:
        return self.slots["dc_present_current_a"]

    def command(self, *, on: bool, volts: float, amps: float) -> None:
        self.slots["dc_voltage_v"] = volts
        self.slots["dc_current_a"] = amps
        self.slots["dc_on"] = float(on)
