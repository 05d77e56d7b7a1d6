"""A board file becomes drivers and limits: [connector.pilot] driver = "x" -> `Driver` of hal/drivers/x.py.

Reads and checks without touching hardware (`pilotline check` needs none); `attach` of each part does that later.
Wrong keys, kinds and drivers are all reported at once by file, line, section and key. Contracts: hal/contracts.py.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, cast

import msgspec
from msgspec import Meta

import hal.drivers
from hal import contracts
from hal.contracts import Place
from hal.linux.settings import LinuxSettings
from hal.modbus.settings import BusSettings
from hal.toml import ConfigError, Document, Fault, Keys, Table, load_section, nearest, read, unknown
from hal.wire import ConnectorCapability

Amps = Annotated[float, Meta(ge=0, le=1000)]
Volts = Annotated[float, Meta(ge=0, le=2000)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Celsius = Annotated[float, Meta(ge=-40, le=200)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


#: what a connector is: ConnectorEnumType of OCPP 2.0.1 (part 2, 3.20), and what 2.1 adds to it
Kind = Literal[
    "cCCS1", "cCCS2", "cG105", "cTesla", "cType1", "cType2", "s309-1P-16A", "s309-1P-32A", "s309-3P-16A", "s309-3P-32A",
    "sBS1361", "sCEE-7-7", "sType2", "sType3", "Other1PhMax16A", "Other1PhOver16A", "Other3Ph", "Pan", "wInductive",
    "wResonant", "Undetermined", "Unknown",
    "cChaoJi", "cGBT", "OppCharge",
]  # fmt: skip


class BoardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[board]: its name, and what makes it safe when the guard dies.

    `mcu_lease`: a safety controller opens when our messages stop. `hardware_watchdog`: a circuit opens when the tick
    stops feeding it. `line_release`: the kernel lets the lines go with the process; that must have been measured on
    this very board, and is refused for DC. `on_guard_death_source` says who states it and where.
    """

    name: Text
    on_guard_death: Literal["mcu_lease", "hardware_watchdog", "line_release"]
    on_guard_death_source: Text
    tick_priority: Annotated[int, Meta(ge=0, le=98)] = 0  # SCHED_FIFO priority of the tick thread; 0 = ordinary


class SimSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[sim]: the register file of a simulated board."""

    registers: Text


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[connector.policy]: limits that are the board's choice. Defaults are those of an ordinary AC station.

    The meter may read low or the car high: a current is too high above `limit * (1 + tolerance) + margin`, sustained
    for `over_current_s` (IEC 61851-1 leaves the car 5 s to follow a new duty; those are never policed).
    """

    min_close_interval_s: Seconds = 10.0
    feedback_s: Annotated[float, Meta(ge=0.05, le=1.0)] = 0.25
    over_current_tolerance_percent: Percent = 10.0
    over_current_margin_a: Amps = 1.0
    over_current_s: Seconds = 2.0
    meter_sees: Literal["grid", "load"] = "grid"  # load: voltages exist only behind the closed contactor
    on_meter_stale: Literal["stop", "continue"] = "stop"
    under_voltage_percent: Percent = 85.0
    over_voltage_percent: Annotated[float, Meta(ge=100, le=150)] = 112.0
    lost_phase_percent: Percent = 40.0
    mains_s: Seconds = 1.0
    isolation_samples: Annotated[int, Meta(ge=1, le=5)] = 1  # values of the insulation monitor in a cable check
    isolation_self_test: Literal["closed", "open"] = "closed"  # contactor during the monitor's self test
    temperature_warn_c: Celsius = 70.0  # from here the limit falls linearly to the connector's minimum
    temperature_stop_c: Celsius = 85.0
    temperature_hysteresis_k: Annotated[float, Meta(ge=3, le=50)] = 5.0  # hal reference 6: at least 3 K

    def __post_init__(self) -> None:
        if self.temperature_warn_c >= self.temperature_stop_c:
            raise ValueError("temperature_warn_c must lie below temperature_stop_c")


class HardwareLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[connector.hardware]: the lines that keep limits too fast for Linux; DC must name both (IEC 61851-23)."""

    over_voltage_9ms: Text | None = None
    emergency_ramp_30ms: Text | None = None


class ConnectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[connector]]: one connector; `kind` is OCPP's ConnectorEnumType (sType2, cType2, cCCS2, ...)."""

    id: Annotated[int, Meta(ge=1, le=64)]
    kind: Kind
    max_current_a: Annotated[float, Meta(gt=0, le=1000)]
    min_current_a: Annotated[float, Meta(ge=6, le=80)] = 6.0
    phases: Literal[1, 3] = 3
    nominal_voltage_v: Annotated[float, Meta(ge=100, le=480)] = 230.0
    cable_rating_a: Amps | None = None  # fixed cable; a socket has [connector.proximity] instead
    ventilation: bool = False
    digital: bool = True
    dc: bool = False
    dc_max_voltage_v: Volts = 0.0
    dc_max_current_a: Amps = 0.0
    dc_max_power_w: Annotated[float, Meta(ge=0, le=5e6)] = 0.0
    policy: Policy = Policy()
    hardware: HardwareLimits = HardwareLimits()


