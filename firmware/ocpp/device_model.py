"""The values of all variables of this station: found by 2.x name or 1.6 key, read, checked and set.

Values are kept by the station (its journal makes them lasting) under "Component.Variable[instance]", so that the
station can read what concerns it. Which variables exist is said in `components/`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal
from weakref import WeakSet

from firmware.config import OcppSettings
from firmware.ocpp import quirks
from firmware.ocpp.components import TABLE, board, charging, hardware
from firmware.ocpp.variables import Attribute, Variable
from firmware.station.station import Station

SetStatus = Literal["Accepted", "Rejected", "RebootRequired"]
UnknownName = Literal["UnknownComponent", "UnknownVariable"]
_Identity = tuple[str, str, int | None, int | None, str, str]


class DeviceModel:
    """All variables of this station, with their values. `changed` is told the `stored_as` of what was set."""

    def __init__(self, station: Station, settings: OcppSettings) -> None:
        self._station = station
        self.changed: list[Callable[[str], None]] = []
        self.reports: WeakSet[object] = WeakSet()  # those that are being sent
        self._rows: dict[_Identity, Variable] = {}
        self._keys: dict[str, Variable] = {}
        self.add(*(self._from_file(row, settings) for row in TABLE), *hardware.rows(station, settings))
        self.add(*charging.rows(station), *board.wiring(station), *board.idle_only(station))
        self.signs = True
        self._follow_board()
        station.guard.on_hello.append(lambda _: self._follow_board())

    def add(self, *rows: Variable) -> None:
        """More rows, or others in their place: of what only another part of the firmware knows."""
        for row in rows:
            if row.component:
                self._rows[_identity(row)] = row
            if row.key:
                self._keys[row.key.lower()] = row
            if row.read is None:
                self._station.defaults[row.stored_as] = row.default

    def drop(self, *rows: Variable) -> None:
        """Such a thing is not here."""
        for row in rows:
            self._rows.pop(_identity(row), None)
            self._keys.pop(row.key.lower(), None)

    def _follow_board(self) -> None:
        """The guard told what the board can do."""
        self.add(*board.cables(self._station))
        before, self.signs = self.signs, board.signs(self._station)
        rows = board.signing(self._station)
        if self.signs:
            self.add(*rows)
        else:
            self.drop(*rows)
        for callback in tuple(self.changed) if before != self.signs else ():
            callback(rows[0].stored_as)

    def keyed(self) -> Iterator[Variable]:
        """All variables that 1.6 knows."""
        return iter(self._keys.values())

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._rows.values())

    def find(
        self,
        component: str,
        name: str,
        instance: str = "",
        evse: int | None = None,
        connector: int | None = None,
        *,
        component_instance: str = "",
    ) -> Variable | UnknownName:
        """The variable, or which part of its name is unknown. Names compare case-insensitively (part 1, 4.3)."""
        place = (component.lower(), component_instance.lower(), evse, connector)
        found = self._rows.get((*place, name.lower(), instance.lower()))
        if found is not None:
            return found
        return "UnknownVariable" if any(identity[:4] == place for identity in self._rows) else "UnknownComponent"

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

    def attribute(self, variable: Variable, which: Attribute) -> str | None:
        """The value of one of its attributes, None where it has no such (B06.FR.08)."""
        if which == "Actual":
            return self.value(variable)
        read = variable.others.get(which)
        return read() if read is not None else None

    def set(self, variable: Variable, text: str) -> tuple[SetStatus, str]:
        """Change a value, lastingly. Returns the status of 2.x and the reason when it is not accepted."""
        if variable.access == "ReadOnly":
            return "Rejected", "read-only"
        wrong = variable.refuses(text) or variable.check(text)
        if wrong:
            return "Rejected", wrong
        text = text.lower() if variable.kind == "boolean" else text
        if variable.write is not None:
            variable.write(text)
        elif text != self.value(variable):
            self._station.set_variable(variable.stored_as, text)
        else:
            return ("RebootRequired", "") if variable.reboot else ("Accepted", "")
        for callback in tuple(self.changed):
            callback(variable.stored_as)
        return ("RebootRequired", "") if variable.reboot else ("Accepted", "")

    # --- for our own use --------------------------------------------------------------------------------------------

    def text(self, stored_as: str) -> str:
        component, _, rest = stored_as.partition(".")
        name, _, instance = rest.rstrip("]").partition("[")
        return self.value(self._rows[component.lower(), "", None, None, name.lower(), instance.lower()])

    def number(self, stored_as: str) -> int:
        return int(self.text(stored_as))

    def flag(self, stored_as: str) -> bool:
        return self.text(stored_as) == "true"

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
            **quirks.values(settings),
        }
        return replace(row, default=given.get(row.stored_as, row.default))


def _identity(row: Variable) -> _Identity:
    component = (row.component.lower(), row.component_instance.lower())
    return *component, row.evse, row.connector, row.name.lower(), row.instance.lower()
