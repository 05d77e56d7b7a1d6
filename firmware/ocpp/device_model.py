"""The values of all variables of this station: found by 2.x name or 1.6 key, read, checked and set.

Values are kept by the station (its journal makes them lasting) under "Component.Variable[instance]", so that the
station can read what concerns it. Which variables exist is said in `variables` and, for EVSEs and connectors, here.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

from firmware.config import OcppSettings
from firmware.ocpp.payload import stamp
from firmware.ocpp.variables import TABLE, Variable, fixed
from firmware.station.station import Station

SetStatus = Literal["Accepted", "Rejected", "RebootRequired"]
UnknownName = Literal["UnknownComponent", "UnknownVariable"]


class DeviceModel:
    """All variables of this station, with their values. `changed` is told the `stored_as` of what was set."""

    def __init__(self, station: Station, settings: OcppSettings) -> None:
        self._station = station
        self.changed: list[Callable[[str], None]] = []
        rows = [self._from_file(row, settings) for row in TABLE]
        rows += _station_rows(station, settings)
        self._rows = {_identity(row): row for row in rows}
        self._keys = {row.key.lower(): row for row in rows if row.key}

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._rows.values())

    def find(
        self, component: str, name: str, instance: str = "", evse: int | None = None, connector: int | None = None
    ) -> Variable | UnknownName:
        """The variable, or which part of its name is unknown. Names compare case-insensitively (part 1, 4.3)."""
        found = self._rows.get((component.lower(), evse, connector, name.lower(), instance.lower()))
        if found is not None:
            return found
        known = any(identity[:3] == (component.lower(), evse, connector) for identity in self._rows)
        return "UnknownVariable" if known else "UnknownComponent"

    def key(self, name: str) -> Variable | None:
        """The variable behind a 1.6 key."""
        return self._keys.get(name.lower())

    def value(self, variable: Variable) -> str:
        if variable.read is not None:
            return variable.read()
        if variable.access == "ReadOnly":
            return variable.default
        stored = self._station.variable(variable.stored_as, variable.default)
        return stored if not variable.refuses(stored) else variable.default  # of an older version, or a damaged disk

    def set(self, variable: Variable, text: str) -> tuple[SetStatus, str]:
        """Change a value, lastingly. Returns the status of 2.x and the reason when it is not accepted."""
        if variable.access == "ReadOnly":
            return "Rejected", "read-only"
        wrong = variable.refuses(text)
        if wrong:
            return "Rejected", wrong
        text = text.lower() if variable.kind == "boolean" else text
        if text != self.value(variable):
            self._station.set_variable(variable.stored_as, text)
            for callback in tuple(self.changed):
                callback(variable.stored_as)
        return ("RebootRequired", "") if variable.reboot else ("Accepted", "")

    # --- for our own use --------------------------------------------------------------------------------------------

    def text(self, stored_as: str) -> str:
        component, _, rest = stored_as.partition(".")
        name, _, instance = rest.rstrip("]").partition("[")
        return self.value(self._rows[component.lower(), None, None, name.lower(), instance.lower()])

    def number(self, stored_as: str) -> int:
        return int(self.text(stored_as))

    def members(self, stored_as: str) -> tuple[str, ...]:
        return tuple(each.strip() for each in self.text(stored_as).split(",") if each.strip())

    def _from_file(self, row: Variable, settings: OcppSettings) -> Variable:
        """station.toml gives the first values; what the back office set since is kept over them."""
        authorization = self._station.settings.authorization
        given = {
            "OCPPCommCtrlr.WebSocketPingInterval": f"{settings.ping_interval_s:.0f}",
            "SampledDataCtrlr.TxUpdatedInterval": f"{settings.meter_interval_s:.0f}",
            "TxCtrlr.EVConnectionTimeOut": f"{max(1, authorization.connection_timeout_s):.0f}",
            "AuthCtrlr.OfflineTxForUnknownIdEnabled": "true" if authorization.offline_unknown else "false",
            "AuthCacheCtrlr.Enabled": "true" if authorization.cache else "false",
        }
        return replace(row, default=given.get(row.stored_as, row.default))


def _identity(row: Variable) -> tuple[str, int | None, int | None, str, str]:
    return row.component.lower(), row.evse, row.connector, row.name.lower(), row.instance.lower()


def _station_rows(station: Station, settings: OcppSettings) -> list[Variable]:
    """What the station itself is, read when asked: the tree of EVSEs and connectors, clock and identity."""
    about = station.settings.station
    profile = "2" if settings.url.startswith("wss:") else "1" if settings.password else "0"
    rows = [
        Variable("ClockCtrlr", "DateTime", "dateTime", "ReadOnly", read=lambda: stamp(station.clock.utc())),
        fixed("SecurityCtrlr", "SecurityProfile", "integer", profile, key="SecurityProfile"),
        fixed("SecurityCtrlr", "Identity", "string", settings.identity),
        fixed("ChargingStation", "Model", "string", about.model),
        fixed("ChargingStation", "VendorName", "string", about.vendor),
        fixed("ChargingStation", "Available", "boolean", "true"),
        Variable("ChargingStation", "AvailabilityState", "OptionList", "ReadOnly", read=lambda: _state(station, None)),
        Variable("ChargingStation", "SupplyPhases", "integer", "ReadOnly", read=lambda: _phases(station, None)),
    ]
    for evse in station.evses.values():
        rows += [
            Variable("EVSE", "Available", "boolean", "ReadOnly", "true", evse=evse.id),
            Variable(
                "EVSE",
                "AvailabilityState",
                "OptionList",
                "ReadOnly",
                evse=evse.id,
                read=_reader(_state, station, evse.id),
            ),
            Variable(
                "EVSE", "SupplyPhases", "integer", "ReadOnly", evse=evse.id, read=_reader(_phases, station, evse.id)
            ),
            Variable(
                "EVSE", "Power", "decimal", "ReadOnly", unit="W", evse=evse.id, read=_reader(_power, station, evse.id)
            ),
        ]
        for number in range(1, len(evse.settings.connectors) + 1):
            rows += _connector_rows(station, evse.id, number)
    return rows


def _connector_rows(station: Station, evse: int, number: int) -> list[Variable]:
    state, kind, phases = (_reader(of, station, evse) for of in (_state, _type, _phases))
    return [
        Variable("Connector", "Available", "boolean", "ReadOnly", "true", evse=evse, connector=number),
        Variable("Connector", "AvailabilityState", "OptionList", "ReadOnly", evse=evse, connector=number, read=state),
        Variable("Connector", "ConnectorType", "string", "ReadOnly", evse=evse, connector=number, read=kind),
        Variable("Connector", "SupplyPhases", "integer", "ReadOnly", evse=evse, connector=number, read=phases),
    ]


def _reader(of: Callable[[Station, int | None], str], station: Station, evse: int) -> Callable[[], str]:
    return lambda: of(station, evse)


def _state(station: Station, evse: int | None) -> str:
    states = [each.state for each in station.statuses() if evse in (None, each.evse)]
    return next((word for word in ("Available", "Occupied", "Reserved", "Faulted") if word in states), "Unavailable")


def _phases(station: Station, evse: int | None) -> str:
    known = [e.capability.phases for e in station.evses.values() if evse in (None, e.id) and e.capability]
    return str(max(known, default=3))


def _power(station: Station, evse: int | None) -> str:
    return "0" if evse is None or (sample := station.evses[evse].sample()) is None else f"{sample.power_w:.0f}"


def _type(station: Station, evse: int | None) -> str:
    capability = station.evses[evse].capability if evse is not None else None
    return capability.kind if capability is not None else "Undetermined"
