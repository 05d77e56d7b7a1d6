"""Rig control of the DC side: insulation, power modules and their bus, short circuit. On an AC connector nothing
shows of it."""

from typing import Annotated, Literal

from msgspec import Meta

from hil.plant.command import Command
from hil.plant.connector import Connector
from hil.plant.dc_side import MODULES

Ohm = Annotated[float, Meta(ge=0, le=1e9)]


class Isolation(Command, frozen=True, kw_only=True, tag="isolation"):
    """Set the insulation of the DC side in Ohm, of one pole or both; `broken`: the monitor fails its self test;
    `silent`: it does not answer."""

    ohm: Ohm = 1_000_000.0
    pole: Literal["both", "plus", "minus"] = "both"
    broken: bool = False
    silent: bool = False

    def touch(self, connector: Connector) -> None:
        monitor = connector.power.isolation
        if self.pole in {"both", "plus"}:
            monitor.plus_ohm = self.ohm
        if self.pole in {"both", "minus"}:
            monitor.minus_ohm = self.ohm
        monitor.broken, monitor.silent = self.broken, self.silent


class ModuleFailure(Command, frozen=True, kw_only=True, tag="module_failure"):
    """Let this many of the four power modules fail: the output can give less, with all of them nothing."""

    modules: Annotated[int, Meta(ge=0, le=MODULES)] = 1

    def touch(self, connector: Connector) -> None:
        connector.power.supply.failed_modules = self.modules


class SupplyOverVoltage(Command, frozen=True, kw_only=True, tag="supply_over_voltage"):
    """Let the supply give this much more than its set point, in V; zero = healthy."""

    excess_v: Annotated[float, Meta(ge=0, le=1000)] = 300.0

    def touch(self, connector: Connector) -> None:
        connector.power.supply.overshoot_v = self.excess_v


class SupplyOverCurrent(Command, frozen=True, kw_only=True, tag="supply_over_current"):
    """Let the supply give this much more current than asked for, in A; zero = healthy."""

    excess_a: Annotated[float, Meta(ge=0, le=500)] = 100.0

    def touch(self, connector: Connector) -> None:
        connector.power.supply.runaway_a = self.excess_a


class SupplySilent(Command, frozen=True, kw_only=True, tag="supply_silent"):
    """Cut the supply's bus (on) or join it (off): modules that hear nothing go on as they were told for 10 s."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.power.supply.silent = self.on


class DcReversed(Command, frozen=True, kw_only=True, tag="dc_reversed"):
    """Swap the poles of the output's measurement (on) or put them right (off)."""

    on: bool = True

    def touch(self, connector: Connector) -> None:
        connector.power.supply.reversed = self.on


class DcResidual(Command, frozen=True, kw_only=True, tag="dc_residual"):
    """Let this voltage stay at the output while it is off (a broken bleeder), in V; zero = it discharges."""

    volts: Annotated[float, Meta(ge=0, le=1000)] = 300.0

    def touch(self, connector: Connector) -> None:
        supply = connector.power.supply
        supply.residual_v, supply.voltage_v = self.volts, max(self.volts, supply.voltage_v)


class DcShort(Command, frozen=True, kw_only=True, tag="dc_short"):
    """Short the poles in the cable through `ohm` (on), or take it away (off)."""

    on: bool = True
    ohm: Annotated[float, Meta(gt=0, le=1000)] = 1.0

    def touch(self, connector: Connector) -> None:
        connector.power.short_ohm = self.ohm if self.on else None