#: Section name -> its contract. The safety chain has several inputs of one contract.
CONTRACTS: Final[dict[str, type]] = {
    "pilot": contracts.ControlPilot,
    "proximity": contracts.Proximity,
    "contactor": contracts.Contactor,
    "rcd": contracts.ResidualCurrentMonitor,
    "meter": contracts.Meter,
    "lock": contracts.CableLock,
    "thermometer": contracts.Thermometer,
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
STATION_PARTS: Final = ("watchdog", "emergency_stop", "mains_fail", "tamper", "token_reader")
#: Slow parts -> (how often to read, when a value is old), s; a board may set `poll_s` and `stale_s` in the section.
SLOW: Final = {
    "meter": (0.5, 3.0),
    "thermometer": (1.0, 10.0),
    "lock": (0.5, 5.0),
    "dc_supply": (0.05, 0.5),
    "isolation_monitor": (0.25, 5.0),
    "token_reader": (0.2, 5.0),
}


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
        s = self.settings
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
        )


class Board(NamedTuple):
    """A checked board file."""

    settings: BoardSettings
    registers: Path | None
    connectors: tuple[Connector, ...]
    parts: dict[str, Part]  # those of the whole station
    linux: LinuxSettings = LinuxSettings()
    buses: Mapping[str, BusSettings] = MappingProxyType({})

    def attach(self, registers: Path | None = None) -> None:
        """Take all hardware; `registers` overrides [sim]. On DeviceError what was taken is left safe again."""
        taken: list[Part] = []
        sysfs, dev = Path(self.linux.sysfs), Path(self.linux.dev)
        buses = self.make_buses()
        try:
            self.linux.apply()
            for number, part in self._numbered():
                part.driver.attach(Place(number, part.name, registers or self.registers, sysfs, dev, buses))
                taken.append(part)
        except contracts.DeviceError:
            for part in taken:
                part.driver.detach()
            raise

    def make_buses(self) -> dict[str, object]:
        """The shared lines, not yet opened: their drivers do that. Only a board that has one loads what is needed."""
        if not self.buses:
            return {}
        from hal.modbus.bus import Bus  # noqa: PLC0415

        return {name: Bus(name, settings) for name, settings in self.buses.items()}

    def detach(self) -> None:
        for _, part in self._numbered():
            part.driver.detach()

    def _numbered(self) -> Iterator[tuple[int, Part]]:
        for part in self.parts.values():
            yield 0, part
        for connector in self.connectors:
            for part in connector.parts.values():
                yield connector.settings.id, part


# --- reading --------------------------------------------------------------------------------------------------------


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
        lacks = [method for method in (*_methods(CONTRACTS[part]), "attach", "detach") if not hasattr(kind, method)]
        if lacks:
            kinds = "input" if CONTRACTS[part] is contracts.SafetyInput else part
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
            sections = [*parts, *(field for field in known if field in ("policy", "hardware"))]
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

    def connector(self, index: int, table: Any) -> Connector | None:
        keys: Keys = ("connector", index)
        if not isinstance(table, dict):
            self.complain(keys, "is a list of tables: write [[connector]]")
            return None
        parts = self.parts(keys, table, tuple(CONTRACTS))
        settings: ConnectorSettings | None = self.rest(keys, table, ConnectorSettings, parts=tuple(CONTRACTS))
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
        if "proximity" in table and settings.cable_rating_a is not None:
            self.complain((*keys, "cable_rating_a"), "a fixed cable has no proximity contact", "keep one of the two")
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
        if name not in (known := ["board", "sim", "linux", "bus", "connector", *STATION_PARTS]):
            reading.complain((name,), *unknown(name, data[name], (), known))
    settings = load_section(document, ("board",), data.get("board", {}), BoardSettings, reading.faults)
    sim = load_section(document, ("sim",), data["sim"], SimSettings, reading.faults) if "sim" in data else None
    linux = load_section(document, ("linux",), data.get("linux", {}), LinuxSettings, reading.faults)
    buses = reading.buses(data.get("bus", {}))
    parts = reading.parts((), data, STATION_PARTS)
    tables = data.get("connector", [])
    if not isinstance(tables, list) or not tables:
        reading.complain(("connector",), "a board has at least one", "add [[connector]]")
        tables = []
    connectors = [reading.connector(index, table) for index, table in enumerate(tables)]
    found = tuple(connector for connector in connectors if connector is not None)
    _check_board(reading, settings, found, parts)
    _check_buses(reading, buses, found, parts)
    complete = len(found) == len(connectors)
    if settings is None:
        return None, complete, reading.faults
    board = Board(settings, Path(sim.registers) if sim else None, found, parts, linux or LinuxSettings(), buses)
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
    if settings.on_guard_death == "line_release" and any(connector.settings.dc for connector in connectors):
        reading.complain(
            ("board", "on_guard_death"),
            "line_release is refused for DC",
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
    for keys, those in tables:
        for name, part in those.items():
            bus = getattr(part.driver, "bus", None)
            if isinstance(bus, str) and bus not in buses and bus not in reading.document.data.get("bus", {}):
                remedy = nearest(bus, list(buses)) if buses else f"add [bus.{bus}] with its port or host"
                reading.complain((*keys, name, "bus"), f"no bus {bus!r}", remedy)
    ports = [settings.port for settings in buses.values()]
    for name, settings in buses.items():
        if settings.port is not None and ports.count(settings.port) > 1:
            reading.complain(("bus", name, "port"), f"{settings.port} serves another bus too", "one bus per port")
