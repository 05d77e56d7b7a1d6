"""A board file becomes drivers and limits: [connector.pilot] driver = "x" -> `Driver` of hal/drivers/x.py.

Reads and checks without touching hardware (`pilotline check` needs none); `attach` of each part does that later.
Wrong keys, kinds and drivers are all reported at once by file, line, section and key. What comes out is hal/parts.py.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import hal.drivers
from hal import connector_kinds, contracts
from hal.board_settings import BoardSettings, ConnectorSettings, SimSettings
from hal.can.settings import CanSettings
from hal.linux.settings import LinuxSettings
from hal.modbus.settings import BusSettings
from hal.parts import CONNECTOR_PARTS, CONTRACTS, SLOW, STATION_PARTS, Board, Connector, Part
from hal.toml import load_section, nearest, unknown
from hal.toml_document import ConfigError, Document, Fault, Keys, Table, read


class _Reading:
    """One pass over a board file, collecting faults."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[Fault] = []

    def complain(self, keys: Keys, text: str, remedy: str = "") -> None:
        self.faults.append(self.document.fault(keys, text, remedy))

    def part(self, keys: Keys, table: Any) -> Part | None:
        name = cast(str, keys[-1])
        if not isinstance(table, dict):
            self.complain(keys, f"is a section: write [{'.'.join(k for k in keys if isinstance(k, str))}]")
            return None
        driver_name = table.get("driver")
        if not isinstance(driver_name, str):
            self.complain((*keys, "driver"), "missing key" if driver_name is None else "expected a text", "add it")
            return None
        kind = self._driver(keys, name, driver_name)
        if kind is None:
            return None
        poll_s, stale_s = SLOW.get(name, (0.0, 0.0))
        own = dict(table)
        del own["driver"]
        if name in SLOW:
            poll_s = self._seconds((*keys, "poll_s"), own.pop("poll_s", poll_s))
            stale_s = self._seconds((*keys, "stale_s"), own.pop("stale_s", stale_s))
        also = ("poll_s", "stale_s") if name in SLOW else ()
        driver = load_section(self.document, keys, own, kind, self.faults, also=also)
        return None if driver is None else Part(name, driver_name, driver, poll_s, stale_s)

    def _seconds(self, keys: Keys, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.01 <= value <= 3600:
            self.complain(keys, "expected seconds from 0.01 to 3600")
            return 1.0
        return float(value)

    def _driver(self, keys: Keys, part: str, name: str) -> type | None:
        """The Driver class of a name, if it has the methods of the part's contract."""
        known = drivers()
        if name not in known:
            self.complain((*keys, "driver"), f"no driver {name!r}", nearest(name, known))
            return None
        kind: type = importlib.import_module(f"hal.drivers.{name}").Driver
        contract = contracts.Controller if keys[0] == "controller" else CONTRACTS[part]
        lacks = [method for method in (*_methods(contract), "attach", "detach") if not hasattr(kind, method)]
        if lacks:
            if contract is contracts.Controller:
                self.complain((*keys, "driver"), f"{name!r} is no controller: lacks {', '.join(lacks)}")
                return None
            kinds = "input" if contract is contracts.SafetyInput else part
            fitting = ", ".join(other for other in known if other.endswith(f"_{kinds}"))
            self.complain((*keys, "driver"), f"{name!r} is no {part}: lacks {', '.join(lacks)}", f"use {fitting}")
            return None
        return kind

    def parts(self, keys: Keys, table: Table, allowed: tuple[str, ...]) -> dict[str, Part]:
        found = {name: self.part((*keys, name), table[name]) for name in allowed if name in table}
        return {name: part for name, part in found.items() if part is not None}

    def rest(self, keys: Keys, table: Any, kind: Any, *, parts: tuple[str, ...]) -> Any:
        """The plain keys of a table whose part sections are read by `parts`; their names serve as remedies too."""
        plain = {name: value for name, value in table.items() if name not in parts}
        known = list(kind.__struct_encode_fields__)
        for name in [name for name in plain if name not in known]:
            sections = [*parts, *(field for field in known if field in ("policy", "hardware", "ac"))]
            self.complain((*keys, name), *unknown(name, table[name], [k for k in known if k not in sections], sections))
            del plain[name]
        return load_section(self.document, keys, plain, kind, self.faults)

    def buses(self, table: Any) -> dict[str, BusSettings]:
        if not isinstance(table, dict):
            self.complain(("bus",), "is a table of buses: write [bus.<name>]")
            return {}
        found = {}
        for name, keys in table.items():
            settings = load_section(self.document, ("bus", name), keys, BusSettings, self.faults)
            if settings is not None:
                found[name] = settings
        return found

    def cans(self, table: Any) -> dict[str, CanSettings]:
        if not isinstance(table, dict):
            self.complain(("can",), "is a table of CAN buses: write [can.<name>]")
            return {}
        found = {
            name: load_section(self.document, ("can", name), keys, CanSettings, self.faults)
            for name, keys in table.items()
        }
        return {name: settings for name, settings in found.items() if settings is not None}

    def controllers(self, table: Any) -> dict[str, Part]:
        if not isinstance(table, dict):
            self.complain(("controller",), "is a table of controllers: write [controller.<name>]")
            return {}
        found = {name: self.part(("controller", name), keys) for name, keys in table.items()}
        return {name: part._replace(name=f"controller {name}") for name, part in found.items() if part is not None}

    def connector(self, index: int, table: Any) -> Connector | None:
        keys: Keys = ("connector", index)
        if not isinstance(table, dict):
            self.complain(keys, "is a list of tables: write [[connector]]")
            return None
        parts = self.parts(keys, table, CONNECTOR_PARTS)
        settings: ConnectorSettings | None = self.rest(keys, table, ConnectorSettings, parts=CONNECTOR_PARTS)
        if settings is None:
            return None
        self._whole(keys, settings, table)
        return Connector(settings, parts)

    def connector_keys(self, number: int) -> Keys:
        """Where the connector of a number stands in the file."""
        tables = self.document.data["connector"]
        return ("connector", next(at for at, table in enumerate(tables) if table.get("id") == number))

    def _whole(self, keys: Keys, settings: ConnectorSettings, table: Table) -> None:
        """What one connector must have together."""
        needed = ["pilot", "contactor"] + (["dc_supply", "isolation_monitor"] if settings.dc else [])
        for name in needed:
            if name not in table:
                self.complain((*keys, name), "missing section", f"add [connector.{name}]")
        kind = connector_kinds.KINDS.get(settings.kind)
        button = kind is not None and kind.proximity == "button"
        if "proximity" in table and settings.cable_rating_a is not None and not button:
            self.complain((*keys, "cable_rating_a"), "a fixed cable has no proximity contact", "keep one of the two")
        wrong = (*connector_kinds.wrong(settings, table), *connector_kinds.wrong_both(settings, table))
        for key, text, remedy in wrong:
            self.complain((*keys, *key.split(".")), text, remedy)
        for index, curve in enumerate(settings.derating):
            if curve.sensor not in table:
                where = (*keys, "derating", index, "sensor")
                self.complain(where, f"no {curve.sensor} on this connector", f"add [connector.{curve.sensor}]")
        if not settings.dc and "proximity" not in table and settings.cable_rating_a is None:
            self.complain((*keys, "cable_rating_a"), "missing key", "add it (fixed cable) or [connector.proximity]")
        if settings.max_current_a < settings.min_current_a:
            self.complain((*keys, "max_current_a"), f"below min_current_a ({settings.min_current_a:g})")
        if settings.dc:
            for key in ("dc_max_voltage_v", "dc_max_current_a", "dc_max_power_w"):
                if getattr(settings, key) <= 0:
                    self.complain((*keys, key), "a DC connector needs it", "add it")
            for key in ("over_voltage_9ms", "emergency_ramp_30ms"):
                if getattr(settings.hardware, key) is None:
                    self.complain((*keys, "hardware", key), "missing key", "name the line that keeps this limit")


def _methods(contract: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(contract, inspect.isfunction) if not name.startswith("_")]


def drivers() -> list[str]:
    """Names of all drivers."""
    return sorted(module.name for module in pkgutil.iter_modules(hal.drivers.__path__))


def load(path: Path) -> Board:
    """Read and check a board file. Raises ConfigError with every fault found; touches no hardware."""
    board, _, faults = examine(path)
    if faults or board is None:
        raise ConfigError(faults)
    return board


def examine(path: Path) -> tuple[Board | None, bool, list[Fault]]:
    """(board with the connectors that are right, are these all, faults). Raises ConfigError when it is no TOML."""
    document = read(path)
    reading = _Reading(document)
    data = document.data
    for name in data:
        if name not in (known := ["board", "sim", "linux", "bus", "can", "controller", "connector", *STATION_PARTS]):
            reading.complain((name,), *unknown(name, data[name], (), known))
    settings = load_section(document, ("board",), data.get("board", {}), BoardSettings, reading.faults)
    sim = load_section(document, ("sim",), data["sim"], SimSettings, reading.faults) if "sim" in data else None
    linux = load_section(document, ("linux",), data.get("linux", {}), LinuxSettings, reading.faults)
    buses = reading.buses(data.get("bus", {}))
    cans = reading.cans(data.get("can", {}))
    controllers = reading.controllers(data.get("controller", {}))
    parts = reading.parts((), data, STATION_PARTS)
    tables = data.get("connector", [])
    if not isinstance(tables, list) or not tables:
        reading.complain(("connector",), "a board has at least one", "add [[connector]]")
        tables = []
    connectors = [reading.connector(index, table) for index, table in enumerate(tables)]
    found = tuple(connector for connector in connectors if connector is not None)
    _check_board(reading, settings, found, parts)
    _check_buses(reading, buses, found, {**parts, **{f"controller.{name}": c for name, c in controllers.items()}})
    _check_cans(reading, cans, found)
    _check_controllers(reading, settings, controllers, found, parts)
    complete = len(found) == len(connectors)
    if settings is None:
        return None, complete, reading.faults
    registers = Path(sim.registers) if sim else None
    board = Board(settings, registers, found, parts, linux or LinuxSettings(), buses, controllers, cans)
    return board, complete, reading.faults


def _check_board(
    reading: _Reading, settings: BoardSettings | None, connectors: tuple[Connector, ...], parts: dict[str, Part]
) -> None:
    numbers = [connector.settings.id for connector in connectors]
    for index, number in enumerate(numbers):
        if number in numbers[:index]:
            reading.complain(("connector", index, "id"), f"connector {number} exists already")
    if settings is None:
        return
    kept = settings.on_guard_death in ("line_release", "own_protection")
    if kept and any(connector.settings.dc for connector in connectors):
        reading.complain(
            ("board", "on_guard_death"),
            f"{settings.on_guard_death} is refused for DC",
            "use a board with mcu_lease or hardware_watchdog",
        )
    watchdogs = [part for part in (parts, *(c.parts for c in connectors)) if "watchdog" in part]
    if settings.on_guard_death == "hardware_watchdog" and not watchdogs:
        reading.complain(("board", "on_guard_death"), "hardware_watchdog without a watchdog", "add [watchdog]")


def _check_buses(
    reading: _Reading, buses: Mapping[str, BusSettings], connectors: tuple[Connector, ...], parts: dict[str, Part]
) -> None:
    """Every part that names a bus finds it; no two serial buses have one port."""
    tables: list[tuple[Keys, dict[str, Part]]] = [((), parts)]
    for connector in connectors:
        tables.append((reading.connector_keys(connector.settings.id), connector.parts))
    written = list(reading.document.data.get("bus", {}))  # a faulty one too: its faults are told already
    for keys, those in tables:
        for name, part in those.items():
            bus = getattr(part.driver, "bus", None)
            if isinstance(bus, str) and bus not in buses and bus not in written:
                remedy = nearest(bus, written) if written else f"add [bus.{bus}] with its port or host"
                reading.complain((*keys, *name.split("."), "bus"), f"no bus {bus!r}", remedy)
    ports = [settings.port for settings in buses.values()]
    for name, settings in buses.items():
        if settings.port is not None and ports.count(settings.port) > 1:
            reading.complain(("bus", name, "port"), f"{settings.port} serves another bus too", "one bus per port")


def _check_cans(reading: _Reading, cans: Mapping[str, CanSettings], connectors: tuple[Connector, ...]) -> None:
    """Every supply that names a CAN bus finds it; no module serves two outputs."""
    owners: dict[tuple[str, str, int], int] = {}
    for connector in connectors:
        part = connector.parts.get("dc_supply")
        name = getattr(part.driver, "can", None) if part is not None else None
        if part is None or not isinstance(name, str):
            continue
        number = connector.settings.id
        keys: Keys = (*reading.connector_keys(number), "dc_supply")
        if name not in cans and name not in reading.document.data.get("can", {}):
            remedy = nearest(name, list(cans)) if cans else f"add [can.{name}] with its interface and channel"
            reading.complain((*keys, "can"), f"no CAN bus {name!r}", remedy)
        for address in part.driver.modules:
            owner = owners.setdefault((name, part.driver_name, address), number)
            if owner != number:
                reading.complain((*keys, "modules"), f"module {address} serves connector {owner} already")


def _check_controllers(
    reading: _Reading,
    settings: BoardSettings | None,
    controllers: Mapping[str, Part],
    connectors: tuple[Connector, ...],
    parts: dict[str, Part],
) -> None:
    """Every part that names a controller finds it and its outlet; none is promised what the controller cannot do."""
    written = reading.document.data.get("controller", {})
    tables: list[tuple[Keys, dict[str, Part]]] = [((), parts)]
    tables += [(reading.connector_keys(connector.settings.id), connector.parts) for connector in connectors]
    for keys, those in tables:
        for name, part in those.items():
            asked = getattr(part.driver, "controller", None)
            if not isinstance(asked, str):
                continue
            if asked not in controllers:
                remedy = nearest(asked, list(controllers)) if controllers else f"add [controller.{asked}]"
                if asked not in written:
                    reading.complain((*keys, name, "controller"), f"no controller {asked!r}", remedy)
            elif part.driver.outlet > controllers[asked].driver.outlet_count:
                most = controllers[asked].driver.outlet_count
                reading.complain((*keys, name, "outlet"), f"controller {asked!r} has {most}")
    for connector in connectors:
        named = controllers.get(getattr(connector.parts.get("pilot", (None,) * 3)[2], "controller", ""))
        if named is not None and connector.settings.digital and not named.driver.digital:
            keys = reading.connector_keys(connector.settings.id)
            reading.complain((*keys, "digital"), f"{named.driver_name} cannot show 5 %", "write digital = false")
        for name in ("contactor", "ac_contactor") if connector.settings.dc else ():
            named = controllers.get(getattr(connector.parts.get(name, (None,) * 3)[2], "controller", ""))
            if named is not None and named.driver.on_guard_death == "own_protection":
                keys = (*reading.connector_keys(connector.settings.id), name, "controller")
                reading.complain(keys, f"{named.driver_name} closes by its own judgement: not for DC")
    promises = {part.driver.on_guard_death for part in controllers.values()}
    promised = settings.on_guard_death if settings is not None else ""
    if promised in ("mcu_lease", "own_protection") and promised not in promises:
        remedy = f"these say {' and '.join(sorted(promises))}" if promises else "add [controller.<name>]"
        reading.complain(("board", "on_guard_death"), f"{promised} without a controller that does so", remedy)
