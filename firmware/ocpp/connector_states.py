"""Which states of connectors are still to be told: only the newest, once it has lasted, and none twice.

Sources: OCPP 1.6 4.9 and errata, MinimumStatusDuration; OCPP 2.0.1 part 2 G01, H01.FR.23.
"""

from collections import deque
from typing import Final

import msgspec

from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.dialect import Dialect
from firmware.ocpp.own_calls import Job
from firmware.station.facts import ConnectorStatus
from firmware.station.station import Station

WRONGS: Final = 20  # of the station as a whole, waiting to be told; the newest ones count
Place = tuple[int, int]  # EVSE, connector


class ConnectorStates:
    """Those of one connection. `reported`: what was told last; it outlives the connection."""

    def __init__(
        self, dialect: Dialect, station: Station, model: DeviceModel, reported: dict[Place, tuple[str, ...]]
    ) -> None:
        self._dialect = dialect
        self._station = station
        self._model = model
        self._reported = reported
        self._wrongs: deque[ConnectorStatus] = deque(maxlen=WRONGS)
        self._newest: dict[Place, tuple[float, ConnectorStatus]] = {}  # and when it is due

    def note_all(self) -> None:
        """Whatever was not told yet is due now."""
        now = self._station.clock.mono()
        whole = self._dialect.station_status(self._station)
        for fact in [*([whole] if whole is not None else []), *self._present()]:
            self._note(fact, now)

    def changed(self, fact: ConnectorStatus) -> None:
        """It is told once it has lasted MinimumStatusDuration."""
        due = self._station.clock.mono() + self._model.number("OCPPCommCtrlr.MinimumStatusDuration")
        for each in self._present():
            if each.evse == fact.evse:  # also of the connectors beside it (H01.FR.23)
                self._note(fact if each.connector == fact.connector else each, due)
        whole = self._dialect.station_status(self._station)
        if whole is not None:
            self._note(whole, due)

    def wrong(self, error_code: str, info: str) -> None:
        """Something is wrong with the whole station (1.6 connector 0), not with its state: told at once; the next
        change of its state says that it is over."""
        whole = self._dialect.station_status(self._station)
        if whole is not None:
            self._wrongs.append(msgspec.structs.replace(whole, error_code=error_code, info=info))

    @property
    def due(self) -> list[float]:
        """When something is to be told (monotonic seconds)."""
        return [*(each.mono for each in self._wrongs), *(due for due, _ in self._newest.values())]

    def next(self, now: float) -> Job | None:
        """What is due."""
        if self._wrongs:
            fact = self._wrongs.popleft()
            place = fact.evse, fact.connector
            self._reported[place] = self._dialect.status_content(fact)
            return self._job(place, fact)
        for place, (due, fact) in list(self._newest.items()):
            content = self._dialect.status_content(fact)
            if self._reported.get(place) == content:
                del self._newest[place]  # it is as we said before
            elif now >= due:
                del self._newest[place]
                self._reported[place] = content
                return self._job(place, fact)
        return None

    def _job(self, place: Place, fact: ConnectorStatus) -> Job:
        def failed(why: str) -> None:
            self._reported.pop(place, None)  # say it again with the next change or connection

        return Job(self._dialect.status(fact), failed=failed)

    def _present(self) -> list[ConnectorStatus]:
        """1.6 knows of an EVSE only the connector in use."""
        found, evses = self._station.statuses(), self._station.evses
        if self._dialect.flavour.version != "1.6":
            return found
        return [each for each in found if each.connector == evses[each.evse].connector]

    def _note(self, fact: ConnectorStatus, due: float) -> None:
        self._newest[fact.evse, fact.connector] = (due, fact)
