"""Components of this very station, looked up when asked: the tree of EVSEs and connectors with what hangs on it, its
clock, its memory of tokens, its identity."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from firmware.config import OcppSettings
from firmware.ocpp.payload import stamp
from firmware.ocpp.variables import DataType, Variable, fixed, live
from firmware.station.evse import Evse
from firmware.station.local_list import MAX_ENTRIES
from firmware.station.station import Station

AVAILABILITY: Final = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")

#: Where a fault belongs: the component that has the `Problem` (part 2 appendix 3); the rest
#: is the EVSE's and the connector's.
FAULTY: Final = {
    "lock_open": "ConnectorPlugRetentionLock",
    "meter_stale": "FiscalMetering",
    "rcd_tripped": "RCD",
    "rcd_self_test": "RCD",
    "weld": "PowerContactor",
    "stuck_open": "PowerContactor",
    "unexpected_edge": "PowerContactor",
    "dc_weld": "PowerContactor",
    "over_temperature": "TemperatureSensor",
    "emergency_stop": "EmergencyStopSensor",
    "pilot_short": "CPPWMController",
    "pilot_diode": "CPPWMController",
    "pilot_fault": "CPPWMController",
    "pilot_stale": "CPPWMController",
    "mains_fail": "ElectricalFeed",
    "under_voltage": "ElectricalFeed",
    "over_voltage": "ElectricalFeed",
    "lost_phase": "ElectricalFeed",
    "tamper": "AccessBarrier",
}


def rows(station: Station, settings: OcppSettings) -> list[Variable]:
    """All of them."""
    return [*_whole(station, settings), *(row for evse in station.evses.values() for row in _evse(station, evse))]


def _whole(station: Station, settings: OcppSettings) -> list[Variable]:
    about = station.settings.station
    profile = "2" if settings.url.startswith("wss:") else "1" if settings.password else "0"
    return [
        live("ClockCtrlr", "DateTime", "dateTime", lambda: stamp(station.clock.utc())),
        replace(fixed("SecurityCtrlr", "SecurityProfile", "integer", profile), key="SecurityProfile"),
        fixed("SecurityCtrlr", "Identity", "string", settings.identity),
        fixed("ChargingStation", "Model", "string", about.model),
        fixed("ChargingStation", "VendorName", "string", about.vendor),
        *([fixed("ChargingStation", "SerialNumber", "string", about.serial)] if about.serial else []),
        fixed("ChargingStation", "Available", "boolean", "true"),
        _state(station, None, "ChargingStation"),
        live("ChargingStation", "SupplyPhases", "integer", lambda: _phases(station, None)),
        replace(live("ChargingStation", "Problem", "boolean", lambda: _word(_any_fault(station))), summary=True),
        replace(
            live("LocalAuthListCtrlr", "Entries", "integer", lambda: str(len(station.authorizer.local_list))),
            maximum=MAX_ENTRIES,
        ),
        replace(
            live("SmartChargingCtrlr", "Entries", "integer", lambda: "0", of="ChargingProfiles"),
            read=lambda: str(station.number("SmartChargingCtrlr.Entries[ChargingProfiles]", 0)).partition(".")[0],
            maximum=50,
        ),
        fixed("Controller", "Available", "boolean", "true"),
        fixed("TokenReader", "Available", "boolean", "true"),
        live("TokenReader", "Enabled", "boolean", lambda: _word(station.free_token is None)),
    ]


def _evse(station: Station, evse: Evse) -> list[Variable]:
    """An EVSE with its connectors, meter, pilot and contactor."""
    found = [
        fixed("EVSE", "Available", "boolean", "true"),
        fixed("EVSE", "AllowReset", "boolean", "true"),
        _state(station, evse.id, "EVSE"),
        live("EVSE", "SupplyPhases", "integer", lambda: _phases(station, evse.id)),
        replace(
            live("EVSE", "Power", "decimal", lambda: _power(evse), unit="W"),
            others={"MaxSet": lambda: f"{_most_w(evse):.0f}"},
        ),
        _of_meter("FiscalMetering", "EnergyImportRegister", "Wh", evse, lambda s: f"{s[0]:.1f}"),
        _of_meter("ElectricalFeed", "Power", "W", evse, lambda s: f"{s[1]:.0f}"),
        live("CPPWMController", "State", "string", lambda: evse.level),
        live("CPPWMController", "Active", "boolean", lambda: _word(evse.nominal)),
        live("PowerContactor", "Active", "boolean", lambda: _word(evse.closed)),
        live("ConnectedEV", "Available", "boolean", lambda: _word(evse.plugged)),
        live("ConnectedEV", "ProtocolAgreed", "string", lambda: evse.digital.protocol if evse.digital else ""),
        live("ConnectedEV", "VehicleID", "string", lambda: evse.digital.evccid if evse.digital else ""),
        _problem("EVSE", evse, frozenset({None})),
    ]
    for name in sorted(set(FAULTY.values()) - {"ConnectorPlugRetentionLock"}):
        found.append(_problem(name, evse, frozenset(code for code, of in FAULTY.items() if of == name)))
    placed = [replace(row, evse=evse.id) for row in found]
    for number in range(1, len(evse.settings.connectors) + 1):
        placed += [replace(row, evse=evse.id, connector=number) for row in _connector(station, evse, number)]
    return placed


def _connector(station: Station, evse: Evse, number: int) -> list[Variable]:
    lock = frozenset(code for code, of in FAULTY.items() if of == "ConnectorPlugRetentionLock")
    return [
        fixed("Connector", "Available", "boolean", "true"),
        _state(station, evse.id, "Connector", number),
        live(
            "Connector", "ConnectorType", "string", lambda: evse.capability.kind if evse.capability else "Undetermined"
        ),
        live("Connector", "SupplyPhases", "integer", lambda: _phases(station, evse.id)),
        _problem("Connector", evse, frozenset({None})),
        _problem("ConnectorPlugRetentionLock", evse, lock),
        live("ConnectorPlugRetentionLock", "Available", "boolean", lambda: _word(evse.has_lock)),
        live("ConnectorPlugRetentionLock", "State", "string", lambda: evse.seen.lock.value if evse.seen else ""),
    ]


def _problem(component: str, evse: Evse, codes: frozenset[str | None]) -> Variable:
    """True while a fault of one of these codes is there; None = any fault at all."""

    def present() -> str:
        return _word(any(None in codes or fault.code in codes for fault in evse.faults))

    return replace(live(component, "Problem", "boolean", present), summary=True)


def _state(station: Station, evse: int | None, component: str, connector: int | None = None) -> Variable:
    def read() -> str:
        found = [each for each in station.statuses() if evse in (None, each.evse)]
        states = [each.state for each in found if connector in (None, each.connector)]
        return next(
            (word for word in ("Available", "Occupied", "Reserved", "Faulted") if word in states), "Unavailable"
        )

    return replace(live(component, "AvailabilityState", "OptionList", read), values=AVAILABILITY, summary=True)


def _of_meter(component: str, name: str, unit: str, evse: Evse, text: Callable[[tuple[float, float]], str]) -> Variable:
    def read() -> str:
        sample = evse.sample()
        return text((sample.energy_wh, sample.power_w)) if sample is not None else ""

    kind: DataType = "decimal"
    return live(component, name, kind, read, unit=unit)


def _any_fault(station: Station) -> bool:
    return any(evse.faults for evse in station.evses.values())


def _phases(station: Station, evse: int | None) -> str:
    known = [e.capability for e in station.evses.values() if evse in (None, e.id) and e.capability]
    return str(max((0 if each.dc else each.phases for each in known), default=3))


def _power(evse: Evse) -> str:
    sample = evse.sample()
    return f"{sample.power_w:.0f}" if sample is not None else "0"


def _most_w(evse: Evse) -> float:
    can = evse.hardware
    if can is None:
        return 22_080.0
    return can.dc_max_power_w if can.dc else can.max_current_a * can.phases * can.nominal_voltage_v


def _word(flag: bool) -> str:
    return "true" if flag else "false"
