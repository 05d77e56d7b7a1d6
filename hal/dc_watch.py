"""Supervision of a DC output as a pure step: voltage, current, polarity, insulation, and what an open contactor shows.

Works on raw readings; a duration counts from the reading that began it, not from when we looked. Limits and who else
keeps them: `dc_limits`. What a fault does to output and contactor: `interlocks` and `pilot`.
"""

from typing import Final, NamedTuple

import msgspec

from hal import dc_limits
from hal.board_settings import ConnectorSettings
from hal.contracts import DcReading, InsulationReading

NO_VALUE_S: Final = 10.0  # a monitor that answers without a valid value for this long sees nothing
TWO_READINGS_S: Final = 0.04  # a current that two readings show


class Inputs(NamedTuple):
    """One tick's view. `closed`: the contactor, by command. `test_v`: the cable check's voltage while it runs."""

    phase: str
    closed: bool
    reading: DcReading | None
    reading_at: float
    fresh: bool
    target_a: float
    ev_max_v: float = 0.0
    test_v: float = 0.0
    monitored: bool = False  # the insulation counts now
    monitor: InsulationReading | None = None
    monitor_fresh: bool = True
    monitor_error: str = ""


class Watch(msgspec.Struct, frozen=True, gc=False):
    """`found`: (code, detail) of everything that is wrong in this tick; the rest is memory."""

    found: tuple[tuple[str, str], ...] = ()
    closed: bool = False
    opened_at: float | None = None
    high_since: float | None = None  # above the car's maximum
    excess_since: float | None = None
    most_a: float = 0.0  # what may flow: the set point, or one that was lowered and is being followed
    from_a: float = 0.0  # ... from here
    followed_at: float = 0.0
    valid_at: float = 0.0  # the monitor's last valid value


def step(w: Watch, board: ConnectorSettings, i: Inputs, now: float) -> Watch:
    """One tick."""
    w = _follow(w, i, now)
    found = _insulation(w, board, i, now)
    if i.reading is not None and i.fresh:
        w = _measure(w, board, i, i.reading)
        found += _polarity(i.reading)
        if i.reading.fault:
            found.append(("supply_fault", i.reading.fault))
        found += _delivering(w, board, i, i.reading) if i.closed else _behind(w, i.reading, i.reading_at)
    return msgspec.structs.replace(w, found=tuple(found))


def _follow(w: Watch, i: Inputs, now: float) -> Watch:
    """What may flow: a lowered set point counts FOLLOW_S later, then falls with the least ramp."""
    opened_at = w.opened_at if not i.closed and w.opened_at is not None else None if i.closed else now
    valid = not i.monitored or (i.monitor is not None and i.monitor.ohm is not None and i.monitor_fresh)
    w = msgspec.structs.replace(w, opened_at=opened_at, closed=i.closed, valid_at=now if valid else w.valid_at)
    if not i.closed or i.target_a >= w.most_a:
        return msgspec.structs.replace(w, most_a=i.target_a, from_a=i.target_a, followed_at=now)
    fallen_a = dc_limits.RAMP_A_S * max(0.0, now - w.followed_at - dc_limits.FOLLOW_S)
    return msgspec.structs.replace(w, most_a=max(i.target_a, w.from_a - fallen_a))


def _measure(w: Watch, board: ConnectorSettings, i: Inputs, reading: DcReading) -> Watch:
    """Since when the readings are too high."""
    ev_max_v = min(i.ev_max_v or board.dc_max_voltage_v, board.dc_max_voltage_v)
    joined = i.closed and i.phase in ("precharge", "deliver", "ramp_down")
    high = joined and highest_v(reading) > dc_limits.error_voltage(ev_max_v)
    excess = i.closed and reading.current_a > _most_a(w, i)
    return msgspec.structs.replace(
        w,
        high_since=(w.high_since if w.high_since is not None else i.reading_at) if high else None,
        excess_since=(w.excess_since if w.excess_since is not None else i.reading_at) if excess else None,
    )


def _most_a(w: Watch, i: Inputs) -> float:
    if i.phase in ("cable_check", "precharge"):
        return dc_limits.PRECHARGE_A
    return w.most_a * (1 + dc_limits.OVER_CURRENT_SHARE) + dc_limits.OVER_CURRENT_A


def highest_v(reading: DcReading) -> float:
    """The higher one of both sides of the contactor, V."""
    return max(reading.voltage_v, reading.plug_voltage_v or 0.0)


def _delivering(w: Watch, board: ConnectorSettings, i: Inputs, reading: DcReading) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    agreed_v = max(min(i.ev_max_v or board.dc_max_voltage_v, board.dc_max_voltage_v), i.test_v)
    volts = highest_v(reading)
    if volts > dc_limits.emergency_voltage(agreed_v):
        found.append(("dc_over_voltage", f"{volts:.0f} V, at most {dc_limits.emergency_voltage(agreed_v):.0f} V"))
    elif w.high_since is not None and i.reading_at - w.high_since > dc_limits.OVER_VOLTAGE_S:
        found.append(("dc_over_voltage", f"{volts:.0f} V, the car takes at most {agreed_v:.0f} V"))
    testing = i.phase in ("cable_check", "precharge")
    longest = TWO_READINGS_S if testing else dc_limits.OVER_CURRENT_S
    beyond = reading.current_a > board.dc_max_current_a * 1.1 + dc_limits.OVER_CURRENT_A
    if beyond or (w.excess_since is not None and i.reading_at - w.excess_since >= longest):
        wanted = f"{dc_limits.TEST_A:.0f} A in {i.phase.replace('_', ' ')}" if testing else f"{i.target_a:.0f} A"
        found.append(("dc_over_current", f"{reading.current_a:.1f} A, asked for {wanted}"))
    return found


def _polarity(reading: DcReading) -> list[tuple[str, str]]:
    lowest_v = min(reading.voltage_v, reading.plug_voltage_v or 0.0)
    if lowest_v < -dc_limits.REVERSE_V:
        return [("dc_polarity", f"{lowest_v:.0f} V")]
    return [("dc_polarity", f"{reading.current_a:.1f} A")] if reading.current_a < -dc_limits.REVERSE_A else []


def _behind(w: Watch, reading: DcReading, at: float) -> list[tuple[str, str]]:
    """An open contactor: its output, which is off, loses its voltage. Where the plug is measured too, a voltage that
    both sides share tells a contact that holds from an output that does not discharge."""
    if w.opened_at is None or at - w.opened_at < dc_limits.DISCHARGE_S or reading.voltage_v < dc_limits.SAFE_V:
        return []
    plug_v = reading.plug_voltage_v
    if plug_v is not None and abs(plug_v - reading.voltage_v) >= dc_limits.MATCH_V:
        return []
    return [("dc_weld", f"{reading.voltage_v:.0f} V more than {dc_limits.DISCHARGE_S:.0f} s after it opened")]


def _insulation(w: Watch, board: ConnectorSettings, i: Inputs, now: float) -> list[tuple[str, str]]:
    if not i.monitored:
        return []
    if not i.monitor_fresh:
        return [("isolation_monitor", i.monitor_error or "it does not answer")]
    if now - w.valid_at > NO_VALUE_S:
        return [("isolation_monitor", f"no valid value for {NO_VALUE_S:.0f} s")]
    text = dc_limits.too_low(i.monitor.ohm, board.dc_max_voltage_v) if i.monitor is not None else ""
    return [("isolation", text)] if text else []
