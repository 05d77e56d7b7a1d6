"""One monitor on a variable (OCPP 2.x part 2, N04, N07, N08): where it may be, and when it fires. Which there are, and
what is told of them, is `monitoring`'s.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from firmware.ocpp.variables import Variable

Kind = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
Origin = Literal["HardWiredMonitor", "PreconfiguredMonitor", "CustomMonitor"]
Status = Literal["Accepted", "UnsupportedMonitorType", "Rejected", "Duplicate"]
Trigger = Literal["Alerting", "Delta", "Periodic"]

LEAST: Final = 9  # severe; 0 is danger (part 2, 2.51)

_THRESHOLDS: Final = frozenset({"UpperThreshold", "LowerThreshold"})
_PERIODIC: Final = frozenset({"Periodic", "PeriodicClockAligned"})


class Place(msgspec.Struct, frozen=True):
    """The name of a variable, so that a monitor finds it again after a restart."""

    component: str
    name: str
    component_instance: str = ""
    instance: str = ""
    evse: int | None = None
    connector: int | None = None

    @classmethod
    def of(cls, row: Variable) -> "Place":
        return cls(row.component, row.name, row.component_instance, row.instance, row.evse, row.connector)


class Monitor(msgspec.Struct):
    """One monitor and how far it is. `seen`: the value that a Delta compares with; `alarmed`: beyond its threshold, and
    told; `due`: of the periodic kinds, monotonic or (PeriodicClockAligned) UTC seconds."""

    id: int
    place: Place
    kind: Kind
    value: float
    severity: int
    origin: Origin = "CustomMonitor"
    transaction: bool = False  # only while one runs there
    seen: str | None = None
    alarmed: bool = False
    due: float | None = None


class Firing(NamedTuple):
    """`cleared`: a threshold is no longer exceeded."""

    trigger: Trigger
    cleared: bool = False


def refusal(row: Variable, kind: Kind, value: float, severity: int) -> tuple[Status, str] | None:
    """Why there cannot be such a monitor on this variable; None when there can."""
    if not row.supports_monitoring or (kind in _THRESHOLDS and not row.numeric):
        return "UnsupportedMonitorType", f"{row.name} has no {kind}"  # N04.FR.05
    if not 0 <= severity <= LEAST:
        return "Rejected", "severities are 0 to 9"
    if kind == "Delta" and value < 0:
        return "Rejected", "a negative delta"  # N04.FR.14
    if kind in _PERIODIC and value < 1:
        return "Rejected", "a period of less than a second"
    low, high = row.minimum, row.maximum
    outside = (low is not None and value < low) or (high is not None and value > high)
    if kind in _THRESHOLDS and outside:
        return "Rejected", "outside the variable's range"  # N04.FR.06
    return None


def fires(monitor: Monitor, row: Variable, value: str, mono: float, utc: float) -> Firing | None:
    """Does it fire at this value, now? What it remembers goes on with it."""
    if monitor.kind in _PERIODIC:
        return Firing("Periodic") if _is_due(monitor, mono, utc) else None
    if monitor.kind == "Delta":
        if not _differs(row, monitor.seen, value, monitor.value):
            return None
        monitor.seen = value
        return Firing("Delta")
    number = _number(value)
    if number is None:
        return None
    beyond = number > monitor.value if monitor.kind == "UpperThreshold" else number < monitor.value
    if beyond == monitor.alarmed:
        return None
    monitor.alarmed = beyond
    return Firing("Alerting", cleared=not beyond)  # N07.FR.02, FR.16, FR.17


def _is_due(monitor: Monitor, mono: float, utc: float) -> bool:
    """N08.FR.06, FR.07: from when it was set, or by the clock."""
    step = monitor.value
    now = mono if monitor.kind == "Periodic" else utc
    following = now + step if monitor.kind == "Periodic" else (now // step + 1) * step
    if monitor.due is None or monitor.due > now + step:  # new; or the clock was set back
        monitor.due = following
        return False
    if now < monitor.due:
        return False
    monitor.due = monitor.due + step if monitor.due + step > now else following  # once, however late
    return True


def _differs(row: Variable, before: str | None, value: str, delta: float) -> bool:
    """N07.FR.18, FR.19: a number by more than delta, anything else at all."""
    if not row.numeric:
        return before != value
    old, new = _number(before or ""), _number(value)
    return old is None or abs(new - old) > delta if new is not None else False


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
