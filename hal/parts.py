"""What a checked board file becomes: parts with their drivers, connectors, the board that takes and frees them all.

Which sections exist, and what each must be able to do, is here too; reading the file is hal/board.py.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hal import contracts
from hal.board_settings import BoardSettings, ConnectorSettings
from hal.can.settings import CanSettings
from hal.contracts import Place
from hal.linux.settings import LinuxSettings
from hal.modbus.settings import BusSettings
from hal.wire import ConnectorCapability

#: The first is the one that policy and reports speak of; all may have a [[connector.derating]] curve.
THERMOMETERS: Final = (
    "thermometer", "thermometer_dc_plus", "thermometer_dc_minus", "thermometer_cable", "thermometer_housing",
)  # fmt: skip
#: Section name -> its contract. The safety chain has several inputs of one contract.
CONTRACTS: Final[dict[str, type]] = {
    "pilot": contracts.ControlPilot,
    "proximity": contracts.Proximity,
    "contactor": contracts.Contactor,
    "ac_contactor": contracts.Contactor,
    "phase_switch": contracts.PhaseSwitch,
    "rcd": contracts.ResidualCurrentMonitor,
    "meter": contracts.Meter,
    "ac_meter": contracts.Meter,
    "site_meter": contracts.Meter,
    "lock": contracts.CableLock,
    **dict.fromkeys(THERMOMETERS, contracts.Thermometer),
    "dc_supply": contracts.DcSupply,
    "dc_enable": contracts.DcEnable,
    "isolation_monitor": contracts.IsolationMonitor,
    "emergency_stop": contracts.SafetyInput,
    "pe_monitor": contracts.SafetyInput,
    "mains_fail": contracts.SafetyInput,
    "tamper": contracts.SafetyInput,
    "shunt_trip": contracts.ShuntTrip,
    "token_reader": contracts.TokenReader,
    "indicator": contracts.Indicator,
    "watchdog": contracts.Watchdog,
}
STATION_PARTS: Final = ("watchdog", "emergency_stop", "mains_fail", "tamper", "token_reader", "site_meter")
CONNECTOR_PARTS: Final = tuple(name for name in CONTRACTS if name != "site_meter")
#: Slow parts -> (how often to read, when a value is old), s; a board may set `poll_s` and `stale_s` in the section.
SLOW: Final = {
    "meter": (0.5, 3.0),
    "ac_meter": (0.5, 3.0),
    "site_meter": (1.0, 10.0),
    **dict.fromkeys(THERMOMETERS, (1.0, 10.0)),
    "lock": (0.5, 5.0),
    "dc_supply": (0.05, 0.5),
    "isolation_monitor": (0.25, 5.0),
    "token_reader": (0.2, 5.0),
}

log = logging.getLogger("board")


class Part(NamedTuple):
    """One driver of the board, not yet attached. `driver` has the methods of the contract of its section."""

    name: str
    driver_name: str
    driver: Any  # the contract named by `name`; the guard gives it its type
    poll_s: float
    stale_s: float


class Connector(NamedTuple):
    settings: ConnectorSettings
    parts: dict[str, Part]

    @property
    def capability(self) -> ConnectorCapability:
        """What the guard reports of this connector at connect."""
        as_ac = self.settings.as_ac
        return self._able(self.settings, None if as_ac is None else self._able(as_ac))

    @property
    def _signs(self) -> bool:
        return "meter" in self.parts and contracts.signs(self.parts["meter"].driver)

    def _able(self, s: ConnectorSettings, ac: ConnectorCapability | None = None) -> ConnectorCapability:
        return ConnectorCapability(
            connector=s.id,
            kind=s.kind,
            max_current_a=s.max_current_a if s.cable_rating_a is None else min(s.max_current_a, s.cable_rating_a),
            min_current_a=s.min_current_a,
            phases=s.phases,
            nominal_voltage_v=s.nominal_voltage_v,
            dc=s.dc,
            dc_max_voltage_v=s.dc_max_voltage_v,
            dc_max_current_a=s.dc_max_current_a,
            dc_max_power_w=s.dc_max_power_w,
            digital=s.digital,
            socket="proximity" in self.parts,
            lock="lock" in self.parts,
            meter="meter" in self.parts,
            ventilation=s.ventilation,
            token_reader="token_reader" in self.parts,
            phase_switch="phase_switch" in self.parts,
            signs=self._signs and (s.dc or "ac_meter" not in self.parts),
            ac=ac,
        )


class Board(NamedTuple):
    """A checked board file."""

    settings: BoardSettings
    registers: Path | None
    connectors: tuple[Connector, ...]
    parts: dict[str, Part]  # those of the whole station
    linux: LinuxSettings = LinuxSettings()
    buses: Mapping[str, BusSettings] = MappingProxyType({})
    controllers: Mapping[str, Part] = MappingProxyType({})  # the board's own, shared by the parts that name them
    cans: Mapping[str, CanSettings] = MappingProxyType({})

    def attach(self, registers: Path | None = None) -> None:
        """Take all hardware; `registers` overrides [sim]. On DeviceError what was taken is left safe again."""
        taken: list[tuple[int, Part]] = []
        sysfs, dev = Path(self.linux.sysfs), Path(self.linux.dev)
        shared = {name: part.driver for name, part in self.controllers.items()}
        whole = Place(0, "", registers or self.registers, sysfs, dev, self.make_buses(dev), shared, self.make_cans())
        try:
            self.linux.apply()
            for number, part in self._numbered():
                part.driver.attach(whole._replace(connector=number, part=part.name))
                taken.append((number, part))
        except contracts.DeviceError:
            _leave(taken)
            raise

    def make_buses(self, dev: Path = Path("/dev")) -> dict[str, object]:
        """The shared lines, not yet opened: their drivers do that. Only a board that has one loads what is needed."""
        if not self.buses:
            return {}
        from hal.modbus.bus import Bus  # noqa: PLC0415

        return {name: Bus(name, settings, dev) for name, settings in self.buses.items()}

    def make_cans(self) -> dict[str, object]:
        """The CAN buses, not yet opened."""
        if not self.cans:
            return {}
        try:
            from hal.can.bus import CanBus  # noqa: PLC0415 - python-can alone is 16 MB
        except ModuleNotFoundError as error:
            raise contracts.DeviceError("python-can is missing: install pilotline[can]") from error

        return {name: CanBus(name, settings) for name, settings in self.cans.items()}

    def detach(self) -> None:
        """Parts before the controllers they hang on."""
        _leave(self._numbered())

    def _numbered(self) -> Iterator[tuple[int, Part]]:
        for part in (*self.controllers.values(), *self.parts.values()):
            yield 0, part
        for connector in self.connectors:
            for part in connector.parts.values():
                yield connector.settings.id, part


def _leave(parts: Iterable[tuple[int, Part]]) -> None:
    """Last taken first. One that cannot be left keeps no other from it."""
    for number, part in reversed(tuple(parts)):
        try:
            part.driver.detach()
        except contracts.DeviceError as error:
            log.error("connector %d %s: not left safe: %s", number, part.name, error)
