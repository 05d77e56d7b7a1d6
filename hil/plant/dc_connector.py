"""The DC half of a connector in the plant: joins modules, contactor, cable, car's relay and battery, the monitor."""

from hal.sim.registers import ConnectorRegisters
from hil.plant.contactor import Contactor
from hil.plant.dc_side import CABLE_OHM, CABLE_TIME_S, HEALTHY_OHM, Command, DcSupply, IsolationMonitor, Load
from hil.plant.ev import Car


class DcConnector:
    """Faults are plain attributes for rig control. `plug_v`: voltage at the car's side of the contactor."""

    def __init__(self) -> None:
        self.contactor = Contactor()
        self.supply = DcSupply()
        self.isolation = IsolationMonitor()
        self.short_ohm: float | None = None  # between the poles, in cable or plug
        self.plug_v = 0.0
        self.mismatch_v = 0.0  # what the car's relay had across it when it closed last
        self._relay = False

    def heal(self) -> None:
        """Take every fault out; the modules go on with what they do."""
        self.supply.failed_modules = 0
        self.supply.overshoot_v = self.supply.runaway_a = self.supply.residual_v = 0.0
        self.supply.silent = self.supply.reversed = False
        self.isolation.plus_ohm = self.isolation.minus_ohm = HEALTHY_OHM
        self.isolation.broken = self.isolation.silent = False
        self.short_ohm = None

    def step(self, dt: float, registers: ConnectorRegisters, car: Car, *, powered: bool) -> None:
        """Let `dt` seconds pass. `powered`: the hardware watchdog lets coils and output stage work."""
        self.contactor.step(dt, registers["dc_coil"] == 1.0 and powered)
        relay = car.plugged and car.dc_relay
        if relay and not self._relay:
            self.mismatch_v = abs(self.plug_v - car.battery.voltage_v)
        self._relay = relay
        command = Command(registers["dc_on"] == 1.0, registers["dc_voltage_v"], registers["dc_current_a"])
        enabled = registers["dc_enable"] == 1.0 and powered
        load = self._load(car) if self.contactor.closed else None
        self.supply.step(dt, command, load, enabled=enabled)
        if load is not None and load.sinks and relay:
            car.battery.store(self.supply.voltage_v * self.supply.current_a * dt / 3600.0)
        self._follow_plug(dt, car)
        self.isolation.step(dt, registers["imd_on"] == 1.0, registers["imd_self_test"])

    def _load(self, car: Car) -> Load | None:
        if self.short_ohm is not None:
            return Load(0.0, self.short_ohm + CABLE_OHM)
        if car.plugged and car.dc_relay:
            return Load(car.battery.voltage_v, car.battery.ohm + CABLE_OHM, sinks=not car.battery.full)
        return None

    def _follow_plug(self, dt: float, car: Car) -> None:
        if self.contactor.closed:
            self.plug_v = self.supply.voltage_v
        elif car.plugged and car.dc_relay:
            self.plug_v = car.battery.voltage_v
        else:
            self.plug_v -= self.plug_v * min(1.0, dt / CABLE_TIME_S)

    @property
    def power_w(self) -> float:
        return self.supply.voltage_v * self.supply.current_a

    def write(self, registers: ConnectorRegisters) -> None:
        supply = self.supply
        registers["dc_contactor_closed"] = self.contactor.mirror
        registers["dc_supply_silent"] = supply.silent
        if not supply.silent:
            registers["dc_present_voltage_v"], registers["dc_present_current_a"] = supply.told
        registers["dc_max_voltage_v"] = supply.max_voltage_v
        registers["dc_max_current_a"] = supply.max_current_a
        registers["dc_max_power_w"] = supply.max_power_w
        registers["dc_supply_failed"] = supply.max_power_w == 0.0
        registers["dc_plug_voltage_v"] = -self.plug_v if supply.reversed else self.plug_v
        registers["isolation_ohm"] = self.isolation.reading_ohm
        registers["imd_self_test_ok"] = self.isolation.echo
        registers["imd_fault"] = self.isolation.silent

    def faults(self) -> dict[str, bool]:
        """Name -> present, of what rig control can put in."""
        supply, isolation = self.supply, self.isolation
        return {
            "isolation": isolation.real_ohm < 500_000.0 or isolation.broken or isolation.silent,
            "module_failure": supply.failed_modules > 0,
            "supply_over_voltage": supply.overshoot_v > 0.0,
            "supply_over_current": supply.runaway_a > 0.0,
            "supply_silent": supply.silent,
            "dc_reversed": supply.reversed,
            "dc_residual": supply.residual_v > 0.0,
            "dc_short": self.short_ohm is not None,
        }
