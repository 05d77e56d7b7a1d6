"""Who may begin anything where, and how each connector looks to others (OCPP 2.x G03, G04).

Kept as it was set, at three levels: station, EVSE, connector; the most restrictive counts. A running transaction is not
disturbed: its connector follows when it has ended.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from firmware.station.facts import ConnectorState, ConnectorStatus

if TYPE_CHECKING:
    from firmware.station.evse import Evse
    from firmware.station.station import Station

OPERATIVE: Final = "Operative"


class Availability:
    """Of all connectors of a station."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._held = ""  # why nothing new may begin for now; not kept

    def set(self, evse: int | None, connector: int | None, *, operative: bool) -> None:
        """None: of all there are."""
        before = self.statuses()
        name = "/".join(["availability", *(str(each) for each in (evse, connector) if each is not None)])
        self._station.set_variable(name, OPERATIVE if operative else "Inoperative")
        self.follow()
        self._tell_beside(before)

    def hold(self, why: str) -> None:
        """Let nothing new begin, without a word of it on disk; "" = go on."""
        if self._held != why:
            before = self.statuses()
            self._held = why
            self.follow()
            self._tell_beside(before)

    def of(self, evse: int, connector: int) -> bool:
        """May something begin at this connector?"""
        levels = ("availability", f"availability/{evse}", f"availability/{evse}/{connector}")
        allowed = all(self._station.variable(level, OPERATIVE) == OPERATIVE for level in levels)
        return allowed and not self._held and not self._station.resets.pending

    def follow(self) -> None:
        """Let every EVSE follow what was set."""
        for evse in self._station.evses.values():
            evse.set_operative(self.of(evse.id, evse.connector))

    def _tell_beside(self, before: list[ConnectorStatus]) -> None:
        """Of connectors that are not in use; the one that is tells by itself."""
        for was, status in zip(before, self.statuses(), strict=True):
            if was.state != status.state and status.connector != self._station.evses[status.evse].connector:
                self._station.emit(status)

    def statuses(self) -> list[ConnectorStatus]:
        """The present status of every connector."""
        return [
            self._status(evse, number)
            for evse in self._station.evses.values()
            for number in range(1, len(evse.settings.connectors) + 1)
        ]

    def _status(self, evse: "Evse", number: int) -> ConnectorStatus:
        """Of a connector that is not in use: a fault or a reservation of its EVSE is its own too (G03.FR.06,
        H01.FR.23); that the EVSE serves another plug is not told (G01.FR.08)."""
        present = evse.present_status()
        if number == evse.connector:
            return present
        state: ConnectorState = "Available"
        if not self.of(evse.id, number) or present.state == "Faulted":
            state = "Unavailable"
        elif present.state == "Reserved":
            state = "Reserved"
        return msgspec.structs.replace(
            present, connector=number, state=state, detail=state, error_code="NoError", info="", vendor_code=""
        )
