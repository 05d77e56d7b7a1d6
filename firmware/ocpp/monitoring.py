"""All monitors on variables (OCPP 2.x part 2, N03 to N08): which there are, when they look, what survives a restart.

One monitor, and when it fires, is `monitor`'s. They look when something happens (a fault, a state, a variable that is
set) and, while the back office has monitors of its own, once a second. What fires becomes a fact; how it is told is the
dialects'.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from firmware.ocpp.components.hardware import FAULTY
from firmware.ocpp.device_model import DeviceModel
from firmware.ocpp.monitor import LEAST, Firing, Kind, Monitor, Origin, Place, Status, fires, refusal
from firmware.ocpp.variables import Variable
from firmware.station.facts import AnyFact, ConnectorStatus, FaultCleared, FaultRaised, MonitorEvent, MonitorEvents
from firmware.station.station import Station

log = logging.getLogger(__name__)

Base = Literal["All", "FactoryDefault", "HardWiredOnly"]

MAX_MONITORS: Final = 100  # of the back office: they are looked at each second
FIRST_CUSTOM: Final = 1000  # ids below are the station's own
CRITICAL: Final = 3  # severity of what a fault makes of a component (part 2, 2.51: 0 danger ... 9 debug)
LOOK_S: Final = 1.0

_EPOCH: Final = 1_735_689_600  # 2025-01-01
_STATE: Final = "monitoring"  # the station's lasting value
_HARD_WIRED: Final = frozenset({"EVSE", "ConnectorPlugRetentionLock"})  # G05.FR.02
_PRECONFIGURED: Final = frozenset(FAULTY.values()) - _HARD_WIRED


class _Kept(msgspec.Struct):
    """What survives a restart."""

    base: Base = "All"
    level: int = LEAST
    next_id: int = FIRST_CUSTOM
    next_event: int = 0
    custom: list[Monitor] = []


class Monitors:
    """All monitors of a station."""

    def __init__(self, station: Station, model: DeviceModel) -> None:
        self._station = station
        self._model = model
        self._kept = _Kept()
        self._own = list(self._built_in())
        self._loaded = False
        self._more = asyncio.Event()
        station.subscribe(self._on_fact)
        model.changed.append(lambda _: self.look())

    def _built_in(self) -> Iterator[Monitor]:
        """Faults of this station's parts: those of EVSE and lock are always told, others by the monitoring base."""
        number = 0
        for row in self._model:
            if row.name != "Problem" or row.component not in _HARD_WIRED | _PRECONFIGURED:
                continue
            number += 1
            origin: Origin = "HardWiredMonitor" if row.component in _HARD_WIRED else "PreconfiguredMonitor"
            yield Monitor(number, Place.of(row), "Delta", 1.0, CRITICAL, origin, seen="false")

    def load(self) -> None:
        """What the last run left; to be called when the station has read its journal."""
        text = self._station.variable(_STATE)
        with contextlib.suppress(msgspec.MsgspecError):
            self._kept = msgspec.json.decode(text, type=_Kept) if text else _Kept()
        self._kept.custom = [each for each in self._kept.custom if self.variable(each) is not None]
        for each in self._kept.custom:
            each.due = None
        since = int(self._station.clock.utc() - _EPOCH)  # no id of an earlier run is used again
        self._kept.next_event = max(self._kept.next_event, since)
        self._loaded = True
        self._more.set()
        self.look()

    async def run(self) -> None:
        """Look once a second while there is something that no fact tells of."""
        while True:
            if not self._kept.custom:
                self._more.clear()
                await self._more.wait()
            self.look()
            await asyncio.sleep(LOOK_S)

    # --- which there are --------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Monitor]:
        """Those in force."""
        replaced = {each.id for each in self._kept.custom}
        for each in self._own:
            in_force = each.origin == "HardWiredMonitor" or self._kept.base != "HardWiredOnly"
            if in_force and each.id not in replaced:
                yield each
        yield from self._kept.custom

    @property
    def base(self) -> Base:
        return self._kept.base

    @property
    def level(self) -> int:
        return self._kept.level

    def variable(self, monitor: Monitor) -> Variable | None:
        at = monitor.place
        found = self._model.find(
            at.component, at.name, at.instance, at.evse, at.connector, component_instance=at.component_instance
        )
        return found if isinstance(found, Variable) else None

    def set_base(self, base: Base) -> None:
        """N03.FR.03 to FR.05: all keep the back office's own, the others delete them."""
        self._kept.base = base
        if base != "All":
            self._kept.custom = []
        self._keep()

    def set_level(self, severity: int) -> bool:
        """N05: only what is this severe (or more: a lower number) is told."""
        if not 0 <= severity <= LEAST:
            return False
        self._kept.level = severity
        self._keep()
        return True

    def set(
        self, row: Variable, kind: Kind, value: float, severity: int, *, id: int | None, transaction: bool
    ) -> tuple[Status, int | None, str]:
        """N04: a new monitor, or another one in the place of `id`. Returns status, id, and why not."""
        wrong = refusal(row, kind, value, severity)
        if wrong is not None:
            return wrong[0], None, wrong[1]
        place = Place.of(row)
        known = next((each for each in self if each.id == id), None) if id is not None else None
        if id is not None and (known is None or known.place != place):
            return "Rejected", None, f"no monitor {id} of this variable"  # N04.FR.13, FR.16
        if known is not None and known.origin == "HardWiredMonitor":
            return "Rejected", None, "hard-wired"  # N04.FR.18
        if any((e.place, e.kind, e.severity) == (place, kind, severity) and e.id != id for e in self):
            return "Duplicate", None, ""  # N04.FR.10
        if known is None and len(self._kept.custom) >= MAX_MONITORS:
            return "Rejected", None, f"{MAX_MONITORS} monitors are set"
        number = id if id is not None else self._kept.next_id
        self._kept.next_id = max(self._kept.next_id, number + 1)
        fresh = Monitor(number, place, kind, value, severity, "CustomMonitor", transaction)
        if kind == "Delta":
            fresh.seen = self._model.value(row)
        fresh.alarmed = known.alarmed if known is not None and known.kind == kind else False  # N07.FR.11
        self._kept.custom = [*(each for each in self._kept.custom if each.id != number), fresh]
        self._more.set()
        self._keep()
        self.look()
        return "Accepted", number, ""

    def clear(self, id: int) -> Literal["Accepted", "Rejected", "NotFound"]:
        """N06: also without a word that a threshold is no longer exceeded (N07.FR.12)."""
        if any(each.id == id for each in self._kept.custom):
            self._kept.custom = [each for each in self._kept.custom if each.id != id]
            self._keep()
            return "Accepted"
        return "Rejected" if any(each.id == id for each in self) else "NotFound"

    def _keep(self) -> None:
        self._station.set_variable(_STATE, msgspec.json.encode(self._kept).decode())

    # --- what happens -----------------------------------------------------------------------------------------------

    def _on_fact(self, fact: AnyFact) -> None:
        if isinstance(fact, FaultRaised | FaultCleared | ConnectorStatus):
            self.look()

    def look(self) -> None:
        """Which monitors fire now? All that fire at once are one fact; of a fault, what it does is named after its
        cause (N07.FR.05)."""
        if not self._loaded or not self._model.flag("MonitoringCtrlr.Enabled"):
            return
        before = [(each.id, each.alarmed) for each in self._kept.custom]
        fired = [event for each in list(self) if (event := self._fired(each)) is not None]
        causes = {event.evse: event.event_id for event in fired if event.component in FAULTY.values()}
        events = [
            msgspec.structs.replace(event, cause=causes.get(event.evse)) if event.component == "EVSE" else event
            for event in fired
            if event.severity <= self._kept.level and self._may_tell(event)  # N07.FR.15
        ]
        if events:
            clock = self._station.clock
            self._station.emit(
                MonitorEvents(
                    at=clock.utc(), mono=clock.mono(), clock_synced=clock.synced, events=tuple(_causes_first(events))
                )
            )
        if before != [(each.id, each.alarmed) for each in self._kept.custom]:
            self._keep()

    def _may_tell(self, event: MonitorEvent) -> bool:
        """N07.FR.04, N08.FR.03: while nobody listens only what is severe enough is kept."""
        return not self._station.offline or event.severity <= self._model.number(
            "MonitoringCtrlr.OfflineQueuingSeverity"
        )

    def _fired(self, monitor: Monitor) -> MonitorEvent | None:
        row = self.variable(monitor)
        if row is None:
            return None
        evse = self._station.evses.get(monitor.place.evse) if monitor.place.evse is not None else None
        running = evse.transaction_id if evse is not None else None
        if monitor.transaction and not self._charging(evse is not None, running):
            return None
        value, clock = self._model.value(row), self._station.clock
        firing = fires(monitor, row, value, clock.mono(), clock.utc())
        return self._event(monitor, value, firing, running) if firing is not None else None

    def _charging(self, known: bool, running: str | None) -> bool:
        if known:
            return running is not None
        return any(evse.transaction_id is not None for evse in self._station.evses.values())

    def _event(self, monitor: Monitor, value: str, firing: Firing, transaction_id: str | None) -> MonitorEvent:
        at = monitor.place
        self._kept.next_event += 1
        code, text = self._fault(monitor) if value == "true" and at.name == "Problem" else ("", "")
        return MonitorEvent(
            event_id=self._kept.next_event,
            component=at.component,
            component_instance=at.component_instance,
            variable=at.name,
            instance=at.instance,
            evse=at.evse,
            connector=at.connector,
            value=value,
            trigger=firing.trigger,
            origin=monitor.origin,
            monitor_id=monitor.id,
            severity=monitor.severity,
            cleared=firing.cleared or (at.name == "Problem" and value == "false"),
            tech_code=code,
            tech_info=text,
            transaction_id=transaction_id,
        )

    def _fault(self, monitor: Monitor) -> tuple[str, str]:
        """Code and text of the fault that is the component's problem."""
        evse = self._station.evses.get(monitor.place.evse) if monitor.place.evse is not None else None
        faults = evse.faults if evse is not None else ()
        of = monitor.place.component
        mine = [fault for fault in faults if FAULTY.get(fault.code) == of] or list(faults)
        return (mine[0].code[:50], mine[0].text[:500]) if mine else ("", "")


def _causes_first(events: list[MonitorEvent]) -> list[MonitorEvent]:
    return sorted(events, key=lambda event: event.component == "EVSE")
